"""The simulated phones' book: it keeps each reference once, through a crash, and each workspace sees its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.contract import Simulated
from core.domain.messages import Channel, State
from core.storage import simulated
from core.storage.database import Database
from core.storage.simulated import DatabaseBook
from core.storage.tables import metadata

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = "+33639980001"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/relance.db"
    else:
        url = request.getfixturevalue("postgres_database").replace("postgresql://", "postgresql+psycopg://")
    opened = Database(url)
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


def message(reference: str, to: str = ANA, workspace: str = "ws_1") -> Simulated:
    return Simulated(workspace, "acc_simulator", reference, to, "CABINET", "RDV à 9 h", Channel.SMS, NOW, State.SENT,
                     NOW + timedelta(seconds=2), "delivered")


def test_a_reference_is_kept_once_whoever_repeats_it(database: Database) -> None:
    book = DatabaseBook(database)

    assert book.write([message("msg_1"), message("msg_2")]) == [True, True]
    assert book.write([message("msg_2"), message("msg_3")]) == [False, True]
    assert book.write([message("msg_4"), message("msg_4")]) == [True, False]
    assert book.write([]) == []


def test_what_was_written_is_found_again_as_it_was(database: Database) -> None:
    book = DatabaseBook(database)
    book.write([message("msg_1")])

    assert book.find("msg_1") == message("msg_1")
    assert DatabaseBook(database).find("msg_1") == message("msg_1")
    assert book.find("msg_2") is None


def test_a_large_batch_is_one_write(database: Database) -> None:
    book = DatabaseBook(database)
    batch = [message(f"msg_{number}") for number in range(2500)]

    assert book.write(batch) == [True] * 2500
    assert book.write(batch) == [False] * 2500


def test_what_is_due_comes_by_its_moment(database: Database) -> None:
    DatabaseBook(database).write([
        replace(message("msg_late"), next_at=NOW + timedelta(seconds=5)), message("msg_soon"),
        replace(message("msg_never"), next_at=None, next=None),
        replace(message("msg_after"), next_at=NOW + timedelta(days=1))])

    with database.read() as tx:
        due = simulated.due(tx, NOW + timedelta(seconds=5))
        assert [kept.message.reference for kept in due] == ["msg_soon", "msg_late"]
        assert len(simulated.due(tx, NOW + timedelta(seconds=5), limit=1)) == 1


def test_a_step_is_done_once(database: Database) -> None:
    DatabaseBook(database).write([message("msg_1")])
    with database.read() as tx:
        [kept] = simulated.due(tx, NOW + timedelta(seconds=2))

    with database.write("ws_2") as tx:
        assert not simulated.advance(tx, kept, State.DELIVERED), "another workspace's phone"
    with database.write("ws_1") as tx:
        assert simulated.advance(tx, kept, State.DELIVERED)
        assert not simulated.advance(tx, kept, State.DELIVERED)
        assert not simulated.due(tx, NOW + timedelta(days=1))


def test_phones_are_listed_newest_first_a_page_at_a_time(database: Database) -> None:
    book = DatabaseBook(database)
    book.write([message(f"msg_{number}", to=ANA if number % 2 == 0 else "+33639980002") for number in range(5)])
    book.write([message("msg_foreign", workspace="ws_2"), replace(message("later:msg_9"), state=State.SCHEDULED)])

    with database.read("ws_1") as tx:
        page = simulated.listed(tx, limit=2)
        rest = simulated.listed(tx, after=page[-1].id)
        assert [kept.message.reference for kept in page + rest] == ["msg_4", "msg_3", "msg_2", "msg_1", "msg_0"]
        assert [kept.message.reference for kept in simulated.listed(tx, to=ANA)] == ["msg_4", "msg_2", "msg_0"]


def test_the_last_message_to_a_number_is_this_workspaces(database: Database) -> None:
    DatabaseBook(database).write([message("msg_1"), message("msg_2")])
    DatabaseBook(database).write([message("msg_3", workspace="ws_2")])

    with database.read("ws_1") as tx:
        last = simulated.find_last_to(tx, ANA)
        assert last
        assert last.reference == "msg_2"
        assert simulated.find_last_to(tx, "+33639980009") is None
