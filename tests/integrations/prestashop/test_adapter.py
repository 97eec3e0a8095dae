"""A shop that tells nobody anything: asked, its rows put together, asked again before a nudge leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.contract import Batch, Installation
from core.domain.carts import counts
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Closed, Event, Kind
from integrations.prestashop import PrestaShop
from tests.fakes.prestashop import KEY, FakePrestaShop
from tests.faults.server import badjson, cut_after, garbage, ok, status, truncate
from tests.support.shops import NOW, has_words, installation, tools

GOOD = {"url": "https://boutique.example/", "key": KEY}


@pytest.fixture
def fake() -> Iterator[FakePrestaShop]:
    with FakePrestaShop() as one:
        yield one


def adapter_of(fake: FakePrestaShop | None = None) -> PrestaShop:
    return PrestaShop(tools(ca_file=fake.ca_file if fake else None))


def shop(fake: FakePrestaShop, **given: Any) -> Installation:
    return installation("prestashop", {"site": fake.url}, {"key": KEY}, **given)


def whole_round(fake: FakePrestaShop, memory: Mapping[str, Any] | None = None, cursor: str | None = None,
                now: datetime = NOW, **given: Any) -> tuple[dict[str, Event], Batch]:
    """All that a round brings, by key, and its last batch."""
    events: dict[str, Event] = {}
    while True:
        batch = adapter_of(fake).pull(shop(fake, memory=memory or {}, **given), cursor, now)
        events |= {event.key: event for event in batch.events}
        memory, cursor = batch.memory, batch.cursor
        if not batch.more:
            return events, batch


def test_an_address_and_a_key_are_all_that_is_needed() -> None:
    configured = adapter_of().configured({**GOOD, "zone": "Europe/Paris", "country": "fr", "shop_id": 2})

    assert configured.config == {"site": "https://boutique.example", "shop_id": 2}
    assert configured.secrets == {"key": KEY}
    assert (configured.account, configured.zone, configured.country) == ("boutique.example#2", "Europe/Paris", "FR")


@pytest.mark.parametrize("changed, pointer", [
    ({"url": ""}, "/config/url"), ({"url": "https://u:p@x.example"}, "/config/url"), ({"key": "short"}, "/config/key"),
    ({"key": None}, "/config/key"), ({"zone": "Mars/Olympus"}, "/config/zone"), ({"shop_id": "x"}, "/config/shop_id"),
    ({"colour": 1}, "/config/colour")])
def test_what_is_wrong_is_pointed_at(changed: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().configured({**GOOD, **changed})
    assert refused.value.pointer == pointer
    assert has_words(refused.value)


def test_a_cart_is_put_together_from_the_tables_that_it_points_to(fake: FakePrestaShop) -> None:
    fake.cart(7, minutes=-90)
    events, _ = whole_round(fake)
    cart = events["cart/7"]

    assert (cart.kind, cart.closed) == (Kind.CART, None)
    assert cart.at == cart.start == NOW - timedelta(minutes=90)
    assert cart.recipient is not None
    assert cart.recipient.number == "+33639981234"
    assert (cart.email, cart.subject) == ("zoe@example.net", "customer/3")
    assert cart.values == {"first_name": "Zoë", "name": "Zoë Martin", "language": "fr",
                           "items": [{"name": "Théière", "quantity": 2}]}


def test_the_shops_wall_is_its_own_in_summer_and_in_winter() -> None:
    for zone, at in (("America/Martinique", datetime(2026, 7, 1, 12, tzinfo=UTC)),
                     ("Europe/Paris", datetime(2026, 7, 1, 12, tzinfo=UTC)), ("Europe/Paris", NOW)):
        with FakePrestaShop(now=at, zone=zone) as fake:
            fake.cart(7)
            events, _ = whole_round(fake, now=at)
            assert events["cart/7"].at == at


def test_without_the_shops_zone_the_installations_counts(fake: FakePrestaShop) -> None:
    fake.closed = {"configurations"}
    fake.cart(7)
    events, batch = whole_round(fake)

    assert events["cart/7"].at == NOW
    assert batch.problems == ()


def test_a_cart_of_nobody_is_nobodys(fake: FakePrestaShop) -> None:
    fake.cart(7, customer=0)

    assert whole_round(fake)[0] == {}


@pytest.mark.parametrize("phone, mobile, country, number", [
    ("01 40 00 00 00", "06 39 98 12 34", 8, "+33639981234"), ("0639981234", "", 8, "+33639981234"),
    ("0470 12 34 56", "", 3, "+32470123456"), ("", "", 8, None), ("?", "", 8, None)])
def test_the_mobile_field_comes_first_and_the_address_says_the_country(
        fake: FakePrestaShop, phone: str, mobile: str, country: int, number: str | None) -> None:
    fake.customer(3, phone=phone, mobile=mobile, country=country)
    fake.cart(7)
    cart = whole_round(fake)[0]["cart/7"]

    assert (cart.recipient.number if cart.recipient else None) == number
    assert cart.recipient is not None or cart.trouble is not None


def test_an_emptied_cart_is_over_and_so_is_an_ordered_one(fake: FakePrestaShop) -> None:
    fake.cart(7, rows=0)
    fake.cart(8)
    fake.order(1, cart=8, minutes=1)
    fake.cart(9)
    fake.order(2, cart=9, minutes=1, state=8)
    events, _ = whole_round(fake)

    assert events["cart/7"].closed is Closed.CANCELLED
    assert events["cart/8"].closed is Closed.DONE
    assert events["cart/9"].closed is None, "its payment failed"
    assert events["order/1"].closes == ("cart/8",)
    assert not counts(events["order/2"])


def test_who_only_signs_in_has_not_touched_the_cart(fake: FakePrestaShop) -> None:
    fake.cart(7, minutes=-60)
    _, first = whole_round(fake)
    fake.cart(7, minutes=-5)
    signed_in, second = whole_round(fake, first.memory, first.cursor)
    fake.cart(7, minutes=4, rows=2)
    changed, _ = whole_round(fake, second.memory, second.cursor, NOW + timedelta(minutes=5))

    assert signed_in["cart/7"].start == NOW - timedelta(minutes=60)
    assert signed_in["cart/7"].at == NOW - timedelta(minutes=5)
    assert changed["cart/7"].start == NOW + timedelta(minutes=4)


@pytest.mark.parametrize("state, status", [
    (2, "paid"), (3, "preparing"), (4, "shipped"), (5, "delivered"), (6, "cancelled"), (8, "failed"), (10, "waiting"),
    (20, "state-20"), (21, "shipped")])
def test_states_are_what_the_shops_own_settings_say_and_else_their_flags(
        fake: FakePrestaShop, state: int, status: str) -> None:
    fake.order(1, state=state)

    assert whole_round(fake)[0]["order/1"].values["status"] == status


def test_an_order_starts_when_it_was_placed(fake: FakePrestaShop) -> None:
    fake.order(1, placed=-600, minutes=-5, state=4)
    order = whole_round(fake)[0]["order/1"]

    assert (order.start, order.at) == (NOW - timedelta(minutes=600), NOW - timedelta(minutes=5))
    assert order.values["number"] == "REF1"
    assert order.values["total"] == {"amount": 84_700_000, "currency": "EUR"}


@pytest.mark.parametrize("total, currency, amount", [
    ("84.700000", 1, 84_700_000), ("84.699997", 1, 84_700_000), ("1250.000000", 2, 1_250_000_000), ("0.000000", 1, 0)])
def test_six_decimals_are_as_many_as_the_currency_has(
        fake: FakePrestaShop, total: str, currency: int, amount: int) -> None:
    fake.order(1, total=total, currency=currency)

    assert whole_round(fake)[0]["order/1"].values["total"]["amount"] == amount


def test_a_first_round_reads_thirty_days_in_pages_and_the_next_what_changed(fake: FakePrestaShop) -> None:
    for number in range(1, 251):
        fake.cart(number, minutes=-60 * 24 - number)
    fake.cart(900, minutes=-60 * 24 * 31)
    first, batch = whole_round(fake)
    asked = len(fake.requests)
    fake.cart(42, minutes=2, rows=3)
    second, _ = whole_round(fake, batch.memory, batch.cursor, NOW + timedelta(minutes=5))

    assert len(first) == 250
    assert set(second) == {"cart/42"}
    assert len(fake.requests) - asked < 15


def test_the_clock_that_is_turned_back_loses_nothing() -> None:
    before = datetime(2026, 10, 25, 0, 58, tzinfo=UTC)
    with FakePrestaShop(now=before) as fake:
        _, batch = whole_round(fake, now=before)
        fake.cart(7, minutes=10)
        events, _ = whole_round(fake, batch.memory, batch.cursor, before + timedelta(minutes=15))

    assert set(events) == {"cart/7"}


def test_a_part_that_the_key_may_not_read_is_named_and_the_others_go_on(fake: FakePrestaShop) -> None:
    fake.closed = {"carts"}
    fake.order(1)
    batches = [adapter_of().pull(shop(fake), None, NOW)]
    batches.append(adapter_of().pull(shop(fake, memory=batches[0].memory), batches[0].cursor, NOW))

    assert [reason.values["part"] for reason in batches[0].problems] == ["carts"]
    assert [event.key for event in batches[1].events] == ["order/1"]


def test_without_the_orders_nobody_is_reminded_and_it_is_said_why(fake: FakePrestaShop) -> None:
    fake.closed = {"orders"}
    fake.cart(7, minutes=-60)
    first = adapter_of().pull(shop(fake), None, NOW)

    assert first.events == ()
    assert [reason.values["part"] for reason in first.problems] == ["orders"]
    with pytest.raises(NotNow) as later:
        adapter_of().look_again(shop(fake), {"cart/7": {"cart": "7", "customer": "3", "since": NOW.isoformat()}}, NOW)
    assert has_words(later.value)


def looked_at(fake: FakePrestaShop, change: Any) -> Batch:
    fake.cart(7, minutes=-60)
    events, batch = whole_round(fake)
    change()
    return adapter_of().look_again(shop(fake, memory=batch.memory), {"cart/7": events["cart/7"].private}, NOW)


def test_a_cart_that_is_still_there_is_left_alone(fake: FakePrestaShop) -> None:
    assert looked_at(fake, lambda: fake.cart(7, minutes=-1)) == Batch()
    assert adapter_of().look_again(shop(fake), {"cart/x": {}}, NOW) == Batch()


def test_an_order_at_the_last_moment_is_seen_from_this_cart_or_by_the_same_customer(fake: FakePrestaShop) -> None:
    same = looked_at(fake, lambda: fake.order(1, cart=7, minutes=-1))
    assert [event.closes for event in same.events] == [("cart/7",)]
    fake.tables["orders"].clear()
    other = looked_at(fake, lambda: fake.order(2, cart=8, minutes=-1))
    assert [event.closes for event in other.events] == [("cart/7",)]
    fake.tables["orders"].clear()
    assert looked_at(fake, lambda: fake.order(3, cart=8, minutes=-100)).events == ()
    fake.tables["orders"].clear()
    assert looked_at(fake, lambda: fake.order(4, cart=7, minutes=-1, state=6)).events == ()


def test_a_cart_that_was_emptied_at_the_last_moment_is_over(fake: FakePrestaShop) -> None:
    (event,) = looked_at(fake, lambda: fake.cart(7, minutes=-1, rows=0)).events

    assert event.closed is Closed.CANCELLED


@pytest.mark.parametrize("step", [
    status(500, b"<html>"), status(503), status(429), status(302, headers={"Location": "/"}), badjson(),
    ok(b"<?xml version='1.0'?>"), ok({"other": []}), cut_after(), truncate(), garbage()])
def test_an_outage_is_waited_out(fake: FakePrestaShop, step: Any) -> None:
    fake.fail(step)
    with pytest.raises(NotNow) as paused:
        adapter_of().pull(shop(fake), None, NOW)
    assert has_words(paused.value)


@pytest.mark.parametrize("step, code", [
    (status(401), "prestashop_key_refused"), (status(403, b"<html>blocked"), "prestashop_site_closed"),
    (status(404), "prestashop_not_there")])
def test_a_closed_door_needs_a_person(fake: FakePrestaShop, step: Any, code: str) -> None:
    fake.fail(step)
    with pytest.raises(NeedsReconnect) as refused:
        adapter_of().pull(shop(fake), None, NOW)
    assert refused.value.reason.code == code
    assert has_words(refused.value)


def test_the_key_goes_into_the_query_over_https_alone() -> None:
    with FakePrestaShop(tls=True) as safe:
        safe.drops_authorization = True
        safe.cart(7)
        assert set(whole_round(safe)[0]) == {"cart/7"}
    with FakePrestaShop() as plain:
        plain.drops_authorization = True
        with pytest.raises(NeedsReconnect):
            whole_round(plain)
        assert all(KEY not in seen.path for seen in plain.requests)


def test_the_doctor_names_what_the_key_may_not_read(fake: FakePrestaShop) -> None:
    fine = {check.name: check.result for check in adapter_of().check(shop(fake), NOW)}
    fake.closed = {"products"}
    nicer = {check.name: check for check in adapter_of().check(shop(fake), NOW)}
    fake.closed = {"customers", "products"}
    broken = {check.name: check for check in adapter_of().check(shop(fake), NOW)}
    fake.key = "Z" * 32
    (bad,) = adapter_of().check(shop(fake), NOW)

    assert fine == {"token": "ok", "https": "warning", "scopes": "ok"}
    assert nicer["scopes"].result == "warning"
    assert broken["scopes"].result == "problem"
    assert broken["scopes"].reason is not None
    assert broken["scopes"].reason.values["part"] == "customers"
    assert (bad.name, bad.result) == ("token", "problem")
