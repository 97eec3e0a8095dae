"""Channels with their times, what they show, and how an account is chosen: over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running import Client, Running

WAYS = [{"channel": "rcs", "within": "PT10M"}, "sms"]
CARD = {"rcs": {"card": {"title": "Bonjour {{ first_name }}"}}}
MESSAGE: dict[str, Any] = {
    "to": "+33639980001",
    "class": "transactional",
    "body": "Bonjour {{ first_name }}",
    "data": {"first_name": "Ana"},
}
RULE: dict[str, Any] = {
    "name": "veille",
    "on": "appointment",
    "class": "transactional",
    "when": {"before": "PT3H"},
    "body": "RDV {{ start|time }}",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Running(tmp_path_factory.mktemp("channels")) as running:
        yield running.client


def test_a_message_says_its_channels_as_they_were_given(client):
    made = client.post("/v1/messages", {**MESSAGE, "channels": WAYS, "content": CARD})
    assert (made.status_code, made.json()["channels"], made.json()["channel"]) == (201, WAYS, None)
    assert client.get(f"/v1/messages/{made.json()['id']}").json()["channels"] == WAYS
    plain = client.post("/v1/messages", {**MESSAGE, "channels": ["whatsapp", "sms"]})
    assert plain.json()["channels"] == ["whatsapp", "sms"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"channels": [{"channel": "fax"}]}, "/channels/0"),
        ({"channels": ["sms", {"channel": "rcs", "within": "PT1S"}]}, "/channels/1/within"),
        ({"channels": [{"channel": "rcs"}, "rcs"]}, "/channels"),
        ({"channels": ["rcs"], "content": {"fax": {}}}, "/content/fax"),
        ({"channels": ["rcs"], "content": {"rcs": {"card": {"title": "{{"}}}}, "/content/rcs/card/title"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(client, wrong, pointer):
    answer = client.post("/v1/messages", {**MESSAGE, **wrong})
    assert answer.status_code == 422
    assert pointer in {one["pointer"] for one in answer.json()["errors"]}


def test_a_rule_keeps_its_channels_its_times_and_its_content(client):
    made = client.post("/v1/rules", {**RULE, "channels": WAYS, "content": {"rcs": {"card": {"title": "Rendez-vous"}}}})
    assert (made.status_code, made.json()["channels"]) == (201, WAYS)
    kept = client.patch(f"/v1/rules/{made.json()['id']}", {"name": "la veille"}).json()
    assert (kept["channels"], kept["content"]) == (WAYS, {"rcs": {"card": {"title": "Rendez-vous"}}})
    plain = client.patch(f"/v1/rules/{made.json()['id']}", {"channels": ["sms"], "content": None}).json()
    assert (plain["channels"], plain["content"]) == (["sms"], None)
    wrong = client.patch(f"/v1/rules/{made.json()['id']}", {"channels": [{"channel": "sms", "within": "soon"}]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/channels/0/within")


def test_an_account_says_how_it_is_chosen(client):
    chosen = {
        "denied": ["BE"], "classes": ["otp"], "prices": {"FR": 45_000, "*": 90_000}, "weight": 3,
        "takes_replies": False,
        "rates": {"sender": 1, "senders": {"CABINET": 5}, "countries": {"US": 0.5}},
    }  # fmt: skip
    made = client.post("/v1/provider-accounts", {"provider": "simulator", **chosen})
    assert made.status_code == 201
    assert {name: made.json()[name] for name in chosen} == chosen
    path = f"/v1/provider-accounts/{made.json()['id']}"
    assert client.patch(path, {"weight": None}).json()["weight"] is None
    for wrong in ({"prices": {"fr": 1}}, {"rates": {"sender": 0}}, {"rates": {"all": 1}}, {"weight": 0}):
        assert client.patch(path, wrong).status_code == 422, wrong
