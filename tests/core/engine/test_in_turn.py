"""Whoever plans goes first, and touches the connection afterwards: the others wait for their turn before they hold
anything of it, or each would wait for the other until the database ends one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from core.contract import Configured, Inbound, Installation, Manifest, Pushes, Reading
from core.domain.events import Event, Kind
from core.domain.recipients import Recipient
from core.engine import correcting, installing, intake, recipes, switching
from core.storage import installations, occasions
from core.storage import tables as t
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

pytestmark = pytest.mark.postgres
SOON = NOW + timedelta(days=3)
A_VISIT = Event(Kind.APPOINTMENT, "visit/1", NOW, None, SOON, SOON + timedelta(minutes=30), "Europe/Paris",
                recipient=Recipient.parse(ANA))  # fmt: skip


class Practice(Pushes):
    """Tells of one visit, whatever it is asked."""

    manifest = Manifest(slug="practice", name="Practice", kinds=frozenset({Kind.APPOINTMENT}), auth=())

    def verify(self, request: Inbound, installation: Installation) -> None:
        """Everybody is believed."""

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        return Reading((A_VISIT,))


class Room(EngineRoom):
    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, adapters={"practice": Practice(None)}, **settings)  # type: ignore[arg-type]
        with self.suite.database.write(self.workspace) as tx:
            self.place = installations.add(
                tx, self.suite.vault, "practice", "Practice", Configured({}, {}), NOW, zone="Europe/Paris", country="FR"
            )
            installations.change(tx, self.place, mode="live", live_since=NOW)
            (self.visit,) = occasions.apply(tx, self.place, [A_VISIT], backlog=False, now=NOW)

    def call(self) -> None:
        request = Inbound("POST", "https://relance.example/", (), b"{}", NOW)
        intake.receive(self.suite, "practice", self.place, request)

    def disconnect(self) -> None:
        installing.disconnect(self.suite, self.workspace, self.place, who="usr_ana")

    def connect_again(self) -> None:
        installing.connected(
            self.suite, self.workspace, "practice", "", Configured({}, {}), who="usr_ana", reconnect=self.place
        )

    def resume(self) -> None:
        switching.resume(self.suite, self.workspace, self.place, who="usr_ana")

    def go_live(self) -> None:
        switching.go_live(self.suite, self.workspace, self.place, who="usr_ana")

    def rehearse(self) -> None:
        switching.rehearse(self.suite, self.workspace, self.place, who="usr_ana")

    def correct(self) -> None:
        correcting.correct(self.suite, self.workspace, self.visit.id, number=BOB, muted=None, who="usr_ana")

    def follow_carts(self) -> None:
        with self.suite.database.write(self.workspace) as tx:
            row = installations.get(tx, self.suite.vault, self.place, self.suite.public_url)
            assert row is not None
            recipes.save(tx, row, recipes.read(tx, row), NOW, "usr_ana")


@pytest.fixture
def room(tmp_path: Path, postgres_database: str) -> Iterator[Room]:
    room = Room(tmp_path, database_url=postgres_database)
    yield room
    room.suite.database.close()


@pytest.mark.parametrize(
    ("before", "act"),
    [
        ({}, Room.call),
        ({}, Room.disconnect),
        ({"state": "reconnect"}, Room.connect_again),
        ({"state": "paused"}, Room.resume),
        ({"mode": "rehearsal"}, Room.go_live),
        ({}, Room.rehearse),
        ({}, Room.correct),
        ({}, Room.follow_carts),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_nobody_holds_a_connection_and_waits_for_who_plans(
    room: Room, before: dict[str, Any], act: Callable[[Room], None]
) -> None:
    database, trouble = room.suite.database, list[Exception]()
    with database.write(room.workspace) as tx:
        installations.change(tx, room.place, **{"failures": 0, **before})

    def other() -> None:
        try:
            act(room)
        except Exception as error:
            trouble.append(error)

    waiting = text("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                   "WHERE NOT l.granted AND a.datname = current_database()")  # fmt: skip
    with database.write(room.workspace) as planner:
        planner.alone(f"plan:{room.workspace}")
        thread = threading.Thread(target=other)
        thread.start()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(waiting).scalar():
                assert thread.is_alive(), f"it did not wait: {trouble}"
                thread.join(0.02)
        # What a pull does in the end: the occasions, and then what is known of the connection.
        planner.connection.execute(update(t.occasions).where(t.occasions.c.id == room.visit.id).values(at=NOW))
        installations.change(planner, room.place, failures=0)
    thread.join(30)
    assert trouble == []
