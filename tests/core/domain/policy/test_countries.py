"""The rules that ship are the rules that were researched, and the strictest ones win."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from core.domain.messages import Channel, MessageClass
from core.domain.policy.countries import OVERSEAS, all_rules, rules_for
from core.domain.policy.week import DAYS, as_text

RESEARCHED = json.loads((Path(__file__).parents[3] / "data" / "sending_rules.json").read_text())["rules"]
TODAY = date(2026, 12, 1)


def ids(country: str, channel: Channel = Channel.SMS, klass: MessageClass = MessageClass.MARKETING,
        on: date = TODAY, widened: bool = False) -> list[str]:
    return [rule.id for rule in rules_for(country, channel, klass, on, widened=widened)]


@pytest.mark.parametrize("researched", RESEARCHED, ids=lambda rule: rule["id"])
def test_each_researched_rule_is_shipped_as_it_was_found(researched):
    [rule] = [rule for rule in all_rules() if rule.id == researched["id"]]
    assert rule.country == researched["country"]
    assert rule.channels == set(researched["channel"])
    assert rule.message_class == researched["purpose"]
    assert rule.holidays_blocked is researched["public_holidays_blocked"]
    for day, windows in zip(DAYS, rule.windows, strict=True):
        assert as_text(windows) == ", ".join("-".join(pair) for pair in researched["windows"][day])


def test_every_rule_says_where_it_comes_from_and_has_its_own_name():
    rules = all_rules()
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.source
        assert rule.level in {"law", "charter", "guideline", "practice", "policy"}
        assert rule.level != "charter" or rule.valid_from is not None


def test_france_keeps_our_default_and_may_be_widened_to_the_charter_and_no_further():
    assert ids("FR") == ["FR-sms-marketing-default", "FR-sms-marketing-charter"]
    assert ids("FR", widened=True) == ["FR-sms-marketing-charter"]


def test_widening_changes_nothing_where_the_charter_does_not_speak():
    assert ids("FR", Channel.WHATSAPP, widened=True) == ["FR-sms-marketing-default"]
    assert ids("FR", on=date(2024, 8, 31), widened=True) == ["FR-sms-marketing-default"]
    assert ids("IT", widened=True) == ["IT-sms-marketing"]


def test_a_rule_holds_from_its_date_of_effect():
    assert ids("FR", on=date(2024, 9, 1)) == ["FR-sms-marketing-default", "FR-sms-marketing-charter"]
    assert ids("FR", on=date(2024, 8, 31)) == ["FR-sms-marketing-default"]


@pytest.mark.parametrize("region", sorted(OVERSEAS))
def test_overseas_france_has_french_rules(region):
    assert ids(region) == ids("FR")


def test_a_state_adds_its_rule_to_the_federal_one_and_the_strictest_comes_first():
    assert ids("US-TX") == ["US-TX", "US-any-marketing"]
    assert ids("US") == ["US-any-marketing"]


def test_a_country_or_channel_without_a_rule_gets_the_cautious_default():
    assert ids("PT") == ["default-marketing"]
    assert ids("IT", Channel.WHATSAPP) == ["default-marketing"]


def test_appointments_have_a_courtesy_window_everywhere():
    assert ids("FR", klass=MessageClass.TRANSACTIONAL) == ["FR-any-transactional"]
    assert ids("JP", klass=MessageClass.TRANSACTIONAL) == ["default-transactional"]


@pytest.mark.parametrize("klass", [MessageClass.OTP, MessageClass.CONVERSATIONAL])
def test_codes_and_answers_have_no_window(klass):
    assert rules_for("FR", Channel.SMS, klass, TODAY) == ()


def test_voice_prospecting_is_limited_to_four_attempts_in_thirty_days():
    [rule] = rules_for("FR", Channel.VOICE, MessageClass.MARKETING, TODAY)
    assert rule.attempts is not None
    assert (rule.attempts.most, rule.attempts.days, rule.level) == (4, 30, "law")
