"""What the pages about shops and sites read: consents, carts and their fates, orders by status, forms, what came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    case,
    cast,
    distinct,
    func,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql

from core.domain.attribution import RECOVERED
from core.domain.events import Kind
from core.domain.messages import LEFT
from core.domain.occasions import Occasion
from core.storage import occasions
from core.storage import tables as t
from core.storage.database import Transaction

_DAY = 86_400_000_000
_LATEST_NUDGE = timedelta(days=31)
_o, _m, _a, _v, _l, _k, _s, _i = (
    t.occasions.c, t.messages.c, t.answers.c, t.conversions.c, t.left_out.c, t.clicks.c, t.consents.c, t.inbox.c,
)  # fmt: skip
_HAVE_LEFT = [str(state) for state in LEFT]
_WAITING = ["scheduled", "held", "sending"]


# ---------------------------------------------------------------------------------------------- consents


@dataclass(frozen=True, slots=True)
class Reach:
    """People of a connection: those who said yes there and have not said no since, those whose newest word is no, and
    those whose number its occasions name of whom no word is known."""

    yes: int
    no: int
    unknown: int


def reach(tx: Transaction, installation: str) -> Reach:
    """Counted over the newest word of each number, wherever it was said. Dead numbers are in none of the three."""
    turn = func.row_number().over(partition_by=_s.number, order_by=(_s.at.desc(), _s.id.desc()))
    said = (
        select(_s.number, _s.state, turn.label("turn"))
        .where(_s.workspace == tx.owned, _s.scope.in_(["marketing", "all"]))
        .subquery()
    )
    k = t.contacts.c
    dead = select(k.number).where(k.workspace == tx.owned, k.quarantine.is_not(None))
    here = select(_s.number).where(_s.workspace == tx.owned, _s.installation == installation)
    rows = tx.connection.execute(
        select(said.c.state, func.count())
        .where(said.c.turn == 1, said.c.number.in_(here), said.c.number.not_in(dead))
        .group_by(said.c.state)
    ).all()
    counts = {row[0]: int(row[1]) for row in rows}
    known = select(_s.number).where(_s.workspace == tx.owned, _s.scope.in_(["marketing", "all"]))
    unknown = tx.mine(t.occasions, func.count(distinct(_o.recipient))).where(
        _o.installation == installation, _o.kind.in_(["cart", "order"]), _o.recipient.is_not(None),
        _o.recipient.not_in(known), _o.recipient.not_in(dead),
    )  # fmt: skip
    return Reach(counts.get("in", 0), counts.get("out", 0), int(tx.connection.execute(unknown).scalar_one()))


def proofs(tx: Transaction, installation: str, limit: int = 500) -> list[Mapping[str, Any]]:
    """The newest yeses that were said there, with their proof and moment."""
    return tx.rows(
        tx.mine(t.consents, _s.proof, _s.at)
        .where(_s.installation == installation, _s.state == "in")
        .order_by(_s.id.desc())
        .limit(limit)
    )


# ---------------------------------------------------------------------------------------------- carts and their fates

FATES = ("waiting", "nudged", "clicked", "recovered", "after", "stopped", "left_out", "ordered", "emptied", "silent")


def carts(
    tx: Transaction, installation: str, since: datetime, until: datetime, *, fate: str = "", after: str = "",
    limit: int = 50,
) -> list[Occasion]:  # fmt: skip
    """The carts that changed in that time, the newest first; or those that met one of `FATES` in it, as the figures
    count them: by the moment of the nudge, or of its absence. `after`: the last one seen."""
    query = (
        tx.mine(t.occasions)
        .where(_o.installation == installation, _o.kind == "cart")
        .order_by(_o.at.desc(), _o.id.desc())
        .limit(limit)
    )
    query = query.where(_met(tx, fate, since, until) if fate in FATES else _changed(since, until))
    if after:
        last = tx.connection.execute(tx.mine(t.occasions, _o.at).where(_o.id == after)).first()
        if last is not None:
            query = query.where(or_(_o.at < last.at, and_(_o.at == last.at, _o.id < after)))
    return occasions.of_rows(tx.rows(query))


def tallied(
    tx: Transaction, installation: str, since: datetime, until: datetime, fates: Sequence[str]
) -> dict[str, int]:
    """How many carts `carts` would list for each of these fates: in one query."""
    counts = [func.count().filter(_met(tx, fate, since, until)) for fate in fates]
    query = tx.mine(t.occasions, *counts).where(
        _o.installation == installation, _o.kind == "cart", _o.at >= since - _LATEST_NUDGE
    )
    row = tx.connection.execute(query).one()
    return {fate: int(count) for fate, count in zip(fates, row, strict=True)}


def _changed(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(_o.at >= since, _o.at < until)


def _met(tx: Transaction, fate: str, since: datetime, until: datetime) -> ColumnElement[bool]:
    message = select(_m.id).where(_m.occasion == _o.id)
    left = message.where(_m.state.in_(_HAVE_LEFT), _m.left_at >= since, _m.left_at < until)
    owed = select(_v.purchase).where(
        _v.workspace == tx.owned, _v.cart == _o.id, _v.nudged_at >= since, _v.nudged_at < until
    )
    answer = select(_a.rule).where(_a.occasion == _o.id)
    if fate == "nudged":
        return left.exists()
    if fate == "clicked":
        return left.where(select(_k.id).where(_k.message == _m.id).exists()).exists()
    if fate == "stopped":
        r = t.replies.c
        return left.where(select(r.id).where(r.message == _m.id, r.meaning == "stop").exists()).exists()
    if fate == "recovered":
        return owed.where(_v.kind.in_([str(how) for how in RECOVERED])).exists()
    if fate == "after":
        return owed.where(_v.kind == "after").exists()
    if fate == "left_out":
        mine = select(_l.cart).where(_l.workspace == tx.owned, _l.cart == _o.id)
        return mine.where(_l.at >= since, _l.at < until).exists()
    waits = message.where(_m.state.in_(_WAITING)).exists()
    # In rehearsal nothing is scheduled: the answers say what would be.
    would = and_(answer.where(_a.answer == "send").exists(), not_(message.exists()))
    if fate == "waiting":
        return and_(_changed(since, until), or_(waits, would))
    if fate == "ordered":
        said = answer.where(_a.answer == "skip", type_coerce(_a.reason, Text).contains('"code":"ordered"'))
        return and_(_changed(since, until), or_(_o.closed == "done", said.exists()))
    if fate == "emptied":
        return and_(_changed(since, until), _o.closed.in_(["deleted", "cancelled"]))
    return and_(_changed(since, until), _o.closed.is_(None), not_(waits), not_(would), not_(left.exists()))


@dataclass(frozen=True, slots=True)
class Around:
    """What is known about some carts and orders, each by the occasion's id."""

    answers: Mapping[str, list[Mapping[str, Any]]]
    messages: Mapping[str, list[Mapping[str, Any]]]
    clicks: Mapping[str, list[datetime]]
    """message → when a person followed its link"""
    owed: Mapping[str, list[Mapping[str, Any]]]
    """cart → the orders that followed, as `tables.conversions` keeps them"""
    left_out: Mapping[str, datetime]
    stopped: frozenset[str]
    """messages that were answered with STOP"""


