"""Segments: sets of people with a name, by conditions or as a list. Each question is one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    collate,
    delete,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql

from core.domain.segments import (
    MICRO,
    Agreed,
    Compares,
    Condition,
    Dated,
    Did,
    Edge,
    Either,
    Every,
    Last,
    Not,
    OnList,
    Quarantined,
    Says,
    Spent,
    Tagged,
    utc_day,
)
from core.ids import new_id
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_k, _s, _p, _m, _o = t.contacts.c, t.segments.c, t.segment_people.c, t.messages.c, t.occasions.c
_CALLED_OFF = ("cancelled", "deleted", "gone")
_FIELDS: Mapping[str, ColumnElement[Any]] = {
    name: _k[name] for name in ("number", "country", "name", "first_name", "email", "language", "zone")
}


# ---------------------------------------------------------------------------------------------- who belongs


def people(
    tx: Transaction, condition: Condition, now: datetime, *, after: str = "", limit: int = 50
) -> list[Mapping[str, Any]]:
    """The contacts that meet the condition, oldest first; `after`: the last one seen."""
    return tx.rows(
        tx.mine(t.contacts).where(_k.id > after, where(tx, condition, now)).order_by(_k.id).limit(limit)
    )


def count(tx: Transaction, condition: Condition, now: datetime) -> int:
    """How many contacts meet it."""
    return int(tx.connection.execute(tx.mine(t.contacts, func.count()).where(where(tx, condition, now))).scalar_one())


def counts(tx: Transaction, conditions: Mapping[str, Condition], now: datetime) -> dict[str, int]:
    """The same for several, by whatever they are called: still one statement."""
    if not conditions:
        return {}
    asked = [func.count().filter(where(tx, one, now)) for one in conditions.values()]
    return dict(zip(conditions, map(int, tx.connection.execute(tx.mine(t.contacts, *asked)).one()), strict=True))


def where(tx: Transaction, condition: Condition, now: datetime) -> ColumnElement[bool]:
    """The condition as a part of a statement about `contacts`; true or false for everybody, never NULL."""
    match condition:
        case Every(parts):
            return and_(true(), *(where(tx, part, now) for part in parts))
        case Either(parts):
            return or_(false(), *(where(tx, part, now) for part in parts))
        case Not(part):
            return not_(where(tx, part, now))
        case Says():
            return _says(condition, _FIELDS[condition.name] if condition.own else _value(tx, condition.name))
        case Compares():
            number = _micros(tx, _value(tx, condition.name))
            return func.coalesce(_holds(condition.operator, number, condition.micros), false())
        case Dated(name, edge):
            return _dated(tx, _value(tx, name), edge, now)
        case Last():
            return _last(tx, condition, now)
        case Spent():
            return _spent(tx, condition, now)
        case Tagged(tag):
            return _tagged(tx, tag)
        case OnList(segment):
            there = select(_p.contact).where(_p.workspace == tx.owned, _p.segment == segment, _p.contact == _k.id)
            return there.exists()
        case Agreed(state):
            return _agreed(tx, state)
        case Quarantined(yes):
            return _k.quarantine.is_not(None) if yes else _k.quarantine.is_(None)
        case Did():
            return _did(tx, condition, now)


def _says(condition: Says, column: ColumnElement[Any]) -> ColumnElement[bool]:
    said = func.coalesce(column, "")
    if condition.known is not None:
        return said != "" if condition.known else said == ""
    if condition.begins is not None:
        return func.substr(said, 1, len(condition.begins)) == condition.begins
    return said.in_(condition.words)


def _value(tx: Transaction, name: str) -> ColumnElement[Any]:
    """What `values` says under a name, as `core.domain.segments.spoken` spells it."""
    kept = type_coerce(_k["values"], Text)
    if tx.is_sqlite:
        path = "$." + orjson.dumps(name).decode()
        kind = func.json_type(kept, path)
        written = kept.op("->", return_type=Text())(path)
        text = kept.op("->>", return_type=Text())(path)
        return case((kind == "text", text), (kind.in_(["integer", "real", "true", "false"]), written))
    found = cast(kept, postgresql.JSON).op("->", return_type=postgresql.JSON())(name)
    text = cast(kept, postgresql.JSON).op("->>", return_type=Text())(name)
    return case((func.json_typeof(found).in_(["string", "number", "boolean"]), text))


def _holds(operator: str, number: ColumnElement[Any], than: int) -> ColumnElement[bool]:
    match operator:
        case "at_least":
            return number >= than
        case "at_most":
            return number <= than
        case "above":
            return number > than
    return number < than


def _micros(tx: Transaction, said: ColumnElement[Any]) -> ColumnElement[Any]:
    """As `core.domain.segments.micros_of`: NULL when it is no number."""
    plain = said
    for sign in " \u00a0\u202f€$£":
        plain = func.replace(plain, sign, "")
    plain = func.replace(plain, ",", ".")
    if not tx.is_sqlite:
        is_number = plain.op("~", return_type=Boolean())(r"^-?[0-9]{1,12}(\.[0-9]{1,18})?$")
        return case((is_number, func.trunc(cast(plain, Numeric) * MICRO)))
    negative = func.substr(plain, 1, 1) == "-"
    body = case((negative, func.substr(plain, 2)), else_=plain)
    point = func.instr(body, ".")
    whole = case((point > 0, func.substr(body, 1, point - 1)), else_=body)
    parts = case((point > 0, func.substr(body, point + 1)), else_="0")
    digits = [
        and_(func.length(one).between(1, most), one.op("NOT GLOB", return_type=Boolean())("*[^0-9]*"))
        for one, most in ((whole, 12), (parts, 18))
    ]
    micros = cast(whole, BigInteger) * MICRO + cast(func.substr(parts + "000000", 1, 6), BigInteger)
    return case((and_(*digits), case((negative, -micros), else_=micros)))


def _dated(tx: Transaction, said: ColumnElement[Any], edge: Edge, now: datetime) -> ColumnElement[bool]:
    """As `core.domain.segments.day_of` reads a day."""

    def written(text: ColumnElement[Any], glob: str, pattern: str) -> ColumnElement[bool]:
        return text.op("GLOB", return_type=Boolean())(glob) if tx.is_sqlite else text.op("~", return_type=Boolean())(
            pattern)  # fmt: skip

    digit = "[0-9]"
    head, tail = func.substr(said, 1, 10), func.substr(said, 11, 1)
    iso = and_(
        written(head, f"{digit * 4}-{digit * 2}-{digit * 2}", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        tail.in_(["", "T", " "]),
    )  # fmt: skip
    french = and_(
        func.length(said) == 10,
        written(head, f"{digit * 2}/{digit * 2}/{digit * 4}", r"^[0-9]{2}/[0-9]{2}/[0-9]{4}$"),
    )
    turned = func.substr(said, 7, 4) + "-" + func.substr(said, 4, 2) + "-" + func.substr(said, 1, 2)
    day = case((iso, head), (french, turned))
    # Compared by their bytes in both databases.
    found: ColumnElement[Any] = day if tx.is_sqlite else collate(day, "C")
    first = utc_day(edge.moment(now))
    side = found >= first if edge.later else found < first
    return func.coalesce(and_(side, found <= utc_day(now)) if edge.past else side, false())


def _last(tx: Transaction, condition: Last, now: datetime) -> ColumnElement[bool]:
    found, at = _deeds(tx, Did(condition.what))
    edge = condition.edge.moment(now)
    if at is _k.created_at:
        return and_(at <= now, at >= edge if condition.edge.later else at < edge)
    last = found.where(at <= now).with_only_columns(func.max(at)).order_by(None).scalar_subquery()
    return func.coalesce(last >= edge if condition.edge.later else last < edge, false())


def _spent(tx: Transaction, condition: Spent, now: datetime) -> ColumnElement[bool]:
    """What `core.domain.carts.total_of` reads of the orders, summed."""
    found, at = _deeds(tx, Did("ordered"))
    found = found.where(at <= now)
    if condition.within is not None:
        found = found.where(at >= now - condition.within)
    kept = type_coerce(_o["values"], Text)
    if tx.is_sqlite:
        amount = case((func.json_type(kept, "$.total.amount") == "integer",
                       cast(func.json_extract(kept, "$.total.amount"), BigInteger)))  # fmt: skip
        currency = case((func.json_type(kept, "$.total.currency") == "text",
                         func.json_extract(kept, "$.total.currency")))  # fmt: skip
    else:
        total = cast(kept, postgresql.JSON).op("->", return_type=postgresql.JSON())("total")
        written = total.op("->>", return_type=Text())("amount")
        is_whole = written.op("~", return_type=Boolean())(r"^-?[0-9]{1,19}$")
        amount = case((and_(_json_kind(total, "amount") == "number", is_whole), cast(written, Numeric)))
        currency = case((_json_kind(total, "currency") == "string", total.op("->>", return_type=Text())("currency")))
    summed = found.with_only_columns(func.coalesce(func.sum(amount), 0)).where(currency == condition.currency)
    return _holds(condition.operator, summed.order_by(None).scalar_subquery(), condition.micros)


def _json_kind(owner: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    return func.json_typeof(owner.op("->", return_type=postgresql.JSON())(name))


def _tagged(tx: Transaction, tag: str) -> ColumnElement[bool]:
    kept = type_coerce(_k["values"], Text)
    if tx.is_sqlite:
        each = func.json_each(kept, "$.tags").table_valued("value", "type", name="each_tag")
        is_list = func.coalesce(func.json_type(kept, "$.tags"), "") == "array"
        return and_(is_list, select(literal(1)).select_from(each).where(
            each.c.type == "text", each.c.value == tag).exists())  # fmt: skip
    tags = cast(kept, postgresql.JSONB).op("->", return_type=postgresql.JSONB())("tags")
    return func.coalesce(tags.op("@>", return_type=Boolean())(cast(t.as_json([tag]), postgresql.JSONB)), false())


def _agreed(tx: Transaction, state: str) -> ColumnElement[bool]:
    """As `core.storage.people.standings` tells it."""
    x, c = t.optouts.c, t.consents.c
    out = select(x.scope).where(
        x.workspace == tx.owned, x.number_hash == _k.number_hash, x.scope.in_(["marketing", "all"])
    ).exists()  # fmt: skip
    last = (
        select(c.state)
        .where(c.workspace == tx.owned, c.number == _k.number, c.scope == "marketing")
        .order_by(c.at.desc(), c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    agreed = func.coalesce(last, "") == "in"
    match state:
        case "out":
            return out
        case "in":
            return and_(~out, agreed)
    return and_(~out, ~agreed)


def _did(tx: Transaction, condition: Did, now: datetime) -> ColumnElement[bool]:
    found, at = _deeds(tx, condition)
    if at is _k.created_at:
        since = now - condition.within if condition.within is not None else None
        joined = and_(at <= now, *([at >= since] if since is not None else []))
        return joined if condition.times == 1 else false()
    found = found.where(at <= now)
    if condition.within is not None:
        found = found.where(at >= now - condition.within)
    if condition.times == 1:
        return found.exists()
    counted = found.with_only_columns(func.count()).order_by(None)
    return counted.scalar_subquery() >= condition.times


def _deeds(tx: Transaction, condition: Did) -> tuple[Select[Any], ColumnElement[datetime]]:
    """What the contact did of that kind, and the column that says when."""
    r, x = t.replies.c, t.clicks.c
    match condition.what:
        case "joined":
            return select(literal(1)), _k.created_at
        case "replied":
            return select(r.id).where(r.workspace == tx.owned, r.number == _k.number), r.received_at
        case "ordered":
            moment = func.coalesce(_o.start, _o.at)
            stands = or_(_o.closed.is_(None), _o.closed.not_in(_CALLED_OFF))
            return select(_o.id).where(_of_contact(tx), _o.kind == "order", stands), moment
        case "visited":
            stands = or_(_o.closed.is_(None), _o.closed.not_in(_CALLED_OFF))
            there = select(_o.id).where(_of_contact(tx), _o.kind == "appointment", stands, _o.start.is_not(None))
            return there, _o.start
    messages = select(_m.id).where(_m.workspace == tx.owned, _m.to == _k.number)
    if condition.campaign is not None:
        messages = messages.where(_m.campaign == condition.campaign)
    if condition.channel is not None:
        messages = messages.where(_m.channel == condition.channel)
    if condition.what == "clicked":
        return messages.join(t.clicks, x.message == _m.id), x.at
    if condition.what == "delivered":
        messages = messages.where(_m.state.in_(["delivered", "read"]))
    return messages.where(_m.left_at.is_not(None)), _m.left_at


def _of_contact(tx: Transaction) -> ColumnElement[bool]:
    mine = or_(_o.own_recipient == _k.number, and_(_o.own_recipient.is_(None), _o.recipient == _k.number))
    return and_(_o.workspace == tx.owned, mine)


# ---------------------------------------------------------------------------------------------- kept ones


def add(tx: Transaction, name: str, conditions: Any, now: datetime) -> str:
    """A new segment; without `conditions` it is a list. Its id."""
    segment_id = new_id("seg")
    tx.connection.execute(
        insert(t.segments).values(
            id=segment_id, workspace=tx.owned, name=name, conditions=conditions, created_at=now, changed_at=now
        )
    )
    return segment_id


def row(tx: Transaction, segment_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.segments).where(_s.id == segment_id, _s.removed_at.is_(None)))


def rows(tx: Transaction, *, after: str | None = None, limit: int = 50) -> list[Mapping[str, Any]]:
    """Oldest first."""
    query = tx.mine(t.segments).where(_s.removed_at.is_(None)).order_by(_s.id).limit(limit)
    return tx.rows(query if after is None else query.where(_s.id > after))


def change(tx: Transaction, segment_id: str, values: Mapping[str, Any], now: datetime) -> None:
    """`values`: plain columns of `segments`."""
    tx.connection.execute(
        update(t.segments).where(_s.id == segment_id, _s.workspace == tx.owned).values(changed_at=now, **values)
    )


def list_named(tx: Transaction, name: str, now: datetime) -> str:
    """The list of that name; a new one, if there is none."""
    query = tx.mine(t.segments, _s.id).where(
        _s.name == name, _s.removed_at.is_(None), type_coerce(_s.conditions, Text).is_(None)
    )
    known = tx.connection.execute(query.order_by(_s.id).limit(1)).scalar()
    return str(known) if known else add(tx, name, None, now)


def lists(tx: Transaction, ids: Iterable[str]) -> set[str]:
    """Which of these are lists of this workspace."""
    found = tx.mine(t.segments, _s.id).where(
        _s.id.in_(sorted(ids)), _s.removed_at.is_(None), type_coerce(_s.conditions, Text).is_(None)
    )
    return set(tx.connection.execute(found).scalars())


def used_by(tx: Transaction, segment_id: str) -> str | None:
    """The name of something that still asks for it: a campaign that is not over or repeats, or another segment."""
    c = t.campaigns.c
    named = f'%"{segment_id}"%'
    campaign = tx.mine(t.campaigns, c.name).where(
        type_coerce(c.audience, Text).like(named), c.state.not_in(["done", "cancelled"])
    )
    segment = tx.mine(t.segments, _s.name).where(type_coerce(_s.conditions, Text).like(named), _s.removed_at.is_(None))
    r = t.campaign_series.c
    series = tx.mine(t.campaign_series, r.name).where(
        type_coerce(r.campaign, Text).like(named), r.state != "ended"
    )
    for query in (campaign, segment, series):
        if (name := tx.connection.execute(query.limit(1)).scalar()) is not None:
            return str(name)
    return None


def put_on(tx: Transaction, segment_id: str, contacts: Sequence[str]) -> int:
    """Puts contacts (ids) on a list; how many were not on it."""
    tx.alone(f"segment:{segment_id}")
    new = 0
    wanted = sorted(set(contacts))
    for chunk in chunks(wanted):
        mine = tx.mine(t.contacts, _k.id).where(_k.id.in_(chunk))
        there = select(_p.contact).where(_p.segment == segment_id, _p.contact.in_(chunk))
        missing = list(tx.connection.execute(mine.where(_k.id.not_in(there))).scalars())
        if missing:
            tx.connection.execute(
                insert(t.segment_people),
                [{"segment": segment_id, "contact": one, "workspace": tx.owned} for one in missing],
            )
        new += len(missing)
    return new


def take_off(tx: Transaction, segment_id: str, contacts: Sequence[str]) -> int:
    """Takes contacts (ids) off a list; how many were on it."""
    gone = 0
    for chunk in chunks(contacts):
        gone += tx.connection.execute(
            delete(t.segment_people).where(
                _p.workspace == tx.owned, _p.segment == segment_id, _p.contact.in_(chunk)
            )
        ).rowcount
    return gone


def by_numbers(tx: Transaction, numbers: Iterable[str]) -> list[Mapping[str, Any]]:
    """The contacts who have these numbers (E.164)."""
    found: list[Mapping[str, Any]] = []
    wanted = sorted(set(numbers))
    for chunk in chunks(wanted):
        found += tx.rows(tx.mine(t.contacts).where(_k.number.in_(chunk)))
    return found


def contacts_of(tx: Transaction, numbers: Iterable[str]) -> dict[str, str]:
    """number (E.164) → the contact's id, for those that are contacts."""
    found: dict[str, str] = {}
    wanted = sorted(set(numbers))
    for chunk in chunks(wanted):
        query = tx.mine(t.contacts, _k.number, _k.id).where(_k.number.in_(chunk))
        found |= {one.number: one.id for one in tx.connection.execute(query)}
    return found
