"""The figures of the whole house, for those who watch it: counted by the database, without a row leaving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from core.storage import outbox
from core.storage import tables as t
from core.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts by what they are labelled with, and how long the longest overdue message has waited."""

    messages: Mapping[tuple[str, str], int]
    attempts: Mapping[tuple[str, str, str], int]
    installations: Mapping[tuple[str, str], int]
    deliveries: Mapping[str, int]
    overdue: timedelta


def read(tx: Transaction, now: datetime) -> Figures:
    m, a, i, d = t.messages.c, t.attempts.c, t.installations.c, t.deliveries.c
    messages = tx.connection.execute(select(m.state, m["class"], func.count()).group_by(m.state, m["class"])).all()
    attempts = tx.connection.execute(
        select(a.provider, a.channel, a.outcome, func.count()).group_by(a.provider, a.channel, a.outcome)
    ).all()
    installed = tx.connection.execute(select(i.adapter, i.state, func.count()).group_by(i.adapter, i.state)).all()
    deliveries = tx.connection.execute(select(d.state, func.count()).group_by(d.state)).all()
    due = outbox.next_due(tx)
    return Figures(
        {(row[0], row[1]): row[2] for row in messages},
        {(row[0], row[1], row[2]): row[3] for row in attempts},
        {(row[0], row[1]): row[2] for row in installed},
        {row[0]: row[1] for row in deliveries},
        max(now - due, timedelta()) if due else timedelta(),
    )
