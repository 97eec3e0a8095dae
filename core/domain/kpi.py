"""A figure as it is shown: what was counted, out of what, by which formula, and what it was in the period before.

No figure is invented: a text message does not tell whether it was read, so that there is no share of reads of it, and a
link that a robot looked into was followed by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from core.domain.messages import Channel
from core.domain.reasons import Reason

TELL_READS = frozenset({Channel.RCS, Channel.WHATSAPP})
"""Channels on which a phone tells that a message was opened."""
THOUSAND = 1000
CENT = 10_000  # micro-units


class Unit(StrEnum):
    """What a figure is."""

    COUNT = "count"
    SHARE = "share"
    MONEY = "money"  # micro-units of its currency


@dataclass(frozen=True, slots=True)
class Formula:
    """`top` out of `bottom`, by the names of what is counted; `times` for "of a thousand"."""

    unit: Unit
    top: str
    bottom: str | None = None
    times: int = 1


FORMULAS: Mapping[str, Formula] = MappingProxyType(
    {
        "left": Formula(Unit.COUNT, "left"),
        "delivered": Formula(Unit.SHARE, "delivered", "left"),
        "failed": Formula(Unit.SHARE, "failed", "left"),
        "read": Formula(Unit.SHARE, "read", "delivered_where_read"),
        "clicked": Formula(Unit.SHARE, "clicked", "linked"),
        "answered": Formula(Unit.SHARE, "answered", "asked"),
        "stops": Formula(Unit.SHARE, "stops", "left"),
        "cost": Formula(Unit.MONEY, "micros"),
        "cost_per_delivered": Formula(Unit.MONEY, "micros", "delivered"),
        "recovered": Formula(Unit.COUNT, "recovered"),
        "revenue": Formula(Unit.MONEY, "amount"),
        "revenue_per_thousand": Formula(Unit.MONEY, "amount", "left", THOUSAND),
    }
)


@dataclass(frozen=True, slots=True)
class Kpi:
    """`top` and `bottom` as counted (money in micro-units of `currency`), of the period and of the one before."""

    name: str
    top: int
    bottom: int | None = None
    before_top: int = 0
    before_bottom: int | None = None
    currency: str | None = None

    @property
    def formula(self) -> Formula:
        return FORMULAS[self.name]

    @property
    def value(self) -> float | int | None:
        """A share of 1, a count, or micro-units; None where there is nothing to divide by."""
        return self._of(self.top, self.bottom)

    @property
    def before(self) -> float | int | None:
        """The same of the period before."""
        return self._of(self.before_top, self.before_bottom)

    @property
    def change(self) -> float | None:
        """Since the period before: in points for a share, else in percent; None where there was nothing."""
        value, before = self.value, self.before
        if value is None or before is None:
            return None
        if self.formula.unit is Unit.SHARE:
            return 100 * (value - before)
        return 100 * (value - before) / before if before else None

    def _of(self, top: int, bottom: int | None) -> float | int | None:
        if self.formula.bottom is None:
            return top
        if not bottom:
            return None
        if self.formula.unit is Unit.SHARE:
            return top / bottom
        divided = top * self.formula.times / bottom
        # What is divided for a thousand is nobody's bill: the cent is exact enough.
        return round(divided / CENT) * CENT if self.formula.times > 1 else round(divided)

    def says(self, hours: int) -> Reason:
        """The formula as a sentence; `hours` for which an order is owed to a message."""
        return Reason(f"kpi_{self.name}", {"hours": hours})

    def as_json(self, language: str, hours: int) -> dict[str, Any]:
        """As the API shows it."""
        value, before, change = self.value, self.before, self.change
        return {
            "name": self.name,
            "unit": str(self.formula.unit),
            "value": round(value, 6) if isinstance(value, float) else value,
            "currency": self.currency,
            "numerator": {"name": self.formula.top, "count": self.top},
            "denominator": {"name": self.formula.bottom, "count": self.bottom or 0} if self.formula.bottom else None,
            "formula": self.says(hours).sentence(language),
            "before": round(before, 6) if isinstance(before, float) else before,
            "change": None if change is None else round(change, 2),
        }
