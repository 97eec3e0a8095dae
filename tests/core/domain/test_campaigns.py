"""Shares add up and stay: who is left out, who comes first, who gets which text, and when the rest is held."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.campaigns import (
    END,
    RECIPIENT,
    By,
    Figures,
    Staged,
    Time,
    Variant,
    cut,
    did_best,
    draw,
    pattern,
    step_of,
    too_bad,
    variant_of,
)

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
NUMBERS = st.integers(0, 99_999_999).map(lambda tail: f"+336{tail:08d}")


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, 100), max_size=4)))
    return tuple(end - start for start, end in zip([0, *cuts], [*cuts, 100], strict=True))


@given(NUMBERS)
def test_a_place_stays_and_is_another_one_in_another_campaign(number: str) -> None:
    assert draw("cmp_a", number) == draw("cmp_a", number)
    assert 0 <= draw("cmp_a", number) < END
    assert draw("cmp_a", number) != draw("cmp_b", number)


@given(st.integers(0, 200_000), st.integers(0, 50), st.one_of(st.none(), st.integers(1, 99)))
def test_the_parts_of_a_crowd_are_no_more_and_no_less_than_said(count: int, holdout: int, first: int | None) -> None:
    parts = cut(count, holdout, first)
    assert 0 <= parts.left_out <= count
    assert abs(parts.left_out - count * holdout / 100) <= 0.5
    rest = count - parts.left_out
    assert 0 <= parts.first <= rest
    if first is None:
        assert parts.first == rest
    else:
        assert 0 <= parts.first - rest * first / 100 < 1
        assert parts.first > 0 or rest == 0


@given(shares())
def test_of_a_hundred_people_each_text_gets_its_share_exactly(parts: tuple[int, ...]) -> None:
    counted = Counter(pattern(parts))
    assert [counted[index] for index in range(len(parts))] == list(parts)


@given(shares(), st.integers(1, 1000))
def test_and_of_any_number_nearly(parts: tuple[int, ...], count: int) -> None:
    variants = [Variant(str(index), share) for index, share in enumerate(parts)]
    counted = Counter(variant_of(variants, place) for place in range(count))
    assert sum(counted.values()) == count
    for index, share in enumerate(parts):
        assert abs(counted[index] - count * share / 100) < len(parts)


def test_shares_that_are_no_hundred_are_none() -> None:
    with pytest.raises(ValueError, match="hundred"):
        pattern((50, 49))


def test_a_wall_time_is_each_persons_own_and_a_moment_that_is_over_is_now() -> None:
    wall = Time(wall=datetime(2026, 12, 1, 11), zone=RECIPIENT)
    assert wall.due(ZoneInfo("Europe/Paris"), NOW) == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert wall.due(ZoneInfo("Indian/Reunion"), NOW) == NOW
    assert Time().due(None, NOW) == NOW
    assert Time(at=NOW + timedelta(hours=1)).due(None, NOW) == NOW + timedelta(hours=1)


@pytest.mark.parametrize(("figures", "code"), [
    (Figures(left=1000, stopped=20), None),
    (Figures(left=1000, stopped=21), "campaign_many_stops"),
    (Figures(left=1000, failed=101), "campaign_many_failures"),
    (Figures(left=5, stopped=1), None),
    (Figures(left=5, stopped=2), "campaign_many_stops"),
    (Figures(), None),
])  # fmt: skip
def test_what_goes_badly_is_held(figures: Figures, code: str | None) -> None:
    why = too_bad(Staged(5), figures)
    assert (why.code if why else None) == code


def test_the_better_text_is_known_by_shares_and_not_by_counts() -> None:
    both = [("A", Figures(left=1000, clicked=20)), ("B", Figures(left=100, clicked=5))]
    assert did_best(By.CLICKS, both) == "B"
    assert did_best(By.REPLIES, both) == "A"


def test_everybody_who_is_lost_is_lost_at_one_step() -> None:
    assert step_of("quarantined", "consent") == "number"
    assert step_of("opted_out", "consent") == "consent"
    assert step_of("sender_bad_name", "sender") == "sent"
    assert step_of("no_window", "hours") == "hours"
    assert step_of("template_syntax") == "text"
