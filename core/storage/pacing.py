"""Rates that all machines share: one row for each bucket, taken from in batches, in the transaction that claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from core.domain.pacing import Bucket, full, may, queued, refilled, taken
from core.storage import tables as t
from core.storage.database import Transaction

_MICRO = 1_000_000
_b = t.buckets.c
Asked = tuple[str, tuple[tuple[str, float], ...], bool]
"""The workspace, the buckets with their rates a second, and whether it is bulk."""


def granted(tx: Transaction, asked: Sequence[Asked], now: datetime) -> list[datetime | None]:
    """For each message, in the order of their urgency: None when it may leave now, else when to ask again."""
    rates = {key: (workspace, rate) for workspace, limits, _ in asked for key, rate in limits}
    if not rates:
        return [None] * len(asked)
    buckets = _locked(tx, rates, now)
    answers: list[datetime | None] = []
    for _, limits, bulk in asked:
        closed = [(key, rate) for key, rate in limits if not may(buckets[key], rate, bulk=bulk)]
        if not closed:
            for key, _ in limits:
                buckets[key] = taken(buckets[key])
            answers.append(None)
            continue
        moments = []
        for key, rate in closed:
            buckets[key], at = queued(buckets[key], rate, now, bulk=bulk)
            moments.append(at)
        answers.append(max(moments))
    for key, bucket in buckets.items():
        tx.connection.execute(update(t.buckets).where(_b.key == key).values(**_row(bucket)))
    return answers


def _locked(tx: Transaction, rates: dict[str, tuple[str, float]], now: datetime) -> dict[str, Bucket]:
    # In one order for everybody, so that two senders never wait for each other.
    keys = sorted(rates)
    query = select(t.buckets).where(_b.key.in_(keys)).order_by(_b.key)
    found = {row["key"]: row for row in tx.rows(query.with_for_update())}
    if new := [key for key in keys if key not in found]:
        for key in new:
            tx.insert_or_leave(
                t.buckets, {"key": key, "workspace": rates[key][0], **_row(full(rates[key][1], now))}
            )
        found = {row["key"]: row for row in tx.rows(query.with_for_update())}
    return {
        key: refilled(
            Bucket(row["tokens"] / _MICRO, row["at"], row["urgent_until"], row["bulk_until"]), rates[key][1], now
        )
        for key, row in found.items()
    }


def _row(bucket: Bucket) -> dict[str, object]:
    return {
        "tokens": round(bucket.tokens * _MICRO),
        "at": bucket.at,
        "urgent_until": bucket.urgent_until,
        "bulk_until": bucket.bulk_until,
    }
