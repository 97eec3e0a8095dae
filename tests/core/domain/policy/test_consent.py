"""Who may get what: an opt-in for marketing, and a STOP that stops what it says."""

from __future__ import annotations

import pytest

from core.domain.messages import MessageClass
from core.domain.policy.consent import ALL, MARKETING, TRANSACTIONAL, Standing, may_send, series


def refusal(klass: MessageClass, standing: Standing, **how: object) -> str | None:
    reason = may_send(klass, standing, **how)
    assert reason is None or reason.sentence("fr") != reason.code
    return reason.code if reason else None


def test_marketing_needs_an_opt_in_or_a_declared_customer():
    assert refusal(MessageClass.MARKETING, Standing()) == "no_marketing_consent"
    assert refusal(MessageClass.MARKETING, Standing(marketing_consent=True)) is None
    assert refusal(MessageClass.MARKETING, Standing(soft_opt_in=True)) is None


@pytest.mark.parametrize("klass", [MessageClass.TRANSACTIONAL, MessageClass.OTP, MessageClass.CONVERSATIONAL])
def test_everything_else_needs_none_and_survives_a_stop_on_marketing(klass):
    assert refusal(klass, Standing()) is None
    assert refusal(klass, Standing(frozenset({MARKETING}))) is None


def test_a_stop_beats_an_earlier_consent():
    assert refusal(MessageClass.MARKETING, Standing(frozenset({MARKETING}), marketing_consent=True)) == "opted_out"


@pytest.mark.parametrize("klass", list(MessageClass))
def test_a_stop_for_everything_stops_everything_but_its_confirmation(klass):
    stopped = Standing(frozenset({ALL}), marketing_consent=True)
    assert refusal(klass, stopped) == "opted_out"
    assert refusal(klass, stopped, confirms_stop=True) is None


def test_a_stop_on_reminders_leaves_codes_and_answers():
    stopped = Standing(frozenset({TRANSACTIONAL}))
    assert refusal(MessageClass.TRANSACTIONAL, stopped) == "opted_out"
    assert refusal(MessageClass.OTP, stopped) is None
    assert refusal(MessageClass.CONVERSATIONAL, stopped) is None


def test_a_partial_stop_ends_one_series():
    stopped = Standing(frozenset({series("physio")}))
    assert refusal(MessageClass.TRANSACTIONAL, stopped, in_series="physio") == "opted_out"
    assert refusal(MessageClass.TRANSACTIONAL, stopped, in_series="dentist") is None
    assert refusal(MessageClass.TRANSACTIONAL, stopped) is None


@pytest.mark.parametrize("klass", list(MessageClass))
def test_nothing_goes_to_a_number_in_quarantine(klass):
    assert refusal(klass, Standing(marketing_consent=True, quarantined=True)) == "quarantined"
