"""The waiting list in the database: terms, people, slots, offers, and the ledger of each slot.

Who gets a slot is decided here, by one conditional change of the slot's row: of two who say yes at the same second,
the second finds it taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, literal, or_, select, update

from core.domain.events import Kind
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.waitlist import EntryState, OfferState, Person, SlotState, Terms, read_terms
from core.ids import new_id
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import clean
from core.storage.database import Glance, Transaction
from core.storage.ledger import reason_row
from core.storage.occasions import of_rows

Row = Mapping[str, Any]
REFERENCE = "relance:waitlist"
"""The reference of what the waiting list writes by itself, but offers; nobody outside can give a message one."""
OFFERED = "relance:offer"
_e, _s, _f, _p, _w = (
    t.waitlist_entries.c, t.waitlist_slots.c, t.waitlist_offers.c, t.waitlist_steps.c, t.waitlist_terms.c,
)  # fmt: skip
_ALIVE = (SlotState.OPEN, SlotState.TAKEN, SlotState.REHEARSED)
_MISSED = (State.FAILED, State.SUPPRESSED, State.CANCELLED, State.EXPIRED, State.SUPERSEDED)


# ---------------------------------------------------------------------------------------------- terms


def terms(tx: Transaction, installation: str) -> Terms:
    """How this connection's slots are offered; the defaults (off) where nobody said anything."""
    row = tx.row(tx.mine(t.waitlist_terms).where(_w.installation == installation))
    return read_terms(row["terms"]) if row else Terms()


def all_terms(tx: Transaction) -> dict[str, Terms]:
    """installation → terms, of those for which something was said."""
    return {row["installation"]: read_terms(row["terms"]) for row in tx.rows(tx.mine(t.waitlist_terms))}


def set_terms(tx: Transaction, installation: str, new: Terms, now: datetime) -> None:
    values = {"terms": new.as_json(), "changed_at": now}
    done = tx.connection.execute(
        update(t.waitlist_terms).where(_w.workspace == tx.owned, _w.installation == installation).values(**values)
    )
    if not done.rowcount:
        tx.insert_or_leave(t.waitlist_terms, {"installation": installation, "workspace": tx.owned, **values})


def is_on(tx: Transaction) -> bool:
    """Whether anybody in this workspace ever chose terms: asked with every change of a calendar."""
    return bool(tx.quick("SELECT 1 FROM waitlist_terms WHERE workspace = ? LIMIT 1", (tx.owned,)))


# ---------------------------------------------------------------------------------------------- people


def add_entry(tx: Transaction, whom: Recipient, person: Person, agreed_at: datetime, now: datetime) -> str:
    """Puts somebody on the list, at the end unless `person.position` says otherwise; the id."""
    last = tx.connection.execute(
        tx.mine(t.waitlist_entries, func.max(_e.position)).where(_e.state == str(EntryState.WAITING))
    ).scalar()
    entry_id = new_id("wle")
    tx.connection.execute(insert(t.waitlist_entries).values(
        id=entry_id, workspace=tx.owned, number=whom.number, country=whom.country, line=str(whom.line),
        name=clean(person.name), installation=person.installation, kind=clean(person.kind),
        wishes=person.wishes.as_json(), moves=person.moves,
        position=person.position if person.position is not None else (last or 0) + 10,
        state=str(EntryState.WAITING), proof=clean(dict(person.proof)), agreed_at=agreed_at, created_at=now,
        changed_at=now))  # fmt: skip
    return entry_id


def change_entry(tx: Transaction, entry_id: str, values: Mapping[str, Any], now: datetime) -> bool:
    """Changes columns of an entry; False when there is none."""
    done = tx.connection.execute(
        update(t.waitlist_entries)
        .where(_e.workspace == tx.owned, _e.id == entry_id)
        .values(**{name: clean(value) for name, value in values.items()}, changed_at=now)
    )
    return bool(done.rowcount)


def entry(tx: Transaction, entry_id: str) -> Row | None:
    return tx.row(tx.mine(t.waitlist_entries).where(_e.id == entry_id))