def around(tx: Transaction, ids: Iterable[str]) -> Around:
    """A query for each kind of thing, however many carts there are (a page of them: their ids stand in the query)."""
    wanted = sorted(set(ids))
    messages = _by(tx.rows(tx.mine(t.messages).where(_m.occasion.in_(wanted)).order_by(_m.id)), "occasion")
    sent = [row["id"] for rows in messages.values() for row in rows]
    clicks: dict[str, list[datetime]] = {}
    for row in tx.connection.execute(
        tx.mine(t.clicks, _k.message, _k.at).where(_k.message.in_(sent)).order_by(_k.at)
    ):
        clicks.setdefault(row.message, []).append(row.at)
    r = t.replies.c
    stops = tx.connection.execute(tx.mine(t.replies, r.message).where(r.message.in_(sent), r.meaning == "stop"))
    alone = tx.connection.execute(tx.mine(t.left_out, _l.cart, _l.at).where(_l.cart.in_(wanted)))
    return Around(
        _by(tx.rows(tx.mine(t.answers).where(_a.occasion.in_(wanted))), "occasion"),
        messages,
        clicks,
        _by(tx.rows(tx.mine(t.conversions).where(_v.cart.in_(wanted)).order_by(_v.at)), "cart"),
        {row.cart: row.at for row in alone},
        frozenset(row.message for row in stops),
    )


