"""What platforms handed in over connections of their own: named once, known again when said again, joined of parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from core.contract import Slip
from core.ids import new_ids
from core.storage import house
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import clean
from core.storage.database import Transaction

KEPT = timedelta(days=2)
AGAIN_WITHIN = timedelta(minutes=10)
"""For so long something whose answer may have been lost is said again."""
FIRST = 1_000_000_000
LAST = 9_999_999_999
"""Ten digits without a zero in front, always as many."""
_s = t.slips.c


@dataclass(frozen=True, slots=True)
class Kept:
    """A slip as it was taken."""

    id: str
    name: str
    slip: Slip


def names(tx: Transaction, installation: str, count: int, now: datetime) -> list[str]:
    """So many names that nothing of this connection was given yet: in the caller's transaction, so that they are free
    again when it is not committed."""
    tx.alone(f"slips:{installation}")
    place = f"slips:{installation}"
    first = house.value(tx, place) or FIRST
    if first + count > LAST:
        first = FIRST
    house.set_value(tx, place, first + count, now)
    return [str(first + at) for at in range(count)]


def known(
    tx: Transaction, installation: str, marks: Collection[str], origin: str, doubtful: Collection[str], now: datetime
) -> dict[str, str]:
    """mark → name of what was taken lately and may be said again: its answer is among the `doubtful`, or was another
    process's to give."""
    found: dict[str, str] = {}
    for some in chunks(sorted(marks)):
        query = (
            tx.mine(t.slips, _s.mark, _s.name, _s.origin)
            .where(_s.installation == installation, _s.mark.in_(some), _s.taken_at >= now - AGAIN_WITHIN)
            .order_by(_s.id)
        )
        for row in tx.connection.execute(query):
            if row.name in doubtful or row.origin not in ("", origin):
                found[row.mark] = row.name
    return found


def taken_over(tx: Transaction, installation: str, names: Collection[str], origin: str) -> None:
    """These were said again, and are this process's to answer now."""
    for some in chunks(sorted(names)):
        mine = (_s.installation == installation, _s.name.in_(some), _s.workspace == tx.owned)
        tx.connection.execute(update(t.slips).where(*mine).values(origin=origin))


def add(
    tx: Transaction, installation: str, slips: Sequence[tuple[str, Slip]], origin: str, now: datetime
) -> list[Kept]:
    """Keeps new ones under their names; of one that is whole alone the content is not needed again."""
    ids = new_ids("slp", len(slips))
    rows = [
        {
            "id": one, "workspace": tx.owned, "installation": installation, "name": name, "mark": slip.mark,
            "origin": origin, "whole": slip.whole or None, "number": slip.number, "total": slip.total,
            "content": clean(dict(slip.content)) if slip.whole else None, "taken_at": now,
        }
        for one, (name, slip) in zip(ids, slips, strict=True)
    ]  # fmt: skip
    if rows:
        tx.connection.execute(insert(t.slips), rows)
    return [Kept(one, name, slip) for one, (name, slip) in zip(ids, slips, strict=True)]


def parts(tx: Transaction, installation: str, wholes: Collection[str]) -> dict[str, list[Kept]]:
    """What has come of each that is not whole yet, in the order in which it came."""
    found: dict[str, list[Kept]] = {}
    for some in chunks(sorted(wholes)):
        query = tx.mine(t.slips).where(_s.installation == installation, _s.whole.in_(some), _s.content.is_not(None))
        for row in tx.rows(query.order_by(_s.id)):
            found.setdefault(row["whole"], []).append(_kept(row))
    return found


def over(tx: Transaction, ids: Sequence[str]) -> None:
    """These are no longer waited with: their words are kept where they belong."""
    for some in chunks(ids):
        tx.connection.execute(
            update(t.slips).where(_s.id.in_(some), _s.workspace == tx.owned).values(content=None, whole=None)
        )


def arrived(tx: Transaction, origin: str, but: Collection[str]) -> None:
    """The answers of the process `origin`, which ends, have arrived, but for some: the same said anew is new."""
    kept = _s.name.not_in(sorted(but)) if but else _s.name.is_not(None)
    tx.connection.execute(update(t.slips).where(_s.origin == origin, kept).values(origin=""))


def waiting_since(tx: Transaction, before: datetime, limit: int = 100) -> list[tuple[str, str, str]]:
    """(workspace, installation, whole) of those of which a part has waited for the others since `before`."""
    query = (
        select(_s.workspace, _s.installation, _s.whole)
        .where(_s.whole.is_not(None), _s.content.is_not(None), _s.taken_at < before)
        .distinct()
        .limit(limit)
    )
    return [(row.workspace, row.installation, row.whole) for row in tx.connection.execute(query)]


def _kept(row: Mapping[str, Any]) -> Kept:
    slip = Slip(row["mark"], row["content"], row["whole"], row["number"], row["total"])
    return Kept(row["id"], row["name"], slip)
