"""What people answer to an offer: bound to the right slot, and answered truthfully, however late it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.domain import waitlist_words as words
from core.domain.channels import message_of
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.replies import normalised
from core.domain.waitlist import REMEMBERED, EntryState, OfferState, SlotState, Verdict, heard
from core.engine.waitlist import joining, offering, telling
from core.storage import outbox, waitlist
from core.storage.database import Transaction

_UNDECIDED = (OfferState.ASKED, OfferState.RESERVE, OfferState.SILENT)


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer that an answer may be about. `open`: nobody has answered it yet, so that a bare OUI may mean it."""

    offer: waitlist.Row
    slot: waitlist.Row

    @property
    def id(self) -> str:
        return str(self.offer["id"])

    @property
    def open(self) -> bool:
        return self.offer["state"] in _UNDECIDED

    def words(self, language: str) -> str:
        """How it is named where somebody has to choose."""
        zone = ZoneInfo(self.slot["zone"])
        return words.said("slot_choice", language, start=self.slot["start"], zone=zone)


def offered(tx: Transaction, number: str, at: datetime, answers_to: str | None = None) -> list[Offered]:
    """The offers to `number` that an answer written at `at` may be about: those of the last two days whose time is
    still ahead, the newest first. `answers_to`: the provider says which message is answered."""
    rows = waitlist.offers(tx, number=number, since=at - REMEMBERED)
    found = []
    for row in reversed(rows):
        slot = waitlist.slot(tx, row["slot"])
        if slot is not None and slot["start"] > at and row["message"]:
            found.append(Offered(row, slot))
    if answers_to is not None and found:
        own = message_of(answers_to)[0]
        sent = outbox.by_ids(tx, [one.offer["message"] for one in found])
        named = [
            one for one in found
            if one.offer["message"] == own or sent.get(one.offer["message"], {}).get("provider_ref") == answers_to
        ]  # fmt: skip
        if named:
            return named
    return found


def meant(
    tx: Transaction, found: Sequence[Offered], questions: Sequence[tuple[waitlist.Row, Occasion]],
    answers_to: str | None, *, asked: bool,
) -> tuple[Offered | None, Sequence[Offered]]:
    """Which offer a bare OUI or NON is about, or those among which the person has to choose, beside the appointments of
    `questions` that nobody answered yet; neither where it is about something else. `asked`: a survey may be meant too.
    """
    if not found:
        return None, ()
    alive = [message for message, occasion in questions if occasion.closed is None and occasion.answer is None]
    if answers_to is not None:
        own = message_of(answers_to)[0]
        if any(answers_to == message["provider_ref"] or own == message["id"] for message, _ in questions):
            return None, ()
        if len(found) == 1 and own == found[0].offer["message"]:
            return found[0], ()
    last = max((message["left_at"] for message in alive if message["left_at"]), default=None)
    # What was offered before the appointment's question, and is over, is not what they speak of now.
    open_ones = [one for one in found if one.open and (
        one.slot["state"] == SlotState.OPEN or last is None or one.offer["asked_at"] > last)]  # fmt: skip
    if not open_ones:
        return (None, ()) if alive or asked else (found[0], ())
    if len(open_ones) > 1 and len([one for one in open_ones if one.slot["state"] == SlotState.OPEN]) == 1:
        open_ones = [one for one in open_ones if one.slot["state"] == SlotState.OPEN]
    if alive or asked:
        return None, open_ones
    if len(open_ones) > 1 and open_ones[0].offer["state"] != OfferState.ASKED:
        return None, open_ones
    return open_ones[0], ()


