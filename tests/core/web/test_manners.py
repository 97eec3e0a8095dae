"""What every route has in common: keys, idempotency, dry runs, lists, problems, limits, workspaces."""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.domain.reasons import Reason
from core.domain.remedies import remedy
from core.domain.sentences import SENTENCES
from core.storage import access
from core.storage import tables as t
from core.web.access import Access
from core.web.documents import all_routes, document
from core.web.limits import Buckets
from tests.support.running import Client, Running

GOOD = {
    "to": "+33639980001",
    "class": "transactional",
    "body": "Bonjour {{ first_name }}",
    "data": {"first_name": "Ana"},
}


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("manners")) as running:
        running.app.extensions["relance_limits"] = Buckets(1e6, 1e6)
        yield running


@pytest.fixture
def client(relance: Running) -> Client:
    return relance.client


def stored(relance: Running, table: Any = t.messages) -> int:
    with relance.suite.database.read() as tx:
        return int(tx.connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["code"] == code, said
    assert set(said) == {"type", "title", "status", "detail", "code", "remedy", "request_id", "errors"}
    assert said["status"] == status
    assert said["request_id"] == answer.headers["X-Request-Id"]
    return said


# ---------------------------------------------------------------------------------------------- messages


def test_a_message_answers_what_the_document_promises(client: Client) -> None:
    answer = client.post(
        "/v1/messages",
        {
            "to": "+33612345678",
            "class": "transactional",
            "body": "Bonjour {{ first_name }}",
            "data": {"first_name": "Ana"},
            "channels": ["sms"],
            "send_at": "2026-12-01T18:00:00",
            "zone": "Europe/Paris",
            "expires_at": "2026-12-02T08:00:00+01:00",
            "reference": "visit-42",
        },
    )

    assert answer.status_code == 201
    said = answer.json()
    assert said["id"].startswith("msg_")
    expected = {
        "state": "scheduled",
        "to": "+33612345678",
        "class": "transactional",
        "channels": ["sms"],
        "text": "Bonjour Ana",
        "due_at": "2026-12-01T17:00:00Z",
        "expires_at": "2026-12-02T07:00:00Z",
        "reference": "visit-42",
        "estimate": {"encoding": "GSM-7", "segments": 1, "price": {"amount": 52000, "currency": "EUR"}},
    }
    assert {name: said[name] for name in expected} == expected
    assert said["checks"][0] == {"check": "number", "result": "passed"}
    assert said["test"] is True


def test_a_wall_time_needs_its_zone(client: Client) -> None:
    said = problem(client.post("/v1/messages", {**GOOD, "send_at": "2026-12-01T18:00:00"}), 422, "moment_needs_zone")

    assert said["errors"][0]["pointer"] == "/send_at"
    assert "zone" in said["remedy"]


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"to": "06 12 34 56 78"}, "/to"),
        ({"to": "+331"}, "/to"),
        ({"to": 33612345678}, "/to"),
        ({"class": "urgent"}, "/class"),
        ({"class": None}, "/class"),
        ({"body": None}, "/body"),
        ({"body": ""}, "/body"),
        ({"template": "x"}, "/body"),
        ({"channels": []}, "/channels"),
        ({"channels": ["fax"]}, "/channels"),
        ({"channels": "sms"}, "/channels"),
        ({"data": []}, "/data"),
        ({"zone": "Mars/Olympus"}, "/zone"),
        ({"send_at": "demain"}, "/send_at"),
        ({"send_at": "0001-01-01T00:00:00+14:00"}, "/send_at"),
        ({"reference": "x" * 141}, "/reference"),
        ({"country": "fr", "to": "0612345678"}, "/country"),
    ],
)
def test_what_is_wrong_is_named_by_a_pointer(client: Client, change: dict[str, Any], pointer: str) -> None:
    answer = client.post("/v1/messages", {**GOOD, **change})

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_national_number_goes_with_its_country(client: Client) -> None:
    answer = client.post("/v1/messages", {**GOOD, "to": "06 12 34 56 78", "country": "FR"})

    assert (answer.status_code, answer.json()["to"]) == (201, "+33612345678")


