"""A stand-in for a PrestaShop webservice on loopback: rows of resources, and the shop's own writing of filters.

    with FakePrestaShop() as fake:
        fake.cart(7, customer=3, rows=2)
        fake.order(12, cart=7)

It is strict where the real one is: XML unless JSON is asked for, `[]` for an empty list, filters on dates that do
nothing without `date=1`, 401 for a wrong key, 405 for a resource that the key may not read.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_XML = {"Content-Type": "text/xml"}


class FakePrestaShop(Vendor):
    """`tables`: resource → id → row. `closed` are resources that the key may not read."""

    def __init__(self, *, tls: bool = False, now: datetime | None = None, zone: str = "Europe/Paris") -> None:
        super().__init__(tls=tls)
        self.now = now or datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
        self.zone = ZoneInfo(zone)
        self.key, self.drops_authorization = KEY, False
        self.closed: set[str] = set()
        self.tables: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in (
            "carts", "orders", "customers", "addresses", "products")}
        self.tables |= {
            "countries": {8: {"id": 8, "iso_code": "FR"}, 3: {"id": 3, "iso_code": "BE"}},
            "currencies": {1: {"id": 1, "iso_code": "EUR"}, 2: {"id": 2, "iso_code": "JPY"}},
            "languages": {1: {"id": 1, "iso_code": "fr"}, 2: {"id": 2, "iso_code": "nl"}},
            "order_states": {number: {"id": number, "paid": paid, "shipped": shipped} for number, paid, shipped in (
                (2, "1", "0"), (3, "1", "0"), (4, "1", "1"), (5, "1", "1"), (6, "0", "0"), (8, "0", "0"),
                (10, "0", "0"), (20, "0", "0"), (21, "1", "1"))},
            "configurations": {number: {"id": number, "name": name, "value": value} for number, (name, value) in
                               enumerate((("PS_TIMEZONE", zone), ("PS_OS_PAYMENT", "2"), ("PS_OS_PREPARATION", "3"),
                                          ("PS_OS_SHIPPING", "4"), ("PS_OS_DELIVERED", "5"), ("PS_OS_CANCELED", "6"),
                                          ("PS_OS_ERROR", "8"), ("PS_OS_BANKWIRE", "10")), 1)}}
        self.customer(3)

    def customer(self, number: int, *, email: str = "zoe@example.net", phone: str = "06 39 98 12 34", mobile: str = "",
                 country: int = 8) -> None:
        """A customer with one address, both of that number."""
        self.tables["customers"][number] = {"id": number, "email": email, "firstname": "Zoë", "lastname": "Martin",
                                            "newsletter": "1", "optin": "1"}
        self.tables["addresses"][number] = {"id": number, "phone": phone, "phone_mobile": mobile,
                                            "id_country": str(country), "deleted": "0"}

    def cart(self, number: int, *, customer: int = 3, minutes: float = 0, rows: int = 1, lang: int = 1) -> None:
        """A cart is begun, or saved again `minutes` after `now`."""
        known = self.tables["carts"].get(number, {})
        self.tables["products"][11] = {"id": 11, "name": [{"id": "1", "value": "Théière"}, {"id": "2", "value": "T"}]}
        self.tables["carts"][number] = {
            "id": number, "id_customer": str(customer), "id_guest": "5", "id_address_delivery": str(customer),
            "id_address_invoice": "0", "id_currency": "1", "id_lang": str(lang),
            "date_add": known.get("date_add") or self.wall(minutes), "date_upd": self.wall(minutes),
            "associations": {"cart_rows": [{"id_product": "11", "id_product_attribute": str(n), "quantity": "2"}
                                           for n in range(rows)]} if rows else {}}

    def order(self, number: int, *, cart: int = 0, customer: int = 3, minutes: float = 0, placed: float | None = None,
              state: int = 2, total: str = "84.700000", currency: int = 1) -> None:
        known = self.tables["orders"].get(number, {})
        self.tables["orders"][number] = {
            "id": number, "id_cart": str(cart), "id_customer": str(customer), "id_address_delivery": str(customer),
            "id_address_invoice": str(customer), "id_currency": str(currency), "id_lang": "1",
            "reference": f"REF{number}",
            "current_state": str(state), "total_paid": total, "shipping_number": "",
            "date_add": known.get("date_add") or self.wall(minutes if placed is None else placed),
            "date_upd": self.wall(minutes),
            "associations": {"order_rows": [{"product_name": "Théière", "product_quantity": "2"}]}}

    def wall(self, minutes: float) -> str:
        return (self.now + timedelta(minutes=minutes)).astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    # what the adapter sees

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        given = None if self.drops_authorization else seen.headers.get("authorization")
        named = base64.b64decode(given[6:]).decode() if given and given.startswith("Basic ") else ""
        if named != f"{self.key}:" and query.get("ws_key") != self.key:
            return status(401, b"401 Unauthorized", _XML)
        resource = place.path.removeprefix("/api/")
        if not place.path.startswith("/api/") or resource not in self.tables:
            return status(404, b"<html>", _XML)
        if resource in self.closed:
            return status(405, b'<?xml version="1.0"?><prestashop><errors/></prestashop>', _XML)
        if query.get("output_format") != "JSON":
            return ok(b"<?xml version='1.0'?><prestashop/>", headers=_XML)
        found = self._found(resource, query)
        return ok({resource: found} if found else [])

    def _found(self, resource: str, query: dict[str, str]) -> list[dict[str, Any]]:
        found = [row for _, row in sorted(self.tables[resource].items())]
        for name, value in query.items():
            if name.startswith("filter["):
                field = name[7:-1]
                if field.startswith("date_") and query.get("date") != "1":
                    continue
                found = [row for row in found if _fits(str(row.get(field, "")), value)]
        first, _, count = query.get("limit", "").rpartition(",")
        if count:
            begin = int(first or 0)
            found = found[begin:begin + int(count)]
        fields = query.get("display", "")
        if fields == "full":
            return found
        names = fields.strip("[]").split(",") if fields else ["id"]
        assert all(name in row for row in found for name in names), f"{resource} has no {names}"
        return [{name: row[name] for name in names} for row in found]


def _fits(there: str, wanted: str) -> bool:
    inside = wanted.removeprefix("[").removesuffix("]")
    if "," in inside:
        low, _, high = inside.partition(",")
        return low <= there <= high
    return there in inside.split("|")
