"""Carts and the people around them: what a few queries find for a whole batch, and past carts for a replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select

from core.domain.carts import CONTROL_FROM, ORDER_SETTLES, Nudge, Shop, changed_at, traces
from core.domain.events import Kind
from core.domain.messages import LEFT
from core.domain.occasions import Occasion
from core.storage import occasions
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

OPEN_FOR = timedelta(days=31)
"""Carts that did not change for longer are nobody's next one."""
NUDGES_KEPT = timedelta(days=92)
MOST_OF_PERSONS = 2_000
"""Carts and orders of one chunk of people: placeholders such as "0600000000" belong to half of a shop's guests."""
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)
_o, _m, _i = t.occasions.c, t.messages.c, t.installations.c

# Built once: they are asked for every change of a cart, and building them costs more than asking them.
_MINE: Any = bindparam("b_workspace")
_WHO: Any = bindparam("b_who", expanding=True)
_OURS: ColumnElement[bool] = _o.workspace == _MINE
_TRACES: Mapping[str, ColumnElement[bool]] = {
    # The workspace stands in each half: outside of them SQLite goes by it alone, and reads all carts of a shop.
    "number": or_(
        and_(_OURS, _o.recipient.in_(_WHO)),
        and_(_OURS, _o.own_recipient.is_not(None), _o.own_recipient.in_(_WHO)),
    ),
    "email": and_(_OURS, _o.email.is_not(None), _o.email.in_(_WHO)),
    "subject": and_(_OURS, _o.installation == bindparam("b_place"), _o.subject.is_not(None), _o.subject.in_(_WHO)),
}


def _of_them(wanted: ColumnElement[bool]) -> dict[str, Select[Any]]:
    """What is `wanted` of the people who are known by each trace."""
    return {
        trace: select(t.occasions)
        .where(condition, wanted)
        .order_by(_o.at.desc())
        .limit(MOST_OF_PERSONS)
        for trace, condition in _TRACES.items()
    }


_AROUND = _of_them(
    or_(
        and_(_o.kind == "order", _o.at >= bindparam("b_orders_since")),
        and_(_o.kind == "cart", _o.closed.is_(None), _o.muted.is_(False), _o.at >= bindparam("b_open_since")),
    )
)
_ALL = _of_them(and_(_o.kind == bindparam("b_kind"), _o.at >= bindparam("b_since")))
_NUDGES = (
    select(_m.to, _m.occasion, _m.left_at, _m.changed_at)
    .join(t.occasions, _o.id == _m.occasion)
    .where(
        _m.workspace == _MINE, _m.to.in_(_WHO), _m.state.in_([str(state) for state in LEFT]),
        _m.changed_at >= bindparam("b_since"), _o.kind == "cart",
    )
)  # fmt: skip
_CONTROL = (
    "SELECT control_group, EXISTS (SELECT 1 FROM occasions WHERE occasions.workspace = installations.workspace"
    " AND occasions.installation = installations.id AND occasions.kind = 'cart' LIMIT 1 OFFSET ?)"
    " FROM installations WHERE workspace = ? AND id = ?"
)


def shop(
    tx: Transaction, carts: Sequence[Occasion], now: datetime, around: Sequence[Occasion] | None = None
) -> Shop:
    """The orders since these carts changed, the open carts, and the nudges of the same people, anywhere in the
    workspace. `around`: what `company` found of all of them."""
    if not carts:
        return Shop()
    found = around
    if found is None:
        since = min(changed_at(one) for one in carts) - ORDER_SETTLES
        found = _of_people(tx, carts, _AROUND, b_orders_since=since, b_open_since=now - OPEN_FOR)
    numbers = {one.recipient.number for one in carts if one.recipient}
    return Shop(
        tuple(one for one in found if one.kind is Kind.ORDER),
        tuple(one for one in found if one.kind is Kind.CART),
        nudges(tx, numbers, now),
    )


def company(
    tx: Transaction, changed: Sequence[Occasion], now: datetime
) -> tuple[list[Occasion], list[Occasion] | None]:
    """The other open carts of the people whose carts and orders changed: whose turn it is may be another's now. And
    what `shop` would find around the changed carts, when nobody else is concerned; else None."""
    concerned = [one for one in changed if one.kind in (Kind.CART, Kind.ORDER)]
    if not concerned:
        return [], None
    known = {one.id for one in changed}
    since = min((changed_at(one) for one in concerned if one.kind is Kind.CART), default=_NEVER) - ORDER_SETTLES
    found = _of_people(tx, concerned, _AROUND, b_orders_since=since, b_open_since=now - OPEN_FOR)
    others = [one for one in found if one.kind is Kind.CART and one.id not in known]
    return others, None if others else found


def nudges(tx: Transaction, numbers: Iterable[str], now: datetime) -> dict[str, tuple[Nudge, ...]]:
    """number → the messages about carts that left for it, or are leaving now."""
    found: dict[str, list[Nudge]] = {}
    for chunk in chunks(sorted(numbers)):
        asked = {"b_workspace": tx.owned, "b_who": list(chunk), "b_since": now - NUDGES_KEPT}
        for row in tx.connection.execute(_NUDGES, asked):
            found.setdefault(row.to, []).append(Nudge(row.occasion, row.left_at or row.changed_at))
    return {number: tuple(said) for number, said in found.items()}


def control(tx: Transaction, installations: Iterable[str]) -> dict[str, tuple[int | None, bool]]:
    """installation → its share that is left out (None: the default), and whether it has had carts enough for that."""
    found: dict[str, tuple[int | None, bool]] = {}
    for name in sorted(set(installations)):
        [(share, enough)] = tx.quick(_CONTROL, (CONTROL_FROM, tx.owned, name)) or [(None, False)]
        found[name] = (share, share != 0 and bool(enough))
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
    return _of_people(tx, found, _ALL, b_kind=str(kind), b_since=since)


def _of_people(
    tx: Transaction, found: Sequence[Occasion], asking: Mapping[str, Select[Any]], **asked: Any
) -> list[Occasion]:
    by: dict[str, set[str]] = {}
    for one in found:
        for place, what in traces(one):
            by.setdefault(place, set()).add(what)
    kin: dict[str, Occasion] = {}
    for place, whats in sorted(by.items()):
        # A record of a platform is looked for on that platform, a number and an address everywhere.
        statement = asking.get(place, asking["subject"])
        there = {} if place in asking else {"b_place": place}
        for chunk in chunks(sorted(whats)):
            said = {"b_workspace": tx.owned, "b_who": list(chunk), **there, **asked}
            rows: list[Any] = list(tx.connection.execute(statement, said).mappings())
            kin.update((one.id, one) for one in occasions.of_rows(rows))
    return list(kin.values())
