"""Messages that still wait are ended: called off by a person, a platform, a refusal, an erasure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update

from core.domain.messages import State
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import short
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

_m = t.messages.c


def call_off(
    tx: Transaction, occasions: Iterable[str], reason: Reason, now: datetime, *, campaign: str | None = None
) -> int:
    """Ends what waits about these occasions, of one campaign or of all, for good. Returns how many messages."""
    of_one = [_m.campaign == short(campaign)] if campaign else []
    return sum(
        end_waiting(tx, now, State.CANCELLED, reason, _m.occasion.in_(some), *of_one, by_person=True)
        for some in chunks(sorted(occasions))
    )


def cancel(tx: Transaction, message_id: str, reason: Reason, now: datetime, *, by_person: bool = True) -> bool:
    """Calls off a waiting message; False when it has left, or ended otherwise."""
    done = end_one(tx, message_id, State.CANCELLED, reason, now, by_person=by_person)
    if done:
        write_steps(tx, [(message_id, tx.owned, State.CANCELLED, reason)], now)
    return done


def end_one(
    tx: Transaction, message_id: str, state: State, reason: Reason, now: datetime, *, by_person: bool = False
) -> bool:
    """Ends a message that still waits, without a word in the ledger; False when it waits no more."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message_id, _m.workspace == tx.owned, _m.state.in_(["scheduled", "held"]))
        .values(state=str(state), reason=reason_row(reason), by_person=by_person, changed_at=now, held_by=None)
    )
    return bool(done.rowcount)


def end_these(tx: Transaction, ids: Sequence[str], state: State, reason: Reason, now: datetime) -> list[str]:
    """Ends those of these messages that still wait. Which ones."""
    tx.alone(f"plan:{tx.owned}")
    ended: list[str] = []
    for some in chunks(ids):
        rows = tx.connection.execute(
            update(t.messages)
            .where(
                _m.workspace == tx.owned,
                _m.id.in_(some),
                _m.state.in_(["scheduled", "held"]),
            )
            .values(state=str(state), reason=reason_row(reason), changed_at=now, held_by=None)
            .returning(_m.id, _m.workspace)
        ).all()
        write_steps(tx, [(row.id, row.workspace, state, reason) for row in rows], now)
        ended += [row.id for row in rows]
    return ended


def end_waiting(
    tx: Transaction, now: datetime, state: State, reason: Reason, *conditions: Any, by_person: bool = False
) -> int:
    """Ends all waiting messages that meet `conditions` (an opt-out, an erased person). Returns how many."""
    # Whoever plans changes the same rows one by one: in turn, or each waits for the other.
    tx.alone(f"plan:{tx.owned}")
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.workspace == tx.owned, _m.state.in_(["scheduled", "held"]), *conditions)
        .values(state=str(state), reason=reason_row(reason), changed_at=now, held_by=None, by_person=by_person)
        .returning(_m.id)
    ).all()
    write_steps(tx, [(row.id, tx.owned, state, reason) for row in rows], now)
    return len(rows)


def end_waiting_for(
    tx: Transaction, number: str, classes: Iterable[str] | None, state: State, reason: Reason, now: datetime
) -> int:
    """Ends what waits for `number` (E.164) in these classes; in all with None. Returns how many."""
    of_class = () if classes is None else (_m["class"].in_(list(classes)),)
    return end_waiting(tx, now, state, reason, _m.to == number, *of_class)


def end_waiting_of(tx: Transaction, installation: str, state: State, reason: Reason, now: datetime) -> int:
    """Ends what waits because of that installation. Returns how many."""
    return end_waiting(tx, now, state, reason, _m.installation == installation)