def entries(
    tx: Transaction, *, state: EntryState | None = EntryState.WAITING, number: str | None = None,
    installation: str | None = None, after: str | None = None, limit: int = 500,
) -> list[Row]:
    """Those of a state in the list's order; with `after` (an id) by id instead, for pages."""
    query = tx.mine(t.waitlist_entries).limit(limit)
    if state is not None:
        query = query.where(_e.state == str(state))
    if number:
        query = query.where(_e.number == number)
    if installation:
        query = query.where(or_(_e.installation == installation, _e.installation.is_(None)))
    if after is not None:
        return tx.rows(query.where(_e.id > after).order_by(_e.id))
    return tx.rows(query.order_by(_e.position, _e.created_at, _e.id))


def entries_by_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for some in chunks(sorted(set(ids))):
        found |= {row["id"]: row for row in tx.rows(tx.mine(t.waitlist_entries).where(_e.id.in_(some)))}
    return found


def off_the_list(tx: Transaction, number: str, reason: Reason, now: datetime) -> int:
    """Everybody with that number leaves the list; how many places that were."""
    done = tx.connection.execute(
        update(t.waitlist_entries)
        .where(_e.workspace == tx.owned, _e.number == number, _e.state == str(EntryState.WAITING))
        .values(state=str(EntryState.LEFT), reason=reason_row(reason), changed_at=now)
    )
    return int(done.rowcount)


# ---------------------------------------------------------------------------------------------- slots


def free(tx: Transaction, values: Mapping[str, Any], now: datetime) -> str | None:
    """A slot of this `origin` begins; its id. One that is known begins anew only if it was withdrawn; else None."""
    origin = values["origin"][:120]
    known = tx.row(tx.mine(t.waitlist_slots, _s.id, _s.state).where(_s.origin == origin))
    begun = {"reason": None, "offer": None, "moves": None, "writing": "none", "write_at": None, "written": None,
             "trouble": None, "settled_at": None, "taken_at": None, "changed_at": now}  # fmt: skip
    given = {**{name: clean(value) for name, value in values.items()}, "origin": origin}
    if known is not None:
        if known["state"] != SlotState.WITHDRAWN:
            return None
        tx.connection.execute(update(t.waitlist_slots).where(_s.id == known["id"]).values(**given, **begun))
        return str(known["id"])
    slot_id = new_id("wls")
    tx.connection.execute(
        insert(t.waitlist_slots).values(id=slot_id, workspace=tx.owned, **given, **begun, created_at=now)
    )
    return slot_id


def slot(tx: Transaction, slot_id: str) -> Row | None:
    return tx.row(tx.mine(t.waitlist_slots).where(_s.id == slot_id))


def slots(
    tx: Transaction, *, states: Sequence[SlotState] = (), installation: str | None = None,
    since: datetime | None = None, after: str | None = None, limit: int = 50,
) -> list[Row]:
    """Newest first; `since`: of those that begin after it."""
    query = tx.mine(t.waitlist_slots).order_by(_s.id.desc()).limit(limit)
    if states:
        query = query.where(_s.state.in_([str(one) for one in states]))
    if installation:
        query = query.where(_s.installation == installation)
    if since is not None:
        query = query.where(_s.start > since)
    if after:
        query = query.where(_s.id < after)
    return tx.rows(query)


def alive(tx: Transaction, now: datetime) -> list[Row]:
    """The slots ahead that are offered, taken or shown in rehearsal, the nearest first."""
    query = tx.mine(t.waitlist_slots).where(_s.state.in_([str(one) for one in _ALIVE]), _s.start > now)
    return tx.rows(query.order_by(_s.start, _s.id).limit(200))


def any_alive(tx: Transaction, now: datetime) -> bool:
    """Whether `alive` would find any: asked with every change of a calendar."""
    statement = "SELECT 1 FROM waitlist_slots WHERE workspace = ? AND state <> 'withdrawn' AND start > ? LIMIT 1"
    return bool(tx.quick(statement, (tx.owned, t.micros(now))))


def of_occasion(tx: Transaction, occasion: str) -> list[Row]:
    """The slots that this appointment left free."""
    return tx.rows(tx.mine(t.waitlist_slots).where(_s.occasion == occasion).order_by(_s.id.desc()).limit(20))


def change_slot(tx: Transaction, slot_id: str, now: datetime, **values: Any) -> None:
    mine = (_s.workspace == tx.owned, _s.id == slot_id)
    tx.connection.execute(update(t.waitlist_slots).where(*mine).values(**values, changed_at=now))


