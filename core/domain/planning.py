"""Planning: what the rules want on an occasion as it is now.

`plan` answers for every rule: `Send`, or `Skip` with the reason. `core.domain.reconciling` compares the answers with
the messages that are known. Nothing else schedules, moves or calls off a message. Both are pure.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain import carts
from core.domain.approved import asked_of, category_of, hopeless
from core.domain.carts import Around
from core.domain.content import contents
from core.domain.discounts import code_for, in_link
from core.domain.errors import BadInput
from core.domain.events import Closed, Kind, Wish
from core.domain.messages import Channel, MessageClass, State
from core.domain.occasions import Occasion
from core.domain.policy.consent import Standing
from core.domain.policy.decision import Check, Never, Policy
from core.domain.policy.walltime import at_wall, local
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.rules import Rule
from core.domain.text.links import Link, Shortening, may_hold_links
from core.domain.text.price import Money, price
from core.domain.text.segments import Measure, measure
from core.domain.text.templates import render
from core.domain.text.wording import Wording, chosen, fallback, version_of
from core.domain.when import After, Asked, AtWall, Before, OnChange, wall_moment

FOLLOW_UP_USEFUL = timedelta(hours=12)
BOOKING_IS_NEWS = timedelta(hours=12)
WISH = "wish"
"""Stands for the rule in what is said about a message that a platform asks for itself."""
WISH_USEFUL = timedelta(hours=24)
MARKETING_WISH_USEFUL = timedelta(hours=72)
"""Over a Sunday and a holiday: a campaign's step waits for a lawful hour rather than being dropped."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Send:
    """A message that a rule wants. `about` is the start that its text speaks of; None where there is none. `once` says
    that a later start earns no second one; `at_once` that `send_at` is only "as soon as allowed"."""

    key: str
    rule: str
    recipient: Recipient
    text: str
    send_at: datetime
    until: datetime | None
    message_class: MessageClass
    channels: tuple[Channel, ...]
    measure: Measure
    price: Money | None
    about: datetime | None = None
    sender: str | None = None
    asks: bool = False
    zone: str | None = None
    once: bool = False
    at_once: bool = False
    checks: tuple[Check, ...] = ()
    wanted_at: datetime | None = None
    """When the rule wants it, before policy moved it."""
    budgets: Mapping[str, int] | None = None
    content: Mapping[str, Any] | None = None
    """channel → what it shows beyond the text, filled for this person."""
    campaign: str | None = None
    tells: bool = False
    """The platform wants to know what becomes of it."""
    links: tuple[Link, ...] = ()
    """The short links that its text bears."""
    template: str | None = None
    """The version of the template that it was written from."""


@dataclass(frozen=True, slots=True)
class Skip:
    """No message, and why. A waiting one becomes `state`. `instead`: what one that is already on its way has to say."""

    key: str
    rule: str
    reason: Reason
    state: State = State.CANCELLED
    checks: tuple[Check, ...] = ()
    wanted_at: datetime | None = None
    about: datetime | None = None
    instead: Send | None = None
    wish: Wish | None = None
    """The platform's wish that is not fulfilled: it is told so, and the message that is not to be is kept."""
    left_out_at: datetime | None = None
    """When the message would leave that is kept back to measure what nudging brings."""


def key_of(occasion: Occasion, rule: Rule) -> str:
    """One message per occasion and rule: when the visit moves, its reminder moves with it. An order has one for each
    of its statuses."""
    status = occasion.values.get("status") if occasion.kind is Kind.ORDER else None
    return f"{occasion.key}/{status}/{rule.id}" if status else f"{occasion.key}/{rule.id}"


def plan(
    occasion: Occasion, rules: Iterable[Rule], policy: Policy, now: datetime, around: Around | None = None
) -> list[Send | Skip]:
    """For each rule that concerns the occasion: the message it wants, or the reason why it wants none. What the
    platform itself wishes is answered like a rule of its own. `around`: what is known of a cart's person."""
    answers = [
        _answer(occasion, rule, policy, now, around)
        for rule in rules
        if rule.concerns(occasion.kind, occasion.values, occasion.private)
    ]
    if occasion.wish is not None:
        answers.append(_wished(occasion, occasion.wish, policy, now))
    return answers


