"""A quote as a cart, an order as an order: moments are UTC, guests are empty shells, sums are numbers of JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.contract import Installation
from core.domain.events import Closed, Event, Kind
from core.domain.loose import mapping, mappings, number, text
from core.domain.shoppers import Shopper, Written, email_of, line_of, rounded_sum, whose


def cart_of(row: Mapping[str, Any], installation: Installation, known: Sequence[Any] | None,
            total: dict[str, int | str] | None) -> Event | None:
    """A quote, or None for one of which nobody knows whose it is. `known` is (`contents_of`, moment, total) as it was
    last seen: a page that recounts a quote moves its date and not the cart."""
    key, at = number(row.get("id")), changed_at(row)
    customer, billing = mapping(row.get("customer")), mapping(row.get("billing_address"))
    email = email_of(customer.get("email")) or email_of(billing.get("email"))
    shopper = buyer(row, installation)
    if key is None or at is None or (email is None and shopper.recipient is None):
        return None
    items = mappings(row.get("items"))
    start = at
    if known and len(known) == 3 and known[0] == contents_of(row):
        start = min(at, datetime.fromisoformat(known[1]))
    lines = [line_of(text(one.get("name")), one.get("qty"), None) for one in items]
    ordered = row.get("is_active") in (False, 0, "0")
    closed = Closed.DONE if ordered else None if items else Closed.CANCELLED
    values = {"items": [one for one in lines if one], "total": total,
              "first_name": (text(customer.get("firstname")) or text(billing.get("firstname")))[:60]}
    subject = number(customer.get("id"))
    return Event(
        kind=Kind.CART, key=f"cart/{key}", at=at, closed=closed, start=start, zone=installation.zone,
        recipient=shopper.recipient, trouble=shopper.trouble, evidence=shopper.evidence,
        values={name: value for name, value in values.items() if value}, booked_at=moment(row.get("created_at")),
        subject=f"customer/{subject}" if subject else None, email=email,
        private={"cart": key, "email": email or "", "since": start.isoformat(), "contents": contents_of(row)})


def order_of(
    row: Mapping[str, Any], installation: Installation, parcel: Mapping[str, Any] | None = None
) -> Event | None:
    """An order; None for a row that is none. `status` is its state, since a shop names its statuses as it likes."""
    key, at = number(row.get("entity_id")), moment(row.get("updated_at")) or moment(row.get("created_at"))
    placed = moment(row.get("created_at")) or at
    state = text(row.get("state"))
    if key is None or at is None or not state:
        return None
    shopper = buyer(row, installation)
    billing = mapping(row.get("billing_address"))
    quote, customer = number(row.get("quote_id")), number(row.get("customer_id"))
    lines = [line_of(text(one.get("name")), one.get("qty_ordered"), None) for one in mappings(row.get("items"))
             # A configurable product comes with the simple one that it became.
             if not one.get("parent_item_id")]
    values = {
        "number": text(row.get("increment_id"))[:40] or key, "status": state[:40],
        "total": rounded_sum(row.get("grand_total"), text(row.get("order_currency_code"))),
        "items": [one for one in lines if one], "codes": [text(row.get("coupon_code"))] if text(
            row.get("coupon_code")) else [],
        "first_name": (text(row.get("customer_firstname")) or text(billing.get("firstname")))[:60],
        "tracking": text((parcel or {}).get("track_number"))[:60], "carrier": text((parcel or {}).get("title"))[:60]}
    return Event(
        kind=Kind.ORDER, key=f"order/{key}", at=at, start=placed, zone=installation.zone, recipient=shopper.recipient,
        trouble=shopper.trouble, evidence=shopper.evidence, booked_at=placed,
        values={name: value for name, value in values.items() if value}, private={"order": key},
        subject=f"customer/{customer}" if customer else None,
        email=email_of(row.get("customer_email")) or email_of(billing.get("email")),
        closes=(f"cart/{quote}",) if quote else ())


def buyer(row: Mapping[str, Any], installation: Installation) -> Shopper:
    """Where the parcel goes first, then the bill, then what the customer's record has."""
    written = []
    assignments = mappings(mapping(row.get("extension_attributes")).get("shipping_assignments"))
    places = [("shipping", mapping(mapping(one.get("shipping")).get("address"))) for one in assignments]
    places.append(("billing_address", mapping(row.get("billing_address"))))
    places += [("customer.addresses", one) for one in mappings(mapping(row.get("customer")).get("addresses"))]
    for name, address in places:
        written.append(Written(f"{name}.telephone", text(address.get("telephone")), text(address.get("country_id"))))
    return whose(written, installation.country, installation.own_numbers)


def contents_of(row: Mapping[str, Any]) -> str:
    """Stands for what a quote holds, and whether it is still one."""
    lines = sorted([str(one.get(name) or "") for name in ("sku", "qty")] for one in mappings(row.get("items")))
    return hashlib.blake2b(json.dumps(lines).encode(), digest_size=6).hexdigest()


def changed_at(row: Mapping[str, Any]) -> datetime | None:
    """The later of both: just after its beginning a quote may have no moment of change."""
    found = [at for name in ("created_at", "updated_at") if (at := moment(row.get(name)))]
    return max(found, default=None)


def moment(value: Any) -> datetime | None:
    """`2026-11-22 10:00:00`, which is UTC."""
    if not isinstance(value, str) or value.startswith("0000"):
        return None
    try:
        found = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if 1970 <= found.year <= 2200 else None


