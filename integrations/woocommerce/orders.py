"""An order as WooCommerce's REST API shows it, posted or asked, as the event that core hears.

Sums are texts with the shop's decimals, moments come twice (the shop's wall, and `…_gmt`, which alone says when), and
the phone stands as it was typed. A draft is no order: until WooCommerce 10.7 it was a cart that a block checkout held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

from core.contract import ConsentWord, Installation
from core.domain.discounts import IN_LINK
from core.domain.errors import Unreadable
from core.domain.events import Closed, Event, Kind
from core.domain.loose import mapping, mappings, text
from core.domain.shoppers import Shopper, Written, email_of, line_of, sum_of, whose

DRAFT = "checkout-draft"
CODE_IN_LINK = "coupon"
"""By which `checkout_link` takes a code (WooCommerce, Shareable checkout URLs)."""
_STATUS = re.compile(r"[a-z0-9_-]{1,40}")
# `ns/sms-opt-in` of a block checkout, and what plugins and themes of classic ones call it.
_BOX = re.compile(r"(?:_wc_(?:other|billing|shipping)/)?(?:[\w-]+/)?_?(?:billing_)?sms[_-](?:marketing[_-])?opt[_-]?in")
_YES = frozenset({"1", "yes", "true", "on"})


def key_of(order: str) -> str:
    return f"order/{order}"


def draft_key(order: str) -> str:
    return f"cart/draft-{order}"


def from_order(body: Mapping[str, Any], installation: Installation) -> Event | None:
    """The order, or the cart of a draft where such carts are wanted (None where not). Raises `Unreadable`."""
    order = identity(body)
    at = gmt(body.get("date_modified_gmt")) or gmt(body.get("date_created_gmt"))
    created = gmt(body.get("date_created_gmt")) or at
    status = text(body.get("status")).removeprefix("wc-")
    if at is None or created is None or not _STATUS.fullmatch(status):
        raise Unreadable("woocommerce_field_missing", field="status" if at else "date_modified_gmt")
    billing = mapping(body.get("billing"))
    shopper = buyer(body, installation)
    currency = text(body.get("currency"))
    items = [line_of(unescape(text(one.get("name"))), one.get("quantity"), sum_of(one.get("price"), currency))
             for one in mappings(body.get("line_items"))]
    wants_drafts = installation.config.get("carts_from_drafts") is True
    values: dict[str, Any] = {
        "number": str(body.get("number") or order)[:40], "total": sum_of(body.get("total"), currency),
        "items": [one for one in items if one], "first_name": text(billing.get("first_name"))[:60],
        "name": " ".join(filter(None, (text(billing.get("first_name")), text(billing.get("last_name")))))[:100],
    }
    email, subject = email_of(billing.get("email")), subject_of(body)
    private = {"order": order, "email": email, "since": at.isoformat(),
               "phone": shopper.recipient.number if shopper.recipient else None}
    if status == DRAFT:
        if not wants_drafts:
            return None
        # Its number is an order's that may never be.
        site = str(installation.config.get("site", ""))
        values |= {"link": checkout_link(site, body.get("line_items")), "number": ""}
        private[IN_LINK] = CODE_IN_LINK
        return _event(Kind.CART, draft_key(order), at, at, shopper, installation, values, private, subject, email,
                      Closed.CANCELLED if not values["items"] else None)
    values |= {
        "status": status,
        "link": _link(body.get("payment_url")) if body.get("needs_payment") is True else None,
        "codes": [text(one.get("code")) for one in mappings(body.get("coupon_lines")) if text(one.get("code"))],
    }
    return _event(Kind.ORDER, key_of(order), at, created, shopper, installation, values, private, subject, email, None,
                  (draft_key(order),) if wants_drafts else ())


def deleted(body: Mapping[str, Any], at: datetime) -> Event:
    """An order that was binned: all that is said of it is its id."""
    return Event(kind=Kind.ORDER, key=key_of(identity(body)), at=at, closed=Closed.DELETED)


def consent_of(body: Mapping[str, Any], installation: Installation) -> Iterator[ConsentWord]:
    """The box for messages that was ticked at the checkout. One that was left empty is no word: who said yes elsewhere
    has not taken it back."""
    chosen = text(installation.config.get("consent_field"))
    shopper = buyer(body, installation)
    at = gmt(body.get("date_created_gmt"))
    if shopper.recipient is None or at is None:
        return
    for one in mappings(body.get("meta_data")):
        key = text(one.get("key"))
        mine = key == chosen if chosen else _BOX.fullmatch(key) is not None
        if mine and str(one.get("value")).strip().lower() in _YES:
            yield ConsentWord(
                granted=True, at=at, number=shopper.recipient.number, subject=subject_of(body),
                proof={"place": "WooCommerce checkout", "text": str(installation.config.get("consent_text") or key),
                       "field": key, "order": str(body.get("number") or body.get("id"))[:40], "moment": at.isoformat()})
            return


def buyer(body: Mapping[str, Any], installation: Installation) -> Shopper:
    billing, shipping = mapping(body.get("billing")), mapping(body.get("shipping"))
    country = text(billing.get("country")) or text(shipping.get("country"))
    return whose((
        Written("billing.phone", text(billing.get("phone")), country),
        Written("shipping.phone", text(shipping.get("phone")), text(shipping.get("country")) or country),
    ), installation.country, installation.own_numbers)


def subject_of(body: Mapping[str, Any]) -> str | None:
    """`customer/12`; a guest is customer 0."""
    number = body.get("customer_id")
    return f"customer/{number}" if isinstance(number, int) and number > 0 else None


def checkout_link(site: str, lines: Any, code: str = "") -> str | None:
    """The shop's own address that fills an empty cart with these products: `/checkout-link/?products=12:2,13`.

    It empties the visitor's cart first, knows variations and no custom data, and never ends (WooCommerce 10.0 and
    later, with pretty permalinks). None when there is nothing to put back.
    """
    products = []
    for one in mappings(lines):
        number, quantity = one.get("variation_id") or one.get("product_id"), one.get("quantity")
        if isinstance(number, int) and number > 0:
            many = quantity if isinstance(quantity, int) and quantity > 0 else 1
            products.append(f"{number}:{many}" if many != 1 else str(number))
    if not products or not site:
        return None
    query = {"products": ",".join(products), **({"coupon": code} if code else {}), "utm_source": "sms"}
    return f"{site.rstrip('/')}/checkout-link/?{urlencode(query, safe=':,', quote_via=quote)}"


def identity(body: Mapping[str, Any]) -> str:
    number = body.get("id")
    if isinstance(number, bool) or not isinstance(number, int | str) or not str(number).isdigit():
        raise Unreadable("woocommerce_field_missing", field="id")
    return str(int(number))


def gmt(value: Any) -> datetime | None:
    """A moment of a `…_gmt` field: UTC without saying so."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        found = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if 1970 <= found.year <= 2200 else None


