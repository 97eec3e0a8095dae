"""The ledger: every step that a message takes, with its reason, for ever in the order in which they were taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.domain.messages import State
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.storage import bulk
from core.storage import tables as t
from core.storage.database import Transaction


def write_steps(tx: Transaction, steps: Sequence[tuple[str, str, State, Reason | None]], now: datetime) -> None:
    """Into the ledger: (message, workspace, state, reason)."""
    if steps:
        bulk.insert(
            tx,
            t.steps,
            [
                {
                    "workspace": workspace,
                    "message": message,
                    "at": now,
                    "state": str(state),
                    "reason": reason_row(reason),
                }
                for message, workspace, state, reason in steps
            ],
        )


def history(tx: Transaction, message_id: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The steps and the attempts of one message, oldest first."""
    steps = tx.rows(tx.mine(t.steps).where(t.steps.c.message == message_id).order_by(t.steps.c.id))
    attempts = tx.rows(tx.mine(t.attempts).where(t.attempts.c.message == message_id).order_by(t.attempts.c.id))
    return list(steps), list(attempts)


def unsaid(tx: Transaction, message_ids: Sequence[str], code: str) -> list[str]:
    """Those of the messages in whose ledger no step has that reason yet."""
    if not message_ids:
        return []
    c = t.steps.c
    rows = tx.connection.execute(select(c.message, c.reason).where(c.message.in_(sorted(message_ids))))
    said = {row.message for row in rows if row.reason and row.reason["code"] == code}
    return [one for one in message_ids if one not in said]


def reason_row(reason: Reason | None) -> dict[str, Any] | None:
    """A reason as the ledger keeps it."""
    return None if reason is None else {"code": reason.code, "values": dict(reason.values)}


def checks_row(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Checks as the ledger keeps them."""
    return [
        {"check": one.name, "result": one.result, **({"reason": reason_row(one.reason)} if one.reason else {})}
        for one in checks
    ]
