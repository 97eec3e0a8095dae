"""The walk that the API promises, over HTTP against a running server: from a calendar's address to the phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.running import Running

ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//walk//FR
BEGIN:VEVENT
UID:roux@cabinet
DTSTAMP:20261101T080000Z
DTSTART;TZID=Europe/Paris:20261202T{hour}0000
DTEND;TZID=Europe/Paris:20261202T{hour}3000
SUMMARY:Mme Roux
DESCRIPTION:06 39 98 00 01
END:VEVENT
BEGIN:VEVENT
UID:sans@cabinet
DTSTAMP:20261101T080000Z
DTSTART;TZID=Europe/Paris:20261203T140000
DTEND;TZID=Europe/Paris:20261203T143000
SUMMARY:M. Sans
DESCRIPTION:pas de numéro
END:VEVENT
END:VCALENDAR
"""


class Calendar:
    """A calendar at an address on loopback, whose text can be changed."""

    def __init__(self) -> None:
        self.text = ICS.format(hour="09")
        calendar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = calendar.text.replace("\n", "\r\n").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/calendar; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/basic.ics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    served = Calendar()
    yield served
    served.server.shutdown()
    served.server.server_close()


RULE = {
    "name": "veille",
    "on": "appointment",
    "class": "transactional",
    "when": {"days": -1, "at": "18:00"},
    "until": {"before": "PT2H"},
    "channels": ["sms"],
    "body": "RDV le {{ start|date }} à {{ start|time }}",
}


@pytest.fixture(params=[
    "sqlite",
    "sqlite embedded",
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("postgresql embedded", marks=[pytest.mark.postgres, pytest.mark.slow]),
    pytest.param("postgresql distributed", marks=[pytest.mark.postgres, pytest.mark.redis]),
])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Running:
    """The same house over either database, its engine in the test's hand, in this process, or in others."""
    database, _, runner = request.param.partition(" ")
    url = request.getfixturevalue("postgres_database") if database == "postgresql" else None
    broker = {"broker_url": request.getfixturevalue("redis_url")} if runner == "distributed" else {}
    return Running(tmp_path, database_url=url, runner=runner, **broker)


def test_from_a_calendar_to_the_phone(house: Running, calendar: Calendar) -> None:
    with house as relance:
        client = relance.client
        made = client.post(
            "/v1/installations",
            {
                "adapter": "gcal_reminders",
                "name": "Cabinet Lyon",
                "config": {"ical_url": calendar.url, "zone": "Europe/Paris", "country": "FR"},
            },
        )
        assert made.status_code == 201, made.text
        installation = made.json()
        assert (installation["mode"], installation["state"]) == ("rehearsal", "connected")
        assert installation["hook_url"].startswith(relance.url)
        assert calendar.url not in made.text, "an address that opens a calendar is a secret"
        id = installation["id"]

        rule = {**RULE, "installation": id}
        dry = client.post("/v1/rules?dry_run=true", rule)
        assert dry.status_code == 200
        assert client.get(f"/v1/rules?installation={id}").json()["data"] == [
            one for one in client.get(f"/v1/rules?installation={id}").json()["data"] if one["preset"]
        ]
        made_rule = client.post("/v1/rules", rule)
        assert made_rule.status_code == 201, made_rule.text

        rehearsal = client.get(f"/v1/installations/{id}/rehearsal").json()
        assert rehearsal["totals"]["send"] == 1
        assert rehearsal["totals"]["segments"] == 1
        assert rehearsal["would_send"][0]["to"] == "+33639980001"
        assert rehearsal["would_send"][0]["due_at"] == "2026-12-01T17:00:00Z"
        assert [one["reason"]["code"] for one in rehearsal["would_not"]] == ["no_number"]
        assert client.get(f"/v1/messages?installation={id}").json()["data"] == []

        live = client.patch(f"/v1/installations/{id}", {"mode": "live"})
        assert live.status_code == 200
        assert live.json()["mode"] == "live"
        relance.settle()
        synced = client.post(f"/v1/installations/{id}/sync?wait=true")
        assert (synced.status_code, synced.json()["state"]) == (200, "done")
        assert client.post(f"/v1/installations/{id}/sync").status_code == 202

        occasions = client.get(f"/v1/occasions?installation={id}").json()["data"]
        assert [one["values"]["title"] for one in occasions] == ["Mme Roux", "M. Sans"]
        messages = client.get(f"/v1/messages?installation={id}").json()["data"]
        assert [(one["state"], one["to"]) for one in messages] == [("scheduled", "+33639980001")]
        assert messages[0]["text"].startswith("RDV le ")

        why = client.get(f"/v1/explanations?occasion={occasions[1]['id']}").json()
        answers = why["occasions"][0]["answers"]
        assert [(one["answer"], one["reason"]["code"]) for one in answers] == [("skip", "no_number")]

        relance.settle()
        relance.set_clock(datetime(2026, 12, 1, 17, 0, 1, tzinfo=UTC))
        relance.settle()
        relance.forward(timedelta(seconds=5))
        assert [(one["to"], one["text"]) for one in relance.phones()] == [("+33639980001", messages[0]["text"])]
        told = client.get(f"/v1/messages/{messages[0]['id']}").json()
        assert told["state"] == "delivered"
        assert told["history"][0]["what"] == "accepted"
        assert {"attempt", "receipt"} <= {line["what"] for line in told["history"]}


def test_a_visit_that_moves_takes_its_message_with_it(tmp_path: Path, calendar: Calendar) -> None:
    with Running(tmp_path) as relance:
        id = relance.client.post(
            "/v1/installations", {"adapter": "gcal_reminders", "config": {"ical_url": calendar.url, "country": "FR"}}
        ).json()["id"]
        relance.client.post("/v1/rules", {**RULE, "installation": id, "when": {"before": "PT3H"}})
        relance.client.patch(f"/v1/installations/{id}", {"mode": "live"})
        relance.client.post(f"/v1/installations/{id}/sync?wait=true")
        (before,) = relance.client.get(f"/v1/messages?installation={id}").json()["data"]

        calendar.text = ICS.format(hour="15").replace("DTSTAMP:20261101", "DTSTAMP:20261130")
        relance.client.post(f"/v1/installations/{id}/sync?wait=true")

        (after,) = relance.client.get(f"/v1/messages?installation={id}").json()["data"]
        assert after["id"] == before["id"]
        assert after["due_at"] == "2026-12-02T11:00:00Z"


def test_the_number_that_a_person_chose_is_used_and_planned_at_once(tmp_path: Path, calendar: Calendar) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        id = client.post(
            "/v1/installations", {"adapter": "gcal_reminders", "config": {"ical_url": calendar.url, "country": "FR"}}
        ).json()["id"]
        client.post("/v1/rules", {**RULE, "installation": id})
        client.patch(f"/v1/installations/{id}", {"mode": "live"})
        client.post(f"/v1/installations/{id}/sync?wait=true")
        nobody = client.get(f"/v1/occasions?installation={id}").json()["data"][1]

        chosen = client.patch(f"/v1/occasions/{nobody['id']}", {"to": "06 39 98 00 02", "country": "FR"})

        assert (chosen.status_code, chosen.json()["to"], chosen.json()["chosen_by_person"]) == (
            200,
            "+33639980002",
            True,
        )
        assert len(client.get(f"/v1/messages?occasion={nobody['id']}").json()["data"]) == 1
        client.patch(f"/v1/occasions/{nobody['id']}", {"muted": True})
        (off,) = client.get(f"/v1/messages?occasion={nobody['id']}").json()["data"]
        assert (off["state"], off["reason"]["code"]) == ("cancelled", "muted")
