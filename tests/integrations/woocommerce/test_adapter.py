"""A shop connected, asked, looked at again and left: with each way in which its keys are seen, and each way to fail."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.contract import Batch, Grant, Inbound, Installation, Start
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.events import Closed, Event, Kind
from integrations.woocommerce import WooCommerce
from integrations.woocommerce.client import signed
from tests.fakes.woocommerce import KEY, SECRET, FakeWooCommerce
from tests.faults.server import badjson, cut_after, garbage, ok, status, truncate
from tests.support.shops import NOW, has_words, inbound, installation, tools

HOOK_SECRET = "abc123abc123abc123"
KEYS = {"consumer_key": KEY, "consumer_secret": SECRET, "webhook_secret": HOOK_SECRET}
CALLBACK = "https://relance.example/connect/woocommerce/callback"
START = Start("f" * 64, CALLBACK)


@pytest.fixture
def fake() -> Iterator[FakeWooCommerce]:
    with FakeWooCommerce() as one:
        yield one


@pytest.fixture
def safe() -> Iterator[FakeWooCommerce]:
    with FakeWooCommerce(tls=True) as one:
        yield one


def adapter_of(fake: FakeWooCommerce | None = None) -> WooCommerce:
    return WooCommerce(tools(ca_file=fake.ca_file if fake else None))


def shop(fake: FakeWooCommerce | None = None, config: Mapping[str, Any] | None = None, **given: Any) -> Installation:
    site = {"site": fake.url if fake else "https://shop.example"}
    return installation("woocommerce", {**site, **(config or {})}, KEYS, **given)


def delivery(topic: str, body: Any, secret: str = HOOK_SECRET) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).replace("/", "\\/").encode()
    headers = FakeWooCommerce().headers(topic, raw, secret=secret)
    return inbound("https://relance.example/hooks/woocommerce/ins_1", headers, raw)


def order_event(**given: Any) -> Event:
    with FakeWooCommerce() as fake:
        body = fake.order(14, **given)
    (event,) = adapter_of().parse(delivery("order.updated", body), shop()).events
    return event


# ------------------------------------------------------------------------------------------------ connecting


@pytest.mark.parametrize("typed, site", [
    ("shop.example", "https://shop.example"), ("https://shop.example/", "https://shop.example"),
    ("HTTPS://Shop.Example/boutique/", "https://shop.example/boutique"),
    ("https://thé.example", "https://xn--th-cja.example"),
])
def test_a_shops_address_is_read_in_one_form(typed: str, site: str) -> None:
    assert adapter_of().given({"site": typed}) == {"site": site}


@pytest.mark.parametrize("typed", ["", "ftp://shop.example", "https://user:pw@shop.example", "https://shop.example/?a=1",
                                   "https://sh op.example", "http://shop.example", "https://0x7f.1/"])
def test_what_is_no_shops_address_is_refused(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().given({"site": typed})
    assert refused.value.pointer == "/site"
    assert has_words(refused.value)


def test_the_browser_leaves_for_the_shops_own_page_with_all_five_words() -> None:
    leaving = adapter_of().leave({"site": "https://shop.example/boutique"}, START)

    place, query = urlsplit(leaving.url), parse_qs(urlsplit(leaving.url).query)
    assert (place.netloc, place.path) == ("shop.example", "/boutique/wc-auth/v1/authorize")
    assert query == {"app_name": ["Relance"], "scope": ["read_write"], "user_id": ["f" * 64],
                     "return_url": [f"{CALLBACK}?state={'f' * 64}"], "callback_url": [CALLBACK]}


def test_keys_come_to_https_addresses_alone() -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().leave({"site": "https://shop.example"}, Start("f" * 64, "http://127.0.0.1/callback"))
    assert refused.value.reason.code == "needs_https"


def posted(**changed: Any) -> Inbound:
    body = {"key_id": 1, "user_id": "f" * 64, "consumer_key": KEY, "consumer_secret": SECRET,
            "key_permissions": "read_write", **changed}
    return inbound(CALLBACK, {"Content-Type": "application/json;charset=UTF-8"}, json.dumps(body).encode())


def test_the_keys_come_from_server_to_server() -> None:
    said = adapter_of().posted(posted())

    assert said.state == "f" * 64
    assert said.secrets == {"consumer_key": KEY, "consumer_secret": SECRET}


@pytest.mark.parametrize("changed", [
    {"user_id": ""}, {"user_id": None}, {"consumer_key": "ck_short"}, {"consumer_secret": "cs_" + "g" * 40},
    {"key_permissions": "read"}])
def test_keys_that_are_none_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as refused:
        adapter_of().posted(posted(**changed))
    assert has_words(refused.value)


def test_a_grant_that_is_no_json_is_refused() -> None:
    for body in (b"", b"[]", b"user_id=1"):
        with pytest.raises(Unreadable):
            adapter_of().posted(inbound(CALLBACK, {}, body))


def returned(success: str) -> Inbound:
    return inbound(f"{CALLBACK}?state={'f' * 64}&success={success}&user_id={'f' * 64}", {}, b"", method="GET")


def test_success_alone_is_not_believed_and_a_no_is_a_no() -> None:
    adapter = adapter_of()

    assert adapter.arrived(returned("1"), {}, {"consumer_key": KEY}).secrets == {"consumer_key": KEY}
    with pytest.raises(BadInput) as without:
        adapter.arrived(returned("1"), {}, None)
    with pytest.raises(BadInput) as refused:
        adapter.arrived(returned("0"), {}, {"consumer_key": KEY})
    assert (without.value.reason.code, refused.value.reason.code) == ("woocommerce_no_keys", "access_denied")


def test_keys_count_when_they_open_the_shop_that_the_journey_began_with(safe: FakeWooCommerce) -> None:
    grant = Grant({}, {"consumer_key": KEY, "consumer_secret": SECRET}, {"site": safe.url}, frozenset(), ())
    configured = adapter_of(safe).granted(grant, NOW)

    assert (configured.zone, configured.country) == ("Europe/Paris", "FR")
    assert configured.account == safe.url.removeprefix("https://")
    assert configured.secrets["webhook_secret"].isalnum()
    assert SECRET not in json.dumps(dict(configured.config))

    safe.key = "ck_" + "f" * 40
    with pytest.raises(NeedsReconnect):
        adapter_of(safe).granted(grant, NOW)


def test_keys_that_a_person_made_are_taken_too() -> None:
    configured = adapter_of().configured({"url": "https://www.shop.example/", "consumer_key": KEY, "country": "be",
                                          "consumer_secret": SECRET, "webhook_secret": HOOK_SECRET, "zone": "x/y"})

    assert configured.config == {"site": "https://www.shop.example"}
    assert configured.secrets == KEYS
    assert (configured.account, configured.country) == ("shop.example", "BE")


@pytest.mark.parametrize("changed, pointer", [
    ({"url": "nowhere at all"}, "/config/url"), ({"consumer_key": "ck_x"}, "/config/consumer_key"),
    ({"consumer_secret": 1}, "/config/consumer_secret"), ({"webhook_secret": "with&entity"}, "/config/webhook_secret"),
    ({"carts_from_drafts": "yes"}, "/config/carts_from_drafts"), ({"colour": "red"}, "/config/colour")])
def test_what_is_wrong_is_pointed_at(changed: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        adapter_of().configured({"url": "https://shop.example", "consumer_key": KEY, "consumer_secret": SECRET,
                                 **changed})
    assert refused.value.pointer == pointer
    assert has_words(refused.value)


# ------------------------------------------------------------------------------------------------ what is posted


def test_the_vector_of_the_shops_signature() -> None:
    body = (b'{"id":15,"status":"processing","billing":{"first_name":"Zo\\u00eb","phone":"06 39 98 12 34",'
            b'"country":"FR"},"total":"96.70"}')
    assert len(body) == 123
    request = inbound("https://relance.example/h", {
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Signature": "K3WfIIEHg6FKrZKiqOszKJalpa0ILF0HR5wuNKCneYk="}, body)

    adapter_of().verify(request, installation("woocommerce", {}, {"webhook_secret": "abc123"}))
    with pytest.raises(NotAuthentic):
        adapter_of().verify(request, installation("woocommerce", {}, {}))


@pytest.mark.parametrize("total, currency, amount", [
    ("84.70", "EUR", 84_700_000), ("0.00", "EUR", 0), ("1250", "JPY", 1_250_000_000), ("3.125", "KWD", 3_125_000),
    ("84.7", "GBP", 84_700_000), ("1000000.00", "USD", 1_000_000_000_000)])
def test_sums_are_texts_with_the_shops_decimals(total: str, currency: str, amount: int) -> None:
    assert order_event(total=total, currency=currency).values["total"] == {"amount": amount, "currency": currency}


@pytest.mark.parametrize("phone, country, number", [
    ("06 39 98 12 34", "FR", "+33639981234"), ("+33639981234", "BE", "+33639981234"),
    ("0470 12 34 56", "BE", "+32470123456"), ("0639981234", "", "+33639981234"), ("", "FR", None),
    ("on demand", "FR", None)])
def test_a_phone_is_read_as_typed_in_the_country_of_the_bill(phone: str, country: str, number: str | None) -> None:
    event = order_event(phone=phone, country=country)

    assert (event.recipient.number if event.recipient else None) == number
    assert event.recipient is not None or event.trouble is not None


def test_a_customer_with_an_account_is_known_by_it_and_a_guest_is_nobody() -> None:
    assert order_event(customer_id=12).subject == "customer/12"
    assert order_event(customer_id=0).subject is None


@pytest.mark.parametrize("key, value, granted", [
    ("_wc_other/ns/sms-opt-in", "1", True), ("_wc_billing/boutique/sms-opt-in", "1", True),
    ("_wc_shipping/ns/sms-opt-in", "1", True), ("_wc_other/ns/sms-opt-in", "0", False), ("_sms_opt_in", "yes", True),
    ("billing_sms_optin", "on", True), ("_wc_other/ns/newsletter", "1", False), ("_sms_opt_in_shown", "1", False)])
def test_the_box_is_found_by_its_name_and_only_ticked_it_is_a_word(key: str, value: str, granted: bool) -> None:
    with FakeWooCommerce() as fake:
        body = fake.order(14, meta_data=[{"id": 1, "key": "_shipping_hash", "value": "x"},
                                         {"id": 2, "key": key, "value": value}])
    words = adapter_of().parse(delivery("order.created", body), shop()).consents

    assert [word.granted for word in words] == ([True] if granted else [])
    assert all(word.number == "+33639981234" and word.proof["field"] == key for word in words)


def test_a_shop_may_say_which_box_it_is() -> None:
    with FakeWooCommerce() as fake:
        body = fake.order(14, meta_data=[{"key": "my_box", "value": "1"}, {"key": "_sms_opt_in", "value": "yes"}])
    there = shop(config={"consent_field": "my_box", "consent_text": "Oui aux SMS"})
    (word,) = adapter_of().parse(delivery("order.created", body), there).consents

    assert (word.proof["field"], word.proof["text"]) == ("my_box", "Oui aux SMS")


def test_a_signed_answer_that_is_no_order_is_not_stored_as_one() -> None:
    body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}}
    with pytest.raises(Unreadable) as lost:
        adapter_of().parse(delivery("order.updated", body), shop())
    assert lost.value.reason.code == "woocommerce_owner_lost"
    assert has_words(lost.value)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"id": "one", "status": "x"}', b'{"id": 1}',
                                  b'{"id": 1, "status": "<b>", "date_modified_gmt": "2026-11-22T11:02:34"}',
                                  b'{"id": 1, "status": "processing", "date_modified_gmt": "today"}'])
def test_what_cannot_be_read_is_said(body: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        adapter_of().parse(delivery("order.updated", body), shop())
    assert has_words(refused.value)


# ------------------------------------------------------------------------------------------------ how keys are seen


def test_over_http_only_oauth_is_looked_at(fake: FakeWooCommerce) -> None:
    adapter_of().pull(shop(fake), None, NOW)

    assert fake.ways == ["oauth"]
    assert all("authorization" not in seen.headers and SECRET not in seen.path for seen in fake.requests)


def test_over_https_basic_comes_first(safe: FakeWooCommerce) -> None:
    batch = adapter_of(safe).pull(shop(safe), None, NOW)

    assert safe.ways == ["basic"]
    assert batch.memory == {"way": "basic", "plain": False}


def test_a_host_that_strips_the_header_gets_the_keys_in_the_query(safe: FakeWooCommerce) -> None:
    safe.strips_authorization = True
    batch = adapter_of(safe).pull(shop(safe), None, NOW)
    adapter_of(safe).pull(shop(safe, memory=batch.memory), None, NOW)

    assert safe.ways == ["query", "query"]
    assert len(safe.requests) == 3, "what worked is remembered"


def test_a_proxy_that_does_not_tell_php_about_tls_gets_oauth(safe: FakeWooCommerce) -> None:
    safe.ssl = False
    there = f"https://{urlsplit(safe.url).netloc}"
    safe.order(1)
    batch = adapter_of(safe).pull(shop(safe, {"site": there}), None, NOW)

    assert [event.key for event in batch.events] == ["order/1"]
    assert safe.ways == ["oauth"]


def test_without_pretty_permalinks_the_route_is_a_parameter(fake: FakeWooCommerce) -> None:
    fake.pretty = False
    fake.order(1)
    batch = adapter_of().pull(shop(fake), None, NOW)

    assert [event.key for event in batch.events] == ["order/1"]
    assert batch.memory == {"way": "oauth", "plain": True}


def test_a_key_without_the_right_to_write_is_named_as_such(fake: FakeWooCommerce) -> None:
    fake.permissions = "read"
    with pytest.raises(NeedsReconnect) as refused:
        adapter_of().maintain(shop(fake), NOW, lambda memory: None)
    assert refused.value.reason.code == "woocommerce_key_read_only"


@pytest.mark.parametrize("changed", [{"key": "ck_" + "f" * 40}, {"secret": "cs_" + "f" * 40}])
def test_wrong_keys_need_a_person(safe: FakeWooCommerce, changed: dict[str, str]) -> None:
    for name, value in changed.items():
        setattr(safe, name, value)
    with pytest.raises(NeedsReconnect) as refused:
        adapter_of(safe).pull(shop(safe), None, NOW)
    assert refused.value.reason.code == "woocommerce_key_refused"
    assert has_words(refused.value)


def test_oauth_signs_what_the_standard_says() -> None:
    asked = signed("GET", "http://shop.example/orders", {"b": "a b&c", "a": "é"}, "ck_1", "cs_1", NOW, "n0nce")

    # Written out by hand: names and values are escaped, sorted, and escaped again as a whole.
    message = (
        "GET&http%3A%2F%2Fshop.example%2Forders&a%3D%25C3%25A9%26b%3Da%2520b%2526c%26oauth_consumer_key%3Dck_1"
        "%26oauth_nonce%3Dn0nce%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1796029200")
    right = base64.b64encode(hmac.digest(b"cs_1&", message.encode(), "sha256")).decode()
    assert asked["oauth_signature"] == right


@pytest.mark.parametrize("step, code", [
    (status(500, b"<html>"), "woocommerce_away"), (status(503, headers={"Retry-After": "120"}), "woocommerce_away"),
    (status(429, {"code": "too_many"}), "woocommerce_away"),
    (status(301, headers={"Location": "/"}), "woocommerce_away"),
    (cut_after(), "fetch_failed"), (truncate(), "fetch_failed"), (garbage(), "fetch_failed"),
    (badjson(), "woocommerce_away"), (ok(b"<br />Notice: Undefined index"), "woocommerce_away"),
    (ok({"not": "a list"}), "woocommerce_away")])
def test_an_outage_is_waited_out(fake: FakeWooCommerce, step: Any, code: str) -> None:
    fake.fail(step)
    with pytest.raises(NotNow) as paused:
        adapter_of().pull(shop(fake), None, NOW)
    assert paused.value.reason.code == code
    assert has_words(paused.value)


@pytest.mark.parametrize("step, code", [
    (status(401, b"<html>"), "woocommerce_site_closed"), (status(403, b"blocked"), "woocommerce_site_closed"),
    (status(404, {"code": "rest_no_route", "message": "no"}), "woocommerce_not_there"),
    (status(403, {"code": "woocommerce_rest_cannot_view"}), "woocommerce_key_refused")])
def test_a_closed_door_needs_a_person(fake: FakeWooCommerce, step: Any, code: str) -> None:
    fake.fail(step)
    with pytest.raises(NeedsReconnect) as refused:
        adapter_of().pull(shop(fake), None, NOW)
    assert refused.value.reason.code == code
    assert has_words(refused.value)


def test_a_shop_whose_name_leads_into_our_own_network_is_not_called(fake: FakeWooCommerce) -> None:
    from core.contract import Tools
    from core.guarded import Guarded

    guarded = Guarded(timeout=5)
    adapter = WooCommerce(Tools(urls={}, clients={}, fetch=guarded.get, call=guarded.request))
    with pytest.raises(NeedsReconnect):
        adapter.pull(shop(fake), None, NOW)
    assert fake.requests == []


# ------------------------------------------------------------------------------------------------ asking


def test_a_first_round_replays_thirty_days_page_by_page_and_the_next_what_changed(fake: FakeWooCommerce) -> None:
    for number in range(1, 131):
        fake.order(number, minutes=-number)
    fake.order(500, minutes=-60 * 24 * 31)
    adapter = adapter_of()

    first = adapter.pull(shop(fake), None, NOW)
    second = adapter.pull(shop(fake), first.cursor, NOW)
    fake.order(7, minutes=3, status="completed")
    third = adapter.pull(shop(fake), second.cursor, NOW + timedelta(minutes=15))

    assert [len(batch.events) for batch in (first, second)] == [100, 30]
    assert (first.more, second.more, third.more) == (True, False, False)
    assert {event.key for event in third.events} >= {"order/7"}
    assert len(third.events) < 15
    assert "order/500" not in {event.key for event in (*first.events, *second.events)}


def test_one_unreadable_order_does_not_hide_the_others(fake: FakeWooCommerce) -> None:
    fake.order(1)
    fake.order(2, status="<script>")
    batch = adapter_of().pull(shop(fake), None, NOW)

    assert [event.key for event in batch.events] == ["order/1"]
    assert [reason.code for reason in batch.problems] == ["woocommerce_field_missing"]


def a_cart(**private: Any) -> dict[str, dict[str, Any]]:
    return {"cart/x": {"since": NOW.isoformat(), "email": "zoe@example.net", "phone": "+33639981234", **private}}


@pytest.mark.parametrize("order, found", [
    ({"minutes": 5}, True), ({"minutes": 5, "phone": "", "email": "Zoe@example.net"}, True),
    ({"minutes": 5, "email": "other@example.net"}, True), ({"minutes": 5, "status": "pending"}, True),
    ({"minutes": 5, "email": "other@example.net", "phone": "06 39 98 99 99"}, False), ({"minutes": -5}, False),
    ({"minutes": 5, "status": "failed"}, False), ({"minutes": 5, "status": "cancelled"}, False),
    ({"minutes": 5, "status": "checkout-draft"}, False)])
def test_a_cart_is_looked_at_again_by_e_mail_and_phone(fake: FakeWooCommerce, order: dict[str, Any],
                                                      found: bool) -> None:
    fake.order(9, **order)
    batch = adapter_of().look_again(shop(fake), a_cart(), NOW + timedelta(minutes=10))

    assert [event.closes for event in batch.events] == ([("cart/x",)] if found else [])


def test_an_order_that_cannot_be_read_ends_the_cart_all_the_same(fake: FakeWooCommerce) -> None:
    fake.order(9, minutes=5, email="zoe@example.net", status="wc-Préparée")
    (event,) = adapter_of().look_again(shop(fake), a_cart(), NOW + timedelta(minutes=10)).events

    assert (event.kind, event.key, event.closed) == (Kind.CART, "cart/x", Closed.DONE)


def test_nothing_to_ask_is_not_asked(fake: FakeWooCommerce) -> None:
    assert adapter_of().look_again(shop(fake), {"cart/x": {}}, NOW) == Batch()
    assert fake.requests == []


# ------------------------------------------------------------------------------------------------ over there


def maintained(fake: FakeWooCommerce, **given: Any) -> Mapping[str, Any]:
    memory: list[Mapping[str, Any]] = []
    adapter_of().maintain(shop(fake, **given), NOW, memory.append)
    return memory[-1]


def test_each_topic_has_one_webhook_with_a_secret_of_ours(fake: FakeWooCommerce) -> None:
    memory = maintained(fake)
    assert sorted(hook["topic"] for hook in fake.hooks.values()) == [
        "order.created", "order.deleted", "order.restored", "order.updated"]
    assert {hook["secret"] for hook in fake.hooks.values()} == {HOOK_SECRET}

    there = dict(fake.hooks)
    maintained(fake, memory=memory)
    assert fake.hooks == there


def test_a_webhook_that_was_switched_off_is_made_anew_because_it_keeps_its_count(fake: FakeWooCommerce) -> None:
    memory = maintained(fake)
    dead = next(key for key, hook in fake.hooks.items() if hook["topic"] == "order.updated")
    fake.hooks[dead].update(status="disabled", failures=7)
    maintained(fake, memory=memory)

    assert dead not in fake.hooks
    assert [hook["failures"] for hook in fake.hooks.values()] == [0, 0, 0, 0]


def test_a_new_secret_makes_new_webhooks_and_an_old_address_is_taken_down(fake: FakeWooCommerce) -> None:
    memory = maintained(fake)
    fake.hooks[77] = {"topic": "order.created", "status": "active", "name": "x", "failures": 0, "greeted": True,
                      "secret": "x", "delivery_url": "https://old.example/hooks/woocommerce/ins_1"}
    fake.hooks[78] = {**fake.hooks[77], "delivery_url": "https://other.example/hook"}
    there = installation("woocommerce", {"site": fake.url}, {**KEYS, "webhook_secret": "Z" * 20}, memory=memory)
    adapter_of().maintain(there, NOW, lambda memory: None)

    assert 77 not in fake.hooks
    assert 78 in fake.hooks
    assert {hook["secret"] for key, hook in fake.hooks.items() if key != 78} == {"Z" * 20}


def test_parting_takes_the_webhooks_out_even_over_http_where_the_shops_clock_is_asked(fake: FakeWooCommerce) -> None:
    fake.now = datetime(2026, 12, 24, 18, tzinfo=UTC)
    adapter_of().maintain(shop(fake), fake.now, lambda memory: None)

    assert adapter_of().uninstall(shop(fake)) == ()
    assert fake.hooks == {}
    assert adapter_of().uninstall(shop(fake)) == ()
    fake.key = "ck_" + "f" * 40
    assert [reason.code for reason in adapter_of().uninstall(shop(fake))] == ["shop_hooks_stay"]


def test_the_doctor_sees_lost_webhooks_bad_keys_and_a_shop_without_https(fake: FakeWooCommerce) -> None:
    maintained(fake)
    fine = {check.name: check.result for check in adapter_of().check(shop(fake), NOW)}
    next(iter(fake.hooks.values()))["status"] = "paused"
    lost = {check.name: check for check in adapter_of().check(shop(fake), NOW)}
    fake.key = "ck_" + "f" * 40
    (bad,) = adapter_of().check(shop(fake), NOW)

    assert fine == {"token": "ok", "https": "warning", "hooks": "ok"}
    assert lost["hooks"].result == "problem"
    assert (bad.name, bad.result) == ("token", "problem")
