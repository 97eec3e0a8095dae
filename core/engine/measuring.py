"""The figures of a connection: what left, who followed, who ordered, what it cost, and what nudging really brings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.attribution import CERTAINTY, RECOVERED, Uplift, uplift
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.engine import shown
from core.engine.attributing import window_of
from core.storage import conversions, house, rules
from core.storage.conversions import Sums
from core.storage.database import Transaction

DAYS = 30
MOST_DAYS = 92


@dataclass(slots=True)
class Figures:
    """Of one rule in one period. Orders count on the day of the message that they followed. Money: currency →
    millionths."""

    sent: int = 0
    clicked: int = 0
    stops: int = 0
    left_out: int = 0
    recovered: int = 0
    recovered_amount: Counter[str] = field(default_factory=Counter)
    ordered_after: int = 0
    ordered_after_amount: Counter[str] = field(default_factory=Counter)
    left_out_ordered: int = 0
    cost: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        for name in ("sent", "clicked", "stops", "left_out", "recovered", "ordered_after", "left_out_ordered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("recovered_amount", "ordered_after_amount", "cost"):
            getattr(self, name).update(getattr(other, name))

    def as_json(self) -> dict[str, Any]:
        return {
            "nudged": self.sent,
            "clicked": self.clicked,
            "recovered": {"orders": self.recovered, "amounts": _amounts(self.recovered_amount)},
            "ordered_after": {"orders": self.ordered_after, "amounts": _amounts(self.ordered_after_amount)},
            "control_group": {"carts": self.left_out, "orders": self.left_out_ordered},
            "cost": _amounts(self.cost),
            "stops": self.stops,
            "stop_rate": round(self.stops / self.sent, 4) if self.sent else None,
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """One connection's figures from `since` to `until`."""

    installation: str
    name: str
    by_day: Mapping[tuple[str, date], Figures]
    """(rule, day in the workspace's zone)"""
    names: Mapping[str, str]
    """rule → its name"""
    uplift: Uplift
    settled_until: datetime
    """Carts whose message left later are not in `uplift`: their window is still open."""

    def total(self, rule: str | None = None) -> Figures:
        sum_of = Figures()
        for (name, _), figures in self.by_day.items():
            if rule is None or name == rule:
                sum_of.add(figures)
        return sum_of

    def as_json(self, language: str) -> dict[str, Any]:
        told = sorted({name for name, _ in self.by_day})
        return {
            "installation": self.installation,
            "name": self.name,
            "totals": self.total().as_json(),
            "rules": [
                {"rule": rule, "name": self.names.get(rule), **self.total(rule).as_json()} for rule in told
            ],
            "days": [
                {"day": day.isoformat(), "rule": rule, **figures.as_json()}
                for (rule, day), figures in sorted(self.by_day.items(), key=lambda one: (one[0][1], one[0][0]))
            ],
            "uplift": _uplift(self.uplift, language),
            "settled_until": shown.moment(self.settled_until),
        }


def measure(
    tx: Transaction, installation: str, name: str, since: datetime, until: datetime, now: datetime
) -> Measured:
    """A few sums by the database, none over a longer time than was asked for."""
    known = house.workspace(tx, tx.owned)
    settings = known["settings"] if known else house.DEFAULTS
    zone = ZoneInfo(settings["zone"])
    by_day: dict[tuple[str, date], Figures] = {}

    def of(one: Sums) -> Figures:
        day = local(since + one.hour * timedelta(hours=1), zone).date()
        return by_day.setdefault((one.rule, day), Figures())

    for one in conversions.sent(tx, installation, since, until):
        of(one).sent += one.count
        if one.currency:
            of(one).cost[one.currency] += one.amount
    for one in conversions.clicked(tx, installation, since, until):
        of(one).clicked += one.count
    for one in conversions.stopped(tx, installation, since, until):
        of(one).stops += one.count
    for one in conversions.kept_back(tx, installation, since, until):
        of(one).left_out += one.count
    _convert(conversions.converted(tx, installation, since, until), of)
    settled = min(until, now - window_of(settings))
    groups = conversions.groups(tx, installation, since, settled)
    names = {row["id"]: row["name"] for row in rules.rows(tx, installation=installation)}
    return Measured(installation, name, by_day, names, uplift(*groups), settled)


def _convert(found: Iterable[Sums], of: Any) -> None:
    for one in found:
        figures = of(one)
        if one.kind == "control":
            figures.left_out_ordered += one.count
            continue
        recovered = one.kind in RECOVERED
        count, amounts = ("recovered", "recovered_amount") if recovered else ("ordered_after", "ordered_after_amount")
        setattr(figures, count, getattr(figures, count) + one.count)
        if one.currency:
            getattr(figures, amounts)[one.currency] += one.amount


def _amounts(sums: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"amount": amount, "currency": currency} for currency, amount in sorted(sums.items())]


def _uplift(one: Uplift, language: str) -> dict[str, Any]:
    if not one.enough:
        why = Reason("uplift_not_enough", {"nudged": one.nudged, "control": one.control})
    elif not one.certain:
        why = Reason("uplift_unclear")
    else:
        why = Reason("uplift_clear")
    return {
        "nudged": {"carts": one.nudged, "orders": one.nudged_orders},
        "control_group": {"carts": one.control, "orders": one.control_orders},
        "enough": one.enough,
        "points": None if one.difference is None else round(one.difference, 2),
        "low": None if one.low is None else round(one.low, 2),
        "high": None if one.high is None else round(one.high, 2),
        "certainty": CERTAINTY,
        "says": why.as_json(language),
    }
