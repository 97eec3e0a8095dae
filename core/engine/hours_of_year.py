"""A year of allowed hours: when a message may leave on each day, why not on the others, and what the rules are by then.
Next year is asked for like this one: rules and holidays are data with a date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.domain.messages import Channel, MessageClass
from core.domain.policy.countries import SendingRule, rules_for
from core.domain.policy.decision import Policy
from core.domain.policy.holidays import calendar
from core.domain.policy.hours import Span, open_between
from core.domain.policy.walltime import local
from core.engine.overview import bounds

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class YearDay:
    """`hours`: "08:00-20:00" on the clock there, several with a comma, empty for a closed day. `kind`: full, short
    (less than the longest day of the year) or closed."""

    day: date
    hours: str
    kind: str
    holiday: str | None


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules that hold from `since` on, within the year."""

    since: date
    rules: tuple[SendingRule, ...]


@dataclass(frozen=True, slots=True)
class Year:
    days: tuple[YearDay, ...]
    in_force: tuple[InForce, ...]

    def months(self) -> Iterator[tuple[int, list[list[YearDay | None]]]]:
        """Month by month, in weeks from Monday on; None outside of the month."""
        for month in range(1, 13):
            days: list[YearDay | None] = [one for one in self.days if one.day.month == month]
            first = days[0].day.weekday() if days and days[0] else 0
            padded = [None] * first + days
            padded += [None] * (-len(padded) % 7)
            yield month, [padded[start : start + 7] for start in range(0, len(padded), 7)]

    @property
    def holidays(self) -> list[YearDay]:
        """Public holidays, with what may leave on them."""
        return [one for one in self.days if one.holiday]


def year_of(policy: Policy, year: int, channel: Channel, klass: MessageClass, language: str) -> Year:
    """The year in the workspace's own country and zone, within its own hours."""
    there = calendar(policy.country, policy.subdivision)
    found: list[tuple[date, str, int, str | None]] = []
    in_force: list[InForce] = []
    day = date(year, 1, 1)
    while day.year == year:
        rules = rules_for(policy.country, channel, klass, day, widened=policy.widened)
        if not in_force or [one.id for one in in_force[-1].rules] != [one.id for one in rules]:
            in_force.append(InForce(day, tuple(rules)))
        start, end = bounds(day, policy.zone)
        spans = open_between(start, end, rules, [policy.zone], there, policy.own_hours)
        minutes = sum(int((until - since).total_seconds()) for since, until in spans) // 60
        found.append((day, _written(spans, policy), minutes, there.holiday_name(day, language)))
        day += _DAY
    longest = max((minutes for _, _, minutes, _ in found), default=0)
    return Year(
        tuple(
            YearDay(day, hours, "closed" if not minutes else "short" if minutes < longest - 61 else "full", holiday)
            for day, hours, minutes, holiday in found
        ),
        tuple(in_force),
    )


def _written(spans: Sequence[Span], policy: Policy) -> str:
    pieces = []
    for since, until in spans:
        start, end = (f"{local(at, policy.zone):%H:%M}" for at in (since, until))
        pieces.append(f"{start}-{'24:00' if end == '00:00' else end}")
    return ", ".join(pieces)
