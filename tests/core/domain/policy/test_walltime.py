"""The time layer: clock times survive every change of clocks, and no message is ever a day off."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.policy.holidays import calendar
from core.domain.policy.walltime import Duration, at_wall, format_duration, local, parse_duration, shift_days

PARIS = ZoneInfo("Europe/Paris")
ZONES = sorted(available_timezones() - {"Factory", "localtime"})
TEN_YEARS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC))
CLOCK = [time(h, m) for h in (0, 1, 2, 3, 4, 9, 23) for m in (0, 30)]
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def test_a_clock_time_that_is_skipped_is_the_first_moment_after_the_gap():
    assert at_wall(date(2027, 3, 28), time(2, 30), PARIS) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert at_wall(date(2027, 3, 28), time(2, 0), PARIS) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert at_wall(date(2027, 3, 28), time(2, 59, 59, 999_999), PARIS) == datetime(2027, 3, 28, 1, tzinfo=UTC)


def test_a_clock_time_that_occurs_twice_is_the_first_one():
    assert at_wall(date(2026, 10, 25), time(2, 30), PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_that_never_was_is_the_day_after():
    assert at_wall(date(2011, 12, 30), time(9), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_monday_nine_stays_monday_nine_when_planned_before_the_clocks_change():
    assert at_wall(date(2026, 10, 26), time(9), PARIS) == datetime(2026, 10, 26, 8, tzinfo=UTC)
    auckland = ZoneInfo("Pacific/Auckland")
    assert local(at_wall(date(2026, 10, 26), time(9), auckland), auckland).strftime("%A %H:%M") == "Monday 09:00"


def changes(zone: ZoneInfo) -> list[datetime]:
    """Every change of clocks of ten years, the first moment with the new offset."""
    found = []
    early, end = TEN_YEARS
    while early < end:
        late = early + 7 * DAY
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset():
            low, high = early, late
            while high - low > SECOND:
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                if middle.astimezone(zone).utcoffset() == early.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high)
        early = late
    return found


def test_every_clock_change_of_ten_years_in_every_zone_keeps_clock_times():
    seen = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone):
            seen += 1
            before, after = ((change - n * SECOND).astimezone(zone).utcoffset() for n in (1, 0))
            for day in (change.astimezone(zone).date() + n * DAY for n in (-1, 0, 1)):
                for at in CLOCK:
                    wall = datetime.combine(day, at)
                    candidates = [(wall - ahead).replace(tzinfo=UTC) for ahead in (before, after)]
                    true = [m for m in candidates if m.astimezone(zone).replace(tzinfo=None) == wall]
                    moment = at_wall(day, at, zone)
                    assert moment.tzinfo is UTC
                    assert moment == (min(true) if true else change), (name, wall)
    assert seen > 1000


@given(st.sampled_from(ZONES), st.dates(date(2026, 1, 1), date(2036, 12, 31)), st.times())
def test_what_a_clock_shows_comes_back(name, day, at):
    zone = ZoneInfo(name)
    shown = local(at_wall(day, at, zone), zone)
    assert shown.date() == day
    assert shown.replace(tzinfo=None) >= datetime.combine(day, at)
    assert shown.replace(tzinfo=None) - datetime.combine(day, at) <= timedelta(hours=1)


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="zone"):
        local(datetime(2026, 12, 1), PARIS)


def test_days_are_counted_on_the_calendar_or_on_the_working_calendar():
    assert shift_days(date(2026, 12, 28), -1) == date(2026, 12, 27)
    working = calendar("FR").is_working_day
    assert shift_days(date(2026, 12, 28), -1, working) == date(2026, 12, 24)
    assert shift_days(date(2026, 12, 24), 2, working) == date(2026, 12, 29)
    assert shift_days(date(2026, 12, 27), 0, working) == date(2026, 12, 27)


@pytest.mark.parametrize("shift", [lambda: shift_days(date(2026, 12, 1), 4000),
                                   lambda: shift_days(date(9999, 12, 31), 1),
                                   lambda: shift_days(date(2026, 12, 1), 1, lambda day: False)])
def test_a_shift_that_leads_nowhere_is_refused(shift):
    with pytest.raises(BadInput) as error:
        shift()
    assert error.value.reason.code == "bad_day_shift"


def test_a_day_is_the_same_clock_time_and_an_hour_is_elapsed_time():
    visit = datetime(2027, 3, 29, 7, tzinfo=UTC)                       # 09:00 in Paris, the day after the change
    assert local(parse_duration("P2D").before(visit, PARIS), PARIS).strftime("%d %H:%M") == "27 09:00"
    assert local(parse_duration("PT48H").before(visit, PARIS), PARIS).strftime("%d %H:%M") == "27 08:00"
    assert parse_duration("P2D").after(parse_duration("P2D").before(visit, PARIS), PARIS) == visit


@pytest.mark.parametrize(("text", "duration"), [
    ("PT48H", Duration(0, timedelta(hours=48))), ("P2D", Duration(2)), ("P1W", Duration(7)),
    ("PT1H30M", Duration(0, timedelta(minutes=90))), ("P1DT2H", Duration(1, timedelta(hours=2))),
    ("PT0S", Duration()), ("P0D", Duration()), ("PT90M", Duration(0, timedelta(minutes=90))),
])
def test_durations_are_read(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "2D", "P1Y", "P1M", "-P1D", "P1.5D", "PT1H ", "p1d", "PT1M1H",
                                  "P٢D", "P4000D", "PT999999H", "48h"])
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(BadInput) as error:
        parse_duration(text)
    assert error.value.reason.code == "bad_duration"
    assert "PT48H" in error.value.reason.sentence("fr")


@given(st.integers(0, 3660), st.integers(0, 3660 * 86400))
def test_a_duration_that_is_written_is_read_back(days, seconds):
    duration = Duration(days, timedelta(seconds=seconds))
    assert parse_duration(format_duration(duration)) == duration
