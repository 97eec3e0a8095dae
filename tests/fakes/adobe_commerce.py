"""A stand-in for an Adobe Commerce (Magento 2) shop on loopback: its REST API, searched in its own words.

    with FakeAdobeCommerce() as fake:
        fake.quote(77, email="zoe@example.net", phone="06 39 98 12 34")
        fake.place(12, quote=77)

Each request must be signed with OAuth 1.0a (a nonce is good once); a page past the last one repeats it, as the real one
does, and `total_count` is all that says where the end is.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

KEYS = {"consumer_key": "consumer-key-0000000000000001", "consumer_secret": "consumer-secret-000000000000001",
        "access_token": "access-token-0000000000000001", "access_token_secret": "token-secret-0000000000000001"}


class FakeAdobeCommerce(Vendor):
    """`quotes`, `orders`, `shipments` by id as REST shows them; `closed` are resources that the integration lacks."""

    def __init__(self, *, now: datetime | None = None) -> None:
        super().__init__()
        self.now = now or datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
        self.keys = dict(KEYS)
        self.bearer = False
        self.closed: set[str] = set()
        self.quotes: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.shipments: dict[int, dict[str, Any]] = {}
        self.totals: dict[int, dict[str, Any]] = {}
        self._nonces: set[str] = set()

    def quote(self, number: int, *, minutes: float = 0, email: str | None = "zoe@example.net",
              phone: str | None = "06 39 98 12 34", country: str = "FR", lines: int = 1, customer: int | None = None,
              active: bool = True, total: Any = 84.7, currency: str = "EUR", **given: Any) -> None:
        """A cart is begun, or saved again `minutes` after `now`."""
        known = self.quotes.get(number, {})
        self.totals[number] = {"grand_total": total, "quote_currency_code": currency}
        self.quotes[number] = {
            "id": number, "created_at": known.get("created_at") or self.utc(minutes), "updated_at": self.utc(minutes),
            "is_active": active, "items_count": lines,
            "items": [{"item_id": n, "sku": f"TEA-{n}", "qty": 2, "name": "Théière", "price": 39.9}
                      for n in range(lines)],
            "customer": {"id": customer, "email": email, "firstname": "Zoë"} if customer else {
                "email": None, "firstname": None},
            "billing_address": {"email": None if customer else email, "firstname": "Zoë", "telephone": phone,
                                "country_id": country}, "customer_is_guest": customer is None, **given}

    def place(self, number: int, *, quote: int = 0, minutes: float = 0, placed: float | None = None,
              state: str = "processing", email: str = "zoe@example.net", phone: str = "06 39 98 12 34",
              customer: int | None = None, total: Any = 84.7, currency: str = "EUR", **given: Any) -> None:
        """An order is placed, or changes."""
        known = self.orders.get(number, {})
        self.orders[number] = {
            "entity_id": number, "increment_id": f"00000{number}", "quote_id": quote, "state": state, "status": state,
            "customer_email": email, "customer_id": customer, "customer_firstname": "Zoë", "grand_total": total,
            "order_currency_code": currency, "created_at": known.get("created_at") or self.utc(
                minutes if placed is None else placed), "updated_at": self.utc(minutes),
            "billing_address": {"telephone": phone, "country_id": "FR", "firstname": "Zoë"},
            "items": [{"name": "Théière", "qty_ordered": 2}, {"name": "Théière bleue", "parent_item_id": 1}], **given}

    def utc(self, minutes: float) -> str:
        return (self.now + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")

    # what the adapter sees

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        if not place.path.startswith("/rest/all/V1/"):
            return status(404, b"<html>")
        if wrong := self._stranger(seen, query):
            return _no(401, wrong)
        path = place.path.removeprefix("/rest/all/V1")
        part = path.strip("/").partition("/")[0]
        if part in self.closed:
            return _no(401, "The consumer isn't authorized to access %resources.")
        if found := re.fullmatch(r"/carts/(\d+)/totals", path):
            total = self.totals.get(int(found[1]))
            return ok(total) if total else _no(404, "No such entity with %fieldName = %fieldValue")
        tables: Mapping[str, tuple[dict[int, dict[str, Any]], str]] = {
            "/carts/search": (self.quotes, "id"), "/orders": (self.orders, "entity_id"),
            "/shipments": (self.shipments, "entity_id")}
        if path not in tables:
            return _no(404, "Request does not match any route.")
        return self._searched(*tables[path], query)

    def _searched(self, table: Mapping[int, dict[str, Any]], key: str, query: Mapping[str, str]) -> Step:
        groups: dict[str, dict[str, dict[str, str]]] = {}
        for name, value in query.items():
            place = re.fullmatch(
                r"searchCriteria\[filter_groups]\[(\d+)]\[filters]\[(\d+)]\[(field|value|condition_type)]", name)
            if place:
                groups.setdefault(place[1], {}).setdefault(place[2], {})[place[3]] = value
        found = [row for _, row in sorted(table.items()) if all(
            any(_fits(row.get(key if one["field"] == "entity_id" else one["field"]), one) for one in group.values())
            for group in groups.values())]
        size, page = int(query["searchCriteria[pageSize]"]), int(query["searchCriteria[currentPage]"])
        last = max(1, -(-len(found) // size))
        page = min(page, last)
        return ok({"items": found[(page - 1) * size:page * size], "search_criteria": {}, "total_count": len(found)})

    def _stranger(self, seen: Seen, query: Mapping[str, str]) -> str:
        given = seen.headers.get("authorization", "")
        if given.startswith("Bearer "):
            fits = self.bearer and given == f"Bearer {self.keys['access_token']}"
            return "" if fits else "The consumer isn't authorized."
        oauth = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', given)}
        if oauth.get("oauth_consumer_key") != self.keys["consumer_key"] or oauth.get(
                "oauth_token") != self.keys["access_token"]:
            return "A consumer with that key does not exist."
        pairs = sorted((_enc(name), _enc(value)) for name, value in {**query, **oauth}.items()
                       if name != "oauth_signature")
        address = self.url + urlsplit(seen.path).path
        message = f"{seen.method}&{_enc(address)}&{_enc('&'.join(f'{name}={value}' for name, value in pairs))}"
        key = f"{self.keys['consumer_secret']}&{self.keys['access_token_secret']}"
        if base64.b64encode(hmac.digest(key.encode(), message.encode(), "sha256")).decode() != oauth["oauth_signature"]:
            return "The signature is invalid. Verify and try again."
        if oauth["oauth_nonce"] in self._nonces:
            return "The nonce is already being used by the consumer with the ID %consumer_id."
        self._nonces.add(oauth["oauth_nonce"])
        return ""


def _fits(there: Any, wanted: Mapping[str, str]) -> bool:
    how, value = wanted.get("condition_type", "eq"), wanted["value"]
    if how == "in":
        return str(there) in value.split(",")
    if how == "gteq":
        return there is not None and str(there) >= value
    return str(there) == value


def _no(number: int, message: str) -> Step:
    return status(number, {"message": message, "parameters": {"resources": "Magento_Sales::sales"}})


def _enc(text: str) -> str:
    return quote(text, safe="~")
