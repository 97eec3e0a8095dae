"""A campaign again and again: on which days it leaves, by the wall clock of a place. Pure."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.domain.policy.walltime import at_wall

MOST_RUNS = 500


class Every(StrEnum):
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Repeats:
    """From the day `first` on, each week on its weekday or each month on its day (the last one of a shorter month), at
    `at` in `zone`; until the day `until` included and `most` times, where those are said."""

    every: Every
    first: date
    at: time
    zone: ZoneInfo
    until: date | None = None
    most: int | None = None

    def day(self, index: int) -> date:
        """The day of the occurrence of that number, from 0."""
        if self.every is Every.WEEK:
            return self.first + timedelta(weeks=index)
        year, month = divmod(self.first.month - 1 + index, 12)
        year, month = self.first.year + year, month + 1
        return date(year, month, min(self.first.day, calendar.monthrange(year, month)[1]))

    def moment(self, index: int) -> datetime:
        """When that occurrence leaves, in UTC: the same hour on the wall before and after clocks change."""
        return at_wall(self.day(index), self.at, self.zone)

    def after(self, moment: datetime | None, runs: int) -> datetime | None:
        """The first occurrence later than `moment` (None: the first of all), when there were `runs` of them already;
        None when there is none any more."""
        if self.most is not None and runs >= self.most:
            return None
        index = 0
        if moment is not None:
            days = (moment.astimezone(self.zone).date() - self.first).days
            index = max(days // 31 - 1 if self.every is Every.MONTH else days // 7 - 1, 0)
            while self.moment(index) <= moment:
                index += 1
        if self.until is not None and self.day(index) > self.until:
            return None
        return self.moment(index)
