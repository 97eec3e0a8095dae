"""The figures of a period beside those of the period before it, from the sums of days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.kpi import TELL_READS, Kpi
from core.domain.policy.walltime import at_wall
from core.engine import measures as following
from core.engine.attributing import window_of
from core.storage import house, measures
from core.storage.database import Transaction
from core.suite import Suite

MOST_DAYS = 400
FILTERS = ("installation", "rule", "campaign", "channel", "class", "country")
ANSWERED_WITHIN = tuple(
    timedelta(minutes=one) for one in (5, 15, 60, 4 * 60, 24 * 60)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included, where the workspace is."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """As long, and just before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.zone)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The first moment of it, and the first after it."""
        return at_wall(self.first, time(), self.zone), at_wall(self.last + timedelta(days=1), time(), self.zone)


def period(first: date, last: date, zone: ZoneInfo) -> Period:
    """Raises `BadInput` for one that ends before it begins or is too long."""
    if not 0 <= (last - first).days < MOST_DAYS:
        raise BadInput("period_wrong", pointer="/until", most=MOST_DAYS)
    return Period(first, last, zone)


@dataclass(slots=True)
class Sums:
    """What was counted. `micros` and `amounts`: currency → micro-units."""

    counts: Counter[str] = field(default_factory=Counter)
    micros: Counter[str] = field(default_factory=Counter)
    amounts: Counter[str] = field(default_factory=Counter)

    def add(self, figures: Mapping[str, int], currency: str, *, reads: bool) -> None:
        for name, value in figures.items():
            if name == "micros":
                if currency and value:
                    self.micros[currency] += value
            else:
                self.counts[name] += value
        if reads:
            self.counts["delivered_where_read"] += figures["delivered"]
            self.counts["read_where_read"] += figures["read"]

    def earned(self, orders: int, amount: int, currency: str) -> None:
        self.counts["recovered"] += orders
        if currency:
            self.amounts[currency] += amount


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a period. `orders`: whether orders are known here at all; `live`: whether nothing is newer."""

    period: Period
    only: Mapping[str, str]
    total: Sums
    before: Sums
    channels: Mapping[str, tuple[Sums, Sums]]
    days: Mapping[date, Sums]
    days_before: Mapping[date, Sums]
    orders: bool
    hours: int
    live: bool = True

    def kpis(self, channel: str | None = None) -> list[Kpi]:
        """All of them, or those of one channel."""
        if channel is None:
            return list(told(self.total, self.before, orders=self.orders))
        return list(told(*self.channels[channel], orders=self.orders))

    def as_json(self, language: str) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "since": self.period.first.isoformat(),
            "until": self.period.last.isoformat(),
            "before": {"since": self.period.before.first.isoformat(), "until": self.period.before.last.isoformat()},
            "zone": self.period.zone.key,
            "filters": dict(self.only),
            "attribution_hours": self.hours,
            "live": self.live,
            "figures": [one.as_json(language, self.hours) for one in self.kpis()],
            "channels": [
                {"channel": name, "figures": [one.as_json(language, self.hours) for one in self.kpis(name)]}
                for name in sorted(self.channels)
            ],
            "days": [
                {"day": day.isoformat(), **{name: sums.counts[name] for name in measures.FIGURES if name != "micros"},
                 "cost": [{"amount": micros, "currency": one} for one, micros in sorted(sums.micros.items())]}
                for day, sums in sorted(self.days.items())
            ],
        }  # fmt: skip


def told(sums: Sums, before: Sums, *, orders: bool) -> Iterator[Kpi]:
    """What can be said of these sums: no share of reads where no channel tells them, no revenue without orders."""
    now, was = sums.counts, before.counts
    yield Kpi("left", now["left"], None, was["left"])
    for name, top, bottom in (
        ("delivered", "delivered", "left"), ("failed", "failed", "left"),
        ("read", "read_where_read", "delivered_where_read"), ("clicked", "clicked", "linked"),
        ("answered", "answered", "asked"), ("stops", "stops", "left"),
    ):  # fmt: skip
        if name == "read" and not now[bottom]:
            continue
        yield Kpi(name, now[top], now[bottom], was[top], was[bottom])
    for currency in sorted(sums.micros):
        spent = (sums.micros[currency], before.micros[currency])
        yield Kpi("cost", spent[0], None, spent[1], None, currency)
        yield Kpi("cost_per_delivered", spent[0], now["delivered"], spent[1], was["delivered"], currency)
    if orders:
        yield Kpi("recovered", now["recovered"], None, was["recovered"])
        for currency in sorted(sums.amounts):
            earned = (sums.amounts[currency], before.amounts[currency])
            yield Kpi("revenue", earned[0], None, earned[1], None, currency)
            yield Kpi("revenue_per_thousand", earned[0], now["left"], earned[1], was["left"], currency)


def measure(suite: Suite, workspace: str, wanted: Period, only: Mapping[str, str]) -> Measured:
    """The figures of `wanted`, narrowed by `only` (see `FILTERS`). A few sums over days, however many messages."""
    before = wanted.before
    live = following.bring_up(suite, workspace, before.first, wanted.last)
    with suite.database.read(workspace) as tx:
        known = house.workspace(tx, workspace)
        orders = bool(measures.shops(tx))
        here, there = _sums(tx, wanted, only, orders), _sums(tx, before, only, orders)
    names = sorted({*here.channels, *there.channels})
    return Measured(
        wanted, only, here.total, there.total,
        {name: (here.channels.get(name, Sums()), there.channels.get(name, Sums())) for name in names},
        here.days, there.days, orders,
        window_of(known["settings"] if known else {}) // timedelta(hours=1), live,
    )  # fmt: skip


@dataclass(slots=True)
class _Read:
    total: Sums = field(default_factory=Sums)
    channels: dict[str, Sums] = field(default_factory=dict)
    days: dict[date, Sums] = field(default_factory=dict)


def _sums(tx: Transaction, wanted: Period, only: Mapping[str, str], orders: bool) -> _Read:
    read = _Read()
    asked = measures.Asked(wanted.first, wanted.last, only)
    for (day, channel, currency), figures in measures.sums(tx, asked, "day", "channel").items():
        reads = channel in TELL_READS
        places = (
            read.total,
            read.channels.setdefault(channel, Sums()),
            read.days.setdefault(date.fromisoformat(day), Sums()),
        )
        for one in places:
            one.add(figures, currency, reads=reads)
    if orders:
        for (channel, currency), (count, amount) in measures.recovered(tx, *wanted.bounds, only).items():
            for one in (read.total, read.channels.setdefault(channel, Sums())):
                one.earned(count, amount, currency)
    return read
