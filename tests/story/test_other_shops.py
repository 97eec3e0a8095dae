"""WooCommerce, which posts; PrestaShop and Adobe Commerce, which are asked: a cart, a phone, an order, nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from core.storage import access
from core.web.access import SESSION_COOKIE
from tests.fakes.adobe_commerce import KEYS, FakeAdobeCommerce
from tests.fakes.prestashop import KEY as PRESTASHOP_KEY
from tests.fakes.prestashop import FakePrestaShop
from tests.fakes.woocommerce import KEY, SECRET, FakeWooCommerce
from tests.support.running import START, Running

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ZOE, ZOE_TYPED = "+33639980001", "06 39 98 00 01"
BOX = [{"key": "_wc_other/boutique/sms-opt-in", "value": "1"}]


class House:
    """A Relance with one shop, live, some of its presets switched on. `shop` has a clock that follows ours."""

    def __init__(self, relance: Running, shop: Any, adapter: str, config: Mapping[str, Any], *presets: str) -> None:
        self.relance, self.shop = relance, shop
        made = relance.client.post("/v1/installations", {"adapter": adapter, "name": "Boutique", "config": config})
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        for rule in relance.client.get(f"/v1/rules?installation={self.id}").json()["data"]:
            if rule["preset"] in presets:
                assert relance.client.patch(f"/v1/rules/{rule['id']}", {"active": True}).status_code == 200
        live = relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live", "control_group": 0})
        assert live.status_code == 200, live.text
        relance.settle()

    def forward(self, by: timedelta) -> None:
        self.shop.now = self.relance.suite.now() + by
        self.relance.forward(by)

    def says_yes(self) -> None:
        """These platforms know consent to e-mails only: the yes comes from elsewhere."""
        answer = self.relance.client.post("/v1/consents", {
            "to": ZOE, "state": "in", "source": "formulaire", "proof": {"text": "Oui aux SMS", "place": "caisse"}})
        assert answer.status_code == 201, answer.text

    def texts(self) -> list[str]:
        return [one["text"] for one in reversed(self.relance.phones())]


def woocommerce(relance: Running, shop: FakeWooCommerce, *presets: str, **config: Any) -> House:
    keys = {"url": shop.url, "consumer_key": KEY, "consumer_secret": SECRET, "country": "FR", **config}
    return House(relance, shop, "woocommerce", keys, *presets)


def test_woocommerce_sets_its_webhooks_up_and_each_status_is_told_once(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        house = woocommerce(relance, shop, "order-confirmed", "order-shipped")
        assert sorted(hook["topic"] for hook in shop.hooks.values()) == [
            "order.created", "order.deleted", "order.restored", "order.updated"]
        assert all(hook["greeted"] for hook in shop.hooks.values()), "the first word was answered with 200"
        assert relance.client.get("/v1/inbox").json()["data"] == [], "unsigned, it is anybody's: nothing of it stays"

        house.forward(MINUTE)
        shop.order(14, phone=ZOE_TYPED)
        for topic in ("order.updated", "order.created", "order.updated"):
            assert shop.deliver(topic, 14) == [200]
            relance.settle()
        house.forward(10 * MINUTE)
        shop.order(14, phone=ZOE_TYPED, status="completed")
        assert shop.deliver("order.updated", 14) == [200]
        relance.settle()
        shop.order(14, minutes=1, phone=ZOE_TYPED, status="completed", refunds=[{"id": 16, "total": "-10.00"}])
        assert shop.deliver("order.updated", 14) == [200]
        house.forward(2 * HOUR)

        assert house.texts() == [
            "Merci ! Votre commande 14 (96,70 €) est confirmée.", "Votre commande 14 est en route."]


def test_what_woocommerce_sends_and_nobody_can_read_is_kept_and_costs_no_webhook(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        house = woocommerce(relance, shop)
        shop.order(14, phone=ZOE_TYPED)
        # Signed, and no order: what a webhook says whose owner lost the right to see orders.
        shop.orders[14] = {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}}
        for _ in range(8):
            house.forward(MINUTE)
            assert shop.deliver("order.updated", 14) == [200]

        kept = relance.client.get("/v1/inbox").json()["data"]
        assert {one["trouble"]["code"] for one in kept if one["state"] == "unreadable"} == {"woocommerce_owner_lost"}
        assert {hook["status"] for hook in shop.hooks.values()} == {"active"}


def test_a_draft_of_woocommerce_is_nudged_once_unless_it_becomes_an_order(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        house = woocommerce(relance, shop, "cart-1h", carts_from_drafts=True)
        shop.order(18, status="checkout-draft", phone=ZOE_TYPED, meta_data=BOX)
        assert shop.deliver("order.updated", 18) == [200]
        house.forward(30 * MINUTE)
        shop.order(18, phone=ZOE_TYPED, meta_data=BOX)
        assert shop.deliver("order.created", 18) == [200]
        house.forward(2 * HOUR)
        assert house.texts() == []

        shop.order(19, status="checkout-draft", phone=ZOE_TYPED, meta_data=BOX)
        assert shop.deliver("order.updated", 19) == [200]
        house.forward(HOUR + MINUTE)
        (text,) = house.texts()
        assert "votre panier vous attend : Théière" in text
        shop.order(20, phone=ZOE_TYPED)
        house.forward(timedelta(days=2))
        assert len(house.texts()) == 1


def test_woocommerces_order_is_seen_before_a_nudge_even_if_its_cron_sleeps(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        house = woocommerce(relance, shop, "cart-1h", carts_from_drafts=True)
        shop.order(18, status="checkout-draft", phone=ZOE_TYPED, meta_data=BOX)
        assert shop.deliver("order.updated", 18) == [200]
        house.forward(58 * MINUTE)
        # Nothing is delivered: no visitor has woken the shop's cron.
        shop.order(21, phone=ZOE_TYPED)
        house.forward(3 * MINUTE)

        assert house.texts() == []


def test_a_webhook_of_woocommerce_that_was_switched_off_is_made_again(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        house = woocommerce(relance, shop)
        for hook in shop.hooks.values():
            hook.update(status="disabled", failures=7)
        house.forward(7 * HOUR)

        assert {hook["status"] for hook in shop.hooks.values()} == {"active"}
        assert len(shop.hooks) == 4


def test_a_forged_delivery_to_woocommerces_address_is_refused(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        house = woocommerce(relance, shop)
        for hook in shop.hooks.values():
            hook["secret"] = "guessed"
        shop.order(14)

        assert shop.deliver("order.created", 14) == [401]
        assert relance.client.get(f"/v1/occasions?installation={house.id}").json()["data"] == []


def test_a_cart_of_prestashop_is_found_by_asking_and_ends_with_the_order(tmp_path: Path) -> None:
    with FakePrestaShop(now=START) as shop, Running(tmp_path) as relance:
        shop.customer(3, phone=ZOE_TYPED)
        config = {"url": shop.url, "key": PRESTASHOP_KEY, "country": "FR"}
        house = House(relance, shop, "prestashop", config, "cart-1h", "cart-24h")
        house.says_yes()
        shop.cart(7)
        house.forward(5 * MINUTE)
        house.forward(HOUR)
        assert len(house.texts()) == 1
        shop.order(12, cart=7)
        house.forward(5 * MINUTE)
        house.forward(timedelta(days=2))

        assert len(house.texts()) == 1, "the second step is called off by the order"


def test_a_cart_of_adobe_commerce_is_found_by_asking_and_ends_with_the_order(tmp_path: Path) -> None:
    with FakeAdobeCommerce(now=START) as shop, Running(tmp_path) as relance:
        config = {"url": shop.url, **KEYS, "country": "FR"}
        house = House(relance, shop, "adobe_commerce", config, "cart-1h", "cart-24h")
        house.says_yes()
        shop.quote(77, phone=ZOE_TYPED)
        house.forward(5 * MINUTE)
        house.forward(HOUR)
        assert len(house.texts()) == 1
        shop.place(12, quote=77, phone=ZOE_TYPED)
        house.forward(5 * MINUTE)
        house.forward(timedelta(days=2))

        assert len(house.texts()) == 1


def test_without_a_yes_from_elsewhere_prestashops_carts_stay_silent(tmp_path: Path) -> None:
    with FakePrestaShop(now=START) as shop, Running(tmp_path) as relance:
        shop.customer(3, phone=ZOE_TYPED)
        house = House(relance, shop, "prestashop", {"url": shop.url, "key": PRESTASHOP_KEY}, "cart-1h")
        shop.cart(7)
        house.forward(5 * MINUTE)
        house.forward(2 * HOUR)

        assert house.texts() == []


@contextmanager
def trusted(shop: FakeWooCommerce, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The shop's certificate is of its own making; whoever is started now knows its maker."""
    monkeypatch.setenv("SSL_CERT_FILE", shop.ca_file)
    yield


