"""What is kept only for a while: raw requests, idempotency keys, old sessions. Once an hour; counts, and what
is held for nothing, each minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.engine import feedback, looking, measures, verifying
from core.storage import audit, counting, house, pages, retention, tally
from core.storage import measures as sums
from core.suite import Suite

EVERY = timedelta(hours=1)
COUNTS_EVERY = timedelta(minutes=1)


def run_due(suite: Suite) -> int:
    """Deletes what is older than its retention (see `core.storage.retention`). Returns how many rows."""
    now: datetime = suite.now()
    with suite.database.read() as tx:
        last, counted = house.moment(tx, "housekeeping"), house.moment(tx, "counts_summed_up")
    if _is_time(counted, now, COUNTS_EVERY):
        with suite.database.write() as tx:
            house.set_value(tx, "counts_summed_up", True, now)
            tally.summed_up(tx)
        verifying.hide_spent(suite)
        looking.let_go(suite)
        feedback.settle_missed(suite)
        measures.run_due(suite)
        chain_audit(suite)
    if not _is_time(last, now, EVERY):
        return 0
    with suite.database.write() as tx:
        house.set_value(tx, "housekeeping", True, now)
        return retention.prune(tx, now) + counting.prune(tx, now) + sums.prune(tx, now) + pages.prune(tx, now)


def chain_audit(suite: Suite) -> int:
    """Chains the new lines of the audit log, workspace by workspace; how many."""
    done = 0
    with suite.database.glance() as tx:
        places = audit.unchained(tx)
    for place in places:
        while True:
            with suite.database.write(place) as tx:
                chained = audit.chain(tx, suite.now())
            done += chained
            if chained < audit.PAGE:
                break
    return done


def _is_time(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """A clock that was turned back does not make it wait for the moment it was turned from."""
    return last is None or last > now or now - last >= every
