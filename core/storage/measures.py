"""The figures of what left, day by day: added up from the messages, and again whenever the ledger tells of a change.

A page asks for sums of days, never for messages. Which days are to be added up again is read from the ledger, behind a
cursor: each step of a message, each click and each reply marks the day on which its message left. Days are added up
from the rows themselves and not by differences, so that no figure can drift from what it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as wall
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, and_, case, delete, func, insert, literal_column, or_, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.policy.walltime import at_wall, local
from core.storage import house
from core.storage import tables as t
from core.storage.database import Transaction

CURSOR = "measures"
OVERLAP = 120.0
"""Seconds for which what was read is read again: on PostgreSQL a transaction may commit after a later one did."""
BETWEEN = 10.0
"""Seconds between two places that are kept to begin from."""
MOST_NEWS = 1_000_000
"""When the ledger has grown by more steps than these, all days are added up again instead."""
MOST_ERASED = 100_000
KEPT = timedelta(days=800)
RANGE = 5
"""Signs of a number that tell a country and a range of a network in it: `+3363…`."""
DIMENSIONS = ("installation", "rule", "campaign", "channel", "class", "country", "range", "account", "currency")
FIGURES = (
    "left", "delivered", "read", "failed", "parts", "micros", "linked", "clicked", "asked", "answered", "stops",
)  # fmt: skip
_HOUR = 3_600_000_000
_m, _s, _k, _p, _d, _x = t.messages.c, t.steps.c, t.clicks.c, t.replies.c, t.measured_days.c, t.measured_sums.c
_GONE = ("sent", "uncertain", "delivered", "read")


@dataclass(frozen=True, slots=True)
class News:
    """What the ledger tells since it was last read: workspace → days. `then` is where to go on."""

    days: Mapping[str, frozenset[date]]
    before: Any
    then: Any

    @property
    def any(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.days) or self.before != self.then


# ---------------------------------------------------------------------------------------------- what is to be added up


def news(tx: Transaction, now: datetime) -> News:
    """Over all workspaces. The first time it is every day on which something left."""
    at = now.timestamp()
    # A clock that was turned back does not make it wait for the moment it was turned from.
    known = [[min(one[0], at), *one[1:]] for one in kept] if (kept := house.value(tx, CURSOR)) else None
    step, click = _newest_step(tx), tx.connection.execute(select(func.max(_k.id))).scalar() or ""
    newest = [at, *step, click]
    if known is None or step[0] - known[0][1] > MOST_NEWS:
        return News(_all_days(tx, _zones(tx)), kept, [newest])
    after = known[0][1]
    if not _still(tx, after, known[0][2]):
        # SQLite gives the numbers of what was erased at the end to what comes next.
        after = max(0, after - MOST_ERASED)
    hours = _of_steps(tx, after) | _of_clicks(tx, known[0][3])
    old = [one for one in known if one[0] <= at - OVERLAP]
    young = known[len(old):]
    then = [*old[-1:], *young]
    if newest[1:] != then[-1][1:] and at - then[-1][0] >= BETWEEN:
        then.append(newest)
    return News(_days(hours, _zones(tx)) if hours else {}, kept, then)


def _zones(tx: Transaction) -> dict[str, ZoneInfo]:
    return {row["id"]: ZoneInfo(row["settings"]["zone"]) for row in house.workspaces(tx)}


def _newest_step(tx: Transaction) -> tuple[int, str]:
    row = tx.connection.execute(select(_s.id, _s.message).order_by(_s.id.desc()).limit(1)).first()
    return (row.id, row.message) if row else (0, "")


def _still(tx: Transaction, step: int, message: str) -> bool:
    return not step or tx.connection.execute(select(_s.message).where(_s.id == step)).scalar() == message


def _hour(column: Any) -> Any:
    return type_coerce(column, BigInteger) // _HOUR


def _of_steps(tx: Transaction, after: int) -> set[tuple[str, int]]:
    """(workspace, hour) in which messages left that took a step; or were thought to have left."""
    new = (_s.id > after,)
    left = select(_m.workspace, _hour(_m.left_at)).join(t.steps, _s.message == _m.id)
    rows = tx.connection.execute(left.where(*new, _m.left_at.is_not(None)).distinct())
    found: set[tuple[str, int]] = {(workspace, int(hour)) for workspace, hour in rows}
    # One that had not left after all: the ledger knows when it was thought to.
    before = t.steps.alias()
    taken_back = (
        select(before.c.workspace, _hour(before.c.at))
        .join(t.steps, _s.message == before.c.message)
        .join(t.messages, _m.id == _s.message)
        .where(*new, _m.left_at.is_(None), before.c.state.in_(_GONE))
    )
    for workspace, hour in tx.connection.execute(taken_back.distinct()):
        # What is in doubt left when it was claimed, a little before its step.
        found |= {(workspace, int(hour)), (workspace, int(hour) - 1)}
    return found


def _of_clicks(tx: Transaction, after: str) -> set[tuple[str, int]]:
    rows = select(_m.workspace, _hour(_m.left_at)).join(t.clicks, _k.message == _m.id)
    found = tx.connection.execute(rows.where(_k.id > after, _m.left_at.is_not(None)).distinct())
    return {(workspace, int(hour)) for workspace, hour in found}


def _days(hours: Iterable[tuple[str, int]], zones: Mapping[str, ZoneInfo]) -> dict[str, frozenset[date]]:
    found: dict[str, set[date]] = {}
    for workspace, hour in hours:
        if zone := zones.get(workspace):
            # Not all zones begin their days with an hour of ours.
            ends = (hour * _HOUR, hour * _HOUR + _HOUR - 1)
            found.setdefault(workspace, set()).update(local(t.from_micros(one), zone).date() for one in ends)
    return {workspace: frozenset(days) for workspace, days in found.items()}


def _all_days(tx: Transaction, zones: Mapping[str, ZoneInfo]) -> dict[str, frozenset[date]]:
    found: dict[str, frozenset[date]] = {}
    for workspace, zone in zones.items():
        of = and_(_m.workspace == workspace, _m.left_at.is_not(None))
        first, last = tx.connection.execute(select(func.min(_m.left_at), func.max(_m.left_at)).where(of)).one()
        if first is None:
            continue
        begins, ends = local(first, zone).date(), local(last, zone).date()
        found[workspace] = frozenset(begins + timedelta(days=one) for one in range((ends - begins).days + 1))
    return found


def mark(tx: Transaction, found: News, now: datetime) -> bool:
    """The days of `found` are to be added up again. False when somebody else has read the ledger meanwhile."""
    tx.alone(f"house:{CURSOR}")
    if house.value(tx, CURSOR) != found.before:
        return False
    zones = _zones(tx) if found.days else {}
    for workspace, days in sorted(found.days.items()):
        if zone := zones.get(workspace):
            touch(Transaction(tx.connection, workspace), days, zone.key)
    house.set_value(tx, CURSOR, found.then, now)
    return True


def touch(tx: Transaction, days: Iterable[date], zone: str) -> None:
    """These days of the workspace are to be added up again."""
    rows = [
        {"workspace": tx.owned, "day": day.isoformat(), "zone": zone, "touched": 1, "summed": -1}
        for day in sorted(set(days))
    ]
    if rows:
        one = (sqlite.insert if tx.is_sqlite else postgresql.insert)(t.measured_days)
        tx.connection.execute(
            one.on_conflict_do_update(
                index_elements=["workspace", "day"], set_={"touched": _d.touched + 1, "zone": one.excluded.zone}
            ),
            rows,
        )


def touch_message(tx: Transaction, message: str) -> None:
    """Something was learnt of that message which the ledger does not tell: its day is to be added up again."""
    left = tx.connection.execute(tx.mine(t.messages, _m.left_at).where(_m.id == message)).scalar()
    known = house.workspace(tx, tx.owned)
    if left is not None and known is not None:
        zone = known["settings"]["zone"]
        touch(tx, [local(left, ZoneInfo(zone)).date()], zone)


def elsewhere(tx: Transaction, zone: str) -> bool:
    """Whether days were added up for another zone than the workspace lives in."""
    return tx.connection.execute(tx.mine(t.measured_days, _d.day).where(_d.zone != zone).limit(1)).first() is not None


def move(tx: Transaction, zone: str) -> None:
    """The workspace lives in another zone now: its days begin at other moments."""
    days = [date.fromisoformat(one) for one in tx.connection.execute(tx.mine(t.measured_days, _d.day)).scalars()]
    touch(tx, {one + timedelta(days=step) for one in days for step in (-1, 0, 1)}, zone)


@dataclass(frozen=True, slots=True)
class Stale:
    """A day whose sums do not follow the ledger."""

    workspace: str
    day: date
    zone: str
    touched: int


def stale(tx: Transaction, *, limit: int, since: date | None = None, until: date | None = None) -> list[Stale]:
    """The newest first: of this workspace, or of all."""
    query = tx.mine(t.measured_days).where(_d.touched != _d.summed).order_by(_d.day.desc()).limit(limit)
    if since is not None:
        query = query.where(_d.day >= since.isoformat())
    if until is not None:
        query = query.where(_d.day <= until.isoformat())
    return [
        Stale(row["workspace"], date.fromisoformat(row["day"]), row["zone"], row["touched"]) for row in tx.rows(query)
    ]


# ---------------------------------------------------------------------------------------------- adding up


def added_up(tx: Transaction, one: Stale) -> list[dict[str, Any]]:
    """The sums of a day, from its messages."""
    zone = ZoneInfo(one.zone)
    start, end = at_wall(one.day, wall(), zone), at_wall(one.day + timedelta(days=1), wall(), zone)
    day = (_m.workspace == one.workspace, _m.left_at >= start, _m.left_at < end, _m.test.is_(False))
    a, k, last = t.attempts.c, t.links.c, t.attempts.alias()
    # Written out and not bound: PostgreSQL only groups by what it sees to be the same.
    none: Any = literal_column("''")
    first: Any = literal_column("1")
    size: Any = literal_column(str(RANGE))
    dimensions = [
        func.coalesce(_m.installation, none).label("installation"), func.coalesce(_m.rule, none).label("rule"),
        func.coalesce(_m.campaign, none).label("campaign"), func.coalesce(_m.channel, none).label("channel"),
        _m["class"].label("class"), _m.country.label("country"), func.substr(_m.to, first, size).label("range"),
        func.coalesce(_m.account, none).label("account"), func.coalesce(_m.currency, none).label("currency"),
    ]  # fmt: skip

    def there(found: Any) -> Any:
        return case((found.exists(), 1), else_=0)

    linked = there(select(k.id).where(k.message == _m.id))
    clicked = there(select(_k.id).where(_k.message == _m.id))
    answered = there(select(_p.id).where(_p.message == _m.id, _p.meaning.in_(ANSWERS)))
    stops = there(select(_p.id).where(_p.message == _m.id, _p.meaning == "stop"))
    asks = case((_m.asks, 1), else_=0)
    counted = (
        func.count(),
        _is(_m.state.in_(("delivered", "read"))), _is(_m.state == "read"), _is(_m.state == "failed"),
        _sum(_m.segments), _sum(_m.price_micros), _sum(linked), _sum(clicked), _sum(asks),
        _sum(case((_m.asks, answered), else_=0)), _sum(stops),
    )  # fmt: skip
    query = select(*dimensions, *counted).where(*day).group_by(*dimensions)
    width = len(DIMENSIONS)
    sums: dict[tuple[str, ...], list[int]] = {}
    for row in tx.connection.execute(query):
        sums[tuple(row[:width])] = [int(value) for value in row[width:]]
    # What a provider said in the end that it cost stands in place of the estimate, in the currency that it said.
    newest = select(func.max(last.c.id)).where(last.c.message == _m.id, last.c.outcome == "accepted").scalar_subquery()
    priced = (
        select(*dimensions, a.currency, _sum(a.price_micros), _sum(_m.price_micros), func.count())
        .join(t.attempts, a.message == _m.id)
        .where(*day, a.price_micros.is_not(None), a.currency.is_not(None), a.id == newest)
        .group_by(*dimensions, a.currency)
    )
    for row in tx.connection.execute(priced):
        key, (currency, said, thought, _) = tuple(row[:width]), row[width:]
        sums[key][_MICROS] -= int(thought)
        there_too = sums.setdefault((*key[:-1], currency), [0] * len(FIGURES))
        there_too[_MICROS] += int(said)
    return [
        {"workspace": one.workspace, "day": one.day.isoformat(), **dict(zip(DIMENSIONS, key, strict=True)),
         **dict(zip(FIGURES, values, strict=True))}
        for key, values in sums.items()
    ]  # fmt: skip


ANSWERS = ("confirm", "cancel")
_MICROS = FIGURES.index("micros")


def _is(condition: Any) -> Any:
    return _sum(case((condition, 1), else_=0))


def _sum(column: Any) -> Any:
    return func.coalesce(func.sum(column), 0)


def put(tx: Transaction, one: Stale, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Writes the sums of a day. False when it was touched meanwhile: then it is still to be added up."""
    mine = (_d.workspace == one.workspace, _d.day == one.day.isoformat())
    done = tx.connection.execute(
        update(t.measured_days).where(*mine, _d.touched == one.touched).values(summed=one.touched)
    )
    if not done.rowcount:
        return False
    tx.connection.execute(
        delete(t.measured_sums).where(_x.workspace == one.workspace, _x.day == one.day.isoformat())
    )
    if rows:
        tx.connection.execute(insert(t.measured_sums), list(rows))
    return True


