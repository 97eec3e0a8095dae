"""Idempotency keys of POSTs: the first answer is given again; kept and committed together with the effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from core.storage import tables as t
from core.storage.database import Database, Transaction

IN_PROGRESS_LIVES = timedelta(seconds=60)
_c = t.idempotency.c


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a key: `fresh` (ours to do), `done` (the first answer), `other` body, `busy` (being done)."""

    what: Literal["fresh", "done", "other", "busy"]
    status: int = 0
    body: str = ""
    headers: Mapping[str, str] | None = None


def take(database: Database, workspace: str, key: str, request: str, owner: str, now: datetime) -> Seen:
    """Claims the key for the request of that digest. A claim whose process died is free again after a minute."""
    try:
        with database.write(workspace) as tx:
            row = tx.row(select(t.idempotency).where(_c.workspace == workspace, _c.key == key))
            if row is not None and row["status"] is None and row["created_at"] < now - IN_PROGRESS_LIVES:
                tx.connection.execute(delete(t.idempotency).where(_c.workspace == workspace, _c.key == key))
                row = None
            if row is None:
                tx.connection.execute(
                    insert(t.idempotency).values(
                        workspace=workspace, key=key, request=request, owner=owner, created_at=now
                    )
                )
                return Seen("fresh")
    except IntegrityError:
        return Seen("busy")
    if row["request"] != request:
        return Seen("other")
    return Seen("busy") if row["status"] is None else Seen("done", row["status"], row["body"], row["headers"])


def keep(tx: Transaction, key: str, owner: str, status: int, body: str, headers: Mapping[str, Any]) -> None:
    """Keeps the answer, in the transaction of the effect itself."""
    tx.connection.execute(
        update(t.idempotency)
        .where(_c.workspace == tx.owned, _c.key == key, _c.owner == owner)
        .values(status=status, body=body, headers=dict(headers))
    )


def forget(database: Database, workspace: str, key: str, owner: str) -> None:
    """Nothing was done: the key is free again."""
    with database.write(workspace) as tx:
        tx.connection.execute(
            delete(t.idempotency).where(
                _c.workspace == workspace, _c.key == key, _c.owner == owner, _c.status.is_(None)
            )
        )


# ---------------------------------------------------------------------------------------------- in the effect's own
# transaction: nothing is claimed beforehand, so that a process that dies leaves nothing behind.


def known(tx: Transaction, key: str, request: str) -> Seen:
    """What is known of the key, without claiming it."""
    row = (
        tx.connection.execute(select(t.idempotency).where(_c.workspace == tx.owned, _c.key == key)).mappings().first()
    )
    if row is None:
        return Seen("fresh")
    if row["request"] != request:
        return Seen("other")
    return Seen("busy") if row["status"] is None else Seen("done", row["status"], row["body"], row["headers"])


def begun(tx: Transaction, key: str, request: str, now: datetime) -> Seen:
    """As `known`; a fresh key is written, and is there for others only when this transaction commits. Whoever comes
    with the same key meanwhile is told `busy` (SQLite: waits for its turn to write, and then finds the answer)."""
    if not tx.is_sqlite:
        locked = tx.connection.execute(
            text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 7))"), {"name": f"{tx.owned}/{key}"}
        ).scalar()
        if not locked:
            return Seen("busy")
    seen = known(tx, key, request)
    if seen.what == "fresh":
        tx.connection.execute(
            insert(t.idempotency).values(workspace=tx.owned, key=key, request=request, owner="", created_at=now)
        )
    return seen


def ended(tx: Transaction, key: str, status: int, body: str, headers: Mapping[str, Any]) -> None:
    """The answer, committed with the effect."""
    keep(tx, key, "", status, body, headers)
