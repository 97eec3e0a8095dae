"""What the waiting list writes to people, and what it tells the customer's own programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.domain import waitlist_words as words
from core.domain.errors import InvalidNumber
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.text.alphabet import GSM7
from core.domain.text.transliteration import raw_map
from core.engine import notices, sending, trail
from core.engine.waitlist import shown
from core.storage import feedback, house, outbox, tally, waitlist
from core.storage.database import Transaction

ANSWER_LIVES = timedelta(hours=1)
GUARDED_WITHIN, GUARDED_AT_MOST = timedelta(hours=1), 3
COUNTED = "waitlist"


def language(tx: Transaction) -> str:
    known = house.workspace(tx, tx.owned)
    return words.language_of(known["settings"]["language"] if known else "fr")


def clinic(tx: Transaction) -> str:
    """The workspace's name, in so few and such letters that a short text stays one part."""
    known = house.workspace(tx, tx.owned)
    name = raw_map(" ".join(known["name"].split())) if known else ""
    return "".join(letter for letter in name if GSM7.fullmatch(letter))[:30].strip() or name[:30]


def offered(
    tx: Transaction, entry: waitlist.Row, slot: waitlist.Row, text: str, own: datetime | None, until: datetime,
    why: Reason, now: datetime,
) -> str:  # fmt: skip
    """The offer leaves; its message's id. A message that left too late to be decided about would be a trap: it expires
    when a third of its time is over."""
    zone = ZoneInfo(slot["zone"])
    said = words.offer(
        text, language(tx), clinic=clinic(tx), name=entry["name"], start=slot["start"], until=until, own=own, now=now,
        zone=zone,
    )  # fmt: skip
    draft = _draft(tx, entry, said, now + (until - now) / 3, now)
    checks = (*draft.checks, Check("waitlist", "passed", why))
    return _accepted(tx, replace(
        draft, asks=True, installation=slot["installation"], reference=waitlist.OFFERED, zone=slot["zone"],
        checks=checks), now)  # fmt: skip


def answer(
    tx: Transaction, number: str, what: str, now: datetime, *, slot: waitlist.Row | None = None
) -> None:
    """An answer to what somebody has just written; at most three an hour, so that two machines do not talk for ever."""
    if feedback.answered_lately(tx, number, now - GUARDED_WITHIN) >= GUARDED_AT_MOST:
        return
    try:
        whom = Recipient.parse(number)
    except InvalidNumber:
        return
    _answered(tx, whom, _said(tx, what, slot), now)


def answer_yours(tx: Transaction, number: str, slot: waitlist.Row, own: datetime | None, now: datetime) -> None:
    """They said yes, and it is theirs. A promise that binds the clinic is said however often we answered lately."""
    _answered(tx, Recipient.parse(number), _said(tx, "yours", slot, own), now)


def _answered(tx: Transaction, whom: Recipient, text: str, now: datetime) -> None:
    wanted = sending.Wanted(
        whom, MessageClass.CONVERSATIONAL, body="{{ text }}", data={"text": text}, expires_at=now + ANSWER_LIVES
    )
    [draft] = sending.drafts(tx, [wanted], now)
    if isinstance(draft, outbox.New):
        _accepted(tx, replace(draft, reference=feedback.AUTOMATIC), now)


def news(
    tx: Transaction, entry: waitlist.Row, what: str, slot: waitlist.Row, now: datetime, *, own: datetime | None = None
) -> None:
    """Something that somebody did not just ask for: at lawful hours, as long as it is of use."""
    draft = _draft(tx, entry, _said(tx, what, slot, own), slot["start"], now)
    _accepted(tx, replace(draft, installation=slot["installation"], reference=waitlist.REFERENCE), now)


def _said(tx: Transaction, what: str, slot: waitlist.Row | None, own: datetime | None = None) -> str:
    zone = ZoneInfo(slot["zone"]) if slot else ZoneInfo("UTC")
    start = slot["start"] if slot else None
    return words.said(what, language(tx), clinic=clinic(tx), start=start, own=own, zone=zone)


def _draft(tx: Transaction, entry: waitlist.Row, text: str, until: datetime, now: datetime) -> outbox.New:
    whom = Recipient(entry["number"], entry["country"], Line(entry["line"]))
    wanted = sending.Wanted(
        whom, MessageClass.TRANSACTIONAL, body="{{ text }}", data={"text": text}, expires_at=until,
        channels=(Channel.SMS,), shorten=False,
    )  # fmt: skip
    [draft] = sending.drafts(tx, [wanted], now)
    if not isinstance(draft, outbox.New):
        raise draft
    return draft


def _accepted(tx: Transaction, draft: outbox.New, now: datetime) -> str:
    ids = outbox.accept(tx, [draft], now)
    if draft.state is State.SCHEDULED:
        trail.accepted(ids, now)
    return ids[0]


def told(tx: Transaction, event: str, slot_id: str, now: datetime) -> None:
    """`slot.freed` and `slot.taken` for the customer's own programs."""
    row = waitlist.slot(tx, slot_id)
    if row is not None:
        notices.slot_changed(tx, event, shown.slot(tx, row), now)


def counted(tx: Transaction, what: str) -> None:
    """One more for those who watch the house."""
    tally.add(tx, {(COUNTED, what): 1})
