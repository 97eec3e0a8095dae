"""When a message may leave: the researched moments, a slow oracle, and deadlines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass
from core.domain.policy.countries import all_rules, rules_for
from core.domain.policy.holidays import NO_HOLIDAYS, Calendar, calendar
from core.domain.policy.hours import (
    MARGIN,
    Hours,
    Never,
    Settled,
    is_open,
    last_open_before,
    next_open,
    open_between,
    settle,
)
from core.domain.policy.walltime import at_wall

VECTORS = json.loads((Path(__file__).parents[3] / "data" / "sending_rules.json").read_text())["vectors"]
RULES = {rule.id: rule for rule in all_rules()}
PARIS = (ZoneInfo("Europe/Paris"),)
FRANCE = calendar("FR")
MARKETING = rules_for("FR", Channel.SMS, MessageClass.MARKETING, date(2026, 12, 1))
REMINDER = rules_for("FR", Channel.SMS, MessageClass.TRANSACTIONAL, date(2026, 12, 1))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def paris(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return at_wall(date(year, month, day), time(hour, minute), PARIS[0])


def calendar_of(name: str | None) -> Calendar:
    return calendar(*name.split("-")) if name else NO_HOLIDAYS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['rule']} {vector['note']}")
def test_the_researched_moments(vector):
    around = ([RULES[vector["rule"]]], [ZoneInfo(vector["timezone"])], calendar_of(vector["holiday_calendar"]))
    moment = datetime.fromisoformat(vector["local"])
    assert is_open(moment, *around) is vector["allowed"]
    assert next_open(moment, *around) == datetime.fromisoformat(vector["next_allowed"])


def test_without_a_rule_every_moment_is_open():
    night = paris(12, 25, 3)
    assert is_open(night, (), PARIS, FRANCE)
    assert next_open(night, (), PARIS, FRANCE) == night
    assert settle(night, None, night, (), PARIS, FRANCE) == Settled(night)


def test_a_person_who_may_be_in_two_zones_is_reached_when_both_are_open():
    spain = (ZoneInfo("Europe/Madrid"), ZoneInfo("Atlantic/Canary"))
    rules = rules_for("ES", Channel.SMS, MessageClass.MARKETING, date(2026, 12, 1))
    [(opening, closing)] = open_between(paris(12, 1, 0), paris(12, 2, 0), rules, spain, calendar("ES"))
    assert (opening, closing) == (paris(12, 1, 10), paris(12, 1, 21))


def test_zones_without_a_common_hour_never_open():
    world = tuple(ZoneInfo(name) for name in ("Asia/Tokyo", "Europe/Paris", "America/Los_Angeles"))
    now = paris(12, 1, 12)
    assert next_open(now, REMINDER, world, NO_HOLIDAYS) is None
    answer = settle(now, None, now, REMINDER, world, NO_HOLIDAYS)
    assert isinstance(answer, Never)
    assert answer.reason.code == "no_window"


def test_a_workspace_narrows_and_never_widens():
    own = Hours.read({"mon-fri": ["07:00-12:00", "14:00-23:00"]})
    spans = open_between(paris(12, 1, 0), paris(12, 2, 0), MARKETING, PARIS, FRANCE, own)
    assert spans == [(paris(12, 1, 8), paris(12, 1, 12)), (paris(12, 1, 14), paris(12, 1, 20))]
    saturday = paris(12, 5, 10)
    answer = settle(saturday, None, saturday, MARKETING, PARIS, FRANCE, own)
    assert isinstance(answer, Settled)
    assert answer.at == paris(12, 7, 8)
    assert answer.reason is not None
    assert answer.reason.values["rule"] == "workspace"


def test_hours_without_a_break_at_midnight_are_one():
    always = Hours.read({"mon-sun": ["00:00-24:00"]})
    assert open_between(paris(10, 24, 5), paris(10, 27, 5), (), PARIS, FRANCE, always) == [
        (paris(10, 24, 5), paris(10, 27, 5))]


def test_a_window_around_the_hour_that_occurs_twice_opens_twice():
    own = Hours.read({"sun": ["02:30-03:30"]})
    spans = open_between(paris(10, 25, 0), paris(10, 25, 12), (), PARIS, FRANCE, own)
    assert [(a.strftime("%H:%M"), b.strftime("%H:%M")) for a, b in spans] == [("00:30", "01:00"), ("01:30", "02:30")]


@pytest.mark.parametrize("entry", [{"monday": ["08:00-20:00"]}, {"fri-mon": ["08:00-20:00"]}, {"mon": ["8-20"]},
                                   {"mon": ["20:00-08:00"]}, {"mon": ["08:00-24:30"]}, {"": ["08:00-09:00"]}])
def test_hours_that_cannot_be_read_are_refused(entry):
    with pytest.raises(BadInput) as error:
        Hours.read(entry)
    assert error.value.reason.code == "bad_hours"


class TestDeadlines:
    """A reminder that cannot wait leaves earlier; one that can do neither says so."""

    def test_it_waits_for_the_next_opening(self):
        wanted = paris(12, 5, 22)
        answer = settle(wanted, paris(12, 6, 12), paris(12, 1, 9), REMINDER, PARIS, FRANCE)
        assert isinstance(answer, Settled)
        assert (answer.at, answer.moved) == (paris(12, 6, 8), True)
        assert answer.reason is not None
        assert answer.reason.code == "outside_hours"
        assert dict(answer.reason.values) == {
            "rule": "FR-any-transactional", "window": "08:00-21:00", "closed": "hour",
            "source": REMINDER[0].source, "from": "2026-12-05 22:00 Europe/Paris",
            "to": "2026-12-06 08:00 Europe/Paris"}

    def test_it_leaves_in_the_last_window_before_when_the_next_one_is_too_late(self):
        answer = settle(paris(12, 6, 7), paris(12, 6, 7, 45), paris(12, 1, 9), REMINDER, PARIS, FRANCE)
        assert isinstance(answer, Settled)
        assert (answer.at, answer.moved) == (paris(12, 5, 20, 55), True)
        assert answer.reason is not None
        assert answer.reason.code == "moved_earlier"
        assert "2026-12-05 20:55" in answer.reason.sentence("fr")

    def test_it_leaves_at_once_when_the_last_window_is_about_to_close(self):
        now = paris(12, 5, 20, 58)
        answer = settle(paris(12, 6, 7), paris(12, 6, 7, 45), now, REMINDER, PARIS, FRANCE)
        assert isinstance(answer, Settled)
        assert answer.at == now

    def test_it_never_leaves_when_the_last_window_has_passed(self):
        answer = settle(paris(12, 6, 7), paris(12, 6, 7, 45), paris(12, 5, 21), REMINDER, PARIS, FRANCE)
        assert isinstance(answer, Never)
        assert answer.reason.code == "no_window_before_deadline"
        assert answer.reason.values["until"] == "2026-12-06 07:45 Europe/Paris"

    def test_the_deadline_itself_is_still_useful(self):
        answer = settle(paris(12, 6, 7), paris(12, 6, 8), paris(12, 5, 9), REMINDER, PARIS, FRANCE)
        assert isinstance(answer, Settled)
        assert answer.at == paris(12, 6, 8)

    def test_what_is_overdue_leaves_now(self):
        now = paris(12, 1, 12)
        assert settle(paris(12, 1, 9), None, now, REMINDER, PARIS, FRANCE) == Settled(now)

    def test_what_is_no_longer_useful_never_leaves(self):
        answer = settle(paris(12, 1, 9), paris(12, 1, 11), paris(12, 1, 12), REMINDER, PARIS, FRANCE)
        assert isinstance(answer, Never)
        assert answer.reason.code == "past_useful"

    def test_a_holiday_says_that_it_is_one(self):
        wanted = paris(12, 25, 10)
        answer = settle(wanted, None, wanted, MARKETING, PARIS, FRANCE)
        assert isinstance(answer, Settled)
        assert answer.at == paris(12, 26, 8)
        assert answer.reason is not None
        assert answer.reason.values["closed"] == "holiday"

    def test_a_short_window_is_used_from_its_start(self):
        own = Hours.read({"mon-sun": ["09:00-09:03"]})
        assert last_open_before(paris(12, 1, 12), (), PARIS, FRANCE, own) == paris(12, 1, 9)


PLACES = [("FR", "Europe/Paris"), ("RE", "Indian/Reunion"), ("US-TX", "America/Chicago"), ("GB", "Europe/London"),
          ("PT", "Atlantic/Azores"), ("AU", "Australia/Lord_Howe"), ("ES", "Europe/Madrid"), ("EG", "Africa/Cairo"),
          ("CL", "America/Santiago"), ("CU", "America/Havana")]


@st.composite
def surroundings(draw):
    """Rules, one or two zones, a calendar and maybe the workspace's own hours."""
    country, zone = draw(st.sampled_from(PLACES))
    _, other = draw(st.sampled_from(PLACES))
    klass = draw(st.sampled_from([MessageClass.MARKETING, MessageClass.TRANSACTIONAL]))
    channel = draw(st.sampled_from(list(Channel)))
    zones = tuple(ZoneInfo(name) for name in ([zone, other] if draw(st.booleans()) else [zone]))
    own = draw(st.none() | st.sampled_from([
        {"mon-fri": ["09:00-12:00", "14:00-19:00"]}, {"sun": ["00:00-24:00"], "mon-sat": ["00:00-03:00"]},
        {"mon-sun": ["19:58-20:02"]}, {}]))
    rules = rules_for(country, channel, klass, date(2026, 12, 1))
    if draw(st.integers(0, 4)) == 0:
        rules = ()
    return rules, zones, calendar(country.partition("-")[0]), None if own is None else Hours.read(own)


