"""A channel that does not deliver in its time gives way to the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select, text, update

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.domain.text.price import price
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

_m = t.messages.c


def next_channel(
    tx: Transaction,
    message: Mapping[str, Any],
    step: int,
    before: Channel,
    then: Channel,
    why: Reason,
    now: datetime,
    *,
    fence: int | None = None,
) -> bool:
    """A message that surely did not arrive by channel number `step` waits again, for the next one: once for each step,
    whoever says so first. False (and nothing written) when somebody was faster, or it has arrived. `fence`: only while
    it is that claim's."""
    cost = price(message["segments"], message["country"], then, now.date())
    mine = [_m.state == "sending", _m.fence == fence] if fence is not None else [_m.state.in_(_NOT_ARRIVED)]
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message["id"], _m.workspace == tx.owned, _m.channel_step == step, *mine)
        .values(
            state="scheduled",
            reason=reason_row(moved := Reason("next_channel", {"before": str(before), "channel": str(then)})),
            channel_step=step + 1,
            calls=0,
            fallback_at=None,
            due_at=now,
            held_by=None,
            lease=None,
            owner=None,
            fence=_m.fence + 1,
            tries=0,
            left_at=None,
            account=None,
            channel=None,
            provider_ref=None,
            price_micros=cost.amount if cost else None,
            currency=cost.currency if cost else None,
            changed_at=now,
        )
    )
    if done.rowcount:
        both = [(message["id"], tx.owned, State.SCHEDULED, reason) for reason in (why, moved)]
        write_steps(tx, both, now)
    return bool(done.rowcount)


_NOT_ARRIVED = ("sending", "sent", "uncertain", "scheduled")


def arrived_earlier(tx: Transaction, message_id: str, then: State, channel: Channel, now: datetime) -> bool:
    """An earlier channel delivered it after all. If nothing has left by a later one, that is where it ends; if it has,
    the ledger says that there were two, and nothing else changes. True when the message moved."""
    reason = Reason("earlier_channel_delivered", {"channel": str(channel)})
    done = tx.connection.execute(
        update(t.messages)
        .where(
            _m.id == message_id,
            _m.workspace == tx.owned,
            _m.state.in_(["scheduled", "held", "failed", "expired"]),
        )
        .values(
            state=str(then),
            reason=reason_row(reason),
            channel=str(channel),
            fallback_at=None,
            held_by=None,
            fence=_m.fence + 1,
            left_at=func.coalesce(_m.left_at, literal(now, t.Moment)),
            changed_at=now,
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, tx.owned, then, reason)], now)
        return True
    state = tx.connection.execute(tx.mine(t.messages, _m.state).where(_m.id == message_id)).scalar()
    if state is not None:
        write_steps(tx, [(message_id, tx.owned, State(state), reason)], now)
    return False


@dataclass(frozen=True, slots=True)
class Overdue:
    """A message that its present channel has not delivered in its time."""

    id: str
    workspace: str
    account: str | None
    provider_ref: str | None
    to: str
    message_class: MessageClass
    channels: tuple[Channel, ...]
    step: int
    expires_at: datetime | None
    country: str
    segments: int
    calls: int = 0
    left_at: datetime | None = None


# Word for word what the index `ix_messages_fallback` holds: with a bound state alone, SQLite would read every message.
_OF_FALLBACK = text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')")


def overdue(tx: Transaction, now: datetime, *, lease: timedelta, limit: int) -> list[Overdue]:
    """Sent by a channel whose time is over, with another one to follow; put off by `lease` so that nobody else asks
    meanwhile. Those that still wait for a channel whose time is over are made due: dispatch takes the next one."""
    if not tx.any("messages", f"{_OF_FALLBACK.text} AND fallback_at <= ?", t.micros(now)):
        return []
    tx.connection.execute(
        update(t.messages)
        .where(
            _OF_FALLBACK,
            _m.state == "scheduled",
            _m.fallback_at <= now,
            _m.held_by.is_(None),
            _m.due_at > now,
        )
        .values(due_at=now)
    )
    due = (
        select(_m.id)
        .where(_OF_FALLBACK, _m.state == "sent", _m.fallback_at <= now)
        .order_by(_m.fallback_at)
        .limit(limit)
    )
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.id.in_(tx.chosen(due)))
        .values(fallback_at=now + lease)
        .returning(
            _m.id, _m.workspace, _m.account, _m.provider_ref, _m.to, _m["class"], _m.channels, _m.channel_step,
            _m.expires_at, _m.country, _m.segments, _m.calls, _m.left_at,
        )
    ).all()  # fmt: skip
    return [
        Overdue(
            row[0], row[1], row[2], row[3], row[4], MessageClass(row[5]), tuple(Channel(name) for name in row[6]),
            row[7], row[8], row[9], row[10], row[11], row[12],
        )
        for row in rows
    ]  # fmt: skip


def stays_with(tx: Transaction, one: Overdue, again: datetime | None, reason: Reason | None, now: datetime) -> None:
    """It stays with its channel: until `again`, or for good (None), with the reason in the ledger."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == one.id, _m.state == "sent", _m.channel_step == one.step)
        .values(fallback_at=again)
    )
    if done.rowcount and reason is not None:
        write_steps(tx, [(one.id, one.workspace, State.SENT, reason)], now)
