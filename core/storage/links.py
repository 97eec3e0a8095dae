"""Short links: where each leads, who followed it and when. The row is there before the message that bears the link."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.domain.text.links import Link, Visitor, code
from core.ids import new_id, new_ids
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

LIVES = timedelta(days=90)
"""How long after its message is due a link leads anywhere: as long as the message's words are kept."""
KEPT = timedelta(days=90)
"""How long after that it is known to have been one."""
HOURS_KEPT = timedelta(days=400)
ONCE_A = timedelta(minutes=1)
"""A person who taps twice within that time followed the link once."""
_l, _c, _h = t.links.c, t.clicks.c, t.click_hours.c


@dataclass(frozen=True, slots=True)
class Bearing:
    """A message's links, as they are kept with it."""

    message: str
    links: tuple[Link, ...]
    due_at: datetime
    test: bool


def keep(tx: Transaction, bearing: Sequence[Bearing], now: datetime) -> dict[str, str]:
    """Writes the links of these messages; a link that is known becomes the newest message's. Returns, for a code that
    already leads elsewhere, the one that stands in its place: its message is to bear that one.

    Of 65 random bits, that never happens by itself; it must not lead a person to a stranger's page if it does.
    """
    rows: dict[str, dict[str, Any]] = {}
    for one in bearing:
        for link in one.links:
            rows[link.code] = {
                "workspace": tx.owned, "code": link.code, "target": link.target, "track": link.track, "name": None,
                "message": one.message, "test": one.test, "clicked_at": None, "expires_at": one.due_at + LIVES,
                "created_at": now,
            }  # fmt: skip
    if not rows:
        return {}
    written = _written(tx, list(rows.values()))
    instead = {one: code(secrets.token_bytes(32), one) for one in rows if one not in written}
    if instead:
        _written(tx, [{**rows[old], "code": new} for old, new in instead.items()])
    return instead


def _written(tx: Transaction, rows: Sequence[dict[str, Any]]) -> set[str]:
    one = (sqlite.insert if tx.is_sqlite else postgresql.insert)(t.links)
    statement = one.on_conflict_do_update(
        index_elements=["code"],
        set_={name: one.excluded[name] for name in ("message", "track", "test", "expires_at")},
        where=and_(_l.workspace == one.excluded.workspace, _l.target == one.excluded.target),
    ).returning(_l.code)
    named = [{"id": row_id, **row} for row_id, row in zip(new_ids("lnk", len(rows)), rows, strict=True)]
    return set(tx.connection.execute(statement, named).scalars())


def instead_of(instead: Mapping[str, str], text: str, content: Any) -> tuple[str, Any]:
    """A message's text and content with those codes in place of others: of the same length and letters, so that what
    was measured stays true."""
    written = orjson.dumps(content).decode() if content else ""
    for old, new in instead.items():
        text, written = text.replace(old, new), written.replace(old, new)
    return text, orjson.loads(written) if written else content


def only(tx: Transaction, message: str, codes: Iterable[str]) -> None:
    """A waiting message has other links now: those that it bore before lead nowhere."""
    tx.connection.execute(
        delete(t.links).where(
            _l.message == message, _l.workspace == tx.owned, _l.code.not_in(sorted(codes)), _l.clicked_at.is_(None)
        )
    )


def add(
    tx: Transaction, target: str, now: datetime, *, name: str | None, track: bool, expires_at: datetime | None,
    test: bool,
) -> str:
    """A link for people's own use; its id."""
    link_id = new_id("lnk")
    tx.connection.execute(
        insert(t.links).values(
            id=link_id, workspace=tx.owned, code=code(secrets.token_bytes(32), link_id), target=target, track=track,
            name=name, test=test, expires_at=expires_at, created_at=now,
        )
    )  # fmt: skip
    return link_id


def end(tx: Transaction, link_id: str, now: datetime) -> bool:
    """From now on it leads nowhere. False when there is no such link."""
    done = tx.connection.execute(
        update(t.links).where(_l.id == link_id, _l.workspace == tx.owned).values(expires_at=now)
    )
    return bool(done.rowcount)


# ---------------------------------------------------------------------------------------------- followed


def find(tx: Transaction, short: str) -> Mapping[str, Any] | None:
    """The link of that code, in whichever workspace: who holds the code may follow it."""
    return tx.row(select(t.links).where(_l.code == short))


