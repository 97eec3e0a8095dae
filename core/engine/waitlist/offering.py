"""Who is asked next, until somebody says yes. Each step of a slot is one transaction; all of them happen in turn with
whoever plans, and the database decides who gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from core.domain.errors import from_reason
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Never, Policy
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.waitlist import (
    Ask,
    Candidate,
    Cause,
    End,
    EntryState,
    Give,
    Hold,
    OfferState,
    Open,
    Slot,
    SlotState,
    Terms,
    Wait,
    Wishes,
    follows,
    foreseen,
    in_order,
    left_out,
    rounds,
)
from core.engine.singly import singly
from core.engine.waitlist import telling
from core.storage import answers, house, installations, occasions, outbox, people, waitlist
from core.storage.database import Transaction
from core.suite import Suite

MOST_STEPS = 200
LOOKED_AT = timedelta(minutes=1)
"""So often an offer is looked at whose message may never arrive."""
AGAIN = timedelta(minutes=10)
USUAL_LENGTH = timedelta(minutes=30)
_TEXTABLE = (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP)


@dataclass(frozen=True, slots=True)
class Around:
    """A slot, the terms under which it is offered, the list as it is, and what becomes of who is asked."""

    slot: Slot
    terms: Terms
    queue: tuple[Candidate, ...]
    entries: Mapping[str, waitlist.Row]
    policy: Policy

    def opens(self, at: datetime) -> datetime | None:
        """The first lawful moment for somebody here, from `at` on."""
        verdict = self.policy.decide(
            Recipient("", self.policy.country, Line.MOBILE), Channel.SMS, MessageClass.TRANSACTIONAL, wanted=at,
            until=None, now=at,
        )  # fmt: skip
        return None if isinstance(verdict, Never) else verdict.at


def run_due(suite: Suite) -> int:
    """Brings every slot forward whose next step has come; how many were looked at."""
    now = suite.now()
    with suite.database.glance() as glance:
        if not waitlist.any_due(glance, now):
            return 0
    with suite.database.read() as tx:
        found = waitlist.due(tx, now)

    def step(one: tuple[str, str]) -> None:
        with suite.database.write(one[0]) as tx:
            go_on(tx, one[1], suite.now())
        suite.wake()

    return singly(step, found)


def go_on(tx: Transaction, slot_id: str, now: datetime) -> None:
    """One slot, as far as it goes at `now`."""
    tx.alone(f"plan:{tx.owned}")
    for _ in range(MOST_STEPS):
        row = waitlist.slot(tx, slot_id)
        if row is None or row["state"] != SlotState.OPEN:
            if row is not None and row["next_at"] is not None:
                waitlist.change_slot(tx, slot_id, now, next_at=None)
            return
        if (lost := waitlist.missed(tx, slot_id)) is not None:
            if _never_left(tx, row, lost, now):
                return
            continue
        offers = waitlist.offers(tx, slots=[slot_id])
        if _fell_silent(tx, row, offers, now):
            continue
        about = around(tx, row, now)
        state = installations.standing(tx, [row["installation"]]).get(row["installation"], ("disconnected", ""))[0]
        if state == "disconnected" or not answers.modes(tx).get(row["installation"], False):
            why = Reason("disconnected" if state == "disconnected" else "back_to_rehearsal")
            end(tx, row, SlotState.WITHDRAWN, why, now)
            return
        if not about.terms.on and row["cause"] != Cause.BY_HAND:
            end(tx, row, SlotState.WITHDRAWN, Reason("waitlist_switched_off"), now)
            return
        if row["deadline"] != about.slot.deadline(about.terms):
            # The clinic has chosen another notice since.
            waitlist.change_slot(tx, slot_id, now, deadline=about.slot.deadline(about.terms))
        if state != "connected" and now < about.slot.deadline(about.terms):
            # Nobody is asked about a calendar that we do not see.
            waitlist.change_slot(tx, slot_id, now, next_at=min(now + AGAIN, about.slot.deadline(about.terms)),
                                 reason=_kept(Reason("waitlist_calendar_away")))  # fmt: skip
            return
        step = follows(about.slot, about.terms, about.queue, [_open(one) for one in offers], now)
        if isinstance(step, Ask):
            _ask(tx, row, about, step, now)
        elif isinstance(step, Give):
            offer = next(one for one in offers if one["id"] == step.offer)
            take(tx, row, offer, now, asked_just_now=False)
        elif isinstance(step, Hold):
            waitlist.change_slot(tx, slot_id, now, next_at=min(step.until, now + LOOKED_AT))
            return
        elif isinstance(step, Wait):
            _passed_over(tx, row, about, now)
            waitlist.change_slot(tx, slot_id, now, next_at=step.until, reason=_kept(step.reason))
            return
        else:
            _passed_over(tx, row, about, now)
            end(tx, row, SlotState.OVER, step.reason, now)
            return


def around(tx: Transaction, row: waitlist.Row, now: datetime) -> Around:
    """All that decides who is next for this slot."""
    terms = waitlist.terms(tx, row["installation"])
    entries = {one["id"]: one for one in waitlist.entries(tx)}
    numbers = {one["number"] for one in entries.values()}
    known = house.workspace(tx, tx.owned)
    standings, zones = people.standings(tx, tx.owned, numbers)
    policy: Policy = house.policy(known["settings"] if known else {}, standings, zones)
    lately = waitlist.asked_lately(tx, numbers, now - timedelta(days=terms.days))
    elsewhere = waitlist.asked_now(tx)
    before = {one["number"] for one in waitlist.offers(tx, slots=[row["id"]])}
    end_of = row["end"] or row["start"] + USUAL_LENGTH
    busy = waitlist.busy(tx, row["start"], end_of)
    own = {
        one.id: one
        for one in occasions.by_ids(tx, {one["moves"] for one in entries.values() if one["moves"]})
        if one.open and one.start is not None and one.start > now
    }
    queue = []
    for one in entries.values():
        mine = own.get(one["moves"] or "")
        queue.append(Candidate(
            one["id"], one["number"], one["position"], one["created_at"], Wishes.from_json(one["wishes"]),
            partial(_may, policy, Recipient(one["number"], one["country"], Line(one["line"]))),
            installation=one["installation"], kind=one["kind"] or "", moves=mine.id if mine else None,
            own=mine.start if mine else None, asked=one["number"] in before, elsewhere=one["number"] in elsewhere,
            lately=lately.get(one["number"], 0), busy=one["number"] in busy))  # fmt: skip
    return Around(_slot(tx, row), terms, tuple(in_order(queue)), entries, policy)


def plan(
    tx: Transaction, row: waitlist.Row, offers: Sequence[waitlist.Row], now: datetime
) -> tuple[Around, Sequence[Ask | Wait | End]]:
    """Whom a slot would be offered to once its present `offers` are over, if everybody were silent: for rehearsal, and
    for whoever looks."""
    about = around(tx, row, now)
    return about, foreseen(about.slot, about.terms, about.queue, _free_at(offers, now))


def still_possible(about: Around, offers: Sequence[waitlist.Row], now: datetime) -> int:
    """How many more can be asked, one after the other, before the slot is of no use."""
    return rounds(about.slot, about.terms, _free_at(offers, now), about.opens)


def _free_at(offers: Sequence[waitlist.Row], now: datetime) -> datetime:
    """When the next one may be asked."""
    return max((one["until"] for one in offers if one["state"] == OfferState.ASKED), default=now)


def _may(policy: Policy, whom: Recipient, at: datetime) -> datetime | Reason:
    if whom.line not in _TEXTABLE:
        return Reason("not_a_mobile", {"line": str(whom.line)})
    verdict = policy.decide(
        whom, Channel.SMS, MessageClass.TRANSACTIONAL, wanted=at, until=None, now=at, asks=True
    )
    return verdict.reason if isinstance(verdict, Never) else verdict.at


def _slot(tx: Transaction, row: waitlist.Row) -> Slot:
    gave_up = occasions.get(tx, row["occasion"]) if row["occasion"] else None
    whose = gave_up.recipient if gave_up is not None and row["cause"] != Cause.BY_HAND else None
    return Slot(
        row["start"], row["zone"], row["installation"], row["end"], row["title"] or "", row["occasion"],
        frozenset({whose.number}) if whose else frozenset(), row["place"] or "",
    )  # fmt: skip


def _open(row: waitlist.Row) -> Open:
    return Open(row["id"], OfferState(row["state"]), row["until"], row["answered_at"])


def _ask(tx: Transaction, row: waitlist.Row, about: Around, step: Ask, now: datetime) -> None:
    one = step.candidate
    entry = about.entries[one.id]
    _passed_over(tx, row, about, now, before=one)
    fits = sum(1 for _ in about.queue) - sum(1 for _ in left_out(about.slot, about.terms, about.queue, now))
    why = Reason("waitlist_next", {"position": about.queue.index(one) + 1, "count": len(about.queue), "fits": fits})
    offer_id = waitlist.ask(tx, row["id"], entry, why, step.until, now)
    if offer_id is None:
        # Two entries of one number, and it was asked by the other one.
        waitlist.change_slot(tx, row["id"], now, next_at=now + AGAIN)
        return
    message = telling.offered(tx, entry, row, about.terms.text, one.own, step.until, why, now)
    waitlist.bears(tx, offer_id, message)
    waitlist.note(tx, row["id"], "asked", now, number=one.number, entry=one.id, reason=why)
    waitlist.change_slot(tx, row["id"], now, next_at=min(step.until, now + LOOKED_AT), reason=None)
    telling.counted(tx, "asked")


def _passed_over(
    tx: Transaction, row: waitlist.Row, about: Around, now: datetime, before: Candidate | None = None
) -> None:
    """Why not those who stand further up: once for each reason."""
    known = waitlist.passed_over(tx, row["id"])
    ahead = set() if before is None else {one.id for one in about.queue[: about.queue.index(before)]}
    for one, why in left_out(about.slot, about.terms, about.queue, now):
        told = (one.id, why.code) in known or why.code == "waitlist_asked_before"
        if not told and (before is None or one.id in ahead):
            waitlist.note(tx, row["id"], "passed_over", now, number=one.number, entry=one.id, reason=why)


def _never_left(tx: Transaction, row: waitlist.Row, lost: waitlist.Row, now: datetime) -> bool:
    """An offer reached nobody. One that never left is asked again a little later: True; then the slot waits."""
    why = from_reason(lost["why"]) if lost["why"] else Reason("waitlist_not_reached")
    waitlist.note(tx, row["id"], "failed", now, number=lost["number"], entry=lost["entry"], reason=why)
    telling.counted(tx, "failed")
    if lost["became"] == State.EXPIRED:
        waitlist.unask(tx, lost["id"])
        waitlist.change_slot(tx, row["id"], now, next_at=now + AGAIN)
        return True
    waitlist.answered(tx, lost["id"], OfferState.FAILED, now, why)
    return False


def _fell_silent(tx: Transaction, row: waitlist.Row, offers: Sequence[waitlist.Row], now: datetime) -> bool:
    silent = next((one for one in offers if one["state"] == OfferState.ASKED and one["until"] <= now), None)
    if silent is None:
        return False
    waitlist.answered(tx, silent["id"], OfferState.SILENT, now)
    if silent["message"]:
        # Whatever still waits of it would be an offer that is over.
        outbox.cancel(tx, silent["message"], Reason("waitlist_silent"), now)
    waitlist.note(tx, row["id"], "silent", now, number=silent["number"], entry=silent["entry"],
                  reason=Reason("waitlist_silent"))  # fmt: skip
    telling.counted(tx, "silent")
    return True


def take(
    tx: Transaction, row: waitlist.Row, offer: waitlist.Row, now: datetime, *, asked_just_now: bool = True
) -> bool:
    """The slot is this person's, if nobody has it. False when somebody was quicker. `asked_just_now`: they have just
    written, and are answered at any hour."""
    entry = waitlist.entry(tx, offer["entry"])
    terms = waitlist.terms(tx, row["installation"])
    moves = occasions.get(tx, entry["moves"]) if entry and entry["moves"] else None
    later = moves if moves and moves.open and moves.start and moves.start > row["start"] else None
    writing: dict[str, Any] = {"writing": "wanted", "write_at": now} if terms.writes else {}
    if not waitlist.take(tx, row["id"], offer["id"], now, moves=later.id if later else None, reason=None, **writing):
        return False
    given = Reason("waitlist_given")
    for other in waitlist.close_asked(tx, row["id"], given, but=offer["id"]):
        _called_off(tx, other, given, now)
        if (theirs := waitlist.entry(tx, other["entry"])) is not None:
            telling.news(tx, theirs, "late", row, now)
    waitlist.note(tx, row["id"], "taken", now, number=offer["number"], entry=offer["entry"],
                  reason=Reason("waitlist_taken"))  # fmt: skip
    if entry is not None:
        served = {"state": str(EntryState.SERVED), "reason": _kept(Reason("waitlist_taken"))}
        waitlist.change_entry(tx, entry["id"], served, now)
        own = later.start if later else None
        if asked_just_now:
            telling.answer_yours(tx, offer["number"], row, own, now)
        else:
            telling.news(tx, entry, "yours", row, now, own=own)
    house.note(tx, "waitlist", "slot_taken", row["id"], {"offer": offer["id"]}, now)
    telling.counted(tx, "taken")
    telling.told(tx, "slot.taken", row["id"], now)
    # Who held this offer may be asked about another slot again.
    waitlist.wake(tx, now)
    return True


def end(tx: Transaction, row: waitlist.Row, state: SlotState, reason: Reason, now: datetime) -> bool:
    """The slot is over, or the clinic has taken it back: whoever holds it is told. False when it had ended."""
    if not waitlist.end_slot(tx, row["id"], state, reason, now):
        return False
    for one in waitlist.close_asked(tx, row["id"], reason):
        left = _called_off(tx, one, reason, now)
        if left and (entry := waitlist.entry(tx, one["entry"])) is not None:
            telling.news(tx, entry, "taken_back", row, now)
        waitlist.note(tx, row["id"], "told", now, number=one["number"], entry=one["entry"], reason=reason)
    if row["state"] == SlotState.TAKEN and row["offer"]:
        _sorry(tx, row, reason, now)
    waitlist.note(tx, row["id"], str(state), now, reason=reason)
    telling.counted(tx, str(state))
    return True


def _sorry(tx: Transaction, row: waitlist.Row, reason: Reason, now: datetime) -> None:
    """Who had been given it hears so, and stands where they stood."""
    offer = waitlist.offer(tx, row["offer"])
    entry = waitlist.entry(tx, offer["entry"]) if offer else None
    if offer is None or entry is None:
        return
    waitlist.answered(tx, offer["id"], OfferState.WITHDRAWN, now, reason, before=[OfferState.TAKEN])
    waitlist.change_entry(tx, entry["id"], {"state": str(EntryState.WAITING), "reason": None}, now)
    telling.news(tx, entry, "cannot", row, now)


def _called_off(tx: Transaction, offer: waitlist.Row, reason: Reason, now: datetime) -> bool:
    """Ends its message if it still waits. Whether the person has read it, or may have."""
    return not (offer["message"] and outbox.cancel(tx, offer["message"], reason, now))


def _kept(reason: Reason) -> Mapping[str, Any]:
    return {"code": reason.code, "values": dict(reason.values)}
