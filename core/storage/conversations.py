"""Conversations: one for each person who wrote back, and the notes that people of the house make about it.

What was said is not kept twice: it stands in `messages` and `replies`, and is put in order when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, insert, literal, or_, select, text, type_coerce, update

from core.domain.messages import Channel
from core.ids import new_id
from core.storage import tables as t
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.tables import Moment, from_micros, micros

OPEN, WAITING, CLOSED = "open", "waiting", "closed"
STATES = (OPEN, WAITING, CLOSED)
NOBODY = "nobody"
SAID = "relance:said:"
"""What the reference of a message begins with that a person wrote in a conversation: then who it was, and which time
they pressed the button. Nobody outside can give a message such a reference."""
_CHUNK = 400
_c, _n, _m, _p = t.conversations.c, t.notes.c, t.messages.c, t.replies.c


@dataclass(frozen=True, slots=True)
class Filter:
    """What lists of conversations filter by. `assigned`: a user, or `NOBODY`; `digits`: some of the number's."""

    state: tuple[str, ...] = ()
    assigned: str | None = None
    unread: bool | None = None
    channel: str | None = None
    number: str | None = None
    digits: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was said, or noted: a row of messages, replies or notes."""

    kind: str
    """message | reply | note"""
    at: datetime
    row: Mapping[str, Any]

    @property
    def cursor(self) -> str:
        return _cursor(self.at, self.row["id"])


# ---------------------------------------------------------------------------------------------- what happens


def heard(
    tx: Transaction, number: str, reply_id: str, channel: str | None, now: datetime, *, waits: bool, settled: bool
) -> str:
    """A reply came; the conversation's id. `waits`: a person has to read it, so that the conversation is open.
    `settled`: it answered what an earlier one had left open. One that was understood opens nothing."""
    tx.insert_or_leave(
        t.conversations,
        {"id": new_id("cnv"), "workspace": tx.owned, "number": number, "state": CLOSED, "unread": 0, "at": now,
         "created_at": now},
    )  # fmt: skip
    values: dict[str, Any] = {"reply": reply_id, "at": now}
    if channel:
        values["channel"] = channel
    if waits:
        values |= {"state": OPEN, "unread": _c.unread + 1}
    elif settled:
        values |= {"state": CLOSED, "unread": 0}
    else:
        values["state"] = case((_c.state == WAITING, CLOSED), else_=_c.state)
    done = update(t.conversations).where(_c.workspace == tx.owned, _c.number == number).values(**values)
    return str(tx.connection.execute(done.returning(_c.id)).scalar_one())


def said(tx: Transaction, conversation_id: str, message_id: str, now: datetime, *, read: str | None) -> None:
    """A person of the house answered, who had read up to the reply `read`: it waits for the other side now, unless that
    has written something more."""
    nothing_new = _c.reply.is_(None) if read is None else _c.reply == read
    state = case((nothing_new, WAITING), else_=OPEN)
    unread = case((nothing_new, 0), else_=_c.unread)
    change(tx, conversation_id, message=message_id, at=now, state=state, unread=unread)


def change(tx: Transaction, conversation_id: str, **values: Any) -> bool:
    """`values`: columns of `conversations`. False when there is no such conversation."""
    mine = (_c.id == conversation_id, _c.workspace == tx.owned)
    return bool(tx.connection.execute(update(t.conversations).where(*mine).values(**values)).rowcount)


def note(tx: Transaction, conversation: Mapping[str, Any], who: str, words: str, now: datetime) -> Mapping[str, Any]:
    """Keeps a note about a conversation (its row)."""
    row = {"id": new_id("nte"), "workspace": tx.owned, "conversation": conversation["id"],
           "number": conversation["number"], "who": who, "text": clean(words), "at": now}  # fmt: skip
    tx.connection.execute(insert(t.notes).values(**row))
    return row


def settled(tx: Transaction, number: str, now: datetime, *, until: str | None = None) -> int:
    """Every reply of that number is dealt with, or those up to one of them. Returns how many waited."""
    done = update(t.replies).where(_p.workspace == tx.owned, _p.number == number, _p.handled_at.is_(None))
    if until is not None:
        done = done.where(_p.id <= until)
    return tx.connection.execute(done.values(handled_at=now)).rowcount


def said_before(tx: Transaction, conversation: Mapping[str, Any], reference: str) -> Mapping[str, Any] | None:
    """The message of that reference to the person of a conversation (its row). Until the end of the transaction nobody
    else answers in it."""
    tx.alone(f"conversation:{conversation['id']}")
    return tx.row(tx.mine(t.messages).where(_m.reference == reference, _m.to == conversation["number"]).limit(1))


# ---------------------------------------------------------------------------------------------- reading


def get(tx: Transaction, conversation_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.conversations).where(_c.id == conversation_id))


def of_number(tx: Transaction, number: str) -> Mapping[str, Any] | None:
    """The conversation with that number (E.164), if the person ever wrote."""
    return tx.row(tx.mine(t.conversations).where(_c.number == number))


def listed(
    tx: Transaction, wanted: Filter, *, limit: int = 50, by_id: bool = False
) -> list[Mapping[str, Any]]:
    """The one in which something was said last comes first; `by_id`: the newest one, and `after` is an id then."""
    query = tx.mine(t.conversations).limit(limit)
    query = query.order_by(_c.id.desc()) if by_id else query.order_by(_c.at.desc(), _c.id.desc())
    if wanted.state:
        query = query.where(_c.state.in_(wanted.state))
    if wanted.assigned:
        query = query.where(_c.assigned.is_(None) if wanted.assigned == NOBODY else _c.assigned == wanted.assigned)
    if wanted.unread is not None:
        query = query.where(_c.unread > 0 if wanted.unread else _c.unread == 0)
    if wanted.channel:
        # Whose channel nobody knows is answered by SMS.
        unknown = [_c.channel.is_(None)] if wanted.channel == Channel.SMS else []
        query = query.where(or_(_c.channel == wanted.channel, *unknown))
    if wanted.number:
        query = query.where(_c.number == wanted.number)
    if wanted.digits:
        query = query.where(_c.number.like(f"%{wanted.digits}%"))
    if wanted.after and by_id:
        query = query.where(_c.id < wanted.after)
    elif wanted.after and (last := _moment_of(wanted.after)) is not None:
        query = query.where(_before(_c.at, _c.id, last))
    return tx.rows(query)


def to_answer(tx: Transaction, limit: int) -> list[Mapping[str, Any]]:
    """Open conversations, the one in which nothing was said for longest first."""
    return tx.rows(tx.mine(t.conversations).where(_c.state == OPEN).order_by(_c.at, _c.id).limit(limit))


def cursor(row: Mapping[str, Any]) -> str:
    """Where a list goes on after this conversation."""
    return _cursor(row["at"], row["id"])


def counts(tx: Transaction) -> dict[str, int]:
    """state → how many."""
    query = tx.mine(t.conversations, _c.state, func.count()).group_by(_c.state)
    return {row[0]: row[1] for row in tx.connection.execute(query)}


def last_words(
    tx: Transaction, rows: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """Of these conversations: the rows of their last replies, and of the last messages that people wrote, by id."""
    rows = list(rows)
    wanted = {"reply": [row["reply"] for row in rows if row["reply"]],
              "message": [row["message"] for row in rows if row["message"]]}  # fmt: skip
    found: list[dict[str, Mapping[str, Any]]] = []
    for table, ids in ((t.replies, wanted["reply"]), (t.messages, wanted["message"])):
        some: dict[str, Mapping[str, Any]] = {}
        for first in range(0, len(ids), _CHUNK):
            query = tx.mine(table).where(table.c.id.in_(ids[first : first + _CHUNK]))
            some |= {row["id"]: row for row in tx.rows(query)}
        found.append(some)
    return found[0], found[1]


def wrote_by(tx: Transaction, channel: Channel, numbers: Iterable[str]) -> dict[str, datetime]:
    """number → when the person last wrote by that channel."""
    wanted, found = sorted(set(numbers)), dict[str, datetime]()
    for first in range(0, len(wanted), _CHUNK):
        query = tx.mine(t.replies, _p.number, type_coerce(func.max(_p.at), Moment)).where(
            _p.number.in_(wanted[first : first + _CHUNK]), _p.channel == str(channel)
        )
        found |= {row[0]: row[1] for row in tx.connection.execute(query.group_by(_p.number))}
    return found


def entries(
    tx: Transaction, conversation: Mapping[str, Any], *, after: str | None = None, limit: int = 50
) -> list[Entry]:
    """What was said and noted, newest first: what left for the person, what a person of the house wrote (whether it
    left or not), what came back, and notes. `after` is the cursor of the last one seen."""
    number, found = conversation["number"], list[Entry]()
    spoken = type_coerce(func.coalesce(_m.left_at, _m.created_at), Moment)
    left = or_(_m.left_at.is_not(None), _m.reference.like(f"{SAID}%"))
    for kind, table, at, mine in (
        ("message", t.messages, spoken, and_(_m.to == number, left)),
        ("reply", t.replies, _p.received_at, _p.number == number),
        ("note", t.notes, _n.at, _n.conversation == conversation["id"]),
    ):
        query = tx.mine(table, *table.c, at.label("said_at")).where(mine)
        query = query.order_by(text("said_at DESC"), table.c.id.desc()).limit(limit)
        if after and (last := _moment_of(after)) is not None:
            query = query.where(_before(at, table.c.id, last))
        found += [Entry(kind, row["said_at"], row) for row in tx.rows(query)]
    found.sort(key=lambda one: (one.at, one.row["id"]), reverse=True)
    return found[:limit]


def authors(tx: Transaction, who: Iterable[str]) -> dict[str, str]:
    """user → what they are called, for those of them who belong to this workspace."""
    u, b = t.users.c, t.memberships.c
    query = select(u.id, u.name, u.email).join(t.memberships, b.user == u.id)
    query = query.where(b.workspace == tx.owned, u.id.in_(sorted(set(who))))
    return {row.id: row.name or row.email for row in tx.connection.execute(query)}


# ---------------------------------------------------------------------------------------------- cursors


def _cursor(at: datetime, row_id: str) -> str:
    return f"{micros(at)}-{row_id}"


def _moment_of(after: str) -> tuple[datetime, str] | None:
    """What a cursor says; None for one that is none."""
    at, _, row_id = after.partition("-")
    if not (at.isascii() and at.isdigit() and len(at) <= 17):
        return None
    return from_micros(int(at)), row_id


def _before(at: Any, row_id: Any, last: tuple[datetime, str]) -> Any:
    moment = literal(last[0], Moment)
    return or_(at < moment, and_(at == moment, row_id < last[1]))