def test_woocommerces_one_click_keys_come_by_the_server_and_count_once_the_browser_is_back(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = "https://relance.example"
    with (
        FakeWooCommerce(tls=True, now=START) as shop, trusted(shop, monkeypatch),
        Running(tmp_path, public_url=public) as relance,
    ):
        with relance.suite.database.write() as tx:
            secret = access.begin_session(tx, relance.user, relance.workspace, relance.suite.now())
        cookies = {SESSION_COOKIE: secret}

        def get(path: str) -> requests.Response:
            # Its cookies are for https alone, and here there is no proxy that ends it.
            sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
            answer = requests.get(relance.url + path, headers={"Cookie": sent}, allow_redirects=False, timeout=20)
            cookies.update(answer.cookies.get_dict())
            return answer

        left = get(f"/connect/woocommerce?{urlencode({'site': shop.url})}")
        asked = parse_qs(urlsplit(left.headers["Location"]).query)
        state = asked["user_id"][0]
        assert asked["callback_url"] == ["https://relance.example/connect/woocommerce/callback"]
        keys = {"key_id": 1, "user_id": state, "consumer_key": KEY, "consumer_secret": SECRET,
                "key_permissions": "read_write"}
        callback = f"{relance.url}/connect/woocommerce/callback"

        stranger = requests.post(callback, json={**keys, "user_id": "0" * 64}, timeout=20)
        brought = requests.post(callback, json=keys, timeout=20)
        again = requests.post(callback, json=keys, timeout=20)
        assert stranger.status_code == 401
        assert (brought.status_code, brought.content) == (200, b""), "anything else, and the shop deletes the key"
        assert again.status_code != 200
        assert relance.client.get("/v1/installations").json()["data"] == []

        back = get(f"/connect/woocommerce/callback?state={state}&success=1&user_id={state}")
        assert "problem" not in back.headers["Location"], back.headers["Location"]
        (row,) = relance.client.get("/v1/installations").json()["data"]
        assert (row["adapter"], row["state"]) == ("woocommerce", "connected")
        assert SECRET not in str(row)
        relance.settle()
        assert len(shop.hooks) == 4
        assert "oauth" not in shop.ways
