"""What is kept only for a while: raw requests, idempotency keys, old sessions. Once an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.storage import house, retention
from core.suite import Suite

EVERY = timedelta(hours=1)


def run_due(suite: Suite) -> int:
    """Deletes what is older than its retention (see `core.storage.retention`). Returns how many rows."""
    now: datetime = suite.now()
    with suite.database.read() as tx:
        last = house.moment(tx, "housekeeping")
    if last is not None and now - last < EVERY and last <= now:
        return 0
    with suite.database.write() as tx:
        house.set_value(tx, "housekeeping", True, now)
        return retention.prune(tx, now)