def test_a_batch_answers_each_in_order(client: Client) -> None:
    answer = client.post("/v1/messages/batch", {"messages": [GOOD, {**GOOD, "to": "rien"}, 7, GOOD]})

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201, 422, 422, 201]
    assert results[0]["message"]["text"] == "Bonjour Ana"
    assert results[1]["error"]["code"] == "number_needs_country"


def test_a_message_is_called_off_once_and_not_after_it_left(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        waiting = relance.client.post("/v1/messages", {**GOOD, "send_at": "2026-12-20T10:00:00Z"}).json()["id"]
        for _ in range(2):
            answer = relance.client.post(f"/v1/messages/{waiting}/cancel")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        gone = relance.client.post("/v1/messages", GOOD).json()["id"]
        relance.settle()
        problem(relance.client.post(f"/v1/messages/{gone}/cancel"), 409, "message_left")
        history = relance.client.get(f"/v1/messages/{waiting}").json()["history"]
        assert history[-1]["reason"]["code"] == "cancelled_by_person"


def test_lists_are_paged_by_a_cursor_until_the_end(client: Client) -> None:
    made = [client.post("/v1/messages", {**GOOD, "reference": "pages"}).json()["id"] for _ in range(5)]

    seen, after = [], ""
    while True:
        page = client.get(f"/v1/messages?reference=pages&limit=2{after}").json()
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['next']}"

    assert seen == made[::-1]
    assert page["next"] is None
    for wrong in ("limit=0", "limit=201", "limit=x", "state=flying", "since=yesterday"):
        problem(client.get(f"/v1/messages?{wrong}"), 400, "query_wrong")


# ---------------------------------------------------------------------------------------------- idempotency


def test_the_same_key_and_body_give_the_first_answer_again(relance: Running, client: Client) -> None:
    before = stored(relance)
    first = client.post("/v1/messages", GOOD, headers={"Idempotency-Key": "one"})
    again = client.post("/v1/messages", GOOD, headers={"Idempotency-Key": "one"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert stored(relance) == before + 1
    other = client.post("/v1/messages", {**GOOD, "body": "Autre"}, headers={"Idempotency-Key": "one"})
    problem(other, 422, "idempotency_other")


def test_a_secret_that_is_shown_once_is_kept_sealed(relance: Running, client: Client) -> None:
    key = {"Idempotency-Key": "endpoint"}
    made = client.post("/v1/webhooks", {"url": "https://example.org/hook"}, headers=key)

    again = client.post("/v1/webhooks", {"url": "https://example.org/hook"}, headers=key)

    assert again.json() == made.json()
    with relance.suite.database.read() as tx:
        bodies = tx.connection.execute(select(t.idempotency.c.body)).scalars().all()
    assert not any(made.json()["secret"] in (body or "") for body in bodies)


def test_a_refused_request_leaves_its_key_free(client: Client) -> None:
    key = {"Idempotency-Key": "corrected"}
    assert client.post("/v1/messages", {**GOOD, "to": "?"}, headers=key).status_code == 422

    assert client.post("/v1/messages", GOOD, headers=key).status_code == 201


def test_twenty_threads_with_one_key_make_one_message(relance: Running, client: Client) -> None:
    before = stored(relance)

    def post(_: int) -> Any:
        return client.post("/v1/messages", GOOD, headers={"Idempotency-Key": "crowd"})

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, range(20)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert int(answer.headers["Retry-After"]) >= 1
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert stored(relance) == before + 1


def test_one_key_in_two_workspaces_is_two_keys(relance: Running, client: Client) -> None:
    _, other = relance.another_workspace()
    key = {"Idempotency-Key": "shared"}

    mine, theirs = (one.post("/v1/messages", GOOD, headers=key) for one in (client, other))

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]
    assert "Idempotent-Replayed" not in theirs.headers


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_bad_idempotency_key_is_refused(client: Client, key: str) -> None:
    problem(client.post("/v1/messages", GOOD, headers={"Idempotency-Key": key}), 400, "idempotency_key_bad")


# ---------------------------------------------------------------------------------------------- dry run


def everything(relance: Running) -> dict[str, int]:
    return {
        table.name: stored(relance, table)
        for table in t.metadata.sorted_tables
        if table.name not in ("house", "api_keys", "requests", "request_hours")
    }


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/messages", GOOD),
        ("/v1/messages/batch", {"messages": [GOOD, GOOD]}),
        ("/v1/contacts", {"number": "+33639980009", "name": "Ana"}),
        ("/v1/consents", {"to": "+33639980009", "state": "out", "source": "téléphone"}),
        ("/v1/templates", {"key": "essai", "body": "Bonjour"}),
        (
            "/v1/rules",
            {"name": "r", "on": "appointment", "class": "transactional", "when": {"before": "PT2H"}, "body": "RDV"},
        ),
        ("/v1/installations", {"adapter": "gcal_reminders", "config": {"ics": "BEGIN:VCALENDAR\nEND:VCALENDAR"}}),
        ("/v1/provider-accounts", {"provider": "smsmode", "config": {"api_key": "k"}}),
        ("/v1/webhooks", {"url": "https://example.org/hook"}),
        ("/v1/simulator/replies", {"from": "+33639980001", "text": "OUI"}),
    ],
)
def test_a_dry_run_answers_and_writes_nothing(relance: Running, client: Client, path: str, body: Any) -> None:
    before = everything(relance)

    dry = client.post(f"{path}?dry_run=true", body, headers={"Idempotency-Key": "dry"})

    assert dry.status_code == 200, dry.text
    assert everything(relance) == before


