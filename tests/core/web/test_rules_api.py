"""Rules over HTTP: what is refused and why, and the difference that a change would make before it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Client, Running

ICS = "\r\n".join(
    [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        *(
            line
            for day in range(2, 6)
            for line in (
                "BEGIN:VEVENT",
                f"UID:v{day}@x",
                "DTSTAMP:20261101T080000Z",
                f"DTSTART;TZID=Europe/Paris:202612{day:02d}T140000",
                f"DTEND;TZID=Europe/Paris:202612{day:02d}T143000",
                f"SUMMARY:Visite {day}",
                f"DESCRIPTION:06 39 98 00 {day:02d}",
                "END:VEVENT",
            )
        ),
        "END:VCALENDAR",
        "",
    ]
)
CALENDAR = {"adapter": "gcal_reminders", "config": {"ics": ICS, "country": "FR"}}
RULE: dict[str, Any] = {
    "name": "veille",
    "on": "appointment",
    "class": "transactional",
    "when": {"before": "PT3H"},
    "body": "RDV {{ start|time }}",
}


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("rules")) as running:
        yield running


@pytest.fixture
def client(relance: Running) -> Client:
    return relance.client


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"on": "birthday"}, "/on"),
        ({"class": "spam"}, "/class"),
        ({"when": {}}, "/when"),
        ({"when": {"before": "PT"}}, "/when/before"),
        ({"when": {"days": -1, "at": "25:00"}}, "/when/at"),
        ({"when": {"days": -1, "at": "18:00", "zone": "mars"}}, "/when/zone"),
        ({"when": "yesterday"}, "/when"),
        ({"until": {"days": -1, "at": "18:00"}}, "/until"),
        ({"until": {"change": "moved"}}, "/until"),
        ({"channels": ["fax"]}, "/channels/0"),
        ({"channels": []}, "/channels"),
        ({"body": None}, "/body"),
        ({"body": "{{ start"}, "/body"),
        ({"body": "{{ nom }} {{ start|time }}"}, "/body"),
        ({"template": "x"}, "/body"),
        ({"body": None, "template": "nothing"}, "/template"),
        ({"only": {"calendar": "a"}}, "/only/calendar/value"),
        ({"installation": "ins_x"}, "/installation"),
        ({"asks": "oui"}, "/asks"),
        ({"late": "maybe"}, "/late"),
    ],
)
def test_what_is_wrong_in_a_rule_is_named(client: Client, change: dict[str, Any], pointer: str) -> None:
    answer = client.post("/v1/rules", {**RULE, **change})

    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_an_unknown_variable_is_refused_with_those_that_exist(client: Client) -> None:
    said = client.post("/v1/rules", {**RULE, "body": "Bonjour {{ prenom }}"}).json()

    assert said["code"] == "unknown_variables"
    assert "prenom" in said["detail"]
    assert "first_name" in said["detail"]
    assert client.post("/v1/rules", {**RULE, "on": "cart", "body": "{{ link }} {{ total }}"}).status_code == 201
    assert client.post("/v1/rules", {**RULE, "on": "form", "body": "{{ anything }}"}).status_code == 201


def test_the_difference_is_shown_before_it_is_made_and_then_made(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        id = client.post("/v1/installations", CALENDAR).json()["id"]
        client.post(f"/v1/installations/{id}/sync?wait=true")
        client.patch(f"/v1/installations/{id}", {"mode": "live"})
        rule = {**RULE, "installation": id}

        dry = client.post("/v1/rules?dry_run=true", rule).json()["difference"]
        assert (dry["new"], dry["moved"], dry["cancelled"], dry["unchanged"]) == (4, 0, 0, 0)
        assert {one["step"] for one in dry["steps"]} == {"new"}
        assert client.get(f"/v1/messages?installation={id}").json()["data"] == []
        made = client.post("/v1/rules", rule).json()
        assert len(client.get(f"/v1/messages?rule={made['id']}&state=scheduled").json()["data"]) == 4

        change = {"when": {"before": "PT4H"}}
        dry = client.patch(f"/v1/rules/{made['id']}?dry_run=true", change).json()["difference"]
        assert (dry["new"], dry["moved"], dry["cancelled"]) == (0, 4, 0)
        before = client.get(f"/v1/messages?rule={made['id']}").json()["data"]
        assert client.get(f"/v1/rules/{made['id']}").json()["version"] == 1
        changed = client.patch(f"/v1/rules/{made['id']}", change).json()
        assert (changed["version"], changed["when"]) == (2, change["when"])
        after = client.get(f"/v1/messages?rule={made['id']}").json()["data"]
        assert [one["id"] for one in after] == [one["id"] for one in before]
        assert [one["due_at"] for one in after] != [one["due_at"] for one in before]

        dry = client.patch(f"/v1/rules/{made['id']}?dry_run=true", {"active": False}).json()["difference"]
        assert (dry["new"], dry["moved"], dry["cancelled"]) == (0, 0, 4)
        assert client.delete(f"/v1/rules/{made['id']}").status_code == 204
        assert {one["state"] for one in client.get(f"/v1/messages?rule={made['id']}").json()["data"]} == {"cancelled"}
        assert client.get(f"/v1/rules/{made['id']}").status_code == 404


def test_back_to_rehearsal_calls_off_and_going_live_again_plans_anew(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        id = client.post("/v1/installations", CALENDAR).json()["id"]
        client.post("/v1/rules", {**RULE, "installation": id})
        client.post(f"/v1/installations/{id}/sync?wait=true")
        for mode, waiting in (("live", 4), ("rehearsal", 0), ("live", 4)):
            assert client.patch(f"/v1/installations/{id}", {"mode": mode}).json()["mode"] == mode
            scheduled = client.get(f"/v1/messages?installation={id}&state=scheduled").json()["data"]
            assert len(scheduled) == waiting, mode

        gone = client.delete(f"/v1/installations/{id}")
        assert (gone.status_code, gone.json()["state"]) == (200, "disconnected")
        assert client.get(f"/v1/messages?installation={id}&state=scheduled").json()["data"] == []
        assert client.get("/v1/installations").json()["data"] == []
        assert client.post(f"/v1/installations/{id}/sync").status_code == 409


def test_settings_are_changed_over_what_is_known(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        id = client.post("/v1/installations", CALENDAR).json()["id"]

        changed = client.patch(f"/v1/installations/{id}", {"name": "Autre", "config": {"zone": "Indian/Reunion"}})
        assert changed.status_code == 200, changed.text
        assert (changed.json()["name"], changed.json()["zone"]) == ("Autre", "Indian/Reunion")
        assert client.post(f"/v1/installations/{id}/sync?wait=true").json()["changed"] == 4

        wrong = client.patch(f"/v1/installations/{id}", {"config": {"zone": "Mars/Olympus"}})
        assert wrong.json()["errors"][0]["pointer"] == "/config/zone"
        other = client.patch(f"/v1/installations/{id}", {"config": {"colour": "red"}})
        assert other.json()["errors"][0]["pointer"] == "/config/colour"
        address = client.patch(f"/v1/installations/{id}", {"config": {"ical_url": "https://example.org/b.ics"}})
        assert (address.status_code, address.json()["config"]["way"]) == (200, "ical_url")


def test_a_templates_versions_languages_and_measure(client: Client) -> None:
    made = client.post("/v1/templates", {"key": "rappel", "body": "RDV à {{ start|time }} – à bientôt"})
    assert made.status_code == 201
    assert made.json()["variables"] == ["start"]
    assert made.json()["measure"]["text"] is None
    filled = client.post(
        "/v1/templates?dry_run=true",
        {"key": "rappel", "body": "Bonjour {{ first_name }}", "data": {"first_name": "Ana"}},
    ).json()
    assert (filled["measure"]["text"], filled["measure"]["segments"]) == ("Bonjour Ana", 1)
    client.post("/v1/templates", {"key": "rappel", "language": "en", "body": "See you"})
    client.post("/v1/templates", {"key": "rappel", "body": "Deux"})

    known = client.get("/v1/templates/rappel").json()

    assert known["languages"] == {"fr": "Deux", "en": "See you"}
    assert [(one["language"], one["version"]) for one in known["versions"]] == [("en", 1), ("fr", 2), ("fr", 1)]
    message = {"to": "+33639980001", "class": "transactional", "template": "rappel", "language": "en"}
    assert client.post("/v1/messages", message).json()["text"] == "See you"
    assert client.post("/v1/templates", {"key": "a b", "body": "x"}).json()["errors"][0]["pointer"] == "/key"
    assert client.delete("/v1/templates/rappel").status_code == 204
    assert client.post("/v1/messages", message).status_code == 422
