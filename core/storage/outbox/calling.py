"""A call that nobody answered is made again; one of which nothing was heard is asked about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, text, update

from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

_m, _a = t.messages.c, t.attempts.c
_CALLING = text(t.CALLING)


def call_again(
    tx: Transaction, message: Mapping[str, Any], why: Reason, again: Reason, due_at: datetime, now: datetime
) -> bool:
    """Its call number `calls` reached nobody (`why`): it waits for the next one, once for each call, whoever says so.
    False (and nothing written) when somebody was faster."""
    done = tx.connection.execute(
        update(t.messages)
        .where(
            _m.id == message["id"],
            _m.workspace == tx.owned,
            _m.channel_step == message["channel_step"],
            _m.calls == message["calls"],
            _m.state.in_(["sending", "sent", "uncertain"]),
        )
        .values(
            state="scheduled",
            reason=reason_row(again),
            calls=_m.calls + 1,
            due_at=due_at,
            held_by=None,
            lease=None,
            owner=None,
            fence=_m.fence + 1,
            tries=0,
            left_at=None,
            account=None,
            provider_ref=None,
            changed_at=now,
        )
    )
    if done.rowcount:
        write_steps(tx, [(message["id"], tx.owned, State.SCHEDULED, reason) for reason in (why, again)], now)
    return bool(done.rowcount)


@dataclass(frozen=True, slots=True)
class Calling:
    """A call that was made, and of which nothing was heard since."""

    id: str
    workspace: str
    account: str
    provider_ref: str
    step: int
    calls: int
    expires_at: datetime | None
    fallback_at: datetime | None


def calling(
    tx: Transaction, now: datetime, *, before: datetime, since: datetime, lease: timedelta, limit: int
) -> list[Calling]:
    """Calls made between `since` and `before` that have not ended; put off by `lease`, so that nobody else asks
    meanwhile."""
    if not tx.any("messages", f"{t.CALLING} AND left_at <= ?", t.micros(before)):
        return []
    due = (
        select(_m.id)
        .where(
            _CALLING,
            _m.left_at <= before,
            _m.left_at > since,
            _m.provider_ref.is_not(None),
            _m.account.is_not(None),
            or_(_m.lease.is_(None), _m.lease <= now),
        )
        .order_by(_m.left_at)
        .limit(limit)
    )
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.id.in_(tx.chosen(due)))
        .values(lease=now + lease)
        .returning(
            _m.id, _m.workspace, _m.account, _m.provider_ref, _m.channel_step, _m.calls, _m.expires_at, _m.fallback_at
        )
    ).all()
    return [Calling(*row) for row in rows]


def called(
    tx: Transaction, workspace: str, numbers: Sequence[str], klass: str, since: datetime, *, but: Collection[str] = ()
) -> dict[str, dict[str, list[datetime]]]:
    """number → message → when it was called for it since then, answered or not. A call that is being made counts, those
    of the messages `but` left out."""
    found: dict[str, dict[str, list[datetime]]] = {}
    mine = (_m.workspace == workspace, _m.to.in_(sorted(numbers)), _m["class"] == klass, _m.test.is_(False))
    made = (
        select(_m.to, _m.id, _a.at)
        .join(t.attempts, _a.message == _m.id)
        .where(*mine, _a.channel == str(Channel.VOICE), _a.outcome.in_(["accepted", "uncertain"]), _a.at > since)
    )
    for number, message, at in tx.connection.execute(made):
        found.setdefault(number, {}).setdefault(message, []).append(at)
    now_leaving = select(_m.to, _m.id, _m.channels, _m.channel_step, _m.changed_at).where(*mine, _m.state == "sending")
    for number, message, channels, step, at in tx.connection.execute(now_leaving):
        if channels[step] == Channel.VOICE and message not in but:
            found.setdefault(number, {}).setdefault(message, []).append(at)
    return found
