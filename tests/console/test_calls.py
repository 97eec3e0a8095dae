"""A message that is a call, in the pages: its words, its keys, who answered, and pressing a key from a phone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.domain.content import checked, contents
from core.domain.messages import Channel, MessageClass
from core.storage import outbox
from tests.support.clinic import Clinic
from tests.support.console import Visitor

KEYS = {"1": "confirm", "2": "decline", "9": "stop"}


def called(clinic: Clinic, number: str, **voice: Any) -> str:
    """A reminder that is called out now, and what the phone does of it; the message's id."""
    suite, now = clinic.suite, clinic.suite.now()
    given = checked({"voice": {"text": "Bonjour <Ana>, vous avez rendez-vous demain.", "keys": KEYS, **voice}})
    content = contents((Channel.VOICE,), "RDV demain", False, given, {}, ZoneInfo("Europe/Paris"))
    one = outbox.New(number, "FR", "RDV demain", "GSM-7", 1, MessageClass.TRANSACTIONAL, (Channel.VOICE,), now,
                     content=content)
    with suite.database.write(clinic.workspace) as tx:
        [name] = outbox.accept(tx, [one], now)
    for _ in range(3):
        clinic.settle()
        clinic.at((clinic.suite.now() + timedelta(seconds=3)).isoformat())
    return name


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def test_the_phone_shows_a_call_with_its_keys_and_who_answered(clinic):
    called(clinic, "+33639980001")
    page = Visitor(clinic).get("/phone")

    assert "Appel vocal" in page
    assert "Bonjour &lt;Ana&gt;, vous avez rendez-vous demain." in page
    assert "<kbd>1</kbd> confirmer" in page
    assert "Une personne a décroché et a entendu le message." in page


def test_a_key_is_pressed_with_one_button(clinic):
    name = called(clinic, "+33639980001")
    visitor = Visitor(clinic)
    page = visitor.post("/phone/answer", number="+33639980001", word="9").text

    assert "Touche 9" in page
    story = visitor.get(f"/messages/{name}")
    assert "La personne a tapé sur la touche 9." in story
    assert "Touche 9" in story


def test_the_message_s_page_says_that_nobody_has_confirmed_what_was_left(clinic):
    name = called(clinic, "+33639980009", voicemail="leave_message")
    page = Visitor(clinic).get(f"/messages/{name}")

    assert "Message laissé sur le répondeur. Personne ne l’a confirmé." in page
    assert "<kbd>1</kbd> confirmer" in page


def test_in_english_too(clinic):
    name = called(clinic, "+33639980010", calls=1)
    page = Visitor(clinic, language="en").get(f"/messages/{name}")

    assert "Voice call" in page
    assert "The line was busy." in page


