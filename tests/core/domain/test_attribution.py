"""Which message an order is owed to, and whether nudging really brings anything."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.attribution import How, Said, attributed, interval, uplift

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def said(at: datetime = NOW, message: str | None = "msg_1", **given: object) -> Said:
    return Said("occ_1", "ins_1", "rul_1", at, message, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("placed, one, how", [
    (NOW + HOUR, said(), How.AFTER),
    (NOW + HOUR, said(clicks=(NOW + MINUTE,)), How.CLICK),
    (NOW + HOUR, said(clicks=(NOW + 2 * HOUR,)), How.AFTER),
    (NOW + HOUR, said(code="ANA10"), How.CODE),
    (NOW + HOUR, said(message=None), How.CONTROL),
    (NOW + 24 * HOUR - MINUTE, said(clicks=(NOW,)), How.CLICK),
    (NOW + 24 * HOUR, said(clicks=(NOW,)), None),
    (NOW - MINUTE, said(), None),
])
def test_an_order_within_the_window(placed: datetime, one: Said, how: How | None) -> None:
    found = attributed(placed, [one], codes=[" ana10 "])

    assert (found.how if found else None) == how


def test_a_click_counts_more_than_a_code_than_the_order_of_things_than_absence() -> None:
    all_of_them = [
        said(NOW + 3 * MINUTE, None), said(NOW + 2 * MINUTE, "msg_after"), said(NOW + MINUTE, "msg_code", code="A"),
        said(NOW, "msg_click", clicks=(NOW + HOUR,)),
    ]  # fmt: skip
    for expected in ("msg_click", "msg_code", "msg_after", None):
        found = attributed(NOW + 2 * HOUR, all_of_them, codes=["a"])
        assert found is not None
        assert found.said.message == expected
        all_of_them.pop()


def test_of_two_that_are_alike_the_later_one_and_the_link_that_led_there_before_all() -> None:
    two = [said(NOW, "msg_1"), said(NOW + MINUTE, "msg_2")]

    later, led = attributed(NOW + HOUR, two), attributed(NOW + HOUR, two, clicked="msg_1")

    assert later is not None
    assert led is not None
    assert (later.said.message, led.said.message, led.how) == ("msg_2", "msg_1", How.CLICK)


@pytest.mark.parametrize("hits, of, low, high", [
    (0, 10, 0.0, 0.30850), (5, 10, 0.18709, 0.81291), (10, 10, 0.69150, 1.0), (1, 1, 0.025, 1.0),
    (50, 1000, 0.03734, 0.06539), (0, 1, 0.0, 0.975),
])
def test_the_exact_interval(hits: int, of: int, low: float, high: float) -> None:
    """Values of Clopper and Pearson's tables."""
    assert interval(hits, of) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize("groups", [(29, 20, 500, 20), (500, 20, 29, 20), (500, 5, 500, 4), (0, 0, 0, 0)])
def test_too_few_carts_say_nothing(groups: tuple[int, int, int, int]) -> None:
    found = uplift(*groups)

    assert not found.enough
    assert (found.difference, found.low, found.high, found.certain) == (None, None, None, False)


def test_a_difference_is_shown_with_what_it_may_be() -> None:
    unclear, clear = uplift(400, 60, 40, 3), uplift(4000, 600, 400, 30)

    assert unclear.enough
    assert not unclear.certain
    assert clear.certain
    assert clear.difference == pytest.approx(7.5)
    assert clear.low is not None
    assert clear.high is not None
    assert 0 < clear.low < 7.5 < clear.high < 15


@pytest.mark.parametrize("p, q", [(0.1, 0.1), (0.3, 0.1), (0.02, 0.05), (0.5, 0.5)])
def test_the_interval_holds_as_often_as_it_says(p: float, q: float) -> None:
    """Added up over all outcomes of two groups of 30: it misses the truth one time in twenty at most."""
    n = 30
    limits = {hits: interval(hits, n, math.sqrt(0.95)) for hits in range(n + 1)}

    def chance(hits: int, share: float) -> float:
        return math.comb(n, hits) * share**hits * (1 - share) ** (n - hits)

    missed = sum(
        chance(a, p) * chance(b, q)
        for a in range(n + 1)
        for b in range(n + 1)
        if not limits[a][0] - limits[b][1] <= p - q <= limits[a][1] - limits[b][0]
    )
    assert missed <= 0.05


def test_more_orders_than_carts_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError):
        uplift(1, 2, 1, 0)
