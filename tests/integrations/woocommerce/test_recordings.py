"""What a real shop sent, read as it came."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.contract import Inbound, Installation, Reading, Reply
from core.domain.carts import counts
from core.domain.errors import NotAuthentic, Unsupported
from core.domain.events import Closed, Kind
from core.domain.occasions import Occasion, updated
from integrations.woocommerce import WooCommerce
from integrations.woocommerce.orders import checkout_link
from tests.support.shops import installation, tools

RECORDINGS = Path(__file__).parents[2] / "data" / "recordings"
SITE = "http://127.0.0.1:58063"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


REQUESTS = recorded("woocommerce_10_6_webhooks.json")["requests"]
SIGNED = [one for one in REQUESTS if one["signature_verifies"]]
PINGS = [one for one in REQUESTS if one["during"] == "creation (ping)"]


def request_of(one: Mapping[str, Any]) -> Inbound:
    return Inbound(one["method"], f"https://relance.example{one['path']}", tuple(map(tuple, one["headers"])),
                   base64.b64decode(one["body_base64"]), datetime.fromtimestamp(one["received_at"], UTC))


def shop(secret: str, **config: Any) -> Installation:
    return installation("woocommerce", {"site": SITE, **config}, {"webhook_secret": secret})


def topic_of(one: Mapping[str, Any]) -> str:
    return dict(one["headers"]).get("X-WC-Webhook-Topic", "")


def read(one: Mapping[str, Any], **config: Any) -> Reading:
    adapter, there, request = WooCommerce(tools()), shop(one["secret"], **config), request_of(one)
    adapter.verify(request, there)
    return adapter.parse(request, there)


def deliveries(topic: str, number: int) -> list[dict[str, Any]]:
    return [one for one in SIGNED if topic_of(one) == topic and json.loads(
        base64.b64decode(one["body_base64"])).get("id") == number]


@pytest.mark.parametrize("one", SIGNED, ids=lambda one: f"{topic_of(one)} during {one['during']}")
def test_each_delivery_proves_itself_and_a_changed_one_does_not(one: dict[str, Any]) -> None:
    adapter, request = WooCommerce(tools()), request_of(one)

    adapter.verify(request, shop(one["secret"]))
    for forged, secret in (
        (replace(request, body=request.body + b" "), one["secret"]), (request, "another"), (request, ""),
        (replace(request, body=json.dumps(json.loads(request.body)).encode()), one["secret"]),
        (replace(request, headers=tuple(
            pair for pair in request.headers if pair[0] != "X-WC-Webhook-Signature")), one["secret"]),
    ):
        if forged.body == request.body and secret == one["secret"] and forged.headers == request.headers:
            continue
        with pytest.raises(NotAuthentic):
            adapter.verify(forged, shop(secret))


@pytest.mark.parametrize("one", PINGS, ids=lambda one: one["path"])
def test_the_first_word_of_a_webhook_is_answered_200_and_means_nothing(one: dict[str, Any]) -> None:
    adapter, request, there = WooCommerce(tools()), request_of(one), shop(one["secret"])

    assert adapter.handshake(request, there) == Reply(200)
    with pytest.raises(NotAuthentic):
        adapter.verify(request, there)


def test_only_the_bare_form_is_a_first_word() -> None:
    ping = request_of(PINGS[0])
    adapter = WooCommerce(tools())

    for body in (b"webhook_id=1&order=2", b"webhook_id=", b"webhook_id=x"):
        assert adapter.handshake(replace(ping, body=body), shop("s")) is None
        with pytest.raises(NotAuthentic):
            adapter.verify(replace(ping, body=body), shop("s"))
    with pytest.raises(NotAuthentic):
        adapter.verify(replace(ping, headers=(*ping.headers, ("X-WC-Webhook-Topic", "order.created"))), shop("s"))


@pytest.mark.parametrize("one", [one for one in SIGNED if not topic_of(one).startswith("order.")], ids=topic_of)
def test_what_is_not_about_orders_is_counted_and_no_more(one: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        read(one)


def test_an_order_as_it_was_placed() -> None:
    one = deliveries("order.updated", 14)[0]
    (event,) = read(one).events

    assert (event.kind, event.key, event.closed) == (Kind.ORDER, "order/14", None)
    assert event.at == event.start == datetime(2026, 11, 22, 11, 2, 34, tzinfo=UTC)
    assert event.recipient is not None
    assert (event.recipient.number, event.recipient.country) == ("+33639981234", "FR")
    assert event.evidence is not None
    assert (event.evidence.field, event.evidence.text) == ("billing.phone", "06 39 98 12 34")
    assert (event.email, event.subject) == ("zoe@example.net", None)
    assert event.values == {
        "number": "14", "status": "processing", "first_name": "Zoë", "name": "Zoë O'Brien",
        "total": {"amount": 96_700_000, "currency": "EUR"},
        "items": [
            {"name": "Théière émaillée « été » ☕", "quantity": 2, "price": {"amount": 39_900_000, "currency": "EUR"}},
            {"name": 'Guide & "notes" <pdf>', "quantity": 1, "price": {"amount": 12_000_000, "currency": "EUR"}}]}


def test_seen_twice_and_the_update_before_the_creation_is_one_order() -> None:
    first = read(deliveries("order.updated", 14)[0])
    second = read(deliveries("order.created", 14)[0])

    assert first.events[0].digest == second.events[0].digest
    assert first.delivery != second.delivery


def test_two_orders_of_one_second_are_two_deliveries_whatever_the_shops_own_id_says() -> None:
    one, other = deliveries("order.updated", 14)[0], deliveries("order.updated", 15)[0]
    same = {"X-WC-Webhook-Delivery-ID": "489ba4277655397f4e73987667112c10"}
    for each in (one, other):
        each["headers"] = [[name, same.get(name, value)] for name, value in each["headers"]]

    assert read(one).delivery != read(other).delivery


def test_an_orders_life_in_any_order_ends_with_its_last_status() -> None:
    events = [read(one).events[0] for one in deliveries("order.updated", 15)]
    assert [event.values["status"] for event in events] == ["on-hold", "processing", "cancelled"]

    for some in (events, events[::-1], [events[1], *events, events[0]]):
        known: Occasion | None = None
        for event in some:
            known = updated(known, event) or known
        assert known is not None
        assert known.values["status"] == "cancelled"
        assert not counts(known)
        assert known.start == datetime(2026, 11, 22, 11, 2, 37, tzinfo=UTC)


def test_a_partial_refund_leaves_the_status_as_it_was() -> None:
    completed, refunded = (read(one).events[0] for one in deliveries("order.updated", 14)[1:3])

    assert completed.values["status"] == refunded.values["status"] == "completed"
    assert refunded.at > completed.at


def test_a_binned_order_is_gone() -> None:
    (event,) = read(deliveries("order.deleted", 15)[0]).events

    assert (event.key, event.closed, event.start) == ("order/15", Closed.DELETED, None)


def test_an_order_that_waits_for_its_payment_has_the_link_to_it_and_the_box_that_was_ticked() -> None:
    reading = read(deliveries("order.created", 17)[0])

    assert reading.events[0].values["status"] == "pending"
    assert reading.events[0].values["link"].startswith(f"{SITE}/checkout/order-pay/17/")
    (word,) = reading.consents
    assert (word.granted, word.number) == (True, "+33639981235")
    assert word.proof["place"] == "WooCommerce checkout"
    assert word.proof["field"] == "_sms_opt_in"


def draft() -> dict[str, Any]:
    (one,) = recorded("woocommerce_10_6_drafts.json")["webhooks_while_the_checkout_is_filled_in"]
    return {**one, "secret": one.get("secret", "")}


def test_a_draft_is_no_order_and_a_cart_only_where_that_is_wanted() -> None:
    adapter, request = WooCommerce(tools()), request_of(draft())

    assert adapter.parse(request, shop("s")).events == ()
    (cart,) = adapter.parse(request, shop("s", carts_from_drafts=True)).events
    assert (cart.kind, cart.key, cart.closed) == (Kind.CART, "cart/draft-18", None)
    assert cart.values["total"] == {"amount": 76_720_000, "currency": "EUR"}
    assert cart.values["link"] == f"{SITE}/checkout-link/?products=11:2&utm_source=sms"
    assert "number" not in cart.values
    assert cart.recipient is not None


def test_the_order_that_a_draft_becomes_closes_it() -> None:
    one = deliveries("order.created", 14)[0]

    assert read(one).events[0].closes == ()
    assert read(one, carts_from_drafts=True).events[0].closes == ("cart/draft-14",)


def test_carts_are_given_back_by_the_address_that_the_shop_understood() -> None:
    said = recorded("woocommerce_10_6_drafts.json")["checkout_link"]
    link = checkout_link(SITE, [
        {"product_id": 11, "variation_id": 0, "quantity": 2}, {"product_id": 12, "quantity": 1}], "comeback10")

    assert link is not None
    assert parse_qs(urlsplit(link).query) == parse_qs(urlsplit(said["path"]).query)
    assert urlsplit(link).path == urlsplit(said["path"]).path
    assert said["then"]["items"] == [[11, 2], [12, 1]]


@pytest.mark.parametrize("lines", [None, [], [{"quantity": 1}], [{"product_id": 0}], "x"])
def test_nothing_to_put_back_is_no_link(lines: Any) -> None:
    assert checkout_link(SITE, lines) is None
