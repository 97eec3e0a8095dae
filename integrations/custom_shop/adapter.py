"""custom_shop: a small signed JSON that any shop can post when a cart, an order or a consent changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from core.contract import (
    Box,
    Configured,
    ConsentWord,
    Deed,
    Demonstrates,
    Erasure,
    Inbound,
    Installation,
    Manifest,
    NamesCodes,
    Pushes,
    Reading,
    Reply,
    SharedSecret,
    ShowsBox,
)
from core.domain.carts import counts
from core.domain.errors import BadInput, NotAuthentic
from core.domain.events import Closed, Event, Kind
from core.domain.recipients import Recipient
from core.domain.shoppers import Shopper, Written, language_of, whose
from integrations.custom_shop import demo, signing
from integrations.custom_shop.said import MOST_ITEMS, Place

_STATUS = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z", re.ASCII)
_ID = re.compile(r"[!-~]{1,80}\Z", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


class CustomShop(Pushes, ShowsBox, NamesCodes, Demonstrates):
    """A shop of one's own: PHP, JavaScript, Python, anything that can sign and post."""

    manifest = Manifest(
        slug="custom_shop", name="Boutique sur mesure", kinds=frozenset({Kind.CART, Kind.ORDER}),
        auth=(SharedSecret(signing.SIGNATURE),),
    )  # fmt: skip
    box = Box(
        {"fr": "J'accepte que la boutique me rappelle mon panier et m'envoie ses offres par SMS. Je peux arrêter à "
               "tout moment en répondant STOP.",
         "en": "The shop may remind me of my basket and send me offers by text message. I can stop at any time by "
               "answering STOP."},
        {"fr": "Sous le numéro de téléphone, à l'étape du paiement.",
         "en": "Below the telephone number, at the checkout."},
        {"fr": "Votre boutique affiche la case, et envoie la phrase et la page avec le panier quand elle est cochée.",
         "en": "Your shop shows the box, and sends the sentence and the page with the basket when it is ticked."})
    codes = {"fr": "Votre boutique envoie le code de la personne avec son panier (champ « code »).",
             "en": "Your shop sends the person's code with the basket (field “code”)."}

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """`{}`; or `zone`, `country` of the shop, and a `signing_secret` of its own (32 characters at least)."""
        for name in config:
            if name not in ("zone", "country", "signing_secret"):
                raise BadInput("custom_shop_unknown_field", pointer=f"/{name}", name=name[:40],
                               known="zone, country, signing_secret")  # fmt: skip
        secret, zone, country = config.get("signing_secret"), config.get("zone"), config.get("country")
        if secret is None:
            secret = signing.new_secret()
        if not isinstance(secret, str) or not signing.LEAST_SECRET <= len(secret) <= 200 or not secret.isascii():
            raise BadInput("custom_shop_secret_short", pointer="/signing_secret", least=signing.LEAST_SECRET)
        if zone is not None and (not isinstance(zone, str) or zone not in available_timezones()):
            raise BadInput("zone_unknown", pointer="/zone", zone=str(zone)[:40])
        if country is not None and (not isinstance(country, str) or not _COUNTRY.match(country)):
            raise BadInput("country_unknown", pointer="/country", text=str(country)[:20])
        shown = {name: value for name, value in (("zone", zone), ("country", country)) if value}
        return Configured(shown, {"signing_secret": secret}, zone=zone, country=country)

    def played(self, installation: Installation, now: datetime) -> Sequence[Deed]:
        return demo.fortnight(installation, now)

    def verify(self, request: Inbound, installation: Installation) -> None:
        secret = installation.secrets.get("signing_secret")
        if not isinstance(secret, str) or not secret:
            raise NotAuthentic("this shop has no signing secret")
        signing.check(secret, request)

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        """Raises `Unreadable` with a JSON pointer."""
        body = Place.of_body(request.body)
        kind = body.at("type").text(40, needed=True)
        read = _TYPES.get(kind)
        if read is None:
            body.at("type").wrong("custom_shop_type", text=kind, known=", ".join(_TYPES))
        body.known("id", "type", "at", read.part)
        delivery = body.at("id").text(80, needed=True)
        if not _ID.match(delivery):
            body.at("id").wrong("custom_shop_id", text=delivery[:40])
        at = body.at("at").moment()
        if at is None:
            body.at("at").wrong("custom_shop_field_needed")
        # Of a moment that is still to come nothing newer could be said until then; a clock that is a little fast still
        # says what came after what.
        at = at if at <= request.received_at + signing.FRESH else request.received_at
        part = body.at(read.part)
        if part.missing:
            part.wrong("custom_shop_field_needed")
        said = read.read(part, at, installation)
        # A yes is none before it is heard: a no that comes at once would be the older one.
        consents = tuple(replace(one, at=min(one.at, request.received_at)) for one in said.consents)
        answer = json.dumps({"received": delivery, "type": kind}).encode()
        return Reading(
            events=said.events, consents=consents, erasures=said.erasures, delivery=delivery,
            reply=Reply(200, answer, "application/json"),
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------- each type


def _cart(cart: Place, at: datetime, installation: Installation) -> Reading:
    cart.known("id", "customer", "total", "currency", "items", "link", "code", "consent")
    buyer = _buyer(cart.at("customer"), installation)
    items = _items(cart)
    event = Event(
        Kind.CART, f"cart/{_identity(cart.at('id'))}", at, Closed.DELETED if cart.value.get("items") == [] else None,
        zone=installation.zone, recipient=buyer.found.recipient, trouble=buyer.found.trouble,
        evidence=buyer.found.evidence, subject=buyer.subject, email=buyer.email,
        values=_values(_priced(cart), items=items, link=cart.at("link").link(), code=cart.at("code").text(40),
                       **buyer.values),
    )  # fmt: skip
    return Reading((event,), consents=_agreed(cart.at("consent"), buyer, at))


def _emptied(cart: Place, at: datetime, installation: Installation) -> Reading:
    cart.known("id")
    return Reading((Event(Kind.CART, f"cart/{_identity(cart.at('id'))}", at, Closed.DELETED),))


def _order(order: Place, at: datetime, installation: Installation) -> Reading:
    order.known("id", "number", "status", "placed_at", "cart", "customer", "total", "currency", "items", "link",
                "tracking_link", "codes", "click", "consent")  # fmt: skip
    buyer = _buyer(order.at("customer"), installation)
    status = order.at("status").text(40, needed=True)
    if not _STATUS.match(status):
        order.at("status").wrong("custom_shop_status", text=status)
    name = _identity(order.at("id"))
    codes = [one.text(40, needed=True) for one in order.at("codes").all(20)]
    placed = order.at("placed_at").moment()
    if placed is None:
        order.at("placed_at").wrong("custom_shop_field_needed")
    cart = order.at("cart")
    event = Event(
        Kind.ORDER, f"order/{name}", at, start=placed, booked_at=placed, zone=installation.zone,
        recipient=buyer.found.recipient, trouble=buyer.found.trouble, evidence=buyer.found.evidence,
        subject=buyer.subject, email=buyer.email,
        values=_values(_priced(order), items=_items(order), status=status, codes=codes,
                       number=order.at("number").text(40) or name, link=order.at("link").link(),
                       tracking_link=order.at("tracking_link").link(), click=order.at("click").text(40),
                       **buyer.values),
    )  # fmt: skip
    if not cart.missing and counts(event):
        event = replace(event, closes=(f"cart/{_identity(cart)}",))
    # The box is ticked before the order is placed: an order that changes later is no new yes.
    return Reading((event,), consents=_agreed(order.at("consent"), buyer, min(placed, at)))


def _given(consent: Place, at: datetime, installation: Installation) -> Reading:
    consent.known("customer", "text", "place", "at")
    buyer = _buyer(consent.at("customer"), installation)
    return Reading(consents=(_word(consent, buyer, at),))


def _withdrawn(consent: Place, at: datetime, installation: Installation) -> Reading:
    consent.known("customer", "scope", "at")
    buyer = _buyer(consent.at("customer"), installation)
    scope = consent.at("scope").text(20) or "marketing"
    if scope not in ("marketing", "all"):
        consent.at("scope").wrong("custom_shop_scope", text=scope)
    if buyer.found.recipient is None and buyer.subject is None:
        consent.at("customer").wrong("custom_shop_nobody")
    said_at = consent.at("at").moment() or at
    number = buyer.found.recipient.number if buyer.found.recipient else None
    return Reading(consents=(ConsentWord(False, said_at, scope, number, buyer.subject, {"place": "shop"}),))


def _erased(customer: Place, at: datetime, installation: Installation) -> Reading:
    buyer = _buyer(customer, installation)
    number = buyer.found.recipient.number if buyer.found.recipient else None
    if number is None and buyer.subject is None and buyer.email is None:
        customer.wrong("custom_shop_nobody")
    return Reading(erasures=(Erasure(buyer.subject, number, buyer.email),))


@dataclass(frozen=True, slots=True)
class _Type:
    part: str
    read: Callable[[Place, datetime, Installation], Reading]


_TYPES: Mapping[str, _Type] = {
    "cart.updated": _Type("cart", _cart),
    "cart.emptied": _Type("cart", _emptied),
    "order.created": _Type("order", _order),
    "order.updated": _Type("order", _order),
    "consent.given": _Type("consent", _given),
    "consent.withdrawn": _Type("consent", _withdrawn),
    "customer.erased": _Type("customer", _erased),
}


# ---------------------------------------------------------------------------------------------- pieces


@dataclass(frozen=True, slots=True)
class _Buyer:
    found: Shopper
    subject: str | None
    email: str | None
    values: Mapping[str, Any]


def _buyer(customer: Place, installation: Installation) -> _Buyer:
    """Whose it is. A guest has no `id`, a cart may not know anybody yet."""
    if not customer.missing:
        customer.known("id", "phone", "country", "email", "name", "first_name", "language")
    country = customer.at("country").text(2)
    if country and not _COUNTRY.match(country):
        customer.at("country").wrong("country_unknown", text=country)
    phone, email = customer.at("phone").text(40), customer.at("email").text(254).lower()
    if email and ("@" not in email or " " in email):
        customer.at("email").wrong("custom_shop_email", text=email[:60])
    spoken = customer.at("language").text(10)
    language = language_of(spoken)
    if spoken and language is None:
        customer.at("language").wrong("custom_shop_language", text=spoken)
    name = customer.at("id").text(80)
    return _Buyer(
        whose([Written("phone", phone, country or None)], installation.country, installation.own_numbers),
        f"customer/{name}" if name else None,
        email or None,
        {"name": customer.at("name").text(120), "first_name": customer.at("first_name").text(60),
         "language": language},
    )  # fmt: skip


def _identity(place: Place) -> str:
    said = place.text(80, needed=True)
    if not _ID.match(said):
        place.wrong("custom_shop_id", text=said[:40])
    return said


def _priced(part: Place) -> dict[str, int | str] | None:
    currency = _currency(part)
    if part.at("total").missing:
        return None
    if not currency:
        part.at("currency").wrong("custom_shop_field_needed")
    return part.at("total").amount(currency)


def _currency(part: Place) -> str:
    currency = part.at("currency").text(3)
    if currency and not _CURRENCY.match(currency):
        part.at("currency").wrong("currency_unknown", text=currency)
    return currency


def _items(part: Place) -> list[dict[str, Any]]:
    currency, found = _currency(part), []
    for one in part.at("items").all(MOST_ITEMS):
        one.known("name", "quantity", "price")
        quantity = one.at("quantity").value
        if quantity is not None and (type(quantity) is not int or not 1 <= quantity <= 10**6):
            one.at("quantity").wrong("custom_shop_quantity")
        price = one.at("price").amount(currency) if currency else None
        found.append({"name": one.at("name").text(200, needed=True), "quantity": quantity or 1,
                      **({"price": price} if price else {})})  # fmt: skip
    return found


def _values(total: dict[str, int | str] | None, **said: Any) -> dict[str, Any]:
    """What texts may name; what the shop did not say is left out, so that a fallback in the text can speak."""
    return {name: value for name, value in {"total": total, **said}.items() if value not in (None, "", [])}


def _agreed(consent: Place, buyer: _Buyer, at: datetime) -> tuple[ConsentWord, ...]:
    """The box in the checkout that the person ticked. Not ticking it is no refusal, and is not posted."""
    if consent.missing:
        return ()
    consent.known("text", "place", "at")
    return (_word(consent, buyer, at),)


def _word(consent: Place, buyer: _Buyer, at: datetime) -> ConsentWord:
    recipient: Recipient | None = buyer.found.recipient
    if recipient is None:
        consent.wrong("custom_shop_consent_nobody")
    said_at = consent.at("at").moment() or at
    proof = {
        "text": consent.at("text").text(2000, needed=True),
        "place": consent.at("place").text(500, needed=True),
        "moment": said_at.isoformat(),
    }
    return ConsentWord(True, said_at, "marketing", recipient.number, buyer.subject, proof)
