"""A shop's deliveries in, exact events out; a shop asked, throttled, away, and asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from core.contract import Batch, ConsentWord, Erasure, Grant, Inbound, Installation, Reading, Report, Start
from core.domain.carts import counts, order_of, ordered, placed_at
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, Unreadable, Unsupported
from core.domain.events import Closed, Event, Kind
from core.domain.occasions import Occasion, updated
from integrations.shopify import Shopify
from integrations.shopify.people import said_on_record
from tests.fakes.shopify import CLIENT, SECRET, SHOP, FakeShopify, signed
from tests.faults.server import badjson, cut_after, garbage, status, truncate
from tests.support.shops import NOW, has_words, inbound, installation, tools

ZOE = "+33639981234"
HOOK = "https://relance.example/hooks/shopify/ins_1"
CONFIG = {"shop": SHOP, "scopes": ["read_orders", "write_customers", "read_fulfillments"]}


@pytest.fixture
def fake() -> Iterator[FakeShopify]:
    with FakeShopify() as one:
        yield one


def adapter_of(fake: FakeShopify | None = None) -> Shopify:
    return Shopify(tools({"shopify": fake.url} if fake else {}, {"shopify": (CLIENT, SECRET)}))


def shop(**given: Any) -> Installation:
    return installation("shopify", CONFIG, {"access_token": "shpat_0", "refresh_token": "shprt_0"}, **given)


def delivery(topic: str, body: Mapping[str, Any], *, secret: str = SECRET, at: datetime = NOW,
             **headers: str) -> Inbound:
    raw = json.dumps(body).encode()
    return inbound(HOOK, {**FakeShopify(now=at).headers(topic, raw, secret=secret), **headers}, raw, at)


def read(topic: str, body: Mapping[str, Any], one: Installation | None = None) -> Reading:
    request = delivery(topic, body)
    adapter, one = adapter_of(), one or shop()
    adapter.verify(request, one)
    return adapter.parse(request, one)


def whole_round(adapter: Shopify, one: Installation, cursor: str | None = None, now: datetime = NOW) -> list[Batch]:
    batches = [adapter.pull(one, cursor, now)]
    while batches[-1].more:
        batches.append(adapter.pull(one, batches[-1].cursor, now))
    return batches


# ------------------------------------------------------------------------------------------------ connecting


@pytest.mark.parametrize("typed", [
    SHOP, "example-shop", "https://example-shop.myshopify.com/", "https://example-shop.myshopify.com/admin/products",
    "Example-Shop.MyShopify.com", "https://admin.shopify.com/store/example-shop/settings",
])
def test_a_shop_is_known_by_all_that_people_write(typed: str) -> None:
    assert adapter_of().given({"shop": typed}) == {"shop": SHOP}


@pytest.mark.parametrize("typed", [
    "", "example.com", "example-shop.myshopify.com.evil.org", "evil.org?.myshopify.com", "a@b.myshopify.com", "-",
    "http://127.0.0.1/", "example-shop.myshopify.com:8080",
])
def test_what_is_no_shop_becomes_no_address(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().given({"shop": typed})
    assert refused.value.pointer == "/shop"
    assert has_words(refused.value)


def test_the_browser_leaves_for_the_shop_with_an_offline_grant_in_mind() -> None:
    start = Start("f" * 64, "https://relance.example/connect/shopify/callback", CLIENT, "",
                  ("read_orders", "read_customers", "write_customers"), ",")

    leaving = adapter_of().leave({"shop": SHOP}, start)

    place = urlsplit(leaving.url)
    query = parse_qs(place.query)
    assert (place.scheme, place.netloc, place.path) == ("https", SHOP, "/admin/oauth/authorize")
    assert query["scope"] == ["read_orders,read_customers,write_customers"]
    assert query["redirect_uri"] == ["https://relance.example/connect/shopify/callback"]
    assert "grant_options[]" not in query
    assert leaving.kept == {"shop": SHOP}


def returned(query: Mapping[str, str]) -> Inbound:
    return Inbound("GET", f"https://relance.example/connect/shopify/callback?{urlencode(query)}", (), b"", NOW)


CALLBACK = {"code": "c0de", "shop": SHOP, "state": "f" * 64, "timestamp": str(int(NOW.timestamp()))}


def test_the_return_is_believed_when_it_is_signed_of_this_moment_and_of_this_shop() -> None:
    arrived = adapter_of().arrived(returned(signed(CALLBACK)), {"shop": SHOP}, None)

    assert arrived.code == "c0de"


@pytest.mark.parametrize("query, kept", [
    (CALLBACK, {"shop": SHOP}),
    (signed(CALLBACK, "another secret"), {"shop": SHOP}),
    ({**signed(CALLBACK), "code": "forged"}, {"shop": SHOP}),
    (signed({**CALLBACK, "timestamp": str(int(NOW.timestamp()) - 86_401)}), {"shop": SHOP}),
    (signed({**CALLBACK, "shop": "evil-shop.myshopify.com"}), {"shop": SHOP}),
    (signed({**CALLBACK, "shop": "evil.example"}), {"shop": "evil.example"}),
])
def test_any_other_return_is_refused(query: Mapping[str, str], kept: Mapping[str, str]) -> None:
    with pytest.raises(NotAuthentic):
        adapter_of().arrived(returned(query), kept, None)


def test_who_says_no_is_not_an_attacker() -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().arrived(returned({"error": "access_denied", "state": "f" * 64}), {"shop": SHOP}, None)
    assert refused.value.reason.code == "access_denied"


def test_shopify_itself_may_send_the_merchant() -> None:
    adapter = adapter_of()
    genuine = signed({"shop": SHOP, "timestamp": str(int(NOW.timestamp())), "host": "YWRtaW4"})

    assert adapter.invited(returned(genuine)) == {"shop": SHOP}
    assert adapter.invited(returned({"shop": SHOP})) is None
    with pytest.raises(NotAuthentic):
        adapter.invited(returned({**genuine, "shop": "evil-shop.myshopify.com"}))


def test_tokens_are_asked_of_the_shop_and_end(fake: FakeShopify) -> None:
    door = adapter_of().door({"shop": SHOP})

    assert door.token_url == f"https://{SHOP}/admin/oauth/access_token"
    assert door.form == {"expiring": "1"}
    with pytest.raises(BadInput):
        adapter_of().door({"shop": "evil.example"})


def test_the_grant_counts_when_the_shop_says_who_it_is(fake: FakeShopify) -> None:
    grant = Grant({"scope": "write_customers,read_orders"}, {}, {"shop": SHOP}, frozenset(), (), "shpat_0", "shprt_0")

    configured = adapter_of(fake).granted(grant, NOW)

    assert configured.account == SHOP
    assert (configured.zone, configured.country) == ("Europe/Paris", "FR")
    assert configured.config["scopes"] == ["read_orders", "write_customers"]


def test_a_token_of_another_shop_is_refused(fake: FakeShopify) -> None:
    adapter = Shopify(tools({"shopify": fake.url.replace("{shop}", SHOP)}, {"shopify": (CLIENT, SECRET)}))
    grant = Grant({}, {}, {"shop": "other-shop.myshopify.com"}, frozenset(), (), "shpat_0", None)

    with pytest.raises(NotAuthentic):
        adapter.granted(grant, NOW)


def test_the_right_to_write_is_the_right_to_read() -> None:
    covers = adapter_of().covers

    assert covers(frozenset({"write_customers"}), "read_customers")
    assert covers(frozenset({"read_orders"}), "read_orders")
    assert not covers(frozenset({"read_customers"}), "write_customers")


def test_a_dead_refresh_token_needs_a_person_and_a_frozen_shop_needs_time() -> None:
    refusal = adapter_of().refusal

    assert isinstance(refusal(400, {"error": "invalid_request"}), NeedsReconnect)
    assert isinstance(refusal(402, {}), NotNow)
    assert refusal(503, {}) is None


def test_a_merchants_own_app_connects_without_a_click() -> None:
    configured = adapter_of().configured(
        {"shop": "example-shop", "access_token": "shpat_abcdef", "client_secret": "shpss_abcdef", "country": "fr"})

    assert configured.account == SHOP
    assert configured.secrets == {"access_token": "shpat_abcdef", "client_secret": "shpss_abcdef"}
    assert "shpat" not in json.dumps(dict(configured.config))
    assert configured.country == "FR"


@pytest.mark.parametrize("config, pointer", [
    ({}, "/config/shop"),
    ({"shop": "evil.example"}, "/config/shop"),
    ({"shop": SHOP}, "/config/access_token"),
    ({"shop": SHOP, "access_token": "shpat_abcdef"}, "/config/client_secret"),
    ({"shop": SHOP, "access_token": "with a blank", "client_secret": "shpss_abcdef"}, "/config/access_token"),
    ({"shop": SHOP, "access_token": "shpat_abcdef", "client_secret": "shpss_abcdef", "colour": 1}, "/config/colour"),
])
def test_what_is_wrong_is_pointed_at(config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().configured(config)
    assert refused.value.pointer == pointer
    assert has_words(refused.value)


# ------------------------------------------------------------------------------------------------ who is speaking


def test_a_delivery_is_signed_names_its_shop_and_its_id() -> None:
    genuine = delivery("checkouts/update", {"id": 1})
    adapter = adapter_of()

    adapter.verify(genuine, shop())
    adapter.verify_shared(genuine)
    assert adapter.account(genuine) == SHOP
    for name in ("X-Shopify-Hmac-Sha256", "X-Shopify-Topic", "X-Shopify-Shop-Domain", "X-Shopify-Webhook-Id"):
        without = replace(genuine, headers=tuple(pair for pair in genuine.headers if pair[0] != name))
        with pytest.raises(NotAuthentic):
            adapter.verify(without, shop())


def test_header_names_come_in_any_case() -> None:
    genuine = delivery("checkouts/update", {"id": 1})
    lower = replace(genuine, headers=tuple((name.lower(), value) for name, value in genuine.headers))

    adapter_of().verify(lower, shop())


@pytest.mark.parametrize("forged", [
    delivery("checkouts/update", {"id": 1}, secret="guessed"),
    replace(delivery("checkouts/update", {"id": 1}), body=b'{"id": 2}'),
    replace(delivery("checkouts/update", {"id": 1}), body=b""),
    delivery("checkouts/update", {"id": 1}, **{"X-Shopify-Shop-Domain": "other-shop.myshopify.com"}),
    delivery("checkouts/update", {"id": 1}, **{"X-Shopify-Shop-Domain": "evil.example"}),
])
def test_a_forged_delivery_is_refused(forged: Inbound) -> None:
    with pytest.raises(NotAuthentic):
        adapter_of().verify(forged, shop())


def test_a_merchants_own_app_signs_with_its_own_secret() -> None:
    own = installation("shopify", CONFIG, {"access_token": "t", "client_secret": "own", "client_secret_before": "old"})
    adapter = adapter_of()

    adapter.verify(delivery("checkouts/update", {"id": 1}, secret="own"), own)
    adapter.verify(delivery("checkouts/update", {"id": 1}, secret="old"), own)
    with pytest.raises(NotAuthentic):
        adapter.verify(delivery("checkouts/update", {"id": 1}), own)


def test_a_repetition_is_known_by_the_deliverys_own_id() -> None:
    body = {"id": 1, "updated_at": "2026-11-30T09:00:00Z", "line_items": []}
    once, again, other = (
        adapter_of().parse(delivery("checkouts/update", body, **{"X-Shopify-Webhook-Id": name}), shop()).delivery
        for name in ("a", "a", "b"))

    assert once == again != other


# ------------------------------------------------------------------------------------------------ carts

CHECKOUT: Mapping[str, Any] = {
    "id": 981820079255243537, "token": "chk_7d1f", "cart_token": "hWN2a1", "email": "Zoe@example.net", "phone": None,
    "customer_locale": "fr-FR", "buyer_accepts_marketing": False, "buyer_accepts_sms_marketing": True,
    "sms_marketing_phone": ZOE, "created_at": "2026-11-22T11:02:10+01:00", "updated_at": "2026-11-22T11:04:41+01:00",
    "completed_at": None, "currency": "EUR", "presentment_currency": "EUR", "total_price": "84.70",
    "subtotal_price": "79.80", "name": "#981820079255243537",
    "line_items": [{"key": "k1", "product_id": 7, "variant_id": 71, "title": "Teapot", "quantity": 2,
                    "price": "39.90"}],
    "abandoned_checkout_url":
        "https://example-shop.myshopify.com/1/checkouts/ac/chk_7d1f/recover?key=0a1b&locale=fr-FR",
    "shipping_address": {"first_name": "Zoë", "phone": "06 39 98 12 35", "country_code": "FR", "city": "Paris"},
    "billing_address": None,
    "customer": {"id": 55, "email": "zoe@example.net", "phone": None,
                 "default_address": {"phone": "+33639981236"}}}


def cart(**changed: Any) -> Event:
    (event,) = read("checkouts/update", {**CHECKOUT, **changed}).events
    return event


def test_a_checkout_that_was_begun_is_a_cart() -> None:
    event = cart()

    assert (event.kind, event.key, event.closed) == (Kind.CART, "cart/981820079255243537", None)
    assert event.at == event.start == datetime(2026, 11, 22, 10, 4, 41, tzinfo=UTC)
    assert event.recipient is not None
    assert event.recipient.number == ZOE
    assert (event.email, event.subject) == ("zoe@example.net", "customer/55")
    assert event.values == {
        "total": {"amount": 84_700_000, "currency": "EUR"}, "first_name": "Zoë", "language": "fr",
        "link": CHECKOUT["abandoned_checkout_url"], "number": "981820079255243537",
        "items": [{"name": "Teapot", "quantity": 2, "price": {"amount": 39_900_000, "currency": "EUR"}}]}


def test_the_box_at_the_checkout_is_consent_with_its_proof() -> None:
    (word,) = read("checkouts/update", CHECKOUT).consents

    assert (word.granted, word.number, word.subject, word.scope) == (True, ZOE, "customer/55", "marketing")
    assert word.at == datetime(2026, 11, 22, 10, 4, 41, tzinfo=UTC)
    assert word.proof["place"] == "Shopify checkout"
    assert word.proof["moment"] == "2026-11-22T10:04:41+00:00"


def test_a_box_that_is_unticked_again_takes_it_back() -> None:
    (word,) = read("checkouts/update", {**CHECKOUT, "buyer_accepts_sms_marketing": False}).consents

    assert not word.granted


@pytest.mark.parametrize("updated, said", [
    ("2026-11-22T10:20:00+00:00", "2026-11-22T10:20:00+00:00"),
    ("2026-11-24T18:00:00+00:00", "2026-11-22T11:02:10+00:00")])
def test_a_box_that_stays_ticked_is_no_new_yes_each_time_that_the_checkout_changes(updated: str, said: str) -> None:
    body = FakeShopify(now=NOW).checkout(981, sms_marketing_phone=ZOE, buyer_accepts_sms_marketing=True)
    body |= {"created_at": "2026-11-22T11:02:10+01:00", "updated_at": updated}
    (word,) = read("checkouts/update", body).consents

    assert (word.granted, word.at.isoformat()) == (True, said)


def test_a_yes_without_its_moment_takes_no_stop_back() -> None:
    customer: dict[str, Any] = {"id": "gid://shopify/Customer/55", "defaultPhoneNumber": {
        "phoneNumber": ZOE, "marketingState": "SUBSCRIBED", "marketingUpdatedAt": None}}
    (word,) = said_on_record(customer, NOW)
    assert (word.granted, word.at.year) == (True, 1970)
    customer["defaultPhoneNumber"]["marketingState"] = "UNSUBSCRIBED"
    (word,) = said_on_record(customer, NOW)
    assert (word.granted, word.at) == (False, NOW)


@pytest.mark.parametrize("changed", [
    {"sms_marketing_phone": None}, {"buyer_accepts_sms_marketing": None},
    {"sms_marketing_phone": None, "buyer_accepts_marketing": True},
])
def test_without_an_answer_there_is_no_word_and_mail_is_another_matter(changed: dict[str, Any]) -> None:
    assert read("checkouts/update", {**CHECKOUT, **changed}).consents == ()


@pytest.mark.parametrize("gone, number", [
    ((), ZOE),
    (("sms_marketing_phone",), "+33639981235"),
    (("sms_marketing_phone", "shipping_address"), "+33639981236"),
])
def test_the_number_for_messages_comes_first_then_those_of_the_addresses(gone: tuple[str, ...], number: str) -> None:
    event = cart(**dict.fromkeys(gone))

    assert event.recipient is not None
    assert event.recipient.number == number


def test_a_number_is_read_in_the_country_of_its_own_address() -> None:
    address = {"phone": "0470 12 34 56", "country_code": "BE"}
    event = cart(sms_marketing_phone=None, customer=None, shipping_address=address)

    assert event.recipient is not None
    assert (event.recipient.number, event.recipient.country) == ("+32470123456", "BE")


def test_a_shops_own_number_is_nobodys() -> None:
    one = shop(own_numbers=frozenset({ZOE}))
    (event,) = read("checkouts/update", {**CHECKOUT, "shipping_address": [], "customer": None}, one).events

    assert event.recipient is None


@pytest.mark.parametrize("phone, code", [(None, "shop_no_phone"), ("call me", "number_unreadable")])
def test_without_a_phone_it_is_said_why(phone: str | None, code: str) -> None:
    event = cart(sms_marketing_phone=None, shipping_address={"phone": phone}, customer=None)

    assert event.recipient is None
    assert event.trouble is not None
    assert event.trouble.code == code


def test_what_shopify_hides_is_not_a_buyer_without_a_phone() -> None:
    one = shop(memory={"phones_hidden": True})
    (event,) = read("checkouts/update", {
        **CHECKOUT, "sms_marketing_phone": None, "shipping_address": None, "customer": None}, one).events

    assert event.trouble is not None
    assert event.trouble.code == "shopify_phones_hidden"


@pytest.mark.parametrize("total, currency, amount", [
    ("84.70", "EUR", 84_700_000), ("0.00", "EUR", 0), ("1250", "JPY", 1_250_000_000), ("1250.00", "JPY", 1_250_000_000),
    ("3.125", "KWD", 3_125_000), ("1000000.00", "USD", 1_000_000_000_000), ("12.5", "GBP", 12_500_000),
])
def test_money_of_every_currency_is_read_exactly(total: str, currency: str, amount: int) -> None:
    assert cart(total_price=total, currency=currency).values["total"] == {"amount": amount, "currency": currency}


@pytest.mark.parametrize("total", [None, "", "abc", "-1.00", "84.705", 12, "1e400", "NaN"])
def test_a_sum_that_is_none_is_left_out(total: Any) -> None:
    said = cart(total_price=total).values.get("total")

    assert said == ({"amount": 12_000_000, "currency": "EUR"} if total == 12 else None)


def test_the_buyers_own_currency_is_the_one_that_is_named() -> None:
    event = cart(total_price_set={"presentment_money": {"amount": "91.00", "currency_code": "CHF"}})

    assert event.values["total"] == {"amount": 91_000_000, "currency": "CHF"}


@pytest.mark.parametrize("changed, closed", [
    ({"completed_at": "2026-11-22T11:05:00+01:00"}, Closed.DONE),
    ({"line_items": []}, Closed.CANCELLED),
    ({"closed_at": "2026-11-22T11:05:00+01:00"}, Closed.CANCELLED),
])
def test_a_cart_that_was_ordered_or_emptied_is_over(changed: dict[str, Any], closed: Closed) -> None:
    assert cart(**changed).closed is closed


@pytest.mark.parametrize("nothing", [None, [], {}, "", 0])
@pytest.mark.parametrize("field", ["shipping_address", "billing_address", "customer", "customer_locale", "email"])
def test_any_object_may_be_nothing_in_any_form(field: str, nothing: Any) -> None:
    assert cart(**{field: nothing}).key == "cart/981820079255243537"


def test_a_checkout_that_is_deleted_is_named_by_little_more_than_its_id() -> None:
    request = delivery("checkouts/delete", {"id": 981820079255243537, "cart_token": "hWN2a1"})
    (event,) = adapter_of().parse(request, shop()).events

    assert (event.key, event.closed, event.start) == ("cart/981820079255243537", Closed.DELETED, None)
    assert event.at == datetime(2026, 11, 30, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b'{"id": null, "updated_at": "2026-11-30T09:00:00Z"}',
                                  b'{"id": 1}', b'{"id": 1, "updated_at": "yesterday"}', b'{"id": true}'])
def test_what_cannot_be_read_is_said_and_not_guessed(body: bytes) -> None:
    request = inbound(HOOK, FakeShopify().headers("checkouts/update", body), body)
    adapter_of().verify(request, shop())

    with pytest.raises(Unreadable) as refused:
        adapter_of().parse(request, shop())
    assert has_words(refused.value)


@pytest.mark.parametrize("topic", ["carts/update", "products/update", "customers/create"])
def test_other_topics_are_counted_and_no_more(topic: str) -> None:
    with pytest.raises(Unsupported):
        read(topic, {"id": "x"})


# ------------------------------------------------------------------------------------------------ orders


def an_order(topic: str = "orders/create", **changed: Any) -> Event:
    (event,) = read(topic, FakeShopify().order(1001, of=CHECKOUT, **changed)).events
    return event


def parcel(where: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": 1, "status": "success", "shipment_status": where, "created_at": "2026-12-02T10:00:00Z",
            "tracking_company": "Colissimo", "tracking_number": "6A123",
            "tracking_url": "https://laposte.example/6A123", **more}


def test_an_order_closes_the_cart_that_it_came_of() -> None:
    event = an_order(discount_codes=[{"code": "MERCI-7", "amount": "5.00"}])

    assert (event.kind, event.key) == (Kind.ORDER, "order/1001")
    assert event.closes == ("cart/981820079255243537",)
    assert (event.email, event.subject) == ("zoe@example.net", "customer/55")
    assert event.start == event.at == NOW
    assert event.values["status"] == "confirmed"
    assert event.values["number"] == "1001"
    assert event.values["codes"] == ["MERCI-7"]
    assert event.values["total"] == {"amount": 84_700_000, "currency": "EUR"}
    assert counts(event)


@pytest.mark.parametrize("changed, status", [
    ({"financial_status": "pending"}, "confirmed"),
    ({"fulfillment_status": "partial", "fulfillments": [parcel()]}, "partly_shipped"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel()]}, "shipped"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel("in_transit")]}, "shipped"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel("out_for_delivery")]}, "out_for_delivery"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel("ready_for_pickup")]}, "ready"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel("delivered")]}, "delivered"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel("delivered"), parcel("in_transit")]}, "shipped"),
    ({"fulfillment_status": "fulfilled", "fulfillments": [parcel(status="cancelled")]}, "shipped"),
    ({"financial_status": "refunded"}, "refunded"),
    ({"cancelled_at": "2026-11-30T10:00:00Z"}, "cancelled"),
])
def test_an_order_has_one_status_posted_or_asked(changed: dict[str, Any], status: str) -> None:
    posted = an_order("orders/updated", updated=3000, **changed)
    with FakeShopify() as fake:
        fake.order(1001, of=CHECKOUT, updated=3000, **changed)
        asked = [event for batch in whole_round(adapter_of(fake), shop()) for event in batch.events]

    assert posted.values["status"] == asked[0].values["status"] == status
    assert posted.start == asked[0].start == NOW
    assert posted.at == NOW + timedelta(minutes=3000) > asked[0].at
    assert posted.values.get("tracking") == asked[0].values.get("tracking")


def test_a_parcel_can_be_followed() -> None:
    event = an_order("orders/fulfilled", fulfillment_status="fulfilled", fulfillments=[parcel()])

    assert event.values["tracking"] == "6A123"
    assert event.values["tracking_link"] == "https://laposte.example/6A123"


def test_shuffled_and_doubled_deliveries_end_with_the_newest_status() -> None:
    created = an_order()
    shipped = an_order("orders/fulfilled", updated=60, fulfillment_status="fulfilled", fulfillments=[parcel()])
    for order in permutations([created, shipped, shipped, created]):
        known: Occasion | None = None
        for event in order:
            known = updated(known, event) or known
        assert known is not None
        assert known.values["status"] == "shipped"


def test_a_cancelled_order_gives_the_cart_its_chance_back() -> None:
    assert not counts(an_order("orders/cancelled", updated=60, cancelled_at="2026-11-30T10:00:00Z"))


def test_a_merchants_trial_reaches_nobody() -> None:
    event = an_order(test=True)

    assert event.recipient is None
    assert event.trouble is not None
    assert event.trouble.code == "shop_test_order"


def test_a_guest_without_a_checkout_orders_too() -> None:
    body = FakeShopify().order(7, phone="06 39 98 12 34", email=None)
    (event,) = read("orders/create", body).events

    assert (event.subject, event.email, event.closes) == (None, None, ())
    assert event.recipient is not None
    assert event.recipient.number == ZOE


def test_news_of_a_parcel_has_the_shop_asked() -> None:
    reading = read("fulfillments/update", {"id": 5, "order_id": 1001, "shipment_status": "delivered"})

    assert reading.wakes
    assert reading.events == ()


# ------------------------------------------------------------------------------------------------ people and privacy


@pytest.mark.parametrize("state, granted", [("subscribed", True), ("unsubscribed", False), ("redacted", False)])
def test_consent_that_changes_at_the_shop_changes_here(state: str, granted: bool) -> None:
    (word,) = read("customers_marketing_consent/update", {"id": 55, "phone": ZOE, "sms_marketing_consent": {
        "state": state, "opt_in_level": "single_opt_in", "consent_updated_at": "2026-11-30T08:00:00Z",
        "consent_collected_from": "shopify"}}).consents

    assert (word.granted, word.number, word.subject) == (granted, ZOE, "customer/55")
    assert word.at == datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert word.proof["place"] == "Shopify customer record"


@pytest.mark.parametrize("consent", [
    None, [], {}, {"state": None}, {"state": "pending"}, {"state": "not_subscribed"}, {"state": "invented"}])
def test_a_question_that_nobody_answered_is_no_word(consent: Any) -> None:
    reading = read("customers_marketing_consent/update", {"id": 55, "phone": ZOE, "sms_marketing_consent": consent})

    assert reading.consents == ()


def test_a_no_counts_by_the_record_even_without_a_number() -> None:
    (word,) = read("customers_marketing_consent/update", {
        "id": 55, "phone": None,
        "sms_marketing_consent": {"state": "unsubscribed", "consent_updated_at": None}}).consents

    assert (word.granted, word.number, word.subject) == (False, None, "customer/55")


def test_an_app_that_was_taken_out_is_gone() -> None:
    assert read("app/uninstalled", {"id": 1, "domain": SHOP}).gone


@pytest.mark.parametrize("triggered, gone", [
    ("2026-11-30T08:10:00.123456789Z", False), ("2026-11-30T10:10:00.123456789Z", True),
    ("2026-11-30T08:59:40Z", True), (None, True)])
def test_late_word_of_an_earlier_parting_ends_no_connection_that_was_made_since(
        triggered: str | None, gone: bool) -> None:
    alive = shop(memory={"hooks": {"at": "2026-11-30T09:00:00+00:00", "refused": {}}})
    request = delivery("app/uninstalled", {"id": 1, "domain": SHOP})
    others = [(name, value) for name, value in request.headers if name.lower() != "x-shopify-triggered-at"]
    said = [("X-Shopify-Triggered-At", triggered)] if triggered else []
    assert adapter_of().parse(replace(request, headers=(*others, *said)), alive).gone is gone


def test_rights_that_changed_are_asked_for_at_once() -> None:
    assert read("app/scopes_update", {"current": []}).wakes


def test_a_redaction_erases_the_person_by_all_that_names_it() -> None:
    reading = read("customers/redact", {
        "shop_id": 1, "shop_domain": SHOP, "customer": {"id": 55, "email": "Zoe@example.net", "phone": ZOE},
        "orders_to_redact": [11, 12]})

    assert reading.erasures == (Erasure("customer/55", ZOE, "zoe@example.net"),)
    assert reading.reply.status == 200


def test_a_phone_that_is_none_keeps_nobody_from_being_erased() -> None:
    reading = read("customers/redact", {"shop_id": 1, "shop_domain": SHOP, "customer": {"id": 55, "phone": "06 12"}})
    assert reading.erasures == (Erasure("customer/55"),)


def test_a_phone_may_be_all_that_names_the_person() -> None:
    reading = read("customers/redact", {"shop_domain": SHOP, "customer": {"id": None, "email": None, "phone": ZOE}})

    assert reading.erasures == (Erasure(number=ZOE),)


def test_a_redaction_of_nobody_is_kept_and_shown() -> None:
    with pytest.raises(Unreadable):
        read("customers/redact", {"shop_domain": SHOP, "customer": {}})


def test_the_privacy_topics_need_no_token() -> None:
    without = installation("shopify", CONFIG, {})

    assert read("shop/redact", {"shop_id": 1, "shop_domain": SHOP}, without).gone
    assert read("shop/redact", {"shop_id": 1, "shop_domain": SHOP}, without).erasures == (Erasure(),)


def test_a_customer_who_asks_for_the_data_is_shown_to_the_merchant() -> None:
    reading = read("customers/data_request", {
        "customer": {"id": 55, "email": "zoe@example.net", "phone": ZOE}, "data_request": {"id": 9}})

    (event,) = reading.events
    assert (event.kind, event.key, event.subject) == (Kind.REQUEST, "privacy/9", "customer/55")
    assert event.recipient is None
    assert event.trouble is not None
    assert event.trouble.code == "shop_data_request"
    assert reading.erasures == ()


# ------------------------------------------------------------------------------------------------ asking the shop


def test_a_first_round_replays_the_last_thirty_days_and_the_next_only_what_changed(fake: FakeShopify) -> None:
    for number in range(60):
        fake.checkout(number + 1, minutes=-60 * number, customer={"id": number + 1, "first_name": "Ana"},
                      shipping_address={"phone": "06 39 98 12 34", "country_code": "FR"})
    fake.checkout(900, minutes=-60 * 24 * 31)
    fake.order(5, minutes=-3)
    adapter = adapter_of(fake)

    first = whole_round(adapter, shop())
    events = [event for batch in first for event in batch.events]
    fake.checkout(901, minutes=5)
    second = whole_round(adapter, shop(), first[-1].cursor, NOW + timedelta(minutes=15))

    assert [len(batch.events) for batch in first] == [40, 20, 1, 0]
    assert {event.key for event in events} >= {"cart/1", "cart/60", "order/5"}
    assert "cart/900" not in {event.key for event in events}
    assert "cart/901" in {event.key for batch in second for event in batch.events}
    assert all(batch.problems == () for batch in first)


def test_what_is_posted_knows_more_than_what_is_asked_whichever_comes_first(fake: FakeShopify) -> None:
    body = fake.checkout(981, email="zoe@example.net", sms_marketing_phone=ZOE, buyer_accepts_sms_marketing=True)
    (posted,) = read("checkouts/update", body).events
    (asked,) = whole_round(adapter_of(fake), shop())[0].events

    for order in ((posted, asked), (asked, posted)):
        known: Occasion | None = None
        for event in order:
            known = updated(known, event) or known
        assert known is not None
        assert known.recipient is not None
        assert known.recipient.number == ZOE


def test_a_cart_that_was_ordered_is_over_even_if_the_delivery_was_lost(fake: FakeShopify) -> None:
    body = fake.checkout(981, sms_marketing_phone=ZOE)
    (posted,) = read("checkouts/update", body).events
    fake.checkout(981, minutes=3, completed_at="2026-11-30T09:03:00Z")
    (asked,) = whole_round(adapter_of(fake), shop())[0].events

    known = updated(updated(None, posted), asked)

    assert known is not None
    assert known.closed is Closed.DONE
    assert known.recipient is not None


def test_a_subscribed_customer_is_reached_by_the_number_that_said_yes(fake: FakeShopify) -> None:
    fake.checkout(1, customer={"id": 55}, shipping_address={"phone": "06 39 98 12 99", "country_code": "FR"})
    phone = {"phoneNumber": ZOE, "marketingState": "SUBSCRIBED", "marketingOptInLevel": "CONFIRMED_OPT_IN",
             "marketingUpdatedAt": "2026-10-01T08:00:00Z", "marketingCollectedFrom": "SHOPIFY"}
    fake.checkouts[1]["customer"]["defaultPhoneNumber"] = phone
    batch = whole_round(adapter_of(fake), shop())[0]

    assert batch.events[0].recipient is not None
    assert batch.events[0].recipient.number == ZOE
    assert batch.consents == (ConsentWord(
        True, datetime(2026, 10, 1, 8, tzinfo=UTC), number=ZOE, subject="customer/55", proof={
            "place": "Shopify customer record", "text": "SMS marketing: subscribed", "level": "confirmed_opt_in",
            "collected_from": "shopify", "moment": "2026-10-01T08:00:00+00:00"}),)


def test_people_whose_consent_changed_are_found_when_the_delivery_was_lost(fake: FakeShopify) -> None:
    fake.customers[55] = {
        "id": "gid://shopify/Customer/55", "updatedAt": "2026-11-29T08:00:00Z", "defaultPhoneNumber": {
            "phoneNumber": ZOE, "marketingState": "UNSUBSCRIBED", "marketingOptInLevel": None,
            "marketingUpdatedAt": None}}
    words = [word for batch in whole_round(adapter_of(fake), shop()) for word in batch.consents]

    assert [(word.granted, word.number) for word in words] == [(False, ZOE)]


def test_a_part_that_is_closed_to_us_does_not_stop_the_others(fake: FakeShopify) -> None:
    fake.denied = {"abandonedCheckouts"}
    fake.order(5, minutes=-3)
    batches = whole_round(adapter_of(fake), shop())

    assert [event.key for batch in batches for event in batch.events] == ["order/5"]
    assert [reason.code for reason in batches[-1].problems] == ["shopify_part_closed"]


def test_hidden_phones_are_remembered_and_shown(fake: FakeShopify) -> None:
    fake.denied = {"phone", "defaultPhoneNumber"}
    fake.checkout(1, shipping_address={"phone": "06 39 98 12 34", "country_code": "FR"})
    batches = whole_round(adapter_of(fake), shop())

    assert "shopify_phones_hidden" in {reason.code for reason in batches[-1].problems}
    assert batches[-1].memory == {"phones_hidden": True}


def test_an_emptied_bucket_is_waited_for_as_long_as_shopifys_numbers_say(fake: FakeShopify) -> None:
    fake.bucket = -100
    with pytest.raises(NotNow) as paused:
        adapter_of(fake).pull(shop(), None, NOW)
    assert paused.value.reason.code == "shopify_slow_down"
    assert timedelta(seconds=4) < paused.value.after < timedelta(seconds=10)


@pytest.mark.parametrize("step, code", [
    (status(500), "shopify_away"), (status(502, b"<html>"), "shopify_away"), (status(302), "shopify_away"),
    (cut_after(), "shopify_away"), (badjson(), "shopify_away"), (truncate(), "shopify_away"),
    (garbage(), "shopify_away"), (status(200, []), "shopify_away"), (status(200, {"data": None}), "shopify_away"),
    (status(429, headers={"Retry-After": "7.0"}), "shopify_slow_down"), (status(402), "shopify_shop_asleep"),
    (status(423), "shopify_shop_asleep"),
    (status(200, {"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}), "shopify_away"),
])
def test_an_outage_is_waited_out(fake: FakeShopify, step: Any, code: str) -> None:
    fake.fail(step)
    with pytest.raises(NotNow) as paused:
        adapter_of(fake).pull(shop(), None, NOW)
    assert paused.value.reason.code == code
    assert has_words(paused.value)


@pytest.mark.parametrize("number, code", [
    (401, "token_refused"), (403, "shopify_forbidden"), (404, "shopify_shop_gone")])
def test_a_grant_that_is_gone_needs_a_person(fake: FakeShopify, number: int, code: str) -> None:
    fake.fail(status(number, {"errors": "no"}))
    with pytest.raises(NeedsReconnect) as lost:
        adapter_of(fake).pull(shop(), None, NOW)
    assert lost.value.reason.code == code
    assert has_words(lost.value)


# ------------------------------------------------------------------------------------------------ a second look


def looked_at(fake: FakeShopify, event: Event) -> Batch:
    return adapter_of(fake).look_again(shop(), {event.key: event.private}, NOW + timedelta(hours=1))


def test_a_cart_that_is_still_open_is_left_alone(fake: FakeShopify) -> None:
    (event,) = read("checkouts/update", fake.checkout(981, sms_marketing_phone=ZOE, email="zoe@example.net")).events
    fake.order(4, minutes=20, email="somebody@example.net")

    assert looked_at(fake, event) == Batch()


def test_a_cart_that_shopify_does_not_list_yet_is_not_gone(fake: FakeShopify) -> None:
    (event,) = read("checkouts/update", fake.checkout(981, sms_marketing_phone=ZOE)).events
    fake.checkouts.clear()

    assert looked_at(fake, event) == Batch()


def test_an_order_by_the_same_person_is_seen_at_the_last_moment(fake: FakeShopify) -> None:
    (event,) = read("checkouts/update", fake.checkout(981, sms_marketing_phone=ZOE, email="zoe@example.net")).events
    fake.order(4, minutes=20, email="Zoe@example.net")
    (order,) = looked_at(fake, event).events

    assert (order.key, order.closes) == ("order/4", ("cart/981",))


def test_an_order_by_telephone_alone_is_seen_at_the_last_moment_too(fake: FakeShopify) -> None:
    checkout = fake.checkout(981, phone=ZOE, sms_marketing_phone=ZOE)
    (event,) = read("checkouts/update", checkout).events
    fake.order(4, minutes=20, of=checkout)
    (order,) = looked_at(fake, event).events

    assert (order.key, order.closes) == ("order/4", ("cart/981",))


@pytest.mark.parametrize("changed", [
    {"minutes": -20}, {"minutes": 20, "cancelled_at": "2026-11-30T09:30:00Z"}])
def test_an_earlier_or_a_cancelled_order_is_not_this_carts(fake: FakeShopify, changed: dict[str, Any]) -> None:
    (event,) = read("checkouts/update", fake.checkout(981, sms_marketing_phone=ZOE, email="zoe@example.net")).events
    fake.order(4, email="zoe@example.net", **changed)

    assert looked_at(fake, event).events == ()


@pytest.mark.parametrize("later, closed", [
    ({"completed_at": "2026-11-30T09:10:00Z"}, Closed.DONE), ({"lines": 0}, Closed.CANCELLED),
    ({"total": "12.00"}, None)])
def test_a_cart_that_changed_in_the_meantime_is_told_with_the_phone_that_we_know(
        fake: FakeShopify, later: dict[str, Any], closed: Closed | None) -> None:
    (event,) = read("checkouts/update", fake.checkout(981, sms_marketing_phone=ZOE, email="zoe@example.net")).events
    fake.checkout(981, minutes=10, **later)
    (seen,) = looked_at(fake, event).events
    known = updated(updated(None, event), seen)

    assert seen.closed is closed
    assert known is not None
    assert known.recipient is not None
    assert known.recipient.number == ZOE


def test_many_carts_are_one_question(fake: FakeShopify) -> None:
    carts = {}
    for number in range(Shopify.look_again_size):
        (event,) = read("checkouts/update", fake.checkout(number, sms_marketing_phone=ZOE,
                                                          email=f"p{number}@example.net")).events
        carts[event.key] = event.private
    fake.order(4, minutes=20, email="p7@example.net")
    batch = adapter_of(fake).look_again(shop(), carts, NOW)

    assert [event.closes for event in batch.events] == [("cart/7",)]
    assert len(fake.requests) == 1, "and not more of a question than Shopify answers"


# ------------------------------------------------------------------------------------------------ over there


def test_every_topic_is_subscribed_once_and_what_is_lost_is_made_again(fake: FakeShopify) -> None:
    adapter, memory = adapter_of(fake), list[Mapping[str, Any]]()

    adapter.maintain(shop(), NOW, memory.append)
    there = sorted(hook["topic"] for hook in fake.hooks.values())
    adapter.maintain(shop(), NOW, memory.append)
    assert sorted(hook["topic"] for hook in fake.hooks.values()) == there
    assert {hook["uri"] for hook in fake.hooks.values()} == {HOOK}
    assert {"CHECKOUTS_UPDATE", "ORDERS_CREATE", "FULFILLMENTS_UPDATE", "APP_UNINSTALLED"} <= set(there)

    fake.hooks.pop(next(iter(fake.hooks)))
    adapter.maintain(shop(), NOW, memory.append)
    assert sorted(hook["topic"] for hook in fake.hooks.values()) == there


def test_an_address_of_before_is_taken_down_and_another_apps_is_left(fake: FakeShopify) -> None:
    fake.hooks["a"] = {"topic": "ORDERS_CREATE", "uri": "https://old.example/hooks/shopify/ins_1"}
    fake.hooks["b"] = {"topic": "ORDERS_CREATE", "uri": "https://other.example/hook"}
    adapter_of(fake).maintain(shop(), NOW, lambda memory: None)

    assert "a" not in fake.hooks
    assert "b" in fake.hooks


def test_a_topic_that_is_refused_is_shown_and_the_others_are_made(fake: FakeShopify) -> None:
    fake.refused_topics = {"CHECKOUTS_UPDATE"}
    memory: list[Mapping[str, Any]] = []
    adapter_of(fake).maintain(shop(), NOW, memory.append)

    checks = {one.name: one for one in adapter_of(fake).check(shop(memory=memory[-1]), NOW)}
    assert list(memory[-1]["hooks"]["refused"]) == ["CHECKOUTS_UPDATE"]
    assert checks["hooks"].result == "problem"
    assert checks["token"].result == "ok"


def test_where_shopify_cannot_reach_us_polling_goes_on_alone(fake: FakeShopify) -> None:
    local = shop(hook_url="http://127.0.0.1:8000/hooks/shopify/ins_1")

    assert adapter_of(fake).maintain(local, NOW, lambda memory: None) == timedelta(days=1)
    assert fake.requests == []


def test_parting_takes_our_subscriptions_down_twice_if_need_be(fake: FakeShopify) -> None:
    adapter = adapter_of(fake)
    adapter.maintain(shop(), NOW, lambda memory: None)

    assert adapter.uninstall(shop()) == ()
    assert fake.hooks == {}
    assert adapter.uninstall(shop()) == ()
    fake.fail(status(401))
    assert [reason.code for reason in adapter.uninstall(shop())] == ["shop_hooks_stay"]


def test_a_stop_reaches_the_customers_record(fake: FakeShopify) -> None:
    fake.customers[55] = {"id": "gid://shopify/Customer/55", "defaultPhoneNumber": {
        "phoneNumber": ZOE, "marketingState": "SUBSCRIBED"}}
    word = ConsentWord(False, NOW, number=ZOE, subject="customer/55")
    report = Report("cart/1", None, None, None, NOW, {}, kind="consent", consent=word, subject="customer/55")

    adapter_of(fake).report(shop(), report, NOW)

    assert fake.consents == [{"customerId": "gid://shopify/Customer/55", "smsMarketingConsent": {
        "marketingState": "UNSUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN",
        "consentUpdatedAt": "2026-11-30T09:00:00Z"}}]


def test_a_record_without_a_phone_cannot_keep_it_and_that_is_said(fake: FakeShopify) -> None:
    word = ConsentWord(False, NOW, number=ZOE, subject="customer/56")
    report = Report("cart/1", None, None, None, NOW, {}, kind="consent", consent=word, subject="customer/56")

    with pytest.raises(BadInput) as refused:
        adapter_of(fake).report(shop(), report, NOW)
    assert refused.value.reason.code == "shopify_consent_not_kept"


def test_news_of_messages_has_no_place_in_shopify(fake: FakeShopify) -> None:
    adapter = adapter_of(fake)

    assert not adapter.wants(shop())
    adapter.report(shop(), Report("cart/1", None, None, None, NOW, {}), NOW)
    assert fake.requests == []


def test_the_doctor_says_which_rights_are_missing_and_that_a_version_ran_out(fake: FakeShopify) -> None:
    fake.scopes, fake.served = ["read_orders"], "2027-01"
    checks = {one.name: one for one in adapter_of(fake).check(shop(), NOW)}

    assert checks["scopes"].reason is not None
    assert checks["scopes"].reason.values["scopes"] == "read_customers, write_customers"
    assert checks["version"].result == "warning"


def test_an_order_of_before_never_answers_a_cart_of_today() -> None:
    order = updated(None, an_order("orders/fulfilled", updated=3000, fulfillment_status="fulfilled",
                                   fulfillments=[parcel()]))
    later = updated(None, cart(updated_at="2026-12-01T10:00:00Z"))

    assert order is not None
    assert later is not None
    assert placed_at(order) == NOW
    assert ordered(later, [order_of(order)]) is None
