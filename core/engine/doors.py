"""The numbers that strangers type at a platform (its forms, its checkouts) pass the guard of public doors.

Whoever fills in forms with numbers of a range that pays for each message sends us there as well as by our own door. A
number is asked about when it is new to its occasion; what was refused leaves the occasion without one, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.domain.events import Event, Kind
from core.domain.policy.pumping import CART, HOUR, KEPT_FORM, PLATFORM_FORM, Door
from core.engine import public
from core.storage import house, occasions
from core.storage.database import Transaction


def admitted(tx: Transaction, installation: str, events: Sequence[Event], now: datetime) -> list[Event]:
    """`events`, those without their number that the guard does not let in. Before anything else in a transaction that
    plans: the door is locked first, and the plan after it."""
    asked = {one.key for one in events if _door(one, now) is not None}
    if not asked:
        return list(events)
    known = house.workspace(tx, tx.owned)
    settings = {**house.DEFAULTS, **(known["settings"] if known else {})}
    had = {
        one.key: one.recipient.number for one in occasions.by_keys(tx, installation, asked) if one.recipient is not None
    }
    through: list[Event] = []
    for one in events:
        door = _door(one, now)
        if door is None or one.recipient is None or had.get(one.key) == one.recipient.number:
            through.append(one)
            continue
        why = public.admit(tx, settings, one.recipient, door, None, now)
        if why is None:
            had[one.key] = one.recipient.number
        through.append(one if why is None else replace(one, recipient=None, trouble=why))
    return through


def _door(event: Event, now: datetime) -> Door | None:
    if event.recipient is None or event.closed is not None:
        return None
    if event.kind is Kind.CART:
        return CART
    if not event.typed:
        return None
    return PLATFORM_FORM if now - event.at < HOUR else KEPT_FORM
