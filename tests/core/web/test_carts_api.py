"""Carts over HTTP: the conditions of rules, the replay, the figures; and the same at the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import cli
from tests.support.running import START, Running
from tests.support.shop import ANA, BOB, Shop

RULE: dict[str, Any] = {"name": "panier", "on": "cart", "when": {"after": "PT1H"}, "body": "Panier {{ items|fit }}",
                        "active": False}  # fmt: skip


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("carts")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(relance: Running) -> Shop:
    found = Shop(relance, "cart-1h", country="FR")
    found.cart("1")
    found.cart("2", phone=None, customer={"email": "guest@example.org"}, consent=False)
    found.cart("3", phone=BOB, customer={"email": "bob@example.org"})
    relance.forward(timedelta(minutes=30))
    found.order("9", phone=BOB, customer={"phone": BOB})
    relance.forward(timedelta(minutes=40))
    return found


def test_to_remind_of_a_cart_is_marketing_unless_said_otherwise(relance: Running) -> None:
    assert relance.client.post("/v1/rules", RULE).json()["class"] == "marketing"
    assert relance.client.post("/v1/rules", {**RULE, "class": "transactional"}).json()["class"] == "transactional"
    refused = relance.client.post("/v1/rules", {**RULE, "on": "order"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/class")


CONDITIONS: dict[str, Any] = {
    "at_least": {"amount": 30_000_000, "currency": "EUR"}, "countries": ["FR", "BE"], "once_per_person": "P7D",
    "control_group": 20,
}  # fmt: skip


def test_conditions_are_kept_changed_one_by_one_and_taken_away(relance: Running) -> None:
    made = relance.client.post("/v1/rules", {**RULE, **CONDITIONS}).json()
    assert {name: made[name] for name in CONDITIONS} == CONDITIONS

    changed = relance.client.patch(f"/v1/rules/{made['id']}", {"control_group": 0, "name": "autre"}).json()
    assert {name: changed[name] for name in CONDITIONS} == {**CONDITIONS, "control_group": 0}

    bare = dict.fromkeys(CONDITIONS, None) | {"countries": []}
    assert relance.client.patch(f"/v1/rules/{made['id']}", bare).json()["at_least"] is None
    again = relance.client.get(f"/v1/rules/{made['id']}").json()
    assert {name: again[name] for name in CONDITIONS} == bare


@pytest.mark.parametrize("change, pointer", [
    ({"at_least": {"amount": 1.5, "currency": "EUR"}}, "/at_least/amount"),
    ({"at_least": {"amount": -1, "currency": "EUR"}}, "/at_least/amount"),
    ({"at_least": {"amount": 1, "currency": "eur"}}, "/at_least/currency"),
    ({"at_least": 30}, "/at_least"),
    ({"countries": ["France"]}, "/countries/0"),
    ({"once_per_person": "7 jours"}, "/once_per_person"),
    ({"once_per_person": "PT0S"}, "/once_per_person"),
    ({"control_group": 51}, "/control_group"),
    ({"control_group": -1}, "/control_group"),
    ({"on": "form", "class": "transactional", "body": "Reçu", "control_group": 10}, "/control_group"),
    ({"on": "form", "class": "transactional", "once_per_person": "P7D"}, "/once_per_person"),
    ({"on": "contact", "class": "marketing", "at_least": {"amount": 1, "currency": "EUR"}}, "/at_least"),
])
def test_a_wrong_condition_is_pointed_at(relance: Running, change: dict[str, Any], pointer: str) -> None:
    answer = relance.client.post("/v1/rules", {**RULE, **change})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_share_that_is_left_out_belongs_to_the_connection(relance: Running, shop: Shop) -> None:
    path = f"/v1/installations/{shop.id}"
    assert relance.client.get(path).json()["control_group"] == 0
    assert relance.client.patch(path, {"control_group": 60}).status_code == 422
    assert relance.client.patch(path, {"control_group": None}).json()["control_group"] is None
    assert relance.client.get(path).json()["heard_at"].startswith("2026-11-30T09:3")


def test_the_signing_secret_is_shown_once(relance: Running) -> None:
    made = relance.client.post("/v1/installations", {"adapter": "custom_shop", "config": {}}).json()

    assert made["signing_secret"].startswith("rsec_")
    assert made["signing_secret"] not in json.dumps(relance.client.get(f"/v1/installations/{made['id']}").json())


def test_a_wrong_field_is_answered_with_its_pointer_and_kept(relance: Running, shop: Shop) -> None:
    answer = shop.post("cart.updated", cart={"id": "5", "totl": "1"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/cart/totl"
    kept = relance.client.get("/v1/inbox?limit=1").json()["data"][0]
    assert (kept["state"], kept["adapter"]) == ("unreadable", "custom_shop")


def test_a_replayed_request_changes_nothing_and_an_old_one_is_refused(relance: Running, shop: Shop) -> None:
    body = json.dumps({"id": "evt-once", "type": "cart.emptied", "at": shop.now().isoformat(), "cart": {"id": "99"}})
    first, again = shop.send(body.encode()), shop.send(body.encode())
    old = shop.send(body.encode(), sent=shop.now() - timedelta(minutes=6))

    assert (first.status_code, again.status_code, old.status_code) == (200, 200, 401)
    assert first.json() == again.json() == {"received": "evt-once", "type": "cart.emptied"}


def test_the_last_days_are_replayed(relance: Running, shop: Shop) -> None:
    # Nobody is left out by lot.
    relance.client.patch(f"/v1/installations/{shop.id}", {"control_group": 0})
    found = relance.client.get(f"/v1/installations/{shop.id}/rehearsal?past=30d").json()

    assert found["rules"] == ["Panier abandonné, 1 h après"]
    assert (found["carts"], found["reachable"], found["would_have_left"], found["ordered_before"]) == (4, 2, 1, 1)
    for wrong in ("30", "0d", "91d", "d", "١d"):
        assert relance.client.get(f"/v1/installations/{shop.id}/rehearsal?past={wrong}").status_code == 400
    assert "would_send" in relance.client.get(f"/v1/installations/{shop.id}/rehearsal").json()


def test_the_figures_of_a_connection(relance: Running, shop: Shop) -> None:
    assert len(shop.texts()) == 1
    found = relance.client.get(f"/v1/stats?installation={shop.id}").json()

    [one] = found["data"]
    assert found["window"] == "P1D" or found["window"] == "PT24H"
    assert one["totals"]["nudged"] == 1
    assert one["rules"][0]["name"] == "Panier abandonné, 1 h après"
    assert one["days"][0]["day"] == START.date().isoformat()
    assert one["uplift"]["enough"] is False
    assert one["uplift"]["says"]["code"] == "uplift_not_enough"
    earlier = relance.client.get(f"/v1/stats?installation={shop.id}&until=2026-11-30T00:00:00Z").json()
    assert earlier["data"][0]["totals"]["nudged"] == 0


@pytest.mark.parametrize("query, status", [
    ("installation=ins_nobody", 404), ("since=yesterday", 400), ("since=2020-01-01T00:00:00Z", 400),
    ("until=2020-01-01T00:00:00Z&since=2020-01-02T00:00:00Z", 400),
])
def test_a_wrong_question_is_refused(relance: Running, query: str, status: int) -> None:
    assert relance.client.get(f"/v1/stats?{query}").status_code == status


def test_another_workspace_sees_none_of_it(relance: Running, shop: Shop) -> None:
    _, stranger = relance.another_workspace()

    assert stranger.get(f"/v1/stats?installation={shop.id}").status_code == 404
    assert stranger.get("/v1/stats").json()["data"] == []
    assert stranger.get(f"/v1/installations/{shop.id}/rehearsal?past=30d").status_code == 404


def test_the_command_line_says_the_same(relance: Running, shop: Shop) -> None:
    folder: Path = relance.settings.data_dir
    env = {"RELANCE_DATA_DIR": str(folder), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "fr",
           "RELANCE_SECRET_KEYS": ",".join(relance.settings.secret_keys)}  # fmt: skip

    def said(*words: str) -> Any:
        done = CliRunner().invoke(cli, list(words), env=env, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    figures = json.loads(said("stats", "--installation", shop.id, "--json"))
    assert figures["data"][0]["totals"]["nudged"] == 1
    assert "1 h" not in said("stats")
    replay = said("installations", "rehearse", shop.id, "--past", "30")
    assert "4 paniers, 2 joignables, 1 seraient partis (1 ont commandé avant" in replay
    assert CliRunner().invoke(cli, ["stats", "--installation", "ins_x"], env=env).exit_code == 1


def test_an_order_for_the_person_of_two_carts_ends_both(relance: Running) -> None:
    own = Shop(relance, "cart-1h")
    own.cart("a", phone=ANA)
    own.cart("b", phone=ANA)
    own.order("c", phone=ANA)

    messages = relance.client.get(f"/v1/messages?installation={own.id}&state=scheduled").json()["data"]
    assert messages == []
