"""The adapter's other doors: ways in, iCal addresses and files, service accounts, push channels, marks, presets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.contract import Inbound, Report
from core.domain.errors import BadInput, Conflict, NeedsReconnect, NotAuthentic, NotNow
from core.domain.events import Closed
from core.domain.messages import State
from core.domain.text.segments import measure
from core.domain.text.templates import render
from core.domain.when import parse_when
from core.engine import installing, pulling, simulation
from gcal_reminders import GoogleCalendar
from tests.fakes.google import SCOPE, FakeGoogle, refused
from tests.faults.server import FaultServer, ok, status
from tests.gcal_reminders.practice import ANA, BOB, CABINET, DAY_BEFORE, LYON, NOW, Practice, installation, tools

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LISTED, READ = SCOPE + "calendar.calendarlist.readonly", SCOPE + "calendar.events.readonly"
WRITE = SCOPE + "calendar.events"


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.calendar(CABINET, "Cabinet Lyon")
        yield fake
    assert fake.violations == []


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"type": "service_account", "client_email": "relance@project.iam.gserviceaccount.com",
            "private_key": pem.decode(), "private_key_id": "k1", "project_id": "project"}


def an_ics(*events: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "X-WR-CALNAME:Cabinet", "X-WR-TIMEZONE:Europe/Paris"]
    for event in events:
        lines += ["BEGIN:VEVENT", event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).replace("\n", "\r\n").replace("\r\r", "\r")


ROUX = (f"UID:roux@x\nDTSTART;TZID=Europe/Paris:20261201T090000\nDTEND;TZID=Europe/Paris:20261201T093000\n"
        f"SUMMARY:Mme Roux {ANA}")
PETIT = f"UID:petit@x\nDTSTART;TZID=Europe/Paris:20261202T090000\nSUMMARY:M. Petit\nDESCRIPTION:tel {BOB}"
ADAPTER = GoogleCalendar(tools())


# Ways in ----------------------------------------------------------------------------------------------------------


def test_an_ical_address_is_a_secret_and_names_the_account():
    known = ADAPTER.configured({"ical_url": " webcal://calendar.google.com/ical/x/private-1/basic.ics",
                                "zone": "Europe/Paris", "country": "FR", "place": "line:2"})

    assert known.secrets == {"ical_url": "https://calendar.google.com/ical/x/private-1/basic.ics"}
    assert known.config == {"way": "ical_url", "host": "calendar.google.com", "place": "line:2"}
    assert (known.zone, known.country) == ("Europe/Paris", "FR")
    assert "private-1" not in (known.account or "")
    assert known.account == ADAPTER.configured({"ical_url": known.secrets["ical_url"]}).account


@pytest.mark.parametrize(("config", "pointer"), [
    ({}, "/config"),
    ({"ical_url": "https://a.example/x.ics", "ics": "BEGIN:VCALENDAR"}, "/config/ics"),
    ({"ical_url": "ftp://a.example/x.ics"}, "/config/ical_url"),
    ({"ical_url": 7}, "/config/ical_url"),
    ({"ical_url": "https://a.example/x.ics", "calendars": ["a"]}, "/config/calendars"),
    ({"ical_url": "https://a.example/x.ics", "zone": "Europe/Lyon"}, "/config/zone"),
    ({"ical_url": "https://a.example/x.ics", "country": "fr"}, "/config/country"),
    ({"ical_url": "https://a.example/x.ics", "place": "somewhere"}, "/config/place"),
    ({"ical_url": "https://a.example/x.ics", "own_numbers": ["04 72 00 00 00"]}, "/config/own_numbers/0"),
    ({"ics": "<html>"}, "/config/ics"),
    ({"ics": "BEGIN:VCALENDAR" + " " * 5_000_000}, "/config/ics"),
    ({"refresh_token": "r"}, "/config/calendars"),
    ({"refresh_token": "r", "calendars": ["a", ""]}, "/config/calendars/1"),
    ({"refresh_token": "r", "calendars": "a"}, "/config/calendars"),
    ({"refresh_token": "r", "calendars": ["a"], "write_back": {"description": True}}, "/config/write_back"),
    ({"refresh_token": "r", "calendars": ["a"], "contacts": "yes"}, "/config/contacts"),
    ({"refresh_token": "r", "calendars": ["a"], "surprise": 1}, "/config/surprise"),
    ({"refresh_token": "r", "scopes": [READ], "calendars": ["a"], "write_back": True}, "/config/write_back"),
    ({"refresh_token": "r", "scopes": [READ], "calendars": ["a"], "contacts": True}, "/config/contacts"),
    ({"service_account": "key.json", "calendars": ["a"]}, "/config/service_account"),
    ({"service_account": {"client_email": "a@b"}, "calendars": ["a"]}, "/config/service_account/private_key"),
])
def test_what_cannot_be_used_is_said_with_its_place(config: dict[str, Any], pointer: str):
    with pytest.raises(BadInput) as caught:
        ADAPTER.configured(config)

    assert caught.value.pointer == pointer
    assert caught.value.reason.sentence("fr") != caught.value.reason.code


def test_the_click_leaves_the_calendars_to_be_ticked_and_keeps_them_when_done_again():
    first = ADAPTER.configured({"refresh_token": "r", "access_token": "a", "scopes": [READ], "oauth": True})
    again = ADAPTER.configured({"refresh_token": None, "access_token": "b", "scopes": [READ], "oauth": True})

    assert first.secrets == {"refresh_token": "r", "access_token": "a"}
    assert "calendars" not in first.config
    assert again.secrets == {"access_token": "b"}


@pytest.mark.parametrize("way", ["click", "key"])
def test_settings_can_be_given_again_with_what_is_known(key, way):
    first = ADAPTER.configured(
        {"refresh_token": "r", "access_token": "a", "scopes": [READ, WRITE], "oauth": True} if way == "click" else
        {"service_account": key, "subject": CABINET, "calendars": ["a", "b"], "own_numbers": ["+33472000000"]})
    derived = ("way", "client_email")
    kept = {name: value for name, value in {**first.config, **first.secrets}.items() if name not in derived}

    again = ADAPTER.configured({**kept, "write_back": True, "calendars": ["b"]})

    assert again.secrets == first.secrets
    assert again.config["write_back"] == {"title": True, "color": True}
    assert again.config["calendars"] == ["b"]
    assert again.config["once"] == (["b"] if way == "click" else ["a", "b"])


def test_the_least_scopes_are_asked_and_a_refresh_token_each_time():
    dance = ADAPTER.manifest.oauth

    assert dance.scopes == (LISTED, READ)
    assert dance.pkce
    assert dance.parameters == {"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"}


@pytest.mark.parametrize("address", ["http://oauth2.googleapis.com/token", "https://oauth2.googleapis.com.evil.example/token",
                                     "https://oauth2.googleapis.com@evil.example/", "http://169.254.169.254/", 7,
                                     "https://oauth2.googleapis.com:444/token"])
def test_a_key_file_cannot_send_us_anywhere(key, address):
    with pytest.raises(BadInput) as caught:
        ADAPTER.configured({"service_account": {**key, "token_uri": address}, "calendars": ["a"]})

    assert caught.value.pointer == "/config/service_account/token_uri"


def clicked(practice: Practice, google: FakeGoogle, **asked: Any) -> installing.Finished:
    """Somebody clicks, and says yes to `google.scopes`."""
    begun = installing.begin(practice.suite, practice.workspace, "usr_1", "gcal_reminders", return_to="/", **asked)
    query = parse_qs(urlsplit(begun.redirect).query)
    google.consent = query
    answer = urlencode({"code": "code-1", "state": query["state"][0], "authuser": "0"})
    callback = Inbound("GET", f"{query['redirect_uri'][0]}?{answer}", (), b"", practice.suite.now())
    return installing.finish(
        practice.suite, "gcal_reminders", callback, user="usr_1", workspace=practice.workspace, browser=begun.browser)


def test_an_account_is_connected_once_and_another_one_is_another_connection(google, tmp_path):
    google.calendar("Ana@Example.org", "Ana", primary=True)
    practice = Practice(tmp_path, google.urls)
    first, again = clicked(practice, google), clicked(practice, google)
    practice.follow(first.installation)
    assert practice.row.account == "ana@example.org"
    assert (again.installation, again.renewed) == (first.installation, True)

    del google.entries["Ana@Example.org"]
    google.calendar("bob@example.org", "Bob", primary=True)
    with pytest.raises(Conflict) as refused:
        clicked(practice, google, reconnect=first.installation)

    assert refused.value.reason.code == "another_account"
    assert clicked(practice, google).installation != first.installation


def test_who_unticked_the_list_of_calendars_is_connected_without_a_name(google, tmp_path):
    google.calendar("ana@example.org", "Ana", primary=True)
    google.scopes = frozenset({READ})
    practice = Practice(tmp_path, google.urls)

    finished = clicked(practice, google)
    practice.follow(finished.installation)

    assert finished.missing == (LISTED,)
    assert practice.row.account is None


def test_one_click_then_the_calendars_then_the_first_reminder(google, tmp_path):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice = Practice(tmp_path, google.urls)
    google.scopes = frozenset({LISTED, READ})

    finished = clicked(practice, google)
    practice.follow(finished.installation)
    assert finished.missing == ()
    practice.pull()
    assert [problem.code for problem in practice.row.problems] == ["no_calendar_chosen"]
    one = installing.fresh(practice.suite, practice.workspace, practice.id).installation
    ticked = [choice.id for choice in practice.adapter.choices(one, NOW) if choice.ticked]
    installing.choose(practice.suite, practice.workspace, practice.id, ticked)

    assert practice.pull() is None
    assert practice.waiting == {"0001": "11-30 18:00"}


def test_an_unticked_box_is_named_and_the_rest_is_connected(google, tmp_path):
    practice = Practice(tmp_path, google.urls)
    google.scopes = frozenset({LISTED})

    finished = clicked(practice, google)
    practice.follow(finished.installation)

    assert finished.missing == (READ,)
    installing.choose(practice.suite, practice.workspace, practice.id, [CABINET])
    assert practice.pull().code == "google_scope_missing"
    assert practice.row.state == "reconnect"


def test_the_token_of_a_project_in_testing_is_dated(google, tmp_path):
    practice = Practice(tmp_path, google.urls)
    google.grant_lives = 604_799

    practice.follow(clicked(practice, google).installation)

    assert practice.row.grant_expires_at == NOW + timedelta(seconds=604_799)


# iCal -------------------------------------------------------------------------------------------------------------


def test_a_calendar_by_its_address_and_what_becomes_of_it(tmp_path):
    with FaultServer(otherwise=ok(an_ics(ROUX, PETIT).encode())) as server:
        practice = Practice(tmp_path).connect({"ical_url": f"{server.url}/secret/basic.ics", "zone": "Europe/Paris"})
        assert practice.pull() is None
        assert practice.waiting == {"0001": "11-30 18:00", "0008": "12-01 18:00"}
        assert practice.row.account.startswith("ical:")

        server.then(ok(an_ics(ROUX.replace("20261201", "20261203")).encode()))
        practice.pull()

    assert practice.waiting == {"0001": "12-02 18:00"}
    assert practice.occasions["petit@x"].closed is Closed.DELETED


def test_what_is_moved_far_ahead_in_a_file_is_moved_and_not_cancelled(tmp_path):
    far = ROUX.replace("20261201", "20270301")
    with FaultServer(ok(an_ics(ROUX, PETIT).encode()), otherwise=ok(an_ics(far).encode())) as server:
        practice = Practice(tmp_path).connect({"ical_url": server.url, "zone": "Europe/Paris"})
        practice.pull()
        practice.pull()
        practice.pull()

    assert practice.waiting == {"0001": "02-28 18:00"}
    assert practice.occasions["roux@x"].closed is None
    assert practice.occasions["petit@x"].closed is Closed.DELETED


def test_each_occurrence_of_a_series_is_one_of_its_own(tmp_path):
    series = (f"UID:s@x\nDTSTART;TZID=Europe/Paris:20261201T090000\nRRULE:FREQ=WEEKLY;COUNT=3\n"
              f"EXDATE;TZID=Europe/Paris:20261208T090000\nSUMMARY:Kiné {ANA}")
    moved = (f"UID:s@x\nRECURRENCE-ID;TZID=Europe/Paris:20261215T090000\n"
             f"DTSTART;TZID=Europe/Paris:20261216T100000\nSUMMARY:Kiné {ANA}")
    practice = Practice(tmp_path).connect({"ics": an_ics(series, moved), "zone": "Europe/Paris"})
    practice.pull()

    assert {key: one.start.astimezone(LYON).strftime("%m-%d %H:%M") for key, one in practice.occasions.items()} == {
        "s@x/2026-12-01T09:00:00+01:00": "12-01 09:00", "s@x/2026-12-15T09:00:00+01:00": "12-16 10:00"}


def test_a_file_is_read_again_as_the_days_go_by(tmp_path):
    far = ROUX.replace("20261201", "20270125")
    practice = Practice(tmp_path).connect({"ics": an_ics(far), "zone": "Europe/Paris"})
    practice.pull()
    assert practice.occasions == {}
    practice.pull(2 * DAY)

    assert practice.waiting == {"0001": "01-24 18:00"}


def test_an_unchanged_calendar_is_not_read_twice_but_on_another_day():
    file = ok(an_ics(ROUX).encode(), headers={"ETag": '"v1"', "Last-Modified": "yesterday"})
    with FaultServer(otherwise=file) as server:
        one = installation(config={}, secrets={"ical_url": server.url})
        first = ADAPTER.pull(one, None, NOW)
        one = replace(one, memory=first.memory)
        server.then(status(304))
        same = ADAPTER.pull(one, first.cursor, NOW + HOUR)
        equal = ADAPTER.pull(one, first.cursor, NOW + HOUR)
        tomorrow = ADAPTER.pull(one, first.cursor, NOW + DAY)
        corrected = ADAPTER.pull(replace(one, learnt={"name:mme roux": "+33639980009"}), first.cursor, NOW + HOUR)

    assert [len(batch.events) for batch in (first, same, equal, tomorrow, corrected)] == [1, 0, 0, 1, 1]
    assert [len(batch.sweeps) for batch in (first, same, equal, tomorrow)] == [1, 0, 0, 1]
    assert ["if-none-match" in seen.headers for seen in server.ledger] == [False, True, True, False, False]


def test_a_file_that_was_cut_off_calls_nothing_off(tmp_path):
    whole = an_ics(ROUX, PETIT).encode()
    with FaultServer(ok(whole), ok(whole[:whole.index(b"UID:petit")])) as server:
        practice = Practice(tmp_path).connect({"ical_url": server.url, "zone": "Europe/Paris"})
        practice.pull()
        practice.pull()

    assert sorted(practice.waiting) == ["0001", "0008"]
    assert "calendar_cut_off" in {problem.code for problem in practice.row.problems}


@pytest.mark.parametrize(("step", "code"), [
    (status(404), "ical_address_refused"), (status(500), "ical_away"), (status(304), "ical_away"),
    (status(429, headers={"Retry-After": "900"}), "ical_away"), (ok(b"<html>connectez-vous</html>"), "not_a_calendar"),
])
def test_an_address_that_gives_no_calendar_changes_nothing_and_is_said(tmp_path, step, code):
    with FaultServer(ok(an_ics(ROUX).encode()), step, otherwise=ok(an_ics(ROUX).encode())) as server:
        practice = Practice(tmp_path).connect({"ical_url": server.url, "zone": "Europe/Paris"})
        practice.pull()
        assert practice.pull().code == code
        assert practice.row.trouble.code == code
        assert practice.waiting == {"0001": "11-30 18:00"}
        assert practice.pull(2 * HOUR) is None

    assert practice.row.trouble is None


def test_a_broken_event_takes_no_other_with_it(tmp_path):
    broken = "UID:b\nDTSTART:never\nSUMMARY:x"
    practice = Practice(tmp_path).connect({"ics": an_ics(ROUX, broken), "zone": "Europe/Paris"})
    practice.pull()

    assert practice.waiting == {"0001": "11-30 18:00"}
    assert [problem.code for problem in practice.row.problems] == ["event_unreadable"]
    practice.pull()
    assert [problem.code for problem in practice.row.problems] == ["event_unreadable"], "said as long as it is so"


# Service accounts -------------------------------------------------------------------------------------------------


def test_a_service_account_in_a_persons_name(google, key, tmp_path):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice = Practice(tmp_path, google.urls).connect({
        "service_account": {**key, "token_uri": google.urls["google_token"]}, "subject": CABINET,
        "calendars": [CABINET]})

    assert practice.pull() is None
    assert practice.waiting == {"0001": "11-30 18:00"}
    assert google.subjects == [CABINET]
    assert google.tokens["token-2"] == {READ}, "no more than it needs"
    assert "private_key" not in str(practice.row.installation.config)


def test_a_service_account_that_google_refuses_waits_for_a_person(google, key):
    adapter = GoogleCalendar(tools({**google.urls, "google_token": google.url + "/nowhere"}))
    known = adapter.configured({"service_account": key, "calendars": [CABINET]})

    with pytest.raises(NeedsReconnect) as caught:
        adapter.pull(installation(config=known.config, secrets=known.secrets), None, NOW)

    assert caught.value.reason.code == "service_account_refused"
    google.violations.clear()


# Push -------------------------------------------------------------------------------------------------------------


def maintained(adapter: GoogleCalendar, one: Any, now: datetime) -> tuple[Any, list[Any], timedelta]:
    kept: list[Any] = []
    again = adapter.maintain(one, now, lambda memory: kept.append(deepcopy(dict(memory))))
    return (replace(one, memory=kept[-1]) if kept else one), kept, again


def heard_by(one: Any, headers: tuple[tuple[str, str], ...], at: datetime = NOW, body: bytes = b"") -> bool:
    request = Inbound("POST", one.hook_url, headers, body, at)
    ADAPTER.verify(request, one)
    return ADAPTER.heard(request, one)


def test_a_notification_asks_at_once(google, tmp_path):
    practice = Practice(tmp_path, google.urls).with_google()
    practice.pull()
    installing.maintain_due(practice.suite)
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    [channel] = google.channels

    assert practice.hears(google.notification(channel)) == 204
    assert practice.hears(google.notification(channel, number=2), body=b"{}") == 204, "doubled, and with a body"
    practice.clock.forward(timedelta(seconds=1))
    pulling.run_due(practice.suite)

    assert practice.waiting == {"0001": "11-30 18:00"}


def test_what_does_not_prove_itself_is_refused(google):
    one, _, _ = maintained(GoogleCalendar(tools(google.urls)), installation(), NOW)
    [channel] = google.channels
    good = google.notification(channel)

    def but(**changed: str | None) -> tuple[tuple[str, str], ...]:
        names = {name.replace("_", "-"): value for name, value in changed.items()}
        return tuple((name, names.get(name, value)) for name, value in good if names.get(name, value) is not None)

    assert heard_by(one, good)
    assert not heard_by(one, but(X_Goog_Resource_State="sync"))
    for headers in (but(X_Goog_Channel_Token="other"), but(X_Goog_Channel_Token=None), but(X_Goog_Channel_ID="other"),
                    but(X_Goog_Resource_ID="other"), but(X_Goog_Resource_ID=None), but(X_Goog_Resource_State=None),
                    (*good, ("X-Goog-Channel-Token", "second")), ()):
        with pytest.raises(NotAuthentic):
            heard_by(one, headers)
    with pytest.raises(NotAuthentic):
        heard_by(one, good, at=NOW + 8 * DAY)


def test_the_channel_is_known_before_google_is_called(google):
    one, kept, _ = maintained(GoogleCalendar(tools(google.urls)), installation(), NOW)
    [channel] = google.channels
    early = replace(one, memory={"channels": {CABINET: [{**one.memory["channels"][CABINET][0], "resource_id": None}]}})

    assert len(kept) >= 2
    assert not heard_by(early, google.notification(channel, "sync", 1))


def test_channels_are_renewed_before_their_end_with_an_overlap(google):
    adapter = GoogleCalendar(tools(google.urls))
    one, _, again = maintained(adapter, installation(), NOW)
    [first] = google.channels
    assert again <= DAY
    one, kept, _ = maintained(adapter, one, NOW + DAY)
    assert kept == []
    assert list(google.channels) == [first], "done twice, nothing changes"

    google.now = NOW.astimezone(UTC) + timedelta(days=6, hours=1)
    one, kept, _ = maintained(adapter, one, NOW + timedelta(days=6, hours=1))

    [second] = google.channels
    assert second != first
    assert google.stopped == [first]
    assert any(len(memory["channels"][CABINET]) == 2 for memory in kept), "both are known while one replaces the other"
    assert [row["id"] for row in one.memory["channels"][CABINET]] == [second]


def test_an_old_channel_that_is_gone_already_is_what_we_wanted(google):
    adapter = GoogleCalendar(tools(google.urls))
    one, _, _ = maintained(adapter, installation(), NOW)
    google.channels.clear()
    one, _, _ = maintained(adapter, one, NOW + timedelta(days=6, hours=1))

    assert len(google.channels) == len(one.memory["channels"][CABINET]) == 1


@pytest.mark.parametrize(("number", "reason"), [(400, "push.webhookUrlNotHttps"), (401, "push.webhookUrlUnauthorized"),
                                                (403, "forbidden")])
def test_where_google_does_not_want_to_call_polling_goes_on(google, number, reason):
    adapter = GoogleCalendar(tools(google.urls))
    google.watch_refused = (number, reason)
    one, _, again = maintained(adapter, installation(), NOW)
    assert one.memory["push"]["mode"] == "polling"
    assert again == DAY

    google.watch_refused = None
    maintained(adapter, one, NOW + HOUR)
    assert google.count("events.watch") == 1, "not before a day is over"
    one, _, _ = maintained(adapter, one, NOW + DAY)
    assert one.memory["push"] == {"mode": "push"}


def test_google_is_not_asked_to_call_an_address_that_it_cannot_reach(google):
    one = installation(hook_url="http://127.0.0.1:8000/hooks/gcal_reminders/ins_1")
    maintained(GoogleCalendar(tools(google.urls)), one, NOW)

    assert google.asked == []


def test_disconnecting_stops_the_channels_and_revokes(google, tmp_path):
    practice = Practice(tmp_path, google.urls).with_google()
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    installing.maintain_due(practice.suite)

    assert installing.disconnect(practice.suite, practice.workspace, practice.id, who="test") == ()
    assert installing.disconnect(practice.suite, practice.workspace, practice.id, who="test") == ()

    assert google.channels == {}
    assert google.grants == set()
    assert practice.waiting == {}


def test_what_could_not_be_stopped_is_said(google):
    adapter = GoogleCalendar(tools(google.urls))
    one, _, _ = maintained(adapter, installation(), NOW)
    google.fail(refused(503, "backendError"))

    assert [reason.code for reason in adapter.uninstall(one)] == ["channels_not_stopped"]
    assert adapter.uninstall(one) == ()


# The answer on the event ------------------------------------------------------------------------------------------

WRITING = {"calendars": [CABINET], "write_back": {"title": True, "color": True}}


def answered(visit: str, answer: str | None) -> Report:
    return Report(f"{CABINET}/{visit}", State.DELIVERED, answer, "OUI", NOW, {})


def test_the_answer_is_marked_and_changes_nothing_that_people_wrote(google, tmp_path):
    practice = Practice(tmp_path, google.urls).with_google(write_back=True)
    visit = google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00", colorId="5", description="bilan",
                       attendees=[{"email": "marie@example.org"}], extendedProperties={"private": {"theirs": "1"}})
    practice.pull()
    before, known = dict(google.events[CABINET][visit]), practice.occasions[visit]
    one = installing.fresh(practice.suite, practice.workspace, practice.id).installation

    practice.adapter.report(one, answered(visit, "confirmed"), NOW)

    event = google.events[CABINET][visit]
    assert event["summary"] == f"✓ Mme Roux {ANA}"
    assert event["colorId"] == "10"
    assert event["extendedProperties"]["private"]["relanceAnswer"] == "confirmed"
    assert event["extendedProperties"]["private"]["theirs"] == "1"
    assert {name: event[name] for name in ("description", "attendees", "start", "end")} == {
        name: before[name] for name in ("description", "attendees", "start", "end")}
    assert all(query["sendUpdates"] == ["none"] for query in google.queries if "sendUpdates" in query)

    practice.pull()
    assert practice.occasions[visit].digest == known.digest, "our own echo says nothing new"
    assert practice.waiting == {"0001": "11-30 18:00"}

    practice.adapter.report(one, answered(visit, "declined"), NOW)
    assert google.events[CABINET][visit]["summary"] == f"✗ Mme Roux {ANA}"
    practice.adapter.undo(one, f"{CABINET}/{visit}")
    practice.adapter.undo(one, f"{CABINET}/{visit}")
    event = google.events[CABINET][visit]
    assert (event["summary"], event["colorId"]) == (before["summary"], "5")
    assert event["extendedProperties"]["private"] == {"theirs": "1"}


def test_a_person_who_changes_the_title_or_the_colour_is_right(google):
    adapter, one = GoogleCalendar(tools(google.urls)), installation(config=WRITING)
    visit = google.add(CABINET, "Mme Roux", "2026-12-01T09:00:00+01:00")
    adapter.report(one, answered(visit, "confirmed"), NOW)
    google.change(CABINET, visit, summary="Mme Roux, contrôle", colorId="3")

    adapter.undo(one, f"{CABINET}/{visit}")

    assert google.events[CABINET][visit]["summary"] == "Mme Roux, contrôle"
    assert google.events[CABINET][visit]["colorId"] == "3"


def test_a_mark_that_somebody_typed_stays_theirs(google):
    adapter, one = GoogleCalendar(tools(google.urls)), installation(config=WRITING)
    visit = google.add(CABINET, "✓ Mme Roux", "2026-12-01T09:00:00+01:00")
    adapter.report(one, answered(visit, "confirmed"), NOW)
    assert google.events[CABINET][visit]["summary"] == "✓ ✓ Mme Roux"
    adapter.undo(one, f"{CABINET}/{visit}")

    assert google.events[CABINET][visit]["summary"] == "✓ Mme Roux"
    assert "colorId" not in google.events[CABINET][visit]


def test_somebody_who_writes_at_the_same_moment_is_not_overwritten(google):
    adapter, one = GoogleCalendar(tools(google.urls)), installation(config=WRITING)
    visit = google.add(CABINET, "Mme Roux", "2026-12-01T09:00:00+01:00")
    google.before.extend([lambda: None, lambda: google.change(CABINET, visit, summary="Mme Roux, contrôle")])

    adapter.report(one, answered(visit, "confirmed"), NOW)

    assert google.events[CABINET][visit]["summary"] == "✓ Mme Roux, contrôle"
    assert google.count("events.patch") == 2


def test_an_event_that_never_holds_still_is_left_for_later(google):
    adapter, one = GoogleCalendar(tools(google.urls)), installation(config=WRITING)
    visit = google.add(CABINET, "Mme Roux", "2026-12-01T09:00:00+01:00")
    google.before.extend([lambda: None, lambda: google.change(CABINET, visit, location="ailleurs")] * 9)

    with pytest.raises(NotNow):
        adapter.report(one, answered(visit, "confirmed"), NOW)
    assert google.count("events.patch") == 4


def test_without_an_answer_nothing_is_written(google):
    GoogleCalendar(tools(google.urls)).report(installation(config=WRITING), answered("x", None), NOW)

    assert google.asked == []


def test_it_is_off_until_a_person_switches_it_on():
    assert not ADAPTER.wants(installation())
    assert not ADAPTER.wants(installation(config={"write_back": {"title": False}}))
    assert not ADAPTER.wants(installation(config=WRITING, secrets={"ics": "x"}))
    assert ADAPTER.wants(installation(config=WRITING))


@pytest.mark.parametrize(("prepare", "code"), [
    ("deleted", "appointment_gone"), ("vanished", "appointment_gone"), ("reader", "write_calendar_read_only"),
    ("theirs", "write_not_organizer"), ("scope", "write_scope_missing"), ("series", "series_not_written"),
])
def test_what_can_never_be_written_says_why(google, prepare, code):
    visit = google.add(CABINET, "Mme Roux", "2026-12-01T09:00:00+01:00")
    match prepare:
        case "deleted":
            google.delete(CABINET, visit)
        case "vanished":
            google.vanish(CABINET, visit)
        case "reader":
            google.entries[CABINET]["accessRole"] = "reader"
        case "theirs":
            google.change(CABINET, visit, organizer={"email": "other@example.org"})
        case "scope":
            google.tokens["token-1"] = frozenset({READ})
        case "series":
            google.change(CABINET, visit, recurrence=["RRULE:FREQ=DAILY"])

    with pytest.raises(BadInput) as caught:
        GoogleCalendar(tools(google.urls)).report(installation(config=WRITING), answered(visit, "confirmed"), NOW)

    assert caught.value.reason.code == code
    assert caught.value.reason.sentence("fr") != code


def test_a_grant_that_is_known_to_be_too_small_is_not_even_tried(google):
    one = installation(config={**WRITING, "scopes": [LISTED, READ]})

    with pytest.raises(BadInput):
        GoogleCalendar(tools(google.urls)).report(one, answered("x", "confirmed"), NOW)
    assert google.asked == []


def test_from_the_calendar_to_the_phone_and_back_to_the_calendar(google, tmp_path):
    asks = {**DAY_BEFORE, "asks": True, "sender": "38555", "body": "RDV le {{ start|date }}. Répondez OUI ou NON."}
    practice = Practice(tmp_path, google.urls, rule=asks).with_google(write_back={"title": True})
    visit = google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    practice.clock.moment = datetime.fromisoformat("2026-11-30T18:00:00+01:00")
    practice.settle()
    practice.clock.forward(timedelta(seconds=30))
    practice.settle()
    assert [state for _, _, state in practice.messages] == ["delivered"]

    simulation.answer(practice.suite, practice.workspace, "+33639980001", "Oui merci")
    practice.clock.forward(timedelta(seconds=5))
    practice.settle()

    assert practice.occasions[visit].answer == "confirmed"
    assert google.events[CABINET][visit]["summary"] == f"✓ Mme Roux {ANA}"
    assert "colorId" not in google.events[CABINET][visit]
    practice.pull()
    practice.settle()
    assert practice.occasions[visit].answer == "confirmed", "our own mark is no news"
    assert google.count("events.patch") == 1


# Presets ----------------------------------------------------------------------------------------------------------

PRESETS = tomllib.loads(files("gcal_reminders").joinpath("presets.toml").read_text(encoding="utf-8"))["rule"]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset["key"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_preset_is_one_sms_and_names_no_reason(preset: dict[str, Any], language: str):
    longest = datetime(2026, 9, 30, 22, 45, tzinfo=ZoneInfo("Europe/Paris"))
    text = render(preset["body"][language], {"start": longest}, ZoneInfo("Europe/Paris"), language).text

    assert measure(text).encoding == "GSM-7"
    assert measure(text).segments == 1
    assert not re.search(r"title|name|location|description", preset["body"][language])
    assert parse_when(preset["when"])
    assert "until" not in preset or parse_when(preset["until"])
    assert preset.get("asks", False) == ("OUI" in preset["body"]["fr"])
