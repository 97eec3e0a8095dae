"""Limits on how much leaves: messages, money, and how often one person hears from us. Counting is done elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.messages import MessageClass
from core.domain.policy.walltime import Duration, at_wall, format_duration, local, shift_days
from core.domain.reasons import Reason


class Measure(StrEnum):
    """What a cap counts."""

    MESSAGES = "messages"
    MONEY = "money"
    PERSON = "person"


class Period(StrEnum):
    """A period of the calendar, in the cap's zone. A week begins on Monday."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` in a period: messages of the workspace, micro-units of `currency`, or messages to one person.

    Money counts only what is billed in its currency: who pays in two has two caps.
    `period` is one of the calendar in `zone`, or the time that has just passed when it is a `timedelta`. Without
    `classes`, the cap is for all of them: one-time codes too, since they are what fraud sends. With `rule` or
    `country` (ISO 3166) it counts only what leaves because of that rule, or to that country.
    """

    id: str
    measure: Measure
    most: int
    period: Period | timedelta
    zone: str = "UTC"
    classes: frozenset[MessageClass] = frozenset()
    currency: str = ""
    rule: str | None = None
    country: str | None = None

    def covers(self, klass: MessageClass, rule: str | None, country: str) -> bool:
        """Whether such a message counts."""
        return (
            (not self.classes or klass in self.classes)
            and self.rule in (None, rule)
            and self.country in (None, country)
        )

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The current period, in UTC: count from its first moment; at its last one, a calendar cap is empty again.

        A period that rolls ends `now`.
        """
        now = now.astimezone(UTC)
        if isinstance(self.period, timedelta):
            return now - self.period, now
        zone = ZoneInfo(self.zone)
        wall = local(now, zone)
        if self.period is Period.HOUR:
            start = now - timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
            return start, start + timedelta(hours=1)
        if self.period is Period.MINUTE:
            start = now - timedelta(seconds=wall.second, microseconds=wall.microsecond)
            return start, start + timedelta(minutes=1)
        first = last = wall.date()
        if self.period is Period.WEEK:
            first = shift_days(first, -first.weekday())
            last = shift_days(first, 6)
        elif self.period is Period.MONTH:
            first = first.replace(day=1)
            last = shift_days(shift_days(first, 31).replace(day=1), -1)
        return at_wall(first, time(), zone), at_wall(shift_days(last, 1), time(), zone)


@dataclass(frozen=True, slots=True)
class Counts:
    """`used`: by cap id, what its current period has had; a cap without an entry has had nothing.

    `cost` is what the message at hand would cost, in micro-units of `currency`.
    """

    used: Mapping[str, int]
    cost: int = 0
    currency: str = ""


def over_cap(counts: Counts, caps: Iterable[Cap], klass: MessageClass, now: datetime) -> Reason | None:
    """The first cap that one more message of this class would go over, or `None`.

    The reason's `again` is when there is room again, where that is known: a calendar period ends, one that rolls does
    not say.
    """
    for cap in caps:
        if cap.classes and klass not in cap.classes:
            continue
        if cap.measure is Measure.MONEY and cap.currency != counts.currency:
            continue
        used = counts.used.get(cap.id, 0)
        adds = counts.cost if cap.measure is Measure.MONEY else 1
        if used + adds <= cap.most:
            continue
        return over(cap, used, now)
    return None


def over(cap: Cap, used: int, now: datetime) -> Reason:
    """Why one more message does not fit under `cap`, of which `used` is taken. `again`: see `over_cap`."""
    rolls = isinstance(cap.period, timedelta)
    return Reason(f"over_{cap.measure}_cap", {
        "cap": cap.id, "used": used, "most": cap.most, "currency": cap.currency, "period": _text(cap.period),
        "again": None if rolls else cap.span(now)[1].isoformat(),
    })


def read_caps(settings: Mapping[str, Any], now: datetime | None = None) -> tuple[Cap, ...]:
    """The caps of a workspace's settings, as `core.engine.capping` writes them; with `now`, raised ones as they are."""
    raised = settings.get("caps_raised") or {}
    found = []
    for entry in settings.get("caps") or ():
        cap = Cap(
            entry["id"],
            Measure(entry["measure"]),
            entry["most"],
            Period(entry["period"]),
            settings["zone"],
            frozenset(MessageClass(name) for name in entry.get("classes", ())),
            entry.get("currency", ""),
            entry.get("rule"),
            entry.get("country"),
        )
        more = raised.get(cap.id)
        if more and now is not None and now < datetime.fromisoformat(more["until"]):
            cap = replace(cap, most=max(cap.most, more["most"]))
        found.append(cap)
    return tuple(found)


def person_caps(settings: Mapping[str, Any]) -> tuple[Cap, ...]:
    """How often one person may hear from the workspace for its own sake: so much a day of the calendar, and so much in
    the seven days that have just passed. 0 or None: as often as it likes."""
    most = settings.get("frequency") or {}
    marketing = frozenset({MessageClass.MARKETING})
    periods: tuple[tuple[str, Period | timedelta], ...] = (("day", Period.DAY), ("week", timedelta(days=7)))
    return tuple(
        Cap(f"person_{name}", Measure.PERSON, most[name], period, settings["zone"], marketing)
        for name, period in periods
        if most.get(name)
    )


def _text(period: Period | timedelta) -> str:
    if isinstance(period, Period):
        return str(period)
    return format_duration(Duration(period.days, period - timedelta(days=period.days)))