def test_a_dry_run_tells_price_and_refusals(client: Client) -> None:
    assert client.post("/v1/messages?dry_run=true", GOOD).json()["estimate"]["price"]["amount"] == 52000
    refused = client.post("/v1/messages?dry_run=true", {**GOOD, "class": "marketing"}).json()
    assert (refused["state"], refused["reason"]["code"]) == ("suppressed", "no_marketing_consent")


# ---------------------------------------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    "body, code",
    [
        (b"[]", "body_not_object"),
        (b'"text"', "body_not_object"),
        (b"", "body_not_json"),
        (b"{", "body_not_json"),
        (b'{"a": NaN}', "body_not_json"),
        (b'{"a": Infinity}', "body_not_json"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "body_number_too_large"),
        (b'{"a": 9223372036854775808}', "body_number_too_large"),
        (b'{"a": 1e999}', "body_number_too_large"),
        (rb'{"a": "\ud800"}', "body_not_json"),
        (rb'{"a": "\u0000"}', "body_not_json"),
        (b'{"a": "\xff"}', "body_not_json"),
        (b'{"a": 1, "a": 2}', "body_key_twice"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "body_too_deep"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body_too_deep"),
    ],
)
def test_a_body_that_is_no_honest_object_is_400(client: Client, body: bytes, code: str) -> None:
    answer = client.call("POST", "/v1/messages", data=body, headers={"Content-Type": "application/json"})

    problem(answer, 400, code)


