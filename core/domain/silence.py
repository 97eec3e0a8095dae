"""A shop or site that used to speak and does not: its usual pauses are learnt, and a much longer one is an alarm.

Only waking hours count, so that a night is no silence. What it is used to is the longest pause of the last two weeks: a
shop that sleeps on Sundays is not missed on a Sunday.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.domain.policy.walltime import at_wall, local

WAKES, SLEEPS = time(8), time(22)
LEAST = timedelta(hours=4)
"""Of waking hours; a shorter silence is never an alarm."""
TIMES = 3
"""How much longer than the longest usual pause."""
REMEMBERED = timedelta(days=14)
LEARNT_AFTER = 3
"""Days on which it spoke, before it can be missed."""

Rhythm = Mapping[str, int]
"""Day ("2026-11-30") → the longest pause that ended on it, in seconds of waking hours."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was heard for `quiet` (by the clock); usually it speaks every `usual` of waking hours."""

    since: datetime
    quiet: timedelta
    usual: timedelta

    @property
    def hours(self) -> int:
        return int(self.quiet / timedelta(hours=1))


def waking(start: datetime, end: datetime, zone: ZoneInfo) -> timedelta:
    """How much of the time from `start` to `end` lies in waking hours there."""
    total, day = timedelta(), local(start, zone).date()
    last = local(end, zone).date()
    if last - day > 2 * REMEMBERED:
        # Beyond that only "very long" matters.
        day = last - 2 * REMEMBERED
    while day <= last:
        total += max(min(end, at_wall(day, SLEEPS, zone)) - max(start, at_wall(day, WAKES, zone)), timedelta())
        day += timedelta(days=1)
    return total


def learnt(rhythm: Rhythm, heard_at: datetime | None, now: datetime, zone: ZoneInfo, *, missed: bool) -> dict[str, int]:
    """`rhythm` after it spoke at `now`, having last spoken at `heard_at`. `missed`: that pause had been an alarm, which
    is nothing to get used to."""
    today = local(now, zone).date()
    kept = {day: gap for day, gap in rhythm.items() if date.fromisoformat(day) > today - REMEMBERED}
    gap = waking(heard_at, now, zone) if heard_at is not None and heard_at < now and not missed else timedelta()
    name = today.isoformat()
    kept[name] = max(kept.get(name, 0), int(gap.total_seconds()))
    return kept


def silent(rhythm: Rhythm, heard_at: datetime, now: datetime, zone: ZoneInfo) -> Silence | None:
    """Whether it is missed at `now`."""
    today = local(now, zone).date()
    gaps = [gap for day, gap in rhythm.items() if date.fromisoformat(day) > today - 2 * REMEMBERED]
    if len(gaps) < LEARNT_AFTER:
        return None
    usual = timedelta(seconds=max(gaps))
    if waking(heard_at, now, zone) < max(LEAST, TIMES * usual):
        return None
    return Silence(heard_at, now - heard_at, usual)


def spoken(span: timedelta) -> str:
    """`span` as people say it, roughly: "5 min", "2 h"."""
    minutes = max(1, round(span / timedelta(minutes=1)))
    return f"{minutes} min" if minutes < 90 else f"{round(minutes / 60)} h"
