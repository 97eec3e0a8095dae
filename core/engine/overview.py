"""What somebody sees who asks "how are things today?": figures, the day by hour, appointments, and what to look at.

A few queries, each bounded by a day or a short list. Nothing here is kept: it is made anew from what is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.events import Kind
from core.domain.messages import LEFT, WAITING, Channel, MessageClass, State
from core.domain.occasions import Occasion
from core.domain.policy.countries import rules_for
from core.domain.policy.decision import Policy
from core.domain.policy.holidays import calendar
from core.domain.policy.hours import open_between
from core.domain.policy.walltime import at_wall, local
from core.domain.reasons import Reason
from core.engine import approving, catching_up, conversing, public, resolving
from core.engine.guarding import CATCH_UP, held_by
from core.engine.waitlist import board
from core.storage import accounts, conversations, counting, house, installations, occasions, outbox, overview
from core.storage.database import Transaction
from core.suite import Suite

SHOWN_APPOINTMENTS = 200
LOOKED_AHEAD = timedelta(days=7)
CORRECTED_AHEAD = timedelta(days=31)
STOPPED_AFTER = timedelta(minutes=5)
LATE_AFTER = timedelta(minutes=10)
_MANY = 50

FIGURES: Mapping[str, tuple[State, ...]] = {
    "planned": (State.SCHEDULED,),
    "held": (State.HELD,),
    "sent": (State.SENDING, State.SENT, State.UNCERTAIN),
    "delivered": (State.DELIVERED, State.READ),
    "failed": (State.FAILED,),
    "stopped": (State.CANCELLED, State.SUPPRESSED, State.SUPERSEDED, State.EXPIRED),
}
"""The figures of a day, and the states that each counts: every figure opens the list of exactly these."""


class Told(StrEnum):
    """How far we are with an appointment, as a secretary would say it."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    CLOSED = "closed"
    NO_NUMBER = "numberless"
    REMINDED = "reminded"
    UNANSWERED = "unanswered"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    PLANNED = "planned"
    NOTHING = "ignored"


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment and how far we are with it. `reason` says why there is no message, where there is none."""

    occasion: Occasion
    told: Told
    messages: tuple[Mapping[str, Any], ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the day as clocks show it: how many messages in each figure, and whether sending is forbidden."""

    start: datetime
    counts: Mapping[str, int]
    closed: bool


@dataclass(frozen=True, slots=True)
class Point:
    """Something to look at: `code` says what, `count` how many (at most 50, then `more`), `subject` is the first."""

    code: str
    count: int
    subject: Any = None
    text: str = ""
    more: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """Today, as the first page shows it."""

    day: date
    start: datetime
    end: datetime
    zone: ZoneInfo
    counts: Mapping[str, int]
    hours: tuple[Hour, ...]
    today: tuple[Appointment, ...]
    tomorrow: tuple[Appointment, ...]
    points: tuple[Point, ...]
    installations: tuple[installations.Row, ...]
    accounts: tuple[accounts.Row, ...]
    empty: bool = field(default=False)


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first moment of `day` in `zone` and of the day after: 23 or 25 hours apart when clocks change."""
    return at_wall(day, time(), zone), at_wall(day + timedelta(days=1), time(), zone)


def of_today(suite: Suite, tx: Transaction) -> Day:
    """The day as it is now, in the workspace's zone."""
    now = suite.now()
    known = house.workspace(tx, tx.owned)
    policy = house.policy(known["settings"] if known else {})
    day = local(now, policy.zone).date()
    start, end = bounds(day, policy.zone)
    connected = tuple(installations.listed(tx, suite.vault, suite.public_url))
    ways = tuple(accounts.listed(tx, suite.vault, suite.public_url))
    hours = by_hour(tx, start, end, policy)
    counts = {figure: sum(hour.counts.get(figure, 0) for hour in hours) for figure in FIGURES}
    after, _ = bounds(day + timedelta(days=2), policy.zone)
    coming = appointments(tx, start, after, now)
    return Day(
        day,
        start,
        end,
        policy.zone,
        counts,
        hours,
        tuple(one for one in coming if one.occasion.start and one.occasion.start < end),
        tuple(one for one in coming if one.occasion.start and one.occasion.start >= end),
        tuple(points(tx, connected, ways, now)),
        connected,
        ways,
        empty=not connected and not any(counts.values()),
    )


