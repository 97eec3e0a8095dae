"""Sums that grow in the transaction of what they count: what left, what caps have given out, whom forms wrote to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, and_, delete, func, or_, select, text, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.messages import State
from core.domain.policy.pumping import Bucket
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

Key = tuple[str, str, datetime]
"""Workspace, what is counted, and the first moment of its period."""
Sum = tuple[int, int, int]
"""Messages, their parts, and what they cost in micro-units."""

KEPT = timedelta(days=800)
CAPS_KEPT = timedelta(days=35)
MOST_REFUSALS = 5_000
SIGHTINGS_KEPT = timedelta(days=30)
_c, _m, _s, _g, _r = t.counters.c, t.messages.c, t.cap_stops.c, t.sightings.c, t.ranges.c


def _adding(dialect: Any) -> Any:
    one = dialect.insert(t.counters)
    return one.on_conflict_do_update(
        index_elements=["workspace", "what", "start"],
        set_={name: t.counters.c[name] + one.excluded[name] for name in ("count", "segments", "micros")},
    )


_ADD = {"sqlite": _adding(sqlite), "postgresql": _adding(postgresql)}
_ADD_AND_TELL = {
    name: statement.returning(_c.workspace, _c.what, _c.start, _c.count, _c.segments, _c.micros)
    for name, statement in _ADD.items()
}


def add(tx: Transaction, sums: Mapping[Key, Sum]) -> None:
    """Adds to the counters, in the order of their keys: who adds at the same time waits and never gives up."""
    if sums:
        tx.connection.execute(_ADD[tx.connection.dialect.name], _rows(sums))


def add_and_tell(tx: Transaction, sums: Mapping[Key, Sum]) -> dict[Key, Sum]:
    """`add`, and what the counters have then. Until the transaction ends nobody else adds to them."""
    if not sums:
        return {}
    told = tx.connection.execute(_ADD_AND_TELL[tx.connection.dialect.name], _rows(sums))
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in told}


def _rows(sums: Mapping[Key, Sum]) -> list[dict[str, Any]]:
    return [
        {"workspace": key[0], "what": key[1], "start": key[2], "count": one[0], "segments": one[1], "micros": one[2]}
        for key, one in sorted(sums.items())
    ]


def used(tx: Transaction, keys: Iterable[tuple[str, datetime]]) -> dict[tuple[str, datetime], Sum]:
    """What these counters of the workspace have; those that nobody added to are not in it."""
    wanted = set(keys)
    rows = tx.connection.execute(
        tx.mine(t.counters, _c.what, _c.start, _c.count, _c.segments, _c.micros).where(
            _c.what.in_(sorted({what for what, _ in wanted})), _c.start.in_(sorted({start for _, start in wanted}))
        )
    )
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows if (row[0], row[1]) in wanted}


def between(tx: Transaction, prefix: str, start: datetime, end: datetime) -> list[tuple[str, datetime, Sum]]:
    """The workspace's counters that begin with `prefix`, of periods that start in that time; oldest first."""
    rows = tx.connection.execute(
        tx.mine(t.counters, _c.what, _c.start, _c.count, _c.segments, _c.micros)
        .where(_c.start >= start, _c.start < end, _c.what.startswith(prefix, autoescape=True))
        .order_by(_c.start, _c.what)
    )
    return [(row[0], row[1], (row[2], row[3], row[4])) for row in rows]


# ---------------------------------------------------------------------------------------------- people


def heard(
    tx: Transaction, workspace: str, numbers: Iterable[str], klass: str, since: datetime, but: Iterable[str]
) -> dict[str, list[datetime]]:
    """number → when messages of that class left for it since then, oldest first; those that are leaving at this moment
    count, except the messages `but`."""
    rows = tx.connection.execute(
        select(_m.to, _m.left_at, _m.changed_at).where(
            _m.workspace == workspace,
            _m.to.in_(sorted(set(numbers))),
            _m["class"] == klass,
            _m.test.is_(False),
            # What failed reached nobody; what left is known by its moment, what is leaving by its state.
            _m.state.in_(["sending", "uncertain", "sent", "delivered", "read"]),
            _m.left_at.is_not(None) & (_m.left_at >= since) | (_m.state == "sending"),
            _m.id.not_in(sorted(but)),
        )
    )
    found: dict[str, list[datetime]] = {}
    for row in rows:
        found.setdefault(row.to, []).append(row.left_at or row.changed_at)
    return {number: sorted(moments) for number, moments in found.items()}


