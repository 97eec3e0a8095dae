"""What French law says of prospecting by telephone, on the day that it is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.domain.messages import Channel, MessageClass
from core.domain.policy.calling import check_caller, may_be_called, once_more
from core.domain.policy.consent import Standing
from core.domain.policy.countries import rules_for
from core.domain.policy.decision import Leave, Never, Policy
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient

MARKETING, TRANSACTIONAL = MessageClass.MARKETING, MessageClass.TRANSACTIONAL
BEFORE, SINCE = date(2026, 8, 10), date(2026, 8, 11)
PARIS = ZoneInfo("Europe/Paris")
ANA = Recipient("+33639980001", "FR", Line.MOBILE)
YES = Standing(marketing_consent=True, calls=True)
NOW = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)


def rules(on: date = SINCE, klass: MessageClass = MARKETING, country: str = "FR"):
    return rules_for(country, Channel.VOICE, klass, on)


def code(reason: Reason | None) -> str | None:
    return reason and reason.code


# consent


def test_before_the_eleventh_of_august_2026_a_yes_to_advertising_was_enough() -> None:
    assert may_be_called(MARKETING, Standing(marketing_consent=True), rules(BEFORE)) is None


@pytest.mark.parametrize(("standing", "expected"), [
    (Standing(marketing_consent=True), "voice_no_consent"),
    (Standing(soft_opt_in=True), "voice_no_consent"),
    (YES, None)])
def test_since_then_it_takes_a_yes_to_calls(standing: Standing, expected: str | None) -> None:
    assert code(may_be_called(MARKETING, standing, rules(SINCE))) == expected


@pytest.mark.parametrize("country", ["FR", "RE", "GP", "MQ", "GF", "YT"])
def test_overseas_too(country: str) -> None:
    found = may_be_called(MARKETING, Standing(marketing_consent=True), rules(country=country))
    assert code(found) == "voice_no_consent"


def test_a_reminder_asks_for_no_consent_to_calls() -> None:
    assert may_be_called(TRANSACTIONAL, Standing(), rules(klass=TRANSACTIONAL)) is None


@pytest.mark.parametrize("klass", [MARKETING, TRANSACTIONAL])
def test_who_wants_no_calls_gets_none(klass: MessageClass) -> None:
    refuses = Standing(frozenset({"voice"}), marketing_consent=True, calls=True)

    assert code(may_be_called(klass, refuses, rules(klass=klass))) == "voice_refused"
    assert may_be_called(MessageClass.OTP, refuses, rules(klass=MessageClass.OTP)) is None, "a code was asked for"


# the number that is shown


@pytest.mark.parametrize("number", [
    "+33162000001", "+33163000001", "+33270000001", "+33271000001", "+33377000001", "+33378000001", "+33424000001",
    "+33425000001", "+33568000001", "+33569000001", "+33948000001", "+33949000001", "+33947500001", "+33947900001"])
def test_numbers_that_are_reserved_for_it(number: str) -> None:
    assert check_caller(number, rules()) is None


@pytest.mark.parametrize("number", ["+33142000001", "+33937000001", "+33161000001", "+33947400001", "+441632960001"])
def test_any_other_number_prospects_nobody(number: str) -> None:
    assert code(check_caller(number, rules())) == "voice_caller_not_for_prospecting"
    assert check_caller(number, rules(klass=TRANSACTIONAL)) is None


# how often


def test_four_attempts_in_thirty_days_answered_or_not() -> None:
    made = [NOW - timedelta(days=day) for day in (29, 20, 3, 1)]

    found = once_more(rules(), made, None, NOW)
    assert found is not None
    reason, again = found
    assert (reason.code, again) == ("voice_attempts", NOW + timedelta(days=1))
    assert once_more(rules(), made, None, again) is None
    assert once_more(rules(), made[1:], None, NOW) is None
    assert once_more(rules(klass=TRANSACTIONAL), made, None, NOW) is None


def test_sixty_days_of_silence_after_a_refusal() -> None:
    refused = NOW - timedelta(days=59)

    found = once_more(rules(), [], refused, NOW)
    assert found is not None
    assert (found[0].code, found[1]) == ("voice_refused_lately", NOW + timedelta(days=1))
    assert once_more(rules(), [], refused, NOW + timedelta(days=1)) is None
    assert once_more(rules(klass=TRANSACTIONAL), [], refused, NOW) is None


def test_of_two_reasons_the_one_that_lasts_longer() -> None:
    found = once_more(rules(), [NOW - timedelta(days=1)] * 4, NOW - timedelta(days=1), NOW)

    assert found is not None
    assert found[0].code == "voice_refused_lately"


# hours, by the consumer's clock


def decided(at: str, klass: MessageClass = MARKETING, standing: Standing = YES, recipient: Recipient = ANA):
    moment = datetime.fromisoformat(at).replace(tzinfo=PARIS)
    policy = Policy(PARIS, "FR", standings={recipient.number: standing})
    return policy.decide(recipient, Channel.VOICE, klass, wanted=moment, until=moment + timedelta(days=7), now=moment)


@pytest.mark.parametrize(("at", "leaves"), [
    ("2026-12-02T09:59:00", "2026-12-02T10:00:00"), ("2026-12-02T10:00:00", "2026-12-02T10:00:00"),
    ("2026-12-02T12:59:00", "2026-12-02T12:59:00"), ("2026-12-02T13:00:00", "2026-12-02T14:00:00"),
    ("2026-12-02T19:59:00", "2026-12-02T19:59:00"), ("2026-12-02T20:00:00", "2026-12-03T10:00:00"),
    ("2026-12-04T20:00:00", "2026-12-07T10:00:00"),     # Friday evening: neither Saturday nor Sunday
    ("2026-12-05T11:00:00", "2026-12-07T10:00:00"),
    ("2026-12-25T11:00:00", "2026-12-28T10:00:00"),     # a public holiday, then a weekend
    ("2026-11-11T11:00:00", "2026-11-12T10:00:00")])
def test_prospecting_calls_leave_on_working_days_between_ten_and_one_and_two_and_eight(at: str, leaves: str) -> None:
    found = decided(at)

    assert isinstance(found, Leave)
    assert found.at == datetime.fromisoformat(leaves).replace(tzinfo=PARIS)


def test_a_reminder_may_be_called_out_on_a_saturday() -> None:
    found = decided("2026-12-05T11:00:00", TRANSACTIONAL, Standing())

    assert isinstance(found, Leave)
    assert found.at == datetime(2026, 12, 5, 11, 0, tzinfo=PARIS)


def test_the_policy_says_so_itself() -> None:
    found = decided("2026-12-02T11:00:00", standing=Standing(marketing_consent=True))

    assert isinstance(found, Never)
    assert found.reason.code == "voice_no_consent"
    assert isinstance(decided("2026-08-10T11:00:00", standing=Standing(marketing_consent=True)), Leave)


def test_the_name_of_a_workspace_keeps_nobody_from_being_called() -> None:
    policy = Policy(PARIS, "FR", sender="CABINET")
    at = datetime(2026, 12, 2, 11, 0, tzinfo=PARIS)

    found = policy.decide(ANA, Channel.VOICE, TRANSACTIONAL, wanted=at, until=None, now=at)
    assert isinstance(found, Leave)


# several channels


def test_who_may_not_be_called_is_written_to() -> None:
    policy = Policy(PARIS, "FR", standings={ANA.number: Standing(marketing_consent=True)})
    both, only = (Channel.VOICE, Channel.SMS), (Channel.VOICE,)

    assert policy.opening(both, ANA, MARKETING, SINCE) is Channel.SMS
    assert policy.opening(both, ANA, MARKETING, BEFORE) is Channel.VOICE
    assert policy.opening(both, ANA, TRANSACTIONAL, SINCE) is Channel.VOICE
    assert policy.opening(only, ANA, MARKETING, SINCE) is Channel.VOICE, "and is then refused for it"