def by_hour(tx: Transaction, start: datetime, end: datetime, policy: Policy) -> tuple[Hour, ...]:
    """Each hour from `start` to `end` with its figures; an hour is closed when reminders may not leave in any of it."""
    figure_of = {str(state): figure for figure, states in FIGURES.items() for state in states}
    counts: dict[int, dict[str, int]] = {}
    for hour, state, number in overview.by_hour(tx, start, end):
        figures = counts.setdefault(hour, {})
        figures[figure_of[state]] = figures.get(figure_of[state], 0) + number
    spans = open_between(
        start,
        end,
        rules_for(policy.country, Channel.SMS, MessageClass.TRANSACTIONAL, policy.day(start), widened=policy.widened),
        [policy.zone],
        calendar(policy.country, policy.subdivision),
        policy.own_hours,
    )
    hours = []
    for index in range((end - start) // timedelta(hours=1)):
        since = start + index * timedelta(hours=1)
        till = since + timedelta(hours=1)
        closed = not any(opening < till and closing > since for opening, closing in spans)
        hours.append(Hour(since, counts.get(index, {}), closed))
    return tuple(hours)


def appointments(
    tx: Transaction, start: datetime, end: datetime, now: datetime, limit: int = SHOWN_APPOINTMENTS
) -> list[Appointment]:
    """The appointments between `start` and `end` with what was said about them, by time."""
    found = occasions.listed(tx, start=start, end=end, limit=limit, kind=Kind.APPOINTMENT)
    messages = outbox.of_occasions(tx, [one.id for one in found])
    return [how_far(one, messages.get(one.id, ()), now) for one in found]


def how_far(occasion: Occasion, messages: Sequence[Mapping[str, Any]], now: datetime) -> Appointment:
    """How far we are with one appointment. Only messages about its present time count."""
    mine = tuple(messages)
    about = [one for one in mine if one["about"] == occasion.start]
    left = [one for one in about if one["state"] in LEFT and one["state"] != State.UNCERTAIN]
    waiting = [one for one in about if one["state"] in WAITING]
    last = about[-1]["reason"] if about else None
    why = Reason(last["code"], last.get("values", {})) if last else None
    if occasion.closed is not None or occasion.muted:
        return Appointment(occasion, Told.CLOSED, mine, Reason(f"occasion_{occasion.closed or 'silenced'}"))
    if occasion.answer is not None:
        return Appointment(occasion, Told.CONFIRMED if occasion.answer == "confirmed" else Told.DECLINED, mine)
    if occasion.recipient is None:
        return Appointment(occasion, Told.NO_NUMBER, mine, occasion.trouble or Reason("no_number"))
    if any(one["asks"] for one in left):
        return Appointment(occasion, Told.UNANSWERED, mine)
    if left:
        return Appointment(occasion, Told.REMINDED, mine)
    if any(one["state"] == State.UNCERTAIN for one in about):
        return Appointment(occasion, Told.UNCERTAIN, mine, why)
    if waiting:
        return Appointment(occasion, Told.PLANNED, mine)
    if any(one["state"] == State.FAILED for one in about):
        return Appointment(occasion, Told.FAILED, mine, why)
    return Appointment(occasion, Told.NOTHING, mine, why)


def old_times(tx: Transaction, now: datetime, limit: int = _MANY) -> list[tuple[Occasion, datetime]]:
    """Appointments ahead whose person last read another time, and for whom no message about the new one waits:
    (occasion, the time that was told)."""
    ids = overview.told_otherwise(tx, now, now + CORRECTED_AHEAD, limit)
    if not ids:
        return []
    told, messages = occasions.told(tx, ids), outbox.of_occasions(tx, ids)
    found = []
    for one in sorted(occasions.by_ids(tx, ids), key=lambda occasion: occasion.start or now):
        if told.get(one.id) in (None, one.start) or one.recipient is None:
            continue
        if any(_on_its_way(row, one, now) for row in messages.get(one.id, ())):
            continue
        found.append((one, told[one.id]))
    return found


def _on_its_way(row: Mapping[str, Any], occasion: Occasion, now: datetime) -> bool:
    """A rule of its own tells the new time at once; a reminder of the day before comes too late for that."""
    return row["state"] in WAITING and row["about"] == occasion.start and row["due_at"] <= now


def points(
    tx: Transaction, connected: Sequence[installations.Row], ways: Sequence[accounts.Row], now: datetime
) -> list[Point]:
    """What a person should look at, the most urgent first."""
    found: list[Point] = []
    ticked = house.moment(tx, "ticked")
    if ticked is not None and now - ticked > STOPPED_AFTER:
        found.append(Point("engine", 1, ticked))
    late = outbox.Filter(state=("scheduled",), until=now - LATE_AFTER)
    found += _point("late", outbox.listed(tx, late, limit=_MANY + 1, by_due=True))
    for row in connected:
        if row.state == "reconnect" or row.trouble is not None:
            found.append(Point("connection", 1, row))
    found += [Point("account", 1, way) for way in ways if way.state == "held"]
    if troubled := approving.troubled(tx):
        found.append(Point("template", len(troubled), troubled[0]))
    for occasion, told in old_times(tx, now)[:2]:
        found.append(Point("old_time", 1, (occasion, told), resolving.correction(tx, occasion, told)))
    for slot, entry in board.to_settle(tx, now)[:2]:
        clash = slot["trouble"] is not None and slot["trouble"]["code"] == "waitlist_clash"
        found.append(Point("slot_clash" if clash else "slot_taken", 1, (slot, entry)))
    found += [Point("slot_free", 1, one) for one in board.to_free(tx, now)[:2]]
    for stop in counting.stops(tx):
        count, _ = counting.held_sum(tx, held_by(stop.cap))
        found += [Point("cap", count, stop)] if count else []
    if alarms := public.alarms(tx, now - public.ALARMS_SHOWN_FOR):
        found.append(Point("forms", len(alarms), max(alarms.values())))
    found += _point("catch_up", catching_up.waiting(tx, _MANY + 1))
    doubtful = outbox.listed(tx, outbox.Filter(state=("uncertain",)), limit=_MANY + 1)
    # While it is still being looked up, a person has nothing to decide.
    found += _point("uncertain", [row for row in doubtful if row["lease"] is None])
    found += _talks(tx)
    soon = [
        one
        for one in occasions.listed(tx, start=now, end=now + LOOKED_AHEAD, open_only=True, limit=1000)
        if one.recipient is None
    ]
    found += _point("which_number", [one for one in soon if len(one.candidates) > 1])
    found += _point("no_number", [one for one in soon if len(one.candidates) < 2])
    # Caps and what is late have a point of their own.
    other = counting.waits_otherwise(CATCH_UP)
    found += _point("held", outbox.listed(tx, outbox.Filter(state=("held",), extra=(other,)), limit=_MANY + 1))
    return found


def _talks(tx: Transaction) -> list[Point]:
    """Conversations that wait for somebody of the house; the one that has waited longest is shown."""
    found = _point("conversations", conversations.to_answer(tx, _MANY + 1))
    if not found:
        return []
    [talk] = conversing.talks(tx, [found[0].subject])
    return [replace(found[0], subject=talk)]


def _point(code: str, rows: Sequence[Any]) -> list[Point]:
    return [Point(code, min(len(rows), _MANY), rows[0], more=len(rows) > _MANY)] if rows else []
