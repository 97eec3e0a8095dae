"""A country changes its clocks: what was planned by the old data is planned again, and listed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.messages import Channel, MessageClass
from core.engine import zone_data
from core.storage import outbox
from core.storage import tables as t
from core.storage import zone_data as kept
from tests.support.clinic import ANA, BOB, Clinic
from tests.support.console import Visitor

NEW = {"Europe/Paris": "new", "Europe/Rome": "same"}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """One reminder that was planned when Paris was an hour behind, and one message of a program."""
    found = Clinic(tmp_path)
    found.write("ana", "2026-12-02T10:00:00+01:00")
    zone_data.compare(found.suite, {"Europe/Paris": "old", "Europe/Rome": "same"})
    m = t.messages
    with found.suite.database.write(found.workspace) as tx:
        [row] = outbox.listed(tx, outbox.Filter(to=ANA), limit=2)
        late = row["due_at"] + timedelta(hours=1)
        tx.connection.execute(m.update().where(m.c.id == row["id"]).values(due_at=late))
        outbox.accept(tx, [outbox.New(
            to=BOB, country="FR", text="x", encoding="GSM-7", segments=1, message_class=MessageClass.TRANSACTIONAL,
            channels=(Channel.SMS,), due_at=found.suite.now() + timedelta(days=1), zone="Europe/Paris")],
            found.suite.now())  # fmt: skip
    return found


def due(clinic: Clinic) -> int:
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = outbox.listed(tx, outbox.Filter(to=ANA), limit=2)
    hour: int = row["due_at"].hour
    return hour


def test_what_was_planned_keeps_the_time_on_the_clock_and_is_listed(clinic: Clinic) -> None:
    assert due(clinic) == 18
    assert zone_data.compare(clinic.suite, NEW) == 1
    assert due(clinic) == 17

    with clinic.suite.database.read(clinic.workspace) as tx:
        found = kept.changed(tx)
    assert found is not None
    assert (found["zones"], found["count"], len(found["by_hand"])) == (["Europe/Paris"], 1, 1)
    assert (found["moved"][0]["was"], found["moved"][0]["becomes"]) == (
        "2026-12-01T18:00:00Z", "2026-12-01T17:00:00Z")
    page = Visitor(clinic).get("/upcoming")
    assert "Europe/Paris" in page
    assert found["moved"][0]["message"] in page
    clinic.clock.forward(timedelta(days=15))
    assert "Europe/Paris) :" not in Visitor(clinic, "viewer").get("/upcoming").replace("\u00a0", " ")


def test_the_same_data_cost_nothing_and_move_nothing(clinic: Clinic) -> None:
    zone_data.compare(clinic.suite, NEW)
    assert zone_data.compare(clinic.suite, NEW) == 0
    with clinic.suite.database.read(clinic.workspace) as tx:
        before = kept.changed(tx)
    assert zone_data.compare(clinic.suite, {**NEW, "Europe/Rome": "new"}) == 0, "nothing of ours is there"
    with clinic.suite.database.read(clinic.workspace) as tx:
        after = kept.changed(tx)
    assert before is not None
    assert after is not None
    assert after["moved"] == before["moved"] or after["zones"] == ["Europe/Rome"]


def test_the_data_of_this_machine_are_all_there() -> None:
    found = zone_data.sums(zone_data._mark())
    assert {"Europe/Paris", "Pacific/Noumea", "UTC"} <= set(found)
    assert found["Europe/Paris"] != found["Europe/Rome"]
