"""Google's calendars, from the real client over a real line: what comes in, what is lost on the way, and what then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Closed, Event
from core.domain.occasions import updated
from core.engine import installing
from core.storage import rules
from gcal_reminders import GoogleCalendar
from tests.fakes.google import SCOPE, FakeGoogle, refused
from tests.faults.server import badjson, cut_after, garbage, hang, ok, truncate
from tests.gcal_reminders.practice import ANA, BOB, CABINET, CHLOE, DAY_BEFORE, NOW, Practice, installation, tools

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.calendar(CABINET, "Cabinet Lyon")
        yield fake
    assert fake.violations == []


@pytest.fixture
def practice(google: FakeGoogle, tmp_path: Path) -> Practice:
    return Practice(tmp_path, google.urls).with_google()


# An appointment, and what happens to it ---------------------------------------------------------------------------


def test_an_appointment_becomes_an_occasion_with_its_phone_and_without_its_description(google, practice):
    visit = google.add(CABINET, "Marie Roux – bilan", "2026-12-01T09:00:00+01:00", location="Salle 2",
                       description="Tel: +33 6 39 98 00 01<br>douleurs lombaires")

    assert practice.pull() is None

    found = practice.occasions[visit]
    assert found.start == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert (found.end - found.start, found.zone, found.all_day) == (timedelta(minutes=30), "Europe/Paris", False)
    assert found.recipient.number == "+33639980001"
    assert (found.evidence.field, found.evidence.text) == ("description", "+33 6 39 98 00 01")
    assert found.values == {"title": "Marie Roux – bilan", "name": "Marie Roux", "first_name": "Marie",
                            "location": "Salle 2", "calendar": "Cabinet Lyon"}
    assert found.private["calendar_id"] == CABINET
    assert found.private["event_id"] == visit
    assert "lombaires" not in json.dumps([dict(found.values), dict(found.private)])
    assert practice.waiting == {"0001": "11-30 18:00"}


def test_moved_cancelled_brought_back(google, practice):
    visit = google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    google.move(CABINET, visit, "2026-12-03T14:00:00+01:00")
    practice.pull()
    assert practice.waiting == {"0001": "12-02 18:00"}
    assert len(practice.messages) == 1

    google.delete(CABINET, visit)
    practice.pull()
    assert practice.waiting == {}
    assert practice.occasions[visit].closed is Closed.DELETED
    assert practice.occasions[visit].values["name"] == "Mme Roux", "people ask about what they knew"

    google.change(CABINET, visit, status="confirmed", summary=f"Mme Roux {ANA}", eventType="default",
                  start={"dateTime": "2026-12-04T09:00:00+01:00"}, end={"dateTime": "2026-12-04T09:30:00+01:00"})
    practice.pull()
    assert practice.waiting == {"0001": "12-03 18:00"}


def test_a_moved_occurrence_and_a_series_that_ends(google, practice):
    ids = google.series(CABINET, f"Kiné {ANA}", [f"2026-12-{day:02d}T10:00:00+01:00" for day in (1, 8, 15, 22)])
    practice.pull()
    assert [at for _, at, state in practice.messages] == ["11-30 18:00", "12-07 18:00", "12-14 18:00", "12-21 18:00"]

    google.move(CABINET, ids[1], "2026-12-09T11:00:00+01:00")
    for one in ids[2:]:
        google.delete(CABINET, one)
    practice.pull()

    assert [at for _, at, state in practice.messages if state == "scheduled"] == ["11-30 18:00", "12-08 18:00"]
    assert len(practice.messages) == 4, "moved once, not doubled"


def test_silence_for_one_event(google, practice):
    visit = google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    google.change(CABINET, visit, description="à rappeler par Julie #norappel")
    practice.pull()

    assert practice.waiting == {}
    assert practice.occasions[visit].closed is Closed.SILENCED


def test_a_whole_day_and_a_day_that_changes_the_clocks(google, tmp_path):
    practice = Practice(tmp_path, google.urls, now=datetime.fromisoformat("2027-03-01T09:00:00+01:00")).with_google()
    google.add(CABINET, f"Bilan complet {ANA}", "2027-03-28")
    google.add(CABINET, f"Mme Roux {BOB}", "2027-03-28T09:00:00+02:00")
    google.add(CABINET, f"M. Petit {CHLOE}", "2027-03-29T08:00:00+02:00", zone="")
    practice.pull()

    whole, spring, plain = sorted(practice.occasions.values(), key=lambda one: one.start)
    assert (whole.all_day, whole.start) == (True, datetime(2027, 3, 27, 23, tzinfo=UTC))
    assert spring.start == datetime(2027, 3, 28, 7, tzinfo=UTC)
    assert plain.zone == "Europe/Paris", "an event without a zone is in its calendar's"
    assert practice.waiting["0008"] == "03-27 18:00"
    assert practice.waiting["0009"] == "03-28 18:00"


def test_the_hour_that_happens_twice_is_two_hours(google, tmp_path):
    practice = Practice(tmp_path, google.urls, now=datetime.fromisoformat("2026-10-01T09:00:00+02:00")).with_google()
    first = google.add(CABINET, f"Urgence {ANA}", "2026-10-25T02:30:00+02:00")
    second = google.add(CABINET, f"Urgence {BOB}", "2026-10-25T02:30:00+01:00")
    after = google.add(CABINET, f"Mme Roux {CHLOE}", "2026-10-26T09:00:00+01:00")
    practice.pull()

    assert [practice.occasions[one].start.isoformat() for one in (first, second, after)] == [
        "2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00", "2026-10-26T08:00:00+00:00"]
    assert practice.waiting["0009"] == "10-25 18:00", "six in the evening on the wall, on either side of the change"


def test_an_appointment_in_another_zone_is_spoken_of_in_it(google, practice):
    visit = google.add(CABINET, f"Visio {ANA}", "2026-12-01T09:00:00-05:00",
                       zone="America/New_York")
    practice.pull()

    assert practice.occasions[visit].zone == "America/New_York"


def test_a_video_calls_dial_in_is_nobodys_phone_and_two_mobiles_are_a_question(google, practice):
    dial_in = google.add(CABINET, "Mme Roux", "2026-12-01T09:00:00+01:00", description=(
        f"Patiente : {ANA}<br>Rejoindre avec Google Meet<br>"
        "Ou composez le : (FR) +33 1 87 40 48 92 code PIN : 123 456 789#"))
    two = google.add(CABINET, "M. et Mme Petit", "2026-12-02T09:00:00+01:00", description=f"{BOB}<br>{CHLOE}")
    practice.pull()

    assert practice.occasions[dial_in].recipient.number == "+33639980001"
    assert practice.occasions[two].recipient is None
    assert practice.occasions[two].trouble.code == "two_numbers"
    assert practice.occasions[two].candidates == ("+33639980008", "+33639980009")


def test_a_correction_is_learnt_for_the_series_and_the_name():
    with FakeGoogle() as google:
        google.calendar(CABINET, "Cabinet")
        google.add(CABINET, "M. et Mme Petit", "2026-12-02T09:00:00+01:00", id="a", description=f"{BOB} {CHLOE}")
        google.add(CABINET, "M. et Mme Petit", "2026-12-09T09:00:00+01:00", id="b", description=f"{BOB} {CHLOE}")
        adapter = GoogleCalendar(tools(google.urls))
        first = {event.key[-1]: event for event in adapter.pull(installation(), None, NOW).events}
        learnt = dict.fromkeys(first["a"].private["fingerprints"], "+33639980009")

        again = {event.key[-1]: event for event in adapter.pull(installation(learnt=learnt), None, NOW).events}

    assert first["a"].trouble is not None
    assert again["a"].recipient.number == again["b"].recipient.number == "+33639980009"


def test_what_is_no_appointment_with_anybody_is_not_even_asked_for(google, practice):
    google.add(CABINET, f"Congés {ANA}", "2026-12-01T09:00:00+01:00", eventType="outOfOffice")
    practice.pull()

    assert practice.occasions == {}
    assert all(query["eventTypes"] == ["default"] for query in google.queries if "eventTypes" in query)


# Pages, tokens, and their loss ------------------------------------------------------------------------------------


def test_changes_are_asked_for_with_the_token_and_nothing_that_is_not_allowed_beside_it(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    practice.pull()

    full, changes = google.queries
    assert full["timeMin"] == ["2026-11-24T08:05:00Z"]
    assert full["timeMax"] == ["2027-01-24T08:05:00Z"]
    assert "syncToken" in changes
    assert {name for name in full if not name.startswith("time")} == {name for name in changes if name != "syncToken"}


def test_a_crash_between_pages_loses_and_doubles_nothing(tmp_path):
    with FakeGoogle(page_size=2) as google:
        google.calendar(CABINET, "Cabinet")
        for index, number in enumerate((ANA, BOB, CHLOE)):
            google.add(CABINET, f"Mme Roux {number}", f"2026-12-0{index + 1}T09:00:00+01:00")
        google.add(CABINET, "Réunion", "2026-12-05T09:00:00+01:00")
        google.add(CABINET, "Réunion", "2026-12-06T09:00:00+01:00")
        practice = Practice(tmp_path, google.urls).with_google()
        google.before.extend([lambda: None, lambda: google.fail(cut_after(), cut_after())])
        assert practice.pull().code == "google_away"
        assert len(practice.waiting) == 3, "each page is committed"
        assert practice.pull() is None

    assert google.violations == []
    assert sorted(practice.waiting) == ["0001", "0008", "0009"]
    assert len(practice.messages) == 3
    assert google.count("events.list") == 3, "it goes on where it was"


def test_an_empty_page_is_not_the_end(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    entry = {"kind": "calendar#events", "items": [], "nextPageToken": "0/2/0", "timeZone": "Europe/Paris"}
    google.fail(ok(entry))

    assert practice.pull() is None
    assert practice.waiting == {"0001": "11-30 18:00"}


def test_a_token_that_google_took_back_ends_in_a_sweep(google, practice):
    kept = google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    lost = google.add(CABINET, f"M. Petit {BOB}", "2026-12-02T09:00:00+01:00")
    practice.pull()
    google.vanish(CABINET, lost)
    google.expire_tokens()

    assert practice.pull(2 * HOUR) is None

    assert practice.waiting == {"0001": "11-30 18:00"}
    assert practice.occasions[lost].closed is Closed.DELETED
    assert practice.occasions[kept].closed is None


def test_a_token_taken_back_between_two_pages(tmp_path):
    with FakeGoogle(page_size=1) as google:
        google.calendar(CABINET, "Cabinet")
        visits = [google.add(CABINET, f"Mme Roux {number}", f"2026-12-0{day}T09:00:00+01:00")
                  for day, number in ((1, ANA), (2, BOB), (3, CHLOE))]
        practice = Practice(tmp_path, google.urls).with_google()
        practice.pull()
        for visit in visits:
            google.change(CABINET, visit, location="Salle 2")
        google.before.extend([lambda: None, lambda: (google.vanish(CABINET, visits[1]), google.expire_tokens())])

        assert practice.pull(2 * HOUR) is None

    assert sorted(practice.waiting) == ["0001", "0009"]


def test_no_full_sync_more_than_once_an_hour_and_loudly(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    google.expire_tokens()

    trouble = practice.pull()

    assert trouble.code == "google_full_sync_waits"
    assert practice.row.trouble.code == "google_full_sync_waits"
    assert practice.waiting == {"0001": "11-30 18:00"}, "what is planned stays"
    full = [query for query in google.queries if "timeMin" in query]
    assert len(full) == 1
    assert practice.pull(HOUR) is None
    assert practice.row.trouble is None


def test_of_several_calendars_one_that_waits_does_not_hold_up_the_others(google, tmp_path):
    google.calendar("autre@example.org", "Autre")
    practice = Practice(tmp_path, google.urls).with_google(CABINET, "autre@example.org")
    practice.pull()
    google.expire_tokens()
    visit = google.add("autre@example.org", f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    google.fail(refused(410, "fullSyncRequired"))

    assert practice.pull() is None
    assert "google_full_sync_waits" in {problem.code for problem in practice.row.problems}
    assert practice.pull(HOUR) is None
    assert practice.row.problems == ()
    assert f"autre@example.org/{visit}" in practice.occasions


def test_each_night_everything_is_read_again_so_that_the_window_moves_on(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2027-01-24T10:00:00+01:00")
    practice.pull()
    assert practice.occasions == {}

    practice.pull(20 * HOUR)

    assert len(practice.occasions) == 1
    assert [("timeMin" in query) for query in google.queries] == [True, False, True], "changes come first"


def test_a_calendar_of_thousands_is_swept_whole(tmp_path):
    with FakeGoogle(page_size=1000) as google:
        google.calendar(CABINET, "Cabinet")
        start = datetime.fromisoformat("2026-11-26T08:00:00+01:00")
        for index in range(2500):
            begins = start + timedelta(minutes=30 * index)
            google.add(CABINET, "Visite", begins.isoformat(), id=f"visit{index:04d}abcdefghij")
        adapter, cursor, events, sweeps = GoogleCalendar(tools(google.urls)), None, 0, []
        longest = 0
        for _ in range(4):
            batch = adapter.pull(installation(), cursor, NOW)
            cursor, events = batch.cursor, events + len(batch.events)
            sweeps += batch.sweeps
            longest = max(longest, len(cursor))
            if not batch.more:
                break

    assert events == 2500
    assert [len(sweep.keys) for sweep in sweeps] == [2500]
    assert longest < 40_000, "a cursor is written with every page"


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", '{"calendars": 3}', '{"left": 1, "calendars": {}}',
                                    '{"calendars": {"cabinet@example.org": {"seen": "!!"}}}'])
def test_a_cursor_that_is_not_ours_begins_anew(google, cursor):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")

    batch = GoogleCalendar(tools(google.urls)).pull(installation(), cursor, NOW)

    assert len(batch.events) == len(batch.sweeps) == 1


def test_what_is_moved_far_ahead_is_moved_and_not_cancelled_even_if_everything_is_read_again(google, practice):
    visit = google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    other = google.add(CABINET, f"M. Petit {BOB}", "2026-12-02T09:00:00+01:00")
    practice.pull()
    google.move(CABINET, visit, "2027-03-01T09:00:00+01:00")
    practice.pull(20 * HOUR)
    assert practice.occasions[visit].closed is None
    assert practice.waiting["0001"] == "02-28 18:00"

    google.move(CABINET, other, "2027-03-02T09:00:00+01:00")
    google.expire_tokens()
    assert practice.pull(HOUR) is None
    assert practice.occasions[other].closed is None
    assert practice.waiting["0008"] == "03-01 18:00"


def test_a_changed_wish_is_applied_to_what_is_there_already_and_not_at_once_twice(google):
    google.add(CABINET, "M. et Mme Petit", "2026-12-02T09:00:00+01:00", description=f"{BOB} {CHLOE}")
    adapter = GoogleCalendar(tools(google.urls))
    cursor = adapter.pull(installation(), None, NOW).cursor
    learnt = installation(learnt={"name:m. et mme petit": "+33639980009", "title:m. et mme petit": "+33639980009"})

    soon = adapter.pull(learnt, cursor, NOW + timedelta(minutes=5))
    assert (soon.events, soon.more) == ((), False)
    changes = adapter.pull(learnt, soon.cursor, NOW + HOUR)
    assert changes.more
    everything = adapter.pull(learnt, changes.cursor, NOW + HOUR)

    assert [event.recipient.number for event in everything.events] == ["+33639980009"]
    assert not everything.more


# Several calendars ------------------------------------------------------------------------------------------------


def test_a_calendar_that_is_gone_takes_no_other_with_it(google, tmp_path):
    google.calendar("autre@example.org", "Autre")
    google.add("autre@example.org", f"M. Petit {BOB}", "2026-12-02T09:00:00+01:00")
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice = Practice(tmp_path, google.urls).with_google("autre@example.org", CABINET)
    practice.pull()
    google.unshare("autre@example.org")
    google.add(CABINET, f"Mme Blanc {CHLOE}", "2026-12-03T09:00:00+01:00")

    assert practice.pull() is None

    assert [problem.code for problem in practice.row.problems] == ["calendar_gone"]
    assert sorted(practice.waiting) == ["0001", "0008", "0009"]
    practice.pull()
    assert [problem.code for problem in practice.row.problems] == ["calendar_gone"], "said as long as it is so"


@pytest.mark.parametrize("shared", [True, False])
def test_an_unticked_calendar_takes_its_reminders_along_and_tells_nobody(google, tmp_path, shared):
    google.calendar("autre@example.org", "Autre")
    visit = google.add("autre@example.org", f"M. Petit {BOB}", "2026-12-02T09:00:00+01:00")
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice = Practice(tmp_path, google.urls).with_google("autre@example.org", CABINET)
    practice.pull()
    if not shared:
        google.unshare("autre@example.org")

    installing.choose(practice.suite, practice.workspace, practice.id, [CABINET])
    assert practice.pull() is None

    assert practice.waiting == {"0001": "11-30 18:00"}
    # Silenced and not cancelled: a rule for cancellations must not speak.
    assert practice.occasions[f"autre@example.org/{visit}"].closed is Closed.SILENCED
    asked = len(google.asked)
    practice.pull()
    assert len(google.asked) == asked + 1, "it is not asked any more"

    if shared:
        installing.choose(practice.suite, practice.workspace, practice.id, [CABINET, "autre@example.org"])
        practice.pull()
        assert practice.waiting == {"0001": "11-30 18:00", "0008": "12-01 18:00"}


def test_what_there_is_to_choose_from(google):
    google.calendar("perso@example.org", "Perso")
    google.calendar("fr.french#holiday@group.v.calendar.google.com", "Jours fériés en France", role="reader")
    google.calendar("busy@example.org", "Dr Martin", role="freeBusyReader")
    google.calendar("lu@example.org", "Salle partagée", role="reader")
    google.calendar("salle@group.calendar.google.com", "Salle", summaryOverride="Salle 2",
                    role="writerWithoutPrivateAccess")
    google.add(CABINET, "Mme Roux", "2026-11-26T09:00:00+01:00")
    google.add(CABINET, "Mme Roux", "2026-12-26T09:00:00+01:00")
    google.page_size = 2

    offered = GoogleCalendar(tools(google.urls)).choices(installation(config={}), NOW)

    choices = {choice.name: choice for choice in offered}

    assert {name for name, choice in choices.items() if choice.ticked} == {"Cabinet Lyon", "Salle 2"}
    assert (choices["Cabinet Lyon"].count, choices["Cabinet Lyon"].color) == (1, "#42d692")
    assert choices["Perso"].note.code == "calendar_looks_personal"
    assert choices["Dr Martin"].note.code == "calendar_without_details"


def test_before_anything_is_chosen_nothing_is_asked(google):
    batch = GoogleCalendar(tools(google.urls)).pull(installation(config={}), None, NOW)

    assert [problem.code for problem in batch.problems] == ["no_calendar_chosen"]
    assert google.asked == []


def test_a_calendar_that_was_never_there_is_said_each_time(google, tmp_path):
    practice = Practice(tmp_path, google.urls).with_google("nobody@example.org")

    for _ in range(3):
        assert practice.pull() is None
        assert [problem.code for problem in practice.row.problems] == ["calendar_gone"]


# Contacts ---------------------------------------------------------------------------------------------------------


def test_the_address_book_is_asked_only_where_it_was_switched_on_and_once(google):
    google.contacts = [
        {"names": [{"displayName": "Marie Roux"}], "emailAddresses": [{"value": "Marie@example.org"}],
         "phoneNumbers": [{"value": "06 39 98 00 01", "canonicalForm": "+33639980001"}]},
        {"names": [{"displayName": "Paul Petit"}], "phoneNumbers": [{"value": BOB}]}]
    google.add(CABINET, "Visite", "2026-12-01T09:00:00+01:00", id="guest", attendees=[{"email": "marie@example.org"}])
    google.add(CABINET, "Paul Petit", "2026-12-02T09:00:00+01:00", id="name")
    adapter = GoogleCalendar(tools(google.urls))

    without = adapter.pull(installation(), None, NOW)
    assert google.count("people.connections.list") == 0
    found = adapter.pull(installation(config={"calendars": [CABINET], "contacts": True}), None, NOW)

    assert {event.recipient for event in without.events} == {None}
    assert [event.recipient.number for event in found.events] == ["+33639980001", "+33639980008"]
    assert google.count("people.connections.list") == 1


def test_an_address_book_that_is_not_ours_to_read_is_said_and_stops_nothing(google):
    google.tokens["token-1"] = frozenset({SCOPE + "calendar.events.readonly"})
    google.add(CABINET, "Paul Petit", "2026-12-02T09:00:00+01:00")

    batch = GoogleCalendar(tools(google.urls)).pull(
        installation(config={"calendars": [CABINET], "contacts": True}), None, NOW)

    assert len(batch.events) == 1
    assert [problem.code for problem in batch.problems] == ["contacts_not_readable"]


def test_contacts_that_are_away_are_waited_for(google):
    google.add(CABINET, "Paul Petit", "2026-12-02T09:00:00+01:00")
    google.before.append(lambda: google.fail(refused(503, "backendError")))
    one = installation(config={"calendars": [CABINET], "contacts": True})

    with pytest.raises(NotNow):
        GoogleCalendar(tools(google.urls)).pull(one, None, NOW)


# What Google says when it does not answer -------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "reason", "code", "at_least"), [
    (403, "userRateLimitExceeded", "google_slow_down", timedelta(seconds=30)),
    (403, "rateLimitExceeded", "google_slow_down", timedelta(seconds=30)),
    (429, "rateLimitExceeded", "google_slow_down", timedelta(seconds=30)),
    (403, "quotaExceeded", "google_quota", HOUR),
    (403, "dailyLimitExceeded", "google_daily_limit", HOUR),
    (403, "accessNotConfigured", "google_api_off", HOUR),
    (500, "backendError", "google_away", timedelta(seconds=30)),
    (503, "backendError", "google_away", timedelta(seconds=30)),
])
def test_a_pause_that_google_asks_for(google, number, reason, code, at_least):
    google.fail(refused(number, reason))

    with pytest.raises(NotNow) as caught:
        GoogleCalendar(tools(google.urls)).pull(installation(), None, NOW)

    assert caught.value.reason.code == code
    assert caught.value.after >= at_least
    assert caught.value.reason.sentence("fr") != code


def test_retry_after_is_honoured(google):
    google.fail(refused(429, "rateLimitExceeded", headers={"Retry-After": "1234"}))

    with pytest.raises(NotNow) as caught:
        GoogleCalendar(tools(google.urls)).pull(installation(), None, NOW)

    assert caught.value.after == timedelta(seconds=1234)


@pytest.mark.parametrize("step", [cut_after(), truncate(), badjson(), garbage(), hang()],
                         ids=["cut", "truncated", "half", "garbage", "hangs"])
def test_a_broken_line_is_waited_out(google, step):
    google.fail(step, step)      # a line that was cut is dialled a second time

    with pytest.raises(NotNow) as caught:
        GoogleCalendar(tools(google.urls, timeout=0.5)).pull(installation(), None, NOW)

    assert caught.value.reason.code == "google_away"


def test_an_outage_recovers_by_itself_and_says_so_meanwhile(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    google.fail(refused(503, "backendError"))

    assert practice.pull().code == "google_away"
    assert practice.row.trouble.code == "google_away"
    assert practice.waiting == {"0001": "11-30 18:00"}
    assert practice.pull() is None
    assert practice.row.trouble is None


def test_a_token_that_died_early_is_renewed_once_and_the_same_question_is_asked_again(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    google.tokens.clear()

    assert practice.pull() is None
    assert google.count("token refresh_token") == 2


def test_a_grant_that_is_gone_stops_everything_until_a_person_acts(google, practice):
    google.add(CABINET, f"Mme Roux {ANA}", "2026-12-01T09:00:00+01:00")
    practice.pull()
    google.revoke()

    assert practice.pull().code == "grant_gone"
    assert practice.row.state == "reconnect"
    asked = len(google.asked)
    practice.pull()
    assert len(google.asked) == asked, "no further calls"


def test_an_unticked_scope_is_named(google):
    google.tokens["token-1"] = frozenset({SCOPE + "calendar.events"})

    with pytest.raises(NeedsReconnect) as caught:
        GoogleCalendar(tools(google.urls)).choices(installation(), NOW)

    assert caught.value.reason.code == "google_scope_missing"
    assert "calendar.calendarlist.readonly" in caught.value.reason.sentence("fr")


def test_a_calendar_without_details_is_said(google, practice):
    google.entries[CABINET]["accessRole"] = "freeBusyReader"
    practice.pull()

    assert [problem.code for problem in practice.row.problems] == ["calendar_without_details"]


# Where calls go ---------------------------------------------------------------------------------------------------


def test_an_operators_address_may_name_the_api_already(google):
    adapter = GoogleCalendar(tools({"google": google.url + "/calendar/v3"}))

    assert adapter.pull(installation(), None, NOW).cursor
    assert google.count("events.list") == 1


# Disorder ---------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_in_whatever_way_it_came_in_we_end_with_what_the_calendar_holds(data):
    """Changes, lost tokens, pages of two, crashes between pages: after a quiet hour we know what the calendar knows."""
    with FakeGoogle(page_size=2) as google:
        google.calendar(CABINET, "Cabinet")
        adapter, cursor, now = GoogleCalendar(tools(google.urls)), None, NOW
        known: dict[str, object] = {}

        def pull_once() -> bool:
            nonlocal cursor
            try:
                batch = adapter.pull(installation(), cursor, now)
            except NotNow:
                return False
            gone = [Event(one.kind, key, now, closed=Closed.DELETED) for sweep in batch.sweeps
                    for key, one in known.items()
                    if one.closed is None and sweep.start <= one.start < sweep.end and key not in sweep.keys]
            for event in [*batch.events, *gone]:
                after = updated(known.get(event.key), event)
                if after is not None:
                    known[event.key] = after
            cursor = batch.cursor
            return batch.more

        for _ in range(data.draw(st.integers(1, 12))):
            now += timedelta(minutes=data.draw(st.sampled_from([1, 30, 90])))
            alive = [one for one, event in google.events[CABINET].items() if event["status"] != "cancelled"]
            what = data.draw(st.sampled_from(["add", "move", "delete", "expire", "vanish", "pull", "pull"]))
            moment = f"2026-12-{data.draw(st.integers(1, 28)):02d}T09:00:00+01:00"
            if what == "add" or (what in ("move", "delete", "vanish") and not alive):
                google.add(CABINET, f"Mme Roux {ANA}", moment)
            elif what == "move":
                google.move(CABINET, data.draw(st.sampled_from(alive)), moment)
            elif what == "delete":
                google.delete(CABINET, data.draw(st.sampled_from(alive)))
            elif what == "vanish":
                google.vanish(CABINET, data.draw(st.sampled_from(alive)))
                google.expire_tokens()
            elif what == "expire":
                google.expire_tokens()
            else:
                pull_once()
        for _ in range(3):
            now += timedelta(hours=1, minutes=1)
            while pull_once():
                now += timedelta(seconds=1)

    assert google.violations == []
    expected = {f"{CABINET}/{identity}": datetime.fromisoformat(event["start"]["dateTime"]).astimezone(UTC)
                for identity, event in google.events[CABINET].items() if event["status"] != "cancelled"}
    assert {key: one.start for key, one in known.items() if one.closed is None} == expected


def test_the_presets_come_along_switched_off(practice):
    with practice.suite.database.read(practice.workspace) as tx:
        rows = rules.rows(tx, installation=practice.id)

    assert {row["preset"] for row in rows if not row["active"]} >= {"before-48h", "day-before-18h-asks", "moved"}
    assert DAY_BEFORE["name"] in {row["name"] for row in rows if row["active"]}


def test_nothing_is_chosen_from_a_file():
    adapter = GoogleCalendar(tools())

    assert adapter.choices(installation(secrets={"ics": "x"}, config={}), NOW) == ()
    with pytest.raises(BadInput):
        adapter.chosen(installation(secrets={"ics": "x"}, config={}), ["a"])
