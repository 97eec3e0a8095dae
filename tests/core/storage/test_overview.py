"""What the daily pages ask the database: the same answers from SQLite and from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.storage import ledger, outbox, overview
from core.storage.database import Database
from tests.support.schema import bring_up

START = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'overview.db'}"
    else:
        url = request.getfixturevalue("postgres_database").replace("postgresql://", "postgresql+psycopg://")
    found = Database(url)
    bring_up(found)
    yield found
    found.close()


def new(hour: float, to: str = "+33639980001", state: State = State.SCHEDULED) -> outbox.New:
    return outbox.New(
        to=to, country="FR", text="Bonjour", encoding="GSM-7", segments=1, message_class=MessageClass.TRANSACTIONAL,
        channels=(Channel.SMS,), due_at=START + timedelta(hours=hour), state=state, rule="rul_1",
    )  # fmt: skip


def test_messages_are_counted_by_hour_and_state_within_the_day_alone(database):
    with database.write("wsp_1") as tx:
        outbox.accept(
            tx, [new(-0.1), new(0), new(0.99), new(18), new(18.5, state=State.HELD), new(23.99), new(24)], START
        )
    with database.write("wsp_2") as tx:
        outbox.accept(tx, [new(18)], START)
    with database.read("wsp_1") as tx:
        counted = overview.by_hour(tx, START, START + timedelta(days=1))
    assert sorted(counted) == [(0, "scheduled", 2), (18, "held", 1), (18, "scheduled", 1), (23, "scheduled", 1)]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [(outbox.Filter(to="+33639980002"), 1), (outbox.Filter(rule="rul_1"), 2), (outbox.Filter(rule="rul_2"), 0),
     (outbox.Filter(state=("held",)), 0), (outbox.Filter(installation="ins_1"), 0)],
)  # fmt: skip
def test_the_count_can_be_narrowed(database, wanted, count):
    with database.write("wsp_1") as tx:
        outbox.accept(tx, [new(1), new(2, "+33639980002")], START)
    with database.read("wsp_1") as tx:
        assert sum(number for _, _, number in overview.by_hour(tx, START, START + timedelta(days=1), wanted)) == count


def test_a_decision_counts_once_and_only_from_where_it_is_allowed(database):
    with database.write("wsp_1") as tx:
        [message] = outbox.accept(tx, [new(1)], START)
        held = overview.decide(tx, message, (State.SCHEDULED,), State.HELD, Reason("held_by_person"), START)
        again = overview.decide(tx, message, (State.SCHEDULED,), State.HELD, Reason("held_by_person"), START)
        steps, _ = ledger.history(tx, message)
    with database.write("wsp_2") as tx:
        foreign = overview.decide(tx, message, (State.HELD,), State.SCHEDULED, Reason("released_by_person"), START)
    assert (held, again, foreign, [step["state"] for step in steps]) == (True, False, False, ["held"])


def test_nothing_known_is_nothing_found(database):
    with database.read("wsp_1") as tx:
        assert overview.told_otherwise(tx, START, START + timedelta(days=7), 10) == []
        assert outbox.of_occasions(tx, ["occ_1"]) == {}
        assert overview.by_name(tx, "ana", START) == []
        assert overview.versions(tx, "rul_1") == []
        assert overview.template_versions(tx, "rappel", "fr") == []


def test_a_campaign_is_one_line_and_a_platforms_name_is_no_campaign_of_ours(database):
    with database.write("wsp_1") as tx:
        named = ((1, "cmp_a"), (1.5, "cmp_a"), (1.7, "cmp_b"), (30, "cmp_a"), (2, "cmpXworkflow"), (3, None))
        outbox.accept(tx, [replace(new(hour), campaign=campaign) for hour, campaign in named], START)
    with database.read("wsp_1") as tx:
        counted = overview.campaigns_by_hour(tx, START, START + timedelta(days=1))
        singly = outbox.listed(tx, outbox.Filter(extra=overview.singly()), limit=10)
    assert sorted(counted) == [(1, "cmp_a", 2), (1, "cmp_b", 1)]
    assert {row["campaign"] for row in singly} == {"cmpXworkflow", None}