def test_the_wrong_content_type_is_415(client: Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.call("POST", "/v1/messages", data=json.dumps(GOOD), headers={"Content-Type": kind})
        problem(answer, 415, "wrong_content_type")


def test_bodies_are_bounded_packed_or_not(client: Client) -> None:
    kind = {"Content-Type": "application/json"}
    problem(client.call("POST", "/v1/messages", data=b" " * 1_000_001, headers=kind), 413, "body_too_large")
    bomb = gzip.compress(b" " * 50_000_000)
    packed = {**kind, "Content-Encoding": "gzip"}
    problem(client.call("POST", "/v1/messages", data=bomb, headers=packed), 413, "body_too_large")
    problem(client.call("POST", "/v1/messages", data=b"not gzip", headers=packed), 400, "body_not_gzip")
    good = client.call("POST", "/v1/messages", data=gzip.compress(json.dumps(GOOD).encode()), headers=packed)
    assert good.status_code == 201
    other = {**kind, "Content-Encoding": "br"}
    problem(client.call("POST", "/v1/messages", data=b"x", headers=other), 415, "encoding_unknown")


# ---------------------------------------------------------------------------------------------- who


def test_without_a_good_key_nothing_is_said(relance: Running) -> None:
    for key in (None, "", "rk_live_", "rk_test_nothing", "rk_live_" + "x" * 300, "Basic abc"):
        answer = Client(relance.url, key).get("/v1/messages")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_is_dead_at_once_and_a_missing_scope_is_403(relance: Running) -> None:
    reader = relance.client_for(relance.workspace, scopes=("read",))
    assert reader.get("/v1/messages").status_code == 200
    problem(reader.post("/v1/messages", GOOD), 403, "scope_missing")
    problem(reader.get("/v1/messages/msg_nothing"), 404, "not_found")
    now = relance.suite.now()
    with relance.suite.database.write(relance.workspace) as tx:
        key_id, key = access.add_key(tx, "short", now, test=True)
    assert Client(relance.url, key).get("/v1/rules").status_code == 200
    with relance.suite.database.write(relance.workspace) as tx:
        access.revoke_key(tx, key_id, now)
    assert Client(relance.url, key).get("/v1/rules").status_code == 401


def test_a_key_tells_when_it_was_last_used(relance: Running) -> None:
    client = relance.client_for(relance.workspace)
    client.get("/v1/rules")

    with relance.suite.database.read(relance.workspace) as tx:
        assert access.keys(tx)[-1]["used_at"] is not None


def test_another_workspaces_things_do_not_exist(relance: Running, client: Client) -> None:
    _, stranger = relance.another_workspace("Ailleurs")
    message = client.post("/v1/messages", {**GOOD, "send_at": "2026-12-20T10:00:00Z"}).json()["id"]
    contact = client.post("/v1/contacts", {"number": "+33639980011"}).json()["id"]
    client.post("/v1/templates", {"key": "secret", "body": "Bonjour"})
    rule_body = {"name": "r", "on": "appointment", "class": "transactional", "when": {"before": "PT2H"}, "body": "RDV"}
    rule = client.post("/v1/rules", rule_body).json()["id"]
    ics = {"adapter": "gcal_reminders", "config": {"ics": "BEGIN:VCALENDAR\nEND:VCALENDAR"}}
    installation = client.post("/v1/installations", ics).json()["id"]
    account = client.post("/v1/provider-accounts", {"provider": "simulator"}).json()["id"]
    webhook = client.post("/v1/webhooks", {"url": "https://example.org/hook"}).json()["id"]
    link = client.post("/v1/links", {"target": "https://shop.example/"}).json()["id"]
    page = client.post("/v1/pages", {"languages": {"fr": {"title": "Fermé"}}}).json()["id"]
    verification = client.post("/v1/verifications", {"to": "+33639980012", "origin": "authenticated"}).json()["id"]
    segment = client.post("/v1/segments", {"name": "Tous", "conditions": {"all": []}}).json()["id"]
    told = {"name": "Fermeture", "class": "transactional", "body": "Fermé", "audience": {"conditions": {"all": []}}}
    campaign = client.post("/v1/campaigns", told).json()["id"]
    asked = {"name": "Avis", "questions": [{"text": "Combien ?", "kind": "scale"}]}
    survey = client.post("/v1/surveys", asked).json()["id"]
    keyword = client.post("/v1/keywords", {"words": ["AVIS"], "survey": survey}).json()["id"]
    export = client.post("/v1/exports", {"what": "messages"}).json()["id"]
    left = client.post("/v1/messages", {**GOOD, "class": "otp"})
    relance.settle()
    client.post("/v1/simulator/replies", {"from": left.json()["to"], "text": "Je serai en retard", "to": "38555"})
    relance.settle()
    conversation = client.get("/v1/conversations").json()["data"][0]["id"]
    weekly = {"every": "week", "first": "2099-01-05", "at": "10:00"}
    again = client.post("/v1/campaigns", told).json()["id"]
    series = client.post(f"/v1/campaigns/{again}/repeat", weekly).json()["id"]
    waits = client.post("/v1/waitlist", {"to": "+33639980013", "proof": {"text": "Au téléphone"}}).json()["id"]
    free = {"installation": installation, "start": "2026-12-20T10:00:00+01:00"}
    slot = client.post("/v1/waitlist/slots", free).json()["id"]
    ids = {
        "messages": message,
        "waitlist": waits,
        "waitlist/slots": slot,
        "waitlist/terms": installation,
        "campaign-series": series,
        "segments": segment,
        "campaigns": campaign,
        "surveys": survey,
        "keywords": keyword,
        "exports": export,
        "conversations": conversation,
        "links": link,
        "pages": page,
        "verifications": verification,
        "contacts": contact,
        "templates": "secret",
        "rules": rule,
        "installations": installation,
        "provider-accounts": account,
        "webhooks": webhook,
        "occasions": "occ_x",
        "inbox": "inb_x",
    }
    bodies: dict[str, Any] = {
        "rules": {"name": "x"}, "segments": {"name": "x"}, "campaigns": {"name": "x"},
        "surveys": {"name": "x", "audience": {"numbers": ["+33639980011"]}}, "keywords": {"active": False},
        "/v1/templates/{key}/restore": {"language": "fr", "version": 1}, "/v1/campaigns/{id}/repeat": weekly,
        "/v1/occasions/{id}/attendance": {"came": True}, "/v1/pages/{id}/codes": {"codes": ["CODE-1"]},
        "verifications": {"code": "123456"}, "conversations": {"body": "x", "text": "x", "state": "closed"},
    }  # fmt: skip

    for route in all_routes():
        if "{" not in route.path:
            continue
        noun = route.path.split("/")[2]
        among = route.path.removeprefix("/v1/").partition("/{")[0]
        path = route.path.replace("{id}", ids.get(among, ids[noun])).replace("{key}", ids[noun])
        path = path.replace("{delivery}", "dlv_x")
        body = bodies.get(route.path, bodies.get(noun, {})) if route.takes is not None else None
        answer = stranger.call(route.method, path, **({"json": body} if body is not None else {}))
        assert answer.status_code == 404, (route.method, path, answer.text)

    assert stranger.get(f"/v1/explanations?message={message}").status_code == 404
    refused = stranger.post("/v1/rules", {**rule_body, "installation": installation})
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/installation"]
    assert stranger.post("/v1/messages", {**GOOD, "body": None, "template": "secret"}).status_code == 422
    assert stranger.get(f"/v1/messages?installation={installation}").json()["data"] == []
    assert stranger.get(f"/v1/messages?after={message}").json()["data"] == []
    nouns = (
        "messages contacts templates rules installations provider-accounts webhooks links pages verifications segments "
        "campaigns campaign-series exports conversations surveys keywords waitlist waitlist/slots waitlist/offers"
    )
    for noun in nouns.split():
        assert stranger.get(f"/v1/{noun}").json()["data"] == [], noun
    assert client.get(f"/v1/messages/{message}").json()["state"] == "scheduled"


def test_writable_fields_are_named_and_others_change_nothing(relance: Running, client: Client) -> None:
    forged = {"id": "msg_mine", "workspace": "wsp_other", "state": "delivered", "test": False, "provider_account": "x"}

    made = client.post("/v1/messages", {**GOOD, **forged, "send_at": "2026-12-20T10:00:00Z"}).json()

    assert made["id"] != "msg_mine"
    assert (made["state"], made["test"], made["provider_account"]) == ("scheduled", True, None)


def test_too_fast_is_429_with_the_time_to_wait(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        relance.app.extensions["relance_limits"] = Buckets(rate=0.05, burst=3)
        answers = [relance.client.get("/v1/rules") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        problem(answers[-1], 429, "too_fast")
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20


def test_who_tries_keys_is_slowed_down_and_good_keys_are_not(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        relance.app.extensions["relance_strangers"] = Buckets(rate=0.01, burst=3)
        stranger = Client(relance.url, "rk_test_guess")
        assert [stranger.get("/v1/rules").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        assert relance.client.get("/v1/rules").status_code == 200


# ---------------------------------------------------------------------------------------------- what is there


def test_every_route_says_who_may_call_it(relance: Running) -> None:
    documented = set(document(relance.url)["paths"])
    for rule in relance.app.url_map.iter_rules():
        who = getattr(relance.app.view_functions[rule.endpoint], "relance_access", None)
        assert isinstance(who, Access), f"{rule} is not classified"
        path = rule.rule.replace("<", "{").replace(">", "}")
        if path.startswith("/v1/"):
            assert who is Access.KEY
            assert path in documented, f"{path} is not in the OpenAPI document"
        else:
            assert who is not Access.KEY


def test_every_code_has_a_sentence_and_a_remedy_in_both_languages(relance: Running, client: Client) -> None:
    for code in SENTENCES:
        for language in ("fr", "en"):
            assert Reason(code).sentence(language)
            assert remedy(code, language).endswith((".", "}.", "]"))
    page = client.get("/errors/moment_needs_zone", headers={"Accept-Language": "fr"})
    assert page.status_code == 200
    assert "Europe/Paris" in page.text
    assert client.get("/errors/no_such_code").status_code == 404


ROOT = Path(__file__).resolve().parents[3]
SAYS = {"Reason", "BadInput", "NotNow", "Conflict", "Forbidden", "NeedsReconnect", "InvalidNumber", "InvalidTemplate",
        "Unreadable", "UnusableValue", "DatabaseAway", "Malformed"}  # fmt: skip


def codes_in(path: Path) -> set[str]:
    """Every code that is written out where an error or a reason is made."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            code = node.args[0].value
            if name in SAYS and isinstance(code, str) and re.fullmatch(r"[a-z_0-9]+", code):
                found.add(code)
    return found


@pytest.mark.parametrize("package", ["core", "gcal_reminders", "integrations"])
def test_every_code_that_is_said_has_its_sentence(package: str) -> None:
    said = set[str]().union(*(codes_in(path) for path in (ROOT / package).rglob("*.py")))

    assert said - SENTENCES.keys() == set()


def test_problems_speak_the_callers_language(client: Client) -> None:
    french = client.get("/v1/messages/x", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).json()
    english = client.get("/v1/messages/x").json()

    assert french["detail"].startswith("Il n'y a rien de tel")
    assert english["detail"].startswith("There is no such thing")
    assert client.get(french["type"].removeprefix(client.base)).status_code == 200


def test_wrong_addresses_and_methods_are_problems_too(client: Client) -> None:
    problem(client.get("/v1/nothing"), 404, "no_such_address")
    answer = client.call("PUT", "/v1/messages")
    problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_every_answer_is_armoured(client: Client) -> None:
    for path in ("/v1/messages", "/docs", "/errors/not_found", "/healthz"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]


def test_readiness_is_the_engines_word(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        assert relance.client.get("/healthz").status_code == 200
        silent = relance.client.get("/readyz")
        assert (silent.status_code, silent.json()["checks"]["engine"]) == (503, "silent")
        relance.settle()
        assert relance.client.get("/readyz").status_code == 200
        relance.suite.clock.turned += timedelta(seconds=6)
        assert relance.client.get("/readyz").status_code == 503


def test_metrics_count_and_hold_no_number(relance: Running, client: Client) -> None:
    client.post("/v1/messages", GOOD)
    answer = Client(relance.url, None).get("/metrics")

    assert answer.status_code == 200
    assert 'relance_messages{channel="",class="transactional",state="scheduled"}' in answer.text
    assert "+33" not in answer.text
    far = Client(relance.url, None).get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert far.status_code in (200, 401)
