"""What frees a slot, and what takes it back: read from what a calendar, a person, or somebody of the house says.

Called in the transaction that takes the news in, so that nothing is free that was filled meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.events import Closed, Event, Kind
from core.domain.occasions import Answer, Occasion
from core.domain.reasons import Reason
from core.domain.waitlist import Cause, SlotState, Terms
from core.engine.waitlist import offering, telling
from core.storage import answers, house, installations, occasions, waitlist
from core.storage.database import Transaction

_GONE = (Closed.CANCELLED, Closed.DELETED)
_OFFERED = (SlotState.OPEN, SlotState.REHEARSED)
MOST_SHOWN = 50


def before(tx: Transaction, installation: str, events: Sequence[Event]) -> Mapping[str, Occasion] | None:
    """What is known of these appointments before the news of them is taken in; None where nobody uses the list."""
    keys = {one.key for one in events if one.kind is Kind.APPOINTMENT}
    if not keys or not waitlist.is_on(tx):
        return None
    return {one.key: one for one in occasions.by_keys(tx, installation, keys)}


def noticed(
    tx: Transaction, installation: str, was: Mapping[str, Occasion] | None, changed: Sequence[Occasion], now: datetime
) -> None:
    """Appointments changed: some leave a time free, some fill one."""
    if was is None or not changed:
        return
    terms = waitlist.terms(tx, installation)
    mine = [one for one in changed if one.kind is Kind.APPOINTMENT]
    # First what fills a time: what one page moves and cancels must not be offered in between.
    slots = waitlist.alive(tx, now) if waitlist.any_alive(tx, now) else []
    for one in mine:
        if slots and one.closed is None:
            _filled(tx, one, slots, now)
    for one in mine:
        old = was.get(one.key)
        if old is None or not old.open or old.start is None or old.all_day or old.start <= now:
            continue
        if one.closed in _GONE:
            _freed(tx, old, Cause.CANCELLED, terms, now)
        elif one.closed is None and one.start != old.start:
            given_up = any(slot["moves"] == one.id for slot in slots)
            _freed(tx, old, Cause.MOVED, terms, now, surely=given_up)


def declined(tx: Transaction, occasion: Occasion, now: datetime) -> None:
    """The person will not come: their time is free, though it still stands in the calendar."""
    if occasion.open and occasion.start is not None and not occasion.all_day and waitlist.is_on(tx):
        _freed(tx, occasion, Cause.DECLINED, waitlist.terms(tx, occasion.installation), now)


def confirmed(tx: Transaction, occasion: Occasion, now: datetime) -> bool:
    """The person comes after all. False when their time has been given to somebody else."""
    if not waitlist.is_on(tx):
        return True
    tx.alone(f"plan:{tx.owned}")
    for slot in waitlist.of_occasion(tx, occasion.id):
        if slot["start"] != occasion.start:
            continue
        if slot["state"] == SlotState.TAKEN:
            return False
        if slot["state"] in _OFFERED:
            offering.end(tx, slot, SlotState.WITHDRAWN, Reason("waitlist_restored"), now)
    return True


def corrected(tx: Transaction, occasion: Occasion, now: datetime) -> None:
    """A person said whose number an appointment has: it may be that of whoever took a slot."""
    if occasion.kind is Kind.APPOINTMENT and occasion.closed is None:
        _filled(tx, occasion, waitlist.alive(tx, now), now)


def went_live(tx: Transaction, installation: str, now: datetime) -> None:
    """What was only shown in rehearsal is offered from now on."""
    for row in waitlist.slots(tx, states=[SlotState.REHEARSED], installation=installation, since=now, limit=200):
        waitlist.change_slot(tx, row["id"], now, state=str(SlotState.OPEN), reason=None, next_at=now)


def by_hand(tx: Transaction, given: Mapping[str, Any], who: str, now: datetime) -> str:
    """Somebody of the house offers a time: `{"occasion"}`, or `{"installation", "start", "end", "zone", "title"}`. The
    slot's id. Raises `NotFound`, `BadInput`, `Conflict` when it is offered already, or the calendar is not free."""
    tx.alone(f"plan:{tx.owned}")
    found = occasions.get(tx, given["occasion"]) if given.get("occasion") else None
    if given.get("occasion") and found is None:
        raise NotFound("occasion")
    if found is not None:
        start, end, zone, installation = found.start, found.end, found.zone, found.installation
        title, place = _title(found), _place(found)
        origin = _origin(found)
    else:
        start, end, zone = given.get("start"), given.get("end"), given.get("zone")
        installation, title, place = given.get("installation") or "", given.get("title") or "", ""
        origin = f"hand/{installation}/{start.isoformat() if start else ''}/{title}"
    if start is None or start <= now:
        raise BadInput("waitlist_slot_past", pointer="/start")
    if not installations.is_there(tx, installation):
        raise NotFound("installation")
    if end is not None and end <= start:
        raise BadInput("waitlist_slot_end", pointer="/end")
    taken = waitlist.overlapping(tx, installation, start, end or start + offering.USUAL_LENGTH)
    taken = [one for one in taken if found is None or (one.id != found.id and _place(one) == place)]
    if found is not None and (found.open and found.answer is not Answer.DECLINED):
        taken = [found, *taken]
    # Of a time that somebody types, we do not know in which of several calendars it is meant.
    if taken and (found is not None or len({_place(one) for one in taken}) < 2):
        raise Conflict("waitlist_time_used", title=_title(taken[0]))
    terms = waitlist.terms(tx, installation)
    slot_id = _begun(tx, installation, origin, Cause.BY_HAND, start, end, zone or _zone(tx), title, place,
                     found.id if found else None, terms, now)  # fmt: skip
    if slot_id is None:
        raise Conflict("waitlist_offered_already")
    house.note(tx, who, "slot_offered", slot_id, {}, now)
    return slot_id


