"""Who shows to be there after a code or a link: by country, by day, and what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean, pstdev
from zoneinfo import ZoneInfo

from core.storage import links, verifications
from core.storage.database import Transaction

SHOWN_FOR = timedelta(days=14)
LEAST = 5
"""A ratio of fewer codes than this says nothing."""
DAYS_OF_A_BAND = 3


@dataclass(frozen=True, slots=True)
class Country:
    """Codes that were sent to a country and entered there; messages with a link, and those that were followed."""

    country: str
    sent: int
    approved: int
    linked: int
    followed: int

    @property
    def percent(self) -> int | None:
        return round(100 * self.approved / self.sent) if self.sent else None

    @property
    def percent_followed(self) -> int | None:
        return round(100 * self.followed / self.linked) if self.linked else None


@dataclass(frozen=True, slots=True)
class Day:
    """A day's codes; `percent` is None where there were too few."""

    day: date
    sent: int
    approved: int

    @property
    def percent(self) -> float | None:
        return 100 * self.approved / self.sent if self.sent >= LEAST else None


@dataclass(frozen=True, slots=True)
class Conversion:
    """The last days. `usual`: between which percentages the ratio of a day commonly lies, where that is known."""

    countries: tuple[Country, ...]
    days: tuple[Day, ...]
    usual: tuple[float, float] | None

    @property
    def strange(self) -> bool:
        """Whether the last day that has a ratio lies below what is usual."""
        known = [one.percent for one in self.days if one.percent is not None]
        return bool(known) and self.usual is not None and known[-1] < self.usual[0]


def watched(tx: Transaction, now: datetime, zone: ZoneInfo) -> Conversion:
    """The workspace's figures until `now`. A code that is not ten minutes old may still be typed: it is not counted."""
    since = now - SHOWN_FOR
    rows = [
        row for row in verifications.since(tx, since)
        if row["sent"] and (row["state"] != "pending" or row["expires_at"] <= now)
    ]  # fmt: skip
    codes: dict[str, tuple[int, int]] = {}
    daily: dict[date, tuple[int, int]] = {}
    for row in rows:
        good, day = row["state"] == "approved", row["created_at"].astimezone(zone).date()
        codes[row["country"]] = _plus(codes.get(row["country"], (0, 0)), good)
        daily[day] = _plus(daily.get(day, (0, 0)), good)
    clicked = {country: (linked, followed) for country, linked, followed in links.click_rate(tx, since)}
    countries = [
        Country(name, *codes.get(name, (0, 0)), *clicked.get(name, (0, 0))) for name in sorted({*codes, *clicked})
    ]
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in range(SHOWN_FOR.days - 1, -1, -1)]
    shown = tuple(Day(day, *daily.get(day, (0, 0))) for day in days)
    countries.sort(key=lambda one: (-one.sent, -one.linked, one.country))
    return Conversion(tuple(countries), shown, usual(shown[:-1]))


def _plus(sums: tuple[int, int], good: bool) -> tuple[int, int]:
    return sums[0] + 1, sums[1] + good


def usual(days: Sequence[Day]) -> tuple[float, float] | None:
    """Between which percentages most days lie: two deviations around the mean, and never narrower than ten."""
    known = [one.percent for one in days if one.percent is not None]
    if len(known) < DAYS_OF_A_BAND:
        return None
    mean, reach = fmean(known), max(2 * pstdev(known), 5.0)
    return max(mean - reach, 0.0), min(mean + reach, 100.0)
