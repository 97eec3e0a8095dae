"""Carts and orders: when an order answers a cart, whose turn it is to be nudged, and who is left out to measure.

A cart is a message that nobody called off: each change moves it, an order by the same person ends it. Whether somebody
has ordered is worked out from what is known of the orders each time, and never remembered: so late, doubled and
shuffled words about carts and orders end the same, and an order that fails gives the cart its chance back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from core.domain.errors import BadInput
from core.domain.events import Closed, Event, Kind
from core.domain.messages import MessageClass
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.rules import Rule
from core.domain.text.price import decimals_of
from core.domain.when import OnChange

ORDER_SETTLES = timedelta(minutes=2)
"""A shop empties and recounts a cart while it takes the order: what changes so shortly after belongs to the order."""
CONTROL_PERCENT = 10
MOST_CONTROL = 50
CONTROL_FROM = 50
"""Carts of a shop before anybody is left out: of fewer no figure could be made, and the owner wants to see it work."""
NO_ORDER = frozenset({"failed", "cancelled", "canceled", "voided", "checkout-draft", "draft", "trash"})
"""Words of shops for an order that did not come to be."""

_MICROS = 1_000_000


# ---------------------------------------------------------------------------------------------- what shops tell


def money(amount: str | int | Decimal, currency: str) -> dict[str, int | str]:
    """`{"amount": millionths, "currency"}` of an amount as shops write it ("84.70"): what `values["total"]` holds.

    Raises `BadInput`: not a number, below zero, beyond 10^12, or with more decimals than the currency has.
    """
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise BadInput("currency_unknown", text=currency[:10])
    try:
        value = Decimal(amount.strip()) if isinstance(amount, str) else Decimal(amount)
    except InvalidOperation:
        raise BadInput("amount_unreadable", text=str(amount)[:40]) from None
    if not value.is_finite() or not 0 <= value <= 10**12:
        raise BadInput("amount_unreadable", text=str(amount)[:40])
    exact = value.normalize()
    if -int(exact.as_tuple().exponent) > decimals_of(currency):
        raise BadInput("amount_too_fine", text=str(amount)[:40], currency=currency, decimals=decimals_of(currency))
    return {"amount": int(value * _MICROS), "currency": currency}


def total_of(values: Mapping[str, Any]) -> tuple[int, str] | None:
    """The total (millionths, currency) of a cart or order, if it tells one."""
    total = values.get("total")
    if not isinstance(total, Mapping):
        return None
    amount, currency = total.get("amount"), total.get("currency")
    return (amount, currency) if type(amount) is int and isinstance(currency, str) else None


def spoken(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What texts may say of a cart's or an order's values: `items` is the first product's name, `count` how many
    products there are, `currency` the total's."""
    said = dict(values)
    items = values.get("items")
    if isinstance(items, Sequence) and not isinstance(items, str):
        names = [one.get("name") if isinstance(one, Mapping) else one for one in items]
        said["items"] = next((name for name in names if isinstance(name, str) and name.strip()), None)
        said.setdefault("count", len(items))
    total = total_of(values)
    if total is not None:
        said.setdefault("currency", total[1])
    return said


# ---------------------------------------------------------------------------------------------- orders


@dataclass(frozen=True, slots=True)
class Order:
    """An order that counts: when it was placed, and its number for people."""

    placed_at: datetime
    number: str = ""
    id: str = ""


def counts(order: Occasion | Event) -> bool:
    """Whether it is an order that came to be."""
    if order.closed in (Closed.CANCELLED, Closed.DELETED):
        return False
    return str(order.values.get("status", "")).lower() not in NO_ORDER


def placed_at(order: Occasion) -> datetime:
    """When it was placed: its start, else when we first heard of it."""
    return order.start or order.first_seen or order.at


def order_of(occasion: Occasion) -> Order:
    return Order(placed_at(occasion), str(occasion.values.get("number") or ""), occasion.id)


def closing(events: Iterable[Event]) -> list[Event]:
    """For each cart that an order names as its own: that it is done."""
    return [
        Event(Kind.CART, key, (event.start or event.at) + ORDER_SETTLES, Closed.DONE)
        for event in events
        if event.closes and counts(event)
        for key in event.closes
    ]


# ---------------------------------------------------------------------------------------------- around a cart