def withdraw(tx: Transaction, slot_id: str, who: str, now: datetime) -> None:
    """Somebody of the house takes a slot back: whoever is asked, or has it, is told. Raises `NotFound`, `Conflict`."""
    tx.alone(f"plan:{tx.owned}")
    row = waitlist.slot(tx, slot_id)
    if row is None:
        raise NotFound("slot")
    if not offering.end(tx, row, SlotState.WITHDRAWN, Reason("waitlist_by_person"), now):
        raise Conflict("waitlist_slot_over")
    house.note(tx, who, "slot_withdrawn", slot_id, {}, now)


def settled(tx: Transaction, slot_id: str, who: str, now: datetime) -> None:
    """Somebody of the house has written it into the calendar. Raises `NotFound`, `Conflict` when nobody took it."""
    tx.alone(f"plan:{tx.owned}")
    row = waitlist.slot(tx, slot_id)
    if row is None:
        raise NotFound("slot")
    if row["state"] != SlotState.TAKEN:
        raise Conflict("waitlist_not_taken")
    if row["settled_at"] is None:
        waitlist.change_slot(tx, slot_id, now, settled_at=now, write_at=None, trouble=None)
        waitlist.note(tx, slot_id, "settled", now, reason=Reason("waitlist_settled_by_person"))
        house.note(tx, who, "slot_settled", slot_id, {}, now)


def _filled(tx: Transaction, one: Occasion, slots: Sequence[waitlist.Row], now: datetime) -> None:
    """An appointment stands at a time: is that one of the living `slots`?"""
    if one.start is None or one.all_day or one.start <= now:
        return
    ends = one.end or one.start + offering.USUAL_LENGTH
    for slot in slots:
        if slot["installation"] != one.installation or slot["start"] >= ends:
            continue
        if one.start >= (slot["end"] or slot["start"] + offering.USUAL_LENGTH):
            continue
        itself = slot["occasion"] == one.id and slot["start"] == one.start
        if itself and one.answer is Answer.DECLINED:
            continue
        if not itself and slot["place"] and _place(one) and slot["place"] != _place(one):
            continue
        if slot["state"] == SlotState.TAKEN:
            # As it is now: another appointment of the same news may have settled it.
            _filled_taken(tx, waitlist.slot(tx, slot["id"]) or slot, one, now)
        else:
            why = Reason("waitlist_restored" if itself else "waitlist_filled")
            offering.end(tx, slot, SlotState.WITHDRAWN, why, now)