# ---------------------------------------------------------------------------------------------- caps that were reached


@dataclass(frozen=True, slots=True)
class Stop:
    """A cap that was reached, and when people were last told."""

    workspace: str
    cap: str
    at: datetime
    told_at: datetime
    reason: Mapping[str, Any]


def stopped(tx: Transaction, workspace: str, cap: str, reason: Reason, day: datetime, now: datetime) -> bool:
    """Messages wait for this cap from now on. True when people have not heard of it since `day`."""
    known = tx.connection.execute(
        select(_s.told_at).where(_s.workspace == workspace, _s.cap == cap).with_for_update()
    ).first()
    values = {"holding": True, "at": now, "reason": reason_row(reason)}
    if known is None:
        tx.connection.execute(t.cap_stops.insert().values(workspace=workspace, cap=cap, told_at=now, **values))
        return True
    news = known.told_at < day or known.told_at > now
    if news:
        values["told_at"] = now
    tx.connection.execute(update(t.cap_stops).where(_s.workspace == workspace, _s.cap == cap).values(**values))
    return news


def stops(tx: Transaction) -> list[Stop]:
    """The caps for which messages wait."""
    query = tx.mine(t.cap_stops).where(_s.holding).order_by(_s.workspace, _s.cap)
    return [Stop(row["workspace"], row["cap"], row["at"], row["told_at"], row["reason"]) for row in tx.rows(query)]


def over_again(tx: Transaction, stop: Stop) -> None:
    """Nothing waits for that cap any more."""
    tx.connection.execute(
        update(t.cap_stops).where(_s.workspace == stop.workspace, _s.cap == stop.cap).values(holding=False)
    )


def held(tx: Transaction, workspace: str, held_by: str, limit: int) -> list[Mapping[str, Any]]:
    """What waits for `held_by`, in the order in which it would leave."""
    return tx.rows(
        select(_m.id, _m.price_micros, _m.currency, _m.expires_at, _m.due_at)
        .where(_m.state == "held", _m.held_by == held_by, _m.workspace == workspace)
        .order_by(_m.priority, _m.due_at, _m.id)
        .limit(limit)
    )


def claimed(tx: Transaction, ids: Iterable[str]) -> list[Mapping[str, Any]]:
    """Those of these messages that some sender has, test messages left out."""
    return tx.rows(select(t.messages).where(_m.id.in_(sorted(ids)), _m.state == "sending", _m.test.is_(False)))


def price_said(tx: Transaction, message_id: str) -> tuple[int, str] | None:
    """What the provider said that the last accepted attempt cost."""
    a = t.attempts.c
    row = tx.connection.execute(
        select(a.price_micros, a.currency)
        .where(a.message == message_id, a.outcome == "accepted")
        .order_by(a.id.desc())
        .limit(1)
    ).first()
    return (row[0], row[1]) if row is not None and row[0] is not None and row[1] else None


# Conditions for `outbox.Filter.extra`.


def waits_for(held_by: str) -> Any:
    """Held by exactly that."""
    return _m.held_by == held_by


def waits_otherwise(*held_by: str) -> Any:
    """Held by something else than a cap or one of these."""
    return or_(_m.held_by.is_(None), and_(_m.held_by.not_in(held_by), _m.held_by.not_like("cap:%")))


def left_since(moment: datetime) -> Any:
    return _m.left_at >= moment


def changed_since(moment: datetime) -> Any:
    return _m.changed_at >= moment


def held_sum(tx: Transaction, held_by: str) -> tuple[int, int]:
    """How many messages of the workspace wait for `held_by`, and what they would cost."""
    row = tx.connection.execute(
        select(func.count(), func.coalesce(func.sum(_m.price_micros), 0)).where(
            _m.state == "held", _m.held_by == held_by, _m.workspace == tx.owned
        )
    ).one()
    return int(row[0]), int(row[1])


def settle_held(
    tx: Transaction, held_by: str, then: State, reason: Reason, now: datetime, *, only: Sequence[str] | None = None,
    **values: Any,
) -> list[str]:
    """`held` by that → `then`, for all of the workspace's or `only` these messages; the ids of those that moved."""
    done: list[str] = []
    for chunk in [None] if only is None else chunks(only):
        rows = tx.connection.execute(
            update(t.messages)
            .where(
                _m.state == "held", _m.held_by == held_by, _m.workspace == tx.owned,
                *([] if chunk is None else [_m.id.in_(chunk)]),
            )
            .values(state=str(then), held_by=None, reason=reason_row(reason), changed_at=now, **values)
            .returning(_m.id)
        ).all()
        done += [row.id for row in rows]
    write_steps(tx, [(one, tx.owned, then, reason) for one in done], now)
    return done