def end_slot(tx: Transaction, slot_id: str, state: SlotState, reason: Reason, now: datetime) -> bool:
    """An open, taken or rehearsed slot ends; False when it had ended."""
    done = tx.connection.execute(
        update(t.waitlist_slots)
        .where(_s.workspace == tx.owned, _s.id == slot_id, _s.state.in_([str(one) for one in _ALIVE]))
        .values(state=str(state), reason=reason_row(reason), next_at=None, write_at=None, changed_at=now)
    )
    return bool(done.rowcount)


def take(tx: Transaction, slot_id: str, offer_id: str, now: datetime, **values: Any) -> bool:
    """The slot goes to this offer, if nobody has it. Exactly one of those who try gets True."""
    done = tx.connection.execute(
        update(t.waitlist_slots)
        .where(_s.workspace == tx.owned, _s.id == slot_id, _s.state == str(SlotState.OPEN))
        .values(state=str(SlotState.TAKEN), offer=offer_id, taken_at=now, next_at=None, changed_at=now, **values)
    )
    if not done.rowcount:
        return False
    # Whoever was asked meanwhile is no longer; then this one has it.
    tx.connection.execute(
        update(t.waitlist_offers)
        .where(_f.workspace == tx.owned, _f.slot == slot_id, _f.id == offer_id)
        .values(state=str(OfferState.TAKEN), answered_at=func.coalesce(_f.answered_at, literal(now, t.Moment())))
    )
    return True


def give_back(tx: Transaction, slot_id: str, offer_id: str, now: datetime) -> bool:
    """Who had taken it does not want it any more; False when it was another's, or stands in the calendar."""
    done = tx.connection.execute(
        update(t.waitlist_slots)
        .where(
            _s.workspace == tx.owned, _s.id == slot_id, _s.state == str(SlotState.TAKEN), _s.offer == offer_id,
            _s.settled_at.is_(None),
        )
        .values(state=str(SlotState.OPEN), offer=None, moves=None, writing="none", write_at=None, taken_at=None,
                next_at=now, changed_at=now)
    )  # fmt: skip
    return bool(done.rowcount)


def wake(tx: Transaction, now: datetime) -> int:
    """The list changed: open slots are looked at again. How many."""
    done = tx.connection.execute(
        update(t.waitlist_slots)
        .where(_s.workspace == tx.owned, _s.state == str(SlotState.OPEN), _s.next_at > now)
        .values(next_at=now)
    )
    return int(done.rowcount)


def any_due(tx: Transaction | Glance, now: datetime) -> bool:
    """Whether `due` would find any."""
    return bool(tx.quick("SELECT 1 FROM waitlist_slots WHERE next_at <= ? LIMIT 1", (t.micros(now),)))


def due(tx: Transaction, now: datetime, limit: int = 100) -> list[tuple[str, str]]:
    """(workspace, slot) of the whole house whose next step has come."""
    query = select(_s.workspace, _s.id).where(_s.next_at <= now).order_by(_s.next_at, _s.id).limit(limit)
    return [(row.workspace, row.id) for row in tx.connection.execute(query)]


def next_due(tx: Transaction, after: datetime) -> datetime | None:
    """When the next step of any slot falls due after that moment."""
    found: datetime | None = tx.connection.execute(select(func.min(_s.next_at)).where(_s.next_at > after)).scalar()
    return found


def any_to_write(tx: Transaction | Glance, now: datetime) -> bool:
    """Whether `to_write` would find any."""
    return bool(tx.quick("SELECT 1 FROM waitlist_slots WHERE write_at <= ? LIMIT 1", (t.micros(now),)))


def to_write(tx: Transaction, now: datetime, lease: timedelta, limit: int = 20) -> list[Row]:
    """Slots of the whole house whose taker is to be put into a calendar; each is left alone for `lease`."""
    rows = tx.rows(tx.unshared(select(t.waitlist_slots).where(_s.write_at <= now).order_by(_s.write_at).limit(limit)))
    for row in rows:
        tx.connection.execute(update(t.waitlist_slots).where(_s.id == row["id"]).values(write_at=now + lease))
    return rows


