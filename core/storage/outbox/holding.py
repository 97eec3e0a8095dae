"""Messages are held, by an account, a connection or a question to their platform, and let go again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, literal, or_, select, text, update

from core.domain.messages import State
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

_m = t.messages.c
_LOOKING = "look:"


def looking(installation: str) -> str:
    """What holds a message while its platform is asked whether it is still wanted."""
    return _LOOKING + installation


def platforms_to_ask(tx: Transaction) -> list[tuple[str, str]]:
    """(workspace, installation) of those for whose word messages wait."""
    found: list[tuple[str, str]] = []
    last = _LOOKING
    # From one to the next by the index: behind one that is away, a hundred thousand may wait.
    next_one = select(_m.workspace, _m.installation, _m.held_by).where(
        _m.state == text("'held'"), _m.held_by > bindparam("b_last"), _m.held_by < "look;"
    )
    while row := tx.connection.execute(next_one.order_by(_m.held_by).limit(1), {"b_last": last}).first():
        found.append((row.workspace, row.installation))
        last = row.held_by
    return found


def to_look_at(tx: Transaction, installation: str, limit: int) -> list[Mapping[str, Any]]:
    """Messages that wait for their platform's word, the most urgent and the longest waiting first."""
    return tx.rows(
        tx.mine(t.messages, _m.id, _m.installation, _m.occasion, _m["class"], _m.due_at, _m.expires_at)
        .where(_m.state == text("'held'"), _m.held_by == looking(installation))
        .order_by(_m.priority, _m.due_at)
        .limit(limit)
    )


def looked_at(tx: Transaction, ids: Sequence[str], reason: Reason, now: datetime) -> int:
    """The platform still wants these (or nobody can tell): they leave now. Returns how many still waited for it."""
    tx.alone(f"plan:{tx.owned}")
    count = 0
    for some in chunks(ids):
        rows = tx.connection.execute(
            update(t.messages)
            .where(
                _m.workspace == tx.owned,
                _m.id.in_(some),
                _m.state == "held",
                _m.held_by.startswith(_LOOKING),
            )
            .values(state="scheduled", held_by=None, reason=reason_row(reason), changed_at=now, looked_at=now)
            .returning(_m.id, _m.workspace)
        ).all()
        write_steps(tx, [(row.id, row.workspace, State.SCHEDULED, reason) for row in rows], now)
        count += len(rows)
    return count


def look_elsewhere(tx: Transaction, installation: str, reason: Reason, now: datetime) -> None:
    """Their platform may not be asked now: all that wait for its word wait for a person to change that."""
    tx.connection.execute(
        update(t.messages)
        .where(_m.workspace == tx.owned, _m.state == text("'held'"), _m.held_by == looking(installation))
        .values(held_by=f"installation:{installation}", reason=reason_row(reason), changed_at=now)
    )


def held_too_long(tx: Transaction, now: datetime, limit: int) -> dict[str, list[str]]:
    """Workspace → messages that are held, whatever for, and are of no use any more."""
    query = select(_m.id, _m.workspace).where(_m.state == text("'held'"), _m.expires_at < now).limit(limit)
    found: dict[str, list[str]] = {}
    for row in tx.connection.execute(query):
        found.setdefault(row.workspace, []).append(row.id)
    return found


def held_for_nothing(tx: Transaction) -> list[tuple[str, str, str]]:
    """(workspace, installation, its state) of connections that hold messages although they are connected, or have
    ended: such a message was handed to the hold just when that ended."""
    i = t.installations.c
    here = (_m.workspace, _m.installation, i.state)
    return [
        (row[0], row[1], row[2])
        for row in tx.connection.execute(
            select(*here)
            .join(t.installations, i.id == _m.installation)
            .where(
                _m.state == text("'held'"),
                or_(
                    and_(_m.held_by == literal("installation:").concat(_m.installation), i.state == "connected"),
                    i.state == "disconnected",
                ),
            )
            .distinct()
        )
    ]


def release(tx: Transaction, held_by: str, reason: Reason, now: datetime) -> int:
    """`held` → `scheduled` for all that waits on `held_by`. What is no longer useful is found at the next claim."""
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.state == "held", _m.held_by == held_by, *([_m.workspace == tx.workspace] if tx.workspace else []))
        .values(state="scheduled", held_by=None, reason=reason_row(reason), changed_at=now)
        .returning(_m.id, _m.workspace)
    ).all()
    write_steps(tx, [(row.id, row.workspace, State.SCHEDULED, reason) for row in rows], now)
    return len(rows)
