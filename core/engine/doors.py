"""The numbers that strangers type at a platform (its forms, its checkouts) pass the guard of public doors.

Whoever fills in forms with numbers of a range that pays for each message sends us there as well as by our own door. A
number is asked about when it is new to its occasion; what was refused leaves the occasion without one, and says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.domain.errors import BadInput
from core.domain.events import Event, Kind
from core.domain.policy.pumping import Origin
from core.engine import public
from core.storage import house, occasions
from core.storage.database import Transaction


def admitted(tx: Transaction, installation: str, events: Sequence[Event], now: datetime) -> list[Event]:
    """`events`, those without their number that the guard does not let in. Before anything else in a transaction that
    plans: the door is locked first, and the plan after it."""
    asked = {one.key for one in events if _origin(one) is not None}
    if not asked:
        return list(events)
    had = occasions.numbers_by_key(tx, installation, asked)
    if all(_origin(one) is None or _same(one, had) for one in events):
        return list(events)
    known = house.workspace(tx, tx.owned)
    settings = {**house.DEFAULTS, **(known["settings"] if known else {})}
    through: list[Event] = []
    for one in events:
        origin = _origin(one)
        if origin is None or one.recipient is None or _same(one, had):
            through.append(one)
            continue
        # A form's reader cannot be told from a robot by what follows: there is often nothing to click or to enter.
        why = public.admit(tx, settings, one.recipient, origin, _readable(one.ip), now, measured=False)
        if why is None:
            had[one.key] = one.recipient.number
        through.append(one if why is None else replace(one, recipient=None, trouble=why))
    return through


def _same(event: Event, had: Mapping[str, str]) -> bool:
    return event.recipient is not None and had.get(event.key) == event.recipient.number


def _origin(event: Event) -> Origin | None:
    if event.recipient is None or event.closed is not None:
        return None
    if event.origin is not None:
        return Origin(event.origin)
    # A cart's number was typed at a checkout, by whoever came along: cheaper than an order, dearer than a form.
    return Origin.AUTHENTICATED if event.kind is Kind.CART else None


def _readable(ip: str | None) -> str | None:
    try:
        return ip if ip and public.pumping.network(ip) else None
    except BadInput:
        return None