# ---------------------------------------------------------------------------------------------- offers


def ask(
    tx: Transaction, slot_id: str, entry_row: Row, reason: Reason, until: datetime, now: datetime
) -> str | None:
    """Notes that this person is asked; the offer's id. None when they were before, or somebody else is: the database
    decides."""
    offer_id = new_id("wlo")
    values = {
        "id": offer_id, "workspace": tx.owned, "slot": slot_id, "entry": entry_row["id"],
        "number": entry_row["number"], "state": str(OfferState.ASKED),
        "reason": reason_row(reason), "asked_at": now, "until": until,
    }  # fmt: skip
    tx.insert_or_leave(t.waitlist_offers, values)
    return offer_id if offer(tx, offer_id) is not None else None


def offer(tx: Transaction, offer_id: str) -> Row | None:
    return tx.row(tx.mine(t.waitlist_offers).where(_f.id == offer_id))


def offers(
    tx: Transaction, *, slots: Sequence[str] | None = None, number: str | None = None, since: datetime | None = None,
    after: str | None = None, limit: int = 500, newest: bool = False,
) -> list[Row]:
    """By when they were asked; `since`: asked after it. `newest`: by id, the newest first, for pages."""
    query = tx.mine(t.waitlist_offers).limit(limit)
    if slots is not None:
        query = query.where(_f.slot.in_(list(slots)))
    if number:
        query = query.where(_f.number == number)
    if since is not None:
        query = query.where(_f.asked_at > since)
    if after:
        query = query.where(_f.id < after)
    return tx.rows(query.order_by(_f.id.desc()) if newest else query.order_by(_f.asked_at, _f.id))


def answered(
    tx: Transaction, offer_id: str, state: OfferState, now: datetime, reason: Reason | None = None,
    *, before: Sequence[OfferState] = (OfferState.ASKED,),
) -> bool:
    """The offer is over, or waits in reserve; False when it was no longer in one of the states `before`."""
    values: dict[str, Any] = {"state": str(state)}
    if reason is not None:
        values["reason"] = reason_row(reason)
    if state in (OfferState.NO, OfferState.RESERVE):
        values["answered_at"] = now
    done = tx.connection.execute(
        update(t.waitlist_offers)
        .where(_f.workspace == tx.owned, _f.id == offer_id, _f.state.in_([str(one) for one in before]))
        .values(**values)
    )
    return bool(done.rowcount)


def unask(tx: Transaction, offer_id: str) -> None:
    """The offer never left: it is as if it had not been made."""
    tx.connection.execute(t.waitlist_offers.delete().where(_f.workspace == tx.owned, _f.id == offer_id))


def bears(tx: Transaction, offer_id: str, message: str) -> None:
    """The offer is made by this message."""
    mine = (_f.workspace == tx.owned, _f.id == offer_id)
    tx.connection.execute(update(t.waitlist_offers).where(*mine).values(message=message))


def close_asked(tx: Transaction, slot_id: str, reason: Reason, *, but: str | None = None) -> list[Row]:
    """Those who are asked, or wait in reserve, are no longer; their rows as they were."""
    rows = [
        row for row in offers(tx, slots=[slot_id])
        if row["state"] in (OfferState.ASKED, OfferState.RESERVE) and row["id"] != but
    ]  # fmt: skip
    for row in rows:
        tx.connection.execute(
            update(t.waitlist_offers)
            .where(_f.workspace == tx.owned, _f.id == row["id"])
            .values(state=str(OfferState.WITHDRAWN), reason=reason_row(reason))
        )
    return rows


def missed(tx: Transaction, slot_id: str) -> Row | None:
    """The offer that is asked although its message will reach nobody; with the message's state and reason."""
    m = t.messages.c
    query = (
        select(_f.id, _f.number, _f.entry, m.state.label("became"), m.reason.label("why"))
        .join(t.messages, m.id == _f.message)
        .where(
            _f.workspace == tx.owned, _f.slot == slot_id, _f.state == str(OfferState.ASKED),
            m.state.in_([str(one) for one in _MISSED]),
        )
    )
    return tx.row(query.limit(1))


