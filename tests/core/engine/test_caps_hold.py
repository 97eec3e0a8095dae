"""Whatever happens to messages, a cap is never exceeded, and its counter is exactly what left in its period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.contract import Refused, TryLater, Uncertain
from core.domain.messages import MessageClass
from core.domain.policy.caps import Measure, Period
from core.domain.reasons import Reason
from core.engine import capping, dispatch, guarding
from core.storage import house
from core.storage import tables as t
from tests.support.engine_room import EngineRoom

WHY = Reason("provider_busy")
OUTCOMES = {
    "accepted": None,
    "later": TryLater(timedelta(minutes=1), WHY),
    "refused": Refused(WHY),
    "uncertain": Uncertain(WHY),
}
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("accept"),
            st.sampled_from(sorted(OUTCOMES)),
            st.sampled_from([MessageClass.OTP, MessageClass.TRANSACTIONAL]),
            st.sampled_from([None, 40_000, 52_000, 104_000]),
        ),
        st.tuples(st.just("send")),
        st.tuples(st.just("pass"), st.sampled_from([1, 20, 59])),
        st.tuples(st.just("let go")),
        st.tuples(st.just("refuse")),
    ),
    min_size=5,
    max_size=40,
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineRoom]:
    """One house for all examples; each has a workspace of its own."""
    room = EngineRoom(tmp_path_factory.mktemp("caps"))
    yield room
    room.suite.database.close()


@settings(max_examples=25)
@given(steps=STEPS)
def test_no_cap_is_exceeded_and_every_sum_is_exact(room: EngineRoom, steps: list[tuple[object, ...]]) -> None:
    with room.suite.database.write() as tx:
        room.workspace = house.add_workspace(tx, "Cabinet", {"zone": "UTC"}, room.suite.now())
    room.account = room.connect()
    room.clock.moment = room.clock.moment.replace(minute=0) + timedelta(hours=1)
    given_caps = {
        capping.add(room.suite, room.workspace, measure=Measure.MESSAGES, most=3, period=Period.HOUR, who="x"): 3,
        capping.add(
            room.suite, room.workspace, measure=Measure.MONEY, most=200_000, period=Period.DAY, currency="EUR", who="x"
        ): 200_000,
    }
    number = 0
    let_go = False
    for step in steps:
        match step:
            case ("accept", outcome, klass, price):
                number += 1
                message = room.accept(
                    f"+336399{number:05d}", klass, price_micros=price, currency="EUR" if price else None
                )
                if (scripted := OUTCOMES[str(outcome)]) is not None:
                    room.memory.script(message, scripted)
            case ("send",):
                dispatch.run_due(room.suite)
            case ("pass", minutes):
                room.clock.forward(timedelta(minutes=int(str(minutes))))
                guarding.run_due(room.suite)
            case ("let go",):
                let_go = True
                for cap in given_caps:
                    capping.let_go(room.suite, room.workspace, cap, who="x")
            case ("refuse",):
                for cap in given_caps:
                    capping.refuse(room.suite, room.workspace, cap, who="x")
        check(room, given_caps, let_go)


def check(room: EngineRoom, given_caps: dict[str, int], let_go: bool) -> None:
    now = room.suite.now()
    m = t.messages.c
    with room.suite.database.read(room.workspace) as tx:
        rows = tx.rows(tx.mine(t.messages).where(m.left_at.is_not(None)))
        caps = capping.filled(tx, now)
        spent = capping.spent(tx, now - timedelta(days=3), now + timedelta(days=1))
        states = set(tx.connection.execute(select(m.state).where(m.workspace == room.workspace)).scalars())
    for one in caps:
        start, _ = one.cap.span(now)
        left = [row for row in rows if row["left_at"] >= start]
        money = one.cap.measure is Measure.MONEY
        used = sum(row["price_micros"] or 0 for row in left) if money else len(left)
        assert one.used == used
        assert let_go or used <= given_caps[one.cap.id]
    assert sum(one.count for one in spent) == len(rows)
    assert sum(one.micros for one in spent) == sum(row["price_micros"] or 0 for row in rows)
    assert "sending" not in states
