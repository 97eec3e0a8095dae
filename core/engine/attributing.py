"""Orders are owed to the messages that they followed: worked out as they come, and again when they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from core.domain.attribution import WINDOW, Said, attributed
from core.domain.carts import counts, placed_at, total_of, traces
from core.domain.discounts import code_for
from core.domain.events import Event, Kind
from core.domain.occasions import Occasion
from core.storage import carts, conversions, house, occasions
from core.storage.database import Transaction
from core.suite import Suite

CARTS_LIVE = timedelta(days=62)


def window_of(settings: Mapping[str, Any]) -> timedelta:
    """For how long after a message an order is owed to it, as the workspace says."""
    hours = settings.get("recovery_hours")
    return timedelta(hours=hours) if type(hours) is int and hours > 0 else WINDOW


def orders_came(tx: Transaction, changed: Sequence[Occasion], events: Sequence[Event]) -> None:
    """`changed` may hold orders: to which message each is owed, if to any. `events`: as they came, because an order may
    name its cart. In the transaction that brought them."""
    orders = [one for one in changed if one.kind is Kind.ORDER]
    if not orders:
        return
    real = [one for one in orders if counts(one)]
    rows: list[dict[str, Any]] = []
    if real:
        known = house.workspace(tx, tx.owned)
        settings = known["settings"] if known else {}
        window, key = window_of(settings), house.codes_key(settings)
        first = min(map(placed_at, real))
        own = _own_carts(tx, real, events)
        found = carts.of_people(tx, real, Kind.CART, first - CARTS_LIVE)
        found += [one for some in own.values() for one in some]
        led = conversions.led_by(tx, [one.values["click"] for one in real if isinstance(one.values.get("click"), str)])
        said = conversions.said(tx, [*(one.id for one in found), *(cart for _, cart in led.values())], first - window)
        rows = [
            row for one in real if (row := _owed(one, found, own.get(one.key, []), said, led, window, key)) is not None
        ]
    conversions.put(tx, rows, [one.id for one in orders])


def _own_carts(tx: Transaction, orders: Sequence[Occasion], events: Sequence[Event]) -> dict[str, list[Occasion]]:
    """Key of an order → the carts that it names."""
    named = {event.key: event.closes for event in events if event.kind is Kind.ORDER and event.closes}
    keys = {key for one in orders for key in named.get(one.key, ())}
    known = {one.key: one for one in occasions.by_keys(tx, orders[0].installation, keys)} if keys else {}
    return {order: [known[key] for key in keys if key in known] for order, keys in named.items()}


def _owed(
    order: Occasion,
    found: Sequence[Occasion],
    own: Sequence[Occasion],
    said: Mapping[str, Sequence[Said]],
    led: Mapping[str, tuple[str, str]],
    window: timedelta,
    key: bytes,
) -> dict[str, Any] | None:
    mine, click = traces(order), led.get(str(order.values.get("click") or ""))
    ids = {one.id: one for one in found if not mine.isdisjoint(traces(one))} | {one.id: one for one in own}
    codes = order.values.get("codes")
    used = {one.strip().upper() for one in codes if isinstance(one, str)} if isinstance(codes, list) else set()
    heard = [
        _with_code(one, ids[name], used, key) for name in ids for one in said.get(name, ())
    ] + ([one for one in said.get(click[1], ()) if click[1] not in ids] if click else [])
    owed = attributed(
        placed_at(order), heard, codes=codes if isinstance(codes, list) else (), clicked=click[0] if click else None,
        window=window,
    )  # fmt: skip
    if owed is None:
        return None
    total = total_of(order.values)
    return {
        "purchase": order.id,
        "installation": owed.said.installation,
        "rule": owed.said.rule,
        "cart": owed.said.cart,
        "message": owed.said.message,
        "kind": str(owed.how),
        "nudged_at": owed.said.at,
        "at": placed_at(order),
        "amount": total[0] if total else None,
        "currency": total[1] if total else None,
    }


def _with_code(one: Said, cart: Occasion, used: Set[str], key: bytes) -> Said:
    """With the code that it said: the one that was made for it, if the order `used` that one, else the shop's."""
    made = code_for(key, one.cart, one.rule)
    code = made if made in used else cart.values.get("code")
    if not isinstance(code, str):
        return one
    return Said(one.cart, one.installation, one.rule, one.at, one.message, one.clicks, code)


def run_due(suite: Suite) -> int:
    """Notes whose nudge is kept back at this moment to measure what nudging brings. Returns how many."""
    now: datetime = suite.now()
    with suite.database.read() as tx:
        if not conversions.any_left_out(tx, now):
            return 0
    with suite.database.write() as tx:
        return conversions.note_left_out(tx, now)
