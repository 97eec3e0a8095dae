"""What platforms are told of their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select, text, update

from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_m = t.messages.c


def of_occasions(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """occasion → its messages, the first one first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for some in chunks(sorted(occasion_ids)):
        query = tx.mine(t.messages).where(_m.occasion.in_(some)).order_by(_m.id)
        for row in tx.rows(query):
            found.setdefault(row["occasion"], []).append(row)
    return found


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
