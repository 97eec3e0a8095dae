"""From a site's signed request to the simulated phone, with time turned: what no WordPress is needed for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from core.storage import installations
from tests.faults.server import FaultServer, ok, status
from tests.support.running import Running
from wordpress_bridge import wire

MORNING = datetime(2026, 12, 1, 9, tzinfo=UTC)
ANA, BOB = "+33639981101", "+33639981102"
YES = {"granted": True, "text": "Oui aux SMS de la boutique", "place": "https://exemple.fr/checkout/"}


@dataclass
class Shop:
    """A site that signs as the plugin does."""

    relance: Running
    id: str
    secret: str
    key: str
    hook: str

    def say(self, *events: tuple[str, dict[str, Any]], topic: str = "events", secret: str | None = None,
            **more: Any) -> requests.Response:
        now = self.relance.suite.now().timestamp()
        body = json.dumps(more or {"language": "fr", "events": [
            {"id": f"e{place}", "type": kind, "at": now, "data": {"at": now, **data}}
            for place, (kind, data) in enumerate(events)]}).encode()
        stamp = str(int(now))
        return requests.post(f"{self.hook}/{topic}", data=body, timeout=20, headers={
            "X-Relance-Timestamp": stamp, "X-Relance-Signature": wire.signed(secret or self.secret, stamp, body)})

    def texts(self, number: str) -> list[str]:
        self.relance.settle()
        return [one["text"] for one in self.relance.phones() if one["to"] == number]

    def cart(self, number: str, token: str = "c1", **more: Any) -> requests.Response:
        now = self.relance.suite.now().timestamp()
        return self.say(("cart", {
            "cart": token, "state": "open", "changed": now, "phone": number, "country": "FR", "first_name": "Ana",
            "items": [{"name": "Thé", "quantity": 1}], "total": "42.00", "currency": "EUR",
            "link": "https://exemple.fr/?relance_cart=c1", "consent": YES, **more}))

    def order(self, number: str, token: str = "c1", **more: Any) -> requests.Response:
        now = self.relance.suite.now().timestamp()
        return self.say(("order", {
            "order": 7, "number": "C-7", "status": "processing", "created": now, "phone": number, "country": "FR",
            "total": "42.00", "currency": "EUR", "cart": token, **more}))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Running(tmp_path, start=MORNING) as relance:
        made = relance.client.post("/v1/installations", {
            "adapter": "wordpress_bridge", "name": "Boutique", "config": {"url": "https://exemple.fr"}}).json()
        key = made["connection_code"]
        with relance.suite.database.read(relance.workspace) as tx:
            row = installations.get(tx, relance.suite.vault, made["id"], relance.suite.public_url)
        assert row is not None
        assert wire.code(made["hook_url"], row.installation.secrets["connection_key"]) == key
        relance.client.patch(f"/v1/installations/{made['id']}", {"mode": "live"})
        for rule in relance.client.get(f"/v1/rules?installation={made['id']}").json()["data"]:
            relance.client.patch(f"/v1/rules/{rule['id']}", {"active": True})
        yield Shop(relance, made["id"], made["signing_secret"], row.installation.secrets["connection_key"],
                   made["hook_url"])


def test_a_cart_that_is_left_for_an_hour_is_nudged_once_and_not_after_an_order(shop: Shop) -> None:
    shop.cart(ANA)
    shop.cart(BOB, "c2")
    shop.relance.forward(timedelta(minutes=50))
    shop.cart(ANA)
    shop.order(BOB, "c2")
    shop.relance.forward(timedelta(minutes=20))
    assert [text for text in shop.texts(ANA) if "panier" in text] == []

    shop.relance.forward(timedelta(minutes=45))
    shop.relance.forward(timedelta(hours=2))

    nudges = [text for text in shop.texts(ANA) if "panier" in text]
    assert len(nudges) == 1
    assert nudges[0].startswith("Ana, votre panier vous attend : ")
    assert [text for text in shop.texts(BOB) if "panier" in text] == []
    assert "Merci ! Votre commande C-7 (42,00 €) est bien enregistrée." in shop.texts(BOB)


def test_the_same_words_again_change_nothing(shop: Shop) -> None:
    first = shop.say(("form", {"form": "cf7:5", "entry": "1", "phone": ANA}))
    shop.relance.settle()
    again = shop.say(("form", {"form": "cf7:5", "entry": "1", "phone": ANA}))

    assert first.json()["results"] == {"e0": "message prévu"}
    assert again.status_code == 200
    assert len(shop.texts(ANA)) == 1


def test_a_cart_without_a_yes_is_no_message_and_says_why(shop: Shop) -> None:
    said = shop.cart(ANA, consent=None).json()["results"]["e0"]
    shop.relance.forward(timedelta(hours=3))

    assert "panier" not in " ".join(shop.texts(ANA))
    assert said != "message prévu"


def test_two_that_paste_the_same_code_at_once_are_one(shop: Shop) -> None:
    with ThreadPoolExecutor(6) as several:
        answers = list(several.map(lambda number: shop.say(topic="connect", secret=shop.key, version=str(number)),
                                   range(6)))

    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401, 401, 401]
    assert next(one for one in answers if one.status_code == 200).json()["secret"] == shop.secret
    renewed = shop.relance.client.patch(f"/v1/installations/{shop.id}", {
        "config": {"url": "https://exemple.fr", "new_code": True}})
    assert renewed.status_code == 200
    assert renewed.json()["connection_code"].startswith("RLC-")
    assert "signing_secret" not in renewed.json()
    renamed = shop.relance.client.patch(f"/v1/installations/{shop.id}", {"name": "Boutique Lyon"}).json()
    assert "connection_code" not in renamed
    assert shop.say(topic="connect", secret=shop.key, version="7").status_code == 401
    assert shop.say(("form", {"form": "f", "entry": "2", "phone": ANA})).status_code == 200


def test_what_is_forged_is_not_kept_and_what_is_garbled_is(shop: Shop) -> None:
    assert shop.say(("form", {"form": "f", "entry": "1"}), secret="wrong").status_code == 401
    garbled = shop.say(("form", {"form": "f"}))

    assert garbled.status_code == 400
    assert garbled.json()["code"] == "wordpress_unreadable"
    kept = shop.relance.client.get(f"/v1/inbox?installation={shop.id}").json()["data"]
    assert [one["state"] for one in kept] == ["unreadable"]


def test_an_erasure_over_there_is_one_here(shop: Shop) -> None:
    shop.cart(ANA, email="ana@exemple.fr")
    shop.say(("erase", {"email": "ana@exemple.fr", "phones": [ANA], "country": "FR"}))

    assert shop.relance.client.get("/v1/messages", params={"to": ANA}).json()["data"] == []
    shop.relance.forward(timedelta(hours=2))
    assert shop.texts(ANA) == []


def test_a_site_that_goes_takes_its_plans_along(shop: Shop) -> None:
    shop.cart(ANA)
    assert shop.say(("gone", {})).status_code == 200
    shop.relance.forward(timedelta(hours=2))

    assert shop.texts(ANA) == []
    assert shop.relance.client.get(f"/v1/installations/{shop.id}").json()["state"] == "disconnected"
    assert shop.cart(ANA).status_code == 401


# A discount code for one person -----------------------------------------------------------------------------------


def test_the_site_hears_of_a_code_just_before_it_leaves_and_the_order_with_it_is_recovered(tmp_path: Path) -> None:
    with FaultServer(status(503), ok({"kept": True}), otherwise=status(500)) as site, \
            Running(tmp_path, start=MORNING) as relance:
        shop = with_discount(relance, site.url)
        shop.cart(ANA)
        relance.forward(timedelta(minutes=50))
        assert site.ledger == [], "nothing is made for a cart that may be bought"
        relance.forward(timedelta(minutes=11))
        assert shop.texts(ANA) == [], "a site that is away lets the message wait"
        relance.forward(timedelta(minutes=10))

        (text,) = shop.texts(ANA)
        first, second = site.ledger
        assert first.json == second.json
        assert second.path == "/wp-json/relance/v1/coupon"
        assert text.startswith(f"-10 % avec le code {second.json['code']} : ")
        assert second.headers["x-relance-signature"] == wire.signed(
            shop.secret, second.headers["x-relance-timestamp"], second.body)
        shop.order(ANA, "", codes=[second.json["code"].lower()])
        relance.forward(timedelta(minutes=1))
        totals = relance.client.get(f"/v1/stats?installation={shop.id}").json()["data"][0]["totals"]
        assert (totals["clicked"], totals["recovered"]["orders"]) == (0, 1)


def test_a_code_that_the_site_cannot_make_is_promised_to_nobody(tmp_path: Path) -> None:
    with FaultServer(otherwise=status(404)) as site, Running(tmp_path, start=MORNING) as relance:
        shop = with_discount(relance, site.url)
        shop.cart(ANA)
        relance.forward(timedelta(minutes=61))
        relance.forward(timedelta(minutes=10))

        assert shop.texts(ANA) == []
        (message,) = relance.client.get("/v1/messages").json()["data"]
        assert message["reason"]["code"] == "wordpress_coupons_unknown"
        assert len(site.ledger) == 1


def with_discount(relance: Running, url: str) -> Shop:
    """A connected site there, and one rule that gives each cart ten per cent."""
    made = relance.client.post("/v1/installations", {
        "adapter": "wordpress_bridge", "name": "Boutique", "config": {"url": url}}).json()
    with relance.suite.database.read(relance.workspace) as tx:
        row = installations.get(tx, relance.suite.vault, made["id"], relance.suite.public_url)
    assert row is not None
    shop = Shop(relance, made["id"], made["signing_secret"], row.installation.secrets["connection_key"],
                made["hook_url"])
    assert shop.say(topic="connect", secret=shop.key, rest=f"{url}/wp-json/", shop=True).status_code == 200
    rule = relance.client.post("/v1/rules", {
        "installation": shop.id, "name": "Panier", "on": "cart", "when": {"after": "PT1H"}, "until": {"after": "P3D"},
        "body": "-10 % avec le code {{ code }} : {{ link }}", "discount": {"percent": 10, "days": 7}})
    assert rule.status_code == 201, rule.text
    live = relance.client.patch(f"/v1/installations/{shop.id}", {"mode": "live", "control_group": 0})
    assert live.status_code == 200, live.text
    return shop
