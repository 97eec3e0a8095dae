"""A person's word on an appointment: whose number it is, or that no message is wanted; it is kept for the next time."""

from __future__ import annotations

from datetime import datetime

from core.domain.errors import InvalidNumber, NotFound
from core.domain.occasions import Occasion
from core.domain.recipients import Line, Recipient
from core.engine import scheduling
from core.engine.waitlist import freeing
from core.storage import house, installations, occasions
from core.storage.database import Transaction
from core.suite import Suite

MOST_LEARNT = 20_000
_TEXTABLE = (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP)
# A title like "Consultation" is many people's: what is learnt by it would send one patient's visit to another's phone.
_TOO_COMMON = "title:"


def correct(
    suite: Suite, workspace: str, occasion_id: str, number: str | None, muted: bool | None, who: str
) -> Occasion:
    """Keeps a person's word, plans again, and remembers the number for other appointments of the same series or name.

    `number` in E.164 or as people of the installation's country write it; None leaves it. Raises `NotFound`,
    `InvalidNumber` (pointer `/number`), also for a line that takes no text message.
    """
    with suite.database.write(workspace) as tx:
        occasion = occasions.get(tx, occasion_id)
        row = installations.get(tx, suite.vault, occasion.installation, suite.public_url) if occasion else None
        if row is None:
            raise NotFound("occasion")
        recipient = _recipient(number, row.installation.country) if number is not None else None
        corrected = apply(tx, occasion_id, suite.now(), who=who, recipient=recipient, muted=muted)
    suite.wake()
    return corrected


def apply(
    tx: Transaction,
    occasion_id: str,
    now: datetime,
    *,
    who: str,
    recipient: Recipient | None = None,
    muted: bool | None = None,
) -> Occasion:
    """The same within the caller's transaction, for a number that was parsed already. Raises `NotFound`."""
    # Whoever plans holds occasions and connections already.
    tx.alone(f"plan:{tx.owned}")
    found = occasions.get(tx, occasion_id)
    if found is None:
        raise NotFound("occasion")
    occasions.correct(tx, occasion_id, recipient=recipient, muted=muted)
    if recipient is not None:
        _learn(tx, found, recipient, now)
        house.note(tx, who, "number_chosen", occasion_id, {}, now)
    if muted is not None:
        house.note(tx, who, "occasion_muted" if muted else "occasion_unmuted", occasion_id, {}, now)
    corrected = occasions.by_ids(tx, [occasion_id])
    scheduling.replan(tx, corrected, now, scheduling.live_installations(tx))
    if recipient is not None:
        freeing.corrected(tx, corrected[0], now)
    return corrected[0]


def _recipient(number: str, country: str) -> Recipient:
    try:
        recipient = Recipient.parse(number, country or None)
        if recipient.line not in _TEXTABLE:
            raise InvalidNumber("takes_no_texts", number)
    except InvalidNumber as error:
        error.pointer = "/number"
        raise
    return recipient


def _learn(tx: Transaction, occasion: Occasion, recipient: Recipient, now: datetime) -> None:
    """The adapter names what it will recognise again: the same series, the same name."""
    given = occasion.private.get("fingerprints", ())
    prints = [str(one)[:200] for one in given[:20] if not str(one).startswith(_TOO_COMMON)]
    if not prints:
        return
    learnt = installations.learnt(tx, occasion.installation)
    kept = {name: known for name, known in learnt.items() if name not in prints}
    newest = [*kept.items(), *((name, recipient.number) for name in prints)][-MOST_LEARNT:]
    installations.change(tx, occasion.installation, learnt=dict(newest))
    # The next pull reads the other appointments with what is known now.
    installations.wake(tx, occasion.installation, now)
