"""Messages are found: by id, by filter, in pages, in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_

from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_m = t.messages.c


@dataclass(frozen=True, slots=True)
class Filter:
    """What `GET /v1/messages` and the pages filter by."""

    state: tuple[str, ...] = ()
    to: str | None = None
    reference: str | None = None
    installation: str | None = None
    occasion: str | None = None
    campaign: str | None = None
    rule: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    extra: tuple[Any, ...] = field(default=())


def listed(tx: Transaction, wanted: Filter, *, limit: int = 50, by_due: bool = False) -> list[Mapping[str, Any]]:
    """Messages, newest first; or by the moment they are due, earliest first. `since` and `until` bound that moment."""
    order = (_m.due_at, _m.id) if by_due else (_m.id.desc(),)
    query = tx.mine(t.messages).order_by(*order).limit(limit)
    for column, value in (
        (_m.to, wanted.to),
        (_m.reference, wanted.reference),
        (_m.installation, wanted.installation),
        (_m.occasion, wanted.occasion),
        (_m.campaign, wanted.campaign),
        (_m.rule, wanted.rule),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.state:
        query = query.where(_m.state.in_(wanted.state))
    if wanted.extra:
        query = query.where(*wanted.extra)
    if wanted.since is not None:
        query = query.where(_m.due_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_m.due_at < wanted.until)
    if wanted.after is not None:
        if by_due:
            last = tx.connection.execute(tx.mine(t.messages, _m.due_at).where(_m.id == wanted.after)).scalar()
            if last is not None:
                query = query.where(or_(_m.due_at > last, and_(_m.due_at == last, _m.id > wanted.after)))
        else:
            query = query.where(_m.id < wanted.after)
    return tx.rows(query)


def get(tx: Transaction, message_id: str) -> Mapping[str, Any] | None:
    """One message's row."""
    return tx.row(tx.mine(t.messages).where(_m.id == message_id))


def by_ids(tx: Transaction, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Rows by id."""
    found: dict[str, Mapping[str, Any]] = {}
    for some in chunks(ids):
        for row in tx.rows(tx.mine(t.messages).where(_m.id.in_(some))):
            found[row["id"]] = row
    return found


def of_occasions(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """occasion → its messages, the first one first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for some in chunks(sorted(occasion_ids)):
        for row in tx.rows(tx.mine(t.messages).where(_m.occasion.in_(some)).order_by(_m.id)):
            found.setdefault(row["occasion"], []).append(row)
    return found


def counts(tx: Transaction, start: datetime, end: datetime) -> dict[str, int]:
    """How many messages due between `start` and `end` are in each state."""
    rows = tx.connection.execute(
        tx.mine(t.messages, _m.state, func.count()).where(_m.due_at >= start, _m.due_at < end).group_by(_m.state)
    ).all()
    return {row[0]: row[1] for row in rows}
