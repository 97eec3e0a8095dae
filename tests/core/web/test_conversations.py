"""`/v1/conversations`: who wrote back, what was said, answering once, and what holds in between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from core.contract import Account, PhoneReply
from core.domain.messages import Channel
from core.engine import feedback
from core.storage import conversations
from core.storage import tables as t
from tests.support.running import EMAIL, Client, Running

ANA, BOB = "+33639980001", "+33639980009"


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def client(relance: Running) -> Client:
    return relance.client


def says(relance: Running, text: str, number: str = ANA) -> None:
    """A person writes from a simulated phone."""
    assert relance.client.post("/v1/simulator/replies", {"from": number, "text": text}).status_code < 300


def writes(relance: Running, text: str, channel: Channel, number: str = ANA, at: datetime | None = None) -> None:
    """A person writes by another channel than SMS."""
    suite = relance.suite
    account = Account("acc_wa", relance.workspace, "simulator", {}, {}, "", "")
    moment = at or suite.now()
    with suite.database.write(relance.workspace) as tx:
        reply = PhoneReply(number, "38555", text, moment, f"r{moment.timestamp()}{text}", channel=channel)
        feedback.take_reply(suite, tx, account, reply)


def reminded(relance: Running, number: str = ANA, text: str = "RDV demain à 9h") -> str:
    answer = relance.client.post("/v1/messages", {"to": number, "class": "transactional", "body": text})
    relance.settle()
    return str(answer.json()["id"])


def only(client: Client, query: str = "") -> dict[str, Any]:
    [one] = client.get(f"/v1/conversations{query}").json()["data"]
    return dict(one)


def ids(client: Client, query: str) -> list[str]:
    answer = client.get(f"/v1/conversations?{query}")
    assert answer.status_code == 200, answer.text
    return [one["number"] for one in answer.json()["data"]]


def received(relance: Running, number: str = ANA) -> list[str]:
    return [one["text"] for one in reversed(relance.phones()) if one["to"] == number]


# ---------------------------------------------------------------------------------------------- opening


def test_an_odd_reply_opens_a_conversation_that_shows_both_sides(relance: Running, client: Client) -> None:
    message = reminded(relance)
    says(relance, "Je serai en retard de dix minutes")

    one = only(client)
    whole = client.get(f"/v1/conversations/{one['id']}").json()

    assert (one["number"], one["state"], one["unread"], one["channel"]) == (ANA, "open", 1, "sms")
    assert one["last"]["from"] == "person"
    assert one["last"]["text"] == "Je serai en retard de dix minutes"
    assert [(entry["kind"], entry["text"]) for entry in whole["entries"]] == [
        ("reply", "Je serai en retard de dix minutes"), ("message", "RDV demain à 9h")]  # fmt: skip
    assert whole["entries"][0]["message"] == message
    assert whole["entries"][1]["by"] is None
    assert whole["has_more"] is False


def test_what_a_rule_understood_is_there_and_opens_nothing(relance: Running, client: Client) -> None:
    reminded(relance)
    says(relance, "STOP")

    one = only(client)

    assert (one["state"], one["unread"]) == ("closed", 0)
    assert one["opted_out"] == ["marketing", "transactional"]
    [stop] = [entry for entry in client.get(f"/v1/conversations/{one['id']}").json()["entries"]
              if entry["kind"] == "reply"]  # fmt: skip
    assert (stop["meaning"], stop["outcome"]["code"]) == ("stop", "stopped")


def test_all_that_one_person_writes_is_one_conversation_over_all_channels(relance: Running, client: Client) -> None:
    says(relance, "Bonjour ?")
    writes(relance, "C'est encore moi", Channel.WHATSAPP)

    one = only(client)

    assert (one["unread"], one["channel"], one["whatsapp"]["open"]) == (2, "whatsapp", True)


# ---------------------------------------------------------------------------------------------- answering


def test_an_answer_leaves_once_and_then_one_waits_for_the_person(relance: Running, client: Client) -> None:
    says(relance, "Je serai en retard")
    one = only(client)
    key = {"Idempotency-Key": "answer-1"}

    first = client.post(f"/v1/conversations/{one['id']}/answers", {"body": "Pas de souci {{ x }}"}, headers=key)
    again = client.post(f"/v1/conversations/{one['id']}/answers", {"body": "Pas de souci {{ x }}"}, headers=key)
    relance.settle()

    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["class"] == "conversational"
    assert received(relance) == ["Pas de souci {{ x }}"]
    after = only(client)
    assert (after["state"], after["unread"], after["last"]["from"]) == ("waiting", 0, "house")
    entries = client.get(f"/v1/conversations/{one['id']}").json()["entries"]
    assert [entry["kind"] for entry in entries] == ["message", "reply"]
    assert entries[0]["by"].startswith("key_")

    says(relance, "Merci beaucoup, à demain alors")
    assert (only(client)["state"], only(client)["unread"]) == ("open", 1)


def test_many_hands_on_one_button_send_one_answer(relance: Running, client: Client) -> None:
    says(relance, "Allô ?")
    path = f"/v1/conversations/{only(client)['id']}/answers"

    def pressed(_: int) -> int:
        return client.post(path, {"body": "Oui ?"}, headers={"Idempotency-Key": "one"}).status_code

    with ThreadPoolExecutor(4) as hands:
        assert set(hands.map(pressed, range(4))) <= {201, 409}
    relance.settle()
    assert received(relance) == ["Oui ?"]


def test_a_ready_answer_is_filled_with_what_we_know(relance: Running, client: Client) -> None:
    client.post("/v1/contacts", {"number": ANA, "first_name": "Ana"})
    client.post("/v1/templates", {"key": "answer.late", "body": "{{ first_name }}, pas de souci. {{ more }}"})
    says(relance, "Je serai en retard")
    path = f"/v1/conversations/{only(client)['id']}/answers"

    missing = client.post(path, {"template": "answer.late"})
    done = client.post(path, {"template": "answer.late", "data": {"more": "à demain"}})

    assert missing.status_code == 422
    assert done.json()["text"] == "Ana, pas de souci. à demain"
    assert client.post(path, {"template": "answer.none"}).status_code == 422
    assert client.post(path, {}).json()["code"] == "field_body_or_template"
    assert client.post(path, {"body": "  "}).status_code == 422


def test_who_wants_nothing_more_gets_no_answer(relance: Running, client: Client) -> None:
    says(relance, "Qui êtes-vous ?")
    client.post("/v1/consents", {"to": ANA, "scope": "all", "state": "out", "source": "téléphone"})
    one = only(client)

    refused = client.post(f"/v1/conversations/{one['id']}/answers", {"body": "Bonjour"})
    relance.settle()

    assert (refused.status_code, refused.json()["code"]) == (409, "opted_out")
    assert received(relance) == []
    assert only(client)["state"] == "open"


def test_after_a_stop_of_advertising_one_may_still_answer(relance: Running, client: Client) -> None:
    says(relance, "STOP")
    says(relance, "Et mon rendez-vous de lundi ?")
    relance.settle()

    answer = client.post(f"/v1/conversations/{only(client)['id']}/answers", {"body": "Il est maintenu."})

    assert answer.status_code == 201
    assert only(client)["opted_out"] == ["marketing"]


def test_an_answer_to_what_was_read_leaves_the_rest_to_be_read(relance: Running, client: Client) -> None:
    says(relance, "Je serai en retard")
    path = f"/v1/conversations/{only(client)['id']}"
    read = client.get(path).json()["entries"][0]["id"]
    says(relance, "Et je viens avec ma fille")

    client.post(f"{path}/answers", {"body": "Pas de souci", "reply": read})

    assert (only(client)["state"], only(client)["unread"]) == ("open", 2)
    client.post(f"{path}/answers", {"body": "Très bien"})
    assert (only(client)["state"], only(client)["unread"]) == ("waiting", 0)


def test_a_dry_run_says_what_it_would_cost_and_says_nothing(relance: Running, client: Client) -> None:
    says(relance, "Allô ?")
    path = f"/v1/conversations/{only(client)['id']}/answers"

    dry = client.post(f"{path}?dry_run=true", {"body": "Oui ?"})
    relance.settle()

    assert (dry.status_code, dry.json()["estimate"]["segments"]) == (200, 1)
    assert received(relance) == []
    assert only(client)["state"] == "open"


# ---------------------------------------------------------------------------------------------- WhatsApp


def test_whatsapp_takes_free_text_for_a_day_and_a_template_afterwards(relance: Running, client: Client) -> None:
    writes(relance, "C'est par ici que je préfère", Channel.WHATSAPP)
    one = only(client)
    path = f"/v1/conversations/{one['id']}/answers"
    until = datetime.fromisoformat(one["whatsapp"]["until"])
    assert timedelta(hours=23, minutes=59) < until - relance.suite.now() <= timedelta(hours=24)

    inside = client.post(path, {"body": "Bien reçu"}).json()
    assert (inside["channels"], inside["expires_at"]) == (["whatsapp"], one["whatsapp"]["until"])

    relance.forward(timedelta(hours=25))
    assert only(client)["whatsapp"]["open"] is False
    late = client.post(path, {"body": "Encore moi"})
    assert (late.status_code, late.json()["code"]) == (409, "window_closed")
    content = {"whatsapp": {"template": {"name": "suite", "language": "fr", "body": ["Ana"]}}}
    assert client.post(path, {"body": "Ana, une suite", "content": content}).status_code == 201
    assert client.post(path, {"body": "Par SMS alors", "channel": "sms"}).status_code == 201
    assert client.post(path, {"body": "x", "content": {"whatsapp": {"template": {}}}}).status_code == 422


# ---------------------------------------------------------------------------------------------- looking after


def test_a_conversation_is_closed_opened_read_and_looked_after(relance: Running, client: Client) -> None:
    says(relance, "Bonjour ?")
    path = f"/v1/conversations/{only(client)['id']}"

    taken = client.patch(path, {"assigned": EMAIL}).json()
    assert (taken["assigned"], taken["assigned_name"], taken["unread"]) == (relance.user, EMAIL, 1)
    assert client.patch(path, {"unread": False}).json()["unread"] == 0
    assert client.patch(path, {"unread": True}).json()["unread"] == 1
    closed = client.patch(path, {"state": "closed"}).json()
    assert (closed["state"], closed["unread"], closed["assigned"]) == ("closed", 0, relance.user)
    assert client.patch(path, {"assigned": None, "state": "open"}).json()["assigned"] is None

    unknown = client.patch(path, {"assigned": "usr_other"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/assigned")
    assert client.patch(path, {"state": "gone"}).status_code == 422


def test_a_note_is_for_the_house_alone(relance: Running, client: Client) -> None:
    says(relance, "Je déménage")
    path = f"/v1/conversations/{only(client)['id']}"

    noted = client.post(f"{path}/notes", {"text": "Changer son adresse"})
    relance.settle()

    assert noted.status_code == 201
    assert [one["text"] for one in client.get(path).json()["entries"]] == ["Changer son adresse", "Je déménage"]
    assert received(relance) == []
    assert client.post(f"{path}/notes", {"text": "   "}).status_code == 422


def test_lists_are_filtered_and_paged(relance: Running, client: Client) -> None:
    for number, text in ((ANA, "un"), (BOB, "deux"), ("+33639980005", "STOP")):
        relance.forward(timedelta(minutes=1))
        says(relance, text, number)
    first = client.get("/v1/conversations?limit=2").json()
    second = client.get(f"/v1/conversations?limit=2&after={first['next']}").json()
    assert [one["number"] for one in first["data"]] == ["+33639980005", BOB]
    assert ([one["number"] for one in second["data"]], second["has_more"]) == ([ANA], False)

    client.patch(f"/v1/conversations/{only(client, '?q=06+39+98+00+01')['id']}", {"assigned": relance.user})
    assert ids(client, "state=open,waiting") == [BOB, ANA]
    assert ids(client, f"assigned={relance.user}") == [ANA]
    assert ids(client, "assigned=nobody&state=open") == [BOB]
    assert ids(client, "unread=true") == [BOB, ANA]
    assert ids(client, "channel=whatsapp") == []
    assert ids(client, "q=0009") == [BOB]
    assert ids(client, "q=personne") == []
    assert client.get("/v1/conversations?state=odd").status_code == 400
    assert ids(client, "after=nonsense") == ["+33639980005", BOB, ANA]


def test_the_entries_of_a_long_conversation_are_paged_in_their_order(relance: Running, client: Client) -> None:
    for number in range(7):
        relance.forward(timedelta(minutes=1))
        (says if number % 2 else reminded)(relance, *(["réponse"] if number % 2 else []))  # type: ignore[operator]
    path = f"/v1/conversations/{only(client)['id']}"
    whole = [one["id"] for one in client.get(path).json()["entries"]]

    seen, after = [], ""
    while True:
        some = client.get(f"{path}?limit=3{after}").json()
        seen += [one["id"] for one in some["entries"]]
        if not some["has_more"]:
            break
        after = f"&after={some['next']}"

    assert len(whole) == 7
    assert seen == whole


# ---------------------------------------------------------------------------------------------- apart, and quick


def test_another_workspace_finds_nothing(relance: Running, client: Client) -> None:
    says(relance, "Bonjour ?")
    path = f"/v1/conversations/{only(client)['id']}"
    _, stranger = relance.another_workspace()

    assert stranger.get("/v1/conversations").json()["data"] == []
    for answer in (
        stranger.get(path),
        stranger.patch(path, {"state": "closed"}),
        stranger.post(f"{path}/answers", {"body": "Bonjour"}),
        stranger.post(f"{path}/notes", {"text": "vu"}),
    ):
        assert answer.status_code == 404
    assert client.patch(path, {"assigned": _user_elsewhere(relance)}).status_code == 422
    assert only(client)["state"] == "open"


def _user_elsewhere(relance: Running) -> str:
    from tests.support.people import person

    workspace, _ = relance.another_workspace("Garage Sud")
    with relance.suite.database.write(workspace) as tx:
        return person(tx, "zoe@example.org", "une-phrase-longue-et-simple", "editor", "fr", relance.suite.now())


def test_a_key_that_only_reads_answers_nobody(relance: Running, client: Client) -> None:
    says(relance, "Bonjour ?")
    path = f"/v1/conversations/{only(client)['id']}"
    reader = relance.client_for(relance.workspace, scopes=("read",))

    assert reader.get(path).status_code == 200
    assert reader.post(f"{path}/answers", {"body": "Bonjour"}).status_code == 403
    assert reader.patch(path, {"state": "closed"}).status_code == 403


def test_what_is_asked_of_the_database_does_not_grow_with_the_list(relance: Running, client: Client) -> None:
    for number in range(1, 10):
        says(relance, "Bonjour ?", f"+3363998100{number}")

    def asked(limit: int) -> int:
        seen: list[str] = []

        def counted(_c: Any, _u: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        engine = relance.suite.database.engine
        event.listen(engine, "before_cursor_execute", counted)
        try:
            client.get(f"/v1/conversations?limit={limit}")
        finally:
            event.remove(engine, "before_cursor_execute", counted)
        return len(seen)

    assert asked(9) == asked(1)


def test_a_person_is_found_quickly_among_a_hundred_thousand_messages(relance: Running) -> None:
    """By an index, whatever the size: the plan of each question is looked at, not a watch."""
    says(relance, "Bonjour ?")
    plans: list[str] = []

    def planned(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().startswith("SELECT") and ("FROM messages" in statement or "FROM replies" in statement):
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row[3] for row in rows.fetchall())

    with relance.suite.database.read(relance.workspace) as tx:
        if not tx.is_sqlite:
            pytest.skip("SQLite's plans are read here")
        [row] = conversations.listed(tx, conversations.Filter())
        event.listen(tx.connection, "before_cursor_execute", planned)
        assert len(conversations.entries(tx, row)) == 1
        conversations.last_words(tx, [row])
        conversations.wrote_by(tx, Channel.WHATSAPP, [ANA])
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN")], plans


def test_what_was_said_is_told_to_the_house_s_own_programs_with_its_conversation(
    relance: Running, client: Client
) -> None:
    client.post("/v1/webhooks", {"url": "https://example.org/hook", "events": ["reply.received"]})
    says(relance, "Bonjour ?")
    with relance.suite.database.read(relance.workspace) as tx:
        [delivery] = tx.rows(t.deliveries.select())
    assert f'"conversation":"{only(client)["id"]}"' in delivery["body"]


def test_a_person_who_is_erased_takes_the_conversation_and_its_notes_along(relance: Running, client: Client) -> None:
    from core.domain.recipients import Recipient
    from core.engine import erasing

    reminded(relance)
    says(relance, "Je déménage")
    path = f"/v1/conversations/{only(client)['id']}"
    client.post(f"{path}/notes", {"text": "Rappeler au 06 39 98 00 01"})
    client.post(f"{path}/answers", {"body": "Merci"})

    done = erasing.erase(relance.suite, relance.workspace, Recipient.parse(ANA), who="tests")

    assert done.rows["conversations"] == done.rows["notes"] == 1
    assert client.get("/v1/conversations").json()["data"] == []
    assert client.get(path).status_code == 404


def test_notes_and_silent_conversations_are_kept_as_long_as_texts(relance: Running, client: Client) -> None:
    says(relance, "Je déménage")
    client.post(f"/v1/conversations/{only(client)['id']}/notes", {"text": "vu"})

    relance.forward(timedelta(days=89))
    assert only(client)["number"] == ANA
    relance.forward(timedelta(days=2))

    assert client.get("/v1/conversations").json()["data"] == []
    with relance.suite.database.read() as tx:
        assert tx.rows(t.notes.select()) == []


def test_moments_of_cursors_are_read_back() -> None:
    at = datetime(2026, 12, 1, 9, 0, 0, 123456, tzinfo=UTC)
    assert conversations._moment_of(conversations._cursor(at, "x")) == (at, "x")
