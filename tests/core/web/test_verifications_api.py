"""`/v1/verifications` over HTTP: asked, typed, approved; and the same words for those who were not let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import START, Client, Running

ASK = {"to": "+33639980001", "origin": "public_form", "ip": "203.0.113.9", "purpose": "sign-in"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("codes")) as running:
        yield running


@pytest.fixture
def relance(house: Running) -> Running:
    """A workspace of its own for each test, on the same Monday morning."""
    house.set_clock(START)
    house.workspace, house.client = house.another_workspace("Cabinet Lyon")
    return house


def ask(relance: Running, **more: Any) -> dict[str, Any]:
    answer = relance.client.post("/v1/verifications", {**ASK, **more})
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def check(relance: Running, asked: dict[str, Any], code: str, **given: Any) -> dict[str, Any]:
    answer = relance.client.post(f"/v1/verifications/{asked['id']}/check", {"code": code}, **given)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def on_the_phone(relance: Running) -> str:
    relance.settle()
    found = re.match(r"\d{6}", relance.phones()[0]["text"])
    assert found
    return found[0]


def test_a_code_is_asked_for_and_typed(relance: Running) -> None:
    asked = ask(relance)
    assert (asked["state"], asked["expires_at"][:16]) == ("pending", "2026-11-30T09:10")
    code = on_the_phone(relance)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert check(relance, asked, wrong) == {"id": asked["id"], "state": "wrong", "tries_left": 4}
    assert check(relance, asked, code)["state"] == "approved"
    assert relance.client.get(f"/v1/verifications/{asked['id']}").json()["state"] == "approved"
    assert check(relance, asked, code)["state"] == "expired"


def test_no_answer_but_the_phones_holds_the_code(relance: Running) -> None:
    asked = ask(relance)
    code = on_the_phone(relance)
    kept = relance.client.get(f"/v1/verifications/{asked['id']}").json()
    said = [
        asked, kept, relance.client.get("/v1/verifications").json(), relance.client.get("/v1/messages").json(),
        relance.client.get(f"/v1/messages/{kept['message']}").json(),
        relance.client.get(f"/v1/explanations?to={ASK['to'].replace('+', '%2B')}").json(),
    ]  # fmt: skip
    assert not any(code in str(one) for one in said)
    assert "••••••" in str(said)


def test_the_answer_is_the_same_for_those_who_are_not_let_in(relance: Running) -> None:
    first, second, abroad = ask(relance), ask(relance), ask(relance, to="+12025550123")
    for other in (second, abroad):
        assert {name for name in first if first[name] != other[name]} <= {"id", "to", "created_at", "expires_at"}
    truth = relance.client.get(f"/v1/verifications/{abroad['id']}").json()
    assert truth["reason"]["code"] == "pumping_country"


def test_the_same_key_gives_the_first_answer_and_sends_once(relance: Running) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = relance.client.post("/v1/verifications", ASK, headers=headers)
    again = relance.client.post("/v1/verifications", ASK, headers=headers)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    code = on_the_phone(relance)
    assert len(relance.phones()) == 1
    approved = check(relance, first.json(), code, headers={"Idempotency-Key": "k2"})
    assert check(relance, first.json(), code, headers={"Idempotency-Key": "k2"}) == approved
    assert approved["state"] == "approved"


def test_a_dry_run_tells_the_price_and_the_refusal_and_sends_nothing(relance: Running) -> None:
    foreseen = relance.client.post("/v1/verifications?dry_run=true", ASK).json()
    assert foreseen["estimate"]["segments"] == 1
    assert foreseen["estimate"]["price"]["amount"] > 0
    assert foreseen["reason"] is None
    abroad = relance.client.post("/v1/verifications?dry_run=true", {**ASK, "to": "+12025550123"}).json()
    assert abroad["reason"]["code"] == "pumping_country"
    assert relance.client.get("/v1/verifications").json()["data"] == []
    assert relance.client.get("/v1/messages").json()["data"] == []


def test_a_dry_run_of_a_check_tries_nothing(relance: Running) -> None:
    asked = ask(relance)
    code = on_the_phone(relance)
    for typed in (code, "000000"):
        answer = relance.client.post(f"/v1/verifications/{asked['id']}/check?dry_run=true", {"code": typed}).json()
        assert answer == {"id": asked["id"], "state": "pending", "tries_left": 5}


def test_it_leaves_before_everything_else_and_is_not_sent_late(relance: Running) -> None:
    many = [{"to": f"+336399801{n:02d}", "class": "transactional", "body": "Rappel"} for n in range(20)]
    relance.client.post("/v1/messages/batch", {"messages": many})
    asked = ask(relance)
    kept = relance.client.get(f"/v1/verifications/{asked['id']}").json()
    message = relance.client.get(f"/v1/messages/{kept['message']}").json()
    assert (message["class"], message["expires_at"]) == ("otp", asked["expires_at"])
    relance.forward(timedelta(minutes=11))
    assert relance.client.get(f"/v1/messages/{kept['message']}").json()["state"] == "expired"


@pytest.mark.parametrize("wrong, pointer", [
    ({"to": "12"}, "/to"), ({"origin": "imported"}, "/origin"), ({"ip": "here"}, "/ip"),
    ({"channel": "pigeon"}, "/channel"), ({"body": "Bonjour"}, "/body"), ({"template": "none"}, "/template"),
    ({"body": "{{ code }}", "template": "x"}, "/body"), ({"purpose": "x" * 61}, "/purpose"),
])  # fmt: skip
def test_what_cannot_be_sent_is_said(relance: Running, wrong: dict[str, Any], pointer: str) -> None:
    answer = relance.client.post("/v1/verifications", {**ASK, **wrong})
    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert relance.client.get("/v1/messages").json()["data"] == []


def test_another_workspace_cannot_try_it(relance: Running) -> None:
    asked = ask(relance)
    _, stranger = relance.another_workspace()
    assert stranger.post(f"/v1/verifications/{asked['id']}/check", {"code": "123456"}).status_code == 404
    assert stranger.get(f"/v1/verifications/{asked['id']}").status_code == 404


def test_codes_that_leave_together_reach_each_workspaces_own_phones(relance: Running) -> None:
    _, other = relance.another_workspace("Boutique Nord")
    asked = [client.post("/v1/verifications", {**ASK, "language": "en"}) for client in (relance.client, other)]
    assert [one.status_code for one in asked] == [201, 201]
    relance.settle()
    for client, name in ((relance.client, "Cabinet Lyon"), (other, "Boutique Nord")):
        [received] = client.get("/v1/simulator/messages").json()["data"]
        assert name in received["text"]


@pytest.mark.postgres
def test_on_postgresql_many_who_try_at_once_approve_once(tmp_path: Path, postgres_database: str) -> None:
    with Running(tmp_path, database_url=postgres_database) as running:
        asked = ask(running)
        code = on_the_phone(running)
        with ThreadPoolExecutor(6) as threads:
            said = list(threads.map(lambda _: check(running, asked, code)["state"], range(6)))
        assert sorted(said) == ["approved", *["expired"] * 5]
        relance_link = running.client.post("/v1/messages", {
            "to": ASK["to"], "class": "transactional", "body": "{{ link }}", "data": {"link": "https://shop.example/1"},
        }).json()["text"]  # fmt: skip
        running.settle()
        phone = {"User-Agent": "Mozilla/5.0 (iPhone) Safari/604.1"}
        path = relance_link.removeprefix(running.url)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: Client(running.url, None).get(path, headers=phone), range(4)))
        [link] = running.client.get("/v1/links").json()["data"]
        assert link["clicks"]["human"] == 1
