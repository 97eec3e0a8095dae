"""The calls that programs made: the last ones of each workspace, and how many there were hour by hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from core.ids import new_ids
from core.storage import tables as t
from core.storage.database import Transaction

RING = 2_000
"""How many calls of a workspace are kept one by one."""
KINDS = ("done", "refused", "failed")
_r, _h = t.requests.c, t.request_hours.c
_STATUSES = {"done": (200, 399), "refused": (400, 499), "failed": (500, 599)}
Hour = tuple[str, datetime, str]
"""Workspace, the first moment of the hour, kind."""


@dataclass(frozen=True, slots=True)
class Made:
    """A call. `route` is the pattern (`/v1/messages/{id}`), `on` an id of ours in it, `code` that of the problem."""

    workspace: str
    key: str
    at: datetime
    method: str
    route: str
    on: str | None
    status: int
    code: str | None
    dry_run: bool
    micros: int
    request: str


def kind_of(status: int) -> str:
    """done, refused (the caller's to mend) or failed (ours)."""
    return "done" if status < 400 else "refused" if status < 500 else "failed"


def keep(tx: Transaction, made: Sequence[Made], hours: Mapping[Hour, tuple[int, int]]) -> None:
    """Adds calls of any workspaces, the oldest of which make room, and the sums (count, microseconds) of hours."""
    if made:
        ids = new_ids("rql", len(made))
        tx.connection.execute(
            insert(t.requests),
            [{"id": name, **{field: getattr(one, field) for field in Made.__slots__}}
             for name, one in zip(ids, sorted(made, key=lambda one: one.at), strict=True)],
        )  # fmt: skip
        for workspace in sorted({one.workspace for one in made}):
            tx.connection.execute(_TRIM, {"b_workspace": workspace})
    if hours:
        tx.connection.execute(
            _ADD[tx.connection.dialect.name],
            [{"workspace": workspace, "start": start, "kind": kind, "count": count, "micros": micros}
             for (workspace, start, kind), (count, micros) in sorted(hours.items())],
        )  # fmt: skip


def _adding(dialect: Any) -> Any:
    one = dialect.insert(t.request_hours)
    return one.on_conflict_do_update(
        index_elements=["workspace", "start", "kind"],
        set_={name: _h[name] + one.excluded[name] for name in ("count", "micros")},
    )


_ADD = {"sqlite": _adding(sqlite), "postgresql": _adding(postgresql)}
_OLDEST_KEPT = (
    select(_r.id).where(_r.workspace == bindparam("b_workspace")).order_by(_r.id.desc()).offset(RING).limit(1)
)
_TRIM = delete(t.requests).where(_r.workspace == bindparam("b_workspace"), _r.id <= _OLDEST_KEPT.scalar_subquery())


def listed(
    tx: Transaction,
    *,
    key: str | None = None,
    route: str | None = None,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[Mapping[str, Any]]:
    """The workspace's calls, newest first."""
    query = tx.mine(t.requests).order_by(_r.id.desc()).limit(limit)
    if key:
        query = query.where(_r.key == key)
    if route:
        query = query.where(_r.route == route)
    if kind in _STATUSES:
        query = query.where(_r.status.between(*_STATUSES[kind]))
    if after:
        query = query.where(_r.id < after)
    return tx.rows(query)


def routes(tx: Transaction) -> list[str]:
    """The patterns that were called lately."""
    return sorted(row.route for row in tx.connection.execute(tx.mine(t.requests, _r.route).distinct()))


def hours(tx: Transaction, since: datetime) -> dict[datetime, dict[str, tuple[int, int]]]:
    """Hour → kind → (how many calls, microseconds that they took together)."""
    found: dict[datetime, dict[str, tuple[int, int]]] = {}
    rows: Iterable[Any] = tx.connection.execute(tx.mine(t.request_hours).where(_h.start >= since).order_by(_h.start))
    for row in rows:
        found.setdefault(row.start, {})[row.kind] = (row.count, row.micros)
    return found
