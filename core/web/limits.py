"""How fast one caller may be: a bucket of tokens for each, in this process's memory."""

from __future__ import annotations

import math
import threading
import time

from core.domain.errors import RelanceError

# For a key. A program that catches up after a break comes with everything at once.
PER_SECOND = 300.0
BURST = 3000.0
# For an address that comes without a good key.
STRANGERS_PER_SECOND = 20.0
STRANGERS_BURST = 1000.0
MOST_CALLERS = 10_000


class TooFast(RelanceError):
    """429; `after` in whole seconds."""

    status = 429

    def __init__(self, after: int) -> None:
        super().__init__("too_fast", seconds=after)
        self.after = after


class Buckets:
    """Each caller has a bucket that holds `burst` tokens and fills at `rate` per second."""

    def __init__(self, rate: float = PER_SECOND, burst: float = BURST) -> None:
        self._rate, self._burst = rate, burst
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, tokens: float = 1.0) -> int:
        """0 when the caller may go on, else after how many whole seconds to come again."""
        now = time.monotonic()
        with self._lock:
            if len(self._left) > MOST_CALLERS:
                self._left.clear()
            left, since = self._left.get(caller, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            if left >= tokens:
                self._left[caller] = (left - tokens, now)
                return 0
            self._left[caller] = (left, now)
            return max(1, math.ceil((tokens - left) / self._rate))
