"""What each person of a campaign would be sent: the same for the check before and for the campaign itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from core.domain.campaigns import RECIPIENT, Campaign, step_of, variant_of
from core.domain.errors import BadInput
from core.domain.messages import State
from core.domain.policy.zones import zones_of
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.engine import sending, surveying
from core.storage import house, outbox, surveys
from core.storage.database import Transaction

_FRENCH_MOBILE = re.compile(r"\+33[67]\d{8}\Z", re.ASCII)
_OWN = ("name", "first_name", "email", "country", "number")


@dataclass(frozen=True, slots=True)
class Drafted:
    """What is to become of `person` (a row of `core.storage.campaigns.waiting`): `message` is to leave; without one
    they are left out, for a `reason` and at a `step` of the funnel, or (`control`) to measure what the campaign brings.
    `at`: when it is due, or would have been."""

    person: Mapping[str, Any]
    at: datetime
    variant: str | None = None
    message: outbox.New | None = None
    step: str | None = None
    reason: Reason | None = None
    control: bool = False


def recipient(number: str, country: str) -> Recipient:
    """Of a number in E.164 that was understood before. Raises `InvalidNumber` for one that is none any more."""
    if country == "FR" and _FRENCH_MOBILE.match(number):
        return Recipient(number, "FR", Line.MOBILE)
    return _parsed(number)


@lru_cache(maxsize=4096)
def _parsed(number: str) -> Recipient:
    return Recipient.parse(number)


def drafted(
    tx: Transaction,
    campaign: Campaign,
    people: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    placed: int,
    left_out_below: int,
    won: str | None = None,
) -> list[Drafted]:
    """For each of `people`, in their order. `placed`: how many were given a text before them; those whose place is
    below `left_out_below` are left out to measure; `won`: the one text that all the others get."""
    known = house.workspace(tx, tx.owned)
    at_home: str = (known["settings"] if known else house.DEFAULTS)["zone"]
    variants = {one.name: one for one in campaign.variants}
    chosen: list[str] = []
    wanted: list[sending.Wanted] = []
    told: list[Drafted | None] = []
    for person in people:
        control = person["place"] < left_out_below
        name = won or campaign.variants[0 if control else variant_of(campaign.variants, placed)].name
        chosen.append("" if control else name)
        placed += not control
        try:
            wanted.append(_wanted(campaign, variants[name], person, at_home, now))
            told.append(None)
        except BadInput as error:
            step = step_of(error.reason.code, "number")
            told.append(Drafted(person, now, chosen[-1] or None, step=step, reason=error.reason))
    _spared(tx, campaign, wanted, told, people, now)
    drafts = iter(zip(wanted, sending.drafts(tx, wanted, now), strict=True))
    return [
        one or _drafted(person, name, *next(drafts), campaign)
        for one, person, name in zip(told, people, chosen, strict=True)
    ]


def _spared(
    tx: Transaction, campaign: Campaign, wanted: list[sending.Wanted], told: list[Drafted | None],
    people: Sequence[Mapping[str, Any]], now: datetime,
) -> None:  # fmt: skip
    """Leaves out of a survey whoever is in the middle of one, or was asked it lately."""
    row = surveys.row(tx, campaign.survey) if campaign.survey is not None else None
    if row is None:
        return
    barred = surveying.barred(tx, row, [one.recipient.number for one in wanted], now)
    kept = iter(list(wanted))
    for place, person in enumerate(people):
        if told[place] is None:
            one = next(kept)
            if (why := barred.get(one.recipient.number)) is not None:
                wanted.remove(one)
                told[place] = Drafted(person, one.send_at or now, step=step_of(why.code), reason=why)


def _wanted(
    campaign: Campaign, variant: Any, person: Mapping[str, Any], at_home: str, now: datetime
) -> sending.Wanted:
    whom = recipient(person["number"], person["country"])
    there = zones_of(whom, person["zone"], at_home)[0] if campaign.time.zone == RECIPIENT else None
    due = campaign.time.due(there, now)
    zone = there.key if there is not None else campaign.time.zone
    return sending.Wanted(
        recipient=whom,
        message_class=campaign.message_class,
        body=variant.body,
        template=variant.template,
        data=values_of(person, campaign.fallbacks),
        channels=campaign.channels,
        budgets=campaign.budgets,
        content=variant.content,
        send_at=due,
        zone=zone,
        expires_at=due + campaign.time.useful,
        sender=campaign.sender,
        language=person["language"],
        test=campaign.test,
        campaign=campaign.id,
        shorten=campaign.shorten,
    )


def values_of(person: Mapping[str, Any], fallbacks: Mapping[str, str]) -> dict[str, Any]:
    """What texts may say of a person: their fields and values, and the campaign's own word where there is none.
    "Code postal" of a file is `code_postal` in a text, "Ville" is `ville`."""
    said: dict[str, Any] = dict(fallbacks)
    for name, value in (person["said"] or {}).items():
        if value not in (None, ""):
            said[name] = said[_name(name)] = value
    said.update((name, person[name]) for name in _OWN if person.get(name))
    return said


@lru_cache(maxsize=1024)
def _name(heading: str) -> str:
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or heading


def _drafted(
    person: Mapping[str, Any], name: str, wanted: sending.Wanted, draft: outbox.New | BadInput, campaign: Campaign
) -> Drafted:
    due = wanted.send_at
    assert due is not None
    variant = name or None
    if isinstance(draft, BadInput):
        return Drafted(person, due, variant, step=step_of(draft.reason.code, "text"), reason=draft.reason)
    if draft.state is not State.SCHEDULED:
        refused = next((one for one in draft.checks if one.result == "refused"), None)
        reason = draft.reason or Reason("stale")
        step = step_of(reason.code, refused.name if refused else None)
        return Drafted(person, draft.due_at, variant, step=step, reason=reason)
    if variant is None:
        why = Reason("campaign_control", {"percent": campaign.holdout})
        return Drafted(person, draft.due_at, step="holdout", reason=why, control=True)
    return Drafted(person, draft.due_at, variant, message=draft)
