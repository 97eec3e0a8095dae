"""A workspace's data, table by table, as it may leave the house: no secret, no raw request, no password, no session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, Text, false, or_, select, type_coerce

from core.domain.messages import MessageClass
from core.domain.spellings import Spellings
from core.domain.text.codes import hidden
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.erasure import whose
from core.storage.tables import Json

# Raw requests hold what proves who sent them; the rest is no data of the workspace's people.
_STAY = frozenset({"inbox", "idempotency", "oauth_states", "api_keys", "memberships", "leases", "simulated_messages",
                   "house", "users", "sessions", "throttles", "workspaces", "export_parts", "uploads",
                   "upload_parts", "audit_heads"})
_SECRET = frozenset({"secrets", "hook_sealed", "hook_hash", "sealed", "memory", "cursor", "lease", "owner", "fence",
                     "code_hash"})
_PAGE = 1000


def tables() -> list[str]:
    """The tables that are exported."""
    return [table.name for table in t.metadata.sorted_tables if "workspace" in table.c and table.name not in _STAY]


def columns(name: str) -> list[str]:
    """Those of a table that leave the house."""
    return [column.name for column in _columns(t.metadata.tables[name])]


def rows(tx: Transaction, name: str, *, number: str | None = None) -> Iterator[Mapping[str, Any]]:
    """This workspace's rows of a table, moments in ISO 8601; with `number` (E.164) those that name it."""
    table = t.metadata.tables[name]
    columns = _columns(table)
    keys = [column for column in table.primary_key.columns if column.name != "workspace"]
    query = tx.mine(table, *columns).order_by(*keys)
    spellings = Spellings(number) if number else None
    if spellings is not None:
        texts = [column for column in columns if isinstance(column.type, Text | Json)]
        named = [type_coerce(column, Text).like(spellings.like) for column in texts]
        below = [
            column.in_(select(owner.c.id).where(owner.c.workspace == tx.owned,
                                                or_(*(owner.c[one] == number for one in said))))
            for column, owner, said in (
                (table.c.get("message"), t.messages, ("to",)),
                (table.c.get("occasion"), t.occasions, ("recipient", "own_recipient")),
            ) if column is not None
        ]
        query = query.where(or_(false(), *(column == number for column in whose(table)), *named, *below))
    first = 0
    while found := tx.rows(query.limit(_PAGE).offset(first)):
        for row in found:
            yield {key: value.isoformat() if isinstance(value, datetime) else value
                   for key, value in _without_code(name, row).items()}
        first += _PAGE


def _columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column.name not in _SECRET and column.name != "workspace"]


def _without_code(name: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A one-time code is for its owner alone."""
    if name == "messages" and row["class"] == MessageClass.OTP:
        return {**row, "text": hidden(row["text"]), "content": None}
    return row
