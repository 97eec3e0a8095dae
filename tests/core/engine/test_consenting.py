"""Yes and no from platforms: of two at once the no counts, an erased person's no stays, many take a few steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from core.contract import Configured, ConsentWord
from core.domain.events import Event, Kind
from core.domain.policy.consent import overtaken
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import consenting, erasing
from core.storage import installations, occasions, outbox, people
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


class Room(EngineRoom):
    def __init__(self, folder: Path, **given: Any) -> None:
        super().__init__(folder, **given)
        with self.suite.database.write(self.workspace) as tx:
            self.place = installations.add(tx, self.suite.vault, "crm", "CRM", Configured({}, {}), NOW, zone="UTC",
                                           country="FR", pulls=False)  # fmt: skip

    def hears(self, *words: ConsentWord) -> int:
        with self.suite.database.write(self.workspace) as tx:
            return consenting.take(tx, self.place, words, self.suite.now())

    def may_advertise(self, number: str = ANA) -> bool:
        with self.suite.database.read(self.workspace) as tx:
            known = people.standings(tx, self.workspace, [number])[0].get(number)
        return known is not None and known.marketing_consent and "marketing" not in known.opted_out


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    own = {"database_url": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    room = Room(tmp_path, **own)
    yield room
    room.suite.database.close()


def said(granted: bool, at: Any = NOW, number: str = ANA) -> ConsentWord:
    return ConsentWord(granted, at, number=number)


@pytest.mark.parametrize(
    ("granted", "heard", "old"),
    [
        (True, [], False),
        (True, [(EARLIER, False)], False),
        (True, [(NOW, False)], True),
        (True, [(NOW, True)], True),
        (True, [(LATER, True)], True),
        (False, [(NOW, True)], False),
        (False, [(NOW, False)], True),
        (False, [(NOW, True), (LATER, True)], True),
    ],
)
def test_the_newest_word_wins_and_of_two_at_once_the_no(granted: bool, heard: Sequence[Any], old: bool) -> None:
    assert overtaken(granted, NOW, heard) is old


@pytest.mark.parametrize("order", [(True, False), (False, True)])
@pytest.mark.parametrize("together", [True, False])
def test_a_yes_and_a_no_of_the_same_moment_are_a_no(room: Room, order: Sequence[bool], together: bool) -> None:
    """A platform that knows the day only says both with the same moment, in whatever order it keeps them."""
    words = [said(one) for one in order]
    for some in [words] if together else [[one] for one in words]:
        room.hears(*some)
    assert not room.may_advertise()
    assert room.hears(*words) == 0, "said again, it is no news"


def test_an_erased_persons_no_outweighs_the_yes_that_a_platform_still_holds(room: Room) -> None:
    room.hears(said(True, EARLIER))
    with room.suite.database.write(room.workspace) as tx:
        people.stop(tx, ANA, "marketing", "reply", {}, NOW - timedelta(minutes=90))
        people.stop(tx, ANA, "marketing", "reply", {}, NOW)
    erasing.erase(room.suite, room.workspace, Recipient.parse(ANA), who="usr")
    assert room.hears(said(True, EARLIER)) == 0
    assert not room.may_advertise()
    room.clock.forward(timedelta(hours=2))
    assert room.hears(said(True, LATER)) == 1
    assert room.may_advertise()


def test_whoever_says_yes_is_a_contact_from_then_on(room: Room) -> None:
    room.hears(said(True, EARLIER), said(False, EARLIER, "+33639980077"))
    with room.suite.database.read(room.workspace) as tx:
        assert people.contact_of(tx, ANA) is not None
        assert people.contact_of(tx, "+33639980077") is None


def test_many_words_plan_anew_once_for_all_of_them(room: Room) -> None:
    def asked_for(words: Sequence[ConsentWord]) -> int:
        asked: list[str] = []

        def counted(_: Any, __: Any, statement: str, *more: Any) -> None:
            asked.append(statement)

        event.listen(room.suite.database.engine, "before_cursor_execute", counted)
        room.hears(*words)
        event.remove(room.suite.database.engine, "before_cursor_execute", counted)
        return len([one for one in asked if "occasions" in one])

    one = asked_for([said(True, EARLIER, f"+336399{n:05}") for n in range(1)])
    many = asked_for([said(True, EARLIER, f"+336398{n:05}") for n in range(50)])
    assert many == one


def test_planning_anew_for_some_people_is_for_them_alone(room: Room) -> None:
    events = [Event(Kind.APPOINTMENT, f"visit/{number}", NOW, start=NOW + timedelta(days=1),
                    recipient=Recipient.parse(number)) for number in (ANA, BOB)]  # fmt: skip
    with room.suite.database.write(room.workspace) as tx:
        occasions.apply(tx, room.place, events, backlog=False, now=NOW)
        assert [one.key for one in occasions.open_ones(tx, NOW, recipients=[BOB])] == [f"visit/{BOB}"]
        assert occasions.open_ones(tx, NOW, recipients=[]) == []


@pytest.mark.postgres
@pytest.mark.parametrize("by", ["platform", "person"])
def test_who_says_no_while_somebody_plans_waits_for_their_turn(tmp_path: Path, postgres_database: str, by: str) -> None:
    """The planner holds the plan and wants the message; whoever said no would hold the message and want the plan."""
    room = Room(tmp_path, database_url=postgres_database)
    message = room.accept(due_at=LATER)
    database, trouble = room.suite.database, list[Exception]()

    def says_no() -> None:
        try:
            if by == "platform":
                with database.write(room.workspace) as tx:
                    consenting.take(tx, room.place, [ConsentWord(False, NOW, "all", ANA)], NOW)
            else:
                with database.write(room.workspace) as tx:
                    people.stop(tx, ANA, "all", "reply", {}, NOW)
                    consenting.call_off(tx, ANA, {"all"}, NOW)
                    consenting.replan_open(tx, NOW, {}, recipient=ANA)
        except Exception as error:
            trouble.append(error)

    waiting = text("SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                   "WHERE NOT l.granted AND d.datname = current_database()")  # fmt: skip
    with database.write(room.workspace) as planner:
        planner.alone(f"plan:{room.workspace}")
        other = threading.Thread(target=says_no)
        other.start()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(waiting).scalar():
                other.join(0.02)
        outbox.cancel(planner, message, Reason("by_person"), NOW)
    other.join(30)
    assert trouble == []
    assert room.state(message) == "cancelled"
    room.suite.database.close()
