"""Small pages, their pictures, and the codes that they give away."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.text.links import code as made
from core.ids import new_id
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

KEPT = timedelta(days=90)
"""How long after its end a page is known to have been one."""
_p, _c, _h = t.pages.c, t.page_codes.c, t.click_hours.c
_TOLD = (
    _p.id, _p.workspace, _p.code, _p.name, _p.content, _p.picture_kind, _p.test, _p.created_at, _p.changed_at,
    _p.ended_at,
)  # fmt: skip


def add(tx: Transaction, name: str, content: Mapping[str, Any], now: datetime, *, test: bool) -> str:
    """A new page; its id."""
    page_id = new_id("pag")
    tx.connection.execute(
        insert(t.pages).values(
            id=page_id, workspace=tx.owned, code=made(secrets.token_bytes(32), page_id), name=name, content=content,
            test=test, created_at=now, changed_at=now,
        )
    )  # fmt: skip
    return page_id


def change(tx: Transaction, page_id: str, values: Mapping[str, Any], now: datetime) -> bool:
    """Other words, another picture. False when there is no such page."""
    done = tx.connection.execute(
        update(t.pages).where(_p.id == page_id, _p.workspace == tx.owned).values(**values, changed_at=now)
    )
    return bool(done.rowcount)


def get(tx: Transaction, page_id: str) -> Mapping[str, Any] | None:
    """Without its picture."""
    return tx.row(tx.mine(t.pages, *_TOLD).where(_p.id == page_id))


def listed(tx: Transaction, *, after: str | None = None, limit: int = 50) -> list[Mapping[str, Any]]:
    """Newest first, without their pictures."""
    query = tx.mine(t.pages, *_TOLD).order_by(_p.id.desc()).limit(limit)
    return tx.rows(query if after is None else query.where(_p.id < after))


def find(tx: Transaction, code: str) -> Mapping[str, Any] | None:
    """The page of that code, in whichever workspace: who holds the code may see it."""
    return tx.row(select(*_TOLD).where(_p.code == code))


def picture(tx: Transaction, code: str) -> tuple[str, bytes] | None:
    """Its kind ("png", "jpeg") and its bytes."""
    row = tx.connection.execute(
        select(_p.picture_kind, _p.picture).where(_p.code == code, _p.ended_at.is_(None))
    ).first()
    return (row[0], bytes(row[1])) if row is not None and row[1] is not None else None


# ---------------------------------------------------------------------------------------------- codes


def put_codes(tx: Transaction, page_id: str, codes: Iterable[str]) -> int:
    """More codes to give away; how many were new."""
    before = count_codes(tx, page_id)[0]
    one = (sqlite.insert if tx.is_sqlite else postgresql.insert)(t.page_codes)
    for some in chunks(list(codes)):
        rows = [{"page": page_id, "code": code, "workspace": tx.owned} for code in some]
        tx.connection.execute(one.on_conflict_do_nothing(), rows)
    return count_codes(tx, page_id)[0] - before


def count_codes(tx: Transaction, page_id: str) -> tuple[int, int]:
    """How many codes there are, and how many of them were given."""
    row = tx.connection.execute(
        tx.mine(t.page_codes, func.count(), func.count(_c.at)).where(_c.page == page_id)
    ).one()
    return int(row[0]), int(row[1])


def give_code(tx: Transaction, page_id: str, message: str, now: datetime) -> str | None:
    """The code of whom that message went to: theirs, else a new one; None when there is none left."""
    tx.alone(f"codes:{page_id}")
    mine = tx.mine(t.page_codes, _c.code).where(_c.page == page_id)
    known: str | None = tx.connection.execute(mine.where(_c.message == message)).scalar()
    if known is not None:
        return known
    free: str | None = tx.connection.execute(mine.where(_c.at.is_(None)).order_by(_c.code).limit(1)).scalar()
    if free is not None:
        tx.connection.execute(
            update(t.page_codes)
            .where(_c.page == page_id, _c.code == free, _c.workspace == tx.owned)
            .values(message=message, at=now)
        )
    return free


# ---------------------------------------------------------------------------------------------- counted


def counted(tx: Transaction, page_id: str, what: str, now: datetime) -> None:
    """Somebody looked (`Visitor`) or did something: pressed | joined | coupon."""
    one = (sqlite.insert if tx.is_sqlite else postgresql.insert)(t.click_hours)
    hour = now.replace(minute=0, second=0, microsecond=0)
    tx.connection.execute(
        one.values(workspace=tx.owned, link=page_id, start=hour, visitor=what, count=1).on_conflict_do_update(
            index_elements=["link", "start", "visitor"], set_={"count": _h["count"] + one.excluded["count"]}
        )
    )


def prune(tx: Transaction, now: datetime) -> int:
    """Deletes over all workspaces what ended long enough ago. Returns how many rows."""
    old = select(_p.id).where(_p.ended_at < now - KEPT)
    return sum(
        tx.connection.execute(statement).rowcount
        for statement in (
            delete(t.click_hours).where(_h.link.in_(old)),
            delete(t.page_codes).where(or_(_c.page.in_(old), _c.at < now - KEPT * 4)),
            delete(t.pages).where(_p.ended_at < now - KEPT),
        )
    )
