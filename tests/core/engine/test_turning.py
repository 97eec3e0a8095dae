"""The clock jumps on a slow machine: what falls due on the way leaves in its order and in its time all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import FixedClock
from core.engine import turning
from tests.support.engine_room import NOW, EngineRoom

HOUR = timedelta(hours=1)


class Slow(FixedClock):
    """Each time that somebody asks, a while has gone by."""

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=700)
        return super().now()


def test_a_slow_machine_makes_nothing_late(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    suite = replace(room.suite, clock=Slow(NOW))
    moments = [*(NOW + HOUR + timedelta(seconds=0.4) * place**2 for place in range(30)), NOW + 5 * HOUR]
    names = [room.accept(due_at=moment, expires_at=moment + HOUR) for moment in moments]

    turned = turning.jump(suite, NOW + 24 * HOUR)

    assert [room.state(name) for name in names] == ["sent"] * 31
    assert turned.left == 31
    for name, moment in zip(names, moments, strict=True):
        late = room.message(name)["left_at"] - moment
        assert timedelta() <= late < timedelta(minutes=2)
