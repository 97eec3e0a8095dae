"""Long replies come in parts, in any order, not always all of them."""

from __future__ import annotations

from itertools import permutations

import pytest

from core.domain.smpp.texts import Place
from core.providers.smpp.joining import MOST, PATIENCE, Joiner


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_the_parts_of_a_reply_come_in_any_order(order: tuple[int, ...]) -> None:
    joiner = Joiner()
    found = [(reply := joiner.add("+336", "36180", Place(7, 3, number), f"<{number}>", 0)).is_whole for number in order]
    assert found == [False, False, True]
    assert reply.text == "<1><2><3>"
    assert joiner.rest() == []


def test_a_part_that_comes_twice_changes_nothing() -> None:
    joiner = Joiner()
    joiner.add("+336", "36180", Place(7, 2, 1), "a", 0)
    assert not joiner.add("+336", "36180", Place(7, 2, 1), "x", 0).is_whole
    assert joiner.add("+336", "36180", Place(7, 2, 2), "b", 0).text == "ab"


@pytest.mark.parametrize("other", [("+337", "36180", Place(7, 2, 2)), ("+336", "36181", Place(7, 2, 2)),
                                   ("+336", "36180", Place(8, 2, 2)), ("+336", "36180", Place(7, 3, 2))])
def test_parts_of_different_replies_are_never_mixed(other: tuple[str, str, Place]) -> None:
    joiner = Joiner()
    joiner.add("+336", "36180", Place(7, 2, 1), "a", 0)
    assert not joiner.add(*other, "b", 0).is_whole


def test_what_stays_incomplete_is_passed_on_with_a_gap_after_a_while() -> None:
    joiner = Joiner()
    joiner.add("+336", "36180", Place(7, 4, 1), "a", 0)
    joiner.add("+336", "36180", Place(7, 4, 4), "d", 1)
    assert joiner.overdue(PATIENCE - 1) == []
    [late] = joiner.overdue(PATIENCE)
    assert late.text == "a…d"
    assert joiner.overdue(PATIENCE) == []


def test_who_sends_parts_without_end_fills_nothing() -> None:
    joiner = Joiner()
    for number in range(MOST + 20):
        joiner.add(f"+33{number}", "36180", Place(1, 255, 1), "x" * 150, 0)
    assert len(joiner.overdue(1)) == 20
    assert len(joiner.rest()) == MOST


def test_a_reply_that_could_not_be_passed_on_is_whole_again_by_any_of_its_parts() -> None:
    joiner = Joiner()
    joiner.add("+336", "36180", Place(7, 2, 1), "a", 0)
    whole = joiner.add("+336", "36180", Place(7, 2, 2), "b", 0)
    joiner.put_back(whole, Place(7, 2, 2))
    assert joiner.add("+336", "36180", Place(7, 2, 1), "a", 9).text == "ab"
