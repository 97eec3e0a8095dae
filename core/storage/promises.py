"""Messages that promise their person a discount code."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_m, _r = t.messages.c, t.rules.c


def waiting(tx: Transaction, message_ids: Collection[str]) -> list[Mapping[str, Any]]:
    """Of these messages those that wait for their platform's word and whose rule gives a discount; with the rule's
    `conditions`. The most urgent first."""
    found: list[Mapping[str, Any]] = []
    ids = sorted(message_ids)
    for some in chunks(ids):
        rows = tx.rows(
            tx.mine(
                t.messages, _m.id, _m.occasion, _m.rule, _m.to, _m.text, _m.content, _m["class"], _m.due_at,
                _m.expires_at, _r.conditions,
            )
            .join(t.rules, (_r.id == _m.rule) & (_r.workspace == _m.workspace))
            .where(
                _m.id.in_(some), _m.state == "held", _m.held_by.startswith("look:"),
                _m.occasion.is_not(None),
            )
        )  # fmt: skip
        found += [row for row in rows if (row["conditions"] or {}).get("discount")]
    return sorted(found, key=lambda row: row["due_at"])


def any_made(tx: Transaction, installation: str) -> bool:
    """Whether a rule of this connection gives discounts, or gave them."""
    rows = tx.rows(tx.mine(t.rules, _r.conditions).where(_r.installation == installation))
    return any((row["conditions"] or {}).get("discount") for row in rows)
