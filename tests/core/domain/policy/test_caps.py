"""Caps: the message that would go over is the first one that is held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.messages import MessageClass
from core.domain.policy.caps import Cap, Counts, Measure, Period, over_cap

NOW = datetime(2026, 10, 25, 9, 20, tzinfo=UTC)              # Sunday of the change of clocks, 10:20 in Paris
DAILY = Cap("daily", Measure.MESSAGES, 500, Period.DAY, "Europe/Paris")
MONEY = Cap("budget", Measure.MONEY, 20_000_000, Period.MONTH, "Europe/Paris", currency="EUR")
WEEKLY = Cap("calm", Measure.PERSON, 2, timedelta(days=7), classes=frozenset({MessageClass.MARKETING}))


def test_the_last_message_within_a_cap_leaves_and_the_next_does_not():
    assert over_cap(Counts({"daily": 499}), [DAILY], MessageClass.TRANSACTIONAL, NOW) is None
    reason = over_cap(Counts({"daily": 500}), [DAILY], MessageClass.TRANSACTIONAL, NOW)
    assert reason is not None
    assert reason.code == "over_messages_cap"
    assert reason.values["again"] == "2026-10-25T23:00:00+00:00"
    assert "500" in reason.sentence("fr")


def test_money_counts_what_the_message_would_cost():
    nearly = {"budget": 19_950_000}
    assert over_cap(Counts(nearly, 50_000, "EUR"), [MONEY], MessageClass.OTP, NOW) is None
    reason = over_cap(Counts(nearly, 50_001, "EUR"), [MONEY], MessageClass.OTP, NOW)
    assert reason is not None
    assert reason.code == "over_money_cap"
    assert over_cap(Counts(nearly, 50_001, "USD"), [MONEY], MessageClass.OTP, NOW) is None


def test_a_person_is_left_in_peace_by_marketing_and_still_gets_reminders():
    heard = Counts({"calm": 2})
    reason = over_cap(heard, [WEEKLY], MessageClass.MARKETING, NOW)
    assert reason is not None
    assert reason.code == "over_person_cap"
    assert (reason.values["period"], reason.values["again"]) == ("P7D", None)
    assert over_cap(heard, [WEEKLY], MessageClass.TRANSACTIONAL, NOW) is None


def test_the_first_cap_that_is_full_is_named():
    reason = over_cap(Counts({"daily": 500, "calm": 9}), [WEEKLY, DAILY], MessageClass.MARKETING, NOW)
    assert reason is not None
    assert reason.values["cap"] == "calm"


@pytest.mark.parametrize(("period", "start", "end"), [
    (Period.HOUR, "2026-10-25T09:00", "2026-10-25T10:00"),
    (Period.DAY, "2026-10-24T22:00", "2026-10-25T23:00"),                # 25 hours long
    (Period.WEEK, "2026-10-18T22:00", "2026-10-25T23:00"),
    (Period.MONTH, "2026-09-30T22:00", "2026-10-31T23:00"),
])
def test_periods_are_those_of_the_calendar_where_the_workspace_lives(period, start, end):
    since, until = Cap("any", Measure.MESSAGES, 1, period, "Europe/Paris").span(NOW)
    assert (since, until) == tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
