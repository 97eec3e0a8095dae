"""What the engine counts for those who watch it: sums that are written in the transaction of what they count.

Rows are only ever added, so that no two senders wait for each other, and summed up again every minute. What is counted
is therefore exactly what was committed, whoever counted it and on whichever machine. Labels are words of the trade;
a number, a name or a text never is one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, func, insert, select

from core.storage import tables as t
from core.storage.database import Transaction

Key = tuple[str, ...]
"""The name of what is counted, and its labels."""

LATENESS, CALLS = "lateness", "provider_calls"
LATENESS_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Seconds from due to handed over."""
CALL_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds that a provider took to answer one call, of one message or of a batch."""
_MANY = 500
_c = t.tally.c


class Tally:
    """Counts of one turn, on their way into the database; it begins with those of another one."""

    def __init__(self, begun: Tally | None = None) -> None:
        self._counts: Counter[Key] = Counter(begun._counts if begun else ())

    def count(self, *key: str, by: int = 1) -> None:
        self._counts[key] += by

    def observe(self, name: str, bounds: tuple[float, ...], taken: timedelta, *labels: str) -> None:
        """One observation of a histogram: its bucket, and its microseconds for the sum."""
        seconds = max(taken.total_seconds(), 0.0)
        self._counts[(name, *labels, str(bisect_left(bounds, seconds)))] += 1
        self._counts[(name, *labels, "sum")] += round(seconds * 1_000_000)

    def into(self, tx: Transaction) -> None:
        """Adds the counts to those of the house, in one statement."""
        if self._counts:
            add(tx, self._counts)


def add(tx: Transaction, counts: Mapping[Key, int]) -> None:
    """Adds to what is counted, in the caller's transaction."""
    tx.connection.execute(
        insert(t.tally), [{"what": "|".join(key), "count": count} for key, count in counts.items()]
    )


def read(tx: Transaction) -> dict[Key, int]:
    """All that was ever counted."""
    rows = tx.connection.execute(select(_c.what, func.sum(_c.count)).group_by(_c.what)).all()
    return {tuple(row[0].split("|")): int(row[1]) for row in rows}


def summed_up(tx: Transaction) -> int:
    """Makes one row of many. Returns how many rows there were, 0 when they were too few to trouble with."""
    if (tx.connection.execute(select(func.count()).select_from(t.tally)).scalar() or 0) < _MANY:
        return 0
    tx.alone("tally")
    sums: Counter[str] = Counter()
    rows = tx.connection.execute(delete(t.tally).returning(_c.what, _c.count)).all()
    for what, count in rows:
        sums[what] += int(count)
    tx.connection.execute(insert(t.tally), [{"what": what, "count": count} for what, count in sorted(sums.items())])
    return len(rows)
