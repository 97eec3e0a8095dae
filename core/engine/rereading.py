"""A kept request read again after a fix, whoever it came from: a platform, or a provider with receipts and replies."""

from __future__ import annotations

from core.domain.errors import NotFound
from core.engine import feedback, intake
from core.storage import inbox
from core.storage.database import Transaction
from core.suite import Suite


def again(suite: Suite, tx: Transaction, inbox_id: str) -> None:
    """Harmless when done twice; what came of it is in the request's row. Raises `NotFound`."""
    row = inbox.get(tx, inbox_id)
    if row is None:
        raise NotFound("inbox entry")
    if row["account"]:
        feedback.replay_in(suite, tx, inbox_id)
    else:
        intake.replay_in(suite, tx, inbox_id)
