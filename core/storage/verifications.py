"""One-time codes: who was sent one, how often it was tried, and what became of it. The code itself is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update

from core.storage import tables as t
from core.storage.database import Transaction

KEPT = timedelta(days=30)
_v, _m = t.verifications.c, t.messages.c


def alone(tx: Transaction, number: str) -> None:
    """Until the end of the transaction nobody else begins or checks a code of that number in this workspace."""
    tx.alone(f"verify:{tx.owned}:{number}")


def add(tx: Transaction, values: Mapping[str, Any]) -> None:
    """`values`: columns of `verifications` but `workspace` and `tries`."""
    tx.connection.execute(insert(t.verifications).values(**values, workspace=tx.owned, tries=0))


def get(tx: Transaction, verification_id: str) -> Mapping[str, Any] | None:
    """One verification's row."""
    return tx.row(tx.mine(t.verifications).where(_v.id == verification_id))


def last_sent(tx: Transaction, number: str, since: datetime) -> Mapping[str, Any] | None:
    """The newest verification of `number` (E.164) after `since` for which a code was sent, whatever became of it."""
    return tx.row(
        tx.mine(t.verifications)
        .where(_v.number == number, _v.code_hash.is_not(None), _v.created_at > since)
        .order_by(_v.created_at.desc(), _v.id.desc())
        .limit(1)
    )


def tried(tx: Transaction, verification_id: str, tries: int, state: str, now: datetime) -> None:
    """A wrong code was typed, for the `tries`th time."""
    tx.connection.execute(
        update(t.verifications)
        .where(_v.id == verification_id, _v.workspace == tx.owned)
        .values(tries=tries, state=state, checked_at=now)
    )


def ended(tx: Transaction, verification_id: str, state: str, now: datetime) -> bool:
    """A verification that was pending is over; False when it was over before."""
    done = tx.connection.execute(
        update(t.verifications)
        .where(_v.id == verification_id, _v.workspace == tx.owned, _v.state == "pending")
        .values(state=state, checked_at=now)
    )
    return bool(done.rowcount)


def end_older(tx: Transaction, number: str, purpose: str, now: datetime) -> None:
    """A new code ends those before it for the same number and purpose."""
    tx.connection.execute(
        update(t.verifications)
        .where(_v.workspace == tx.owned, _v.number == number, _v.purpose == purpose, _v.state == "pending")
        .values(state="replaced", checked_at=now)
    )


def listed(
    tx: Transaction, *, to: str | None = None, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Newest first."""
    query = tx.mine(t.verifications).order_by(_v.id.desc()).limit(limit)
    if to:
        query = query.where(_v.number == to)
    if after:
        query = query.where(_v.id < after)
    return tx.rows(query)


def since(tx: Transaction, start: datetime) -> Sequence[Mapping[str, Any]]:
    """What the figures of the last days are made of: country, state, moments, and whether a code was sent at all."""
    sent = _v.code_hash.is_not(None).label("sent")
    return tx.rows(
        tx.mine(t.verifications, _v.country, _v.state, _v.created_at, _v.expires_at, sent).where(
            _v.created_at >= start, _v.test.is_(False)
        )
    )


def spent_messages(tx: Transaction, now: datetime, limit: int = 500) -> list[Mapping[str, Any]]:
    """Over all workspaces: messages whose code is over and that have not been looked at since, however long ago that
    was; `verification` and `text`."""
    over = (_v.hidden == text("false"), _v.message.is_not(None), _v.expires_at <= now)
    return tx.rows(
        select(_v.id.label("verification"), _m.id, _m.text)
        .join(t.messages, _v.message == _m.id, isouter=True)
        .where(*over)
        .order_by(_v.expires_at)
        .limit(limit)
    )


def hide(tx: Transaction, texts: Mapping[str, str], looked_at: Sequence[str]) -> int:
    """Writes these texts (by message) in place of those that held a code, and notes which verifications' were looked
    at. Returns how many texts."""
    for message, said in texts.items():
        tx.connection.execute(update(t.messages).where(_m.id == message).values(text=said, content=None))
    tx.connection.execute(update(t.verifications).where(_v.id.in_(looked_at)).values(hidden=True))
    return len(texts)
