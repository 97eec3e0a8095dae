"""A single message that a program or a person asks for: checked, priced, and taken into the outbox."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.approved import asked_of, category_of, hopeless, named
from core.domain.content import contents
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Check, Leave, Never, Policy
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.text.links import Shortening, may_hold_links
from core.domain.text.price import price
from core.domain.text.segments import measure
from core.domain.text.templates import render
from core.domain.text.wording import chosen, fallback, version_of
from core.engine import public, trail
from core.storage import approved, house, outbox, people, rules
from core.storage.database import Transaction
from core.suite import Suite

MOST_SEGMENTS = 10
OURS = "relance:"
LONGEST_WAIT = timedelta(days=366 * 2)
Decided = dict[tuple[Any, ...], Leave | Never]


# Not frozen: that costs a third of a microsecond a field, for every message.
@dataclass(slots=True)
class Wanted:
    """What was asked for. `send_at` is an aware instant, None for at once; `zone` is where its wall time was meant."""

    recipient: Recipient
    message_class: MessageClass
    body: str | None = None
    template: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    channels: tuple[Channel, ...] = (Channel.SMS,)
    budgets: Mapping[str, int] | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    """What richer channels show beyond the text, as `core.domain.content` checked it."""
    send_at: datetime | None = None
    zone: str | None = None
    expires_at: datetime | None = None
    reference: str | None = None
    sender: str | None = None
    language: str | None = None
    test: bool = False
    origin: Origin | None = None
    ip: str | None = None
    campaign: str | None = None
    """The campaign of which it is one of many messages."""
    shorten: bool | None = None
    """True for every address of the text, False for none; None for values that are named as links."""


def drafts(tx: Transaction, wanted: Sequence[Wanted], now: datetime) -> list[outbox.New | BadInput]:
    """Each as it would be stored, or what is wrong with it. Policy does not refuse: a message that may not leave is
    stored as `suppressed` or `expired` with its reason, so that "why not" can be answered."""
    known = house.workspace(tx, tx.owned)
    settings = known["settings"] if known else {}
    standings, zones = people.standings(tx, tx.owned, {one.recipient.number for one in wanted})
    policy = house.policy(settings, standings, zones, house.shortener(tx, settings))
    texts = rules.texts(tx) if any(one.template for one in wanted) else {}
    if any(one.content and named(one.content) is not None for one in wanted):
        policy = replace(policy, templates=tuple(approved.shelves(tx).values()))
    results: list[outbox.New | BadInput] = []
    decided: Decided = {}
    for one in wanted:
        try:
            draft = _draft(one, policy, texts, now, decided)
            if one.origin is not None and draft.state is State.SCHEDULED:
                draft = _admitted(tx, {**house.DEFAULTS, **settings}, one, one.origin, draft, now)
            results.append(draft)
        except BadInput as error:
            results.append(error)
    return results


def accept(suite: Suite, tx: Transaction, messages: Sequence[outbox.New]) -> list[str]:
    """Stores them; ids in order. The engine is woken when the caller's transaction is committed: see `Suite.wake`."""
    ids = outbox.accept(tx, messages, suite.now())
    trail.accepted(ids, suite.now())
    return ids


