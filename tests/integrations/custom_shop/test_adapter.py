"""What a shop posts and what we read in it; what is refused, and how helpfully."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import ConsentWord, Erasure, Inbound, Installation, Reading, Tools
from core.domain.errors import BadInput, NotAuthentic, Unreadable
from core.domain.events import Closed, Kind
from core.engine import presets
from integrations.custom_shop import CustomShop
from integrations.custom_shop.signing import sign

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
SECRET = "rsec_0123456789abcdef0123456789abcdef"
SHOP = CustomShop(Tools({}, {}, lambda *_: None))
INSTALLATION = Installation(
    "ins_1", "wsp_1", "custom_shop", "Boutique", {}, {"signing_secret": SECRET}, {}, "Europe/Paris", "FR", "fr",
    "https://relance.example/hooks/custom_shop/ins_1", own_numbers=frozenset({"+33639980099"}),
)  # fmt: skip
CART: dict[str, Any] = {
    "id": "831", "total": "84.70", "currency": "EUR", "link": "https://shop.example/cart/831",
    "items": [{"name": "Robe", "quantity": 2, "price": "42.35"}],
    "customer": {"id": 12, "phone": "06 39 98 00 01", "email": "Ana@Example.org", "first_name": "Ana",
                 "language": "fr-FR"},
    "consent": {"text": "J'accepte.", "place": "https://shop.example/checkout"},
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "77", "number": "R-77", "status": "confirmed", "placed_at": "2026-11-30T08:55:00Z", "cart": "831",
    "total": 84.7, "currency": "EUR", "customer": {"phone": "+33639980001"}, "codes": ["ANA10"],
}  # fmt: skip


def posted(body: bytes | Mapping[str, Any], *, stamp: int | None = None, signature: str | None = None) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    when = int(NOW.timestamp()) if stamp is None else stamp
    headers = (("Relance-Timestamp", str(when)), ("Relance-Signature", signature or sign(SECRET, when, raw)))
    return Inbound("POST", INSTALLATION.hook_url, headers, raw, NOW)


def event(kind: str, **part: Any) -> dict[str, Any]:
    return {"id": "evt-1", "type": kind, "at": "2026-11-30T10:00:00+01:00", **part}


def read(kind: str, **part: Any) -> Reading:
    return SHOP.parse(posted(event(kind, **part)), INSTALLATION)


# ---------------------------------------------------------------------------------------------- the proof


def test_a_signed_request_is_the_shop_s() -> None:
    SHOP.verify(posted(event("cart.updated", cart=CART)), INSTALLATION)


@pytest.mark.parametrize("minutes, good", [(-6, False), (-4.9, True), (4.9, True), (6, False)])
def test_it_must_be_fresh(minutes: float, good: bool) -> None:
    request = posted(b"{}", stamp=int((NOW + timedelta(minutes=minutes)).timestamp()))
    if good:
        SHOP.verify(request, INSTALLATION)
    else:
        with pytest.raises(NotAuthentic) as refused:
            SHOP.verify(request, INSTALLATION)
        assert "five minutes" in refused.value.reason.values["detail"]


def test_a_tampered_a_foreign_and_an_unsigned_request_are_refused() -> None:
    good = posted(event("cart.updated", cart=CART))
    stamp = int(NOW.timestamp())
    for wrong in (
        Inbound(good.method, good.url, good.headers, good.body + b" ", NOW),
        posted(good.body, signature=sign("rsec_of_somebody_else_entirely_000000", stamp, good.body)),
        posted(good.body, signature=sign(SECRET, stamp, good.body).upper()),
        posted(good.body, signature=sign(SECRET, stamp, good.body).removeprefix("v1=")),
        posted(good.body, signature="v1="),
        Inbound(good.method, good.url, good.headers[:1], good.body, NOW),
        Inbound(good.method, good.url, good.headers[1:], good.body, NOW),
        Inbound(good.method, good.url, (*good.headers, good.headers[0]), good.body, NOW),
    ):
        with pytest.raises(NotAuthentic):
            SHOP.verify(wrong, INSTALLATION)


def test_while_a_secret_is_changed_one_signature_of_several_is_enough() -> None:
    stamp = int(NOW.timestamp())
    both = f"{sign('rsec_the_next_secret_of_this_shop_0000', stamp, b'{}')}, {sign(SECRET, stamp, b'{}')}"

    SHOP.verify(posted(b"{}", signature=both), INSTALLATION)


@given(st.binary(max_size=200), st.text(max_size=80), st.text(max_size=20))
def test_nothing_made_up_is_ever_the_shop_s(body: bytes, signature: str, stamp: str) -> None:
    request = Inbound("POST", "", (("Relance-Timestamp", stamp), ("Relance-Signature", signature)), body, NOW)
    with pytest.raises(NotAuthentic):
        SHOP.verify(request, INSTALLATION)


# ---------------------------------------------------------------------------------------------- what is read


def test_a_cart_with_the_box_ticked() -> None:
    reading = read("cart.updated", cart=CART)

    (cart,) = reading.events
    assert (cart.kind, cart.key, cart.at, cart.closed, cart.start) == (Kind.CART, "cart/831", NOW, None, None)
    assert cart.recipient is not None
    assert (cart.recipient.number, cart.email, cart.subject) == ("+33639980001", "ana@example.org", "customer/12")
    assert cart.values == {
        "total": {"amount": 84_700_000, "currency": "EUR"}, "link": "https://shop.example/cart/831",
        "items": [{"name": "Robe", "quantity": 2, "price": {"amount": 42_350_000, "currency": "EUR"}}],
        "first_name": "Ana", "language": "fr",
    }  # fmt: skip
    assert reading.consents == (ConsentWord(True, NOW, "marketing", "+33639980001", "customer/12", {
        "text": "J'accepte.", "place": "https://shop.example/checkout", "moment": NOW.isoformat()}),)  # fmt: skip
    assert reading.delivery == "evt-1"
    assert json.loads(reading.reply.body) == {"received": "evt-1", "type": "cart.updated"}


@pytest.mark.parametrize("customer, number, trouble", [
    (None, None, "shop_no_phone"),
    ({"phone": ""}, None, "shop_no_phone"),
    ({"phone": "abc"}, None, "number_unreadable"),
    ({"phone": "0470 12 34 56", "country": "BE"}, "+32470123456", None),
    ({"phone": "+33639980099"}, None, "shop_no_phone"),
])
def test_a_guest_no_phone_a_phone_of_another_country(customer: Any, number: str | None, trouble: str | None) -> None:
    cart = {"id": "1", **({"customer": customer} if customer is not None else {})}

    (found,) = read("cart.updated", cart=cart).events

    assert (found.recipient.number if found.recipient else None) == number
    assert (found.trouble.code if found.trouble else None) == trouble


def test_an_emptied_cart_is_over() -> None:
    (emptied,) = read("cart.emptied", cart={"id": "831"}).events
    (without_items,) = read("cart.updated", cart={**CART, "items": []}).events

    assert emptied.closed is without_items.closed is Closed.DELETED


def test_an_order_closes_its_cart_unless_it_failed() -> None:
    (order,) = read("order.created", order=ORDER).events
    (failed,) = read("order.updated", order={**ORDER, "status": "failed"}).events

    assert (order.kind, order.key, order.closes) == (Kind.ORDER, "order/77", ("cart/831",))
    assert order.start == datetime(2026, 11, 30, 8, 55, tzinfo=UTC)
    assert order.values["total"] == {"amount": 84_700_000, "currency": "EUR"}, "84.7 keeps the digits that were written"
    assert (order.values["status"], order.values["number"], order.values["codes"]) == ("confirmed", "R-77", ["ANA10"])
    assert failed.closes == ()


def test_consents_and_erasures() -> None:
    given_ = read("consent.given", consent={"customer": {"phone": "+33639980001"}, "text": "Oui", "place": "caisse",
                                            "at": "2026-11-29T10:00:00Z"}).consents  # fmt: skip
    withdrawn = read("consent.withdrawn", consent={"customer": {"id": "12"}, "scope": "all"}).consents
    erased = read("customer.erased", customer={"id": "12", "email": "ana@example.org"}).erasures

    assert given_[0].at == datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
    assert (withdrawn[0].granted, withdrawn[0].scope, withdrawn[0].subject) == (False, "all", "customer/12")
    assert erased == (Erasure("customer/12", None, "ana@example.org"),)


# ---------------------------------------------------------------------------------------------- what is refused


def changed(part: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**part, **changes}.items() if value != "gone"}


@pytest.mark.parametrize("body, pointer, code", [
    (b"not json", "", "custom_shop_not_json"),
    (b'{"id": NaN}', "", "custom_shop_not_json"),
    (b'{"id": 1, "id": 2}', "", "custom_shop_not_json"),
    (b"[" * 100_000, "", "custom_shop_not_json"),
    (b"\xff", "", "custom_shop_not_json"),
    (b"[]", "/type", "custom_shop_field_needed"),
    (event("cart.made", cart=CART), "/type", "custom_shop_type"),
    (changed(event("cart.updated", cart=CART), id="gone"), "/id", "custom_shop_field_needed"),
    (changed(event("cart.updated", cart=CART), id="a b"), "/id", "custom_shop_id"),
    (changed(event("cart.updated", cart=CART), at="2026-11-30T10:00:00"), "/at", "custom_shop_moment"),
    (changed(event("cart.updated", cart=CART), at="gone"), "/at", "custom_shop_field_needed"),
    (event("cart.updated"), "/cart", "custom_shop_field_needed"),
    (event("cart.updated", cart=[]), "/cart", "custom_shop_not_object"),
    (event("cart.updated", cart=CART, order=ORDER), "/order", "custom_shop_unknown_field"),
    (event("cart.updated", cart=changed(CART, id="gone")), "/cart/id", "custom_shop_field_needed"),
    (event("cart.updated", cart=changed(CART, totl="1")), "/cart/totl", "custom_shop_unknown_field"),
    (event("cart.updated", cart=changed(CART, currency="gone")), "/cart/currency", "custom_shop_field_needed"),
    (event("cart.updated", cart=changed(CART, currency="eur")), "/cart/currency", "currency_unknown"),
    (event("cart.updated", cart=changed(CART, total="84,70")), "/cart/total", "amount_unreadable"),
    (event("cart.updated", cart=changed(CART, total=True)), "/cart/total", "amount_unreadable"),
    (event("cart.updated", cart=changed(CART, currency="JPY")), "/cart/items/0/price", "amount_too_fine"),
    (event("cart.updated", cart=changed(CART, link="javascript:x")), "/cart/link", "custom_shop_link"),
    (event("cart.updated", cart=changed(CART, items=[{"name": ""}])), "/cart/items/0/name", "custom_shop_text_length"),
    (event("cart.updated", cart=changed(CART, items=[{"name": "a", "quantity": 0}])), "/cart/items/0/quantity",
     "custom_shop_quantity"),
    (event("cart.updated", cart=changed(CART, items={})), "/cart/items", "custom_shop_not_list"),
    (event("cart.updated", cart=changed(CART, customer={"phone": 1.5})), "/cart/customer/phone",
     "custom_shop_not_text"),
    (event("cart.updated", cart=changed(CART, customer={"country": "fr"})), "/cart/customer/country",
     "country_unknown"),
    (event("cart.updated", cart=changed(CART, customer={"email": "a b"})), "/cart/customer/email", "custom_shop_email"),
    (event("cart.updated", cart=changed(CART, customer={})), "/cart/consent", "custom_shop_consent_nobody"),
    (event("cart.updated", cart=changed(CART, consent={"text": "Oui"})), "/cart/consent/place",
     "custom_shop_field_needed"),
    (event("order.created", order=changed(ORDER, status="Shipped!")), "/order/status", "custom_shop_status"),
    (event("order.created", order=changed(ORDER, placed_at="gone")), "/order/placed_at", "custom_shop_field_needed"),
    (event("consent.withdrawn", consent={"customer": {}}), "/consent/customer", "custom_shop_nobody"),
    (event("consent.withdrawn", consent={"customer": {"id": "1"}, "scope": "sms"}), "/consent/scope",
     "custom_shop_scope"),
    (event("customer.erased", customer={"name": "Ana"}), "/customer", "custom_shop_nobody"),
])
def test_what_is_wrong_is_pointed_at(body: Any, pointer: str, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        SHOP.parse(posted(body), INSTALLATION)

    assert (refused.value.pointer, refused.value.reason.code) == (pointer, code)
    assert "…" not in refused.value.reason.sentence("fr") + refused.value.reason.sentence("en")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@given(st.sampled_from(["cart.updated", "order.created", "consent.given", "customer.erased"]), st.data())
def test_any_json_is_read_or_refused_clearly(kind: str, data: st.DataObject) -> None:
    known = {"cart.updated": CART, "order.created": ORDER, "consent.given": CART["consent"],
             "customer.erased": CART["customer"]}[kind]  # fmt: skip
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(known)), _JSON, max_size=3))
    body = event(kind, **{kind.partition(".")[0]: {**known, **changes}})
    try:
        reading = SHOP.parse(posted(body), INSTALLATION)
    except Unreadable as error:
        pointer = error.pointer
    else:
        json.dumps([dict(one.values) for one in reading.events])
        assert SHOP.parse(posted(body), INSTALLATION) == reading
        return
    assert pointer.startswith("/")


# ---------------------------------------------------------------------------------------------- connecting


def test_a_secret_is_made_or_brought() -> None:
    made = [SHOP.configured({}).secrets["signing_secret"] for _ in range(2)]
    brought = SHOP.configured({"signing_secret": SECRET, "zone": "Europe/Brussels", "country": "BE"})

    assert made[0] != made[1]
    assert made[0].startswith("rsec_")
    assert len(made[0]) >= 40
    assert brought.secrets == {"signing_secret": SECRET}
    assert (brought.zone, brought.country, brought.config) == ("Europe/Brussels", "BE", {
        "zone": "Europe/Brussels", "country": "BE"})  # fmt: skip


@pytest.mark.parametrize("config, pointer", [
    ({"secret": "x"}, "/secret"), ({"signing_secret": "short"}, "/signing_secret"),
    ({"signing_secret": 5}, "/signing_secret"), ({"zone": "Paris"}, "/zone"), ({"country": "France"}, "/country"),
])
def test_a_wrong_setting_is_pointed_at(config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        SHOP.configured(config)

    assert refused.value.pointer == pointer


def test_the_presets_are_recipes_in_both_languages() -> None:
    found = {one["key"]: one for one in presets.of(SHOP)}

    assert list(found) == ["cart-1h", "cart-24h", "order-confirmed", "order-shipped", "order-ready"]
    assert {one["class"] for one in found.values() if one["on"] == "cart"} == {"marketing"}
    assert all({"fr", "en"} <= set(one["body"]) and {"fr", "en"} <= set(one["name"]) for one in found.values())


def test_a_cart_of_tomorrow_is_one_of_now_so_that_later_words_count() -> None:
    body = {**event("cart.emptied", cart={"id": "c1"}), "at": "2199-01-01T00:00:00+00:00"}
    (emptied,) = SHOP.parse(posted(body), INSTALLATION).events
    assert emptied.at == NOW


def test_an_order_that_changes_is_no_new_yes() -> None:
    order = {**ORDER, "placed_at": "2026-11-28T10:00:00Z", "consent": CART["consent"]}
    (word,) = read("order.updated", order=order).consents
    assert word.at == datetime(2026, 11, 28, 10, tzinfo=UTC)
