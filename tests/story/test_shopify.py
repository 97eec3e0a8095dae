"""Shopify, from the merchant's click and the buyer's cart to the phone, the order, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from core.contract import Inbound
from core.storage import access, audit
from core.storage import tables as t
from core.web.access import SESSION_COOKIE
from tests.fakes.shopify import CLIENT, SECRET, SHOP, FakeShopify, signed
from tests.support.running import START, Running

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ZOE = "+33639980001"
BUYER = {"email": "zoe@example.net", "sms_marketing_phone": ZOE, "buyer_accepts_sms_marketing": True,
         "customer": {"id": 55, "first_name": "Zoé", "email": "zoe@example.net"}}
BROWSER = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile"}


class House:
    """A Relance with one Shopify shop, connected by a click, live, some of its presets switched on."""

    def __init__(self, relance: Running, shop: FakeShopify, *presets: str) -> None:
        self.relance, self.shop = relance, shop
        self.session = requests.Session()
        with relance.suite.database.write() as tx:
            secret = access.begin_session(tx, relance.user, relance.workspace, relance.suite.now())
        self.session.cookies.set(SESSION_COOKIE, secret)
        self.id = self.connect()
        for rule in relance.client.get(f"/v1/rules?installation={self.id}").json()["data"]:
            if rule["preset"] in presets:
                assert relance.client.patch(f"/v1/rules/{rule['id']}", {"active": True}).status_code == 200
        live = relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live", "control_group": 0})
        assert live.status_code == 200, live.text
        relance.settle()

    def connect(self) -> str:
        """The merchant types the shop's name, says yes over there, and comes back."""
        left = self.get(f"/connect/shopify?{urlencode({'shop': 'example-shop'})}")
        assert left.status_code == 303, left.text
        approved = requests.get(left.headers["Location"], allow_redirects=False, timeout=20)
        assert approved.status_code == 302, approved.text
        back = self.session.get(approved.headers["Location"], allow_redirects=False, timeout=20)
        said = parse_qs(urlsplit(back.headers["Location"]).query)
        assert "problem" not in said, said
        return said["connected"][0]

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.relance.url + path, allow_redirects=False, timeout=20)

    def post(self, topic: str, body: dict[str, Any], *, shared: bool = False, **how: Any) -> int:
        address = f"{self.relance.url}/hooks/shopify" + ("" if shared else f"/{self.id}")
        return self.shop.post(topic, body, to=address, **how)

    def cart(self, number: int = 981, *, minutes: int = 0, **given: Any) -> dict[str, Any]:
        body = self.shop.checkout(number, minutes=minutes, **{**BUYER, **given})
        assert self.post("checkouts/update", body) == 200
        return body

    def forward(self, by: timedelta) -> None:
        self.shop.now = self.relance.suite.now() + by
        self.relance.forward(by)

    def texts(self) -> list[str]:
        return [one["text"] for one in reversed(self.relance.phones())]


@pytest.fixture
def shop() -> Iterator[FakeShopify]:
    with FakeShopify(now=START) as fake:
        yield fake


@pytest.fixture
def relance(tmp_path: Path, shop: FakeShopify) -> Iterator[Running]:
    with Running(tmp_path, vendor_urls={"shopify": shop.url}, vendor_clients={"shopify": (CLIENT, SECRET)}) as running:
        yield running


