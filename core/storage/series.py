"""Campaigns that repeat: what each run takes over, when the next one is, and the runs that were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, update

from core.domain.reasons import Reason
from core.domain.repeating import Every, Repeats
from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Glance, Transaction
from core.storage.ledger import reason_row

ACTIVE, PAUSED, ENDED = "active", "paused", "ended"
STATES = (ACTIVE, PAUSED, ENDED)
_s, _c = t.campaign_series.c, t.campaigns.c


def repeats(row: Mapping[str, Any]) -> Repeats:
    """When it leaves, from its row."""
    return Repeats(
        Every(row["every"]), date.fromisoformat(row["first"]), time.fromisoformat(row["at"]), ZoneInfo(row["zone"]),
        date.fromisoformat(row["until"]) if row["until"] else None, row["most"],
    )  # fmt: skip


def coming(row: Mapping[str, Any], start: datetime, end: datetime) -> list[datetime]:
    """The runs of an active series that are to come from `start` to `end`, end excluded."""
    found: list[datetime] = []
    when, runs = repeats(row), row["runs"]
    at = when.after(row["last_at"] or row["created_at"], runs)
    while at is not None and at < end:
        runs += 1
        if at >= start:
            found.append(at)
        at = when.after(at, runs)
    return found


def add(tx: Transaction, values: Mapping[str, Any], now: datetime) -> str:
    """A new series; its id. `values`: plain columns."""
    series_id = new_id("ser")
    tx.connection.execute(
        insert(t.campaign_series).values(
            {**values, "id": series_id, "workspace": tx.owned, "state": ACTIVE, "created_at": now, "changed_at": now}
        )
    )
    return series_id


def row(tx: Transaction, series_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.campaign_series).where(_s.id == series_id))


def rows(tx: Transaction, *, state: str | None = None, after: str | None = None, limit: int = 50
         ) -> list[Mapping[str, Any]]:  # fmt: skip
    """Newest first."""
    query = tx.mine(t.campaign_series).order_by(_s.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_s.state == state)
    return tx.rows(query if after is None else query.where(_s.id < after))


def change(
    tx: Transaction, series_id: str, values: Mapping[str, Any], now: datetime, *, only: Iterable[str] = ()
) -> bool:
    """`values`: plain columns. `only`: if it is in one of these states; False (and nothing written) when it is not."""
    allowed = sorted(only)
    done = tx.connection.execute(
        update(t.campaign_series)
        .where(_s.id == series_id, _s.workspace == tx.owned, *([_s.state.in_(allowed)] if allowed else []))
        .values({**values, "changed_at": now})
    )
    return bool(done.rowcount)


def runs(tx: Transaction, series_id: str, limit: int = 50) -> list[Mapping[str, Any]]:
    """Its campaigns, newest first."""
    return tx.rows(tx.mine(t.campaigns).where(_c.series == series_id).order_by(_c.id.desc()).limit(limit))


def alone(tx: Transaction, series_id: str) -> None:
    """Nobody else works on it until the end of the transaction."""
    tx.alone(f"series:{series_id}")


def any_due(tx: Transaction | Glance, now: datetime) -> bool:
    """Whether `due` would find any."""
    return bool(tx.quick("SELECT 1 FROM campaign_series WHERE next_at <= ? LIMIT 1", (t.micros(now),)))


def due(tx: Transaction, now: datetime, limit: int = 20) -> list[tuple[str, str]]:
    """(workspace, series) of those whose next run is to be made, over the whole house."""
    query = select(_s.workspace, _s.id).where(_s.next_at <= now).order_by(_s.next_at).limit(limit)
    return [(one.workspace, one.id) for one in tx.connection.execute(query)]


def pause_all(tx: Transaction, reason: Reason, now: datetime) -> int:
    """Pauses every series of the house; how many."""
    done = tx.connection.execute(
        update(t.campaign_series).where(_s.state == ACTIVE)
        .values(state=PAUSED, next_at=None, trouble=reason_row(reason), changed_at=now)
    )  # fmt: skip
    return int(done.rowcount)


def active(tx: Transaction) -> int:
    """How many of this workspace repeat."""
    query = tx.mine(t.campaign_series, func.count()).where(_s.state == ACTIVE)
    return int(tx.connection.execute(query).scalar_one())