def _wished(occasion: Occasion, wish: Wish, policy: Policy, now: datetime) -> Send | Skip:
    try:
        klass, channels = MessageClass(wish.klass), tuple(Channel(name) for name in wish.channels)
    except ValueError:
        return Skip(f"{occasion.key}/{WISH}", WISH, Reason("wish_unreadable"), State.SUPPRESSED, wish=wish)
    rule = Rule(
        id=WISH, name=wish.label or WISH, on=occasion.kind, message_class=klass, channels=channels, sender=wish.sender,
        when=Asked(wish.at, wish.wall, wish.until), body=wish.body or "", asks=wish.asks, language=wish.language,
        # A local time that is just over when a workflow comes to its step is as soon as possible.
        late="send" if wish.at or wish.wall else "skip",
    )  # fmt: skip
    answer = _answer(occasion, rule, _trusting(policy, occasion) if wish.consent_there else policy, now)
    if isinstance(answer, Send):
        return replace(answer, campaign=wish.campaign, tells=True)
    return replace(answer, wish=wish, instead=None)


def _trusting(policy: Policy, occasion: Occasion) -> Policy:
    """As if the person had agreed, for the platform knows and is asked at the last moment; a no that we know stays."""
    if occasion.recipient is None:
        return policy
    number = occasion.recipient.number
    agreed = replace(policy.standings.get(number, Standing()), marketing_consent=True)
    return replace(policy, standings=ChainMap({number: agreed}, policy.standings))  # type: ignore[arg-type]


def _answer(
    occasion: Occasion, rule: Rule, policy: Policy, now: datetime, around: Around | None = None
) -> Send | Skip:
    key = key_of(occasion, rule)
    shops = occasion.kind in _SHOPS

    def skip(
        reason: Reason, state: State = State.CANCELLED, wanted: datetime | None = None, checks: tuple[Check, ...] = ()
    ) -> Skip:
        return Skip(key, rule.id, reason, state, checks, wanted, None if shops else occasion.start)

    if (closed := _closed(occasion, rule)) is not None:
        return skip(closed)
    if shops and (why := _unwanted(occasion, rule, around)) is not None:
        return skip(why)
    wanted, until = _moments(occasion, rule, policy, now)
    if isinstance(wanted, Reason):
        return skip(wanted)
    if occasion.recipient is None:
        return skip(occasion.trouble or Reason("no_number"), wanted=wanted)
    if occasion.recipient.line not in (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP):
        return skip(Reason("not_a_mobile", {"line": str(occasion.recipient.line)}), State.SUPPRESSED, wanted)
    if (why := carts.elsewhere(rule, occasion.recipient.country)) is not None:
        return skip(why, wanted=wanted)
    if around is not None:
        zone = _zone(occasion, policy)
        if (why := carts.not_its_turn(occasion, rule, around, wanted, zone)) is not None:
            return skip(why, wanted=wanted)
    if until is not None and now > until:
        return skip(Reason("too_late", {"until": _said(until, occasion, policy)}), State.EXPIRED, wanted)
    if wanted < now - _MINUTE:
        late = _left_in(_send(occasion, rule, policy, now, until, now, at_once=True), occasion, rule, policy, around)
        late = replace(late, wanted_at=wanted)
        if rule.late == "send":
            return late
        over = skip(Reason("moment_over", {"wanted": _said(wanted, occasion, policy)}), State.EXPIRED, wanted)
        return replace(over, instead=late) if isinstance(late, Send) else over
    if until is not None and wanted > until:
        return skip(Reason("never_useful", {"until": _said(until, occasion, policy)}), State.EXPIRED, wanted)
    at_once = isinstance(rule.when, OnChange) or (isinstance(rule.when, Asked) and wanted == now)
    return _left_in(_send(occasion, rule, policy, wanted, until, now, at_once=at_once), occasion, rule, policy, around)


_SHOPS = frozenset({Kind.CART, Kind.ORDER})


def _unwanted(occasion: Occasion, rule: Rule, around: Around | None) -> Reason | None:
    """Why there is nothing to say about this cart or order."""
    if occasion.kind is Kind.CART and around is not None:
        order = carts.ordered(occasion, around.orders)
        if order is not None:
            return Reason("ordered", {"order": order.number or "–", "at": order.placed_at.isoformat()})
    return carts.too_small(rule, occasion.values)


def _left_in(
    answer: Send | Skip, occasion: Occasion, rule: Rule, policy: Policy, around: Around | None
) -> Send | Skip:
    """`answer`, unless the person of a cart or an appointment is one of those who are left out to measure what writing
    to them brings. Asked last, so that both groups hold the same kind of people."""
    if isinstance(answer, Skip):
        return answer
    if occasion.kind is Kind.APPOINTMENT and carts.not_reminded(occasion, rule, policy.codes):
        why = Reason("control_group_visits", {"percent": rule.control_group})
        return Skip(answer.key, rule.id, why, State.CANCELLED, answer.checks, answer.wanted_at, occasion.start,
                    left_out_at=answer.send_at)  # fmt: skip
    if occasion.kind is not Kind.CART:
        return answer
    if answer.wanted_at is not None and answer.send_at < answer.wanted_at:
        # Before its time a nudge is none: the person is still choosing.
        why = Reason("no_hour_after_delay")
        return Skip(answer.key, rule.id, why, State.EXPIRED, answer.checks, answer.wanted_at)
    if around is not None and carts.left_out(occasion, rule, around):
        why = Reason("control_group", {"percent": carts.share_left_out(rule, around)})
        return Skip(answer.key, rule.id, why, State.CANCELLED, answer.checks, answer.wanted_at,
                    left_out_at=answer.send_at)  # fmt: skip
    return answer


