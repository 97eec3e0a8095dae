"""What an adapter wants to find again: a pull, the set-up over there and a request may all write it at the same moment,
and none of them undoes what another has kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.contract import Batch, Configured, Inbound, Installation, Installs, Manifest, Pulls, Pushes, Reading
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.engine import installing, intake, pulling
from core.storage import installations
from tests.support.engine_room import NOW, EngineRoom

DAY = timedelta(days=1)


class Shop(Pulls, Pushes, Installs):
    """Sets up a box there and notes its name, notes its allowance with each pull, and its version when it calls.
    `meanwhile` happens while it is being asked."""

    manifest = Manifest(
        slug="shop", name="Shop", kinds=frozenset({Kind.CART}), auth=(), poll_every=timedelta(minutes=5)
    )

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        memory = dict(installation.memory)
        memory.setdefault("seen", []).append("pull")
        memory.pop("first", None)
        self.meanwhile()
        return Batch(cursor=cursor, memory={**memory, "allowance": 40})

    def maintain(
        self, installation: Installation, now: datetime, remember: Callable[[Mapping[str, Any]], None]
    ) -> timedelta:
        # One and the same mapping, as it grows: what was kept before is not to be mistaken for what is there.
        memory = {**installation.memory, "boxes": {}}
        remember(memory)
        self.meanwhile()
        memory["boxes"]["stop"] = "relance_stop"
        remember(memory)
        return DAY

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        return ()

    def verify(self, request: Inbound, installation: Installation) -> None:
        """Everybody is believed."""

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        memory = dict(installation.memory)
        self.meanwhile()
        return Reading(memory={**memory, "version": 2})


class Room(EngineRoom):
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.shop = Shop()
        super().__init__(folder, adapters={"shop": self.shop}, **settings)
        with self.suite.database.write(self.workspace) as tx:
            self.place = installations.add(
                tx, self.suite.vault, "shop", "Shop", Configured({}, {}), NOW, zone="Europe/Paris", country="FR"
            )
            installations.change(tx, self.place, memory={"first": 1, "seen": []})

    def pull(self) -> None:
        pulling.pull_now(self.suite, self.workspace, self.place)

    def maintain(self) -> None:
        installing.maintain_due(self.suite)

    def call(self) -> None:
        intake.receive(self.suite, "shop", self.place, Inbound("POST", "https://relance.example/", (), b"{}", NOW))

    def write(self, **said: Any) -> None:
        """Somebody else notes something of theirs."""
        with self.suite.database.write(self.workspace) as tx:
            installations.remember(tx, self.place, {}, said)

    def kept(self) -> Mapping[str, Any]:
        with self.suite.database.read(self.workspace) as tx:
            row = installations.get(tx, self.suite.vault, self.place, self.suite.public_url)
        assert row is not None
        return row.installation.memory


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    own = {"database_url": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    room = Room(tmp_path, **own)
    yield room
    room.suite.database.close()


def test_what_is_set_up_while_the_platform_is_asked_is_not_forgotten(room: Room) -> None:
    """Without the name of the box nobody would hear of the refusals that are ticked in it."""
    room.shop.meanwhile = _once(room.maintain)
    room.pull()
    assert room.kept() == {"seen": ["pull"], "boxes": {"stop": "relance_stop"}, "allowance": 40}


def test_what_a_pull_kept_while_something_is_set_up_is_not_forgotten(room: Room) -> None:
    room.shop.meanwhile = _once(room.pull)
    room.maintain()
    assert room.kept() == {"seen": ["pull"], "boxes": {"stop": "relance_stop"}, "allowance": 40}


def test_what_was_kept_while_a_request_was_read_is_not_forgotten(room: Room) -> None:
    room.shop.meanwhile = _once(room.maintain)
    room.call()
    assert room.kept() == {"first": 1, "seen": [], "boxes": {"stop": "relance_stop"}, "version": 2}


def test_of_two_that_write_the_same_the_later_one_counts(room: Room) -> None:
    room.shop.meanwhile = _once(lambda: room.write(allowance=7))
    room.pull()
    assert room.kept()["allowance"] == 40


def test_what_is_taken_out_stays_out(room: Room) -> None:
    room.shop.meanwhile = _once(lambda: room.write(version=3))
    room.pull()
    assert room.kept() == {"seen": ["pull"], "version": 3, "allowance": 40}


@pytest.mark.postgres
def test_of_two_that_remember_at_once_the_second_waits_and_both_are_kept(
    tmp_path: Path, postgres_database: str
) -> None:
    room, trouble = Room(tmp_path, database_url=postgres_database), list[Exception]()
    database, before = room.suite.database, dict(room.kept())

    def second() -> None:
        try:
            with database.write(room.workspace) as tx:
                installations.remember(tx, room.place, before, {**before, "allowance": 40})
        except Exception as error:
            trouble.append(error)

    waiting = text("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                   "WHERE NOT l.granted AND a.datname = current_database()")  # fmt: skip
    with database.write(room.workspace) as first:
        installations.remember(first, room.place, before, {**before, "boxes": {"stop": "relance_stop"}})
        other = threading.Thread(target=second)
        other.start()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(waiting).scalar():
                assert other.is_alive(), "it did not wait"
                other.join(0.02)
    other.join(30)
    assert trouble == []
    assert room.kept() == {**before, "boxes": {"stop": "relance_stop"}, "allowance": 40}
    database.close()


def _once(act: Callable[[], object]) -> Callable[[], object]:
    """`act` when it is first called: what happens meanwhile is asked as well."""
    left = [act]
    return lambda: left.pop()() if left else None
