"""Which orders came after a message of ours, by what we know it, and what nudging brings against leaving people alone.

An order is counted once. "Recovered" are orders within the stated window after our message whose person followed its
link or used its code; those who ordered without either are counted apart, since many of them would have ordered anyway.
How many would is what the control group tells, with an interval that holds however small the sample is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WINDOW = timedelta(hours=24)
MOST_HOURS = 7 * 24
"""The longest window that a workspace may choose: beyond a week, nobody would call it the message's doing."""
LEAST_CARTS = 30
"""Of each group, before the difference is shown at all."""
LEAST_ORDERS = 10
"""Of both groups together."""
CERTAINTY = 0.95


class How(StrEnum):
    """By what we know that an order followed a message."""

    CLICK = "click"
    CODE = "code"
    AFTER = "after"  # within the window, without click or code
    CONTROL = "control"  # no message: somebody who was left out


RECOVERED = frozenset({How.CLICK, How.CODE})


@dataclass(frozen=True, slots=True)
class Said:
    """A message about cart `cart` that left at `at`, or with `message` None that it was kept back then."""

    cart: str
    installation: str
    rule: str
    at: datetime
    message: str | None = None
    clicks: tuple[datetime, ...] = ()
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """An order that came within the window after `said`."""

    how: How
    said: Said


def attributed(
    placed_at: datetime,
    said: Iterable[Said],
    *,
    codes: Iterable[str] = (),
    clicked: str | None = None,
    window: timedelta = WINDOW,
) -> Conversion | None:
    """To what the order that was placed then is owed, of all that was `said` to its person; None if to nothing.

    `codes`: the discount codes that it used; `clicked`: the message whose link led to it, where the shop tells that.
    A click counts more than a code, a code more than the order of things, a message more than its absence; of two that
    are alike the later one.
    """
    used = {code.strip().casefold() for code in codes if code.strip()}
    found = [(_how(one, placed_at, used, clicked), one) for one in said if one.at <= placed_at < one.at + window]
    if not found:
        return None
    how, one = max(found, key=lambda pair: (-_ORDER.index(pair[0]), pair[1].at, pair[1].cart))
    return Conversion(how, one)


_ORDER = (How.CLICK, How.CODE, How.AFTER, How.CONTROL)


def _how(one: Said, placed_at: datetime, used: set[str], clicked: str | None) -> How:
    if one.message is None:
        return How.CONTROL
    if one.message == clicked or any(one.at <= click <= placed_at for click in one.clicks):
        return How.CLICK
    return How.CODE if one.code and one.code.strip().casefold() in used else How.AFTER


# ---------------------------------------------------------------------------------------------- the honest figure


@dataclass(frozen=True, slots=True)
class Uplift:
    """How many more of a hundred carts end in an order with nudging: `difference`, and the interval from `low` to
    `high` that holds it with at least `CERTAINTY`. All three are None while there is not `enough` to say."""

    nudged: int
    nudged_orders: int
    control: int
    control_orders: int
    enough: bool
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def certain(self) -> bool:
        """Whether the interval lies wholly on one side of nothing."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def uplift(nudged: int, nudged_orders: int, control: int, control_orders: int) -> Uplift:
    """The difference of two rates, in percentage points. Raises `ValueError` for more orders than carts."""
    if not (0 <= nudged_orders <= nudged and 0 <= control_orders <= control):
        raise ValueError("a group cannot have more carts that were ordered than carts")
    enough = min(nudged, control) >= LEAST_CARTS and nudged_orders + control_orders >= LEAST_ORDERS
    if not enough:
        return Uplift(nudged, nudged_orders, control, control_orders, False)
    # The groups are independent: each interval holds with the root of the certainty, both together with all of it.
    each = math.sqrt(CERTAINTY)
    mine, theirs = interval(nudged_orders, nudged, each), interval(control_orders, control, each)
    difference = nudged_orders / nudged - control_orders / control
    return Uplift(
        nudged, nudged_orders, control, control_orders, True,
        100 * difference, 100 * (mine[0] - theirs[1]), 100 * (mine[1] - theirs[0]),
    )  # fmt: skip


def interval(hits: int, of: int, certainty: float = CERTAINTY) -> tuple[float, float]:
    """Clopper and Pearson's exact interval for a share: it holds with at least `certainty`, for every sample size."""
    tail = (1 - certainty) / 2
    low = 0.0 if hits == 0 else _beta_quantile(tail, hits, of - hits + 1)
    high = 1.0 if hits == of else _beta_quantile(1 - tail, hits + 1, of - hits)
    return low, high


def _beta_quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _beta_below(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    """The share of the beta distribution (a, b) below `x`: the regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges quickly on this side of the mean, and its mirror image on the other.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny, close = 1e-300, 1e-14
    upper, lower = 1.0, 1 - (a + b) * x / (a + 1)
    lower = 1 / (lower or tiny)
    value = lower
    for m in range(1, 10_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            lower = 1 / ((1 + step * lower) or tiny)
            upper = (1 + step / upper) or tiny
            value *= upper * lower
        if abs(upper * lower - 1) < close:
            break
    return value
