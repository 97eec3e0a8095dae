"""From an appointment that is deleted in Google Calendar to the second person's OUI, and back into the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.engine.waitlist import writing
from tests.fakes.google import FakeGoogle
from tests.support.running import Running

CABINET = "cabinet@example.org"
NOEL, PETIT, ROUX = "+33639980001", "+33639980022", "+33639980021"
PROOF = {"source": "desk", "text": "A demandé à être prévenue par SMS si une heure se libère."}


class Practice:
    """A practice whose calendar is Google's, in which whoever takes a free time is entered."""

    def __init__(self, relance: Running, google: FakeGoogle) -> None:
        self.relance, self.google, self.client = relance, google, relance.client
        self.visit = google.add(CABINET, "Mme Noël 06 39 98 00 01", "2026-12-01T09:00:00+01:00")
        self.later = google.add(CABINET, "Mme Roux 06 39 98 00 21", "2026-12-14T15:30:00+01:00")
        self.id = self.made(self.client.post("/v1/installations", {
            "adapter": "gcal_reminders", "name": "Cabinet Lyon", "config": {
                "refresh_token": "refresh-1", "calendars": [CABINET], "zone": "Europe/Paris", "country": "FR"}}))["id"]
        self.made(self.client.patch(f"/v1/installations/{self.id}", {"mode": "live"}))
        self.sync()

    def made(self, answer: Any) -> dict[str, Any]:
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def sync(self) -> None:
        self.made(self.client.post(f"/v1/installations/{self.id}/sync?wait=true"))
        self.relance.settle()

    def occasion(self, number: str) -> str:
        found = self.client.get(f"/v1/occasions?installation={self.id}").json()["data"]
        return next(one["id"] for one in found if one["to"] == number)

    def answers(self, number: str, text: str) -> None:
        self.made(self.client.post("/v1/simulator/replies", {"from": number, "text": text}))
        self.relance.settle()

    def slots(self) -> list[dict[str, Any]]:
        return list(self.client.get("/v1/waitlist/slots").json()["data"])

    def story(self, slot: str) -> dict[str, Any]:
        return self.made(self.client.get(f"/v1/waitlist/slots/{slot}"))

    def told(self, number: str) -> list[str]:
        return [one["text"] for one in self.relance.phones() if one["to"] == number]

    def events(self) -> dict[str, dict[str, Any]]:
        return {one["summary"]: one for one in self.google.events[CABINET].values() if one["status"] == "confirmed"}


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    with FakeGoogle() as google:
        google.calendar(CABINET, "Cabinet Lyon")
        with Running(
            tmp_path, vendor_urls={"google": google.url}, vendor_token_urls={"google": f"{google.url}/token"},
            vendor_clients={"google": ("id", "secret")},
        ) as relance:
            yield Practice(relance, google)
        assert google.violations == []


def test_a_deleted_appointment_is_offered_until_the_second_person_takes_it_and_stands_in_the_calendar(practice):
    client = practice.client
    hook = practice.made(client.post("/v1/webhooks", {
        "url": f"{practice.relance.url}/nobody", "events": ["slot.freed", "slot.taken"]}))["id"]
    terms = client.patch(f"/v1/waitlist/terms/{practice.id}", {"on": True, "writes": True, "hold_minutes": 30})
    assert practice.made(terms)["causes"] == ["cancelled", "declined"]
    practice.made(client.post("/v1/waitlist", {"to": PETIT, "name": "M. Petit", "proof": PROOF}))
    entry = practice.made(client.post("/v1/waitlist", {
        "to": ROUX, "name": "Mme Roux", "moves": practice.occasion(ROUX), "proof": PROOF}))

    practice.google.delete(CABINET, practice.visit)
    practice.sync()

    [slot] = practice.slots()
    assert (slot["state"], slot["cause"], slot["start"]) == ("open", "cancelled", "2026-12-01T08:00:00Z")
    assert practice.told(NOEL) == []
    assert "se libère mardi 1er décembre à 9h00" in practice.told(PETIT)[0]

    practice.answers(PETIT, "Non merci")
    assert "à la place du 14/12" in practice.told(ROUX)[0]
    practice.answers(ROUX, "OUI")

    story = practice.story(slot["id"])
    assert (story["state"], story["taken_by"]["entry"], story["moves"]) == ("taken", entry["id"], entry["moves"])
    assert [(one["to"], one["state"]) for one in story["offers"]] == [(PETIT, "no"), (ROUX, "taken")]
    assert "est à vous. Il remplace celui du lundi 14 décembre à 15h30." in practice.told(ROUX)[0]
    written = practice.events()["Mme Roux"]
    assert written["start"]["dateTime"].startswith("2026-12-01T08:00:00")
    assert ROUX in written["description"]
    assert (story["calendar"]["state"], story["settled_at"] is not None) == ("done", True)

    practice.sync()
    assert [one["state"] for one in practice.slots()] == ["taken"], "what we entered ourselves fills its own slot"
    writing.free_in_calendar(
        practice.relance.suite, practice.relance.workspace, slot["id"], entry["moves"], "usr_1")
    practice.sync()
    assert "Mme Roux 06 39 98 00 21" not in practice.events()
    [again, _] = practice.slots()
    assert (again["start"], again["state"]) == ("2026-12-14T14:30:00Z", "open")
    assert "lundi 14 décembre à 15h30" in practice.told(PETIT)[0], "the time that was given up is offered in its turn"

    told = [one["event"] for one in client.get(f"/v1/webhooks/{hook}/deliveries").json()["data"]]
    assert sorted(told) == ["slot.freed", "slot.freed", "slot.taken"]
    figures = client.get("/metrics").text
    assert 'relance_waitlist_total{what="taken"} 1.0' in figures


def test_a_calendar_that_cannot_be_written_leaves_it_to_the_secretary_and_recognises_what_she_enters(practice):
    client = practice.client
    practice.made(client.patch(f"/v1/waitlist/terms/{practice.id}", {"on": True, "writes": True}))
    practice.made(client.post("/v1/waitlist", {"to": ROUX, "name": "Mme Roux", "proof": PROOF}))
    practice.google.entries[CABINET]["accessRole"] = "reader"
    practice.google.delete(CABINET, practice.visit)
    practice.sync()
    practice.answers(ROUX, "oui")

    [slot] = practice.slots()
    assert (slot["calendar"]["state"], slot["calendar"]["reason"]["code"]) == ("failed", "write_calendar_read_only")
    assert slot["settled_at"] is None

    practice.google.add(CABINET, "Roux Marie 0639980021", "2026-12-01T09:00:00+01:00")
    practice.relance.forward(timedelta(minutes=6))
    [slot] = practice.slots()
    assert slot["settled_at"] is not None