def _filled_taken(tx: Transaction, slot: waitlist.Row, one: Occasion, now: datetime) -> None:
    """Whoever has it stands in the calendar now; or somebody else does, which a person has to put right."""
    if slot["settled_at"] is not None:
        return
    offer = waitlist.offer(tx, slot["offer"]) if slot["offer"] else None
    mine = offer is not None and one.recipient is not None and one.recipient.number == offer["number"]
    if mine or slot["written"] == one.key:
        waitlist.change_slot(tx, slot["id"], now, settled_at=now, write_at=None, trouble=None)
        waitlist.note(tx, slot["id"], "settled", now, reason=Reason("waitlist_in_calendar"))
        return
    why = Reason("waitlist_clash")
    if slot["trouble"] is None or slot["trouble"]["code"] != why.code:
        waitlist.change_slot(tx, slot["id"], now, trouble=_reason_row(why), write_at=None)
        waitlist.note(tx, slot["id"], "clash", now, reason=why)


def _freed(
    tx: Transaction, was: Occasion, cause: Cause, terms: Terms, now: datetime, *, surely: bool = False
) -> None:
    """The time of an appointment as it was known is free, if the clinic wants it to be offered."""
    if not terms.on or was.start is None or (cause not in terms.causes and not surely):
        return
    if any(row["start"] == was.start and not _may_begin_anew(row) for row in waitlist.of_occasion(tx, was.id)):
        return
    others = waitlist.overlapping(tx, was.installation, was.start, was.end or was.start + offering.USUAL_LENGTH)
    if any(_place(one) == _place(was) for one in others if not (one.id == was.id and cause is Cause.DECLINED)):
        return
    _begun(tx, was.installation, _origin(was), cause, was.start, was.end, was.zone or _zone(tx), _title(was),
           _place(was), was.id, terms, now)  # fmt: skip


def _may_begin_anew(row: waitlist.Row) -> bool:
    """A slot that a calendar took back may be freed again; what a person of the house took back stays theirs."""
    return row["state"] == SlotState.WITHDRAWN and row["reason"] != _reason_row(Reason("waitlist_by_person"))


def _reason_row(reason: Reason) -> Mapping[str, Any]:
    return {"code": reason.code, "values": dict(reason.values)}


def _begun(
    tx: Transaction, installation: str, origin: str, cause: Cause, start: datetime, end: datetime | None, zone: str,
    title: str, place: str, occasion: str | None, terms: Terms, now: datetime,
) -> str | None:  # fmt: skip
    live = answers.modes(tx).get(installation, False)
    deadline = start - terms.notice
    state, reason = (SlotState.OPEN, None) if live else (SlotState.REHEARSED, Reason("in_rehearsal"))
    if now >= deadline:
        state, reason = SlotState.OVER, Reason("waitlist_freed_late")
    slot_id = waitlist.free(tx, {
        "installation": installation, "occasion": occasion, "origin": origin, "cause": str(cause), "start": start,
        "end": end, "zone": zone, "title": title[:200], "place": place[:200], "state": str(state),
        "deadline": deadline, "next_at": now if state is SlotState.OPEN else None}, now)  # fmt: skip
    if slot_id is None:
        return None
    if reason is not None:
        waitlist.change_slot(tx, slot_id, now, reason=_reason_row(reason))
    waitlist.note(tx, slot_id, "freed", now, reason=Reason(f"waitlist_freed_{cause}"))
    telling.counted(tx, "freed")
    telling.told(tx, "slot.freed", slot_id, now)
    return slot_id


def _origin(one: Occasion) -> str:
    return f"{one.id}/{one.start.isoformat() if one.start else ''}"


def _title(one: Occasion) -> str:
    return str(one.values.get("title") or "")[:200]


def _place(one: Occasion) -> str:
    """Which calendar of a connection, by the name that texts know."""
    return str(one.values.get("calendar") or "")[:200]


def _zone(tx: Transaction) -> str:
    known = house.workspace(tx, tx.owned)
    return str(known["settings"]["zone"]) if known else "UTC"
