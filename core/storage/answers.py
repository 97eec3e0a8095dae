"""The latest answer of each rule for each occasion: why there is a message, and why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert

from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import checks_row, reason_row

_c = t.answers.c
# Built once: they are asked with everything that is planned.
_FORGOTTEN = delete(t.answers).where(_c.occasion.in_(bindparam("b_occasions", expanding=True)))
_SAID = insert(t.answers)


def keep(tx: Transaction, said: Sequence[tuple[Occasion, Sequence[Send | Skip]]], now: datetime) -> None:
    """Replaces the answers about these occasions."""
    ids = [occasion.id for occasion, _ in said]
    for some in chunks(ids):
        tx.connection.execute(_FORGOTTEN, {"b_occasions": some})
    rows = [_row(tx, occasion, answer, now) for occasion, answers in said for answer in answers]
    if rows:
        tx.connection.execute(_SAID, rows)


def about(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The answers about these occasions, by occasion."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for some in chunks(sorted(occasion_ids)):
        for row in tx.rows(tx.mine(t.answers).where(_c.occasion.in_(some))):
            found.setdefault(row["occasion"], []).append(row)
    return found


def modes(tx: Transaction) -> dict[str, bool]:
    """installation → whether what it plans is carried out."""
    found = tx.quick("SELECT id, mode FROM installations WHERE workspace = ?", (tx.owned,))
    return {installation: mode == "live" for installation, mode in found}


def _row(tx: Transaction, occasion: Occasion, answer: Send | Skip, now: datetime) -> dict[str, Any]:
    sends = isinstance(answer, Send)
    return {
        "occasion": occasion.id,
        "rule": answer.rule,
        "workspace": tx.owned,
        "installation": occasion.installation,
        "answer": "send" if sends else "skip",
        "reason": None if isinstance(answer, Send) else reason_row(answer.reason),
        "checks": checks_row(answer.checks),
        "wanted_at": answer.send_at if isinstance(answer, Send) else answer.wanted_at,
        "at": now,
        "left_out_at": None if isinstance(answer, Send) else answer.left_out_at,
    }
