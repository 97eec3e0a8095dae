"""Segments: sets of people with a name, by conditions or as a list. Each question is one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
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
    Agreed,
    Condition,
    Did,
    Either,
    Every,
    Not,
    OnList,
    Quarantined,
    Says,
    Tagged,
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
    """The name of something that still asks for it: a campaign that is not over, or another segment."""
    c = t.campaigns.c
    named = f'%"{segment_id}"%'
    campaign = tx.mine(t.campaigns, c.name).where(
        type_coerce(c.audience, Text).like(named), c.state.not_in(["done", "cancelled"])
    )
    segment = tx.mine(t.segments, _s.name).where(type_coerce(_s.conditions, Text).like(named), _s.removed_at.is_(None))
    for query in (campaign, segment):
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
