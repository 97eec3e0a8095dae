"""What reminders may bring, as a range and never as a promise: a small calculation over figures that people can change.

The range is that of controlled trials, because nobody knows beforehand where in it a place will be. Source:
Gurol-Urganci and others, "Mobile phone messaging reminders for attendance at healthcare appointments", Cochrane
Database of Systematic Reviews 2013, CD007458: without a reminder 67.8 % came; a text message multiplied that by 1.03
to 1.26 (95 %). Of the 32.2 % who did not come, that is 6 % to 55 % who come after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_CAME, _LOW, _HIGH = 0.678, 1.03, 1.26
FEWER_LOW = round(_CAME * (_LOW - 1) / (1 - _CAME), 2)
FEWER_HIGH = round(_CAME * (_HIGH - 1) / (1 - _CAME), 2)
WEEKS_A_MONTH = 52 / 12
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Slider:
    """What can be supposed: from `least` to `most`, in steps; `usual` where nothing is known."""

    least: float
    most: float
    step: float
    usual: float


SLIDERS: Mapping[str, Slider] = MappingProxyType(
    {
        "visits": Slider(1, 1000, 1, 60),  # a week
        "missed": Slider(0, 50, 0.5, 10),  # percent, without reminders
        "price": Slider(0, 500, 1, 40),  # of a visit, in the workspace's currency
        "reachable": Slider(0, 100, 1, 80),  # percent of people who can be written to
        "cost": Slider(0, 1, 0.001, 0.052),  # of a message
    }
)


@dataclass(frozen=True, slots=True)
class Supposed:
    """Of a month: visits that are missed, messages and their cost, and from `low` to `high` how many visits are saved
    and what that brings beyond the cost. Money in micro-units."""

    missed: float
    messages: int
    cost: int
    saved: tuple[float, float]
    gain: tuple[int, int]


def suppose(given: Mapping[str, float], fewer: tuple[float, float] = (FEWER_LOW, FEWER_HIGH)) -> Supposed:
    """`given`: a value for each of `SLIDERS`. `fewer`: the share of missed visits that reminders save, from and to."""
    visits = given["visits"] * WEEKS_A_MONTH
    missed = visits * given["missed"] / 100
    reached = given["reachable"] / 100
    messages = round(visits * reached)
    cost = round(messages * given["cost"] * MILLION)
    low, high = (missed * reached * share for share in fewer)
    price = given["price"] * MILLION
    return Supposed(missed, messages, cost, (low, high), (round(low * price) - cost, round(high * price) - cost))


def within(name: str, value: float) -> float:
    """`value` where that slider can stand."""
    one = SLIDERS[name]
    return min(one.most, max(one.least, value))