# ---------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures: of days, the last one included, narrowed by what `DIMENSIONS` names."""

    since: date
    until: date
    only: Mapping[str, str]

    def of(self, tx: Transaction) -> tuple[Any, ...]:
        days = (_x.workspace == tx.owned, _x.day >= self.since.isoformat(), _x.day <= self.until.isoformat())
        return (*days, *(_x[name] == value for name, value in sorted(self.only.items())))


def sums(tx: Transaction, asked: Asked, *by: str) -> dict[tuple[str, ...], dict[str, int]]:
    """What was asked for, by "day" and dimensions: their values → figure → its sum. Money is in its own currency, so
    "currency" is always the last of them."""
    grouped = [_x[name] for name in (*by, "currency")]
    query = select(*grouped, *(func.sum(_x[name]) for name in FIGURES)).where(*asked.of(tx)).group_by(*grouped)
    width = len(grouped)
    return {
        tuple(row[:width]): {name: int(value) for name, value in zip(FIGURES, row[width:], strict=True)}
        for row in tx.connection.execute(query.order_by(*grouped))
    }


def choices(tx: Transaction, since: date, until: date) -> dict[str, list[str]]:
    """What figures of these days can be narrowed to: dimension → its values."""
    found: dict[str, set[str]] = {name: set() for name in DIMENSIONS}
    days = (_x.workspace == tx.owned, _x.day >= since.isoformat(), _x.day <= until.isoformat())
    columns = [_x[name] for name in DIMENSIONS if name != "range"]
    for row in tx.connection.execute(select(*columns).where(*days).distinct()).mappings():
        for name, value in row.items():
            if value:
                found[name].add(value)
    return {name: sorted(values) for name, values in found.items()}


