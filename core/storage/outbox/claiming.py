"""What is due is claimed by one sender, for as long as its lease; and when the next one falls due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Boolean, ColumnElement, Integer, Text, bindparam, or_, select, type_coerce, update

from core.domain.messages import Channel, MessageClass
from core.domain.retries import LONGEST
from core.storage import tables as t
from core.storage.database import Glance, Transaction

_m = t.messages.c


@dataclass(slots=True)
class Claimed:
    """A message that this owner, and nobody else, may hand over until `lease`."""

    id: str
    workspace: str
    to: str
    country: str
    text: str
    encoding: str
    message_class: MessageClass
    channels: tuple[Channel, ...]
    sender: str | None
    asks: bool
    due_at: datetime
    expires_at: datetime | None
    tries: int
    fence: int
    installation: str | None
    occasion: str | None
    rule: str | None
    about: datetime | None
    test: bool
    zone: str | None
    held_by: str | None
    """`account:<id>`: by that account and no other, because it may have it already."""
    channel_step: int = 0
    fallback_at: datetime | None = None
    """When the time of its present channel is over and the next one's begins; None until it is first tried by it."""
    budgets: Mapping[str, int] | None = None
    content: Mapping[str, Any] | None = None
    segments: int = 1
    price_micros: int | None = None
    currency: str | None = None
    reference: str | None = None
    waits_for: Mapping[str, Any] | None = None
    """The reason for which it waited until now, as it was kept."""
    looked_at: datetime | None = None
    """When the platform was last asked whether it is still wanted."""
    campaign: str | None = None
    calls: int = 0
    """How many calls by its present channel nobody answered."""

    @property
    def channel(self) -> Channel:
        """The one in use."""
        return self.channels[self.channel_step]

    @property
    def next_channel(self) -> Channel | None:
        """The one that follows when the present one has surely failed."""
        return self.channels[self.channel_step + 1] if self.channel_step + 1 < len(self.channels) else None


_CLAIMED = (
    _m.id,
    _m.workspace,
    _m.to,
    _m.country,
    _m.text,
    _m.encoding,
    _m["class"],
    _m.channels,
    _m.sender,
    _m.asks,
    _m.due_at,
    _m.expires_at,
    _m.tries,
    _m.fence,
    _m.installation,
    _m.occasion,
    _m.rule,
    _m.about,
    _m.test,
    _m.zone,
    _m.held_by,
    _m.channel_step,
    _m.fallback_at,
    _m.budgets,
    _m.content,
    _m.segments,
    _m.price_micros,
    _m.currency,
    _m.reference,
    _m.reason,
    _m.looked_at,
    _m.campaign,
    _m.calls,
)


def claim(tx: Transaction, now: datetime, limit: int, *, owner: str, lease: timedelta) -> list[Claimed]:
    """Up to `limit` due messages, the most urgent class first, marked `sending` for `owner` until the lease ends."""
    claimed: list[Claimed] = []
    taking = {"b_now": t.micros(now), "b_owner": owner, "b_lease": t.micros(now + lease)}
    statement, known = _claim(tx)
    for priority in range(4):
        if len(claimed) >= limit:
            break
        asked = {**known, **taking, "b_priority": priority, "b_limit": limit - len(claimed)}
        claimed.extend(map(_claimed, sorted(tx.quick(statement, asked), key=_by_due)))
    return claimed


def _claimed(row: tuple[Any, ...]) -> Claimed:
    values = [*row]
    for index, read in _READS:
        if (kept := row[index]) is not None:
            values[index] = read(kept)
    return Claimed(*values)


@lru_cache(maxsize=256)
def _channels(kept: str) -> tuple[Channel, ...]:
    return tuple(map(Channel, orjson.loads(kept)))


def _reads(column: ColumnElement[Any]) -> Callable[[Any], Any] | None:
    if column is _m["class"]:
        return MessageClass
    if column is _m.channels:
        return _channels
    kinds = ((t.Moment, t.from_micros), (t.Json, orjson.loads), (Boolean, bool))
    return next((read for kind, read in kinds if isinstance(column.type, kind)), None)


_READS = tuple((index, read) for index, column in enumerate(_CLAIMED) if (read := _reads(column)) is not None)
"""What makes of the driver's values ours."""

_CLAIMING: dict[bool, tuple[str, Mapping[str, Any]]] = {}


def _claim(tx: Transaction) -> tuple[str, Mapping[str, Any]]:
    """Built once for each kind of database: it runs four times a turn, and building it costs more than running it."""
    if tx.is_sqlite not in _CLAIMING:
        due = (
            select(_m.id)
            .where(_m.state == "scheduled", _m.priority == bindparam("b_priority"), _m.due_at <= bindparam("b_now"))
            .order_by(_m.due_at)
            .limit(bindparam("b_limit", type_=Integer))
        )
        _CLAIMING[tx.is_sqlite] = tx.spelled(
            update(t.messages)
            .where(_m.id.in_(tx.chosen(due)))
            .values(
                state="sending",
                owner=bindparam("b_owner"),
                lease=bindparam("b_lease"),
                fence=_m.fence + 1,
                changed_at=bindparam("b_now"),
            )
            .returning(*_CLAIMED)
        )
    return _CLAIMING[tx.is_sqlite]


_by_due = itemgetter(_CLAIMED.index(_m.due_at), _CLAIMED.index(_m.id))


def give_back(tx: Transaction, messages: Sequence[Claimed], now: datetime) -> None:
    """Claimed and surely not spoken about (SIGTERM): they wait again, and nothing is counted."""
    if messages:
        tx.connection.execute(
            update(t.messages)
            .where(_m.id == bindparam("b_id"), _m.fence == bindparam("b_fence"), _m.state == "sending")
            .values(state="scheduled", lease=None, owner=None, changed_at=now),
            [{"b_id": one.id, "b_fence": one.fence} for one in messages],
        )


def hurry(tx: Transaction, account: str, now: datetime) -> None:
    """An account is back: what it had put off, for longer and longer, need not wait for its next try, nor does the
    crowd that waited for any account."""
    tx.connection.execute(
        update(t.messages)
        .where(
            _m.state == "scheduled",
            _m.priority.in_(range(4)),
            _m.due_at > now,
            _m.due_at <= now + LONGEST,
            or_(_m.account == account, type_coerce(_m.reason, Text).like('%"account_held"%')),
        )
        .values(due_at=now)
    )


_NEXT_DUE_OF = "(SELECT due_at FROM messages WHERE state = 'scheduled' AND priority = {}{} ORDER BY due_at LIMIT 1)"
_NEXT_DUE = "SELECT " + ", ".join(_NEXT_DUE_OF.format(one, "") for one in range(4))
_NEXT_DUE_AFTER = "SELECT " + ", ".join(_NEXT_DUE_OF.format(one, " AND due_at > ?") for one in range(4))


def next_due(tx: Transaction | Glance, after: datetime | None = None) -> datetime | None:
    """When the next message falls due (after the moment `after`, if given); None when none waits."""
    asked = tx.quick(_NEXT_DUE) if after is None else tx.quick(_NEXT_DUE_AFTER, [t.micros(after)] * 4)
    first = min((kept for kept in asked[0] if kept is not None), default=None)
    return None if first is None else t.from_micros(first)
