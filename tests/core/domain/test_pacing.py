"""A rate is never exceeded over time, bulk leaves room for what is urgent, and those who wait come back one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.domain.pacing import full, limits, may, queued, refilled, taken

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@given(st.floats(0.1, 500), st.lists(st.tuples(st.floats(0, 3), st.integers(0, 50), st.booleans()), max_size=60))
def test_no_more_leave_than_the_rate_allows_and_a_second_s_worth_at_once(rate, turns):
    bucket, now, left = full(rate, NOW), NOW, 0
    for gone, wanted, bulk in turns:
        now += timedelta(seconds=gone)
        bucket = refilled(bucket, rate, now)
        for _ in range(wanted):
            if may(bucket, rate, bulk=bulk):
                bucket, left = taken(bucket), left + 1
        assert left <= (now - NOW).total_seconds() * rate + max(1.0, rate) + 1e-3


def test_bulk_leaves_a_fifth_of_a_second_to_the_urgent():
    bucket, left = full(10, NOW), 0
    while may(bucket, 10, bulk=True):
        bucket, left = taken(bucket), left + 1
    assert left == 8
    assert may(bucket, 10, bulk=False)


def test_those_who_wait_are_given_moments_one_after_the_other_in_two_queues():
    bucket = full(2, NOW)
    bucket, first = queued(bucket, 2, NOW, bulk=True)
    bucket, second = queued(bucket, 2, NOW, bulk=True)
    bucket, urgent = queued(bucket, 2, NOW, bulk=False)
    assert [(one - NOW).total_seconds() for one in (first, second, urgent)] == [0.5, 1.0, 0.5]


def test_a_message_is_subject_to_the_rates_of_its_account_its_sender_and_its_country():
    rates = {"sender": 1, "senders": {"CABINET": 5}, "countries": {"US": 2}}
    assert limits("acc", 20, rates, "CABINET", "US") == (("acc", 20.0), ("acc/from/CABINET", 5.0), ("acc/to/US", 2.0))
    assert limits("acc", None, rates, "AUTRE", "FR") == (("acc/from/AUTRE", 1.0),)
    assert limits("acc", None, {}, None, "FR") == ()