def answer(tx: Transaction, one: Offered, yes: bool, at: datetime, now: datetime) -> tuple[Reason, bool]:
    """What the answer does, and whether a person has to read it: (outcome, settled)."""
    tx.alone(f"plan:{tx.owned}")
    # As they are now, and not when the questions were gathered.
    offer, slot = waitlist.offer(tx, one.id), waitlist.slot(tx, one.slot["id"])
    if offer is None or slot is None:
        return Reason("waitlist_gone"), False
    others = [row for row in waitlist.offers(tx, slots=[slot["id"]]) if row["id"] != offer["id"]]
    verdict = heard(
        yes, OfferState(offer["state"]), SlotState(slot["state"]),
        other_asked=any(row["state"] == OfferState.ASKED and row["until"] > now for row in others),
        settled=slot["settled_at"] is not None, late=at >= max(slot["deadline"], offer["until"]),
    )  # fmt: skip
    number, entry = offer["number"], offer["entry"]
    if verdict is Verdict.TAKE:
        if _others_over(tx, slot, others, now) and offering.take(tx, slot, offer, now):
            return Reason("waitlist_taken"), True
        verdict = Verdict.LATE
    if verdict is Verdict.RESERVE:
        before = [OfferState(offer["state"])]
        waitlist.answered(tx, offer["id"], OfferState.RESERVE, now, Reason("waitlist_reserve"), before=before)
        waitlist.note(tx, slot["id"], "reserve", now, number=number, entry=entry, reason=Reason("waitlist_reserve"))
        telling.answer(tx, number, "reserve", now, slot=slot)
        return Reason("waitlist_reserve"), True
    if verdict is Verdict.ON:
        before = [OfferState.ASKED, OfferState.RESERVE]
        waitlist.answered(tx, offer["id"], OfferState.NO, now, Reason("waitlist_no"), before=before)
        waitlist.note(tx, slot["id"], "no", now, number=number, entry=entry, reason=Reason("waitlist_no"))
        telling.counted(tx, "no")
        offering.go_on(tx, slot["id"], now)
        return Reason("waitlist_no"), True
    if verdict is Verdict.GIVE_BACK and waitlist.give_back(tx, slot["id"], offer["id"], now):
        waitlist.answered(tx, offer["id"], OfferState.NO, now, Reason("waitlist_gave_back"), before=[OfferState.TAKEN])
        waitlist.change_entry(tx, entry, {"state": str(EntryState.WAITING), "reason": None}, now)
        waitlist.note(tx, slot["id"], "gave_back", now, number=number, entry=entry, reason=Reason("waitlist_gave_back"))
        telling.answer(tx, number, "given_back", now, slot=slot)
        offering.go_on(tx, slot["id"], now)
        return Reason("waitlist_gave_back"), True
    if verdict in (Verdict.LATE, Verdict.GONE):
        code = f"waitlist_{verdict}"
        waitlist.note(tx, slot["id"], str(verdict), now, number=number, entry=entry, reason=Reason(code))
        telling.answer(tx, number, str(verdict), now, slot=slot)
        return Reason(code), True
    if verdict is Verdict.SAME:
        return Reason("waitlist_said_before"), True
    return Reason("for_a_person"), False


def _others_over(
    tx: Transaction, slot: waitlist.Row, others: Sequence[waitlist.Row], now: datetime
) -> bool:
    """Somebody whose time is over, and of whom the engine has not noticed it yet, is asked no longer."""
    for row in others:
        if row["state"] == OfferState.ASKED:
            waitlist.answered(tx, row["id"], OfferState.SILENT, now)
            waitlist.note(tx, slot["id"], "silent", now, number=row["number"], entry=row["entry"],
                          reason=Reason("waitlist_silent"))  # fmt: skip
    return True


def stopped(tx: Transaction, number: str, now: datetime) -> bool:
    """STOP ends the place on the list, and whatever was offered. Whether there was one."""
    tx.alone(f"plan:{tx.owned}")
    return joining.leave(tx, number, Reason("waitlist_stopped"), now)


def spoke_of(last: waitlist.Row | None) -> bool:
    """Whether the last message that somebody got was an offer, or news of the waiting list."""
    return last is not None and last["reference"] in (waitlist.OFFERED, waitlist.REFERENCE)


def keyword(tx: Transaction, reply_id: str, number: str, text: str, now: datetime) -> Reason | None:
    """Somebody answered with the word that puts them on the list; None for any other."""
    said = normalised(text)
    if not said or not waitlist.is_on(tx):
        return None
    for installation, terms in waitlist.all_terms(tx).items():
        if terms.on and terms.keyword and normalised(terms.keyword) == said:
            joining.by_reply(tx, installation, number, reply_id, text, now)
            telling.answer(tx, number, "joined", now)
            return Reason("waitlist_joined")
    return None

