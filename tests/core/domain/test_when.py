"""When a message leaves, in the few forms that people and programs write, and over both changes of the clocks."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.policy.walltime import Duration, local
from core.domain.when import After, AtWall, Before, OnChange, parse_short, parse_when, wall_moment

PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
SYDNEY = ZoneInfo("Australia/Sydney")


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


# ---------------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ({"before": "PT48H"}, Before(Duration(0, timedelta(hours=48)))),
        ({"before": "P2D"}, Before(Duration(2))),
        ({"after": "PT1H"}, After(Duration(0, timedelta(hours=1)))),
        ({"days": -1, "at": "18:00"}, AtWall(-1, time(18))),
        ({"days": 2, "at": "09:30", "working_days": True, "zone": "recipient"},
         AtWall(2, time(9, 30), True, "recipient")),
        ({"change": "moved"}, OnChange("moved")),
    ],
)
def test_each_form_has_one_reading(written: dict[str, Any], means: object) -> None:
    assert parse_when(written) == means


@pytest.mark.parametrize(
    ("written", "code", "pointer"),
    [
        (None, "bad_when", "/when"),
        ("PT1H", "bad_when", "/when"),
        ({}, "bad_when", "/when"),
        ({"before": "PT1H", "after": "PT1H"}, "bad_when", "/when"),
        ({"change": "eaten"}, "bad_when", "/when"),
        ({"before": 3}, "bad_duration", "/when/before"),
        ({"before": "-PT1H"}, "bad_duration", "/when/before"),
        ({"after": "P1M"}, "bad_duration", "/when/after"),
        ({"days": True, "at": "18:00"}, "bad_days", "/when/days"),
        ({"days": 401, "at": "18:00"}, "bad_days", "/when/days"),
        ({"days": -1, "at": "25:00"}, "bad_time", "/when/at"),
        ({"days": -1, "at": "6 pm"}, "bad_time", "/when/at"),
        ({"days": -1, "at": 18}, "bad_time", "/when/at"),
        ({"days": -1, "at": "18:00", "working_days": 1}, "bad_when", "/when/working_days"),
        ({"days": -1, "at": "18:00", "zone": "Europe/Paris"}, "bad_zone_of", "/when/zone"),
    ],
)
def test_anything_else_is_refused_at_its_place(written: object, code: str, pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_when(written)
    assert (refused.value.reason.code, refused.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("short", "means"),
    [
        ("-1d@18:00", AtWall(-1, time(18))),
        ("0d@08:00", AtWall(0, time(8))),
        ("+2h", After(Duration(0, timedelta(hours=2)))),
        ("2h", After(Duration(0, timedelta(hours=2)))),
        ("-48h", Before(Duration(0, timedelta(hours=48)))),
        ("-2d", Before(Duration(2))),
        (" -90M ", Before(Duration(0, timedelta(minutes=90)))),
    ],
)
def test_the_short_form_of_the_command_line(short: str, means: object) -> None:
    assert parse_short(short) == means


@pytest.mark.parametrize("short", ["", "-", "@", "-1d@", "-1d@1800", "tomorrow", "-1w", "--1h", "-h", "1234d@8", "²h"])
def test_a_short_form_that_says_nothing_is_refused(short: str) -> None:
    with pytest.raises(BadInput):
        parse_short(short)


spans = st.builds(Duration, st.integers(0, 400), st.integers(0, 10_000).map(lambda n: timedelta(minutes=n)))
forms = st.one_of(
    st.builds(Before, spans),
    st.builds(After, spans),
    st.builds(AtWall, st.integers(-400, 400), st.times().map(lambda at: at.replace(second=0, microsecond=0)),
              st.booleans(), st.sampled_from(["occasion", "recipient", "workspace"])),
    st.builds(OnChange, st.sampled_from(["booked", "moved", "cancelled"])),
)


@given(forms)
def test_what_is_written_reads_back_the_same(form: Before | After | AtWall | OnChange) -> None:
    assert parse_when(form.as_json()) == form


NAMES = st.sampled_from(["before", "after", "days", "at", "change", "zone"])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.dictionaries(NAMES, inner)))
def test_no_json_breaks_it(written: Any) -> None:
    with suppress(BadInput):
        parse_when(written)


# ---------------------------------------------------------------------------------------------- moments


@pytest.mark.parametrize(
    ("start", "span", "leaves"),
    [
        # The clocks of Paris go forward on 28 March 2027 and back on 31 October 2027.
        ("2027-03-28T10:00", Duration(1), "2027-03-27T10:00"),
        ("2027-03-28T10:00", Duration(0, timedelta(hours=24)), "2027-03-27T09:00"),
        ("2027-10-31T10:00", Duration(1), "2027-10-30T10:00"),
        ("2027-10-31T10:00", Duration(0, timedelta(hours=24)), "2027-10-30T11:00"),
        ("2027-03-29T02:30", Duration(1, timedelta(hours=1)), "2027-03-28T01:00"),
    ],
)
def test_days_keep_the_clock_time_and_hours_are_elapsed(start: str, span: Duration, leaves: str) -> None:
    assert span.before(paris(start), PARIS) == paris(leaves)


def test_a_time_that_the_clocks_skip_is_the_first_moment_after_the_gap() -> None:
    skipped = wall_moment(AtWall(0, time(2, 30)), date(2027, 3, 28), PARIS, lambda day: True)
    assert skipped == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert local(skipped, PARIS).time() == time(3)


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        (PARIS, date(2027, 10, 31), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        (NEW_YORK, date(2027, 11, 7), datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
        (SYDNEY, date(2027, 4, 4), datetime(2027, 4, 3, 15, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_comes_twice_is_its_first(zone: ZoneInfo, day: date, first: datetime) -> None:
    at = time(1, 30) if zone is NEW_YORK else time(2, 30)
    assert wall_moment(AtWall(0, at), day, zone, lambda day: True) == first


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.integers(-30, 30), st.sampled_from([PARIS, NEW_YORK, SYDNEY]))
def test_six_in_the_evening_is_six_in_the_evening_on_every_day(day: date, days: int, zone: ZoneInfo) -> None:
    there = local(wall_moment(AtWall(days, time(18)), day, zone, lambda day: True), zone)
    assert (there.date(), there.time()) == (day + timedelta(days=days), time(18))


def test_working_days_step_over_the_weekend_and_a_holiday() -> None:
    def working(day: date) -> bool:
        return day.weekday() < 5 and day != date(2026, 12, 25)

    monday = date(2026, 12, 28)
    assert local(wall_moment(AtWall(-1, time(18), True), monday, PARIS, working), PARIS).date() == date(2026, 12, 24)
    assert local(wall_moment(AtWall(-1, time(18)), monday, PARIS, working), PARIS).date() == date(2026, 12, 27)