@dataclass(frozen=True, slots=True)
class Nudge:
    """A message about cart `cart` that left at `at`."""

    cart: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the person of a cart: orders that count, the other open carts, what was said about any cart.

    `control` is the share (percent) that is left out where a rule does not say it, `control_on` whether anybody is yet;
    `key` makes that choice this workspace's own.
    """

    orders: tuple[Order, ...] = ()
    carts: tuple[Occasion, ...] = ()
    nudges: tuple[Nudge, ...] = ()
    control: int = CONTROL_PERCENT
    control_on: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Shop:
    """What `around` chooses from: everything about the people of some carts."""

    orders: tuple[Occasion, ...] = ()
    carts: tuple[Occasion, ...] = ()
    nudges: Mapping[str, tuple[Nudge, ...]] = field(default_factory=dict)
    """number → messages about carts that left for it"""


def traces(one: Occasion) -> frozenset[tuple[str, str]]:
    """By what its person is known again: number, address, and the platform's own record (which means nothing to
    another platform)."""
    found = set()
    for recipient in (one.own_recipient, one.found):
        if recipient is not None:
            found.add(("number", recipient.number))
    if one.email:
        found.add(("email", one.email.strip().lower()))
    if one.subject:
        found.add((one.installation, one.subject))
    return frozenset(found)


def same_person(one: Occasion, other: Occasion) -> bool:
    return not traces(one).isdisjoint(traces(other))


def arounds(carts: Sequence[Occasion], shop: Shop, **given: Any) -> dict[str, Around]:
    """For each of `carts` (by id) what concerns it of all that is known. `given`: the other fields of `Around`."""
    orders: dict[tuple[str, str], list[Occasion]] = {}
    others: dict[tuple[str, str], list[Occasion]] = {}
    for found, by in ((shop.orders, orders), (shop.carts, others)):
        for one in found:
            for trace in traces(one):
                by.setdefault(trace, []).append(one)
    result = {}
    for cart in carts:
        mine = traces(cart)
        placed = {one.id: one for trace in mine for one in orders.get(trace, ()) if counts(one)}
        kin = {one.id: one for trace in mine for one in others.get(trace, ()) if one.id != cart.id}
        result[cart.id] = Around(
            tuple(map(order_of, placed.values())),
            tuple(kin.values()),
            shop.nudges.get(cart.recipient.number, ()) if cart.recipient else (),
            **given,
        )
    return result


def changed_at(cart: Occasion) -> datetime:
    """When the cart last changed."""
    return cart.start or cart.at


def ordered(cart: Occasion, orders: Iterable[Order]) -> Order | None:
    """The first order by its person that was placed since its last change (or so shortly before that the change
    belongs to it)."""
    since = changed_at(cart) - ORDER_SETTLES
    return min((one for one in orders if one.placed_at >= since), key=lambda one: one.placed_at, default=None)


# ---------------------------------------------------------------------------------------------- what a rule asks


def too_small(rule: Rule, values: Mapping[str, Any]) -> Reason | None:
    """Why a cart or order of this total is not spoken about; None when it may be."""
    if rule.at_least is None:
        return None
    total, least = total_of(values), rule.at_least
    if total is None:
        return Reason("amount_unknown", {"least": least.shown()})
    if total[1] != least.currency:
        return Reason("other_currency", {"currency": total[1], "wanted": least.currency})
    if total[0] < least.amount:
        return Reason("below_amount", {"total": type(least)(*total).shown(), "least": least.shown()})
    return None


def elsewhere(rule: Rule, country: str) -> Reason | None:
    """Why a number of that country is not written to by this rule."""
    if not rule.countries or country in rule.countries:
        return None
    return Reason("country_not_wanted", {"country": country, "wanted": ", ".join(rule.countries)})


def not_its_turn(cart: Occasion, rule: Rule, around: Around, wanted: datetime, zone: Any) -> Reason | None:
    """One person hears of one cart at a time: of the one we began with, else of the one that changed last."""
    if rule.once_per_person is None:
        return None
    since = rule.once_per_person.before(wanted, zone)
    said = [one for one in around.nudges if one.at > since]
    if any(one.cart == cart.id for one in said):
        return None
    if said:
        return Reason("nudged_for_another", {"at": max(one.at for one in said).isoformat()})
    place = (changed_at(cart), cart.key)
    newer = [
        one for one in around.carts
        if (changed_at(one), one.key) > place
        and one.open
        and one.recipient is not None
        and rule.concerns(one.kind, one.values, one.private)
        and too_small(rule, one.values) is None
        and ordered(one, around.orders) is None
    ]  # fmt: skip
    return Reason("newer_cart") if newer else None


def share_left_out(rule: Rule, around: Around) -> int:
    """Percent of the people whom this rule leaves out to measure what it brings."""
    if rule.on is not Kind.CART or rule.message_class is not MessageClass.MARKETING:
        return 0
    return around.control if rule.control_group is None else rule.control_group


def not_reminded(visit: Occasion, rule: Rule, key: bytes) -> bool:
    """Whether the person of an appointment belongs to those whom this rule does not remind, so that we know what
    happens without: only where somebody has chosen a share, and never of news about the appointment."""
    percent = rule.control_group or 0
    if not percent or visit.recipient is None or isinstance(rule.when, OnChange):
        return False
    return in_control(key.hex(), visit.installation, visit.recipient.number, percent)


def left_out(cart: Occasion, rule: Rule, around: Around) -> bool:
    """Whether the person of `cart` belongs to those who are not nudged, so that we know what happens without."""
    percent = share_left_out(rule, around)
    if not percent or not around.control_on or cart.recipient is None:
        return False
    if any(one.cart == cart.id for one in around.nudges):
        # A sequence that has begun goes on.
        return False
    return in_control(around.key, cart.installation, cart.recipient.number, percent)


def in_control(key: str, installation: str, number: str, percent: int) -> bool:
    """The same answer each time for one person of one shop; about `percent` of a hundred people."""
    said = f"{installation}\n{number}".encode()
    drawn = hashlib.blake2b(said, key=key.encode()[:64], digest_size=8, person=b"relance control").digest()
    return int.from_bytes(drawn) % 10_000 < percent * 100


# ---------------------------------------------------------------------------------------------- as JSON


def conditions(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a rule's conditions that were said, as they are kept."""
    return {name: values[name] for name in CONDITIONS if values.get(name) not in (None, [])}


CONDITIONS = ("at_least", "countries", "once_per_person", "control_group", "discount")
