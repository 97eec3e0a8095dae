"""From the calendar to the telephone and back: a reminder that is called out, answered by a key, or by nobody."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.google import FakeGoogle
from tests.fakes.twilio import ACCOUNT, FakeTwilio
from tests.support.running import Running

CABINET = "cabinet@example.org"
NUMBER = "+33639980001"
MONDAY = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
RULE: dict[str, Any] = {
    "name": "veille par téléphone", "on": "appointment", "class": "transactional", "when": {"days": -1, "at": "18:00"},
    "until": {"before": "PT2H"}, "asks": True, "body": "RDV le {{ start|date }} à {{ start|time }}. OUI ou NON ?",
    "channels": [{"channel": "voice", "within": "PT1H"}, "sms"],
    "content": {"voice": {"text": "{{ name }}, vous avez rendez-vous le {{ start|date }} à {{ start|time }}.",
                          "calls": 2, "again_after": "PT15M"}}}


class Practice:
    """A practice whose calendar is Google's, and which calls and writes by Twilio."""

    def __init__(self, relance: Running, google: FakeGoogle, twilio: FakeTwilio) -> None:
        self.relance, self.google, self.twilio = relance, google, twilio
        client = relance.client
        self.account = self.made(client.post("/v1/provider-accounts", {"provider": "twilio", "config": {
            "account_sid": ACCOUNT, "auth_token": twilio.token, "sender": "+33937000001",
            "voice_sender": "+33937000001"}}))
        installation = self.made(client.post("/v1/installations", {
            "adapter": "gcal_reminders", "name": "Cabinet Lyon", "config": {
                "refresh_token": "refresh-1", "calendars": [CABINET], "write_back": {"title": True},
                "zone": "Europe/Paris", "country": "FR"}}))
        self.id = installation["id"]
        self.made(client.post("/v1/rules", {**RULE, "installation": self.id}))
        assert client.patch(f"/v1/installations/{self.id}", {"mode": "live"}).status_code == 200
        self.visit = google.add(CABINET, "Mme Roux 06 39 98 00 01", "2026-12-01T09:00:00+01:00")
        self.made(client.post(f"/v1/installations/{self.id}/sync?wait=true"))
        self.forward(datetime(2026, 11, 30, 17, 0, 30, tzinfo=UTC) - relance.suite.now())

    @staticmethod
    def made(answer: Any) -> dict[str, Any]:
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def forward(self, by: timedelta) -> None:
        self.twilio.now += by
        self.relance.forward(by)

    def later(self, **by: float) -> None:
        self.forward(timedelta(**by))

    @property
    def call(self) -> str:
        return str(self.twilio.calls[-1]["sid"])

    @property
    def title(self) -> str:
        return str(self.google.events[CABINET][self.visit]["summary"])

    def message(self) -> dict[str, Any]:
        [found] = self.relance.client.get(f"/v1/messages?installation={self.id}").json()["data"]
        return self.made(self.relance.client.get(f"/v1/messages/{found['id']}"))

    def steps(self) -> list[dict[str, Any]]:
        return [one for one in self.message()["history"] if one["what"] == "step"]

    def codes(self) -> list[str]:
        return [step["reason"]["code"] for step in self.steps() if step.get("reason")]


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    with FakeGoogle() as google, FakeTwilio() as twilio:
        google.calendar(CABINET, "Cabinet")
        twilio.now = MONDAY
        with Running(
            tmp_path, start=MONDAY, vendor_urls={"google": google.url, "twilio": twilio.url},
            vendor_token_urls={"google": f"{google.url}/token"}, vendor_clients={"google": ("id", "secret")},
        ) as relance:
            yield Practice(relance, google, twilio)
        assert google.violations == []


def test_a_key_confirms_the_appointment_in_the_calendar(practice: Practice) -> None:
    assert len(practice.twilio.calls) == 1
    practice.twilio.begins(practice.call)

    said = practice.twilio.answers(practice.call, "human")
    assert said[0].startswith("Mme Roux, vous avez rendez-vous le mardi 1er décembre")
    assert "9h00" in said[0] or "9 h" in said[0]
    assert said[1] == "Pour confirmer, tapez 1. Pour annuler, tapez 2. Pour ne plus recevoir ces messages, tapez 9."
    assert practice.twilio.presses(practice.call, "1") == ["Merci, c'est confirmé. Au revoir."]
    practice.twilio.ends(practice.call, "completed")
    practice.later(minutes=1)

    assert practice.title == "✓ Mme Roux 06 39 98 00 01"
    message = practice.message()
    assert message["state"] == "read"
    assert practice.codes()[-2:] == ["call_answered", "call_key_pressed"]
    [occasion] = practice.relance.client.get(f"/v1/occasions?installation={practice.id}").json()["data"]
    assert occasion["answer"] == "confirmed"
    practice.later(hours=5)
    assert (len(practice.twilio.calls), practice.twilio.messages) == (1, []), "nobody hears of it twice"


def test_a_voicemail_is_followed_by_one_text_message_and_its_answer_counts(practice: Practice) -> None:
    assert practice.twilio.answers(practice.call, "machine_start") == []
    practice.twilio.ends(practice.call, "completed")
    practice.later(minutes=1)

    assert [one["body"] for one in practice.twilio.messages] == ["RDV le mardi 1er décembre à 9h00. OUI ou NON ?"]
    assert "call_voicemail" in practice.codes()
    assert practice.title == "Mme Roux 06 39 98 00 01", "a voicemail confirms nothing"
    practice.twilio.inbound_url = practice.account["replies_url"]
    practice.twilio.writes(NUMBER, "oui", to="+33937000001")
    practice.later(minutes=1)
    assert practice.title == "✓ Mme Roux 06 39 98 00 01"
    practice.later(hours=5)
    assert (len(practice.twilio.calls), len(practice.twilio.messages)) == (1, 1)


def test_nobody_picks_up_twice_and_then_it_is_written_once(practice: Practice) -> None:
    practice.twilio.ends(practice.call, "no-answer")
    practice.later(minutes=15)
    assert len(practice.twilio.calls) == 2
    practice.twilio.ends(practice.call, "busy")
    practice.later(minutes=1)

    assert (len(practice.twilio.calls), len(practice.twilio.messages)) == (2, 1)
    assert [code for code in practice.codes() if code.startswith(("call_", "next_"))] == [
        "call_no_answer", "call_again", "call_busy", "next_channel"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_whatever_comes_again_in_any_order_changes_nothing(practice: Practice, order: tuple[int, ...]) -> None:
    practice.twilio.begins(practice.call)
    practice.twilio.answers(practice.call, "human")
    practice.twilio.presses(practice.call, "1")
    practice.twilio.ends(practice.call, "completed")
    practice.later(minutes=1)
    before = practice.steps()

    again = (lambda: practice.twilio.ends(practice.call, "completed"), lambda: practice.twilio.begins(practice.call),
             lambda: practice.twilio.ask_again(practice.call))
    for which in (*order, *order):
        assert again[which]() == 200
    practice.later(minutes=30)

    assert practice.steps() == before
    assert (len(practice.twilio.calls), practice.twilio.messages) == (1, [])


def test_a_stranger_learns_nothing_and_moves_nothing(practice: Practice) -> None:
    own, practice.twilio.token = practice.twilio.token, "another"
    assert practice.twilio.ends(practice.call, "busy") == 401
    assert practice.twilio.begins(practice.call) == 401
    practice.twilio.token = own

    assert practice.message()["state"] == "sent"
