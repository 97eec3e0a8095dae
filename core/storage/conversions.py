"""Orders that came after our messages, carts whose people were left out, and the figures of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, delete, func, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.attribution import Said
from core.domain.messages import LEFT, State
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_HOUR = 3_600_000_000
_m, _k, _a, _l, _v = t.messages.c, t.clicks.c, t.answers.c, t.left_out.c, t.conversions.c
_HAVE_LEFT = [str(state) for state in LEFT]
_HAVE_NOT = sorted({str(state) for state in State} - set(_HAVE_LEFT))


# ---------------------------------------------------------------------------------------------- what was said


def said(tx: Transaction, cart_ids: Iterable[str], since: datetime) -> dict[str, list[Said]]:
    """cart → the messages about it that left since then with their clicks, and when its person was left out."""
    found: dict[str, list[Said]] = {}
    for chunk in chunks(sorted(set(cart_ids))):
        rows = tx.connection.execute(
            tx.mine(t.messages, _m.id, _m.occasion, _m.installation, _m.rule, _m.left_at).where(
                _m.occasion.in_(chunk), _m.state.in_(_HAVE_LEFT), _m.left_at >= since, _m.rule.is_not(None)
            )
        ).all()
        clicks = _clicks(tx, [row.id for row in rows])
        for row in rows:
            one = Said(row.occasion, row.installation, row.rule, row.left_at, row.id, tuple(clicks.get(row.id, ())))
            found.setdefault(row.occasion, []).append(one)
        for row in tx.connection.execute(tx.mine(t.left_out).where(_l.cart.in_(chunk), _l.at >= since)):
            found.setdefault(row.cart, []).append(Said(row.cart, row.installation, row.rule, row.at))
    return found


def _clicks(tx: Transaction, message_ids: Sequence[str]) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for chunk in chunks(sorted(message_ids)):
        for row in tx.connection.execute(tx.mine(t.clicks, _k.message, _k.at).where(_k.message.in_(chunk))):
            found.setdefault(row.message, []).append(row.at)
    return found


def led_by(tx: Transaction, codes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Code of a short link → (message, its occasion)."""
    found: dict[str, tuple[str, str]] = {}
    c = t.links.c
    for chunk in chunks(sorted(set(codes))):
        rows = tx.connection.execute(
            tx.mine(t.links, c.code, c.message, _m.occasion)
            .join(t.messages, _m.id == c.message)
            .where(c.code.in_(chunk), _m.occasion.is_not(None))
        )
        found.update((row.code, (row.message, row.occasion)) for row in rows)
    return found


def put(tx: Transaction, rows: Sequence[Mapping[str, Any]], gone: Iterable[str]) -> None:
    """Writes what these orders are owed to (see `tables.conversions`), replacing what was known of them; those that are
    `gone` are owed to nothing."""
    for chunk in chunks(sorted({*gone, *(row["purchase"] for row in rows)})):
        tx.connection.execute(delete(t.conversions).where(_v.workspace == tx.owned, _v.purchase.in_(chunk)))
    if rows:
        tx.connection.execute(t.conversions.insert(), [{**row, "workspace": tx.owned} for row in rows])


# ---------------------------------------------------------------------------------------------- left out


def any_left_out(tx: Transaction, now: datetime) -> bool:
    """Whether there is something for `note_left_out`: asked at each tick, and almost never so."""
    return tx.connection.execute(select(_a.occasion).where(_a.left_out_at <= now).limit(1)).first() is not None


def note_left_out(tx: Transaction, now: datetime, limit: int = 1000) -> int:
    """Carts whose nudge would have left by now but for the control group: noted, each once. Over all workspaces; what
    a rehearsal leaves out is none. Returns how many there were."""
    i = t.installations.c
    due = (
        select(_a.occasion, _a.rule, _a.workspace, _a.installation, _a.left_out_at, i.mode)
        .join(t.installations, i.id == _a.installation)
        .where(_a.left_out_at <= now)
        .order_by(_a.left_out_at)
        .limit(limit)
    )
    rows = tx.connection.execute(due).all()
    live = [
        {"cart": row.occasion, "workspace": row.workspace, "installation": row.installation, "rule": row.rule,
         "at": row.left_out_at}
        for row in rows
        if row.mode == "live"
    ]  # fmt: skip
    if live:
        module: Any = sqlite if tx.is_sqlite else postgresql
        tx.connection.execute(module.insert(t.left_out).on_conflict_do_nothing(), live)
    for chunk in chunks(sorted({row.occasion for row in rows})):
        tx.connection.execute(
            update(t.answers).where(_a.occasion.in_(chunk), _a.left_out_at <= now).values(left_out_at=None)
        )
    return len(rows)


# ---------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Sums:
    """One figure of one rule in one hour after the asked moment."""

    rule: str
    hour: int
    count: int
    amount: int = 0
    currency: str | None = None
    kind: str = ""


