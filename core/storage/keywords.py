"""Keyword rules: the words that people send by themselves, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update

from core.domain.keywords import Keyword
from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Transaction

_k = t.keywords.c


def add(tx: Transaction, values: Mapping[str, Any], now: datetime) -> str:
    """A new one; its id. `values`: plain columns of `keywords`."""
    keyword_id = new_id("kwd")
    tx.connection.execute(
        insert(t.keywords).values({**values, "id": keyword_id, "workspace": tx.owned, "created_at": now})
    )
    return keyword_id


def row(tx: Transaction, keyword_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.keywords).where(_k.id == keyword_id, _k.removed_at.is_(None)))


def rows(tx: Transaction, *, after: str | None = None, limit: int = 50) -> list[Mapping[str, Any]]:
    """Oldest first."""
    query = tx.mine(t.keywords).where(_k.removed_at.is_(None)).order_by(_k.id).limit(limit)
    return tx.rows(query if after is None else query.where(_k.id > after))


def change(tx: Transaction, keyword_id: str, values: Mapping[str, Any]) -> None:
    """`values`: plain columns of `keywords`."""
    mine = (_k.id == keyword_id, _k.workspace == tx.owned)
    tx.connection.execute(update(t.keywords).where(*mine).values(dict(values)))


def came(tx: Transaction, keyword_id: str, now: datetime) -> None:
    """Somebody sent the word."""
    change(tx, keyword_id, {"heard": _k.heard + 1, "heard_at": now})


def active(tx: Transaction) -> list[Keyword]:
    """Those that are switched on."""
    query = tx.mine(t.keywords, _k.id, _k["words"]).where(_k.active.is_(True), _k.removed_at.is_(None))
    return [Keyword(one["id"], frozenset(one["words"])) for one in tx.rows(query.order_by(_k.id))]


def taken(tx: Transaction, words: frozenset[str], *, but: str | None = None) -> str | None:
    """One of these words that another keyword has. Until the end of the transaction nobody else takes any."""
    tx.alone(f"keywords:{tx.owned}")
    query = tx.mine(t.keywords, _k.id, _k["words"]).where(_k.removed_at.is_(None))
    for one in tx.rows(query):
        if one["id"] != but and (both := words & set(one["words"])):
            return min(both)
    return None
