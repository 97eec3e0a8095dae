"""Reports when there are many of them, when platforms are away or have parted, and when several tell at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from core.contract import Adapter, Configured, Installation, KeepsConsent, Manifest, Report, ReportsInBatches
from core.contract import SharedSecret as Secret
from core.domain.errors import NeedsReconnect, NotFound, NotNow
from core.domain.events import Event, Kind
from core.domain.messages import State
from core.domain.recipients import Recipient
from core.engine import installing, parting, reporting
from core.runners.embedded import Embedded
from core.storage import feedback, house, installations, occasions, outbox, people
from core.storage import tables as t
from tests.support.engine_room import ANA, NOW, EngineRoom


class _Platform(Adapter):
    def __init__(self, slug: str) -> None:
        self.manifest = Manifest(slug, slug.capitalize(), (Secret("x"),), frozenset({Kind.REQUEST}))
        self.heard: list[Report] = []
        self.troubles: deque[Exception | None] = deque()
        self.calls = 0
        self.on = True

    def wants(self, installation: Installation) -> bool:
        return self.on

    def _trouble(self) -> None:
        self.calls += 1
        if self.troubles and (trouble := self.troubles.popleft()) is not None:
            raise trouble


class Single(_Platform, KeepsConsent):
    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        self._trouble()
        self.heard.append(report)


class Many(_Platform, ReportsInBatches):
    report_size = 10

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        raise AssertionError("told in batches")

    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        self._trouble()
        self.heard += reports
        return [None] * len(reports)


class Town(EngineRoom):
    """Two platforms, one that is told one by one and keeps people's consent, one that takes batches."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.single, self.many = Single("single"), Many("many")
        super().__init__(folder, adapters={"single": self.single, "many": self.many}, **given)
        self.places = {slug: self.place(slug) for slug in ("single", "many")}

    def place(self, slug: str) -> str:
        with self.suite.database.write(self.workspace) as tx:
            one = installations.add(tx, self.suite.vault, slug, slug, Configured({}, {}), NOW, zone="UTC", country="FR",
                                    pulls=False)  # fmt: skip
            installations.change(tx, one, mode="live", live_since=NOW)
        return one

    def occasion(self, slug: str, key: str = "run", to: str = ANA) -> str:
        said = Event(Kind.REQUEST, key, NOW, recipient=Recipient.parse(to), subject=f"person/{to[-4:]}")
        with self.suite.database.write(self.workspace) as tx:
            [one] = occasions.apply(tx, self.places[slug], [said], backlog=False, now=NOW)
        return one.id

    def message_for(self, slug: str, key: str = "run") -> str:
        return self.accept(installation=self.places[slug], occasion=self.occasion(slug, key), tells=True)

    def reports_waiting(self, slug: str, number: int) -> None:
        occasion = self.occasion(slug, f"run at {self.suite.now()}")
        row = {"workspace": self.workspace, "installation": self.places[slug], "occasion": occasion, "message": None}
        said = {**row, "kind": "text", "content": {"text": "oui", "at": NOW.isoformat()}}
        with self.suite.database.write(self.workspace) as tx:
            feedback.queue_reports(tx, [said] * number, self.suite.now())

    def becomes(self, message: str, state: State) -> None:
        with self.suite.database.write(self.workspace) as tx:
            m = t.messages
            tx.connection.execute(m.update().where(m.c.id == message).values(state=str(state)))

    def rows(self) -> list[Mapping[str, Any]]:
        with self.suite.database.read(self.workspace) as tx:
            return tx.rows(t.reports.select().order_by(t.reports.c.id))

    def tells(self, **by: float) -> int:
        self.clock.forward(timedelta(**by))
        return reporting.run_due(self.suite)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    own = {"database_url": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    town = Town(tmp_path, **own)
    yield town
    town.suite.database.close()


def test_a_platform_that_is_away_is_asked_once_in_a_turn_however_much_waits(town: Town) -> None:
    town.reports_waiting("many", 1200)
    town.many.troubles.extend([NotNow("away", timedelta(minutes=1))] * 100)
    town.tells()
    assert town.many.calls == 1, "the second call would only wait for the same silence"
    town.many.troubles.clear()
    assert town.tells(seconds=50) == 0
    while town.tells(minutes=1):
        pass
    assert len(town.many.heard) == 1200
    assert {row["state"] for row in town.rows()} == {"told"}


def test_a_platform_that_is_away_does_not_hold_the_reports_of_the_others(town: Town) -> None:
    town.reports_waiting("single", 40)
    town.reports_waiting("many", 1)
    town.single.troubles.extend([NotNow("away", timedelta(minutes=1))] * 100)
    town.tells()
    assert town.single.calls == reporting.MOST_FAILURES
    assert len(town.many.heard) == 1
    town.single.troubles.clear()
    while town.tells(minutes=2):
        pass
    assert len(town.single.heard) == 40


def test_one_report_that_is_always_put_off_does_not_stop_those_behind_it(town: Town) -> None:
    town.reports_waiting("single", 5)
    town.single.troubles.append(NotNow("record_locked", timedelta(hours=1)))
    town.tells()
    assert len(town.single.heard) == 4


def test_what_was_told_before_a_token_died_is_not_told_again(town: Town) -> None:
    """The platform takes a first call and refuses the second one for its token: the rest waits, and only the rest."""
    town.reports_waiting("many", 25)
    town.many.troubles.extend([None, NeedsReconnect("token_refused")])
    town.tells()
    assert len(town.many.heard) == 10
    while town.tells(minutes=15):
        pass
    assert len(town.many.heard) == 25


def test_switched_off_meanwhile_means_nothing_is_told_in_batches_either(town: Town) -> None:
    town.reports_waiting("many", 3)
    town.many.on = False
    town.tells()
    assert town.many.calls == 0
    assert [(row["state"], row["trouble"]["code"]) for row in town.rows()] == [("failed", "reporting_switched_off")] * 3


def test_a_state_that_waited_does_not_come_after_a_later_one(town: Town) -> None:
    for slug, platform in (("single", town.single), ("many", town.many)):
        message = town.message_for(slug)
        town.becomes(message, State.SENT)
        platform.troubles.append(NotNow("away", timedelta(minutes=5)))
        town.tells()
        assert platform.heard == []
        town.becomes(message, State.DELIVERED)
        town.tells(seconds=10)
        town.tells(minutes=10)
        assert [one.state for one in platform.heard] == [State.DELIVERED]


def test_who_connects_again_after_a_weekend_finds_that_nothing_was_forgotten(town: Town) -> None:
    town.reports_waiting("single", 5)
    town.reports_waiting("many", 5)
    for place in town.places.values():
        with town.suite.database.write(town.workspace) as tx:
            installations.change(tx, place, state="reconnect")
    tried = sum(town.tells(minutes=15) for _ in range(reporting.MOST_TRIES + 5))
    assert tried
    assert (town.single.calls, town.many.calls) == (0, 0)
    for place in town.places.values():
        with town.suite.database.write(town.workspace) as tx:
            installations.change(tx, place, state="connected")
    while town.tells(minutes=15):
        pass
    assert (len(town.single.heard), len(town.many.heard)) == (5, 5)


@pytest.mark.parametrize("slug", ["single", "many"])
def test_a_connection_that_has_ended_is_told_nothing_and_forgotten(town: Town, slug: str) -> None:
    town.reports_waiting(slug, 2)
    with town.suite.database.write(town.workspace) as tx:
        # Taken by somebody who is about to tell, when the person disconnects.
        taken = feedback.take_reports(tx, NOW, timedelta(minutes=2))
    parting.disconnect(town.suite, town.workspace, town.places[slug], who="person")
    with town.suite.database.write(town.workspace) as tx:
        feedback.reports_done(tx, [row["id"] for row in taken], "waiting", due_at=NOW)
    assert {row["state"] for row in town.rows()} == {"failed"}
    town.clock.forward(timedelta(minutes=1))
    town.reports_waiting(slug, 1)
    town.tells()
    assert town.rows()[-1]["state"] == "failed", "not tried for hours"
    assert (town.single.calls, town.many.calls) == (0, 0)


def test_an_import_of_consents_is_read_in_a_few_questions_and_keeps_nobody_waiting(town: Town) -> None:
    numbers = [f"+336399{n:05}" for n in range(reporting.MOST_GATHERED)]
    said = {"workspace": town.workspace, "scope": "marketing", "state": "in", "at": NOW, "source": "csv", "proof": {}}
    with town.suite.database.write(town.workspace) as tx:
        rows = [{**said, "id": f"cst_{number}", "number": number} for number in numbers]
        tx.connection.execute(t.consents.insert(), rows)
    town.occasion("single", to=numbers[7])
    message = town.message_for("single", "later")
    asked: list[str] = []

    def counted(_: Any, __: Any, statement: str, *more: Any) -> None:
        asked.append(statement)

    event.listen(town.suite.database.engine, "before_cursor_execute", counted)
    assert reporting._gathered(town.suite) == reporting.MOST_GATHERED
    event.remove(town.suite.database.engine, "before_cursor_execute", counted)
    assert len(asked) < 30, "not one for each person"
    words = [row["content"] for row in town.rows() if row["kind"] == "consent"]
    assert len(words) == len(numbers)
    assert [one["subject"] for one in words if one["subject"]] == [f"person/{numbers[7][-4:]}"]
    town.becomes(message, State.SENT)
    town.tells(seconds=1)
    assert any(one.kind == "state" for one in town.single.heard), "the answer does not wait for the import"


@pytest.mark.postgres
def test_two_who_gather_at_once_tell_once(tmp_path: Path, postgres_database: str) -> None:
    town = Town(tmp_path, database_url=postgres_database)
    message = town.message_for("many")
    with town.suite.database.write(town.workspace) as tx:
        people.stop(tx, ANA, "marketing", "reply", {}, NOW)
    town.becomes(message, State.SENT)
    with town.suite.database.write() as first:
        assert len(outbox.untold(first, 10)) == 1
        assert len(people.untold(first, 10)) == 1
        with town.suite.database.write() as second:
            assert (outbox.untold(second, 10), people.untold(second, 10)) == ([], [])
    town.suite.database.close()


def test_a_token_that_was_wiped_is_no_reason_to_ask_a_person(town: Town) -> None:
    """What runs while somebody disconnects finds out that there is nothing to talk to any more."""
    parting.disconnect(town.suite, town.workspace, town.places["many"], who="person")
    with pytest.raises(NotFound):
        installing.with_token(town.suite, town.workspace, town.places["many"], lambda row: row)


def test_a_process_that_is_about_to_end_begins_no_more_calls(town: Town) -> None:
    town.reports_waiting("single", 5)
    town.reports_waiting("many", 15)
    reporting.run_due(town.suite, over=lambda: town.single.calls + town.many.calls > 0)
    assert town.single.calls + town.many.calls <= 2, "the one call in batches that was begun"
    while town.tells():
        pass
    assert (len(town.single.heard), len(town.many.heard)) == (5, 15)


def test_a_platform_that_listens_slowly_does_not_make_the_engine_look_dead(tmp_path: Path) -> None:
    town, begun, goes_on = Town(tmp_path), threading.Event(), threading.Event()
    town.reports_waiting("single", 1)

    def slowly(*_: object) -> None:
        begun.set()
        assert goes_on.wait(60)

    town.single.report = slowly  # type: ignore[method-assign, assignment]
    runner = Embedded(town.suite)
    runner.start()
    try:
        assert begun.wait(60)
        with town.suite.database.write() as tx:
            tx.connection.execute(t.house.delete().where(t.house.c.name == "ticked"))
        ends = time.monotonic() + 60
        while True:
            with town.suite.database.read() as tx:
                if house.moment(tx, "ticked") is not None:
                    break
            assert time.monotonic() < ends
            begun.clear()
            begun.wait(0.1)
    finally:
        goes_on.set()
        runner.stop()
