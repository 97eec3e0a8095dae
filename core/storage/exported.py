"""Files that people ask for: what is asked, how far it is, and its parts. The engine writes one part at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, text, update

from core.domain.reasons import Reason
from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row

UNFINISHED = ("waiting", "running")
_e, _p = t.exports.c, t.export_parts.c


def add(
    tx: Transaction, what: str, form: str, filters: Mapping[str, Any], language: str, who: str, now: datetime
) -> str:
    """A file is asked for; its id."""
    export_id = new_id("exp")
    tx.connection.execute(
        insert(t.exports).values(
            id=export_id, workspace=tx.owned, what=what, format=form, filters=dict(filters), language=language, who=who,
            state="waiting", created_at=now,
        )
    )  # fmt: skip
    return export_id


def get(tx: Transaction, export_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.exports).where(_e.id == export_id))


def listed(tx: Transaction, *, after: str | None = None, limit: int = 50) -> list[Mapping[str, Any]]:
    """Newest first."""
    query = tx.mine(t.exports).order_by(_e.id.desc()).limit(limit)
    return tx.rows(query.where(_e.id < after) if after else query)


def unfinished(tx: Transaction) -> int:
    """How many files of this workspace are being made."""
    query = tx.mine(t.exports, func.count()).where(_e.state.in_(UNFINISHED))
    return int(tx.connection.execute(query).scalar_one())


def due(tx: Transaction, now: datetime) -> bool:
    """Whether there is a file to go on with, in any workspace."""
    return tx.any("exports", "state IN ('waiting', 'running') AND (lease IS NULL OR lease <= ?)", t.micros(now))


def take(tx: Transaction, now: datetime, lease: timedelta) -> Mapping[str, Any] | None:
    """A file to go on with, over all workspaces, those in turn of which parts are written; nobody else works on it for
    `lease`."""
    free = select(_e.id).where(text("state IN ('waiting', 'running')"), or_(_e.lease.is_(None), _e.lease <= now))
    chosen = tx.chosen(free.order_by(_e.lease.nulls_first(), _e.id).limit(1))
    return tx.row(
        update(t.exports).where(_e.id.in_(chosen)).values(state="running", lease=now + lease).returning(*_e)
    )


def write(tx: Transaction, row: Mapping[str, Any], content: bytes, **values: Any) -> bool:
    """Adds a part to the file of `row` and keeps how far it is (`values`: cursor, rows, bytes, state, …). False, and
    nothing is written, when somebody else has gone on with it or it is wanted no more."""
    done = tx.connection.execute(
        update(t.exports)
        .where(_e.id == row["id"], _e.workspace == tx.owned, _e.state == "running", _e.parts == row["parts"])
        .values(parts=row["parts"] + 1, **values)
    )
    if not done.rowcount:
        return False
    part = {"export": row["id"], "part": row["parts"], "workspace": tx.owned, "content": content}
    tx.connection.execute(insert(t.export_parts).values(**part))
    return True


def failed(tx: Transaction, export_id: str, reason: Reason, now: datetime, *, again_at: datetime | None) -> None:
    """It could not go on: again at `again_at`, from where it stands, or not at all."""
    values: dict[str, Any] = {"trouble": reason_row(reason), "tries": _e.tries + 1, "lease": again_at}
    if again_at is None:
        values |= {"state": "failed", "done_at": now}
        tx.connection.execute(delete(t.export_parts).where(_p.export == export_id, _p.workspace == tx.owned))
    mine = (_e.id == export_id, _e.workspace == tx.owned, _e.state == "running")
    tx.connection.execute(update(t.exports).where(*mine).values(**values))


def part(tx: Transaction, export_id: str, number: int) -> bytes | None:
    """The packed part of that number, the first is 0."""
    found = tx.connection.execute(
        tx.mine(t.export_parts, _p.content).where(_p.export == export_id, _p.part == number)
    ).scalar()
    return None if found is None else bytes(found)


def names(tx: Transaction) -> dict[str, dict[str, str]]:
    """What people call them: "installation" and "rule" → id → name."""
    found = {}
    for name, table in (("installation", t.installations), ("rule", t.rules)):
        found[name] = {row.id: row.name for row in tx.connection.execute(tx.mine(table, table.c.id, table.c.name))}
    return found


def withdraw(tx: Transaction, export_id: str | None, reason: Reason) -> int:
    """The file (or every file of the workspace, for None) is gone for good; how many there were. Somebody's data was
    erased, who may be in it, or nobody wants it any more."""
    mine = [_e.workspace == tx.owned, _e.state.in_((*UNFINISHED, "done"))]
    parts = [_p.workspace == tx.owned]
    if export_id is not None:
        mine.append(_e.id == export_id)
        parts.append(_p.export == export_id)
    tx.connection.execute(delete(t.export_parts).where(*parts))
    return tx.connection.execute(
        update(t.exports).where(*mine).values(state="withdrawn", trouble=reason_row(reason), lease=None)
    ).rowcount


def prune(tx: Transaction, now: datetime, forgotten: timedelta) -> int:
    """Over all workspaces: files past their time are deleted, and after `forgotten` that they were asked for too."""
    over = select(_e.id).where(_e.state == "done", _e.expires_at <= now)
    old = _e.created_at < now - forgotten
    done = tx.connection.execute(delete(t.export_parts).where(_p.export.in_(over))).rowcount
    tx.connection.execute(update(t.exports).where(_e.state == "done", _e.expires_at <= now).values(state="expired"))
    done += tx.connection.execute(delete(t.export_parts).where(_p.export.in_(select(_e.id).where(old)))).rowcount
    return done + tx.connection.execute(delete(t.exports).where(old)).rowcount
