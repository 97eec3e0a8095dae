"""A checkout that was begun is a cart: from what Shopify posts, and from what it answers, to the event that core hears.

Both readers name a cart by its numeric id. The posted form knows more (e-mail, token, phone, the box for messages), so
that at the same moment it wins: an answer in GraphQL is one second older, unless it says that the cart was ordered; and
one without a phone only shows a cart of which nothing was posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.contract import Installation
from core.domain.discounts import IN_LINK
from core.domain.errors import Unreadable
from core.domain.events import Closed, Event, Kind
from core.domain.loose import mapping, text
from core.domain.nothing import NOTHING
from core.domain.shoppers import email_of, language_of, line_of, sum_of
from integrations.shopify.people import asked_buyer, buyer, first_name, subject_of
from integrations.shopify.reading import identity, mappings, moment, optional_identity

POSTED_FIRST = timedelta(seconds=1)
CODE_IN_LINK = "discount"
"""By which a link to a checkout takes a code, as a cart's permalink does (Shopify, Create cart permalinks)."""


def key_of(checkout: str) -> str:
    return f"cart/{checkout}"


def from_webhook(body: Mapping[str, Any], installation: Installation) -> Event:
    """A cart as `checkouts/create` or `checkouts/update` shows it. Raises `Unreadable`."""
    at = moment(body.get("updated_at")) or moment(body.get("created_at"))
    if at is None:
        raise Unreadable("shopify_field_missing", field="updated_at")
    checkout = identity(body.get("id"))
    customer = mapping(body.get("customer"))
    shopper = buyer(body, installation)
    currency = text(body.get("currency"))
    shown = mapping(mapping(body.get("total_price_set")).get("presentment_money"))
    total = sum_of(shown.get("amount"), text(shown.get("currency_code"))) or sum_of(body.get("total_price"), currency)
    lines = mappings(body.get("line_items"))
    items = [line_of(
        text(one.get("title")) or text(one.get("presentment_title")), one.get("quantity"),
        sum_of(one.get("price"), currency), text(one.get("variant_title"))) for one in lines]
    email = email_of(body.get("email")) or email_of(customer.get("email"))
    completed = moment(body.get("completed_at"))
    closed = (Closed.DONE if completed else Closed.CANCELLED if moment(body.get("closed_at")) or not lines else None)
    return Event(
        kind=Kind.CART, key=key_of(checkout), at=max(at, completed) if completed else at, closed=closed, start=at,
        zone=installation.zone, recipient=shopper.recipient, trouble=shopper.trouble, evidence=shopper.evidence,
        values=_values(
            total, items, text(body.get("abandoned_checkout_url")), text(body.get("name")), customer.get("first_name")
            or first_name(body.get("shipping_address"), body.get("billing_address")),
            language_of(text(body.get("customer_locale")))),
        booked_at=moment(body.get("created_at")), subject=subject_of(customer), email=email,
        private={name: value for name, value in (
            ("checkout", checkout), ("token", text(body.get("token"))), ("cart_token", text(body.get("cart_token"))),
            ("email", email), ("customer", optional_identity(customer.get("id"))), ("since", at.isoformat()),
            ("phone", shopper.recipient.number if shopper.recipient else None), (IN_LINK, CODE_IN_LINK),
        ) if value})


def deleted(body: Mapping[str, Any], installation: Installation, said: Any) -> Event:
    """`checkouts/delete`: its body names little more than the id, and no moment of its own."""
    at = moment(body.get("updated_at")) or moment(said)
    if at is None:
        raise Unreadable("shopify_field_missing", field="updated_at")
    return Event(kind=Kind.CART, key=key_of(identity(body.get("id"))), at=at, closed=Closed.DELETED)


def from_answer(node: Mapping[str, Any], installation: Installation, known: Mapping[str, Any] = NOTHING) -> Event:
    """A cart as `abandonedCheckouts` shows it; `known` is the `private` of what we have of it. Raises `Unreadable`."""
    at, created = moment(node.get("updatedAt")), moment(node.get("createdAt"))
    if at is None or created is None:
        raise Unreadable("shopify_field_missing", field="updatedAt")
    checkout = identity(node.get("id"))
    customer = mapping(node.get("customer"))
    shopper = asked_buyer(node, installation, text(known.get("phone")))
    shown = mapping(mapping(node.get("totalPriceSet")).get("presentmentMoney"))
    lines = mappings(node.get("lineItems"))
    items = [line_of(text(one.get("title")), one.get("quantity"), None, text(one.get("variantTitle")))
             for one in lines]
    completed = moment(node.get("completedAt"))
    closed = Closed.DONE if completed else None if lines else Closed.CANCELLED
    known_as_of = max(at, completed) if completed else at - POSTED_FIRST
    if shopper.recipient is None:
        if closed is not None:
            # Only that: whose it was is what was posted of it.
            return Event(kind=Kind.CART, key=key_of(checkout), at=known_as_of, closed=closed)
        known_as_of = created - POSTED_FIRST
    return Event(
        kind=Kind.CART, key=key_of(checkout), at=known_as_of, closed=closed, start=at, zone=installation.zone,
        recipient=shopper.recipient, trouble=shopper.trouble, evidence=shopper.evidence,
        values=_values(
            sum_of(shown.get("amount"), text(shown.get("currencyCode"))), items, text(node.get("abandonedCheckoutUrl")),
            text(node.get("name")),
            first_name(customer, node.get("shippingAddress"), node.get("billingAddress")),
            language_of(text(customer.get("locale")))),
        booked_at=created, subject=subject_of(customer), email=text(known.get("email")) or None,
        private={**known, **{name: value for name, value in (
            ("checkout", checkout), ("customer", optional_identity(customer.get("id"))), ("since", at.isoformat()),
            ("phone", shopper.recipient.number if shopper.recipient else None), (IN_LINK, CODE_IN_LINK),
        ) if value}})


def _values(total: Mapping[str, Any] | None, items: list[dict[str, Any] | None], link: str, number: str, name: Any,
            language: str | None) -> dict[str, Any]:
    said = {
        "total": total, "items": [one for one in items if one],
        "link": link if link.startswith("https://") else None, "number": number.lstrip("#") or None,
        "first_name": text(name)[:60] or None, "language": language,
    }
    return {key: value for key, value in said.items() if value is not None}
