"""A discount code for one person: in the text, at the shop once, on the order, in the figures; for both shops alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.fakes.shopify import CLIENT, FakeShopify
from tests.fakes.shopify import SECRET as SHOPIFY_SECRET
from tests.fakes.shopify import SHOP as SHOPIFY_SHOP
from tests.fakes.woocommerce import KEY, SECRET, FakeWooCommerce
from tests.faults.server import status
from tests.support.running import START, Running

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TYPED, ZOE = "06 39 98 00 01", "+33639980001"
TEXT = "Votre panier vous attend, -10 % avec le code {{ code }} : {{ link }}"
CODE = re.compile(r"code ([2-9BCDFGHJKLMNPQRSTVWXZ]{8}) :")
TEN = {"percent": 10, "days": 7}


@dataclass
class Story:
    """One shop and its Relance; what differs between the two shops is said by what follows."""

    relance: Running
    shop: Any
    adapter: str
    config: dict[str, Any]
    fill: Callable[[Story], None]
    pay: Callable[[Story, str], None]
    made: Callable[[], list[dict[str, Any]]]
    loses: Callable[[], None]
    used: Callable[[], None]
    id: str = ""
    rule: str = ""

    def begin(self, discount: dict[str, Any] | None = None) -> Story:
        made = self.relance.client.post(
            "/v1/installations", {"adapter": self.adapter, "name": "Boutique", "config": self.config})
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        given = {"installation": self.id, "name": "Panier", "on": "cart", "when": {"after": "PT1H"},
                 "until": {"after": "P3D"}, "body": TEXT, "discount": discount or TEN}
        rule = self.relance.client.post("/v1/rules", given)
        assert rule.status_code == 201, rule.text
        self.rule = rule.json()["id"]
        live = self.relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live", "control_group": 0})
        assert live.status_code == 200, live.text
        self.relance.settle()
        return self

    def forward(self, by: timedelta) -> None:
        self.shop.now = self.relance.suite.now() + by
        self.relance.forward(by)

    def texts(self) -> list[str]:
        return [one["text"] for one in reversed(self.relance.phones())]

    def message(self) -> dict[str, Any]:
        (one,) = self.relance.client.get("/v1/messages").json()["data"]
        return dict(one)


def _shopify(relance: Running, shop: FakeShopify) -> Story:
    def post(story: Story, topic: str, body: dict[str, Any]) -> None:
        to = f"{relance.url}/hooks/shopify/{story.id}"
        assert shop.post(topic, body, to=to) == 200
        relance.settle()

    def fill(story: Story) -> None:
        post(story, "checkouts/update", shop.checkout(
            981, email="zoe@example.net", sms_marketing_phone=ZOE, buyer_accepts_sms_marketing=True,
            customer={"id": 55, "first_name": "Zoé", "email": "zoe@example.net"}))

    def pay(story: Story, code: str) -> None:
        post(story, "orders/create", shop.order(
            1001, email="zoe@example.net", customer={"id": 55}, discount_codes=[{"code": code, "amount": "8.47"}]))

    shop.scopes.append("write_discounts")
    # An app of the merchant's own: its token does not end.
    config = {"shop": SHOPIFY_SHOP, "access_token": shop.token + "_of_the_shop", "client_secret": SHOPIFY_SECRET,
              "country": "FR", "zone": "Europe/Paris"}
    shop.token = config["access_token"]
    return Story(relance, shop, "shopify", config, fill, pay, lambda: list(shop.discounts.values()),
                 lambda: shop.loses.add("discountCodeBasicCreate"),
                 lambda: next(iter(shop.discounts.values())).update(used=1))


def _woocommerce(relance: Running, shop: FakeWooCommerce) -> Story:
    def deliver(topic: str, number: int) -> None:
        assert shop.deliver(topic, number) == [200]
        relance.settle()

    def fill(story: Story) -> None:
        shop.order(18, status="checkout-draft", phone=TYPED, meta_data=[{"key": "_sms_opt_in", "value": "1"}])
        deliver("order.updated", 18)

    def pay(story: Story, code: str) -> None:
        shop.order(18, phone=TYPED, created=0, coupon_lines=[{"id": 3, "code": code.lower()}])
        # The draft becomes the order, at the moment at which it is placed.
        shop.orders[18]["date_created_gmt"] = shop.orders[18]["date_modified_gmt"]
        deliver("order.created", 18)

    config = {"url": shop.url, "consumer_key": KEY, "consumer_secret": SECRET, "country": "FR", "zone": "Europe/Paris",
              "carts_from_drafts": True}
    return Story(relance, shop, "woocommerce", config, fill, pay, lambda: list(shop.coupons.values()),
                 lambda: setattr(shop, "loses_coupon", True),
                 lambda: next(iter(shop.coupons.values())).update(usage_count=1))


@pytest.fixture(params=["shopify", "woocommerce"])
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    if request.param == "shopify":
        with FakeShopify(now=START) as fake, Running(
                tmp_path, vendor_urls={"shopify": fake.url},
                vendor_clients={"shopify": (CLIENT, SHOPIFY_SECRET)}) as relance:
            yield _shopify(relance, fake)
    else:
        with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
            yield _woocommerce(relance, shop)


def test_the_code_is_in_the_text_at_the_shop_once_and_the_order_with_it_is_recovered(story: Story) -> None:
    story.begin()
    for _ in range(3):
        story.fill(story)
    assert story.made() == [], "nothing is made for a cart that may be bought"

    story.forward(HOUR + MINUTE)
    (text,) = story.texts()
    code = CODE.search(text)
    assert code is not None, text
    (made,) = story.made()
    assert made["code"].upper() == code[1]
    story.forward(10 * MINUTE)
    story.pay(story, code[1])
    story.forward(MINUTE)

    assert len(story.made()) == 1
    totals = story.relance.client.get(f"/v1/stats?installation={story.id}").json()["data"][0]["totals"]
    assert totals["clicked"] == 0
    assert totals["recovered"]["orders"] == 1


def test_the_link_of_the_message_brings_its_code_along(story: Story) -> None:
    story.begin()
    story.fill(story)
    story.forward(HOUR + MINUTE)

    (text,) = story.texts()
    short = re.search(r"https?://\S+", text)
    assert short is not None
    target = requests.get(short[0], allow_redirects=False, timeout=20).headers["Location"]
    name = {"shopify": "discount", "woocommerce": "coupon"}[story.adapter]
    found = CODE.search(text)
    assert found is not None
    assert parse_qs(urlsplit(target).query)[name] == [found[1]]


def test_a_cart_that_is_bought_in_time_costs_the_shop_no_code(story: Story) -> None:
    story.begin()
    story.fill(story)
    story.forward(30 * MINUTE)
    story.pay(story, "SOLDES")
    story.forward(HOUR)

    assert story.texts() == []
    assert story.made() == []


def test_an_answer_that_is_lost_makes_no_second_code(story: Story) -> None:
    story.begin()
    story.fill(story)
    planned = story.message()["text"]
    story.loses()
    story.forward(HOUR + MINUTE)
    assert story.texts() == [], "nobody is told a code of which we do not know whether it is good"
    assert len(story.made()) == 1
    story.forward(5 * MINUTE)

    assert story.texts() == [planned], "the words that were planned are the words that left"
    assert len(story.made()) == 1


def test_a_code_that_was_made_on_an_earlier_day_is_good_for_as_long_as_the_text_says(story: Story) -> None:
    story.begin()
    story.fill(story)
    story.loses()
    story.forward(HOUR + MINUTE)
    (made,) = story.made()
    earlier = made.get("endsAt") or made["date_expires"]
    story.shop.now = story.relance.suite.now() + timedelta(days=1)
    story.relance.forward(timedelta(days=1))

    (made,) = story.made()
    assert (made.get("endsAt") or made["date_expires"]) > earlier


def test_a_rule_that_promises_more_by_now_is_kept_with_the_same_code(story: Story) -> None:
    story.begin()
    story.fill(story)
    story.loses()
    story.forward(HOUR + MINUTE)
    more = story.relance.client.patch(f"/v1/rules/{story.rule}", {"discount": {"percent": 20, "days": 7}})
    assert more.status_code == 200, more.text
    story.forward(2 * MINUTE)

    assert len(story.texts()) == 1
    (made,) = story.made()
    assert made.get("amount") == "20" or made["customerGets"]["value"] == {"percentage": 0.2}


def test_a_code_of_the_merchants_own_is_not_given_away(story: Story) -> None:
    story.begin()
    story.fill(story)
    code = CODE.search(story.message()["text"])
    assert code is not None
    if story.adapter == "shopify":
        story.shop.discounts["x"] = {"title": "Soldes", "code": code[1], "startsAt": "", "endsAt": None, "used": 0}
    else:
        story.shop.coupons[1] = {"id": 1, "code": code[1].lower(), "description": "Soldes", "usage_count": 0}
    story.forward(HOUR + MINUTE)

    message = story.message()
    assert story.texts() == []
    assert message["state"] == "cancelled"
    assert message["reason"]["code"] == "discount_code_taken"


def test_an_amount_in_another_currency_lets_no_message_leave_and_says_why(story: Story) -> None:
    story.begin({"amount": 5_000_000, "currency": "USD", "days": 3})
    story.fill(story)
    story.forward(HOUR + MINUTE)

    assert story.texts() == []
    assert story.message()["reason"]["code"] == "discount_other_currency"
    assert story.made() == []


def test_an_amount_is_told_to_the_shop_as_it_writes_amounts(story: Story) -> None:
    story.begin({"amount": 5_500_000, "currency": "EUR", "days": 3})
    story.fill(story)
    story.forward(HOUR + MINUTE)

    (made,) = story.made()
    if story.adapter == "shopify":
        assert made["customerGets"]["value"] == {"discountAmount": {"amount": "5.5", "appliesOnEachItem": False}}
        assert made["usageLimit"] == 1
        assert made["endsAt"] == "2026-12-03T22:59:59Z", "the end of the third day, in Paris"
    else:
        assert (made["discount_type"], made["amount"], made["usage_limit"]) == ("fixed_cart", "5.5", 1)
        assert made["date_expires"] == "2026-12-03T23:59:59"
        assert made["email_restrictions"] == ["zoe@example.net"]


# A key of WooCommerce's may write all or nothing.
@pytest.mark.parametrize("story", ["shopify"], indirect=True)
def test_a_shop_that_does_not_let_us_make_codes_is_not_promised_any(story: Story) -> None:
    story.begin()
    story.shop.scopes.remove("write_discounts")
    story.fill(story)
    story.forward(HOUR + MINUTE)

    assert story.texts() == []
    assert story.message()["reason"]["code"] == "discount_not_allowed"


@pytest.mark.parametrize("was_used", [False, True])
def test_a_code_that_is_over_is_taken_away_unless_it_was_used(story: Story, was_used: bool) -> None:
    story.begin()
    story.fill(story)
    story.forward(HOUR + MINUTE)
    assert len(story.made()) == 1
    if was_used:
        story.used()
    for _ in range(5):
        story.forward(timedelta(days=2))
    assert len(story.made()) == (1 if was_used else 0)


def test_while_the_shop_is_away_the_message_waits_without_a_code(story: Story) -> None:
    story.begin()
    story.fill(story)
    story.shop.fail(*[status(503)] * 3)
    story.forward(HOUR + MINUTE)
    assert story.texts() == []
    assert story.made() == []
    story.forward(10 * MINUTE)

    assert len(story.texts()) == 1
    assert len(story.made()) == 1


_NOT_TO_BE: list[tuple[dict[str, Any], str]] = [
    ({"discount": {"percent": 0, "days": 7}}, "/discount/percent"),
    ({"discount": {"percent": 10}}, "/discount/days"),
    ({"discount": {"percent": 10, "amount": 5, "currency": "EUR", "days": 7}}, "/discount/percent"),
    ({"discount": {"amount": 1, "currency": "EUR", "days": 7}}, "/discount/amount"),
    ({"discount": {"amount": 5_000_000, "days": 7}}, "/discount/currency"),
    ({"body": "Votre panier vous attend."}, "/discount"),
    ({"on": "order", "class": "transactional"}, "/discount"),
    ({"installation": None}, "/discount"),
]


def test_a_discount_that_cannot_be_is_refused_with_its_place(tmp_path: Path) -> None:
    with FakeWooCommerce(now=START) as shop, Running(tmp_path) as relance:
        story = _woocommerce(relance, shop).begin()
        for changed, pointer in _NOT_TO_BE:
            given = {"installation": story.id, "name": "Panier", "on": "cart", "when": {"after": "PT2H"}, "body": TEXT,
                     "discount": TEN, **changed}
            answer = relance.client.post("/v1/rules", given)
            assert answer.status_code in (400, 422), answer.text
            assert f'"{pointer}"' in answer.text

        rule = relance.client.get(f"/v1/rules/{story.rule}").json()
        assert rule["discount"] == TEN
        off = relance.client.patch(f"/v1/rules/{story.rule}", {"discount": None, "body": "Votre panier : {{ link }}"})
        assert off.status_code == 200, off.text
        assert off.json()["discount"] is None