# ---------------------------------------------------------------------------------------------- public forms


def sighted(tx: Transaction, keys: Iterable[str], since: datetime) -> dict[str, list[Bucket]]:
    """The workspace's buckets of these keys that start then or later, oldest first."""
    rows = tx.connection.execute(
        tx.mine(t.sightings, _g.key, _g.start, _g.count, _g.last)
        .where(_g.key.in_(sorted(set(keys))), _g.start >= since)
        .order_by(_g.start)
    )
    found: dict[str, list[Bucket]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(Bucket(row[1], row[2], row[3]))
    return found


def sighted_anywhere(tx: Transaction, key: str, since: datetime) -> list[Bucket]:
    """The buckets of a key that begins with `same|`, of all workspaces of the house, which are not told apart."""
    ours = text("substr(key, 1, 5) = 'same|'")
    query = select(_g.start, _g.count, _g.last).where(ours, _g.key == key, _g.start >= since)
    return [Bucket(row[0], row[1], row[2]) for row in tx.connection.execute(query.order_by(_g.start))]


def sight(tx: Transaction, seen: Iterable[tuple[str, datetime, datetime]]) -> None:
    """(key, start of its bucket, moment): one more for each."""
    rows = [
        {"workspace": tx.owned, "key": key, "start": start, "count": 1, "last": last}
        for key, start, last in sorted(seen)
    ]
    if rows:
        module: Any = sqlite if tx.is_sqlite else postgresql
        one = module.insert(t.sightings)
        tx.connection.execute(
            one.on_conflict_do_update(
                index_elements=["workspace", "key", "start"],
                set_={"count": _g.count + one.excluded.count, "last": one.excluded.last},
            ),
            rows,
        )


def closed(tx: Transaction, keys: Iterable[str] | None = None) -> dict[str, Mapping[str, Any]]:
    """What the workspace knows of these keys (of all, without): closed until, allowed, and how often it was closed."""
    query = tx.mine(t.ranges).order_by(_r.key)
    if keys is not None:
        query = query.where(_r.key.in_(sorted(set(keys))))
    return {row["key"]: row for row in tx.rows(query)}


def refusals(tx: Transaction, since: datetime) -> list[tuple[Reason, int, datetime]]:
    """What public doors refused since then, by code: (a reason as it was given last, how many, when last)."""
    rows = tx.connection.execute(
        tx.mine(t.messages, _m.reason, _m.created_at)
        .where(_m.state == "suppressed", _m.due_at >= since, type_coerce(_m.reason, Text).like('{"code":"pumping_%'))
        .order_by(_m.due_at.desc())
        .limit(MOST_REFUSALS)
    )
    found: dict[str, tuple[Reason, int, datetime]] = {}
    for row in rows:
        one = Reason(row.reason["code"], row.reason["values"])
        last, count, at = found.get(one.code, (one, 0, row.created_at))
        found[one.code] = (last, count + 1, at)
    return sorted(found.values(), key=lambda one: (-one[1], one[0].code))


def mark(
    tx: Transaction, key: str, state: str, until: datetime | None, times: int, who: str, reason: Reason | None,
    now: datetime,
) -> None:
    """Closes a key (until a moment, or until somebody opens it), opens it again, or always lets it in."""
    values = {"state": state, "until": until, "times": times, "who": who, "reason": reason_row(reason), "at": now}
    done = tx.connection.execute(update(t.ranges).where(_r.workspace == tx.owned, _r.key == key).values(**values))
    if not done.rowcount:
        tx.connection.execute(t.ranges.insert().values(workspace=tx.owned, key=key, **values))


def prune(tx: Transaction, now: datetime) -> int:
    """Deletes what is past its time, over all workspaces. Returns how many rows."""
    done = 0
    for statement in (
        delete(t.counters).where(_c.start < now - KEPT),
        delete(t.counters).where(_c.start < now - CAPS_KEPT, _c.what.startswith("cap|")),
        delete(t.sightings).where(_g.start < now - SIGHTINGS_KEPT),
    ):
        done += tx.connection.execute(statement).rowcount
    return done