def sent(tx: Transaction, installation: str, since: datetime, until: datetime) -> list[Sums]:
    """Messages that left in that time and what they cost, by rule and hour."""
    hour = _hours(_m.left_at, since)
    query = (
        select(_m.rule, hour, func.count(), func.coalesce(func.sum(_m.price_micros), 0), _m.currency)
        .where(*_of(tx, installation, since, until))
        .group_by(_m.rule, hour, _m.currency)
    )
    return [Sums(row[0], int(row[1]), row[2], int(row[3]), row[4]) for row in tx.connection.execute(query)]


def clicked(tx: Transaction, installation: str, since: datetime, until: datetime) -> list[Sums]:
    """Of those, the ones whose link a person followed."""
    hour = _hours(_m.left_at, since)
    query = (
        select(_m.rule, hour, func.count(func.distinct(_m.id)))
        .join(t.clicks, _k.message == _m.id)
        .where(*_of(tx, installation, since, until))
        .group_by(_m.rule, hour)
    )
    return [Sums(row[0], int(row[1]), row[2]) for row in tx.connection.execute(query)]


def stopped(tx: Transaction, installation: str, since: datetime, until: datetime) -> list[Sums]:
    """Of those, the ones that were answered with STOP."""
    r, hour = t.replies.c, _hours(_m.left_at, since)
    query = (
        select(_m.rule, hour, func.count(func.distinct(_m.id)))
        .join(t.replies, and_(r.message == _m.id, r.meaning == "stop"))
        .where(*_of(tx, installation, since, until))
        .group_by(_m.rule, hour)
    )
    return [Sums(row[0], int(row[1]), row[2]) for row in tx.connection.execute(query)]


def converted(tx: Transaction, installation: str, since: datetime, until: datetime) -> list[Sums]:
    """Orders by the kind of what they are owed to, by the rule and the hour of the message (or of its absence)."""
    hour = _hours(_v.nudged_at, since)
    query = (
        tx.mine(t.conversions, _v.rule, hour, _v.kind, _v.currency, func.count(), func.coalesce(func.sum(_v.amount), 0))
        .where(_v.installation == installation, _v.nudged_at >= since, _v.nudged_at < until)
        .group_by(_v.rule, hour, _v.kind, _v.currency)
    )
    return [Sums(row[0], int(row[1]), row[4], int(row[5]), row[3], row[2]) for row in tx.connection.execute(query)]


def kept_back(tx: Transaction, installation: str, since: datetime, until: datetime) -> list[Sums]:
    """Carts whose people were left out, by rule and hour."""
    hour = _hours(_l.at, since)
    query = (
        tx.mine(t.left_out, _l.rule, hour, func.count())
        .where(_l.installation == installation, _l.at >= since, _l.at < until)
        .group_by(_l.rule, hour)
    )
    return [Sums(row[0], int(row[1]), row[2]) for row in tx.connection.execute(query)]


def groups(tx: Transaction, installation: str, since: datetime, until: datetime) -> tuple[int, int, int, int]:
    """Carts that were nudged and of these ordered, carts whose people were left out and of these ordered: of carts
    whose first nudge (or the moment of it) lies in that time."""
    o, earlier = t.occasions.c, t.messages.alias()
    before = select(earlier.c.id).where(
        earlier.c.occasion == _m.occasion, earlier.c.state.in_(_HAVE_LEFT), earlier.c["class"] == "marketing",
        earlier.c.left_at < since,
    )  # fmt: skip
    nudged = (
        select(_m.occasion)
        .join(t.occasions, o.id == _m.occasion)
        .where(
            _m.workspace == tx.owned, _m.installation == installation, _m.left_at >= since, _m.left_at < until,
            _m.state.not_in(_HAVE_NOT), _m["class"] == "marketing", o.kind == "cart", ~before.exists(),
        )
        .distinct()
    )  # fmt: skip
    alone = tx.mine(t.left_out, _l.cart).where(_l.installation == installation, _l.at >= since, _l.at < until)

    def count(of: Any) -> int:
        return int(tx.connection.execute(select(func.count()).select_from(of.subquery())).scalar_one())

    def ordered(of: Any, control: bool) -> int:
        same = _v.kind == "control" if control else _v.kind != "control"
        query = tx.mine(t.conversions, func.count(func.distinct(_v.cart))).where(_v.cart.in_(of), same)
        return int(tx.connection.execute(query).scalar_one())

    return count(nudged), ordered(nudged, False), count(alone), ordered(alone, True)


def _of(tx: Transaction, installation: str, since: datetime, until: datetime) -> tuple[Any, ...]:
    # By the moment at which they left, whose index is used: so no equation names the state, which another index has.
    return (
        _m.workspace == tx.owned, _m.left_at >= since, _m.left_at < until, _m.state.not_in(_HAVE_NOT),
        _m.installation == installation, _m.rule.is_not(None),
    )  # fmt: skip


def _hours(column: Any, since: datetime) -> Any:
    first = t.Moment().process_bind_param(since, None)
    return ((type_coerce(column, BigInteger) - first) // _HOUR).label("hour")