# Around the changes of clocks and the holidays, where mistakes live, and anywhere else.
MOMENTS = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)),
    *(st.datetimes(around - 2 * DAY, around + 2 * DAY) for around in (
        datetime(2027, 3, 28), datetime(2026, 10, 25), datetime(2026, 12, 25), datetime(2027, 4, 4),
        datetime(2026, 11, 1))),
).map(lambda moment: moment.replace(tzinfo=UTC))


def minutes(since: datetime, until: datetime) -> list[datetime]:
    """Each whole minute in between: the slow way to know."""
    first = since.replace(second=0, microsecond=0)
    return [m for m in (first + n * MINUTE for n in range(int((until - first) / MINUTE) + 1)) if since <= m < until]


@settings(deadline=None, max_examples=60)
@given(surroundings(), MOMENTS)
def test_the_next_opening_is_open_and_nothing_before_it_is(around, moment):
    opening = next_open(moment, *around)
    end = min(opening, moment + 3 * DAY) if opening else moment + 3 * DAY
    assert not any(is_open(m, *around) for m in minutes(moment, end))
    if opening is not None:
        assert opening >= moment
        assert is_open(opening, *around)
        assert opening == moment or not is_open(opening - timedelta(microseconds=1), *around)


@settings(deadline=None, max_examples=60)
@given(surroundings(), MOMENTS)
def test_open_times_are_exactly_the_open_minutes(around, moment):
    start = moment.replace(second=0, microsecond=0)
    spans = open_between(start, start + DAY, *around)
    for minute in minutes(start, start + DAY):
        assert any(a <= minute < b for a, b in spans) is is_open(minute, *around)