def followed(tx: Transaction, row: Mapping[str, Any], visitor: Visitor, now: datetime) -> bool:
    """Counts somebody who followed the link. True for a person's click that is to be told of; a person's second tap
    within a minute is not counted."""
    if visitor is Visitor.HUMAN:
        told = tx.connection.execute(
            update(t.links)
            .where(
                _l.id == row["id"],
                # A clock that was turned back does not make it wait for the moment it was turned from. (A little ahead
                # of us is another thread that counts at this moment.)
                or_(_l.clicked_at.is_(None), _l.clicked_at <= now - ONCE_A, _l.clicked_at > now + ONCE_A),
            )
            .values(clicked_at=now)
        )
        if not told.rowcount:
            return False
        tx.connection.execute(
            insert(t.clicks).values(
                id=new_id("clk"), workspace=row["workspace"], link=row["id"], message=row["message"], at=now
            )
        )
    one = (sqlite.insert if tx.is_sqlite else postgresql.insert)(t.click_hours)
    hour = now.replace(minute=0, second=0, microsecond=0)
    tx.connection.execute(
        one.values(
            workspace=row["workspace"], link=row["id"], start=hour, visitor=str(visitor), count=1
        ).on_conflict_do_update(
            index_elements=["link", "start", "visitor"], set_={"count": _h.count + one.excluded["count"]}
        )
    )
    return visitor is Visitor.HUMAN


# ---------------------------------------------------------------------------------------------- read


def get(tx: Transaction, link_id: str) -> Mapping[str, Any] | None:
    """One link's row."""
    return tx.row(tx.mine(t.links).where(_l.id == link_id))


def listed(
    tx: Transaction, *, message: str | None = None, own: bool = False, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Newest first; `own` for those that people made for themselves."""
    query = tx.mine(t.links).order_by(_l.id.desc()).limit(limit)
    if message:
        query = query.where(_l.message == message)
    if own:
        query = query.where(_l.message.is_(None))
    if after:
        query = query.where(_l.id < after)
    return tx.rows(query)


def counts(tx: Transaction, ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """link → visitor → how often."""
    found: dict[str, dict[str, int]] = {}
    wanted = sorted(ids)
    for some in chunks(wanted):
        rows = tx.connection.execute(
            tx.mine(t.click_hours, _h.link, _h.visitor, func.sum(_h.count))
            .where(_h.link.in_(some))
            .group_by(_h.link, _h.visitor)
        )
        for link, visitor, count in rows:
            found.setdefault(link, {})[visitor] = int(count)
    return found


def hours(tx: Transaction, link_id: str, limit: int = 1000) -> list[tuple[datetime, dict[str, int]]]:
    """The hours in which somebody followed the link, oldest first: when it began, and visitor → how often."""
    rows = tx.connection.execute(
        tx.mine(t.click_hours, _h.start, _h.visitor, _h["count"])
        .where(_h.link == link_id)
        .order_by(_h.start.desc(), _h.visitor)
        .limit(limit)
    )
    found: dict[datetime, dict[str, int]] = {}
    for start, visitor, count in rows:
        found.setdefault(start, {})[visitor] = count
    return sorted(found.items())


def clicks_of(tx: Transaction, message: str) -> list[Mapping[str, Any]]:
    """When the person followed the links of a message, and where they lead; oldest first."""
    return tx.rows(
        tx.mine(t.clicks, _c.id, _c.at, _c.link, _l.target)
        .join(t.links, _l.id == _c.link)
        .where(_c.message == message)
        .order_by(_c.at, _c.id)
    )


def click_rate(tx: Transaction, start: datetime) -> list[tuple[str, int, int]]:
    """By country: messages with a link that left since then, and how many of them a person followed."""
    m = t.messages.c
    rows = tx.connection.execute(
        tx.mine(t.messages, m.country, func.count(func.distinct(m.id)), func.count(func.distinct(_c.message)))
        .join(t.links, _l.message == m.id)
        .outerjoin(t.clicks, _c.message == m.id)
        .where(m.left_at >= start, m.test.is_(False))
        .group_by(m.country)
        .order_by(m.country)
    )
    return [(row[0], row[1], row[2]) for row in rows]


# ---------------------------------------------------------------------------------------------- forgotten


def prune(tx: Transaction, now: datetime) -> int:
    """Deletes over all workspaces what has led nowhere for long enough. Returns how many rows."""
    old = select(_l.id).where(_l.expires_at < now - KEPT)
    done = 0
    for statement in (
        # Links that people made for themselves may never end.
        delete(t.clicks).where(or_(_c.link.in_(old), _c.at < now - HOURS_KEPT)),
        delete(t.click_hours).where(or_(_h.link.in_(old), _h.start < now - HOURS_KEPT)),
        delete(t.links).where(_l.expires_at < now - KEPT),
    ):
        done += tx.connection.execute(statement).rowcount
    return done