def _send(
    occasion: Occasion,
    rule: Rule,
    policy: Policy,
    wanted: datetime,
    until: datetime | None,
    now: datetime,
    *,
    at_once: bool,
) -> Send | Skip:
    """The message as the rule words it and the policy allows it, or why there is none."""
    key, recipient = key_of(occasion, rule), occasion.recipient
    assert recipient is not None
    zone = _zone(occasion, policy)
    try:
        language, body = _wording(rule, occasion, policy)
        values = _short(_values(occasion, rule, policy), body, occasion, rule, policy)
        text = render(body, values, zone, language).text
        content = contents(rule.channels, text, rule.asks, rule.content or {}, values, zone, language)
    except BadInput as error:
        return Skip(key, rule.id, error.reason, wanted_at=wanted, about=occasion.start)
    verdict = policy.decide(
        recipient,
        policy.opening(rule.channels, recipient, rule.message_class, wanted.date()),
        rule.message_class,
        wanted=wanted,
        until=until,
        now=now,
        sender=rule.sender,
        asks=rule.asks,
    )
    if isinstance(verdict, Never):
        return Skip(key, rule.id, verdict.reason, verdict.state, verdict.checks, wanted, occasion.start)
    why = asked_of(content, rule.channels, policy.templates, rule.message_class)
    checks = verdict.checks if why is None else (*verdict.checks, Check("template", "refused", why))
    if rule.bodies and body in rule.bodies.values():
        spoken = occasion.values.get("language")
        checks += fallback(spoken if isinstance(spoken, str) else None, language)
    if why is not None and hopeless(why, content, rule.channels):
        return Skip(key, rule.id, why, checks=checks, wanted_at=wanted, about=occasion.start)
    measured, category = measure(text), category_of(content, policy.templates, rule.message_class)
    return Send(
        key,
        rule.id,
        recipient,
        text,
        verdict.at,
        until,
        rule.message_class,
        rule.channels,
        measured,
        price(measured.segments, recipient.country, rule.channels[0], verdict.at.date(), category=category),
        None if occasion.kind in _SHOPS else occasion.start,
        rule.sender,
        rule.asks,
        str(zone),
        rule.when == OnChange("booked") or occasion.kind in _SHOPS,
        at_once,
        checks,
        wanted,
        rule.budgets,
        content,
        tells=occasion.subject is not None,
        links=values.used(text, content) if isinstance(values, Shortening) else (),
        template=version_of(body),
    )


def _closed(occasion: Occasion, rule: Rule) -> Reason | None:
    if occasion.muted:
        return Reason("muted")
    if isinstance(rule.when, OnChange) and rule.when.change == "cancelled":
        if occasion.closed not in (Closed.CANCELLED, Closed.DELETED):
            return Reason("not_cancelled")
        return None if occasion.told is not None else Reason("nothing_told")
    if occasion.closed is not None:
        return Reason(f"occasion_{occasion.closed}")
    if occasion.answer == "declined" and occasion.kind is Kind.APPOINTMENT:
        return Reason("person_declined")
    return None


def _moments(
    occasion: Occasion, rule: Rule, policy: Policy, now: datetime
) -> tuple[datetime | Reason, datetime | None]:
    """When the rule's message is wanted, and its last useful moment."""
    zone = _zone(occasion, policy)
    anchor = occasion.start if occasion.kind is Kind.APPOINTMENT else occasion.start or occasion.at
    if occasion.kind is Kind.ORDER:
        # It started when it was placed; what is said of it is said of its last change.
        anchor = occasion.at
    if anchor is None:
        return Reason("no_start"), None
    when = rule.when
    match when:
        case OnChange():
            wanted: datetime | Reason = _on_change(occasion, when, now)
        case Asked():
            wanted = _asked(occasion, when, zone, now)
        case AtWall():
            there = _zone_of_rule(when, occasion, policy)
            day = local(anchor, zone).date()
            wanted = wall_moment(when, day, there, policy.working(there))
        case Before(span) | After(span):
            if occasion.all_day and span.elapsed:
                return Reason("all_day_needs_day_rule"), None
            wanted = (span.before if isinstance(when, Before) else span.after)(anchor, zone)
    return wanted, _until(occasion, rule, anchor, wanted, zone)


