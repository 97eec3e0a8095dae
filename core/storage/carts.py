"""Carts and the people around them: what a few queries find for a whole batch, and past carts for a replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select

from core.domain.carts import CONTROL_FROM, ORDER_SETTLES, Nudge, Shop, changed_at, traces
from core.domain.events import Kind
from core.domain.messages import LEFT
from core.domain.occasions import Occasion
from core.storage import occasions
from core.storage import tables as t
from core.storage.database import Transaction

OPEN_FOR = timedelta(days=31)
"""Carts that did not change for longer are nobody's next one."""
NUDGES_KEPT = timedelta(days=92)
MOST_OF_PERSONS = 2_000
"""Carts and orders of one chunk of people: placeholders such as "0600000000" belong to half of a shop's guests."""
_CHUNK = 400
_o, _m = t.occasions.c, t.messages.c


def shop(tx: Transaction, carts: Sequence[Occasion], now: datetime) -> Shop:
    """The orders since these carts changed, the open carts, and the nudges of the same people, anywhere in the
    workspace."""
    if not carts:
        return Shop()
    since = min(changed_at(one) for one in carts) - ORDER_SETTLES
    orders = and_(_o.kind == "order", _o.at >= since)
    found = _of_people(tx, carts, or_(orders, _open_carts(now)))
    numbers = {one.recipient.number for one in carts if one.recipient}
    return Shop(
        tuple(one for one in found if one.kind is Kind.ORDER),
        tuple(one for one in found if one.kind is Kind.CART),
        nudges(tx, numbers, now),
    )


def kin(tx: Transaction, changed: Sequence[Occasion], now: datetime) -> list[Occasion]:
    """The other open carts of the people whose carts and orders changed: whose turn it is may be another's now."""
    concerned = [one for one in changed if one.kind in (Kind.CART, Kind.ORDER)]
    if not concerned:
        return []
    known = {one.id for one in changed}
    return [one for one in _of_people(tx, concerned, _open_carts(now)) if one.id not in known]


def nudges(tx: Transaction, numbers: Iterable[str], now: datetime) -> dict[str, tuple[Nudge, ...]]:
    """number → the messages about carts that left for it, or are leaving now."""
    found: dict[str, list[Nudge]] = {}
    for chunk in _chunks(sorted(numbers)):
        rows = tx.connection.execute(
            select(_m.to, _m.occasion, _m.left_at, _m.changed_at)
            .join(t.occasions, _o.id == _m.occasion)
            .where(
                _m.workspace == tx.owned,
                _m.to.in_(chunk),
                _m.state.in_([str(state) for state in LEFT]),
                _m.changed_at >= now - NUDGES_KEPT,
                _o.kind == "cart",
            )
        )
        for row in rows:
            found.setdefault(row.to, []).append(Nudge(row.occasion, row.left_at or row.changed_at))
    return {number: tuple(said) for number, said in found.items()}


def control(tx: Transaction, installations: Iterable[str]) -> dict[str, tuple[int | None, bool]]:
    """installation → its share that is left out (None: the default), and whether it has had carts enough for that."""
    found: dict[str, tuple[int | None, bool]] = {}
    i = t.installations.c
    for name in sorted(set(installations)):
        share = tx.connection.execute(tx.mine(t.installations, i.control_group).where(i.id == name)).scalar()
        known = tx.mine(t.occasions, _o.id).where(_o.installation == name, _o.kind == "cart")
        enough = known.limit(1).offset(CONTROL_FROM)
        found[name] = (share, share != 0 and tx.connection.execute(enough).first() is not None)
    return found


def past(
    tx: Transaction, installation: str, since: datetime, until: datetime, *, after: str = "", limit: int = 1000
) -> list[Occasion]:
    """The installation's carts that changed in that time, open or not, a page at a time by id."""
    query = (
        tx.mine(t.occasions)
        .where(_o.installation == installation, _o.kind == "cart", _o.at >= since, _o.at < until, _o.id > after)
        .order_by(_o.id)
        .limit(limit)
    )
    return occasions.of_rows(tx.rows(query))


def of_people(tx: Transaction, found: Sequence[Occasion], kind: Kind, since: datetime) -> list[Occasion]:
    """All carts, or all orders, that changed since then of the people of `found`."""
    return _of_people(tx, found, and_(_o.kind == str(kind), _o.at >= since))


def _open_carts(now: datetime) -> ColumnElement[bool]:
    return and_(_o.kind == "cart", _o.closed.is_(None), _o.muted.is_(False), _o.at >= now - OPEN_FOR)


def _of_people(tx: Transaction, found: Sequence[Occasion], wanted: ColumnElement[bool]) -> list[Occasion]:
    by: dict[str, set[str]] = {}
    for one in found:
        for place, what in traces(one):
            by.setdefault(place, set()).add(what)
    kin: dict[str, Occasion] = {}
    for place, whats in sorted(by.items()):
        for chunk in _chunks(sorted(whats)):
            for condition in _trace(place, chunk):
                query = tx.mine(t.occasions).where(condition, wanted).order_by(_o.at.desc()).limit(MOST_OF_PERSONS)
                kin.update((one.id, one) for one in occasions.of_rows(tx.rows(query)))
    return list(kin.values())


def _trace(place: str, chunk: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Each is one look-up in an index."""
    if place == "number":
        return _o.recipient.in_(chunk), and_(_o.own_recipient.is_not(None), _o.own_recipient.in_(chunk))
    if place == "email":
        return (and_(_o.email.is_not(None), _o.email.in_(chunk)),)
    return (and_(_o.installation == place, _o.subject.is_not(None), _o.subject.in_(chunk)),)


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), _CHUNK):
        yield items[first : first + _CHUNK]