def prune(tx: Transaction, now: datetime) -> int:
    """Deletes over all workspaces what is too old to be compared with anything. Returns how many rows."""
    last = (now - KEPT).date().isoformat()
    done = tx.connection.execute(delete(t.attendances).where(t.attendances.c.start < now - KEPT)).rowcount
    for table in (t.measured_sums, t.measured_days):
        done += tx.connection.execute(delete(table).where(table.c.day < last)).rowcount
    return done


def recovered(
    tx: Transaction, start: datetime, end: datetime, only: Mapping[str, str]
) -> dict[tuple[str, str], tuple[int, int]]:
    """(channel, currency) → orders that are owed, by click or code, to messages of that time, and their amounts."""
    v = t.conversions.c
    places = tx.connection.execute(tx.mine(t.installations, t.installations.c.id)).scalars().all()
    query = (
        select(_m.channel, v.currency, func.count(), func.coalesce(func.sum(v.amount), 0))
        .join(t.messages, _m.id == v.message)
        .where(v.workspace == tx.owned, v.installation.in_(sorted(places)), v.nudged_at >= start, v.nudged_at < end)
        .where(v.kind.in_(("click", "code")), _m.test.is_(False), *narrowed(only))
        .group_by(_m.channel, v.currency)
    )
    return {
        (row[0] or "", row[1] or ""): (int(row[2]), int(row[3])) for row in tx.connection.execute(query)
    }


