"""What people wrote back, what it was taken for, and what it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from core.contract import PhoneReply
from core.domain.messages import LEFT, Channel
from core.domain.reasons import Reason
from core.ids import new_id
from core.storage import measures
from core.storage import tables as t
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_m, _p = t.messages.c, t.replies.c
AUTOMATIC = "relance:answer"
STOP_CONFIRMED = "relance:stop"
"""The reference of the one message that may follow a STOP; nobody outside can give a message such a reference."""


def keep_reply(
    tx: Transaction, account: str, reply: PhoneReply, now: datetime, *, channel: Channel | None = None
) -> str | None:
    """Keeps a reply, and by which channel it came where that is known; its id, or None when it came before."""
    tx.alone(f"replies:{account}")
    known = tx.connection.execute(
        select(_p.id).where(_p.account == account, _p.provider_ref == reply.provider_reference)
    ).first()
    if known is not None:
        return None
    reply_id = new_id("rep")
    tx.connection.execute(
        insert(t.replies).values(
            id=reply_id,
            workspace=tx.owned,
            account=account,
            number=reply.sender,
            to=reply.to[:20],
            channel=channel and str(channel),
            text=clean(reply.text),
            at=reply.at,
            received_at=now,
            provider_ref=reply.provider_reference,
            meaning="other",
        )
    )
    return reply_id


def written_lately(tx: Transaction, channel: Channel, numbers: set[str], since: datetime) -> frozenset[tuple[str, str]]:
    """(account, number) of those who wrote by `channel` after `since`."""
    query = select(_p.account, _p.number).where(
        _p.number.in_(sorted(numbers)), _p.channel == str(channel), _p.at > since
    )
    return frozenset((row.account, row.number) for row in tx.connection.execute(query))


def understood(
    tx: Transaction,
    reply_id: str,
    *,
    meaning: str,
    outcome: Reason,
    message: str | None = None,
    occasion: str | None = None,
    handled: datetime | None = None,
) -> None:
    """What we made of a reply. Without `handled` it waits for a person."""
    tx.connection.execute(
        update(t.replies)
        .where(_p.id == reply_id, _p.workspace == tx.owned)
        .values(meaning=meaning, outcome=reason_row(outcome), message=message, occasion=occasion, handled_at=handled)
    )
    if message is not None:
        measures.touch_message(tx, message)


def questions(tx: Transaction, number: str, now: datetime) -> list[Mapping[str, Any]]:
    """The messages to `number` that asked for an answer and left in the last 30 days, newest first."""
    return tx.rows(
        tx.mine(t.messages)
        .where(
            _m.to == number,
            _m.asks.is_(True),
            _m.occasion.is_not(None),
            _m.state.in_([str(state) for state in LEFT]),
            _m.left_at >= now - timedelta(days=30),
        )
        .order_by(_m.left_at.desc(), _m.id.desc())
        .limit(20)
    )


def last_to(tx: Transaction, number: str, *, but: str | None = None) -> Mapping[str, Any] | None:
    """The last message that left for `number`, those of the class `but` left out."""
    return tx.row(
        tx.mine(t.messages)
        .where(_m.to == number, _m.state.in_([str(state) for state in LEFT]), *([_m["class"] != but] if but else []))
        .order_by(_m.left_at.desc().nulls_last(), _m.id.desc())
        .limit(1)
    )


def asked_which(tx: Transaction, number: str, since: datetime, *, but: str) -> Mapping[str, Any] | None:
    """The last reply of `number` (before the reply `but`) if we answered it with "which one?"."""
    rows = tx.rows(
        tx.mine(t.replies)
        .where(_p.number == number, _p.received_at >= since, _p.id != but)
        .order_by(_p.received_at.desc(), _p.id.desc())
        .limit(1)
    )
    return next((row for row in rows if row["outcome"] and row["outcome"]["code"] == "asked_which"), None)


def answered_lately(tx: Transaction, number: str, since: datetime) -> int:
    """How many automatic answers `number` got since then: two machines must not talk to each other for ever."""
    rows = tx.connection.execute(
        tx.mine(t.messages, _m.id)
        .where(
            _m.to == number,
            _m["class"] == "conversational",
            _m.reference.in_((AUTOMATIC, STOP_CONFIRMED)),
            _m.created_at >= since,
        )
        .limit(10)
    ).all()
    return len(rows)


def replies(
    tx: Transaction, *, number: str | None = None, waiting: bool = False, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Newest first; `waiting` for those that a person has to read."""
    query = tx.mine(t.replies).order_by(_p.id.desc()).limit(limit)
    if number:
        query = query.where(_p.number == number)
    if waiting:
        query = query.where(_p.handled_at.is_(None))
    if after:
        query = query.where(_p.id < after)
    return tx.rows(query)


def reply(tx: Transaction, reply_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.replies).where(_p.id == reply_id))


def reply_named(tx: Transaction, account: str, provider_ref: str) -> Mapping[str, Any] | None:
    """The reply that the provider gave that id."""
    return tx.row(tx.mine(t.replies).where(_p.account == account, _p.provider_ref == provider_ref))


def handled(tx: Transaction, reply_id: str, now: datetime) -> bool:
    done = tx.connection.execute(
        update(t.replies)
        .where(_p.id == reply_id, _p.workspace == tx.owned, _p.handled_at.is_(None))
        .values(handled_at=now)
    )
    return bool(done.rowcount)
