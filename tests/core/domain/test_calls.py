"""What is said on a call, and which key means what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import calls
from core.domain.calls import after_key, again_after, keys_of, menu, spoken, times
from core.domain.channels import all_references, call_of, message_of, reference_of
from core.domain.messages import MessageClass

MARKETING, TRANSACTIONAL = MessageClass.MARKETING, MessageClass.TRANSACTIONAL
ASKING = {"1": "confirm", "2": "decline", "9": "stop"}


def test_without_a_content_of_its_own_a_call_says_the_text() -> None:
    said = spoken({}, "RDV demain", TRANSACTIONAL, "fr")

    assert (said.text, said.language, dict(said.keys), said.menu) == ("RDV demain", "fr-FR", {}, "")
    assert said.voicemail == calls.HANG_UP


def test_the_keys_are_said_in_their_order_and_in_the_language_of_the_call() -> None:
    assert menu({"2": "decline", "1": "confirm"}, "fr-CA") == "Pour confirmer, tapez 1. Pour annuler, tapez 2."
    assert menu({"1": "confirm"}, "de-DE") == "Zum Bestätigen drücken Sie die 1."
    assert menu({"1": "confirm"}, "pt-PT") == "To confirm, press 1.", "a language that we do not speak"


@pytest.mark.parametrize("language", ["fr", "en", "es", "de", "it"])
def test_every_language_says_everything(language: str) -> None:
    for what in ("confirmed", "declined", "stopped", "noted", "unknown"):
        assert calls.thanks(what, calls.default_voice(language))
    assert menu(ASKING, language).count("9") == 1


@given(st.dictionaries(st.sampled_from("0123456789"), st.sampled_from(["confirm", "decline"]), max_size=9))
def test_a_commercial_call_always_has_a_way_out(keys: dict[str, str]) -> None:
    found = keys_of({"keys": keys}, MARKETING)

    assert list(found.values()).count("stop") == 1
    assert {key: found[key] for key in keys} == keys
    assert keys_of({"keys": keys}, TRANSACTIONAL) == keys


def test_a_way_out_that_it_has_already_is_enough() -> None:
    assert keys_of({"keys": {"0": "stop"}}, MARKETING) == {"0": "stop"}


def test_after_a_key_it_hangs_up_unless_the_key_means_nothing() -> None:
    said = spoken({"keys": ASKING, "language": "en-GB"}, "x", TRANSACTIONAL)

    over, again = after_key(said, "confirmed"), after_key(said, "unknown")
    assert (over.text, dict(over.keys)) == ("Thank you, it is confirmed. Goodbye.", {})
    assert (again.keys, again.menu) == (said.keys, said.menu)


def test_how_often_and_how_soon() -> None:
    assert (times({}), again_after({})) == (2, timedelta(minutes=10))
    assert (times({"calls": 1}), again_after({"again_after": 300})) == (1, timedelta(minutes=5))


@given(step=st.integers(0, 3), call=st.integers(0, 3))
def test_each_call_has_a_reference_of_its_own(step: int, call: int) -> None:
    reference = reference_of("msg_06h1", step, call)

    assert message_of(reference) == ("msg_06h1", step)
    assert call_of(reference) == call
    assert reference in all_references("msg_06h1")
    assert len(set(all_references("msg_06h1"))) == 16
