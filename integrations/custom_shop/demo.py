"""A fortnight of a shop that does not exist, as it would post it: carts of every fate, orders, a mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Deed, Inbound, Installation
from core.domain.policy.walltime import at_wall, local
from integrations.custom_shop import signing

DAYS = 14
CONSENT = {
    "text": "J'accepte que Maison Lune me rappelle mon panier et m'envoie ses offres par SMS. Je peux arrêter à tout "
            "moment en répondant STOP.",
    "place": "https://maison-lune.example/paiement",
}  # fmt: skip
# Numbers are Arcep's for fiction; the last four digits say how the simulated phone behaves (0007 answers STOP).
_PEOPLE = (
    ("Ana", "Martin", "0021"), ("Bilal", "Haddad", "0022"), ("Chloé", "Dubois", "0023"), ("David", "Nguyen", "0024"),
    ("Emma", "Leroy", "0025"), ("Farid", "Benali", "0026"), ("Gaëlle", "Petit", "0027"), ("Hugo", "Moreau", "0028"),
    ("Inès", "Garcia", "0029"), ("Jules", "Robert", "0030"), ("Karim", "Amrani", "0031"), ("Léa", "Fontaine", "0032"),
    ("Malo", "Le Gall", "0033"), ("Nina", "Rossi", "0034"), ("Omar", "Diallo", "0035"), ("Paul", "Girard", "0036"),
    ("Rose", "Lambert", "0037"), ("Sami", "Cohen", "0038"), ("Théo", "Blanc", "0039"), ("Ugo", "Ferrari", "0040"),
    ("Vera", "Novak", "0041"), ("Wafa", "Saïdi", "0042"), ("Yann", "Kerbrat", "0043"), ("Zoé", "Lopez", "0044"),
    ("Adèle", "Roy", "0045"), ("Basile", "Meyer", "0046"), ("Clara", "Simon", "0007"), ("Denis", "Perrin", "0047"),
)  # fmt: skip
_GOODS = (
    ("Robe longue en lin", "84.70"), ("Lampe Lune", "49.90"), ("Théière en fonte 0,8 L", "62.00"),
    ("Coussin brodé", "29.50"), ("Plaid en laine mérinos", "119.00"), ("Bougie figuier", "24.00"),
)  # fmt: skip
# What becomes of the carts, one after the other.
_FATES = ("click", "before", "nudged", "no_consent", "after", "emptied", "clicked", "nudged", "no_phone", "click",
          "nudged")  # fmt: skip
_CLOCKS = (time(9, 40), time(12, 25), time(18, 5), time(21, 35))
_STATUSES = (("confirmed", timedelta()), ("shipped", timedelta(hours=20)), ("delivered", timedelta(hours=68)))


@dataclass(frozen=True, slots=True)
class _Cart:
    id: str
    at: datetime
    fate: str
    person: tuple[str, str, str]
    goods: tuple[str, str]

    @property
    def number(self) -> str:
        return f"+3363998{self.person[2]}"


def fortnight(installation: Installation, now: datetime) -> list[Deed]:
    """The deeds of the last `DAYS` days until `now`, oldest first."""
    zone = ZoneInfo(installation.zone)
    today = local(now, zone).date()
    carts = [one for back in range(DAYS, -1, -1) for one in _carts(today - timedelta(days=back), zone)]
    deeds = [deed for one in carts for deed in _story(one, installation)]
    return sorted((deed for deed in deeds if deed.at <= now), key=lambda deed: deed.at)


def _carts(day: date, zone: ZoneInfo) -> Iterator[_Cart]:
    for index, clock in enumerate(_CLOCKS):
        place = day.toordinal() * len(_CLOCKS) + index
        at = at_wall(day, clock, zone) + timedelta(minutes=place * 7 % 23)
        yield _Cart(f"{day:%y%m%d}{index}", at, _FATES[place % len(_FATES)], _PEOPLE[place % len(_PEOPLE)],
                    _GOODS[place % len(_GOODS)])  # fmt: skip


def _story(cart: _Cart, installation: Installation) -> Iterator[Deed]:
    def told(kind: str, after: timedelta, **part: Any) -> Deed:
        at = cart.at + after
        body = {"id": f"{kind}-{cart.id}-{int(after.total_seconds())}", "type": kind, "at": at.isoformat(), **part}
        return Deed(at, _signed(installation, body, at))

    yield told("cart.updated", timedelta(), cart=_content(cart))
    if cart.fate == "nudged" and cart.id.endswith("2"):
        yield told("cart.updated", timedelta(minutes=12), cart=_content(cart))
    if cart.fate == "emptied":
        yield told("cart.emptied", timedelta(minutes=35), cart={"id": cart.id})
    if cart.fate in ("click", "clicked"):
        # Late enough for a message that had to wait for the morning.
        yield Deed(cart.at + timedelta(hours=14, minutes=25), follows=cart.number)
    far = {"click": timedelta(hours=14, minutes=40), "before": timedelta(minutes=25), "after": timedelta(hours=16)}
    ordered = far.get(cart.fate)
    if ordered is not None:
        for status, later in _STATUSES:
            kind = "order.created" if status == "confirmed" else "order.updated"
            yield told(kind, ordered + later, order=_order(cart, status, cart.at + ordered))
    if cart.id.endswith("3") and int(cart.id) % 7 == 0:
        # The developer of the shop has misspelt a field.
        yield told("cart.updated", timedelta(minutes=3), cart={"id": f"{cart.id}x", "totale": "12.00"})


def _content(cart: _Cart) -> dict[str, Any]:
    name, price = cart.goods
    return {
        "id": cart.id, "total": price, "currency": "EUR", "customer": _customer(cart),
        "items": [{"name": name, "quantity": 1, "price": price}],
        "link": f"https://maison-lune.example/panier/{cart.id}",
        **({} if cart.fate in ("no_consent", "no_phone") else {"consent": CONSENT}),
    }  # fmt: skip


def _order(cart: _Cart, status: str, placed: datetime) -> dict[str, Any]:
    name, price = cart.goods
    return {
        "id": cart.id, "number": f"ML-{cart.id}", "status": status, "placed_at": placed.isoformat(), "cart": cart.id,
        "total": price, "currency": "EUR", "customer": _customer(cart),
        "items": [{"name": name, "quantity": 1, "price": price}],
        **({"tracking_link": f"https://suivi.example/{cart.id}"} if status == "shipped" else {}),
    }  # fmt: skip


def _customer(cart: _Cart) -> dict[str, Any]:
    first, last, _ = cart.person
    known = {} if cart.fate == "no_phone" else {"phone": cart.number}
    return {**known, "first_name": first, "name": f"{first} {last}", "language": "fr"}


def _signed(installation: Installation, body: Mapping[str, Any], at: datetime) -> Inbound:
    written = json.dumps(body, ensure_ascii=False).encode()
    stamp = int(at.timestamp())
    proof = signing.sign(str(installation.secrets.get("signing_secret", "")), stamp, written)
    headers = (("Content-Type", "application/json"), (signing.TIMESTAMP, str(stamp)), (signing.SIGNATURE, proof))
    return Inbound("POST", installation.hook_url, headers, written, at)
