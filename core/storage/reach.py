"""Which phones a channel beside SMS reaches: what its provider said when it was asked, or of a message."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from core.domain.messages import Channel
from core.domain.reach import Ability, Known, Reach, believed_until
from core.storage import tables as t
from core.storage.database import Transaction

_CHUNK = 400
_KNOWN = "SELECT agent, number, reachable, features, at FROM reach WHERE workspace = ? AND until > ? AND number {}"
_MANY_SQLITE, _MANY = _KNOWN.format("IN (SELECT value FROM json_each(?))"), _KNOWN.format("= ANY(?)")
_LEARN = """
INSERT INTO reach (workspace, agent, number, reachable, features, at, until) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (workspace, agent, number) DO UPDATE SET reachable = excluded.reachable, at = excluded.at,
until = excluded.until, features = COALESCE(excluded.features, reach.features) WHERE excluded.at >= reach.at
"""


def known(tx: Transaction, workspace: str, numbers: Collection[str], now: datetime) -> dict[tuple[str, str], Known]:
    """(agent, number) → what is believed of that phone at `now`."""
    found: dict[tuple[str, str], Known] = {}
    for some in _chunks(sorted(numbers)):
        asked: Any = t.as_json(some) if tx.is_sqlite else some
        rows = tx.quick(_MANY_SQLITE if tx.is_sqlite else _MANY, (workspace, t.micros(now), asked))
        for agent, number, reachable, features, at in rows:
            said = frozenset(orjson.loads(features)) if features is not None else None
            found[agent, number] = Known(bool(reachable), said, t.from_micros(at))
    return found


def learn(tx: Transaction, agent: str, abilities: Iterable[tuple[Ability, datetime]]) -> None:
    """Keeps each word with the moment at which it was said; an older one than what is known changes nothing."""
    # In one order for everybody, so that two who learn the same never wait for each other.
    rows = [
        (tx.owned, agent, one.number, one.reachable, _listed(one.features), t.micros(at),
         t.micros(believed_until(one.reachable, at)))
        for one, at in sorted(abilities, key=lambda pair: (pair[0].number, pair[1]))
    ]  # fmt: skip
    if not rows:
        return
    if tx.is_sqlite:
        tx.quick_many(_LEARN, rows)
        return
    names = ("workspace", "agent", "number", "reachable", "features", "at", "until")
    statement = text(_LEARN.replace("(?, ?, ?, ?, ?, ?, ?)", "(" + ", ".join(f":{name}" for name in names) + ")"))
    tx.connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def wanted(
    tx: Transaction, agent: str, channel: Channel, now: datetime, *, until: datetime, limit: int, tests: bool = False
) -> list[str]:
    """Numbers to which a message by `channel` first is due before `until`, and of which `agent` knows nothing now, in
    the order in which their messages leave. `tests`: those of test messages, too."""
    # SQLite would rather walk over all that waits.
    by = "INDEXED BY ix_messages_rich" if tx.is_sqlite else ""
    # Nothing of it comes from outside.
    statement = f"""
SELECT "to", MIN(due_at) FROM messages {by} WHERE {t.RICH} AND workspace = ? AND due_at < ? AND channel_step = 0
AND (NOT test OR ?) AND channels LIKE ? AND held_by IS NULL AND NOT EXISTS (
SELECT 1 FROM reach WHERE reach.workspace = messages.workspace AND agent = ? AND number = messages."to" AND until > ?
) GROUP BY "to" ORDER BY 2 LIMIT {int(limit)}
"""  # noqa: S608  # nosec B608
    values = (tx.owned, t.micros(until), tests, f'["{channel}"%', agent, t.micros(now))
    return [row[0] for row in tx.quick(statement, values)]


def counted(tx: Transaction, numbers: Collection[str], now: datetime) -> Reach:
    """How many of these people are known to be reached, by any name of the workspace, and how many not to be."""
    said: dict[str, bool] = {}
    for (_, number), one in known(tx, tx.owned, set(numbers), now).items():
        said[number] = said.get(number, False) or one.reachable
    reachable = sum(said.values())
    return Reach(reachable, len(said) - reachable, len(set(numbers)) - len(said))


def _listed(features: frozenset[str] | None) -> str | None:
    return None if features is None else t.as_json(sorted(features))


def _chunks(numbers: Sequence[str]) -> Iterable[Sequence[str]]:
    return (numbers[first : first + _CHUNK] for first in range(0, len(numbers), _CHUNK))
