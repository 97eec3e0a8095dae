"""A person's word on an appointment: whose number it is, or that no message is wanted; it is kept for the next time."""

from __future__ import annotations

from core.domain.errors import InvalidNumber, NotFound
from core.domain.occasions import Occasion
from core.domain.recipients import Line, Recipient
from core.engine import scheduling
from core.storage import house, installations, occasions
from core.storage.database import Transaction
from core.suite import Suite

MOST_LEARNT = 5_000
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
    now = suite.now()
    with suite.database.write(workspace) as tx:
        occasion = occasions.get(tx, occasion_id)
        row = installations.get(tx, suite.vault, occasion.installation, suite.public_url) if occasion else None
        if occasion is None or row is None:
            raise NotFound("occasion")
        recipient = _recipient(number, row.installation.country) if number is not None else None
        occasions.correct(tx, occasion_id, recipient=recipient, muted=muted)
        if recipient is not None:
            _learn(suite, tx, row, occasion, recipient)
        what = "number_chosen" if recipient is not None else "appointment_muted" if muted else "appointment_unmuted"
        house.note(tx, who, what, occasion_id, {}, now)
        corrected = occasions.by_ids(tx, [occasion_id])
        scheduling.replan(tx, corrected, now, scheduling.live_installations(tx))
    suite.wake()
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


def _learn(suite: Suite, tx: Transaction, row: installations.Row, occasion: Occasion, recipient: Recipient) -> None:
    prints = [one for one in occasion.private.get("fingerprints", ()) if not one.startswith(_TOO_COMMON)]
    if not prints:
        return
    kept = {name: known for name, known in row.installation.learnt.items() if name not in prints}
    learnt = [*kept.items(), *((name, recipient.number) for name in prints)][-MOST_LEARNT:]
    # The next pull reads the other appointments with what is known now.
    installations.change(tx, row.installation.id, learnt=dict(learnt))
    installations.wake(tx, row.installation.id, suite.now())
