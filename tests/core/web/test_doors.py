"""Platforms and providers knock: only with their proof, over the public address, within limits."""

from __future__ import annotations

import gzip
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.contract import Inbound, Installation, Manifest, ProviderTools, Pushes, Reading, Reply, SharedSecret, Tools
from core.domain.errors import NotAuthentic, Unreadable, Unsupported
from core.domain.events import Event, Kind
from core.domain.recipients import Recipient
from core.providers.memory import Memory
from core.providers.simulator import Simulator
from core.storage import tables as t
from tests.support.running import Client, Running

SECRET = b"a shared secret"


class Shop(Pushes):
    """A shop that signs the address and the body of what it posts."""

    manifest = Manifest("test_shop", "Shop", (SharedSecret("x-signature"),), frozenset({Kind.CART}))

    def verify(self, request: Inbound, installation: Installation) -> None:
        if not hmac.compare_digest(signature(request.url, request.body), request.header("x-signature")):
            raise NotAuthentic("wrong signature")

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        try:
            cart = json.loads(request.body)
            if cart.get("kind") == "ping":
                raise Unsupported("ping")
            event = Event(
                Kind.CART,
                f"cart/{cart['id']}",
                datetime.fromisoformat(cart["at"]),
                recipient=Recipient.parse(cart["phone"]),
            )
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise Unreadable from error
        return Reading((event,), Reply(200, b"thanks"), cart.get("delivery"))


def signature(url: str, body: bytes) -> str:
    return hmac.new(SECRET, url.encode() + body, "sha256").hexdigest()


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    shop = Shop(Tools(urls={}, clients={}, fetch=lambda *_: None))
    tools = ProviderTools(urls={})
    with Running(
        tmp_path,
        adapters={"test_shop": shop},
        providers={"simulator": Simulator(tools), "memory": Memory(tools)},
    ) as running:
        yield running


@pytest.fixture
def hook(relance: Running) -> str:
    url: str = relance.client.post("/v1/installations", {"adapter": "test_shop"}).json()["hook_url"]
    return url


def knock(
    relance: Running, url: str, body: bytes, *, signed: bytes | None = None, more: Mapping[str, str] | None = None
) -> Any:
    proof = signature(url, body if signed is None else signed)
    headers = {"X-Signature": proof, "Content-Type": "application/json", **(more or {})}
    return Client(relance.url, None).call("POST", url.removeprefix(relance.url), data=body, headers=headers)


def cart(id: str = "1", **more: Any) -> bytes:
    return json.dumps({"id": id, "at": "2026-11-30T09:00:00+00:00", "phone": "+33639980001", **more}).encode()


def kept(relance: Running) -> list[str]:
    with relance.suite.database.read() as tx:
        return list(tx.connection.execute(select(t.inbox.c.state).order_by(t.inbox.c.id)).scalars())


def test_a_signed_hook_is_kept_read_and_answered_in_the_platforms_words(relance: Running, hook: str) -> None:
    answer = knock(relance, hook, cart())

    assert (answer.status_code, answer.text) == (200, "thanks")
    assert kept(relance) == ["read"]
    assert len(relance.client.get("/v1/occasions").json()["data"]) == 1
    (entry,) = relance.client.get("/v1/inbox").json()["data"]
    whole = relance.client.get(f"/v1/inbox/{entry['id']}").json()
    assert json.loads(whole["request"]["body"])["id"] == "1"
    assert ["X-Signature", "…"] in whole["request"]["headers"]


def test_the_topic_and_the_query_are_part_of_what_was_signed(relance: Running, hook: str) -> None:
    assert knock(relance, f"{hook}/carts/updated?shop=a%20b&x=1", cart()).status_code == 200


def test_a_forged_host_changes_nothing(relance: Running, hook: str) -> None:
    answer = knock(relance, hook, cart(), more={"Host": "evil.example", "X-Forwarded-Proto": "https"})

    assert answer.status_code == 200


def test_without_proof_nothing_is_kept(relance: Running, hook: str) -> None:
    assert knock(relance, hook, cart(), signed=cart("2")).status_code == 401
    assert knock(relance, hook + "x", cart()).status_code == 401
    bare = Client(relance.url, None).call("POST", hook.removeprefix(relance.url), data=cart())
    assert (bare.status_code, bare.headers["Content-Type"]) == (401, "application/problem+json")
    assert Client(relance.url, None).post("/hooks/nobody/ins_x").status_code == 404
    assert kept(relance) == []


def test_the_same_delivery_is_once_whatever_comes_between(relance: Running, hook: str) -> None:
    for _ in range(3):
        assert knock(relance, hook, cart()).text == "thanks"
        assert knock(relance, hook, cart("2", delivery="d2")).text == "thanks"

    assert kept(relance).count("read") == 2
    assert len(relance.client.get("/v1/occasions").json()["data"]) == 2


