"""The book of the simulated phones: what the simulator took, kept as a real provider would keep it through a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.contract import Simulated
from core.domain.messages import Channel, State
from core.ids import new_ids
from core.storage.database import Database, Transaction
from core.storage.tables import simulated

_c = simulated.c
# A message that the simulator has put off is noted, so that the second try is known as one. No phone received it.
_RECEIVED = _c.state != State.SCHEDULED.value


@dataclass(frozen=True, slots=True)
class Kept:
    """A message of the book and the name of its row, which is also the cursor of `listed`."""

    id: str
    message: Simulated


class DatabaseBook:
    """A `core.contract.Book` in the database. Each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, messages: Sequence[Simulated]) -> list[bool]:
        """Keeps them, committed on return; False for each whose reference was there already (it is kept once)."""
        if not messages:
            return []
        rows = [_row(row_id, message) for row_id, message in zip(new_ids("sim", len(messages)), messages, strict=True)]
        with self._database.write() as tx:
            insert = sqlite.insert if tx.is_sqlite else postgresql.insert
            statement = insert(simulated).on_conflict_do_nothing(index_elements=["reference"]).returning(_c.id)
            written = set(tx.connection.execute(statement, rows).scalars())
        return [row["id"] in written for row in rows]

    def find(self, reference: str) -> Simulated | None:
        """The message of that reference."""
        with self._database.read() as tx:
            row = tx.row(select(simulated).where(_c.reference == reference))
        return _kept(row).message if row else None


def due(tx: Transaction, now: datetime, limit: int = 500) -> list[Kept]:
    """Messages to which something happens by `now`, the longest due first."""
    rows = tx.connection.execute(tx.mine(simulated).where(_c.next_at <= now).order_by(_c.next_at, _c.id).limit(limit))
    return [_kept(row) for row in rows.mappings()]


def next_at(tx: Transaction, after: datetime | None = None) -> datetime | None:
    """When something happens next on a simulated phone (after the moment `after`, if given); None when nothing will."""
    then = _c.next_at.is_not(None) if after is None else _c.next_at > after
    soonest = select(_c.next_at).where(then).order_by(_c.next_at).limit(1)
    return tx.connection.execute(soonest).scalar()


def advance(
    tx: Transaction, kept: Kept, state: State, next_at: datetime | None = None, then: str | None = None
) -> bool:
    """The step that was due is done. False when somebody else did it first, and then nothing changes."""
    message = kept.message
    done = tx.connection.execute(
        update(simulated)
        .where(_c.id == kept.id, _c.workspace == tx.owned, _c.next == message.next, _c.next_at == message.next_at)
        .values(state=state.value, next_at=next_at, next=then)
    )
    return done.rowcount == 1


def listed(tx: Transaction, to: str | None = None, after: str | None = None, limit: int = 50) -> list[Kept]:
    """What the phones of this workspace received, newest first. `after` is the `id` of the last one already seen."""
    query = tx.mine(simulated).where(_RECEIVED)
    if to is not None:
        query = query.where(_c.to == to)
    if after is not None:
        query = query.where(_c.id < after)
    return [_kept(row) for row in tx.rows(query.order_by(_c.id.desc()).limit(limit))]


def find_last_to(tx: Transaction, number: str) -> Simulated | None:
    """The last message that the phone `number` (E.164) received from this workspace."""
    found = listed(tx, number, limit=1)
    return found[0].message if found else None


def _row(row_id: str, message: Simulated) -> dict[str, Any]:
    return {
        "id": row_id,
        "workspace": message.workspace,
        "account": message.account,
        "reference": message.reference,
        "to": message.to,
        "sender": message.sender,
        "text": message.text,
        "channel": message.channel.value,
        "received_at": message.received_at,
        "state": message.state.value,
        "next_at": message.next_at,
        "next": message.next,
    }


def _kept(row: Mapping[Any, Any]) -> Kept:
    return Kept(
        row["id"],
        Simulated(
            workspace=row["workspace"],
            account=row["account"],
            reference=row["reference"],
            to=row["to"],
            sender=row["sender"],
            text=row["text"],
            channel=Channel(row["channel"]),
            received_at=row["received_at"],
            state=State(row["state"]),
            next_at=row["next_at"],
            next=row["next"],
        ),
    )
