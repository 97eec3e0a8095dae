"""Figures that follow the ledger: each minute by themselves, and when somebody looks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date

from core.storage import measures
from core.storage.database import Transaction
from core.suite import Suite

DAYS_A_TURN = 60
"""So many days are added up in one turn of the engine."""
WORTH = 0.5
"""Seconds of adding up that somebody who looks waits for each time; when it takes longer they see the last minute's."""


def run_due(suite: Suite) -> int:
    """Reads what the ledger tells, and adds up the days that it speaks of. Returns how many."""
    _read_on(suite)
    return _add_up(suite, None, DAYS_A_TURN)


def bring_up(suite: Suite, workspace: str, since: date, until: date) -> bool:
    """Before figures of these days are shown. False when they are those of a minute ago, because adding up so much
    takes its time."""
    with suite.database.read(workspace) as tx:
        slow = measures.took(tx)
    if slow > WORTH:
        return False
    began = time.monotonic()
    _read_on(suite)
    done = _add_up(suite, workspace, (until - since).days + 1, since, until)
    if done and (taken := time.monotonic() - began) > WORTH and done <= 2:
        with suite.database.write(workspace) as tx:
            measures.note_took(tx, taken, suite.now())
    return True


def _read_on(suite: Suite) -> None:
    with suite.database.read() as tx:
        found = measures.news(tx)
    if found.any:
        with suite.database.write() as tx:
            measures.mark(tx, found, suite.now())


def _add_up(
    suite: Suite, workspace: str | None, most: int, since: date | None = None, until: date | None = None
) -> int:
    with suite.database.read(workspace) as tx:
        days = measures.stale(tx, limit=most, since=since, until=until)
    for one in days:
        with suite.database.read(one.workspace) as tx:
            rows = measures.added_up(tx, one)
        with suite.database.write(one.workspace) as tx:
            measures.put(tx, one, rows)
    return len(days)
