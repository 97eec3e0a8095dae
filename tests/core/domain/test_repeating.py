"""On which days a campaign repeats, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from core.domain.repeating import Every, Repeats

PARIS = ZoneInfo("Europe/Paris")


def test_the_hour_on_the_wall_stays_when_clocks_change() -> None:
    weekly = Repeats(Every.WEEK, date(2026, 10, 19), time(10), PARIS)
    assert [weekly.moment(index).hour for index in (0, 1)] == [8, 9]


def test_the_last_day_of_a_shorter_month_stands_for_the_31st() -> None:
    monthly = Repeats(Every.MONTH, date(2026, 12, 31), time(10), PARIS)
    assert [monthly.day(index).isoformat() for index in range(4)] == [
        "2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]


def test_it_ends_with_its_last_day_or_its_last_run() -> None:
    weekly = Repeats(Every.WEEK, date(2026, 12, 1), time(10), PARIS, until=date(2026, 12, 15), most=3)
    assert weekly.after(weekly.moment(1), 2) == weekly.moment(2)
    assert weekly.after(weekly.moment(2), 2) is None
    assert weekly.after(weekly.moment(0), 3) is None


@given(
    every=st.sampled_from(Every), first=st.dates(date(2020, 1, 1), date(2030, 1, 1)), days=st.integers(-400, 4000),
    at=st.times(), zone=st.sampled_from(["Europe/Paris", "America/Sao_Paulo", "Pacific/Apia", "UTC"]),
)
def test_the_next_one_is_the_first_of_those_that_are_later(
    every: Every, first: date, days: int, at: time, zone: str
) -> None:
    repeats = Repeats(every, first, at.replace(second=0, microsecond=0), ZoneInfo(zone))
    moment = datetime.combine(first, time(12), UTC) + timedelta(days=days)
    found = repeats.after(moment, 0)
    assert found is not None
    assert found == min(one for one in map(repeats.moment, range(800)) if one > moment)
