"""Figures that follow the ledger: each minute by themselves, and when somebody looks."""

from __future__ import annotations

import time
from datetime import date

from core.storage import house, measures
from core.suite import Suite

DAYS_A_TURN = 60
"""So many days are added up in one turn of the engine."""
WORTH = 0.5
"""Seconds that the adding up of a day may take for those who look; when it takes longer they see the last minute's."""
SLOW = "measures_slow"


def run_due(suite: Suite) -> int:
    """Reads what the ledger tells, and adds up the days that it speaks of. Returns how many."""
    _read_on(suite)
    done, longest = _add_up(suite, None, DAYS_A_TURN)
    with suite.database.read() as tx:
        was = bool(house.value(tx, SLOW))
    if done and (longest > WORTH) != was:
        with suite.database.write() as tx:
            house.set_value(tx, SLOW, longest > WORTH, suite.now())
    return done


def bring_up(suite: Suite, workspace: str, since: date, until: date) -> bool:
    """Before figures of these days are shown. False when those of the last minute are shown, because adding up so much
    takes its time."""
    with suite.database.read(workspace) as tx:
        known = house.workspace(tx, workspace)
        zone = known["settings"]["zone"] if known else house.DEFAULTS["zone"]
        moved = measures.elsewhere(tx, zone)
        slow = bool(house.value(tx, SLOW))
    if moved:
        with suite.database.write(workspace) as tx:
            measures.move(tx, zone)
    elif slow:
        return False
    _read_on(suite)
    _add_up(suite, workspace, (until - since).days + 1, since, until)
    return True


def _read_on(suite: Suite) -> None:
    with suite.database.read() as tx:
        found = measures.news(tx, suite.now())
    if found.any:
        with suite.database.write() as tx:
            measures.mark(tx, found, suite.now())


def _add_up(
    suite: Suite, workspace: str | None, most: int, since: date | None = None, until: date | None = None
) -> tuple[int, float]:
    """How many days, and the seconds of the one that took longest."""
    with suite.database.read(workspace) as tx:
        days = measures.stale(tx, limit=most, since=since, until=until)
    longest = 0.0
    for one in days:
        began = time.monotonic()
        with suite.database.read(one.workspace) as tx:
            rows = measures.added_up(tx, one)
        with suite.database.write(one.workspace) as tx:
            measures.put(tx, one, rows)
        longest = max(longest, time.monotonic() - began)
    return len(days), longest
