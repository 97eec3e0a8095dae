"""What became of a claimed batch is recorded, unless somebody knows better by now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.storage import bulk
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps
from core.storage.outbox.claiming import Claimed
from core.storage.outbox.falling_back import next_channel
from core.storage.outbox.moving import advance

_m = t.messages.c


# Not frozen: that costs a third of a microsecond a field, for every message.
@dataclass(slots=True)
class Result:
    """What became of a claimed message: its next state and all that goes into its row and the ledger."""

    message: Claimed
    state: State
    reason: Reason | None = None
    account: str | None = None
    provider: str = ""
    channel: Channel = Channel.SMS
    provider_ref: str | None = None
    due_at: datetime | None = None
    held_by: str | None = None
    attempt: str | None = None
    """accepted | later | refused | account | uncertain; None when no provider was asked."""
    look_up_at: datetime | None = None
    price_micros: int | None = None
    currency: str | None = None
    counts: bool = True
    """False when the try does not count against the message (the account's or the line's fault)."""
    by_next: bool = False
    """It surely did not arrive by this channel (`reason` says why) and goes on by the next one."""
    paced: bool = False
    """It only waits for its turn at a limited rate, which is no step worth keeping."""


def record(tx: Transaction, results: Sequence[Result], now: datetime) -> list[Result]:
    """Writes what became of a batch, and returns what was written. A message whose lease was lost meanwhile keeps the
    newer word on it, unless that word is "uncertain" and we now know better."""
    if not results:
        return []
    stays = [one for one in results if not one.by_next]
    done = 0
    if stays:
        done = bulk.update(
            tx,
            t.messages,
            ("id", "fence"),
            [
                {
                    "id": one.message.id,
                    "fence": one.message.fence,
                    "state": str(one.state),
                    "reason": reason_row(one.reason),
                    "account": one.account,
                    "channel": str(one.channel) if one.attempt else None,
                    "provider_ref": one.provider_ref,
                    "due_at": one.due_at or one.message.due_at,
                    # What is in doubt at an account stays with it, however often that account puts it off.
                    "held_by": one.held_by or (one.message.held_by if one.state is State.SCHEDULED else None),
                    "lease": one.look_up_at,
                    "tries": one.message.tries + (1 if one.attempt and one.counts else 0),
                    "fallback_at": one.message.fallback_at,
                    "left_at": now if one.state in (State.SENT, State.UNCERTAIN, State.DELIVERED) else None,
                    "changed_at": now,
                    "owner": None,
                }
                for one in stays
            ],
            only=(("state", "sending"),),
        )
    made = [one for one in results if one.attempt]
    if made:
        bulk.insert(
            tx,
            t.attempts,
            [
                {
                    "workspace": one.message.workspace,
                    "message": one.message.id,
                    "account": one.account,
                    "provider": one.provider,
                    "channel": str(one.channel),
                    "at": now,
                    "outcome": one.attempt,
                    "provider_ref": one.provider_ref,
                    "reason": reason_row(one.reason),
                    "price_micros": one.price_micros,
                    "currency": one.currency,
                    "step": one.message.channel_step if len(one.message.channels) > 1 else None,
                }
                for one in made
            ],
        )
    written = stays if done == len(stays) else _written(tx, stays, now)
    ledger = [one for one in written if not one.paced]
    write_steps(tx, [(one.message.id, one.message.workspace, one.state, one.reason) for one in ledger], now)
    return written + [one for one in results if one.by_next and _by_next(tx, one, now)]


def _written(tx: Transaction, results: Sequence[Result], now: datetime) -> list[Result]:
    """Those of a batch that were written, after some of them were not."""
    ids = [one.message.id for one in results]
    rows = {
        row.id: row
        for row in tx.connection.execute(
            select(_m.id, _m.state, _m.fence, _m.owner, _m.changed_at).where(_m.id.in_(ids))
        )
    }
    written = []
    for one in results:
        row = rows.get(one.message.id)
        if row is None:
            continue
        if (row.fence, row.state, row.owner, row.changed_at) == (one.message.fence, str(one.state), None, now):
            written.append(one)
        elif row.state == State.UNCERTAIN and one.state in (State.SENT, State.FAILED):
            known: dict[str, Any] = {"account": one.account, "provider_ref": one.provider_ref}
            known["channel"] = str(one.channel)
            # Its own step goes into the ledger here, so it is not among those that are still to be noted.
            advance(tx, one.message.id, one.message.workspace, one.state, one.reason, now, **known)
    return written


def _by_next(tx: Transaction, one: Result, now: datetime) -> bool:
    message, then, why = one.message, one.message.next_channel, one.reason
    if then is None or why is None:
        raise ValueError("there is no next channel, or no reason to take it")
    mine = Transaction(tx.connection, message.workspace)
    facts = {"id": message.id, "segments": message.segments, "country": message.country}
    return next_channel(mine, facts, message.channel_step, message.channel, then, why, now, fence=message.fence)
