"""A shop's rows as carts and orders: ids that point to other tables, hours without a zone, sums with six decimals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Installation
from core.domain.events import Closed, Event, Kind
from core.domain.loose import number
from core.domain.shoppers import Shopper, Written, email_of, line_of, rounded_sum, whose

# The states that PrestaShop itself names, whatever number a shop gave them; its own names of them are free.
NAMED: Mapping[str, str] = {
    "PS_OS_PAYMENT": "paid", "PS_OS_WS_PAYMENT": "paid", "PS_OS_PREPARATION": "preparing", "PS_OS_SHIPPING": "shipped",
    "PS_OS_DELIVERED": "delivered", "PS_OS_CANCELED": "cancelled", "PS_OS_REFUND": "refunded", "PS_OS_ERROR": "failed",
    "PS_OS_BANKWIRE": "waiting", "PS_OS_CHEQUE": "waiting", "PS_OS_COD_VALIDATION": "confirmed",
}
NOT_ORDERED = frozenset({"cancelled", "failed"})


@dataclass(frozen=True, slots=True)
class Tables:
    """What the rows of carts and orders point to, by id."""

    customers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    addresses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    countries: Mapping[str, str] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)


def cart_of(row: Mapping[str, Any], tables: Tables, installation: Installation, zone: ZoneInfo, *, ordered: bool,
            known: Sequence[str] | None) -> Event | None:
    """A cart, or None for one of which nobody knows whose it is. `known` is (`contents_of`, moment) as it was last
    seen: a shopper who only signs in moves the row's date and not the cart."""
    key, at = number(row.get("id")), moment(row.get("date_upd"), zone)
    customer = tables.customers.get(number(row.get("id_customer")) or "")
    shopper = _buyer(row, tables, installation)
    if key is None or at is None or (customer is None and shopper.recipient is None):
        return None
    rows = rows_of(row, "cart_rows")
    start = at
    if known and len(known) == 2 and known[0] == contents_of(row):
        start = min(at, datetime.fromisoformat(known[1]))
    items = [line_of(tables.products.get(number(one.get("id_product")) or "", ""), one.get("quantity")) for one in rows]
    closed = Closed.DONE if ordered else None if rows else Closed.CANCELLED
    values = {"items": [one for one in items if one], **_person(customer, row, tables)}
    return Event(
        kind=Kind.CART, key=f"cart/{key}", at=at, closed=closed, start=start, zone=installation.zone,
        recipient=shopper.recipient, trouble=shopper.trouble, evidence=shopper.evidence,
        values={name: value for name, value in values.items() if value}, booked_at=moment(row.get("date_add"), zone),
        subject=_subject(row), email=email_of((customer or {}).get("email")),
        private={"cart": key, "customer": number(row.get("id_customer")) or "", "since": start.isoformat(),
                 "contents": contents_of(row)})


def order_of(row: Mapping[str, Any], tables: Tables, installation: Installation, zone: ZoneInfo) -> Event | None:
    """An order; None for a row that is none."""
    key, at = number(row.get("id")), moment(row.get("date_upd"), zone)
    placed = moment(row.get("date_add"), zone) or at
    if key is None or at is None:
        return None
    customer = tables.customers.get(number(row.get("id_customer")) or "")
    shopper = _buyer(row, tables, installation)
    state, cart = number(row.get("current_state")) or "0", number(row.get("id_cart"))
    items = [line_of(str(one.get("product_name") or ""), one.get("product_quantity"))
             for one in rows_of(row, "order_rows")]
    values = {
        "number": str(row.get("reference") or key)[:40], "status": tables.states.get(state, f"state-{state}"),
        "total": rounded_sum(row.get("total_paid"), tables.currencies.get(number(row.get("id_currency")) or "", "")),
        "items": [one for one in items if one], "tracking": str(row.get("shipping_number") or "")[:60],
        **_person(customer, row, tables)}
    return Event(
        kind=Kind.ORDER, key=f"order/{key}", at=at, start=placed, zone=installation.zone, recipient=shopper.recipient,
        trouble=shopper.trouble, evidence=shopper.evidence, booked_at=placed,
        values={name: value for name, value in values.items() if value}, private={"order": key}, subject=_subject(row),
        email=email_of((customer or {}).get("email")), closes=(f"cart/{cart}",) if cart else ())


def states_of(states: Sequence[Mapping[str, Any]], named: Mapping[str, str]) -> dict[str, str]:
    """State id → our word: by PrestaShop's own configuration where the key may read it, else by the state's flags."""
    words = {}
    for one in states:
        key = number(one.get("id"))
        if key is not None:
            flags = {name for name in ("shipped", "paid") if str(one.get(name)) == "1"}
            words[key] = "shipped" if "shipped" in flags else "paid" if "paid" in flags else f"state-{key}"
    return {**words, **named}


def contents_of(row: Mapping[str, Any]) -> str:
    """Stands for what a cart holds."""
    lines = sorted([number(one.get(name)) or "" for name in ("id_product", "id_product_attribute", "quantity")]
                   for one in rows_of(row, "cart_rows"))
    return hashlib.blake2b(json.dumps(lines).encode(), digest_size=6).hexdigest()


def rows_of(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The lines of a cart or an order; one alone, none, and many come in different shapes."""
    found: Any = row.get("associations")
    found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        found = found.get(name.removesuffix("s"), [])
    if isinstance(found, Mapping):
        found = [found]
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def moment(value: Any, zone: ZoneInfo) -> datetime | None:
    """`2026-11-22 10:00:00` on the shop's wall, in UTC."""
    if not isinstance(value, str) or value.startswith("0000"):
        return None
    try:
        found = datetime.fromisoformat(value).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if 1970 <= found.year <= 2200 else None


def wall(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def name_of(value: Any) -> str:
    """A name, or the first of its translations."""
    if isinstance(value, list):
        value = next((one.get("value") for one in value if isinstance(one, Mapping) and one.get("value")), "")
    return value if isinstance(value, str) else ""


def _buyer(row: Mapping[str, Any], tables: Tables, installation: Installation) -> Shopper:
    written = []
    for place in ("id_address_delivery", "id_address_invoice"):
        address = tables.addresses.get(number(row.get(place)) or "")
        if address and str(address.get("deleted", "0")) != "1":
            country = tables.countries.get(number(address.get("id_country")) or "")
            # Many themes have one field only, and then it is not the mobile's.
            written += [Written(f"{place}.{name}", str(address.get(name) or ""), country)
                        for name in ("phone_mobile", "phone")]
    return whose(written, installation.country, installation.own_numbers)


def _person(customer: Mapping[str, Any] | None, row: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    first, last = (str((customer or {}).get(name) or "").strip() for name in ("firstname", "lastname"))
    return {"first_name": first[:60], "name": f"{first} {last}".strip()[:100],
            "language": tables.languages.get(number(row.get("id_lang")) or "")}


def _subject(row: Mapping[str, Any]) -> str | None:
    customer = number(row.get("id_customer"))
    return f"customer/{customer}" if customer else None
