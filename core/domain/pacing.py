"""How much of a rate may be used now: a token bucket of one second, in which bulk leaves room for the urgent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain.messages import MessageClass

BULK_AT_MOST = 0.8
"""Marketing leaves the last fifth of what a second allows to whatever is more urgent."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` were left at `at`. `urgent_until`, `bulk_until`: till when places in the two queues are given away."""

    tokens: float
    at: datetime
    urgent_until: datetime
    bulk_until: datetime


def full(rate: float, now: datetime) -> Bucket:
    """A bucket that nobody has used."""
    return Bucket(max(1.0, rate), now, now, now)


def refilled(bucket: Bucket, rate: float, now: datetime) -> Bucket:
    """What has come in since, at `rate` a second; never more than a second's worth."""
    gone = max((now - bucket.at).total_seconds(), 0.0)
    return Bucket(min(bucket.tokens + gone * rate, max(1.0, rate)), max(now, bucket.at), bucket.urgent_until,
                  bucket.bulk_until)  # fmt: skip


def may(bucket: Bucket, rate: float, *, bulk: bool) -> bool:
    """Whether one more message may leave now."""
    return bucket.tokens - (int(max(1.0, rate) * (1 - BULK_AT_MOST) + 1e-9) if bulk else 0) >= 1 - 1e-9


def taken(bucket: Bucket) -> Bucket:
    """After one message more."""
    return Bucket(bucket.tokens - 1, bucket.at, bucket.urgent_until, bucket.bulk_until)


def queued(bucket: Bucket, rate: float, now: datetime, *, bulk: bool) -> tuple[Bucket, datetime]:
    """After one message more in the queue, and when to ask again for it: each at a moment of its own, so that those who
    wait do not all come back at once."""
    last = max(bucket.bulk_until if bulk else bucket.urgent_until, now)
    at = last + timedelta(seconds=1 / rate)
    if bulk:
        return Bucket(bucket.tokens, bucket.at, bucket.urgent_until, at), at
    return Bucket(bucket.tokens, bucket.at, at, bucket.bulk_until), at


def is_bulk(klass: MessageClass) -> bool:
    return klass is MessageClass.MARKETING


def limits(
    account: str, rate: float | None, rates: Mapping[str, Any], sender: str | None, country: str
) -> tuple[tuple[str, float], ...]:
    """(bucket, messages a second) of all rates that a message by `account` is subject to."""
    found: list[tuple[str, float]] = [(account, float(rate))] if rate else []
    if not rates:
        return tuple(found)
    of_sender = rates.get("senders", {}).get(sender or "", rates.get("sender"))
    if of_sender:
        found.append((f"{account}/from/{sender or ''}", float(of_sender)))
    if of_country := rates.get("countries", {}).get(country):
        found.append((f"{account}/to/{country}", float(of_country)))
    return tuple(found)