def came_of(body: Mapping[str, Any], private: Mapping[str, Any], installation: Installation) -> bool:
    """Whether an order is by the buyer of a cart, after its last change, and came to be."""
    created, since = gmt(body.get("date_created_gmt")), gmt(private.get("since"))
    if created is None or since is None or created < since - timedelta(minutes=1):
        return False
    if text(body.get("status")) in ("failed", "cancelled", DRAFT, "trash"):
        return False
    email = email_of(mapping(body.get("billing")).get("email"))
    shopper = buyer(body, installation)
    same_phone = shopper.recipient is not None and shopper.recipient.number == private.get("phone")
    return same_phone or (email is not None and email == private.get("email"))


def _event(
    kind: Kind, key: str, at: datetime, start: datetime, shopper: Shopper, installation: Installation,
    values: Mapping[str, Any], private: Mapping[str, Any], subject: str | None, email: str | None,
    closed: Closed | None, closes: Sequence[str] = (),
) -> Event:
    return Event(
        kind=kind, key=key, at=at, closed=closed, start=start, zone=installation.zone, recipient=shopper.recipient,
        trouble=shopper.trouble, evidence=shopper.evidence, booked_at=start,
        values={name: value for name, value in values.items() if value},
        private={name: value for name, value in private.items() if value}, subject=subject, email=email,
        closes=tuple(closes))


def _link(value: Any) -> str | None:
    link = text(value)
    return link if link.startswith(("https://", "http://")) and len(link) <= 2000 else None