def shops(tx: Transaction) -> list[str]:
    """The connections of which carts, or orders that followed a message, are known."""
    o, v = t.occasions.c, t.conversions.c
    places = tx.connection.execute(tx.mine(t.installations, t.installations.c.id)).scalars().all()
    asked = (
        lambda one: select(o.id).where(o.installation == one, o.kind == "cart"),
        lambda one: select(v.purchase).where(v.installation == one),
    )
    return [one for one in sorted(places) if any(tx.connection.execute(ask(one).limit(1)).first() for ask in asked)]


def answer_times(
    tx: Transaction, start: datetime, end: datetime, only: Mapping[str, str], bounds: Sequence[timedelta]
) -> list[int]:
    """Answers to our questions that came in that time: how many took until each of `bounds` (rising), or longer."""
    taken = type_coerce(_p.at, BigInteger) - type_coerce(_m.left_at, BigInteger)
    places = [(taken <= one // timedelta(microseconds=1), index) for index, one in enumerate(bounds)]
    place = case(*places, else_=len(bounds)).label("place")
    rows = (
        select(place)
        .select_from(t.replies)
        .join(t.messages, _m.id == _p.message)
        .where(_p.workspace == tx.owned, _p.received_at >= start, _p.received_at < end, _p.meaning.in_(ANSWERS))
        .where(_m.asks.is_(True), _m.left_at.is_not(None), _m.test.is_(False), *narrowed(only))
        .subquery()
    )
    found = [0] * (len(bounds) + 1)
    for index, count in tx.connection.execute(select(rows.c.place, func.count()).group_by(rows.c.place)):
        found[int(index)] = int(count)
    return found


def cohorts(tx: Transaction, months: Sequence[datetime]) -> list[tuple[int, int, int]]:
    """People by the month (of which the first moments are given, rising) of their first yes to marketing: how many, of
    them those who have not said no since, and those who ever followed a link of ours."""
    c = t.consents.c
    at = type_coerce(c.at, BigInteger)
    said = (
        select(
            c.number.label("number"),
            func.min(case((c.state == "in", at))).label("first"),
            func.max(case((c.state == "in", at))).label("yes"),
            func.max(case((c.state == "out", at))).label("no"),
        )
        .where(c.workspace == tx.owned, c.scope.in_(("marketing", "all")))
        .group_by(c.number)
        .subquery()
    )
    led = (
        select(_m.to.label("number"))
        .join(t.clicks, _k.message == _m.id)
        .where(_k.workspace == tx.owned)
        .distinct()
        .subquery()
    )
    starts = [t.micros(one) for one in months]
    month = case(*((said.c.first >= one, index) for index, one in reversed(list(enumerate(starts)))), else_=-1)
    people = (
        select(month.label("month"), said.c.yes, said.c.no, led.c.number.label("led"))
        .outerjoin(led, led.c.number == said.c.number)
        .where(said.c.first.is_not(None))
        .subquery()
    )
    reachable = or_(people.c.no.is_(None), people.c.yes > people.c.no)
    query = select(
        people.c.month, func.count(), _is(reachable), func.count(people.c.led)
    ).group_by(people.c.month)  # fmt: skip
    found = [(0, 0, 0)] * len(months)
    for index, *counts in tx.connection.execute(query):
        if index >= 0:
            found[int(index)] = (int(counts[0]), int(counts[1]), int(counts[2]))
    return found


def narrowed(only: Mapping[str, str]) -> tuple[Any, ...]:
    """The same filters for messages: what stands behind a figure (also for `outbox.Filter.extra`)."""
    columns = {name: _m[name] for name in DIMENSIONS if name != "range"} | {"range": func.substr(_m.to, 1, RANGE)}
    return tuple(columns[name] == value for name, value in sorted(only.items()))


def behind(start: datetime, end: datetime, did: str | None = None) -> tuple[Any, ...]:
    """The messages that `left` in that time, or those of them of which that figure is true (one of `FIGURES`)."""
    conditions: dict[str, Any] = {
        "delivered": _m.state.in_(("delivered", "read")), "read": _m.state == "read", "failed": _m.state == "failed",
        "linked": select(t.links.c.id).where(t.links.c.message == _m.id).exists(),
        "clicked": select(_k.id).where(_k.message == _m.id).exists(),
        "asked": _m.asks.is_(True),
        "answered": and_(
            _m.asks.is_(True), select(_p.id).where(_p.message == _m.id, _p.meaning.in_(ANSWERS)).exists()
        ),
        "stops": select(_p.id).where(_p.message == _m.id, _p.meaning == "stop").exists(),
        "recovered": select(t.conversions.c.purchase).where(
            t.conversions.c.message == _m.id, t.conversions.c.kind.in_(("click", "code")),
            t.conversions.c.cart == _m.occasion,
        ).exists(),
    }  # fmt: skip
    left = (_m.left_at >= start, _m.left_at < end, _m.test.is_(False))
    return (*left, conditions[did]) if did in conditions else left


def visits_between(tx: Transaction, start: datetime, end: datetime) -> tuple[int, int]:
    """Appointments that begin in that time and were not called off, and how many of them have a number to write to."""
    o = t.occasions.c
    numbered = case((func.coalesce(o.own_recipient, o.recipient).is_not(None), 1), else_=0)
    row = tx.connection.execute(
        tx.mine(t.occasions, func.count(), _sum(numbered)).where(
            o.start >= start, o.start < end, o.kind == "appointment", or_(o.closed.is_(None), o.closed == "done")
        )
    ).one()
    return int(row[0]), int(row[1])
