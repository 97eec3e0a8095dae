"""People come onto the waiting list, change what they wish, and leave it. Nobody stands on it without having agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.domain.errors import BadInput, Conflict, InvalidNumber, NotFound, from_reason
from core.domain.events import Kind
from core.domain.policy.week import DAYS
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.waitlist import EntryState, OfferState, Person, SlotState, Wishes, folded, read_wishes
from core.engine import importing
from core.engine.waitlist import offering
from core.storage import house, installations, occasions, outbox, people, waitlist
from core.storage.database import Transaction

MOST_WAITING = 500
"""So many people wait in one workspace: more would not be asked within a year."""
_TEXTABLE = (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP)
_HALVES = {"morning": (None, "12:00"), "matin": (None, "12:00"), "afternoon": ("12:00", None),
           "apres midi": ("12:00", None)}  # fmt: skip
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "earliest": ("earliest", "a partir du", "pas avant", "from day", "debut"),
    "latest": ("latest", "jusqu au", "pas apres", "until day", "fin"),
    "weekdays": ("weekdays", "jours", "days"),
    "half": ("half", "moment", "matin apres midi", "when"),
    "kind": ("kind", "type", "motif", "appointment type"),
}
_FRENCH_DAYS = dict(zip(("lun", "mar", "mer", "jeu", "ven", "sam", "dim"), DAYS, strict=True))


def add(tx: Transaction, whom: Recipient, person: Person, agreed_at: datetime, who: str, now: datetime) -> str:
    """Puts somebody on the list; the entry's id. Raises `BadInput` (no proof, no mobile), `NotFound`, `Conflict` (on it
    already, or the list is full)."""
    if not str(person.proof.get("text") or "").strip():
        raise BadInput("waitlist_no_proof", pointer="/proof/text")
    if whom.line not in _TEXTABLE:
        raise InvalidNumber("takes_no_texts", whom.number)
    if person.installation is not None and not installations.is_there(tx, person.installation):
        raise NotFound("installation")
    _check_moves(tx, person.moves)
    tx.alone(f"plan:{tx.owned}")
    waiting = waitlist.entries(tx, limit=MOST_WAITING)
    if len(waiting) >= MOST_WAITING:
        raise Conflict("waitlist_full", most=MOST_WAITING)
    if any(row["number"] == whom.number and folded(row["name"] or "") == folded(person.name or "")
           and row["installation"] == person.installation for row in waiting):  # fmt: skip
        raise Conflict("waitlist_twice")
    entry_id = waitlist.add_entry(tx, whom, person, agreed_at, now)
    house.note(tx, who, "waitlist_added", entry_id, {}, now)
    waitlist.wake(tx, now)
    return entry_id


def change(tx: Transaction, entry_id: str, values: Mapping[str, Any], who: str, now: datetime) -> None:
    """Changes name, wishes, kind, installation, moves or position of somebody who waits. Raises `NotFound`,
    `Conflict`, `BadInput`."""
    tx.alone(f"plan:{tx.owned}")
    row = waitlist.entry(tx, entry_id)
    if row is None:
        raise NotFound("waitlist entry")
    if row["state"] != EntryState.WAITING:
        raise Conflict("waitlist_not_waiting")
    if values.get("installation") and not installations.is_there(tx, values["installation"]):
        raise NotFound("installation")
    _check_moves(tx, values.get("moves"))
    waitlist.change_entry(tx, entry_id, values, now)
    house.note(tx, who, "waitlist_changed", entry_id, {}, now)
    waitlist.wake(tx, now)


def move(tx: Transaction, entry_id: str, up: bool, who: str, now: datetime) -> None:
    """One place up or down. Raises `NotFound`."""
    tx.alone(f"plan:{tx.owned}")
    rows = waitlist.entries(tx)
    at = next((index for index, row in enumerate(rows) if row["id"] == entry_id), None)
    if at is None:
        raise NotFound("waitlist entry")
    to = at + (-1 if up else 1)
    if not 0 <= to < len(rows):
        return
    rows[at], rows[to] = rows[to], rows[at]
    for place, row in enumerate(rows, 1):
        if row["position"] != place * 10:
            waitlist.change_entry(tx, row["id"], {"position": place * 10}, now)
    house.note(tx, who, "waitlist_changed", entry_id, {}, now)


def remove(tx: Transaction, entry_id: str, who: str, now: datetime) -> None:
    """Somebody of the house takes one place off the list; an offer that waits for that person is over. Raises
    `NotFound`, `Conflict`."""
    tx.alone(f"plan:{tx.owned}")
    row = waitlist.entry(tx, entry_id)
    if row is None:
        raise NotFound("waitlist entry")
    if row["state"] != EntryState.WAITING:
        raise Conflict("waitlist_not_waiting")
    reason = Reason("waitlist_removed")
    waitlist.change_entry(tx, entry_id, {"state": str(EntryState.LEFT), "reason": _kept(reason)}, now)
    _offers_over(tx, row["number"], reason, now, entry=entry_id)
    house.note(tx, who, "waitlist_removed", entry_id, {}, now)


def leave(tx: Transaction, number: str, reason: Reason, now: datetime) -> bool:
    """Everybody with that number leaves the list, and their offers are over. Whether there was anything."""
    count = waitlist.off_the_list(tx, number, reason, now)
    return _offers_over(tx, number, reason, now) or count > 0


def by_reply(tx: Transaction, installation: str, number: str, reply_id: str, text: str, now: datetime) -> None:
    """They answered with the word that puts them on the list: the answer is the proof. Whoever has an appointment
    ahead wants to come earlier. Harmless when said twice."""
    tx.alone(f"plan:{tx.owned}")
    try:
        whom = Recipient.parse(number)
    except InvalidNumber:
        return
    if waitlist.entries(tx, number=whom.number) or len(waitlist.entries(tx, limit=MOST_WAITING)) >= MOST_WAITING:
        return
    coming = waitlist.next_of(tx, installation, whom.number, now)
    contact = people.contact_of(tx, whom.number)
    name = (coming.values.get("name") if coming else None) or (contact["name"] if contact else None)
    proof = {"source": "reply", "reply": reply_id, "text": text[:160]}
    person = Person(name, installation, moves=coming.id if coming else None, proof=proof)
    entry_id = waitlist.add_entry(tx, whom, person, now, now)
    house.note(tx, "reply", "waitlist_added", entry_id, {"reply": reply_id}, now)
    waitlist.wake(tx, now)


# ---------------------------------------------------------------------------------------------- from a file


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a file: whom it means and what they wish, or why it is refused."""

    line: int
    given: str
    whom: Recipient | None = None
    person: Person = field(default_factory=Person)
    reason: Reason | None = None


