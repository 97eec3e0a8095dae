"""What became of a message is told to the platform until it has heard it, and stands in the calendar in the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from core.contract import Adapter as Base
from core.contract import Configured, Installation, Manifest, PhoneReply, Report, Reports, SharedSecret
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Event, Kind
from core.domain.recipients import Recipient
from core.engine import applying, dispatch, feedback, reporting, simulation
from core.storage import installations, rules
from core.storage import tables as t
from tests.fakes.google import FakeGoogle, refused
from tests.gcal_reminders.practice import CABINET, DAY_BEFORE, Practice
from tests.support.engine_room import ANA, NOW, EngineRoom

ASKS = {"name": "Veille", "on": "appointment", "class": "transactional", "when": {"before": "PT24H"}, "asks": True,
        "body": "RDV {{ start }}. OUI ou NON ?"}  # fmt: skip


class Curious(Base, Reports):
    """Wants to know; answers by script."""

    manifest = Manifest(slug="diary", name="Diary", auth=(SharedSecret("x"),), kinds=frozenset({Kind.APPOINTMENT}))

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, str | None]] = []
        self.errors: deque[Exception] = deque()
        self.on = True

    def wants(self, installation: Installation) -> bool:
        return self.on

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        if self.errors:
            raise self.errors.popleft()
        self.heard.append((str(report.state) if report.state else None, report.answer))


class Place(EngineRoom):
    """One appointment in 24 hours, whose question has left."""

    def __init__(self, folder: Path) -> None:
        self.platform = Curious()
        super().__init__(folder, adapters={"diary": self.platform})
        start = NOW + timedelta(hours=24)
        visit = Event(Kind.APPOINTMENT, "visit", NOW, start=start, recipient=Recipient.parse(ANA), zone="Europe/Paris")
        with self.suite.database.write(self.workspace) as tx:
            self.installation = installations.add(tx, self.suite.vault, "diary", "Agenda", Configured({}, {}), NOW,
                                                  zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip
            installations.change(tx, self.installation, mode="live", live_since=NOW)
            rules.add(tx, {**ASKS, "installation": self.installation}, NOW)
            row = installations.get(tx, self.suite.vault, self.installation, "")
            assert row is not None
            applying.accept(tx, row, [visit], NOW)
        dispatch.run_due(self.suite)

    def says(self, text: str, reference: str) -> None:
        with self.suite.database.write(self.workspace) as tx:
            reply = PhoneReply(ANA, "38555", text, self.suite.now(), reference)
            feedback.take_reply(self.suite, tx, self.account, reply)

    def reports(self) -> list[tuple[str, int]]:
        with self.suite.database.read(self.workspace) as tx:
            rows = tx.connection.execute(t.reports.select().order_by(t.reports.c.id))
            return [(row.state, row.tries) for row in rows]

    def tells(self, **by: float) -> int:
        self.clock.forward(timedelta(**by))
        return reporting.run_due(self.suite)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_an_answer_is_told_once(place: Place) -> None:
    place.says("oui", "r1")
    assert place.tells() == 1
    assert place.tells(hours=1) == 0
    assert place.platform.heard == [(None, "confirmed")]
    assert place.reports() == [("told", 1)]


def test_a_platform_that_is_away_is_told_later_and_less_and_less_often(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.errors += [NotNow("platform_away", timedelta(seconds=1))] * 4
    moments = []
    for second in range(900):
        if place.tells(seconds=1):
            moments.append(second)
    waits = [then - now for now, then in pairwise(moments)]
    assert waits == [30, 60, 120, 240]
    assert place.platform.heard == [(None, "confirmed")]


def test_it_is_never_asked_sooner_than_it_said(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.errors.append(NotNow("platform_away", timedelta(hours=1)))
    place.tells()
    assert place.tells(minutes=59) == 0
    assert place.tells(minutes=1) == 1
    assert len(place.platform.heard) == 1


def test_what_it_will_never_take_is_not_tried_again_and_kept_with_the_reason(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.errors.append(BadInput("event_gone"))
    place.tells()
    assert place.tells(days=2) == 0
    assert place.reports() == [("failed", 1)]


def test_a_lost_grant_keeps_the_report_until_a_person_has_connected_again(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.errors += [NeedsReconnect("grant_gone")] * 3
    for _ in range(3):
        place.tells(minutes=15)
    assert place.platform.heard == []
    place.tells(minutes=15)
    assert place.platform.heard == [(None, "confirmed")]


def test_a_bug_of_one_report_is_not_the_end_of_it(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.errors.append(KeyError("a bug"))
    place.tells()
    assert place.reports() == [("waiting", 1)]
    place.tells(minutes=15)
    assert place.platform.heard == [(None, "confirmed")]


def test_who_changed_their_mind_before_the_platform_heard_is_told_of_once(place: Place) -> None:
    place.platform.errors.append(NotNow("platform_away", timedelta(minutes=5)))
    place.says("oui", "r1")
    place.tells()
    place.says("non", "r2")
    place.tells(minutes=10)
    place.tells(minutes=10)
    assert place.platform.heard == [(None, "declined")]


def test_it_is_given_up_in_the_end(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.errors += [NotNow("platform_away", timedelta(hours=3))] * 100
    tried = sum(place.tells(hours=4) for _ in range(100))
    assert tried == reporting.MOST_TRIES + 1
    assert place.reports()[0][0] == "failed"


def test_switched_off_meanwhile_means_nothing_is_told(place: Place) -> None:
    place.says("oui", "r1")
    place.platform.on = False
    place.tells()
    assert (place.platform.heard, place.reports()) == ([], [("failed", 1)])


# ---------------------------------------------------------------------------------------------- on Google's side


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.calendar(CABINET, "Cabinet")
        yield fake
    assert fake.violations == []


def test_the_answer_reaches_the_calendar_through_a_bad_hour_and_a_new_answer_replaces_it(google, tmp_path):
    practice = Practice(tmp_path, google.urls, rule={**DAY_BEFORE, "asks": True, "sender": "38555"})
    practice.with_google(write_back={"title": True})
    visit = google.add(CABINET, "Mme Roux 06 39 98 00 01", "2026-12-01T09:00:00+01:00")
    practice.pull()
    practice.clock.moment = datetime.fromisoformat("2026-11-30T18:00:30+01:00").astimezone(UTC)
    practice.settle()
    practice.clock.forward(timedelta(seconds=30))
    practice.settle()

    def says(text: str) -> None:
        simulation.answer(practice.suite, practice.workspace, "+33639980001", text)
        google.fail(refused(503, "backendError"), refused(403, "rateLimitExceeded"))
        for _ in range(20):
            practice.clock.forward(timedelta(minutes=1))
            practice.settle()

    says("oui")
    assert google.events[CABINET][visit]["summary"] == "✓ Mme Roux 06 39 98 00 01"
    says("non")
    assert google.events[CABINET][visit]["summary"].endswith("Mme Roux 06 39 98 00 01")
    assert not google.events[CABINET][visit]["summary"].startswith("✓")
    practice.pull()
    assert practice.occasions[visit].answer == "declined", "our own mark is no news"
