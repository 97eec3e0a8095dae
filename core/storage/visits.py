"""Who came to their appointment, of those who were reminded and of those who were left out to measure it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.messages import LEFT
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_a, _l, _m = t.attendances.c, t.left_out.c, t.messages.c


def attend(tx: Transaction, occasion: str, start: datetime, came: bool | None, who: str, now: datetime) -> None:
    """The person came, or did not; None takes that back."""
    if came is None:
        tx.connection.execute(delete(t.attendances).where(_a.occasion == occasion, _a.workspace == tx.owned))
        return
    one = (sqlite.insert if tx.is_sqlite else postgresql.insert)(t.attendances)
    values = {"start": start, "came": came, "who": who, "at": now}
    tx.connection.execute(
        one.values(occasion=occasion, workspace=tx.owned, **values).on_conflict_do_update(
            index_elements=["occasion"], set_=values, where=_a.workspace == tx.owned
        )
    )


def attended(tx: Transaction, occasions: Iterable[str]) -> dict[str, bool]:
    """occasion → whether its person came, for those of which that was said."""
    found: dict[str, bool] = {}
    for some in chunks(sorted(set(occasions))):
        found.update(
            (row.occasion, row.came)
            for row in tx.connection.execute(tx.mine(t.attendances, _a.occasion, _a.came).where(_a.occasion.in_(some)))
        )
    return found


def groups(tx: Transaction, since: datetime, until: datetime, rules: Iterable[str]) -> tuple[int, int, int, int]:
    """Appointments of that time of which it is known who came: those that one of these `rules` reminded of and of them
    who came, those whose people it left out and of them who came."""
    mine = sorted(set(rules))
    reminded = (
        select(_m.id)
        .where(_m.occasion == _a.occasion, _m.rule.in_(mine), _m.state.in_([str(state) for state in LEFT]))
        .exists()
    )
    alone = select(_l.cart).where(_l.cart == _a.occasion, _l.rule.in_(mine)).exists()
    known = (_a.start >= since, _a.start < until)
    return (*_counted(tx, reminded, *known), *_counted(tx, alone, ~reminded, *known))


def _counted(tx: Transaction, *where: Any) -> tuple[int, int]:
    came = func.coalesce(func.sum(case((_a.came, 1), else_=0)), 0)
    row = tx.connection.execute(tx.mine(t.attendances, func.count(), came).where(*where)).one()
    return int(row[0]), int(row[1])


def missed_share(tx: Transaction, since: datetime, until: datetime) -> tuple[int, int]:
    """Appointments of that time of which it is known who came, and how many were missed."""
    known, came = _counted(tx, _a.start >= since, _a.start < until)
    return known, known - came
