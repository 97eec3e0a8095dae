"""The schema up and down with data in it: no row is lost on the way, and what is built is what the code expects."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select

from core.domain.events import Event, Kind
from core.domain.messages import Channel, MessageClass
from core.domain.recipients import Recipient
from core.storage import house, migrate, occasions, outbox, people
from core.storage import tables as t
from core.storage.database import Database

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


def filled(database: Database, count: int = 500) -> None:
    with database.write() as tx:
        workspace = house.add_workspace(tx, "Cabinet", {"hours": {"mon": "09:00-12:00"}}, NOW)
    with database.write(workspace) as tx:
        outbox.accept(tx, [
            outbox.New(to=f"+3363998{index:04}", country="FR", text=f"Rappel {index} 🙂", encoding="UCS-2", segments=1,
                       message_class=MessageClass.TRANSACTIONAL, channels=(Channel.SMS,), reference=f"r{index}",
                       due_at=NOW + timedelta(microseconds=index))
            for index in range(count)
        ], NOW)  # fmt: skip
        outbox.claim(tx, NOW, 5, owner="own_1", lease=timedelta(minutes=1))
        occasions.apply(tx, "ins_1", [
            Event(Kind.APPOINTMENT, f"visit-{index}", NOW, start=NOW + timedelta(days=index), values={"title": "É"},
                  recipient=Recipient.parse("+33639980001")) for index in range(50)
        ], backlog=False, now=NOW)  # fmt: skip
        people.stop(tx, "+33639980001", "marketing", "reply", {"text": "STOP"}, NOW)


def sums(database: Database) -> dict[str, tuple[int, str]]:
    """table → (how many rows, a sum over all that is in them), as the database holds it."""
    found = {}
    with database.read() as tx:
        for table in t.metadata.sorted_tables:
            rows = sorted(repr(tuple(row)) for row in tx.connection.execute(select(table)))
            if rows:
                found[table.name] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found


def names(database: Database) -> set[str]:
    with database.read() as tx:
        return set(inspect(tx.connection).get_table_names())


def test_what_migrations_build_is_what_the_code_expects(database: Database) -> None:
    with database.read() as tx:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": False})
        assert compare_metadata(context, t.metadata) == []


def test_up_again_changes_no_row(database: Database) -> None:
    filled(database)
    before = sums(database)
    assert {name for name, (count, _) in before.items() if count} >= {"messages", "occasions", "optouts", "workspaces"}
    migrate.upgrade(database)
    assert sums(database) == before
    assert migrate.is_current(database)
    assert migrate.pending(database) == []


@pytest.mark.parametrize("count", [500, pytest.param(100_000, marks=pytest.mark.slow)])
def test_each_step_down_and_up_again_keeps_the_rows(database: Database, tmp_path: Path, count: int) -> None:
    """The first release is one step; each later one is walked here by itself, with data."""
    steps = [revision for revision, _ in migrate.pending(Database(f"sqlite:///{tmp_path / 'fresh.db'}"))]
    assert steps
    filled(database, count)
    before = {name: rows for name, (rows, _) in sums(database).items()}
    assert before["messages"] == count
    for revision in reversed(steps[:-1]):
        migrate.downgrade(database, revision)
        began = time.monotonic()
        migrate.upgrade(database)
        assert time.monotonic() - began < 60
        assert {name: rows for name, (rows, _) in sums(database).items()} == before


def test_all_the_way_down_leaves_an_empty_house_that_can_be_built_again(database: Database) -> None:
    filled(database, 20)
    migrate.downgrade(database, "base")
    assert names(database) <= {"alembic_version"}
    assert migrate.current(database) is None
    migrate.upgrade(database)
    assert {name: count for name, (count, _) in sums(database).items()} == {"house": 1}, "its key for numbers"
    filled(database, 20)
