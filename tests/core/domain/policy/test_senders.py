"""Senders: what a French operator takes, and what a person can answer."""

from __future__ import annotations

import pytest

from core.domain.messages import Channel
from core.domain.policy.senders import check_sender


def refusal(sender: str, country: str = "FR", channel: Channel = Channel.SMS, asks_reply: bool = False) -> str | None:
    reason = check_sender(sender, country, channel, asks_reply)
    assert reason is None or sender in reason.sentence("fr")
    return reason.code if reason else None


@pytest.mark.parametrize("sender", ["Cabinet", "ABC", "Dentiste75", "36180", "+33937123456", "0938123456"])
def test_names_short_codes_and_business_numbers_are_fine(sender):
    assert refusal(sender) is None


@pytest.mark.parametrize("sender", ["Dr Martin", "AB", "CabinetMartin", "L'Atelier", "Café", "12", "", "Cabinet\n"])
def test_a_french_name_is_three_to_eleven_letters_or_digits(sender):
    assert refusal(sender) == "sender_bad_name"


@pytest.mark.parametrize("sender", ["+33612345678", "0612345678", "06 12 34 56 78", "0033712345678", "33612345678",
                                    "+33 (0)6 12 34 56 78", "+262692123456"])
@pytest.mark.parametrize("country", ["FR", "RE"])
def test_a_personal_number_must_not_send_to_france(sender, country):
    assert refusal(sender, country) == "sender_personal_number"
    assert refusal(sender, "BE") is None


def test_elsewhere_a_name_may_have_a_space():
    assert refusal("Dr Martin", "BE") is None
    assert refusal("Dr Martin ", "BE") == "sender_bad_name"


@pytest.mark.parametrize("country", ["US", "US-TX", "CA"])
def test_north_america_has_no_names(country):
    assert refusal("Cabinet", country) == "sender_no_names_there"
    assert refusal("+12125550100", country) is None


def test_a_name_cannot_be_answered():
    assert refusal("Cabinet", asks_reply=True) == "sender_cannot_be_answered"
    assert refusal("36180", asks_reply=True) is None
    assert refusal("Cabinet", channel=Channel.RCS, asks_reply=True) is None


def test_a_call_comes_from_a_number():
    assert refusal("Cabinet", channel=Channel.VOICE) == "sender_not_a_number"
    assert refusal("0612345678", channel=Channel.VOICE) == "sender_personal_number"
    assert refusal("0162123456", channel=Channel.VOICE) is None
