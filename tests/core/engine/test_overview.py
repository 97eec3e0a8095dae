"""The day at a glance: figures that add up, appointments as a secretary speaks of them, and what to look at first."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.domain.events import Closed
from core.domain.reasons import Reason
from core.engine import overview, simulation
from core.engine.overview import Told
from core.storage import installations
from tests.support.clinic import ANA, BOB, CHLOE, Clinic

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def day(clinic: Clinic) -> overview.Day:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return overview.of_today(clinic.suite, tx)


def told(clinic: Clinic) -> dict[str, Told]:
    today = day(clinic)
    return {one.occasion.key: one.told for one in today.today + today.tomorrow}


def test_each_figure_counts_the_messages_of_today_and_of_no_other_day(clinic):
    clinic.write("tuesday", "2026-12-01T10:00:00+01:00")
    clinic.write("wednesday", "2026-12-02T10:00:00+01:00", number=BOB)
    assert day(clinic).counts["planned"] == 1
    clinic.at("2026-11-30T18:00:00+01:00")
    counts = day(clinic).counts
    assert (counts["planned"], counts["sent"] + counts["delivered"]) == (0, 1)


def test_the_hours_add_up_to_the_figures_and_say_which_are_forbidden(clinic):
    clinic.write("tuesday", "2026-12-01T10:00:00+01:00")
    today = day(clinic)
    assert [hour.start.astimezone(PARIS).hour for hour in today.hours] == list(range(24))
    assert today.hours[18].counts == {"planned": 1}
    assert today.hours[3].closed
    assert not today.hours[10].closed


@pytest.mark.parametrize(
    ("when", "hours"), [(date(2026, 10, 25), 25), (date(2027, 3, 28), 23), (date(2026, 12, 1), 24)]
)
def test_a_day_is_as_long_as_its_clocks_say(when, hours):
    start, end = overview.bounds(when, PARIS)
    assert end - start == timedelta(hours=hours)


def test_appointments_are_told_in_a_secretary_s_words(clinic):
    clinic.write("none", "2026-12-01T09:00:00+01:00", number=None, trouble=Reason("no_number"))
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    clinic.write("bob", "2026-12-01T11:00:00+01:00", number=BOB)
    clinic.write("chloe", "2026-12-01T12:00:00+01:00", number=CHLOE)
    clinic.write("gone", "2026-12-01T13:00:00+01:00", number="+33639980010", closed=Closed.CANCELLED)
    assert told(clinic) == {
        "none": Told.NO_NUMBER, "ana": Told.PLANNED, "bob": Told.PLANNED, "chloe": Told.PLANNED, "gone": Told.CLOSED,
    }  # fmt: skip
    clinic.at("2026-11-30T18:00:00+01:00")
    simulation.answer(clinic.suite, clinic.workspace, ANA, "OUI")
    simulation.answer(clinic.suite, clinic.workspace, BOB, "NON")
    said = told(clinic)
    assert (said["ana"], said["bob"], said["chloe"]) == (Told.CONFIRMED, Told.DECLINED, Told.UNANSWERED)


def test_a_reminder_of_the_old_time_is_no_reminder_of_the_new_one(clinic):
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    clinic.at("2026-11-30T18:00:00+01:00")
    clinic.clock.forward(timedelta(minutes=5))
    clinic.write("ana", "2026-12-01T16:00:00+01:00")
    today = day(clinic)
    assert told(clinic)["ana"] is Told.NOTHING
    assert [point.code for point in today.points][:1] == ["old_time"]
    assert "16h00" in today.points[0].text


def test_what_to_look_at_names_each_trouble_once_the_most_urgent_first(clinic):
    clinic.write("none", "2026-12-02T09:00:00+01:00", number=None, trouble=Reason("no_number"))
    clinic.write("two", "2026-12-02T10:00:00+01:00", number=None, trouble=Reason("two_numbers"), candidates=(ANA, BOB))
    clinic.write("maybe", "2026-12-01T10:00:00+01:00", number="+33639980006")
    clinic.write("chloe", "2026-12-01T12:00:00+01:00", number=CHLOE)
    clinic.at("2026-11-30T18:00:00+01:00")
    simulation.answer(clinic.suite, clinic.workspace, CHLOE, "Je serai en retard")
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.in_trouble(tx, clinic.installation, Reason("grant_gone"), state="reconnect")
    codes = [point.code for point in day(clinic).points]
    assert codes[0] == "connection"
    assert codes[-3:] == ["conversations", "which_number", "no_number"]


def test_a_house_without_connections_is_empty(tmp_path):
    clinic = Clinic(tmp_path)
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.change(tx, clinic.installation, state="disconnected")
    assert day(clinic).empty


def test_another_workspace_sees_nothing_of_it(clinic):
    clinic.write("tuesday", "2026-12-01T10:00:00+01:00")
    with clinic.suite.database.read("wsp_other") as tx:
        other = overview.of_today(clinic.suite, tx)
    assert (sum(other.counts.values()), other.today + other.tomorrow, other.points) == (0, (), ())


def test_moments_are_those_of_the_clock_that_was_given(clinic):
    assert day(clinic).day == datetime(2026, 11, 30).date()