def asked_lately(tx: Transaction, numbers: Iterable[str], since: datetime) -> dict[str, int]:
    """number → how many offers it had since then."""
    found: dict[str, int] = {}
    for some in chunks(sorted(set(numbers))):
        query = tx.mine(t.waitlist_offers, _f.number, func.count()).where(_f.number.in_(some), _f.asked_at > since)
        found |= {number: int(count) for number, count in tx.connection.execute(query.group_by(_f.number))}
    return found


def asked_now(tx: Transaction) -> set[str]:
    """The numbers that hold an offer which waits for their answer."""
    query = tx.mine(t.waitlist_offers, _f.number).where(_f.state == str(OfferState.ASKED))
    return {row.number for row in tx.connection.execute(query)}


# ---------------------------------------------------------------------------------------------- around the slot


def overlapping(
    tx: Transaction, installation: str, start: datetime, end: datetime, *, but: str | None = None
) -> list[Any]:
    """The open appointments (occasions) of this connection that lie in that time, `but` left out; whole days do not
    count, nor do those whose person will not come."""
    c = t.occasions.c
    day = timedelta(days=1)
    query = tx.mine(t.occasions).where(
        c.installation == installation, c.kind == str(Kind.APPOINTMENT), c.closed.is_(None), c.all_day.is_(False),
        c.start < end, c.start > start - day, or_(c.end > start, and_(c.end.is_(None), c.start >= start)),
        or_(c.answer.is_(None), c.answer != "declined"),
    )  # fmt: skip
    if but:
        query = query.where(c.id != but)
    return of_rows(tx.rows(query.limit(50)))


def busy(tx: Transaction, start: datetime, end: datetime) -> set[str]:
    """The numbers of those who have an appointment in that time, anywhere in this workspace."""
    c = t.occasions.c
    query = tx.mine(t.occasions, c.recipient, c.own_recipient).where(
        c.kind == str(Kind.APPOINTMENT), c.closed.is_(None), c.all_day.is_(False), c.start < end,
        c.start > start - timedelta(days=1), or_(c.end > start, and_(c.end.is_(None), c.start >= start)),
        or_(c.answer.is_(None), c.answer != "declined"),
    )  # fmt: skip
    return {row.own_recipient or row.recipient for row in tx.connection.execute(query)} - {None}


def next_of(tx: Transaction, installation: str, number: str, now: datetime) -> Any:
    """The next open appointment (occasion) of a person at this connection, or None."""
    c = t.occasions.c
    query = tx.mine(t.occasions).where(
        c.installation == installation, c.kind == str(Kind.APPOINTMENT), c.closed.is_(None), c.start > now,
        or_(c.own_recipient == number, and_(c.own_recipient.is_(None), c.recipient == number)),
        or_(c.answer.is_(None), c.answer != "declined"),
    )  # fmt: skip
    return next(iter(of_rows(tx.rows(query.order_by(c.start, c.id).limit(1)))), None)


# ---------------------------------------------------------------------------------------------- the ledger


def note(
    tx: Transaction, slot_id: str, what: str, now: datetime, *, number: str | None = None, entry: str | None = None,
    reason: Reason | None = None,
) -> None:
    """A step of a slot: freed, asked, passed_over, yes, no, silent, reserve, late, taken, withdrawn, written, …"""
    tx.connection.execute(
        insert(t.waitlist_steps).values(
            workspace=tx.owned, slot=slot_id, at=now, what=what, number=number, entry=entry, reason=reason_row(reason)
        )
    )


def steps(tx: Transaction, slot_id: str) -> list[Row]:
    """The story of a slot, in order."""
    return tx.rows(tx.mine(t.waitlist_steps).where(_p.slot == slot_id).order_by(_p.at, _p.id).limit(1000))


def passed_over(tx: Transaction, slot_id: str) -> set[tuple[str, str]]:
    """(entry, reason code) that the ledger of this slot holds already."""
    query = tx.mine(t.waitlist_steps, _p.entry, _p.reason).where(_p.slot == slot_id, _p.what == "passed_over")
    return {(row.entry, row.reason["code"]) for row in tx.connection.execute(query)}


def steps_of(tx: Transaction, number: str, limit: int = 50) -> list[Row]:
    """What the ledgers say of one person, newest first."""
    return tx.rows(tx.mine(t.waitlist_steps).where(_p.number == number).order_by(_p.id.desc()).limit(limit))
