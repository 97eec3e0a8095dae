"""The figures of the whole house, for those who watch it: counted by the database, without a row leaving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, text

from core.domain.messages import MessageClass
from core.storage import house, tally
from core.storage import tables as t
from core.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts by what they are labelled with, and how long things have waited."""

    messages: Mapping[tuple[str, ...], int]
    """state, class, channel (empty for those that have not left)"""
    installations: Mapping[tuple[str, ...], int]
    """adapter, state"""
    troubled: Mapping[tuple[str, ...], int]
    """adapter, reason: connections that cannot be asked as they should"""
    accounts: Mapping[tuple[str, ...], int]
    """provider, state"""
    inbox: Mapping[tuple[str, ...], int]
    """adapter, state: what was received, as far as it is still kept"""
    deliveries: Mapping[tuple[str, ...], int]
    """state of outgoing webhooks"""
    reports: Mapping[tuple[str, ...], int]
    """state of what platforms are told"""
    overdue: Mapping[str, timedelta]
    """class → age of its message that has been due the longest"""
    pulls_late: timedelta
    ticked: datetime | None
    database_bytes: int
    counted: Mapping[tally.Key, int]
    """what senders counted (core.storage.tally)"""


def read(tx: Transaction, now: datetime) -> Figures:
    m, i, a, b = t.messages.c, t.installations.c, t.provider_accounts.c, t.inbox.c
    return Figures(
        messages=_counted(tx, m.state, m["class"], func.coalesce(m.channel, "")),
        installations=_counted(tx, i.adapter, i.state),
        troubled=_troubled(tx),
        accounts=_counted(tx, a.provider, a.state),
        inbox=_counted(tx, b.adapter, b.state),
        deliveries=_counted(tx, t.deliveries.c.state),
        reports=_counted(tx, t.reports.c.state),
        overdue={str(klass): _overdue(tx, klass, now) for klass in MessageClass},
        pulls_late=_pulls_late(tx, now),
        ticked=house.moment(tx, "ticked"),
        database_bytes=_size(tx),
        counted=tally.read(tx),
    )


def _counted(tx: Transaction, *by: Any) -> dict[tuple[str, ...], int]:
    rows = tx.connection.execute(select(*by, func.count()).group_by(*by)).all()
    return {tuple(str(value) for value in row[:-1]): row[-1] for row in rows}


def _troubled(tx: Transaction) -> dict[tuple[str, ...], int]:
    i = t.installations.c
    found: dict[tuple[str, ...], int] = {}
    for row in tx.connection.execute(select(i.adapter, i.trouble).where(i.trouble.is_not(None))):
        if row.trouble:
            key = (row.adapter, str(row.trouble.get("code", "")))
            found[key] = found.get(key, 0) + 1
    return found


def _overdue(tx: Transaction, klass: MessageClass, now: datetime) -> timedelta:
    m = t.messages.c
    return _age(
        tx, now, select(m.due_at).where(m.state == "scheduled", m.priority == klass.priority).order_by(m.due_at)
    )


def _pulls_late(tx: Transaction, now: datetime) -> timedelta:
    i = t.installations.c
    asked: ColumnElement[bool] = i.next_pull_at.is_not(None)
    return _age(tx, now, select(i.next_pull_at).where(asked, i.state == "connected").order_by(i.next_pull_at))


def _age(tx: Transaction, now: datetime, first: Any) -> timedelta:
    oldest = tx.connection.execute(first.limit(1)).scalar()
    return max(now - oldest, timedelta()) if oldest else timedelta()


def _size(tx: Transaction) -> int:
    if tx.is_sqlite:
        pages, size = (tx.connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("page_count", "page_size"))
        return int(pages or 0) * int(size or 0)
    return int(tx.connection.execute(text("SELECT pg_database_size(current_database())")).scalar() or 0)
