"""The rehearsal for people: what would leave in the days to come, day by day, what would not and why, and its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip
from core.domain.reach import Reach
from core.domain.reasons import Reason
from core.domain.rules import Rule
from core.domain.text.price import Money
from core.domain.text.templates import render
from core.engine import approving, reaching, scheduling
from core.storage import occasions, rules
from core.storage.database import Transaction

AHEAD = timedelta(days=14)
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One answer about one appointment."""

    occasion: Occasion
    rule: str
    answer: Send | Skip


@dataclass(frozen=True, slots=True)
class Left:
    """Appointments about which nothing would be said, for one reason; `lines` are some of them."""

    reason: Reason
    count: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`days` holds what would leave, by the day on which it leaves where the workspace is; `cost` is None when a price
    is not known."""

    start: datetime
    end: datetime
    appointments: int
    days: tuple[tuple[date, tuple[Line, ...]], ...]
    left: tuple[Left, ...]
    messages: int
    segments: int
    cost: Money | None
    reach: Reach | None = None
    """Of the people to whom something leaves by RCS first."""
    lacking: tuple[tuple[Reason, int], ...] = ()
    """What is wrong with the approved templates that messages name, and for how many."""


def rehearse(
    tx: Transaction,
    installation: str,
    now: datetime,
    zone: ZoneInfo,
    *,
    ahead: timedelta = AHEAD,
    own_rules: Sequence[Rule] | None = None,
) -> Rehearsal:
    """What the rules of `installation` (or `own_rules` in their place) would do about its appointments of the time
    `ahead`. Reads, and changes nothing."""
    chosen = own_rules if own_rules is not None else rules.active(tx, installation)
    found = occasions.listed(tx, installation=installation, start=now, end=now + ahead, limit=_MOST)
    planned = scheduling.planned(tx, found, now, own_rules={installation: chosen})
    names = {rule.id: rule.name for rule in chosen}
    lines = [Line(one.occasion, names[said.rule], said) for one in planned for said in one.answers]
    sends = sorted((line for line in lines if isinstance(line.answer, Send)), key=_leaves_at)
    said = [line.answer for line in sends if isinstance(line.answer, Send)]
    days: dict[date, list[Line]] = {}
    for line in sends:
        days.setdefault(_leaves_at(line).astimezone(zone).date(), []).append(line)
    return Rehearsal(
        start=now,
        end=now + ahead,
        appointments=len(found),
        days=tuple((day, tuple(of_day)) for day, of_day in days.items()),
        left=_left(lines),
        messages=len(sends),
        segments=sum(line.answer.measure.segments for line in sends if isinstance(line.answer, Send)),
        cost=_cost([line.answer.price for line in sends if isinstance(line.answer, Send)]),
        reach=reaching.foreseen(tx, [(one.recipient.number, one.channels) for one in said], now),
        lacking=tuple(approving.lacking(one.checks for one in said)),
    )


def preview(tx: Transaction, rule: Mapping[str, Any], now: datetime) -> Send | Skip | None:
    """The answer of a rule (its row, on or off) about the next appointment for which it has a message, else about the
    next at all; None when there is no appointment ahead."""
    parsed = rules.rule(rule, rules.texts(tx))
    found = occasions.listed(tx, installation=rule["installation"], start=now, limit=100, open_only=True)
    answers = [
        said
        for one in scheduling.planned(tx, found, now, own_rules={one.installation: [parsed] for one in found})
        for said in one.answers
    ]
    return next((said for said in answers if isinstance(said, Send)), answers[0] if answers else None)


def _leaves_at(line: Line) -> datetime:
    assert isinstance(line.answer, Send)
    return line.answer.send_at


def _left(lines: Sequence[Line]) -> tuple[Left, ...]:
    spoken = {line.occasion.id for line in lines if isinstance(line.answer, Send)}
    grouped: dict[str, dict[str, Line]] = {}
    for line in lines:
        if isinstance(line.answer, Skip) and line.occasion.id not in spoken:
            grouped.setdefault(line.answer.reason.code, {}).setdefault(line.occasion.id, line)
    found = []
    for some in grouped.values():
        first = tuple(some.values())
        assert isinstance(first[0].answer, Skip)
        found.append(Left(first[0].answer.reason, len(first), first[:20]))
    return tuple(sorted(found, key=lambda one: -one.count))


def _cost(prices: Sequence[Money | None]) -> Money | None:
    known = [one for one in prices if one is not None]
    if len(known) != len(prices) or len({one.currency for one in known}) > 1:
        return None
    return Money(sum(one.amount for one in known), known[0].currency if known else "EUR")


def example(body: str, now: datetime, zone: ZoneInfo, language: str) -> str:
    """`body` as it would read for somebody who comes in two days; the body itself when it cannot be filled so."""
    start = (now.astimezone(zone) + timedelta(days=2)).replace(hour=14, minute=30, second=0, microsecond=0)
    name, first_name = ("Mme Roux", "Ana") if language == "fr" else ("Ms Roux", "Ana")
    values = {"start": start, "end": start + timedelta(minutes=30), "name": name, "first_name": first_name}
    try:
        return render(body, values, zone, language).text
    except BadInput:
        return body