def _draft(
    one: Wanted, policy: Policy, texts: Mapping[str, Mapping[str, str]], now: datetime, decided: Decided
) -> outbox.New:
    language, body = one.language or policy.language, one.body
    fell_back: tuple[Check, ...] = ()
    if one.template is not None:
        language, body = _template(one.template, texts, language)
        fell_back = fallback(one.language, language)
    zone = ZoneInfo(one.zone) if one.zone else policy.zone
    values = _short(one, body or "", policy)
    text = render(body or "", values, zone, language).text
    content = contents(one.channels, text, False, one.content, values, zone, language)
    measured = measure(text)
    if measured.segments == 0:
        raise BadInput("empty_text", pointer="/body")
    if measured.segments > MOST_SEGMENTS:
        raise BadInput("text_too_long", pointer="/body", segments=measured.segments, most=MOST_SEGMENTS)
    if one.reference is not None and one.reference.startswith(OURS):
        raise BadInput("reserved_reference", pointer="/reference", prefix=OURS)
    due = one.send_at or now
    if due > now + LONGEST_WAIT:
        raise BadInput("too_far_ahead", pointer="/send_at")
    channel = policy.opening(one.channels, one.recipient, one.message_class, due.date())
    state = State.SCHEDULED
    checks: tuple[Check, ...] = (Check("number", "passed"),)
    reason: Reason | None = None
    if one.recipient.line not in (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP) and channel is not Channel.VOICE:
        reason, state = Reason("not_a_mobile", {"line": str(one.recipient.line)}), State.SUPPRESSED
        checks = (Check("number", "refused", reason),)
    elif one.expires_at is not None and one.expires_at < max(due, now):
        reason, state = Reason("stale"), State.EXPIRED
        checks += (Check("deadline", "refused", reason),)
    else:
        verdict = _verdict(one, channel, due, policy, now, decided)
        checks = verdict.checks
        if isinstance(verdict, Never):
            reason, state = verdict.reason, verdict.state
        else:
            due = verdict.at
    if (why := asked_of(content, one.channels, policy.templates, one.message_class)) is not None:
        if hopeless(why, content, one.channels):
            raise BadInput(why.code, pointer="/content/whatsapp/template", **why.values)
        checks += (Check("template", "refused", why),)
    if fell_back:
        checks += fell_back
    category = category_of(content, policy.templates, one.message_class)
    cost = price(measured.segments, one.recipient.country, channel, due.date(), category=category)
    return outbox.New(
        to=one.recipient.number,
        country=one.recipient.country,
        text=text,
        encoding=measured.encoding,
        segments=measured.segments,
        message_class=one.message_class,
        channels=one.channels,
        budgets=one.budgets,
        content=content,
        due_at=due,
        expires_at=one.expires_at,
        price_micros=cost.amount if cost else None,
        currency=cost.currency if cost else None,
        sender=one.sender,
        reference=one.reference,
        zone=one.zone,
        checks=checks,
        test=one.test,
        campaign=one.campaign,
        bulk=one.campaign is not None,
        state=state,
        reason=reason,
        links=values.used(text, content) if isinstance(values, Shortening) else (),
        template=version_of(body),
    )


def _verdict(
    one: Wanted, channel: Channel, due: datetime, policy: Policy, now: datetime, decided: Decided
) -> Leave | Never:
    """The policy's word, asked for once for all who are written to alike."""
    recipient = one.recipient

    def asked() -> Leave | Never:
        return policy.decide(
            recipient, channel, one.message_class, wanted=due, until=one.expires_at, now=now, sender=one.sender
        )

    if policy.knows(recipient.country, recipient.number):
        return asked()
    alike = (recipient.country, channel, one.message_class, due, one.expires_at, one.sender)
    if (verdict := decided.get(alike)) is None:
        decided[alike] = verdict = asked()
    return verdict


def _short(one: Wanted, body: str, policy: Policy) -> Mapping[str, Any]:
    """Its values, in which addresses are short where that is wanted."""
    if policy.links is None or one.shorten is False:
        return one.data
    if not one.shorten and not may_hold_links(one.data) and "short" not in body:
        return one.data
    # Nobody plans it again: its codes need not come out the same twice.
    return policy.links.of(one.data, secrets.token_hex(16), everything=one.shorten is True)


def _admitted(
    tx: Transaction, settings: Mapping[str, Any], one: Wanted, origin: Origin, draft: outbox.New, now: datetime
) -> outbox.New:
    """What a stranger can set off passes the guard of public forms, or is stored with the reason why not."""
    why = public.admit(tx, settings, one.recipient, origin, one.ip, now, text=draft.text)
    check = Check("origin", "passed" if why is None else "refused", why)
    if why is None:
        return replace(draft, checks=(*draft.checks, check))
    return replace(draft, state=State.SUPPRESSED, reason=why, checks=(*draft.checks, check))


def _template(key: str, texts: Mapping[str, Mapping[str, str]], language: str) -> tuple[str, str]:
    variants = texts.get(key)
    if not variants:
        raise BadInput("unknown_template", pointer="/template", text=key[:80])
    return chosen(variants, (language,))
