"""Any iCal text gives its occurrences, and says what it could not read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Unreadable
from gcal_reminders import ical
from gcal_reminders.ical import Calendar, read

FILES = Path(__file__).parents[1] / "data" / "calendars"
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def reading(text: bytes | str, *, zone: str = "Europe/Paris", start: datetime = START, end: datetime = END) -> Calendar:
    return read(text, zone=zone, start=start, end=end)


def a_calendar(*events: str, head: str = "") -> str:
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\n{head}{body}END:VCALENDAR\n"


def starts(calendar: Calendar) -> list[str]:
    return [f"{appointment.local_start:%m-%d %H:%M}" for appointment in calendar.appointments]


def told(calendar: Calendar) -> list[tuple[str, str, str]]:
    return [(f"{one.local_start:%Y-%m-%d %H:%M%z}", one.title, one.status) for one in calendar.appointments]


def codes(calendar: Calendar) -> list[str]:
    return [problem.why.code for problem in calendar.problems]


def test_googles_export():
    calendar = reading((FILES / "google_export.ics").read_bytes())

    assert (calendar.name, calendar.zone, calendar.problems) == ("Cabinet Lyon", "Europe/Paris", ())
    assert told(calendar) == [
        ("2026-10-05 09:00+0200", "M. Jean Dupont - kiné", "confirmed"),
        ("2026-10-19 09:00+0200", "M. Jean Dupont - kiné", "confirmed"),
        ("2026-10-26 09:00+0100", "Mme Roux", "confirmed"),
        ("2026-10-26 09:00+0100", "M. Jean Dupont - kiné", "confirmed"),
        ("2026-11-03 14:00+0100", "M. Jean Dupont - kiné (déplacé)", "confirmed"),
        ("2026-11-09 09:00+0100", "M. Jean Dupont - kiné", "cancelled"),
        ("2026-11-11 00:00+0100", "Cabinet fermé", "confirmed"),
        ("2026-11-16 09:00+0100", "M. Jean Dupont - kiné", "confirmed"),
        ("2026-11-23 09:00+0100", "M. Jean Dupont - kiné", "confirmed"),
        ("2026-11-30 09:00+0100", "M. Jean Dupont - kiné", "confirmed"),
    ]
    roux = next(one for one in calendar.appointments if one.title == "Mme Roux")
    assert roux.key == "single@calendar.example"
    assert roux.description == "Tél. 06 39 98 00 01\npremière visite, apporter l'ordonnance"
    assert roux.location == "12 rue de la République, Lyon"
    moved = next(one for one in calendar.appointments if "déplacé" in one.title)
    assert moved.key == "weekly@calendar.example/2026-11-02T09:00:00+01:00"
    first = calendar.appointments[0]
    assert [(guest.name, guest.response, guest.resource) for guest in first.guests] == [
        ("Jean Dupont", "accepted", False), ("Salle 2, premier étage", "accepted", True)]
    assert "meet.google.com" in first.conference_text
    closed = next(one for one in calendar.appointments if one.all_day)
    assert (closed.day, closed.transparent, closed.end - closed.start) == (date(2026, 11, 11), True, timedelta(days=1))


def test_outlooks_export_with_windows_zones_and_one_of_its_own():
    calendar = reading((FILES / "outlook_export.ics").read_bytes())

    assert calendar.problems == ()
    assert told(calendar) == [
        ("2026-10-19 10:30+0200", "RDV Dupont Marie", "confirmed"),
        ("2026-10-20 00:00+0200", "Formation", "confirmed"),
        ("2026-10-26 10:30+0100", "RDV Dupont Marie", "confirmed"),
        ("2026-10-28 09:00-0400", "Ms Smith", "confirmed"),
        ("2026-11-02 10:30+0100", "RDV Dupont Marie", "confirmed"),
    ]
    formation = calendar.appointments[1]
    assert (formation.all_day, formation.day, formation.event_type) == (True, date(2026, 10, 20), "outOfOffice")
    assert formation.end - formation.start == timedelta(days=2)
    assert calendar.appointments[0].zone == "Europe/Paris"


def test_apples_export_with_this_and_future_floating_times_and_listed_dates():
    calendar = reading((FILES / "apple_export.ics").read_bytes(), zone="Europe/Rome")

    assert calendar.problems == ()
    assert told(calendar) == [
        ("2027-03-22 14:30+0100", "Maria Bianchi – igiene", "confirmed"),
        ("2027-03-28 10:00+0200", "Frau Müller", "confirmed"),
        ("2027-03-29 16:00+0200", "Maria Bianchi – igiene", "confirmed"),
        ("2027-03-30 08:00+0200", "Sig.ra Rossi", "confirmed"),
        ("2027-04-01 08:00+0200", "Sig.ra Rossi", "confirmed"),
        ("2027-04-02 11:00+0200", "Sig.ra Rossi", "confirmed"),
        ("2027-04-05 16:00+0200", "Maria Bianchi – igiene", "confirmed"),
    ]
    assert calendar.appointments[-1].recurrence_id == "2027-04-05T14:30:00+02:00"
    muller = calendar.appointments[1]
    assert muller.end - muller.start == timedelta(minutes=45)


def test_every_fault_at_once_loses_nothing_that_can_be_read():
    calendar = reading((FILES / "torture.ics").read_bytes())

    assert [(f"{one.start.astimezone(PARIS):%H:%M}", one.title, one.status) for one in calendar.appointments] == [
        ("09:00", "Mme Bénard", "confirmed"),
        ("10:00", "Mme Bénard", "confirmed"),
        ("11:00", "Bombe", "confirmed"),
        ("12:00", "Zéro", "confirmed"),
        ("13:00", "Jamais", "confirmed"),
        ("14:00", "M. Mozilla", "confirmed"),
        ("15:00", "M. Atlante", "confirmed"),
        ("16:00", "Version 2", "confirmed"),
        ("18:00", "Sans UID", "confirmed"),
        ("19:00", "À rebours", "confirmed"),
        ("19:30", "Orpheline", "confirmed"),
        ("20:00", "", "cancelled"),
        ("21:30", "Après", "confirmed"),
    ]
    assert sorted(codes(calendar)) == ["calendar_zone_unknown", "event_unfinished", "event_unreadable",
                                       "event_without_start", "repeats_too_often", "rule_unreadable"]
    assert all("…" not in problem.why.sentence(language) for problem in calendar.problems for language in ("fr", "en"))
    assert all(problem.where.startswith("line ") for problem in calendar.problems)


@pytest.mark.parametrize("name", ["google_export", "outlook_export", "apple_export"])
def test_another_reader_finds_the_same_instants(name: str):
    raw = (FILES / f"{name}.ics").read_bytes()
    timed = {one.start for one in reading(raw, zone="Europe/Rome").appointments
             if not one.all_day and one.status != "cancelled"}

    theirs = {
        (event.start if event.start.tzinfo else event.start.replace(tzinfo=ZoneInfo("Europe/Rome"))).astimezone(UTC)
        for event in recurring_ical_events.of(icalendar.Calendar.from_ical(raw)).between(START, END)
        if isinstance(event.start, datetime) and event.get("STATUS") != "CANCELLED"
        and "X-MICROSOFT-CDO-ALLDAYEVENT" not in event
    }
    assert timed == theirs


def test_nine_stays_nine_across_both_clock_changes():
    calendar = reading(a_calendar("UID:w\nDTSTART;TZID=Europe/Paris:20261018T090000\nRRULE:FREQ=WEEKLY"))

    assert {one.local_start.time().isoformat() for one in calendar.appointments} == {"09:00:00"}
    utc = {f"{one.start:%m-%d}": one.start.hour for one in calendar.appointments}
    assert (utc["10-18"], utc["10-25"], utc["03-21"], utc["03-28"]) == (7, 8, 8, 7)


def test_a_duration_keeps_its_wall_time_over_the_night_of_the_change():
    calendar = reading(a_calendar(
        "UID:n\nDTSTART;TZID=Europe/Paris:20261024T220000\nDTEND;TZID=Europe/Paris:20261025T070000"))

    assert calendar.appointments[0].end == datetime(2026, 10, 25, 6, tzinfo=UTC)


def test_an_hour_that_does_not_exist_is_read_as_before_the_change():
    calendar = reading(a_calendar("UID:h\nDTSTART;TZID=Europe/Paris:20270328T023000"))

    assert calendar.appointments[0].start == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_a_utc_rule_stays_in_utc_and_is_shown_at_home():
    calendar = reading(a_calendar("UID:z\nDTSTART:20261019T070000Z\nRRULE:FREQ=WEEKLY;COUNT=2"))

    assert starts(calendar) == ["10-19 09:00", "10-26 08:00"]


@pytest.mark.parametrize(("rule", "expected"), [
    ("FREQ=DAILY;COUNT=3", ["12-01 09:00", "12-02 09:00", "12-03 09:00"]),
    ("FREQ=DAILY;UNTIL=20261203T075959Z", ["12-01 09:00", "12-02 09:00"]),
    ("FREQ=DAILY;UNTIL=20261203T080000Z", ["12-01 09:00", "12-02 09:00", "12-03 09:00"]),
    ("FREQ=DAILY;UNTIL=20261203", ["12-01 09:00", "12-02 09:00", "12-03 09:00"]),
    ("FREQ=WEEKLY;BYDAY=TU,TH;COUNT=3", ["12-01 09:00", "12-03 09:00", "12-08 09:00"]),
    ("FREQ=MONTHLY;BYDAY=1TU;COUNT=2", ["12-01 09:00", "01-05 09:00"]),
    ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2", ["12-01 09:00", "12-31 09:00", "01-31 09:00"]),
    ("FREQ=HOURLY;COUNT=2", ["12-01 09:00", "12-01 10:00"]),
])
def test_rules(rule: str, expected: list[str]):
    assert starts(reading(a_calendar(f"UID:r\nDTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:{rule}"))) == expected


@pytest.mark.parametrize("line", [
    "EXDATE;TZID=Europe/Paris:20261202T090000", "EXDATE:20261202T080000Z", "EXDATE;VALUE=DATE:20261202",
    "EXDATE;TZID=Romance Standard Time:20261202T090000",
])
def test_an_excluded_date_in_any_writing(line: str):
    series = "UID:e\nDTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:FREQ=DAILY;COUNT=3"
    calendar = reading(a_calendar(f"{series}\n{line}"))

    assert starts(calendar) == ["12-01 09:00", "12-03 09:00"]


def test_a_series_that_began_long_ago():
    calendar = reading(a_calendar("UID:o\nDTSTART;TZID=Europe/Paris:19990104T090000\nRRULE:FREQ=WEEKLY"),
                       start=datetime(2026, 12, 1, tzinfo=UTC), end=datetime(2026, 12, 15, tzinfo=UTC))

    assert starts(calendar) == ["12-07 09:00", "12-14 09:00"]


def test_a_broken_exception_silences_its_occurrence_rather_than_keeping_the_old_time():
    calendar = reading(a_calendar(
        "UID:b\nDTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:FREQ=DAILY;COUNT=2",
        "UID:b\nRECURRENCE-ID;TZID=Europe/Paris:20261202T090000\nDTSTART:rubbish"))

    assert starts(calendar) == ["12-01 09:00"]
    assert codes(calendar) == ["event_unreadable"]


def test_the_window_takes_what_overlaps_it():
    event = "UID:w\nDTSTART:20261201T090000Z\nDTEND:20261201T100000Z"
    nine, ten = datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2026, 12, 1, 10, tzinfo=UTC)

    assert starts(reading(a_calendar(event), start=nine + timedelta(minutes=30), end=ten))
    assert not starts(reading(a_calendar(event), start=ten, end=ten + timedelta(hours=1)))
    assert not starts(reading(a_calendar(event), start=nine - timedelta(hours=1), end=nine))


def test_floating_times_are_where_the_calendar_says_unless_it_says_utc():
    event = "UID:f\nDTSTART:20261201T090000"

    rome = reading(a_calendar(event, head="X-WR-TIMEZONE:America/New_York\n"))
    utc = reading(a_calendar(event, head="X-WR-TIMEZONE:UTC\n"))

    assert (rome.zone, rome.appointments[0].start.hour) == ("America/New_York", 14)
    assert (utc.zone, utc.appointments[0].start.hour) == ("Europe/Paris", 8)


def test_a_property_for_the_phone():
    calendar = reading(a_calendar("UID:p\nDTSTART:20261201T090000Z\nX-RELANCE-PHONE:06 39 98 00 01"))

    assert calendar.appointments[0].private == {"relancePhone": "06 39 98 00 01"}


@pytest.mark.parametrize(("text", "code"), [
    (b"", "not_a_calendar"), (b"<html>Sign in</html>", "not_a_calendar"), (b"BEGIN:VCARD\nEND:VCARD", "not_a_calendar"),
    (b"x" * (ical.MAX_BYTES + 1), "calendar_too_large"),
    ("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nEND:VEVENT\n" * (ical.MAX_EVENTS + 1), "calendar_too_many_events"),
])
def test_what_is_no_calendar_is_refused_with_a_sentence(text: bytes | str, code: str):
    with pytest.raises(Unreadable) as caught:
        reading(text)
    assert caught.value.reason.code == code
    assert caught.value.reason.sentence("fr") != code


@pytest.mark.parametrize("rule", [
    "FREQ=SECONDLY", "FREQ=MINUTELY;INTERVAL=5", "FREQ=HOURLY;BYSETPOS=9", "FREQ=HOURLY",
    "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60))),
])
def test_a_bomb_keeps_its_first_date_and_says_so(rule: str):
    calendar = reading(a_calendar(f"UID:b\nDTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:{rule}"))

    assert starts(calendar) == ["12-01 09:00"]
    assert codes(calendar) == ["repeats_too_often"]


@pytest.mark.parametrize("rule", [
    "FREQ=NEVER", "COUNT=2", "FREQ=DAILY;INTERVAL=0", "FREQ=WEEKLY;BYDAY=XX", "FREQ=YEARLY;BYEASTER=1",
])
def test_a_rule_of_nonsense_keeps_its_first_date_and_says_so(rule: str):
    calendar = reading(a_calendar(f"UID:b\nDTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:{rule}"))

    assert starts(calendar) == ["12-01 09:00"]
    assert codes(calendar) == ["rule_unreadable"]


def test_a_hundred_rules_that_never_come_true_end():
    events = [f"UID:n{n}\nDTSTART:20261201T090000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30" for n in range(100)]

    calendar = reading(a_calendar(*events))

    assert len(calendar.appointments) == 100
    assert set(codes(calendar)) == {"repeats_too_often"}


def test_a_bomb_in_a_zone_definition_is_not_run():
    zone = ("BEGIN:VTIMEZONE\nTZID:Boom\nBEGIN:STANDARD\nDTSTART:19700101T000000\nRRULE:FREQ=SECONDLY\n"
            "TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:STANDARD\nEND:VTIMEZONE\n")
    calendar = reading(a_calendar("UID:b\nDTSTART;TZID=Boom:20261201T090000", head=zone))

    assert starts(calendar) == ["12-01 09:00"]
    assert codes(calendar) == ["calendar_zone_unknown"]


LINES = st.sampled_from([
    b"BEGIN:VEVENT", b"END:VEVENT", b"BEGIN:VTIMEZONE", b"END:VTIMEZONE", b"UID:1", b"DTSTART:20261201T090000Z",
    b"DTSTART;VALUE=DATE:20261201", b"DTEND:20261201", b"RRULE:FREQ=DAILY;COUNT=5", b"RRULE:FREQ=YEARLY;BYDAY=5XX",
    b"RECURRENCE-ID:20261202T090000Z", b"RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20261202", b"EXDATE:20261201,x,",
    b"DURATION:-P1D", b"DURATION:PT99999999999H", b"DTSTART:00010101T000000", b"DTSTART:99991231T235959", b"TZID:X",
    b" fold",
    b"DTSTART;TZID=X:20261201T090000", b"RDATE;VALUE=PERIOD:20261205T090000Z/PT1H", b"SEQUENCE:-", b"STATUS:CANCELLED",
    b"END:VCALENDAR", b"DTEND:99991231T235959Z", b"RDATE:99991231", b"RRULE:FREQ=DAILY;UNTIL=x", b"RRULE:=;;",
    b"TZOFFSETTO:+9900", b"BEGIN:STANDARD", b"END:STANDARD",
])


@settings(max_examples=250, deadline=None)
@given(st.lists(LINES | st.binary(max_size=30), max_size=25))
def test_no_text_breaks_it(lines: list[bytes]):
    calendar = reading(b"\r\n".join([b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", *lines]))

    assert all(one.start is not None and one.start < END for one in calendar.appointments)
