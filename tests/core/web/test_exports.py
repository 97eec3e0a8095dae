"""`/v1/exports`: a file is asked for, made in parts, downloaded by whom it belongs to, and deleted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.domain.recipients import Recipient
from core.engine import erasing, exporting
from core.storage import exported, surveys
from core.storage import tables as t
from tests.support.running import Client, Running

ANA = "+33639980001"


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def client(relance: Running) -> Client:
    return relance.client


def send(client: Client, count: int, **more: Any) -> list[str]:
    body = {"to": ANA, "class": "transactional", "body": "Rappel", **more}
    messages = [{**body, "reference": f"visit-{n}"} for n in range(count)]
    answer = client.post("/v1/messages/batch", {"messages": messages})
    assert answer.status_code == 200, answer.text
    return [one["message"]["id"] for one in answer.json()["results"]]


def ask(client: Client, what: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/exports", {"what": what, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def done(relance: Running, client: Client, what: str, **more: Any) -> dict[str, Any]:
    made = ask(client, what, **more)
    relance.settle()
    return dict(client.get(f"/v1/exports/{made['id']}").json())


def text_of(client: Client, one: dict[str, Any]) -> str:
    answer = client.get(f"/v1/exports/{one['id']}/file")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == one["bytes"] == int(answer.headers["Content-Length"])
    return answer.content.decode()


def rows_of(client: Client, one: dict[str, Any]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text_of(client, one).removeprefix("\ufeff"), newline=""), delimiter=";"))


def lines_of(client: Client, one: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of(client, one).splitlines()]


# ---------------------------------------------------------------------------------------------- making


def test_a_file_is_asked_for_made_and_downloaded(relance: Running, client: Client) -> None:
    send(client, 3, body="Très « important » ; vraiment", send_at="2026-12-01T10:00:00", zone="Europe/Paris")

    asked = ask(client, "messages")
    assert (asked["state"], asked["rows"], asked["file_url"]) == ("waiting", 0, None)
    early = client.get(f"/v1/exports/{asked['id']}/file")
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    relance.settle()

    one = client.get(f"/v1/exports/{asked['id']}").json()
    assert (one["state"], one["rows"]) == ("done", 3)
    assert one["file_url"] == f"{relance.url}/v1/exports/{one['id']}/file"
    answer = client.get(f"/v1/exports/{one['id']}/file")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'attachment; filename="messages-2026-11-30-{one["id"][-6:]}.csv"' == answer.headers["Content-Disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbfidentifiant;")
    head, *rows = rows_of(client, one)
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["référence"] for row in found] == ["visit-2", "visit-1", "visit-0"]
    assert found[0]["texte"] == "Très \" important \" ; vraiment"
    assert found[0]["prévu le"] == "2026-12-01T10:00:00+01:00"
    assert (found[0]["prix"], found[0]["devise"]) == ("0,052", "EUR")
    assert client.get("/v1/exports").json()["data"] == [one]


def test_programs_get_the_objects_of_the_api_one_a_line(relance: Running, client: Client) -> None:
    [message] = send(client, 1)

    one = done(relance, client, "messages", format="jsonl")

    assert lines_of(client, one) == [client.get("/v1/messages?reference=visit-0").json()["data"][0]]
    assert lines_of(client, one)[0]["id"] == message
    answer = client.get(f"/v1/exports/{one['id']}/file")
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_english_files_have_commas_and_points(relance: Running, client: Client) -> None:
    send(client, 1)
    one = done(relance, client, "messages", language="en")
    head, row = csv.reader(io.StringIO(text_of(client, one).removeprefix("\ufeff")))
    assert head[:3] == ["id", "state", "reason.detail"]
    assert dict(zip(head, row, strict=True))["estimate.price.amount"] == "0.052"


@pytest.mark.parametrize("words", ["=1+1", "+33 appelez", "-2", "@cmd", "\t=1", "＝1"])
def test_no_cell_is_a_formula(relance: Running, client: Client, words: str) -> None:
    client.post("/v1/contacts", {"number": ANA, "name": words})
    one = done(relance, client, "contacts")
    head, row = rows_of(client, one)
    cell = dict(zip(head, row, strict=True))["nom"]
    assert cell == (words if words == "-2" else f"'{words}")


def test_every_kind_can_be_had_in_both_forms(relance: Running, client: Client) -> None:
    send(client, 1)
    client.post("/v1/contacts", {"number": ANA, "values": {"pet": "chat"}})
    proof = {"text": "J'accepte", "place": "caisse", "moment": "2026-11-01T10:00:00+01:00"}
    client.post("/v1/consents", {"to": ANA, "state": "in", "source": "caisse", "proof": proof})
    client.post("/v1/links", {"target": "https://example.org/"})
    client.post("/v1/simulator/replies", {"from": ANA, "text": "Qui êtes-vous ?"})
    ics = ("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:a\nDTSTAMP:20261101T000000Z\n"
           "DTSTART:20261205T090000Z\nSUMMARY:Mme Roux 06 39 98 00 01\nEND:VEVENT\nEND:VCALENDAR\n")  # fmt: skip
    client.post("/v1/installations", {"adapter": "gcal_reminders", "config": {"ics": ics}})
    survey = client.post("/v1/surveys", {"name": "Avis", "questions": [{"text": "?", "kind": "scale"}]}).json()["id"]
    answered(relance, survey)
    relance.settle()

    for what in exporting.KINDS:
        table, lines = (done(relance, client, what, format=form) for form in ("csv", "jsonl"))
        assert (table["state"], table["rows"]) == ("done", 1), what
        assert len(rows_of(client, table)) == 2
        assert len(lines_of(client, lines)) == 1
        if what not in ("replies", "survey_answers"):
            assert lines_of(client, lines) == client.get(f"/v1/{what}").json()["data"]


def answered(relance: Running, survey: str) -> None:
    """Somebody answered the survey, without a message of it."""
    now = relance.suite.now()
    with relance.suite.database.write(relance.workspace) as tx:
        row = surveys.row(tx, survey)
        assert row is not None
        [asked] = surveys.begin(tx, row, [surveys.Begun(ANA, "FR", "msg_x", now, now)], "keyword", now, test=True)
        person = surveys.person(tx, asked)
        assert person is not None
        surveys.keep(tx, person, "9", "9", "rep_x", now)


def test_a_code_is_in_no_file(relance: Running, client: Client) -> None:
    client.post("/v1/messages", {"to": ANA, "class": "otp", "body": "482915 est votre code"})
    assert "482915" not in text_of(client, done(relance, client, "messages"))


def test_a_list_of_nothing_is_a_file_with_its_heads(relance: Running, client: Client) -> None:
    one = done(relance, client, "contacts")
    assert (one["state"], one["rows"], len(rows_of(client, one))) == ("done", 0, 1)


# ---------------------------------------------------------------------------------------------- filters


def test_what_the_list_would_show_is_what_the_file_holds(relance: Running, client: Client) -> None:
    send(client, 2)
    relance.settle()
    send(client, 1, send_at="2026-12-05T10:00:00+01:00")
    for filters in (
        {"state": "scheduled"}, {"state": "delivered,sent"}, {"since": "2026-12-01T00:00:00Z"},
        {"reference": "visit-1"}, {"until": "2026-12-01T00:00:00+01:00"},
        {"to": "+33639980099"},
    ):  # fmt: skip
        one = done(relance, client, "messages", format="jsonl", filters=filters)
        shown = client.get("/v1/messages", params=filters).json()["data"]
        assert lines_of(client, one) == shown, filters


def test_conversations_are_filtered_as_their_list_is(relance: Running, client: Client) -> None:
    for number, words in ((ANA, "Qui êtes-vous ?"), ("+33639980009", "STOP")):
        client.post("/v1/simulator/replies", {"from": number, "text": words})
    for filters in ({"state": "open"}, {"unread": False}, {"unread": True}, {"q": "06 39 98 00 09"}, {"q": "0009"}):
        one = done(relance, client, "conversations", format="jsonl", filters=filters)
        assert [row["number"] for row in lines_of(client, one)] == [
            row["number"] for row in client.get("/v1/conversations", params=filters).json()["data"]
        ], filters


@pytest.mark.parametrize(
    "what, filters, pointer",
    [
        ("messages", {"stat": "sent"}, "/filters/stat"),
        ("messages", {"state": "odd"}, "/filters/state"),
        ("messages", {"since": "yesterday"}, "/filters/since"),
        ("conversations", {"state": "odd"}, "/filters/state"),
        ("contacts", {"limit": 3}, "/filters/limit"),
        ("contacts", {"number": 3}, "/filters/number"),
    ],
)
def test_a_filter_that_is_none_gives_nothing_away(client: Client, what: str, filters: Any, pointer: str) -> None:
    answer = client.post("/v1/exports", {"what": what, "filters": filters})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_what_is_no_list_is_refused(client: Client) -> None:
    for body in ({"what": "verifications"}, {"what": "messages", "format": "xls"}, {"what": "messages", "filters": []}):
        assert client.post("/v1/exports", body).status_code == 422
    dry = client.post("/v1/exports?dry_run=true", {"what": "messages"})
    assert (dry.status_code, dry.json()["state"]) == (200, "waiting")
    assert client.get("/v1/exports").json()["data"] == []


# ---------------------------------------------------------------------------------------------- parts


def test_five_thousand_messages_while_new_ones_arrive(relance: Running, client: Client) -> None:
    before = send(client, 5000, send_at="2026-12-05T10:00:00+01:00")
    one = ask(client, "messages", format="jsonl", filters={"state": "scheduled"})

    parts = 0
    while client.get(f"/v1/exports/{one['id']}").json()["state"] != "done":
        # As several machines would: a part each, and messages come in between.
        with relance.suite.database.write() as tx:
            row = exported.take(tx, relance.suite.now(), exporting.LEASE)
        assert row is not None
        exporting._go_on(relance.suite, row)
        parts += 1
        send(client, 7, send_at="2026-12-05T10:00:00+01:00")

    kept = client.get(f"/v1/exports/{one['id']}").json()
    found = [row["id"] for row in lines_of(client, kept)]
    assert parts == 6
    assert found == sorted(before, reverse=True)


def test_a_machine_that_dies_between_two_parts_is_followed_by_another(relance: Running, client: Client) -> None:
    send(client, 1500, send_at="2026-12-05T10:00:00+01:00")
    one = ask(client, "messages", format="jsonl")
    suite = relance.suite
    with suite.database.write() as tx:
        first = exported.take(tx, suite.now(), exporting.LEASE)
    assert first is not None
    exporting._go_on(suite, first)
    with suite.database.write() as tx:
        exported.take(tx, suite.now(), exporting.LEASE)

    relance.settle()
    assert client.get(f"/v1/exports/{one['id']}").json()["state"] == "running"
    relance.forward(timedelta(minutes=2))

    kept = client.get(f"/v1/exports/{one['id']}").json()
    assert (kept["state"], kept["rows"], len(lines_of(client, kept))) == ("done", 1500, 1500)


def test_two_machines_at_one_file_write_each_part_once(relance: Running, client: Client) -> None:
    send(client, 10)
    one = ask(client, "messages", format="jsonl")
    suite = relance.suite
    with suite.database.write() as tx:
        taken = exported.take(tx, suite.now(), exporting.LEASE)
    assert taken is not None

    for _ in range(2):
        exporting._go_on(suite, taken)

    kept = client.get(f"/v1/exports/{one['id']}").json()
    assert (kept["rows"], len(lines_of(client, kept))) == (10, 10)


def test_what_cannot_be_made_says_so_in_the_end(relance: Running, client: Client) -> None:
    one = ask(client, "messages")
    with relance.suite.database.write() as tx:
        tx.connection.execute(t.exports.update().values(filters={"since": "no moment"}))
    for _ in range(exporting.MOST_TRIES):
        relance.settle()
        relance.forward(timedelta(minutes=6))

    kept = client.get(f"/v1/exports/{one['id']}").json()
    assert (kept["state"], kept["reason"]["code"]) == ("failed", "export_failed")
    assert client.get(f"/v1/exports/{one['id']}/file").json()["code"] == "export_failed"


def test_a_few_at_a_time(client: Client) -> None:
    for _ in range(exporting.AT_ONCE):
        ask(client, "contacts")
    refused = client.post("/v1/exports", {"what": "contacts"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_exports")


# ---------------------------------------------------------------------------------------------- whose, and how long


def test_another_workspace_finds_no_file(relance: Running, client: Client) -> None:
    one = done(relance, client, "contacts")
    _, stranger = relance.another_workspace()
    for path in (f"/v1/exports/{one['id']}", f"/v1/exports/{one['id']}/file"):
        assert stranger.get(path).status_code == 404
    assert stranger.delete(f"/v1/exports/{one['id']}").status_code == 404
    assert stranger.get("/v1/exports").json()["data"] == []
    assert Client(relance.url, None).get(f"/v1/exports/{one['id']}/file").status_code == 401


def test_a_file_is_kept_for_a_week(relance: Running, client: Client) -> None:
    one = done(relance, client, "contacts")
    relance.forward(timedelta(days=6))
    assert client.get(f"/v1/exports/{one['id']}/file").status_code == 200
    relance.forward(timedelta(days=1, hours=2))

    gone = client.get(f"/v1/exports/{one['id']}/file")
    assert (gone.status_code, gone.json()["code"]) == (410, "export_over")
    assert client.get(f"/v1/exports/{one['id']}").json()["state"] == "expired"
    with relance.suite.database.read() as tx:
        assert tx.rows(t.export_parts.select()) == []
    relance.forward(timedelta(days=30))
    assert client.get(f"/v1/exports/{one['id']}").status_code == 404


def test_a_file_is_deleted_when_nobody_wants_it(relance: Running, client: Client) -> None:
    one = done(relance, client, "contacts")
    assert client.delete(f"/v1/exports/{one['id']}").status_code == 204
    gone = client.get(f"/v1/exports/{one['id']}/file")
    assert (gone.status_code, gone.json()["code"]) == (410, "export_removed")


def test_who_is_erased_is_in_no_file_any_more(relance: Running, client: Client) -> None:
    client.post("/v1/contacts", {"number": ANA, "name": "Ana Roux"})
    one = done(relance, client, "contacts")
    asked = ask(client, "contacts")

    erasing.erase(relance.suite, relance.workspace, Recipient.parse(ANA), who="tests")

    gone = client.get(f"/v1/exports/{one['id']}/file")
    assert (gone.status_code, gone.json()["code"]) == (410, "export_erased")
    relance.settle()
    assert client.get(f"/v1/exports/{asked['id']}").json()["state"] == "withdrawn"
    with relance.suite.database.read() as tx:
        assert tx.rows(t.export_parts.select()) == []


def test_who_asked_and_who_downloaded_is_noted(relance: Running, client: Client) -> None:
    text_of(client, done(relance, client, "contacts"))
    with relance.suite.database.read(relance.workspace) as tx:
        noted = [row["what"] for row in tx.rows(t.audit.select())]
    assert noted == ["export_asked", "exported"]
