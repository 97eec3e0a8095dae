"""The check before a campaign is sent: how many, who not and why, what it costs, and how long it takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain.campaigns import END, Campaign, Figures, cut, draw
from core.domain.messages import Channel, MessageClass
from core.domain.pacing import BULK_AT_MOST
from core.domain.policy.caps import person_caps
from core.domain.reach import Reach
from core.domain.reasons import Reason
from core.domain.recipients import Recipient, mask
from core.domain.segments import parse
from core.engine import approving, overlapping, reaching, shown
from core.engine.campaign_drafts import Drafted, drafted
from core.engine.campaign_results import funnel
from core.engine.campaigning import audience_page, resolved
from core.engine.overlapping import Overlap
from core.storage import accounts, campaigns, counting, house, segments
from core.storage.campaigns import Lost
from core.storage.database import Transaction
from core.suite import Suite

MOST = 10_000
"""People who are looked at one by one: enough to know, and a few seconds."""
_PAGE = 1000
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Text:
    """One variant: how many would get it, in how many parts; `example` is the first one that would leave."""

    name: str
    share: int
    people: int
    segments: int
    most_segments: int
    example: Drafted | None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a campaign would do now. `audience` people belong to it, `looked_at` of them were looked at (all, if there
    are not too many). `later` of the messages wait for a lawful hour; `heard_lately` people have had as many marketing
    messages as one may get at the moment. `rate`: messages a second that its accounts allow it; None: without limit."""

    audience: int
    looked_at: int
    would_get: int
    first: int
    control: int
    later: int
    heard_lately: int
    segments: int
    costs: Mapping[str, int]
    unpriced: int
    texts: tuple[Text, ...]
    lost: tuple[Lost, ...]
    first_due: datetime | None
    last_due: datetime | None
    rate: float | None
    reach: Reach | None = None
    """Of the people to whom it leaves by RCS first."""
    overlap: Overlap | None = None
    """Of those who would get it."""
    lacking: tuple[tuple[Reason, int], ...] = ()
    """What is wrong with the approved template that it names, and for how many messages."""

    @property
    def duration(self) -> timedelta | None:
        """How long the messages take to leave, all told; None where nothing limits them."""
        if self.rate is None:
            return None
        share = self.audience / self.looked_at if self.looked_at else 1
        return timedelta(seconds=math.ceil(self.would_get * share / self.rate))

    def as_json(self, language: str) -> dict[str, Any]:
        none = Figures(left=self.would_get)
        steps = funnel(self.looked_at, self.lost, none, 0, language)
        return {
            "audience": self.audience,
            "looked_at": self.looked_at,
            "all": self.looked_at == self.audience,
            "would_get": self.would_get,
            "first": self.first,
            "control_group": self.control,
            "later": self.later,
            "heard_lately": self.heard_lately,
            "segments": self.segments,
            "price": [{"amount": amount, "currency": currency} for currency, amount in sorted(self.costs.items())],
            "without_price": self.unpriced,
            "variants": [_text(one) for one in self.texts],
            "funnel": [one for one in steps if one["step"] not in ("delivered", "clicked", "converted")],
            "first_due": shown.moment(self.first_due),
            "last_due": shown.moment(self.last_due),
            "rate": self.rate,
            "overlap": self.overlap and self.overlap.as_json(),
            "rcs": self.reach and asdict(self.reach),
            "templates": [{**why.as_json(language), "messages": count} for why, count in self.lacking],
            "duration_seconds": None if self.duration is None else int(self.duration.total_seconds()),
        }


def _text(one: Text) -> dict[str, Any]:
    example = None
    if one.example is not None and one.example.message is not None:
        leaving = one.example.message
        example = {"to": mask(leaving.to), "text": leaving.text, "encoding": leaving.encoding,
                   "segments": leaving.segments, "due_at": shown.moment(leaving.due_at)}  # fmt: skip
    return {"name": one.name, "share": one.share, "people": one.people, "segments": one.segments,
            "most_segments": one.most_segments, "example": example}  # fmt: skip


def rehearse(suite: Suite, tx: Transaction, row: Mapping[str, Any], now: datetime) -> Rehearsal:
    """What the campaign would do now. Writes nothing. Raises `BadInput` for a segment that is gone."""
    campaign = campaigns.campaign(row)
    found, audience, first = _drafts(tx, campaign, row, now)
    return _summed(suite, tx, campaign, found, audience, first, now)


def overlap(tx: Transaction, row: Mapping[str, Any], now: datetime, days: int) -> Overlap:
    """Which of those who would get it hear from us anyway. Raises `BadInput` for a segment that is gone."""
    campaign = campaigns.campaign(row)
    found, _, _ = _drafts(tx, campaign, row, now)
    return _overlap(tx, campaign, found, days)


def _overlap(tx: Transaction, campaign: Campaign, found: Sequence[Drafted], days: int) -> Overlap:
    leaving = [(one.message.to, one.at) for one in found if one.message is not None]
    return overlapping.overlap(tx, campaign.id, campaign.message_class, leaving, days, test=campaign.test)


def _drafts(
    tx: Transaction, campaign: Campaign, row: Mapping[str, Any], now: datetime
) -> tuple[list[Drafted], int, int]:
    """What each of its people would be sent, how many people it has in all, and how many come first."""
    people, audience = _people(tx, row, now)
    parts = cut(len(people), campaign.holdout, campaign.first_percent)
    people.sort(key=lambda one: (one["place"], one["number"]))
    below = people[parts.left_out]["place"] if parts.left_out < len(people) else END
    placed, found = 0, list[Drafted]()
    for first in range(0, len(people), _BATCH):
        some = people[first : first + _BATCH]
        found += drafted(tx, campaign, some, now, placed=placed, left_out_below=below)
        placed += sum(one["place"] >= below for one in some)
    return found, audience, parts.left_out + parts.first


