"""Whoever takes a free time is entered into Google's calendar, once, and what they gave up is taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.contract import Booking
from core.domain.errors import BadInput
from gcal_reminders import GoogleCalendar
from tests.fakes.google import SCOPE, FakeGoogle
from tests.gcal_reminders.practice import CABINET, NOW, installation, tools

BOOKING = Booking(
    "wls_1", NOW + timedelta(days=1), NOW + timedelta(days=1, minutes=30), "Europe/Paris", "Mme Roux", "+33639980021",
)  # fmt: skip


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.calendar(CABINET, "Cabinet Lyon")
        yield fake
    assert fake.violations == []


def connected(**config: Any) -> Any:
    return installation(config={"calendars": [CABINET], **config})


def adapter(google: FakeGoogle) -> GoogleCalendar:
    return GoogleCalendar(tools(google.urls))


def test_however_often_it_is_entered_it_is_one_event(google: FakeGoogle) -> None:
    keys = {adapter(google).enter(connected(), BOOKING, NOW) for _ in range(3)}

    [key] = keys
    [event] = google.events[CABINET].values()
    assert key == f"{CABINET}/{event['id']}"
    assert (event["summary"], event["description"]) == ("Mme Roux", "+33639980021")


@pytest.mark.parametrize(
    ("place", "where"),
    [("anywhere", "description"), ("title", "summary"), ("location", "location"), ("line:3", "description")],
)
def test_the_number_stands_where_the_clinic_keeps_numbers(google: FakeGoogle, place: str, where: str) -> None:
    adapter(google).enter(connected(place=place), BOOKING, NOW)

    [event] = google.events[CABINET].values()
    assert BOOKING.number in event[where]
    if place == "line:3":
        assert event["description"].split("\n")[2] == BOOKING.number


def test_it_stands_in_the_calendar_of_the_appointment_whose_place_it_takes(google: FakeGoogle) -> None:
    google.calendar("petit@example.org", "Dr Petit")
    adapter(google).enter(connected(), replace(BOOKING, beside={"calendar_id": "petit@example.org"}), NOW)
    assert (len(google.events[CABINET]), len(google.events["petit@example.org"])) == (0, 1)


def test_what_people_deleted_since_is_not_put_there_again(google: FakeGoogle) -> None:
    key = adapter(google).enter(connected(), BOOKING, NOW)
    google.delete(CABINET, key.rpartition("/")[2])

    with pytest.raises(BadInput) as error:
        adapter(google).enter(connected(), BOOKING, NOW)
    assert error.value.reason.code == "appointment_gone"


def test_an_appointment_is_taken_out_and_one_that_is_gone_is_no_mistake(google: FakeGoogle) -> None:
    visit = google.add(CABINET, "Mme Roux", "2026-12-01T09:00:00+01:00")
    for _ in range(2):
        adapter(google).call_off(connected(), f"{CABINET}/{visit}", NOW)
    assert google.events[CABINET][visit]["status"] == "cancelled"


def test_without_the_right_to_write_nothing_is_asked_of_google(google: FakeGoogle) -> None:
    readers = connected(scopes=[SCOPE + "calendar.events.readonly"])
    assert not adapter(google).may_enter(readers)
    with pytest.raises(BadInput) as error:
        adapter(google).enter(readers, BOOKING, NOW)
    assert (error.value.reason.code, google.asked) == ("write_scope_missing", [])


def test_a_calendar_by_its_ical_address_is_not_written(google: FakeGoogle) -> None:
    by_address = installation(config={}, secrets={"ical_url": "https://calendar.example/basic.ics"})
    assert not adapter(google).may_enter(by_address)
    with pytest.raises(BadInput):
        adapter(google).call_off(by_address, "uid", NOW)
