"""Figures and suppositions: nothing is divided by nothing, and a range stays one."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from core.domain.kpi import FORMULAS, Kpi
from core.domain.sentences import SENTENCES
from core.domain.supposing import FEWER_HIGH, FEWER_LOW, MILLION, SLIDERS, suppose, within


def test_each_figure_has_a_formula_in_words():
    assert {f"kpi_{name}" for name in FORMULAS} <= set(SENTENCES)


def test_shares_are_compared_in_points_and_sums_in_percent():
    shares = Kpi("delivered", 90, 100, 40, 50)
    assert (shares.value, shares.before, round(shares.change or 0, 6)) == (0.9, 0.8, 10.0)
    assert Kpi("left", 150, None, 100).change == 50.0
    assert Kpi("revenue_per_thousand", 5 * MILLION, 200, 0, 0, "EUR").value == 25 * MILLION


def test_nothing_is_divided_by_nothing():
    assert Kpi("clicked", 0, 0, 0, 0).value is None
    assert Kpi("clicked", 0, 0, 3, 4).change is None
    assert Kpi("left", 5, None, 0).change is None
    assert Kpi("clicked", 0, 0).as_json("fr", 24)["value"] is None


VALUES = strategies.fixed_dictionaries({
    name: strategies.floats(one.least, one.most) for name, one in SLIDERS.items()
})  # fmt: skip


@given(VALUES)
def test_a_supposition_is_a_range_within_what_is_missed(values):
    found = suppose(values)
    low, high = found.saved
    assert 0 <= low <= high <= found.missed + 1e-9
    assert found.gain[0] <= found.gain[1]
    assert found.gain[0] >= -found.cost


def test_the_range_is_that_of_the_trials():
    assert (FEWER_LOW, FEWER_HIGH) == (0.06, 0.55)
    found = suppose({"visits": 60, "missed": 10, "price": 40, "reachable": 100, "cost": 0.05})
    assert (round(found.missed), found.messages, found.cost) == (26, 260, 13 * MILLION)
    assert [round(one / MILLION, 2) for one in found.gain] == [round(share * 1040 - 13, 2) for share in (0.06, 0.55)]


@pytest.mark.parametrize(("name", "given", "stands"), [("missed", 90, 50), ("visits", -3, 1), ("cost", 0.05, 0.05)])
def test_a_slider_stays_on_its_rail(name, given, stands):
    assert within(name, given) == stands