def _on_change(occasion: Occasion, when: OnChange, now: datetime) -> datetime | Reason:
    # The outbox keeps the first moment of a change: asking again must not push it forward.
    if when.change == "booked":
        if occasion.backlog:
            return Reason("booked_before_connection")
        # Old news is none: neither for a rule that is new, nor when a rehearsal ends, nor after an outage of days.
        seen = occasion.first_seen or now
        return seen if now - seen > BOOKING_IS_NEWS else now
    if when.change == "moved":
        if occasion.told is None:
            return Reason("nothing_told")
        if occasion.told == occasion.start:
            return Reason("not_moved")
    return now


def _asked(occasion: Occasion, when: Asked, zone: ZoneInfo, now: datetime) -> datetime:
    if when.at is not None:
        return when.at
    if when.wall is not None:
        return at_wall(when.wall.date(), when.wall.time(), zone)
    # What was asked for long ago is not said today: neither when a rehearsal ends, nor after an outage of days.
    seen = occasion.first_seen or now
    return seen if now - seen > BOOKING_IS_NEWS else now


def _until(
    occasion: Occasion, rule: Rule, anchor: datetime, wanted: datetime | Reason, zone: ZoneInfo
) -> datetime | None:
    if rule.until is not None:
        span = rule.until.span
        return (span.before if isinstance(rule.until, Before) else span.after)(anchor, zone)
    if isinstance(wanted, Reason):
        return None
    if isinstance(rule.when, Asked):
        if rule.when.until is not None:
            return rule.when.until
        useful = MARKETING_WISH_USEFUL if rule.message_class is MessageClass.MARKETING else WISH_USEFUL
        return useful + (wanted if rule.when.at or rule.when.wall else occasion.first_seen or wanted)
    if occasion.kind is Kind.APPOINTMENT and (wanted <= anchor or isinstance(rule.when, OnChange)):
        # An all-day occasion has begun at midnight, and is still worth a word in its own morning.
        return anchor + timedelta(hours=12) if occasion.all_day else anchor
    return wanted + FOLLOW_UP_USEFUL


def _zone(occasion: Occasion, policy: Policy) -> ZoneInfo:
    return ZoneInfo(occasion.zone) if occasion.zone else policy.zone


def _zone_of_rule(when: AtWall, occasion: Occasion, policy: Policy) -> ZoneInfo:
    if when.zone == "workspace":
        return policy.zone
    if when.zone == "recipient" and occasion.recipient is not None:
        return policy.zones(occasion.recipient)[0]
    return _zone(occasion, policy)


def _said(moment: datetime, occasion: Occasion, policy: Policy) -> str:
    zone = _zone(occasion, policy)
    return local(moment, zone).strftime("%d/%m/%Y %H:%M") + f" ({zone.key.rpartition('/')[2].replace('_', ' ')})"


def _values(occasion: Occasion, rule: Rule, policy: Policy) -> Mapping[str, Any]:
    start: Any = occasion.start
    end: Any = occasion.end
    if occasion.all_day and occasion.start is not None and occasion.zone:
        # A day has a date and no time: a text that asks for its time is refused, not filled with midnight.
        start = local(occasion.start, ZoneInfo(occasion.zone)).date()
        end = None
    values = carts.spoken(occasion.values) if occasion.kind in _SHOPS else occasion.values
    if rule.discount is not None:
        code = code_for(policy.codes, occasion.id, rule.id)
        link = values.get("link")
        brings = {"link": in_link(link, occasion.private, code)} if isinstance(link, str) else {}
        values = {**values, **brings, "code": code}
    return {**values, "start": start, "end": end}


def _short(
    values: Mapping[str, Any], body: str, occasion: Occasion, rule: Rule, policy: Policy
) -> Mapping[str, Any]:
    """`values` in which addresses are short: the same each time that this message is planned, and other ones for
    another person, another start or another rule."""
    if policy.links is None or occasion.recipient is None or not (may_hold_links(values) or "short" in body):
        return values
    # The same instant may come in another zone's words.
    start = str(occasion.start.timestamp()) if occasion.start else ""
    return policy.links.of(values, occasion.installation, occasion.id, rule.id, start, occasion.recipient.number)


def _wording(rule: Rule, occasion: Occasion, policy: Policy) -> tuple[str, str]:
    """The language that the person is spoken to in, and the text."""
    spoken, own = occasion.values.get("language"), rule.language or policy.language
    if isinstance(spoken, str) and spoken in rule.bodies:
        return spoken, rule.bodies[spoken]
    if isinstance(rule.body, Wording) and rule.bodies:
        return chosen(rule.bodies, (own,))
    return own, rule.body
