"""What platforms are told of their messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, text, update

from core.storage import tables as t
from core.storage.database import Transaction

_m = t.messages.c


def untold(tx: Transaction, limit: int) -> list[Mapping[str, Any]]:
    """Messages whose state their platform wants to hear of and has not been told: marked as told, the caller tells.
    `told` is what it was told before, "" for nothing."""
    due = select(_m.id, _m.told).where(text(f"({t.UNTOLD})")).order_by(_m.changed_at).limit(limit)
    before = {row.id: row.told for row in tx.connection.execute(tx.unshared(due))}
    ids = list(before)
    if not ids:
        return []
    tx.connection.execute(update(t.messages).where(_m.id.in_(ids)).values(told=_m.state))
    return [{**row, "told": before[row["id"]]} for row in tx.rows(select(t.messages).where(_m.id.in_(ids)))]