@settings(deadline=None, max_examples=60)
@given(surroundings(), MOMENTS)
def test_the_last_opening_is_open_and_close_to_its_end(around, moment):
    found = last_open_before(moment, *around)
    begin = max(found, moment - 3 * DAY) if found else moment - 3 * DAY
    after = [m for m in minutes(begin, moment) if is_open(m, *around)]
    if found is not None:
        assert found < moment
        assert is_open(found, *around)
        assert all(m - found <= MARGIN for m in after if m >= found)
    else:
        assert not after


@settings(deadline=None, max_examples=300)
@given(surroundings(), MOMENTS, st.timedeltas(-DAY, 5 * DAY), st.none() | st.timedeltas(-DAY, 4 * DAY))
def test_a_settled_moment_is_always_allowed_useful_and_not_in_the_past(around, now, ahead, useful):
    wanted = now + ahead
    until = None if useful is None else wanted + useful
    answer = settle(wanted, until, now, *around)
    if isinstance(answer, Never):
        assert answer.reason.sentence("fr") != answer.reason.code
        assert until is None or until < now or not any(
            is_open(m, *around) for m in minutes(max(wanted, now), min(until, max(wanted, now) + DAY)))
        return
    assert is_open(answer.at, *around)
    assert answer.at >= now
    assert until is None or answer.at <= until
    assert answer.moved is (answer.at != max(wanted, now)) is (answer.reason is not None)
    assert json.dumps(answer.reason.as_json() if answer.reason else None)
