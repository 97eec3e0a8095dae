"""A shop asked by the keys of an integration: quotes become carts, orders close them, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from core.contract import Batch, Installation
from core.domain.carts import counts
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Closed, Event, Kind
from integrations.adobe_commerce import AdobeCommerce
from tests.fakes.adobe_commerce import KEYS, FakeAdobeCommerce
from tests.faults.server import badjson, cut_after, garbage, ok, status, truncate
from tests.support.shops import NOW, has_words, installation, tools

GOOD = {"url": "https://shop.example/", **KEYS}


@pytest.fixture
def fake() -> Iterator[FakeAdobeCommerce]:
    with FakeAdobeCommerce() as one:
        yield one


def adapter() -> AdobeCommerce:
    return AdobeCommerce(tools())


def shop(fake: FakeAdobeCommerce, **given: Any) -> Installation:
    return installation("adobe_commerce", {"site": fake.url, "store": "all"}, KEYS, **given)


def whole_round(fake: FakeAdobeCommerce, memory: Mapping[str, Any] | None = None,
                cursor: str | None = None) -> tuple[dict[str, Event], Batch]:
    events: dict[str, Event] = {}
    while True:
        batch = adapter().pull(shop(fake, memory=memory or {}), cursor, NOW)
        events |= {event.key: event for event in batch.events}
        memory, cursor = batch.memory, batch.cursor
        if not batch.more:
            return events, batch


def asked_for(fake: FakeAdobeCommerce, what: str) -> int:
    return sum(what in seen.path for seen in fake.requests)


def test_an_address_and_the_four_keys_of_an_integration() -> None:
    configured = adapter().configured({**GOOD, "store": "fr", "country": "fr"})

    assert configured.config == {"site": "https://shop.example", "store": "fr"}
    assert configured.secrets == KEYS
    assert (configured.account, configured.country) == ("shop.example#fr", "FR")


@pytest.mark.parametrize("changed, pointer", [
    ({"url": "nowhere at all"}, "/config/url"), ({"consumer_key": "x"}, "/config/consumer_key"),
    ({"access_token_secret": None}, "/config/access_token_secret"), ({"store": "../admin"}, "/config/store"),
    ({"zone": "Mars/Olympus"}, "/config/zone"), ({"bearer": "yes"}, "/config/bearer"),
    ({"colour": 1}, "/config/colour"),
    ({"bearer": True, "url": "http://shop.example"}, "/config/url")])
def test_what_is_wrong_is_pointed_at(changed: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        adapter().configured({**GOOD, **changed})
    assert refused.value.pointer == pointer
    assert has_words(refused.value)


def test_a_quote_of_somebody_is_a_cart_with_its_total(fake: FakeAdobeCommerce) -> None:
    fake.quote(77, minutes=-90)
    cart = whole_round(fake)[0]["cart/77"]

    assert (cart.kind, cart.closed) == (Kind.CART, None)
    assert cart.at == cart.start == NOW - timedelta(minutes=90)
    assert cart.recipient is not None
    assert cart.recipient.number == "+33639981234"
    assert (cart.email, cart.subject) == ("zoe@example.net", None)
    assert cart.values == {"items": [{"name": "Théière", "quantity": 2}], "first_name": "Zoë",
                           "total": {"amount": 84_700_000, "currency": "EUR"}}


def test_a_quote_of_nobody_is_nobodys_and_its_total_is_not_asked_for(fake: FakeAdobeCommerce) -> None:
    fake.quote(77, email=None, phone=None)

    assert whole_round(fake)[0] == {}
    assert asked_for(fake, "totals") == 0


@pytest.mark.parametrize("total, currency, amount", [
    (84.7, "EUR", 84_700_000), (84.6999, "EUR", 84_700_000), (1250, "JPY", 1_250_000_000), (0.1, "EUR", 100_000),
    (3.125, "KWD", 3_125_000), ("84.70", "GBP", 84_700_000)])
def test_numbers_of_json_are_sums(fake: FakeAdobeCommerce, total: Any, currency: str, amount: int) -> None:
    fake.quote(77, total=total, currency=currency)

    assert whole_round(fake)[0]["cart/77"].values["total"] == {"amount": amount, "currency": currency}


@pytest.mark.parametrize("phone, country, number", [
    ("06 39 98 12 34", "FR", "+33639981234"), ("0470 12 34 56", "BE", "+32470123456"), ("", "FR", None),
    ("n/a", "FR", None)])
def test_a_phone_is_free_text_in_the_country_of_its_address(
        fake: FakeAdobeCommerce, phone: str, country: str, number: str | None) -> None:
    fake.quote(77, phone=phone, country=country)
    cart = whole_round(fake)[0]["cart/77"]

    assert (cart.recipient.number if cart.recipient else None) == number
    assert cart.recipient is not None or cart.trouble is not None


def test_where_the_parcel_goes_is_where_the_phone_is(fake: FakeAdobeCommerce) -> None:
    fake.quote(77, phone="", customer=5, extension_attributes={"shipping_assignments": [
        {"shipping": {"address": {"telephone": "06 39 98 12 35", "country_id": "FR"}}}]})
    cart = whole_round(fake)[0]["cart/77"]

    assert cart.subject == "customer/5"
    assert cart.recipient is not None
    assert cart.recipient.number == "+33639981235"


def test_a_page_that_recounts_a_quote_has_not_touched_the_cart(fake: FakeAdobeCommerce) -> None:
    fake.quote(77, minutes=-60)
    _, first = whole_round(fake)
    fake.quote(77, minutes=-5)
    same, second = whole_round(fake, first.memory, first.cursor)
    fake.quote(77, minutes=-1, lines=2)
    changed, _ = whole_round(fake, second.memory, second.cursor)

    assert same["cart/77"].start == NOW - timedelta(minutes=60)
    assert same["cart/77"].values["total"]["amount"] == 84_700_000
    assert changed["cart/77"].start == NOW - timedelta(minutes=1)
    assert asked_for(fake, "totals") == 2


@pytest.mark.parametrize("moments", [{"updated_at": None}, {"updated_at": "0000-00-00 00:00:00"}])
def test_a_quote_that_was_just_begun_may_have_no_moment_of_change(
        fake: FakeAdobeCommerce, moments: dict[str, Any]) -> None:
    fake.quote(77, minutes=-5, **moments)

    assert whole_round(fake)[0]["cart/77"].start == NOW - timedelta(minutes=5)


def test_an_emptied_and_an_ordered_quote_are_over(fake: FakeAdobeCommerce) -> None:
    fake.quote(1, lines=0)
    fake.quote(2, active=False)
    fake.place(12, quote=2)
    events, _ = whole_round(fake)

    assert events["cart/1"].closed is Closed.CANCELLED
    assert events["cart/2"].closed is Closed.DONE
    assert events["order/12"].closes == ("cart/2",)


def test_an_order_starts_when_it_was_placed_and_says_its_state(fake: FakeAdobeCommerce) -> None:
    fake.place(12, placed=-600, minutes=-5, state="complete", coupon_code="MERCI-7")
    fake.shipments[3] = {"entity_id": 3, "order_id": 12, "tracks": [
        {"track_number": "6A123", "carrier_code": "custom", "title": "Colissimo"}]}
    order = whole_round(fake)[0]["order/12"]

    assert (order.start, order.at) == (NOW - timedelta(minutes=600), NOW - timedelta(minutes=5))
    assert order.values == {
        "number": "0000012", "status": "complete", "total": {"amount": 84_700_000, "currency": "EUR"},
        "items": [{"name": "Théière", "quantity": 2}], "codes": ["MERCI-7"], "first_name": "Zoë", "tracking": "6A123",
        "carrier": "Colissimo"}


def test_a_cancelled_order_gives_the_cart_its_chance_back(fake: FakeAdobeCommerce) -> None:
    fake.place(12, state="canceled")

    assert not counts(whole_round(fake)[0]["order/12"])


def test_the_count_says_where_the_end_is_because_the_last_page_repeats(fake: FakeAdobeCommerce) -> None:
    for number in range(1, 101):
        fake.place(number, minutes=-number)
    fake.place(900, minutes=-60 * 24 * 31)
    events, batch = whole_round(fake)
    fake.place(7, minutes=1, placed=-7, state="complete")
    again, _ = whole_round(fake, batch.memory, batch.cursor)

    assert len(events) == 100
    assert asked_for(fake, "currentPage%5D=3") == 0
    assert "order/7" in again
    assert len(again) < 15


def test_a_part_that_is_not_ours_is_named_and_the_other_goes_on(fake: FakeAdobeCommerce) -> None:
    fake.closed = {"carts"}
    fake.place(12)
    first = adapter().pull(shop(fake), None, NOW)
    second = adapter().pull(shop(fake, memory=first.memory), first.cursor, NOW)

    assert [reason.values["part"] for reason in first.problems] == ["carts"]
    assert [event.key for event in second.events] == ["order/12"]
    fake.closed = {"carts", "orders"}
    with pytest.raises(NeedsReconnect):
        adapter().pull(shop(fake, memory=first.memory), first.cursor, NOW)


def looked_at(fake: FakeAdobeCommerce, change: Any) -> Batch:
    fake.quote(77, minutes=-60)
    event = whole_round(fake)[0]["cart/77"]
    change()
    return adapter().look_again(shop(fake), {"cart/77": event.private}, NOW)


def test_a_cart_that_is_still_there_is_left_alone(fake: FakeAdobeCommerce) -> None:
    assert looked_at(fake, lambda: fake.quote(77, minutes=-1)) == Batch()
    assert adapter().look_again(shop(fake), {"cart/x": {}}, NOW) == Batch()


def test_an_order_at_the_last_moment_is_seen(fake: FakeAdobeCommerce) -> None:
    assert [one.closes for one in looked_at(fake, lambda: fake.place(1, quote=77, minutes=-1)).events] == [("cart/77",)]
    fake.orders.clear()
    assert [one.closes for one in looked_at(fake, lambda: fake.place(2, minutes=-1)).events] == [("cart/77",)]
    fake.orders.clear()
    assert looked_at(fake, lambda: fake.place(3, minutes=-100)).events == ()
    fake.orders.clear()
    assert looked_at(fake, lambda: fake.place(4, minutes=-1, email="other@example.net")).events == ()
    fake.orders.clear()
    assert looked_at(fake, lambda: fake.place(5, quote=77, minutes=-1, state="canceled")).events == ()


@pytest.mark.parametrize("changed, closed", [
    ({"lines": 0}, Closed.CANCELLED), ({"active": False}, Closed.DONE), ({"lines": 3}, None)])
def test_a_cart_that_changed_at_the_last_moment_is_told(
        fake: FakeAdobeCommerce, changed: dict[str, Any], closed: Closed | None) -> None:
    (event,) = looked_at(fake, lambda: fake.quote(77, minutes=-1, **changed)).events

    assert event.closed is closed
    assert ("total" in event.values) is (closed is None), "there may be one below which nobody is reminded"


def test_without_the_orders_the_last_look_is_put_off(fake: FakeAdobeCommerce) -> None:
    fake.closed = {"orders"}
    with pytest.raises(NotNow):
        adapter().look_again(shop(fake), {"cart/77": {"cart": "77", "since": NOW.isoformat()}}, NOW)


@pytest.mark.parametrize("step", [
    status(500, {"message": "x"}), status(503), status(429), status(302, headers={"Location": "/"}), badjson(),
    ok(b"<html>"), ok({"other": []}), ok([]), cut_after(), truncate(), garbage()])
def test_an_outage_is_waited_out(fake: FakeAdobeCommerce, step: Any) -> None:
    fake.fail(step)
    with pytest.raises(NotNow) as paused:
        adapter().pull(shop(fake), None, NOW)
    assert has_words(paused.value)


@pytest.mark.parametrize("step, code", [
    (status(401, {"message": "The signature is invalid."}), "adobe_commerce_key_refused"),
    (status(403, b"<html>blocked"), "adobe_commerce_site_closed"),
    (status(404, b"<html>"), "adobe_commerce_not_there")])
def test_a_closed_door_needs_a_person(fake: FakeAdobeCommerce, step: Any, code: str) -> None:
    fake.fail(step)
    with pytest.raises(NeedsReconnect) as refused:
        adapter().pull(shop(fake), None, NOW)
    assert refused.value.reason.code == code
    assert has_words(refused.value)


@pytest.mark.parametrize("name", KEYS)
def test_each_of_the_four_keys_counts(fake: FakeAdobeCommerce, name: str) -> None:
    fake.keys[name] = "another-key-00000000000000001"
    with pytest.raises(NeedsReconnect):
        adapter().pull(shop(fake), None, NOW)


def test_a_shop_that_takes_the_token_alone_is_shown_it(fake: FakeAdobeCommerce) -> None:
    fake.bearer = True
    fake.place(12)
    alone = installation("adobe_commerce", {"site": fake.url, "store": "all", "bearer": True},
                         {"access_token": KEYS["access_token"]})
    first = adapter().pull(alone, None, NOW)

    assert adapter().pull(alone, first.cursor, NOW).events[0].key == "order/12"


def test_the_doctor_names_what_the_integration_lacks(fake: FakeAdobeCommerce) -> None:
    fine = {check.name: check.result for check in adapter().check(shop(fake), NOW)}
    fake.closed = {"orders"}
    lacking = {check.name: check for check in adapter().check(shop(fake), NOW)}
    fake.keys["access_token"] = "another-key-00000000000000001"
    (bad,) = adapter().check(shop(fake), NOW)

    assert fine == {"token": "ok", "https": "warning", "scopes": "ok"}
    assert lacking["scopes"].result == "problem"
    assert (bad.name, bad.result) == ("token", "problem")
