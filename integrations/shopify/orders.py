"""An order, from what Shopify posts and from what it answers, to the event that core hears: one occasion, whose status
changes; core speaks once of each status. It starts when the order was placed, whatever becomes of it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.contract import Installation
from core.domain.errors import Unreadable
from core.domain.events import Event, Kind
from core.domain.loose import mapping, text
from core.domain.reasons import Reason
from core.domain.shoppers import Shopper, email_of, language_of, line_of, sum_of
from integrations.shopify.carts import POSTED_FIRST
from integrations.shopify.carts import key_of as cart_key
from integrations.shopify.people import asked_buyer, buyer, first_name, subject_of
from integrations.shopify.reading import identity, mappings, moment, optional_identity

CONFIRMED, PARTLY, SHIPPED, CANCELLED = "confirmed", "partly_shipped", "shipped", "cancelled"
# Where the parcels are, in our words, in both of Shopify's spellings; what is missing here is nobody's news.
_PARCELS = {"out_for_delivery": "out_for_delivery", "ready_for_pickup": "ready", "delivered": "delivered"}
_MONEY = {"refunded": "refunded", "voided": "voided"}
_WHOLE = {"fulfilled": SHIPPED, "partial": PARTLY, "partially_fulfilled": PARTLY}


def from_webhook(body: Mapping[str, Any], installation: Installation) -> Event:
    """The order that an `orders/…` delivery shows. Raises `Unreadable`."""
    at, created = moment(body.get("updated_at")), moment(body.get("created_at"))
    if created is None:
        raise Unreadable("shopify_field_missing", field="created_at")
    customer = mapping(body.get("customer"))
    cart = optional_identity(body.get("checkout_id"))
    currency = text(body.get("currency"))
    shown = mapping(mapping(body.get("total_price_set")).get("presentment_money"))
    sent = [(text(one.get("status")), text(one.get("shipment_status")), moment(one.get("created_at")) or created, (
        one.get("tracking_company"), one.get("tracking_number"), one.get("tracking_url")))
        for one in mappings(body.get("fulfillments"))]
    status, parcel = _status(
        moment(body.get("cancelled_at")), text(body.get("financial_status")), text(body.get("fulfillment_status")),
        sent)
    values = {
        "number": text(body.get("name")).lstrip("#"), "status": status, **parcel,
        "total": sum_of(shown.get("amount"), text(shown.get("currency_code"))) or sum_of(
            body.get("total_price"), currency),
        "items": _lines(line_of(text(one.get("title")), one.get("quantity"), sum_of(one.get("price"), currency),
                                text(one.get("variant_title"))) for one in mappings(body.get("line_items"))),
        "link": _link(body.get("order_status_url")),
        "first_name": text(customer.get("first_name")) or first_name(
            body.get("shipping_address"), body.get("billing_address")),
        "language": language_of(text(body.get("customer_locale"))),
        "codes": [text(one.get("code")) for one in mappings(body.get("discount_codes"))],
    }
    email = email_of(body.get("email")) or email_of(body.get("contact_email")) or email_of(customer.get("email"))
    return _event(
        identity(body.get("id")), at or created, created, buyer(body, installation), installation, values,
        subject_of(customer), email, body.get("test") is True, (cart_key(cart),) if cart else ())


def from_answer(node: Mapping[str, Any], installation: Installation, carts: tuple[str, ...] = ()) -> Event:
    """The order that an answer in GraphQL shows, and the `carts` (keys) that it is known to close. Raises
    `Unreadable`."""
    at, created = moment(node.get("updatedAt")), moment(node.get("createdAt"))
    if created is None:
        raise Unreadable("shopify_field_missing", field="createdAt")
    shown = mapping(mapping(node.get("totalPriceSet")).get("presentmentMoney"))
    customer = mapping(node.get("customer"))
    sent = []
    for one in mappings(node.get("fulfillments")):
        track = next(iter(mappings(one.get("trackingInfo"))), {})
        sent.append((text(one.get("status")), text(one.get("displayStatus")), moment(one.get("createdAt")) or created,
                     (track.get("company"), track.get("number"), track.get("url"))))
    status, parcel = _status(
        moment(node.get("cancelledAt")), text(node.get("displayFinancialStatus")),
        text(node.get("displayFulfillmentStatus")), sent)
    codes = node.get("discountCodes")
    values = {
        "number": text(node.get("name")).lstrip("#"), "status": status, **parcel,
        "total": sum_of(shown.get("amount"), text(shown.get("currencyCode"))),
        "items": _lines(line_of(text(one.get("title")), one.get("quantity"), None, text(one.get("variantTitle")))
                        for one in mappings(node.get("lineItems"))),
        "link": _link(node.get("statusPageUrl")),
        "first_name": first_name(customer, node.get("shippingAddress"), node.get("billingAddress")),
        "language": language_of(text(node.get("customerLocale"))),
        "codes": [text(one) for one in codes] if isinstance(codes, list) else [],
    }
    return _event(
        identity(node.get("id")), (at or created) - POSTED_FIRST, created, asked_buyer(node, installation),
        installation, values, subject_of(customer), email_of(node.get("email")), node.get("test") is True, carts)


def _status(
    cancelled: datetime | None, money: str, whole: str,
    sent: Sequence[tuple[str, str, datetime, tuple[Any, Any, Any]]],
) -> tuple[str, dict[str, Any]]:
    """The one word for where an order is, and the parcel that the buyer may follow."""
    if cancelled is not None:
        return CANCELLED, {}
    if money.lower() in _MONEY:
        return _MONEY[money.lower()], {}
    parcels = [one for one in sent if one[0].lower() == "success"]
    step = _WHOLE.get(whole.lower())
    if step is None or not parcels:
        return step or CONFIRMED, {}
    last = max(parcels, key=lambda one: one[2])
    company, number, link = last[3]
    said = {"carrier": text(company)[:60], "tracking": text(number)[:60], "tracking_link": _link(link)}
    places = {_PARCELS.get(one[1].lower()) for one in parcels}
    if step is SHIPPED and len(places) == 1:
        step = places.pop() or step
    return step, {name: value for name, value in said.items() if value}


def _event(
    order: str, at: datetime, placed: datetime, shopper: Shopper, installation: Installation, values: Mapping[str, Any],
    subject: str | None, email: str | None, test: bool, carts: tuple[str, ...],
) -> Event:
    if test:
        # Nobody has to be told of a merchant's own trial.
        shopper = Shopper(trouble=Reason("shop_test_order"))
    return Event(
        kind=Kind.ORDER, key=f"order/{order}", at=at, start=placed, zone=installation.zone,
        recipient=shopper.recipient, trouble=shopper.trouble, evidence=shopper.evidence,
        values={name: value for name, value in values.items() if value}, private={"order": order}, booked_at=placed,
        subject=subject, email=email, closes=carts)


def _lines(lines: Iterable[dict[str, Any] | None]) -> list[dict[str, Any]]:
    return [one for one in lines if one]


def _link(value: Any) -> str | None:
    link = text(value)
    return link if link.startswith("https://") and len(link) <= 2000 else None