def _people(tx: Transaction, row: Mapping[str, Any], now: datetime) -> tuple[list[dict[str, Any]], int]:
    """The people, as `campaigns.waiting` shows them, and how many there are in all."""
    audience = resolved(tx, row["audience"])
    people: list[dict[str, Any]] = []
    if "numbers" in audience:
        # A row of numbers is never longer than what is looked at.
        found, _ = audience_page(tx, audience, None, MOST, now)
        known = {one["number"]: one for one in segments.by_numbers(tx, [whom.number for whom, _ in found])}
        people = [_person(row["id"], whom, known.get(whom.number, {})) for whom, _ in found]
        return people, len(audience["numbers"])
    condition, after = parse(audience["conditions"]), ""
    while rows := segments.people(tx, condition, now, after=after, limit=_PAGE):
        people += [_person(row["id"], None, one) for one in rows]
        after = rows[-1]["id"]
        if len(rows) < _PAGE or len(people) >= MOST:
            break
    return people, len(people) if len(people) < MOST else segments.count(tx, condition, now)


def _person(campaign: str, whom: Recipient | None, contact: Mapping[str, Any]) -> dict[str, Any]:
    number = whom.number if whom else contact["number"]
    fields = ("name", "first_name", "email", "language", "zone")
    return {
        "id": number,
        "number": number,
        "country": whom.country if whom else contact["country"],
        "place": draw(campaign, number),
        "said": contact.get("values"),
        **{name: contact.get(name) for name in fields},
    }


def _summed(
    suite: Suite, tx: Transaction, campaign: Campaign, found: Sequence[Drafted], audience: int, first: int,
    now: datetime,
) -> Rehearsal:  # fmt: skip
    leaving = [one for one in found if one.message is not None]
    costs: Counter[str] = Counter()
    lost: Counter[tuple[str | None, str]] = Counter()
    reasons: dict[str, Reason] = {}
    for one in found:
        if one.message is not None:
            if one.message.currency is not None:
                costs[one.message.currency] += one.message.price_micros or 0
        elif one.reason is not None:
            lost[one.step, one.reason.code] += 1
            reasons.setdefault(one.reason.code, one.reason)
    dues = [one.at for one in leaving]
    wanted = campaign.time
    return Rehearsal(
        audience=audience,
        looked_at=len(found),
        would_get=len(leaving),
        first=sum(one.message is not None for one in found[:first]),
        control=sum(one.control for one in found),
        later=sum(_moved(one) for one in leaving),
        heard_lately=_heard(tx, campaign, leaving, now) if wanted.due(None, now) - now < timedelta(days=1) else 0,
        segments=sum(one.message.segments for one in leaving if one.message),
        costs=dict(costs),
        unpriced=sum(one.message.price_micros is None for one in leaving if one.message),
        texts=tuple(_of_text(one.name, one.share, leaving) for one in campaign.variants),
        lost=tuple(Lost(None, step, reasons[code], count) for (step, code), count in lost.items()),
        first_due=min(dues, default=None),
        last_due=max(dues, default=None),
        rate=_rate(suite, tx, campaign),
        reach=reaching.foreseen(tx, [(one.message.to, one.message.channels) for one in leaving if one.message], now),
        overlap=_overlap(tx, campaign, found, overlapping.DAYS),
        lacking=tuple(approving.lacking(one.message.checks for one in leaving if one.message)),
    )


def _of_text(name: str, share: int, leaving: Sequence[Drafted]) -> Text:
    mine = [one.message for one in leaving if one.message is not None and one.variant == name]
    example = next((one for one in leaving if one.variant == name), None)
    parts = [one.segments for one in mine]
    return Text(name, share, len(mine), sum(parts), max(parts, default=0), example)


def _moved(one: Drafted) -> bool:
    return one.message is not None and any(check.result == "moved" for check in one.message.checks)


def _heard(tx: Transaction, campaign: Campaign, leaving: Sequence[Drafted], now: datetime) -> int:
    """People who have had as many marketing messages as the workspace lets one person get: they wait, or get none."""
    if campaign.message_class is not MessageClass.MARKETING or not leaving:
        return 0
    known = house.workspace(tx, tx.owned)
    caps = person_caps({**house.DEFAULTS, **(known["settings"] if known else {})})
    if not caps:
        return 0
    since = min(cap.span(now)[0] for cap in caps)
    heard = counting.heard(tx, tx.owned, {one.person["number"] for one in leaving}, "marketing", since, set())
    return sum(
        any(sum(at >= cap.span(now)[0] for at in moments) >= cap.most for cap in caps) for moments in heard.values()
    )


def _rate(suite: Suite, tx: Transaction, campaign: Campaign) -> float | None:
    """Messages a second that a campaign may take of the accounts that carry its first channel."""
    first: Channel = campaign.channels[0]
    rows = [
        one for one in accounts.listed(tx, suite.vault, suite.public_url)
        if one.state == "active" and first in (one.channels or tuple(Channel))
        and campaign.message_class in (one.classes or tuple(MessageClass))
    ]  # fmt: skip
    rates = [one.rate for one in rows]
    if campaign.test or not rows or any(rate is None for rate in rates):
        return None
    return sum(rate for rate in rates if rate is not None) * BULK_AT_MOST