def read(written: bytes, country: str, proof: str) -> list[Listed]:
    """The people of a CSV file: the columns of contacts, and earliest, latest, days, half (matin, après-midi), kind.
    Raises `BadInput`."""
    if not proof.strip():
        raise BadInput("waitlist_no_proof", pointer="/proof")
    said = {"source": "import", "text": proof.strip()[:400]}
    file = importing.file(written, country, most=MOST_WAITING)
    named = {heading: column for heading, _ in file.headings for column, known in _COLUMNS.items()
             if folded(heading) in known}  # fmt: skip
    found = []
    for one in file.lines:
        if one.recipient is None:
            found.append(Listed(one.line, one.given, reason=one.reason))
            continue
        more = {column: value for heading, value in one.values.get("values", {}).items()
                if (column := named.get(heading))}  # fmt: skip
        name = " ".join(filter(None, (one.values.get("first_name"), one.values.get("name")))) or None
        try:
            person = Person(name, kind=more.get("kind"), wishes=_wishes(more), proof=said)
        except BadInput as error:
            found.append(Listed(one.line, one.given, reason=error.reason))
            continue
        found.append(Listed(one.line, one.given, one.recipient, person))
    return found


def write(tx: Transaction, lines: Sequence[Listed], installation: str | None, who: str, now: datetime) -> int:
    """Puts those of a file on the list, in the file's order; how many. Who stands on it already stays there."""
    count = 0
    for one in lines:
        if one.whom is None:
            continue
        try:
            add(tx, one.whom, replace(one.person, installation=installation), now, who, now)
        except Conflict as error:
            if error.reason.code != "waitlist_twice":
                raise
            continue
        count += 1
    return count


def _wishes(more: Mapping[str, str]) -> Wishes:
    after, until = _HALVES.get(folded(more.get("half", "")), (None, None))
    days = []
    for word in folded(more.get("weekdays", "")).split():
        days.append(_FRENCH_DAYS.get(word[:3], word[:3]))
    return read_wishes({
        "earliest": _day(more.get("earliest", "")), "latest": _day(more.get("latest", "")), "weekdays": days,
        "after": after, "until": until}, "")  # fmt: skip


def _day(text: str) -> str:
    """A day as a spreadsheet writes it: 03/12/2026 is the third of December."""
    parts = text.strip().split("/")
    return "-".join(reversed(parts)) if len(parts) == 3 else text.strip()


def _check_moves(tx: Transaction, occasion_id: str | None) -> None:
    if occasion_id:
        found = occasions.get(tx, occasion_id)
        if found is None or found.kind is not Kind.APPOINTMENT:
            raise NotFound("occasion")


def _offers_over(
    tx: Transaction, number: str, reason: Reason, now: datetime, *, entry: str | None = None
) -> bool:
    """What was offered to them is over; the next one is asked."""
    rows = [
        row for row in waitlist.offers(tx, number=number)
        if row["state"] in (OfferState.ASKED, OfferState.RESERVE) and entry in (None, row["entry"])
    ]  # fmt: skip
    for row in rows:
        waitlist.answered(tx, row["id"], OfferState.NO, now, reason, before=[OfferState.ASKED, OfferState.RESERVE])
        if row["message"]:
            outbox.cancel(tx, row["message"], reason, now)
        waitlist.note(tx, row["slot"], "left", now, number=number, entry=row["entry"], reason=reason)
        slot = waitlist.slot(tx, row["slot"])
        if slot is not None and slot["state"] == SlotState.OPEN:
            offering.go_on(tx, row["slot"], now)
    return bool(rows)


def why(row: waitlist.Row, language: str) -> str:
    """Why somebody is off the list, in words."""
    return from_reason(row["reason"]).sentence(language) if row["reason"] else ""


def _kept(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "values": dict(reason.values)}
