"""Messages whose sender died: which of them are in doubt, and when they are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, select, update

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.database import Glance, Transaction
from core.storage.ledger import reason_row, write_steps

_m = t.messages.c


def orphaned(
    tx: Transaction, now: datetime, *, owner: str | None = None, alive: Iterable[str] = (), limit: int = 500
) -> list[tuple[str, str]]:
    """(id, workspace) of messages whose sender died: `owner` is known to be dead, or the lease is over and its owner is
    not one of those that are known to be `alive`."""
    dead = _m.owner == owner if owner else and_(_m.lease <= now, _m.owner.not_in(sorted(alive)))
    return [
        (row.id, row.workspace)
        for row in tx.connection.execute(
            select(_m.id, _m.workspace).where(_m.state == "sending", _m.lease.is_not(None), dead).limit(limit)
        )
    ]


def some_orphaned(tx: Transaction | Glance, now: datetime) -> bool:
    """Whether any sender's lease is over."""
    over = "lease IS NOT NULL AND lease <= ? AND state = 'sending'"
    return bool(tx.quick(f"SELECT 1 FROM messages WHERE {over} LIMIT 1", (t.micros(now),)))  # noqa: S608  # nosec B608


def doubt(tx: Transaction, orphans: Sequence[tuple[str, str]], reason: Reason, now: datetime) -> None:
    """`sending` → `uncertain`, to be looked up at once. It may have left as early as it was claimed, however much later
    its sender's death is noticed: a provider that searches by time must not look too late."""
    for message_id, workspace in orphans:
        done = tx.connection.execute(
            update(t.messages)
            .where(_m.id == message_id, _m.state == "sending")
            .values(
                state="uncertain",
                reason=reason_row(reason),
                lease=now,
                owner=None,
                fence=_m.fence + 1,
                changed_at=now,
                left_at=_m.changed_at,
            )
        )
        if done.rowcount:
            write_steps(tx, [(message_id, workspace, State.UNCERTAIN, reason)], now)


def not_begun(tx: Transaction, orphans: Sequence[tuple[str, str]], reason: Reason, now: datetime) -> None:
    """`sending` → `scheduled`, for what the hand-over journal says was never begun."""
    for message_id, workspace in orphans:
        done = tx.connection.execute(
            update(t.messages)
            .where(_m.id == message_id, _m.state == "sending")
            .values(state="scheduled", lease=None, owner=None, fence=_m.fence + 1, changed_at=now)
        )
        if done.rowcount:
            write_steps(tx, [(message_id, workspace, State.SCHEDULED, reason)], now)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An uncertain message that is to be looked up."""

    id: str
    workspace: str
    message_class: MessageClass
    account: str | None
    to: str
    expires_at: datetime | None
    left_at: datetime
    test: bool
    provider_ref: str | None = None
    text: str = ""
    owner: str = ""
    channels: tuple[Channel, ...] = (Channel.SMS,)
    channel_step: int = 0
    fallback_at: datetime | None = None
    budgets: Mapping[str, int] | None = None
    calls: int = 0


def doubtful(tx: Transaction, now: datetime, *, owner: str, lease: timedelta, limit: int) -> list[Doubtful]:
    """Uncertain messages whose next look-up is due; it is put off by `lease` so that nobody else asks meanwhile."""
    due = (
        select(_m.id)
        .where(_m.state == "uncertain", _m.lease.is_not(None), _m.lease <= now)
        .order_by(_m.lease)
        .limit(limit)
    )
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.id.in_(tx.chosen(due)))
        .values(lease=now + lease, owner=owner)
        .returning(
            _m.id,
            _m.workspace,
            _m["class"],
            _m.account,
            _m.to,
            _m.expires_at,
            _m.left_at,
            _m.test,
            _m.provider_ref,
            _m.text,
            _m.channels,
            _m.channel_step,
            _m.fallback_at,
            _m.budgets,
            _m.calls,
        )
    ).all()
    return [
        Doubtful(
            one.id,
            one.workspace,
            MessageClass(one[2]),
            one.account,
            one.to,
            one.expires_at,
            one.left_at or now,
            one.test,
            one.provider_ref,
            one.text,
            owner,
            tuple(Channel(name) for name in one.channels),
            one.channel_step,
            one.fallback_at,
            one.budgets,
            one.calls,
        )
        for one in rows
    ]


def ask_again(tx: Transaction, one: Doubtful, at: datetime | None) -> None:
    """When to look an uncertain message up again; None: never, a receipt or a person decides."""
    tx.connection.execute(
        update(t.messages)
        .where(_m.id == one.id, _m.state == "uncertain", _m.owner == one.owner)
        .values(lease=at, owner=None)
    )
