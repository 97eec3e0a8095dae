"""Calls to simulated phones: what each magic number does of one, and a key that a program presses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Running

MONDAY = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
AGENDA = "\r\n".join((
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Cabinet//FR", *(
        f"BEGIN:VEVENT\r\nUID:visit-{number}\r\nDTSTAMP:20261101T090000Z\r\nDTSTART:20261201T{hour}0000Z\r\n"
        f"DTEND:20261201T{hour}3000Z\r\nSUMMARY:Rendez-vous +3363998{number}\r\nEND:VEVENT"
        for number, hour in (("0008", "09"), ("0009", "10"), ("0011", "11"))),
    "END:VCALENDAR", ""))  # fmt: skip


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, start=MONDAY) as running:
        yield running


def made(answer: Any) -> dict[str, Any]:
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def call(relance: Running, last_four: str, **voice: Any) -> dict[str, Any]:
    """A message that is called out now, and written to else; what is known of it an hour later."""
    sent = made(relance.client.post("/v1/messages", {
        "to": f"+3363998{last_four}", "class": "transactional", "body": "Votre commande est prête.",
        "channels": ["voice", "sms"], "content": {"voice": {"again_after": "PT10M", **voice}}}))
    for minutes in (0, 1, 10, 10, 10, 28, 1):
        relance.forward(timedelta(minutes=minutes, seconds=3))
    return made(relance.client.get(f"/v1/messages/{sent['id']}"))


def codes(message: dict[str, Any]) -> list[str]:
    return [one["reason"]["code"] for one in message["history"] if one["what"] == "step" and one.get("reason")]


def received(relance: Running, last_four: str) -> list[str]:
    return [one["channel"] for one in reversed(relance.phones()) if one["to"] == f"+3363998{last_four}"]


@pytest.mark.parametrize(("last_four", "given", "state", "last", "phones"), [
    ("0001", {}, "delivered", "call_answered", ["voice"]),
    ("0009", {"voicemail": "leave_message"}, "delivered", "call_message_left", ["voice"]),
    ("0009", {}, "delivered", "next_channel", ["voice", "sms"]),
    ("0010", {"calls": 3}, "delivered", "next_channel", ["voice", "voice", "voice", "sms"]),
    ("0011", {"calls": 1}, "delivered", "next_channel", ["voice", "sms"]),
    ("0012", {}, "delivered", "call_answered", ["voice", "voice"])])
def test_what_the_phones_do(
    relance: Running, last_four: str, given: dict[str, Any], state: str, last: str, phones: list[str]
) -> None:
    message = call(relance, last_four, **given)

    assert (message["state"], codes(message)[-1]) == (state, last)
    assert received(relance, last_four) == phones


def test_a_program_presses_a_key(relance: Running) -> None:
    message = call(relance, "0001", keys={"1": "confirm", "2": "decline", "9": "stop"})

    made(relance.client.post("/v1/simulator/replies", {"from": "+33639980001", "text": "9"}))
    assert codes(made(relance.client.get(f"/v1/messages/{message['id']}")))[-1] == "call_key_pressed"
    consents = relance.client.get("/v1/consents?to=%2B33639980001").json()["data"]
    assert {one["scope"]: one["state"] for one in consents} == {"marketing": "out", "transactional": "out"}
    assert consents[0]["proof"]["call"] == message["id"]
    [phone] = [one for one in relance.phones() if one["channel"] == "voice"]
    assert phone["text"].endswith("Pour ne plus recevoir ces messages, tapez 9.")


def test_an_agenda_is_called_out_and_answered(relance: Running) -> None:
    installation = made(relance.client.post("/v1/installations", {
        "adapter": "gcal_reminders", "name": "Cabinet", "config": {
            "ics": AGENDA, "zone": "Europe/Paris", "country": "FR"}}))
    made(relance.client.post("/v1/rules", {
        "installation": installation["id"], "name": "veille", "on": "appointment", "class": "transactional",
        "when": {"days": -1, "at": "18:00"}, "channels": ["voice", "sms"], "asks": True,
        "body": "RDV le {{ start|date }} à {{ start|time }}. OUI ou NON ?"}))
    assert relance.client.patch(f"/v1/installations/{installation['id']}", {"mode": "live"}).status_code == 200
    made(relance.client.post(f"/v1/installations/{installation['id']}/sync?wait=true"))
    relance.forward(datetime(2026, 11, 30, 17, 0, 10, tzinfo=UTC) - relance.suite.now())
    for _ in range(4):
        relance.forward(timedelta(minutes=10, seconds=3))

    occasions = relance.client.get(f"/v1/occasions?installation={installation['id']}").json()["data"]
    assert {one["to"][-4:]: one["answer"] for one in occasions} == {"0008": "confirmed", "0009": None, "0011": None}
    assert received(relance, "0008") == ["voice"], "a key was enough"
    assert received(relance, "0009") == ["voice", "sms"], "a voicemail is written to, once"
    assert received(relance, "0011") == ["voice", "voice", "sms"]


def test_what_a_call_may_hold_is_checked_at_the_door(relance: Running) -> None:
    answer = relance.client.post("/v1/messages", {
        "to": "+33639980001", "class": "transactional", "body": "x", "channels": ["voice"],
        "content": {"voice": {"keys": {"1": "sing"}}}})

    assert answer.status_code in (400, 422)
    assert answer.json()["errors"][0]["pointer"] == "/content/voice/keys/1"


def test_before_it_is_sent_it_says_that_it_may_not_be(relance: Running) -> None:
    answer = relance.client.post("/v1/messages?dry_run=true", {
        "to": "+33639980001", "class": "marketing", "body": "Soldes", "channels": ["voice"]})

    assert answer.json()["state"] == "suppressed"
    made(relance.client.post("/v1/consents", {
        "to": "+33639980001", "state": "in", "source": "form", "scope": "marketing",
        "proof": {"text": "Oui aux offres", "place": "caisse"}}))
    only_words = relance.client.post("/v1/messages?dry_run=true", {
        "to": "+33639980001", "class": "marketing", "body": "Soldes", "channels": ["voice"]}).json()
    assert (only_words["state"], only_words["reason"]["code"]) == ("suppressed", "voice_no_consent")
    made(relance.client.post("/v1/consents", {
        "to": "+33639980001", "state": "in", "source": "form", "scope": "voice",
        "proof": {"text": "Oui aux appels", "place": "caisse"}}))
    both = relance.client.post("/v1/messages?dry_run=true", {
        "to": "+33639980001", "class": "marketing", "body": "Soldes", "channels": ["voice"]}).json()
    assert both["state"] == "scheduled"
