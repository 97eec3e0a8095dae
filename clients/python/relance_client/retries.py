"""When a call is made again, and after how long: what a server that is busy, away or restarting wishes of its clients.

Only what cannot count twice is said again: reads, changes that say how things are to be, and POSTs that bear an
idempotency key, which all of this package's do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

AGAIN = frozenset({429, 500, 502, 503, 504})
BUSY = "idempotency_busy"
"""The code of a 409 that only says: the same request is still in progress."""


@dataclass(frozen=True)
class Patience:
    """`tries` calls at most. Between two: what the server said (`Retry-After`), else a random time up to `first`
    seconds, twice as much each time, `longest` at most. A server that asks for more than `most_asked` seconds is not
    waited for: the error says how long."""

    tries: int = 5
    first: float = 0.5
    longest: float = 20.0
    most_asked: float = 120.0
    chance: Callable[[], float] = random.random

    def pause(self, tries_made: int, asked: float | None) -> float | None:
        """Seconds until the next try; None when there is none."""
        if tries_made >= self.tries or (asked is not None and asked > self.most_asked):
            return None
        jitter: float = self.chance() * min(self.longest, self.first * 2 ** (tries_made - 1))
        # All who were told the same moment would come at the same moment: a little later is as good.
        return jitter if asked is None else asked + min(jitter, 1.0)


def seconds_of(header: str | None, now: datetime | None = None) -> float | None:
    """`Retry-After`: seconds, or a moment of HTTP (RFC 9110)."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
