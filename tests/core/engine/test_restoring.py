"""A restored copy does not know what happened since it was taken: nothing that may have left then leaves again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core.contract import Batch
from core.domain.messages import MessageClass
from core.engine import dispatch, pulling, restoring
from core.storage import backups
from core.storage import tables as t
from tests.core.engine.test_pulling import BEGINS, BOOKED, DAY_BEFORE, Practice, visit
from tests.support.engine_room import NOW, EngineRoom

MORNING = {**DAY_BEFORE, "when": {"days": -1, "at": "10:00"}}
MOVED = {**DAY_BEFORE, "name": "Déplacé", "when": {"change": "moved"}, "body": "Déplacé : {{ start }}"}
HOUR = timedelta(hours=1)


def asks(practice: Practice, *visits: object) -> None:
    """The diary is asked, tells of these visits, and what is due leaves."""
    practice.diary.pages.append(Batch(visits, cursor="c"))  # type: ignore[arg-type]
    practice.clock.forward(HOUR)
    assert pulling.run_due(practice.suite)
    dispatch.run_due(practice.suite)


def held(room: EngineRoom) -> list[str]:
    with room.suite.database.read(room.workspace) as tx:
        return [name for name, _, _ in backups.held(tx)]


@pytest.mark.parametrize("rule", [BOOKED, MOVED], ids=["booked", "moved"])
def test_news_that_were_told_after_the_copy_was_taken_are_not_told_again(
    tmp_path: Path, rule: dict[str, object]
) -> None:
    practice = Practice(tmp_path, MORNING, rule)
    asks(practice, visit("known"))
    practice.clock.moment = BEGINS - timedelta(days=1)
    asks(practice)
    told = len(practice.memory.sent)
    assert told == 1, "the reminder of the visit that was known"
    restoring.backup(practice.suite, tmp_path / "copy.db")
    booked = visit("new", BEGINS + timedelta(days=2), at=practice.suite.now())
    moved = visit("known", BEGINS + timedelta(days=2), at=practice.suite.now())
    news = booked if rule is BOOKED else moved
    asks(practice, news)
    assert len(practice.memory.sent) == told + 1

    restoring.restore(practice.suite, tmp_path / "copy.db")
    asks(practice, news)

    assert len(practice.memory.sent) == told + 1
    (name,) = held(practice)
    # The provider knows it by another reference, so that its "never heard of it" proves nothing.
    assert restoring.release(practice.suite, practice.workspace) == restoring.Released(0, 0, 1)
    assert restoring.release(practice.suite, practice.workspace, unchecked=True) == restoring.Released(0, 1, 0)
    dispatch.run_due(practice.suite)
    assert [one.reference for one in practice.memory.sent].count(name) == 1
    # From then on news are news.
    asks(practice, visit("newer", BEGINS + timedelta(days=3), at=practice.suite.now()))
    assert held(practice) == []


def test_what_is_for_later_is_planned_as_ever_after_a_restore(tmp_path: Path) -> None:
    practice = Practice(tmp_path, DAY_BEFORE)
    asks(practice)
    restoring.backup(practice.suite, tmp_path / "copy.db")
    restoring.restore(practice.suite, tmp_path / "copy.db")
    asks(practice, visit("new", BEGINS + timedelta(days=2), at=practice.suite.now()))

    assert held(practice) == []
    assert practice.waiting() == ["scheduled"]


@pytest.mark.parametrize("waits_for", ["cap:cap_1", "catch-up", "installation:ins_1", "account"])
def test_what_waited_for_something_may_have_been_let_go_since(tmp_path: Path, waits_for: str) -> None:
    room = EngineRoom(tmp_path)
    past, ahead = room.accept(klass=MessageClass.OTP), room.accept(due_at=NOW + timedelta(days=2))
    with room.suite.database.write(room.workspace) as tx:
        tx.connection.execute(update(t.messages).values(state="held", held_by=waits_for))
    restoring.backup(room.suite, tmp_path / "copy.db")

    room.clock.forward(HOUR)
    assert restoring.restore(room.suite, tmp_path / "copy.db").held == 1

    assert held(room) == [past]
    assert room.message(ahead)["held_by"] == waits_for
