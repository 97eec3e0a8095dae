"""One machine of three whose clock is wrong: all of them keep the time of the database's server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import Clock
from core.domain.messages import MessageClass
from core.engine import dispatch, ticking
from core.suite import read_clock
from tests.support.engine_room import EngineRoom


class Off(Clock):
    """A machine's clock that is wrong by so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.wrong = timedelta(seconds=seconds)

    def own(self) -> datetime:
        return super().own() + self.wrong


@pytest.mark.postgres
@pytest.mark.parametrize("seconds", [90, -90, 49 * 3600, -2 * 3600])
def test_a_machine_whose_clock_is_wrong_sends_nothing_early_and_nothing_late(
    tmp_path: Path, postgres_database: str, seconds: float
) -> None:
    room = EngineRoom(tmp_path, database_url=postgres_database.replace("postgresql://", "postgresql+psycopg://", 1))
    room.suite.clock = Off(seconds)
    now = datetime.now(UTC)
    early = room.accept(klass=MessageClass.OTP, due_at=now + timedelta(seconds=60))
    due = room.accept(klass=MessageClass.OTP, due_at=now - timedelta(seconds=1))

    read_clock(room.suite)
    dispatch.run_due(room.suite)

    assert abs(room.suite.now() - datetime.now(UTC)) < timedelta(seconds=1)
    assert (room.state(early), room.state(due)) == ("scheduled", "sent")
    # The clock is set right under way: the next tick follows.
    room.suite.clock.wrong = timedelta()
    ticking.keep(room.suite)
    assert abs(room.suite.now() - datetime.now(UTC)) < timedelta(seconds=1)
    room.suite.database.close()


def test_on_one_machine_its_own_clock_counts(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    room.suite.clock = Off(90)

    read_clock(room.suite)

    assert room.suite.clock.behind == timedelta()
