"""When to try again: pure functions of what happened and how often."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST = timedelta(seconds=15)
LONGEST = timedelta(minutes=30)
GIVE_UP = timedelta(hours=24)
MOST_TRIES = 54
"""With the pauses below, a day's worth."""


def next_attempt(
    after: timedelta, tries: int, now: datetime, expires_at: datetime | None, created_at: datetime | None = None
) -> datetime | None:
    """The next moment for a message that was put off, or None when it would come too late.

    `after` is the least pause that the other side asked for; `tries` how often it was tried before. The pause doubles
    from 15 seconds to half an hour. Without a deadline it is given up after 54 tries, which take a day, or 24 hours
    after `created_at`, where that is given.
    """
    at = now + max(after, min(FIRST * 2 ** min(tries, 10), LONGEST))
    if expires_at is None and tries >= MOST_TRIES:
        return None
    deadline = expires_at or (created_at + GIVE_UP if created_at else None)
    return None if deadline is not None and at > deadline else at


# Over about 28 hours, as Standard Webhooks proposes; the caller adds its jitter.
WEBHOOK_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18000, 36000, 36000))


def next_delivery(tries: int, now: datetime, jitter: float) -> datetime | None:
    """When an outgoing webhook that failed `tries` times (1 or more) is sent again, or None to give it up. `jitter`
    between 0 and 1 spreads by a fifth of the pause."""
    if tries > len(WEBHOOK_PAUSES):
        return None
    return now + WEBHOOK_PAUSES[tries - 1] * (1 + 0.2 * jitter)
