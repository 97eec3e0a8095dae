"""When to try again: never sooner than asked, never after it is useful, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.domain.retries import GIVE_UP, LONGEST, MOST_TRIES, WEBHOOK_PAUSES, next_attempt, next_delivery

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
NONE = timedelta()
seconds = st.integers(0, 100_000).map(lambda n: timedelta(seconds=n))


def test_the_pause_doubles_from_a_quarter_of_a_minute_to_half_an_hour() -> None:
    waits = [next_attempt(NONE, tries, NOW, None) for tries in range(10)]
    assert [int((at - NOW).total_seconds()) for at in waits if at] == [15, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800]


@given(seconds, st.integers(0, 200), st.none() | seconds)
def test_never_before_the_moment_that_was_asked_for_and_never_after_the_last_useful_one(after, tries, useful) -> None:
    deadline = None if useful is None else NOW + useful
    at = next_attempt(after, tries, NOW, deadline)
    if at is None:
        assert (deadline is not None and NOW + max(after, LONGEST) > deadline) or tries >= MOST_TRIES
        return
    assert at >= NOW + after
    assert at > NOW
    assert deadline is None or at <= deadline


@given(seconds, st.integers(0, 500))
def test_more_tries_never_mean_a_shorter_pause(after, tries) -> None:
    far = NOW + timedelta(days=400)
    sooner, later = next_attempt(after, tries, NOW, far), next_attempt(after, tries + 1, NOW, far)
    assert sooner is not None
    assert later is not None
    assert sooner <= later


def test_the_last_useful_moment_is_still_tried() -> None:
    assert next_attempt(NONE, 0, NOW, NOW + timedelta(seconds=15)) == NOW + timedelta(seconds=15)
    assert next_attempt(NONE, 0, NOW, NOW + timedelta(seconds=14)) is None


def test_without_a_deadline_it_takes_a_day_and_then_it_is_over() -> None:
    at: datetime | None = NOW
    tries = 0
    while (then := next_attempt(NONE, tries, at, None)) is not None:
        at, tries = then, tries + 1
    assert tries == MOST_TRIES
    assert timedelta(hours=22) < at - NOW < timedelta(hours=26)


def test_where_it_is_known_since_when_a_day_counts_from_then() -> None:
    begun = NOW - GIVE_UP + timedelta(seconds=20)
    assert next_attempt(NONE, 0, NOW, None, begun) == NOW + timedelta(seconds=15)
    assert next_attempt(NONE, 1, NOW, None, begun) is None


def test_a_webhook_is_sent_again_for_more_than_a_day_and_each_wait_is_spread() -> None:
    at = NOW
    for tries in range(1, len(WEBHOOK_PAUSES) + 1):
        early, late = next_delivery(tries, at, 0.0), next_delivery(tries, at, 1.0)
        assert early is not None
        assert late is not None
        assert late - at == (early - at) * 1.2
        at = early
    assert timedelta(hours=24) < at - NOW < timedelta(hours=36)
    assert next_delivery(len(WEBHOOK_PAUSES) + 1, at, 0.0) is None
