"""The waiting list as people of the house see it: each slot, who holds it, who comes next, and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.errors import from_reason
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.waitlist import Ask, OfferState, SlotState, left_out
from core.engine.waitlist import offering, writing
from core.storage import installations, occasions, waitlist
from core.storage.database import Transaction
from core.suite import Suite

BEHIND = timedelta(days=14)
_LIVE = (SlotState.OPEN, SlotState.TAKEN, SlotState.REHEARSED)


@dataclass(frozen=True, slots=True)
class Board:
    """One slot. `holder`: the offer that is asked, `taker`: who took it; `next`: whom it would go to, with each end;
    `passed`: who is passed over, and why; `given_up`: appointments that still stand in the calendar though they are
    over; `can_enter`: whether the calendar can be written from here."""

    row: waitlist.Row
    people: Mapping[str, waitlist.Row]
    offers: Sequence[waitlist.Row]
    holder: waitlist.Row | None
    taker: waitlist.Row | None
    can_still_ask: int
    """For how many there is time, however many stand on the list."""
    next: Sequence[tuple[waitlist.Row, datetime]]
    passed: Sequence[tuple[waitlist.Row, Reason]]
    given_up: Sequence[Occasion]
    can_enter: bool
    steps: Sequence[waitlist.Row]

    @property
    def clash(self) -> bool:
        """Whether the calendar shows somebody else at a time that is promised."""
        return bool(self.row["trouble"]) and self.row["trouble"]["code"] == "waitlist_clash"

    @property
    def reason(self) -> Reason | None:
        return from_reason(self.row["reason"]) if self.row["reason"] else None


def boards(suite: Suite, tx: Transaction, now: datetime) -> list[Board]:
    """The slots ahead that something can still become of, the nearest first."""
    return [_board(suite, tx, row, now) for row in waitlist.alive(tx, now)]


def over(tx: Transaction, now: datetime, limit: int = 20) -> list[waitlist.Row]:
    """The slots of the last days that ended, newest first."""
    rows = waitlist.slots(tx, since=now - BEHIND, limit=limit * 3)
    return [row for row in rows if row["state"] not in _LIVE or row["start"] <= now][:limit]


def to_settle(tx: Transaction, now: datetime) -> list[tuple[waitlist.Row, waitlist.Row]]:
    """(slot, entry) of those who took a slot and do not stand in the calendar yet, the nearest first."""
    rows = [row for row in waitlist.alive(tx, now) if row["state"] == SlotState.TAKEN and row["settled_at"] is None]
    found = []
    for row in rows:
        offer = waitlist.offer(tx, row["offer"]) if row["offer"] else None
        entry = waitlist.entry(tx, offer["entry"]) if offer else None
        # What is being entered by itself needs nobody, unless it does not work.
        if entry is not None and not (row["writing"] == "wanted" and row["trouble"] is None):
            found.append((row, entry))
    return found


def to_free(tx: Transaction, now: datetime) -> list[tuple[waitlist.Row, waitlist.Row, Occasion]]:
    """(slot, entry, occasion): later appointments that somebody gave up by taking a slot, and that still stand."""
    found = []
    for row in waitlist.alive(tx, now):
        if row["state"] != SlotState.TAKEN or not row["moves"] or row["settled_at"] is None:
            # Until it stands in the calendar, that is what has to be done first.
            continue
        offer = waitlist.offer(tx, row["offer"]) if row["offer"] else None
        entry = waitlist.entry(tx, offer["entry"]) if offer else None
        if entry is not None:
            found += [(row, entry, one) for one in writing.given_up(tx, row) if one.id == row["moves"]]
    return found


def _board(suite: Suite, tx: Transaction, row: waitlist.Row, now: datetime) -> Board:
    offers = waitlist.offers(tx, slots=[row["id"]])
    people = dict(waitlist.entries_by_ids(tx, {one["entry"] for one in offers}))
    holder = next((one for one in offers if one["state"] == OfferState.ASKED), None)
    taken = next((one for one in offers if one["id"] == row["offer"]), None)
    possible, coming, passed = 0, list[tuple[waitlist.Row, datetime]](), list[tuple[waitlist.Row, Reason]]()
    if row["state"] in (SlotState.OPEN, SlotState.REHEARSED):
        about, steps = offering.plan(tx, row, offers, now)
        people |= about.entries
        possible = offering.still_possible(about, offers, now)
        coming = [(about.entries[one.candidate.id], one.until) for one in steps if isinstance(one, Ask)]
        passed = [
            (about.entries[one.id], why) for one, why in left_out(about.slot, about.terms, about.queue, now)
            if why.code != "waitlist_asked_before"
        ]  # fmt: skip
    there = installations.get(tx, suite.vault, row["installation"], suite.public_url)
    return Board(
        row, people, offers, holder, people.get(taken["entry"]) if taken else None, possible, coming, passed,
        writing.given_up(tx, row) if row["state"] == SlotState.TAKEN else (),
        there is not None and writing.can_enter(suite, there), waitlist.steps(tx, row["id"]),
    )  # fmt: skip


def moving(tx: Transaction, rows: Sequence[waitlist.Row]) -> dict[str, Occasion]:
    """occasion id → the appointment that somebody on the list would give up, of those that still stand."""
    found = occasions.by_ids(tx, {row["moves"] for row in rows if row["moves"]})
    return {one.id: one for one in found if one.open}
