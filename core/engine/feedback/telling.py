"""What platforms are to hear of a message is put down, if they want to hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.contract import Reports
from core.storage import feedback, installations
from core.storage.database import Transaction
from core.suite import Suite


def report(
    suite: Suite,
    tx: Transaction,
    installation: str,
    occasion: str | None,
    message: str | None,
    kind: str,
    content: Mapping[str, Any],
    now: datetime,
    wanting: dict[str, bool] | None = None,
) -> None:
    """`wanting`: what is known already of which installation wants reports."""
    wanting = {} if wanting is None else wanting
    if installation not in wanting:
        wanting[installation] = _wants(suite, tx, installation)
    if wanting[installation]:
        feedback.queue_report(tx, installation, occasion=occasion, message=message, kind=kind, content=content, now=now)


def _wants(suite: Suite, tx: Transaction, installation: str) -> bool:
    adapter = suite.adapters.get(installations.adapter_of(tx, installation) or "")
    if not isinstance(adapter, Reports):
        return False
    row = installations.get(tx, suite.vault, installation, suite.public_url)
    return row is not None and row.state != "disconnected" and adapter.wants(row.installation)