@pytest.mark.houses
def test_a_cart_is_nudged_once_and_after_the_order_nothing_more(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h", "cart-24h")
    cart = house.cart()
    assert house.texts() == []

    house.forward(HOUR + MINUTE)
    (text,) = house.texts()
    assert text.startswith("Zoé, votre panier vous attend")
    link = re.search(r"https?://\S+", text)
    assert link is not None
    followed = requests.get(link[0], headers=BROWSER, allow_redirects=False, timeout=20)
    assert followed.headers["Location"] == cart["abandoned_checkout_url"]

    order = shop.order(1001, minutes=10, of=cart)
    assert house.post("orders/create", order) == 200
    house.forward(timedelta(days=2))

    assert len(house.texts()) == 1
    totals = relance.client.get(f"/v1/stats?installation={house.id}").json()["data"][0]["totals"]
    assert totals["recovered"]["orders"] == 1
    assert totals["recovered"]["amounts"] == [{"amount": 84_700_000, "currency": "EUR"}]


def test_an_order_whose_delivery_is_lost_is_seen_just_before_the_nudge_leaves(
        relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    house.cart()
    house.forward(58 * MINUTE)
    shop.order(1001, email="Zoe@example.net", customer={"id": 55})
    # The round of questions is not due yet; the second look is what finds it.
    house.forward(3 * MINUTE)
    house.forward(HOUR)

    assert house.texts() == []


def test_doubled_shuffled_and_late_deliveries_are_one_message(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    first = shop.checkout(981, **BUYER, total="10.00")
    second = shop.checkout(981, minutes=5, **BUYER, total="84.70")
    for body, delivery in ((second, "b"), (first, "a"), (second, "b"), (first, "a"), (second, "c")):
        assert house.post("checkouts/update", body, delivery=delivery) == 200
    house.forward(HOUR + MINUTE)
    assert house.texts() == [], "it changed five minutes later"
    house.forward(5 * MINUTE)
    assert house.post("checkouts/update", first, delivery="late") == 200
    house.forward(HOUR)

    assert len(house.texts()) == 1


def test_without_a_yes_nobody_is_nudged_and_a_no_reaches_both_sides(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    house.cart(1, sms_marketing_phone=None, buyer_accepts_sms_marketing=False,
               shipping_address={"phone": ZOE, "country_code": "FR"})
    house.forward(HOUR + MINUTE)
    assert house.texts() == []

    shop.customers[55] = {"id": "gid://shopify/Customer/55", "updatedAt": "2026-11-30T09:00:00Z",
                          "defaultPhoneNumber": {"phoneNumber": ZOE, "marketingState": "SUBSCRIBED"}}
    house.cart(2)
    house.forward(HOUR + MINUTE)
    (sent,) = relance.phones()
    answer = relance.client.post("/v1/simulator/replies", {"from": ZOE, "to": sent["from"], "text": "STOP"})
    assert answer.status_code in (200, 201, 202), answer.text
    house.forward(MINUTE)
    assert [one["smsMarketingConsent"]["marketingState"] for one in shop.consents] == ["UNSUBSCRIBED"]

    assert house.post("customers_marketing_consent/update", {"id": 55, "phone": ZOE, "sms_marketing_consent": {
        "state": "unsubscribed", "consent_updated_at": relance.suite.now().isoformat()}}) == 200
    house.cart(3, minutes=200)
    before = len(house.texts())
    house.forward(HOUR + MINUTE)
    assert len(house.texts()) == before


def test_a_status_is_told_once_whatever_is_repeated(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "order-confirmed", "order-shipped")
    cart = house.cart(shipping_address={"first_name": "Zoé", "phone": "06 39 98 00 01", "country_code": "FR"})
    parcel = {"id": 1, "status": "success", "created_at": "2026-11-30T09:30:00Z",
              "tracking_url": "https://laposte.example/6A"}
    created = shop.order(1001, minutes=1, of=cart)
    house.forward(2 * MINUTE)
    for topic in ("orders/create", "orders/updated", "orders/create"):
        assert house.post(topic, created) == 200
        relance.settle()
    house.forward(30 * MINUTE)
    shipped = shop.order(1001, minutes=0, of=cart, fulfillment_status="fulfilled", fulfillments=[parcel],
                         created_at=created["created_at"])
    for body in (shipped, created, shipped):
        assert house.post("orders/fulfilled", body) == 200
        relance.settle()

    texts = house.texts()
    assert len(texts) == 2
    assert "1001 (84,70 €) est confirmée" in texts[0]
    assert "1001 est en route" in texts[1]


@pytest.mark.parametrize("how", [{"secret": "guessed"}])
def test_a_forged_delivery_changes_nothing(relance: Running, shop: FakeShopify, how: dict[str, str]) -> None:
    house = House(relance, shop)
    body = shop.checkout(981, **BUYER)

    assert house.post("checkouts/update", body, **how) == 401
    assert house.post("checkouts/update", body, shared=True, **how) == 401
    assert house.post("customers/redact", {"customer": {"id": 55}}, shared=True, **how) == 401
    assert relance.client.get(f"/v1/occasions?installation={house.id}").json()["data"] == []


def test_privacy_requests_really_erase_and_leave_a_receipt(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    house.cart(1)
    house.cart(2, sms_marketing_phone="+33639980008", email="bob@example.net", customer={"id": 56})
    zoe = {"shop_id": 1, "shop_domain": SHOP, "customer": {"id": 55, "email": "zoe@example.net", "phone": ZOE}}

    data = {**zoe, "orders_requested": [11], "data_request": {"id": 9}}
    assert house.post("customers/data_request", data, shared=True) == 200
    asked = relance.client.get(f"/v1/occasions?installation={house.id}").json()["data"]
    assert "shop_data_request" in str(asked)

    assert house.post("customers/redact", {**zoe, "orders_to_redact": [11]}, shared=True) == 200
    left = str(relance.client.get(f"/v1/occasions?installation={house.id}").json()["data"])
    assert ZOE not in left
    assert "zoe@example.net" not in left
    assert "+33639980008" in left
    with relance.suite.database.read(relance.workspace) as tx:
        receipts = [note["what"] for note in audit.listed(tx)]
        kept = [Inbound.read(row["request"]).body.decode() for row in tx.rows(tx.mine(t.inbox))]
    assert "person_erased" in receipts
    assert not any(ZOE in body or "zoe@example.net" in body for body in kept)
    assert any("+33639980008" in body for body in kept)


def test_a_redaction_takes_along_nothing_that_is_another_persons(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    house.cart(1)
    house.cart(1055, total="55.00", sms_marketing_phone="+33639980055", email="bob@example.net", customer={"id": 155})
    zoe = {"shop_id": 1, "shop_domain": SHOP, "customer": {"id": 55, "email": "zoe@example.net", "phone": "0612"}}
    assert house.post("customers/redact", {**zoe, "orders_to_redact": []}, shared=True) == 200

    with relance.suite.database.read(relance.workspace) as tx:
        kept = [Inbound.read(row["request"]).body.decode() for row in tx.rows(tx.mine(t.inbox))]
    assert [body for body in kept if '"id": 1055' in body or '"id":1055' in body], "another buyer's, with 55 all over"
    assert not any(ZOE in body or "zoe@example.net" in body for body in kept)


def test_an_app_that_was_taken_out_calls_off_and_is_erased_two_days_later(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    house.cart()
    assert house.post("app/uninstalled", {"id": 1, "domain": SHOP}) == 200
    house.forward(2 * HOUR)
    assert house.texts() == []

    assert house.post("shop/redact", {"shop_id": 1, "shop_domain": SHOP}, shared=True) == 200
    relance.settle()
    assert ZOE not in str(relance.client.get("/v1/occasions").json()["data"])
    assert house.post("shop/redact", {"shop_id": 1, "shop_domain": SHOP}, shared=True) == 200, "twice is once"


def test_a_token_is_renewed_in_time_and_the_pair_rotates(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop, "cart-1h")
    for _ in range(4):
        house.forward(HOUR)

    assert shop.refreshed == 4
    (row,) = relance.client.get("/v1/installations").json()["data"]
    assert row["state"] == "connected"


def test_a_return_that_is_not_shopifys_connects_nothing(relance: Running, shop: FakeShopify) -> None:
    house = House(relance, shop)
    left = house.get("/connect/shopify?shop=other-shop")
    state = parse_qs(urlsplit(left.headers["Location"]).query)["state"][0]
    stamp = str(int(relance.suite.now().timestamp()))
    forged = signed({"code": "c", "shop": "other-shop.myshopify.com", "state": state, "timestamp": stamp}, "guessed")
    back = house.get(f"/connect/shopify/callback?{urlencode(forged)}")

    assert "problem" in parse_qs(urlsplit(back.headers["Location"]).query)
    assert len(relance.client.get("/v1/installations").json()["data"]) == 1


def test_a_merchants_own_app_needs_no_click_and_no_new_token(relance: Running, shop: FakeShopify) -> None:
    config = {"shop": SHOP, "access_token": "shpat_000000", "client_secret": "own-secret-0001", "country": "FR"}
    shop.token = "shpat_000000"
    shop.checkout(7, shipping_address={"phone": "06 39 98 00 01", "country_code": "FR"})
    made = relance.client.post("/v1/installations", {"adapter": "shopify", "name": "Boutique", "config": config})
    assert made.status_code == 201, made.text
    assert "shpat_" not in made.text
    relance.settle()

    there = relance.client.get(f"/v1/occasions?installation={made.json()['id']}").json()["data"]
    assert [one["key"] for one in there] == ["cart/7"]
    hook = f"{relance.url}/hooks/shopify/{made.json()['id']}"
    body = shop.checkout(8, **BUYER)
    assert shop.post("checkouts/update", body, to=hook) == 401, "the operator's secret is not this app's"
    assert shop.post("checkouts/update", body, to=hook, secret="own-secret-0001") == 200
    relance.forward(3 * HOUR)
    (row,) = relance.client.get("/v1/installations").json()["data"]
    assert row["state"] == "connected"
    assert shop.refreshed == 0
