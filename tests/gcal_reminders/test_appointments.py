"""One appointment in our words: from Google's JSON, and the name in a title."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcal_reminders.appointments import Appointment, Guest, from_google, plain
from gcal_reminders.names import name_in

INSTANCE = {
    "kind": "calendar#event", "etag": "\"3580000000000000\"", "id": "4k2q0abc_20270328T070000Z", "status": "confirmed",
    "created": "2026-11-01T09:00:00.000Z", "updated": "2026-11-20T10:11:12.345Z", "summary": "Maria Bianchi – igiene",
    "description": "Tel: +39 333 1234567<br>prima visita", "location": "Via Roma 1", "colorId": "5",
    "creator": {"email": "studio@example.com", "self": True},
    "organizer": {"email": "studio@example.com", "self": True},
    "start": {"dateTime": "2027-03-28T09:00:00+02:00", "timeZone": "Europe/Rome"},
    "end": {"dateTime": "2027-03-28T09:30:00+02:00", "timeZone": "Europe/Rome"},
    "recurringEventId": "4k2q0abc",
    "originalStartTime": {"dateTime": "2027-03-28T09:00:00+02:00", "timeZone": "Europe/Rome"},
    "iCalUID": "4k2q0abc@google.com", "sequence": 1,
    "attendees": [{"email": "maria@example.com", "displayName": "Maria Bianchi", "responseStatus": "needsAction"}],
    "extendedProperties": {"private": {"acmeReminder": "v1"}, "shared": {}},
    "reminders": {"useDefault": True}, "eventType": "default",
}


def test_an_instance_of_a_series():
    appointment = from_google(INSTANCE, "Europe/Paris")

    assert appointment == Appointment(
        uid="4k2q0abc", recurrence_id="2027-03-28T09:00:00+02:00", identity="4k2q0abc_20270328T070000Z",
        start=datetime(2027, 3, 28, 7, tzinfo=UTC), end=datetime(2027, 3, 28, 7, 30, tzinfo=UTC), zone="Europe/Rome",
        title="Maria Bianchi – igiene", description="Tel: +39 333 1234567\nprima visita", location="Via Roma 1",
        guests=(Guest("maria@example.com", "Maria Bianchi"),), private={"acmeReminder": "v1"},
        created=datetime(2026, 11, 1, 9, tzinfo=UTC), updated=datetime(2026, 11, 20, 10, 11, 12, 345000, tzinfo=UTC),
        sequence=1, color="5",
    )
    assert appointment.key == "4k2q0abc_20270328T070000Z"
    assert str(appointment.local_start) == "2027-03-28 09:00:00+02:00"


@pytest.mark.parametrize("entry", [
    {"id": "x", "status": "cancelled"},
    {"id": "x", "status": "cancelled", "recurringEventId": "s",
     "originalStartTime": {"dateTime": "2027-03-28T09:00:00+02:00"}},
])
def test_a_cancelled_entry_may_have_only_its_id(entry):
    appointment = from_google(entry, "Europe/Paris")

    assert (appointment.key, appointment.status, appointment.start) == ("x", "cancelled", None)


def test_a_moved_instance_keeps_its_key():
    moved = INSTANCE | {"start": {"dateTime": "2027-03-29T11:00:00+02:00"}}

    assert from_google(moved, "Europe/Rome").key == from_google(INSTANCE, "Europe/Rome").key


def test_a_whole_day_is_the_calendars():
    entry = {"id": "d", "start": {"date": "2026-10-25"}, "end": {"date": "2026-10-26"}}
    appointment = from_google(entry, "Europe/Paris")

    assert (appointment.all_day, appointment.day) == (True, date(2026, 10, 25))
    assert appointment.start == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert appointment.end == datetime(2026, 10, 25, 23, tzinfo=UTC)


def test_without_a_zone_the_calendars_counts():
    appointment = from_google({"id": "d", "start": {"dateTime": "2026-10-26T09:00:00"}}, "Europe/Paris")

    assert (appointment.start, appointment.zone) == (datetime(2026, 10, 26, 8, tzinfo=UTC), "Europe/Paris")


def test_dial_ins_are_kept_apart():
    appointment = from_google({"id": "c", "conferenceData": {"entryPoints": [
        {"entryPointType": "video", "uri": "https://meet.google.com/abc"},
        {"entryPointType": "phone", "label": "+33 1 87 40 44 19", "uri": "tel:+33-1-87-40-44-19", "pin": "123"},
    ]}}, "UTC")

    assert "+33 1 87 40 44 19" in appointment.conference_text
    assert appointment.description == ""


FIELDS = st.sampled_from([*INSTANCE, "dateTime", "date", "timeZone", "private", "email", "entryPoints"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*INSTANCE, "conferenceData"]), JSON), st.text(max_size=15))
def test_no_json_breaks_it(event: dict[str, Any], zone: str):
    appointment = from_google(event, zone)

    assert isinstance(appointment.key, str)
    assert json.dumps(appointment.title)


@pytest.mark.parametrize(("html", "text"), [
    ("a<br>b<br/>c", "a\nb\nc"),
    ("<p>un</p><p>deux</p>", "un\n\ndeux"),
    ("R&eacute;&eacute;ducation &amp; soins", "Rééducation & soins"),
    ('<a href="https://x.example/1">lien</a>', "lien"),
    ('<a href="tel:0639980001">Appeler</a>', "Appeler tel:0639980001"),
    ('<a href="tel:+33639980001">06 39 98 00 01</a>', "06 39 98 00 01"),
    ("Portable <tel:0639980001>", "Portable <tel:0639980001>"),
    ("douleur < 3 et > 1", "douleur < 3 et > 1"),
    ("<script>alert(1)</script>ok", "ok"),
])
def test_html_becomes_what_a_person_sees(html: str, text: str):
    assert plain(html) == text


@pytest.mark.parametrize(("title", "name", "first"), [
    ("Mme Roux", "Mme Roux", None),
    ("M. Jean Dupont - contrôle", "M. Jean Dupont", "Jean"),
    ("Maria Bianchi – igiene", "Maria Bianchi", "Maria"),
    ("RDV Dupont Marie 0612345678", "Dupont Marie", "Marie"),
    ("DUPONT Marie", "DUPONT Marie", "Marie"),
    ("[OK] Maria Bianchi – igiene", "Maria Bianchi", "Maria"),
    ("✓ Mme Roux", "Mme Roux", None),
    ("mme roux 06 12 34 56 78", "mme roux", None),
    ("09h30 Mme Roux", "Mme Roux", None),
    ("Consultation : Sophie Martin", "Sophie Martin", "Sophie"),
    ("Mme Anne-Marie Le Goff (prothèse)", "Mme Anne-Marie Le Goff", "Anne-Marie"),
    ("Frau Müller", "Frau Müller", None),
    ("Jean Pierre", "Jean Pierre", None),
    ("Détartrage", None, None),
    ("Réunion équipe", None, None),
    ("Contrôle annuel", None, None),
    ("Sophie", None, None),
    ("Déjeuner avec Paul", None, None),
    ("", None, None),
])
def test_the_name_in_a_title_or_none_rather_than_a_wrong_one(title: str, name: str | None, first: str | None):
    assert name_in(title) == (name, first)


@given(st.text(max_size=80))
def test_no_title_breaks_it(title: str):
    name, first = name_in(title)

    assert first is None or (name is not None and first in name)