def test_what_cannot_be_read_is_kept_and_can_be_replayed(relance: Running, hook: str) -> None:
    answer = knock(relance, hook, b'{"id": 1}')
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert knock(relance, hook, cart(kind="ping")).status_code == 200
    assert kept(relance) == ["unreadable", "unsupported"]

    (entry,) = relance.client.get("/v1/inbox?state=unreadable").json()["data"]
    again = relance.client.post(f"/v1/inbox/{entry['id']}/replay")
    assert (again.status_code, again.json()["state"]) == (200, "unreadable")
    assert again.json()["replayed_at"] is not None


def test_limits_come_before_reading(relance: Running, hook: str) -> None:
    assert knock(relance, hook, b"x" * 1_000_001).status_code == 413
    bomb = gzip.compress(b"x" * 30_000_000)
    packed = {"X-Signature": "x", "Content-Encoding": "gzip"}
    answer = Client(relance.url, None).call("POST", hook.removeprefix(relance.url), data=bomb, headers=packed)
    assert answer.status_code == 413
    assert kept(relance) == []


# ---------------------------------------------------------------------------------------------- providers


def test_a_callback_address_without_its_secret_proves_nothing(relance: Running) -> None:
    account = relance.client.post("/v1/provider-accounts", {"provider": "memory", "name": "M"}).json()
    path = account["receipts_url"].removeprefix(relance.url)
    bare, secret = path.rpartition("/")[0], path.rpartition("/")[2]
    nobody = Client(relance.url, None)

    assert nobody.post(bare, {"x": 1}).status_code == 401
    assert nobody.post(f"{bare}/{secret[:-1]}x", {"x": 1}).status_code == 401
    assert nobody.post(path.replace(account["id"], "acc_x"), {"x": 1}).status_code == 401
    assert nobody.post(path.replace("/receipts/", "/nothing/"), {"x": 1}).status_code == 404
    assert kept(relance) == []


def test_secrets_of_an_account_never_come_back(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        config = {"api_key": "s3cr3t-key"}
        made = relance.client.post("/v1/provider-accounts", {"provider": "smsmode", "config": config})
        assert made.status_code == 201
        assert "s3cr3t-key" not in made.text
        changed = relance.client.patch(
            f"/v1/provider-accounts/{made.json()['id']}", {"config": {"batch": True}, "name": "Autre", "position": 4}
        )
        assert changed.status_code == 200, changed.text
        assert (changed.json()["config"]["batch"], changed.json()["position"]) == (True, 4)
        with relance.suite.database.read(relance.workspace) as tx:
            row = tx.connection.execute(select(t.provider_accounts.c.config)).scalar()
            assert row is not None
            assert "api_key" not in row
        wrong = relance.client.post("/v1/provider-accounts", {"provider": "smsmode", "config": {}})
        assert wrong.json()["errors"][0]["pointer"] == "/config/api_key"
        unknown = relance.client.post("/v1/provider-accounts", {"provider": "pigeon"})
        assert unknown.json()["code"] == "unknown_provider"


def test_a_test_key_reaches_no_real_provider(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        relance.client.post("/v1/provider-accounts", {"provider": "smsmode", "config": {"api_key": "k"}})
        id = relance.client.post(
            "/v1/messages", {"to": "+33639980001", "class": "transactional", "body": "Bonjour"}
        ).json()["id"]
        relance.settle()
        told = relance.client.get(f"/v1/messages/{id}").json()
        attempts = [line["provider"] for line in told["history"] if line["what"] == "attempt"]
        assert attempts == ["simulator"]


# ---------------------------------------------------------------------------------------------- the simulator


def test_the_simulator_is_for_tests_and_demos(tmp_path: Path) -> None:
    with Running(tmp_path, mode="live", start=None) as relance:
        live = relance.client_for(relance.workspace, test=False)
        assert live.get("/v1/simulator/messages").status_code == 404
        assert live.post("/v1/simulator/replies", {"from": "+33639980001", "text": "STOP"}).status_code == 404
        assert relance.client.get("/v1/simulator/messages").status_code == 200


def test_a_stop_from_a_simulated_phone_is_a_stop(relance: Running) -> None:
    marketing = {"to": "+33639980009", "class": "marketing", "body": "Soldes"}
    yes = {
        "to": "+33639980009",
        "state": "in",
        "source": "formulaire",
        "proof": {"text": "J'accepte", "place": "https://example.org/inscription", "moment": "2026-11-01T10:00:00Z"},
    }
    refused = relance.client.post("/v1/consents", {**yes, "proof": None})
    assert refused.json()["errors"][0]["pointer"] == "/proof"
    assert relance.client.post("/v1/consents", yes).status_code == 201
    waiting = relance.client.post("/v1/messages", {**marketing, "send_at": "2026-12-10T10:00:00Z"}).json()
    assert waiting["state"] == "scheduled"

    said = relance.client.post("/v1/simulator/replies", {"from": "+33639980009", "text": "STOP", "to": "36034"})
    assert said.status_code == 201

    assert relance.client.get(f"/v1/messages/{waiting['id']}").json()["state"] == "suppressed"
    why = relance.client.get("/v1/explanations?to=%2B33639980009").json()
    assert "marketing" in why["standing"]["opted_out"]
    assert [one["state"] for one in why["standing"]["consents"]] == ["out", "in"]
    assert why["standing"]["consents"][1]["proof"]["place"] == "https://example.org/inscription"
