"""Clock times and the moments they stand for: where daylight saving lives, and nowhere else.

A unit of days means the same clock time on another day; hours and minutes mean elapsed time. Moments are aware, and in
UTC when they come from here. A zone is a name, so that each day gets the offset of that day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput

LONGEST_DAYS = 3660
_LONGEST = timedelta(days=LONGEST_DAYS)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,6})W)?(?:(?P<days>[0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,9})M)?(?:(?P<seconds>[0-9]{1,9})S)?)?"
)


def at_wall(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which clocks in `zone` show `at` on `day`.

    A clock time that occurs twice is its first occurrence. One that is skipped is the first moment after the gap:
    02:30 in Paris on 28 March 2027 is 03:00 there, 01:00 UTC.
    """
    wall = datetime.combine(day, at.replace(tzinfo=None, fold=0))
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if local(moment, zone).replace(tzinfo=None) == wall:
        return moment
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return change_between(after - _SECOND, moment, zone)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """The same moment as clocks in `zone` show it. A naive `moment` is a mistake of ours: `ValueError`."""
    if moment.tzinfo is None:
        raise ValueError("a moment must know its zone")
    return moment.astimezone(zone)


def change_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the offset of `zone` changes between two UTC moments with different offsets.

    Offsets change on whole seconds, so the answer is exact.
    """
    early, late = early.replace(microsecond=0), late.replace(microsecond=0) + _SECOND
    before = offset(early, zone)
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if offset(middle, zone) == before:
            early = middle
        else:
            late = middle
    return late


def offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How far clocks in `zone` are ahead of UTC at that moment."""
    ahead = moment.astimezone(zone).utcoffset()
    return ahead if ahead is not None else timedelta()


def shift_days(day: date, n: int, working: Callable[[date], bool] | None = None) -> date:
    """The day `n` days later (earlier when negative), counting only the days that are `working`, where that is given.

    Zero days is the day itself, working or not. Raises `BadInput("bad_day_shift")` beyond ten years.
    """
    try:
        if abs(n) > LONGEST_DAYS:
            raise OverflowError
        if working is None:
            return day + n * _DAY
        step = _DAY if n > 0 else -_DAY
        start, left = day, abs(n)
        while left:
            day += step
            left -= working(day)
            if abs(day - start) > _LONGEST:
                raise OverflowError
    except OverflowError as error:
        raise BadInput("bad_day_shift", days=n) from error
    return day


@dataclass(frozen=True, slots=True)
class Duration:
    """`days` at the same clock time, then `elapsed` time that does not care about clocks. Neither is negative."""

    days: int = 0
    elapsed: timedelta = timedelta()

    @property
    def length(self) -> timedelta:
        """With days of 24 hours, for whoever asks for no clock time."""
        return self.elapsed + timedelta(days=self.days)

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """So long after `moment`, in UTC, where its clock time is the one of `zone`."""
        return self._moved(moment, zone, 1)

    def before(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """So long before `moment`, in UTC."""
        return self._moved(moment, zone, -1)

    def _moved(self, moment: datetime, zone: ZoneInfo, sign: int) -> datetime:
        if self.days:
            wall = local(moment, zone)
            moment = at_wall(shift_days(wall.date(), sign * self.days), wall.time(), zone)
        return moment.astimezone(UTC) + sign * self.elapsed


def parse_duration(text: str) -> Duration:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds: "PT48H" is elapsed time, "P2D" calendar days.

    Raises `BadInput("bad_duration")` for anything else, for years and months, which have no length, and for more than
    ten years.
    """
    match = _DURATION.fullmatch(text)
    parts = {unit: int(n) for unit, n in match.groupdict().items() if n is not None} if match else {}
    if not parts:
        raise BadInput("bad_duration", text=text[:40])
    days = parts.pop("weeks", 0) * 7 + parts.pop("days", 0)
    elapsed = timedelta(**parts)
    if days > LONGEST_DAYS or elapsed > _LONGEST:
        raise BadInput("bad_duration", text=text[:40])
    return Duration(days, elapsed)


def duration(given: Any, pointer: str) -> Duration:
    """The one that stands at `pointer` of what somebody gave. Raises `BadInput("bad_duration")`, which names it."""
    if not isinstance(given, str):
        raise BadInput("bad_duration", pointer=pointer, text=str(given)[:40])
    try:
        return parse_duration(given)
    except BadInput as error:
        error.pointer = pointer
        raise


def format_duration(duration: Duration) -> str:
    """The shortest ISO 8601 form that `parse_duration` reads back, whole seconds: "PT48H", "P2DT1H30M", "PT0S"."""
    minutes, seconds = divmod(duration.elapsed // _SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    text = "P" + (f"{duration.days}D" if duration.days else "") + (f"T{clock}" if clock else "")
    return text if text != "P" else "PT0S"