def _by(rows: Iterable[Mapping[str, Any]], name: str) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def currencies(tx: Transaction, installation: str, since: datetime) -> list[str]:
    """The currencies of its carts, the commonest first."""
    currency = _said(tx, "total", "currency").label("coin")
    rows = tx.connection.execute(
        tx.mine(t.occasions, currency, func.count())
        .where(_o.installation == installation, _o.kind == "cart", _o.at >= since, currency.element.is_not(None))
        .group_by(currency)
        .order_by(func.count().desc(), currency)
    ).all()
    return [str(row[0]) for row in rows]


# ---------------------------------------------------------------------------------------------- orders, forms, others


def newest(
    tx: Transaction, installation: str, kinds: Iterable[Kind], since: datetime, limit: int = 50, *, status: str = ""
) -> list[Occasion]:
    """The occasions of these kinds that changed last, the newest first; orders of one status if it is given."""
    query = tx.mine(t.occasions).where(
        _o.installation == installation, _o.kind.in_([str(kind) for kind in kinds]), _o.at >= since
    )
    if status:
        query = query.where(_said(tx, "status") == status)
    return occasions.of_rows(tx.rows(query.order_by(_o.at.desc(), _o.id.desc()).limit(limit)))


def statuses(tx: Transaction, installation: str, since: datetime) -> dict[str, int]:
    """status → how many orders have it now, the commonest first."""
    status = _said(tx, "status").label("said_status")
    rows = tx.connection.execute(
        tx.mine(t.occasions, status, func.count())
        .where(_o.installation == installation, _o.kind == "order", _o.at >= since, status.element.is_not(None))
        .group_by(status)
        .order_by(func.count().desc(), status)
    ).all()
    return {str(row[0]): int(row[1]) for row in rows}


def kinds(tx: Transaction, installation: str, since: datetime) -> dict[tuple[str, str], int]:
    """(kind, what the platform calls it in `values.what`) → how many came since then."""
    what = func.coalesce(_said(tx, "what"), "").label("what")
    rows = tx.connection.execute(
        tx.mine(t.occasions, _o.kind, what, func.count())
        .where(_o.installation == installation, _o.first_seen >= since)
        .group_by(_o.kind, what)
    ).all()
    return {(row[0], str(row[1])): int(row[2]) for row in rows}


@dataclass(frozen=True, slots=True)
class Form:
    """A form that somebody has filled: how often, how often with a telephone number, and when last."""

    id: str
    title: str
    filled: int
    with_number: int
    last: datetime


def forms(tx: Transaction, installation: str, since: datetime) -> list[Form]:
    """The forms that were filled since then, the busiest first. What is told to the owner alone is not counted."""
    form = _said(tx, "form").label("form")
    rows = tx.connection.execute(
        tx.mine(
            t.occasions, form, func.max(_said(tx, "title")).label("title"), func.count().label("filled"),
            func.sum(case((_o.recipient.is_not(None), 1), else_=0)).label("numbers"), func.max(_o.at).label("last"),
        )
        .where(
            _o.installation == installation, _o.kind == "form", _o.at >= since, form.element.is_not(None),
            func.coalesce(_said(tx, "audience"), "visitor") == "visitor",
        )
        .group_by(form)
        .order_by(func.count().desc(), form)
        .limit(100)
    ).all()  # fmt: skip
    return [Form(row.form, row.title or row.form, int(row.filled), int(row.numbers), row.last) for row in rows]


def _said(tx: Transaction, *names: str) -> Any:
    """What an occasion's values say under that name."""
    column = type_coerce(_o["values"], Text)
    if tx.is_sqlite:
        return func.json_extract(column, "$." + ".".join(names))
    return func.json_extract_path_text(cast(column, postgresql.JSON), *names)


# ---------------------------------------------------------------------------------------------- what came in


def by_day(tx: Transaction, installation: str, start: datetime, end: datetime) -> dict[tuple[int, str], int]:
    """(whole days of 24 hours since `start`, state of the request) → how many requests came."""
    first = t.Moment().process_bind_param(start, None)
    day = ((type_coerce(_i.received_at, BigInteger) - first) // _DAY).label("day")
    rows = tx.connection.execute(
        tx.mine(t.inbox, day, _i.state, func.count())
        .where(_i.received_at >= start, _i.received_at < end, _i.installation == installation)
        .group_by(day, _i.state)
    ).all()
    return {(int(row[0]), row[1]): int(row[2]) for row in rows}
