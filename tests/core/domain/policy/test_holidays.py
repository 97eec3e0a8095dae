"""Public holidays: eleven national days, and the parts of France that have more."""

from __future__ import annotations

from datetime import date

import pytest

from core.domain.policy.holidays import NO_HOLIDAYS, calendar

GOOD_FRIDAY = date(2027, 3, 26)
NATIONAL = [date(2027, *day) for day in ((1, 1), (3, 29), (5, 1), (5, 6), (5, 8), (5, 17), (7, 14), (8, 15), (11, 1),
                                         (11, 11), (12, 25))]


def test_france_has_eleven():
    year = [date.fromordinal(n) for n in range(date(2027, 1, 1).toordinal(), date(2028, 1, 1).toordinal())]
    assert [day for day in year if calendar("FR").is_holiday(day)] == NATIONAL


@pytest.mark.parametrize("department", ["57", "67", "68"])
def test_alsace_and_moselle_add_two(department):
    here = calendar("FR", department)
    assert here.is_holiday(GOOD_FRIDAY)
    assert here.is_holiday(date(2027, 12, 26))
    assert all(here.is_holiday(day) for day in NATIONAL)
    assert not calendar("FR", "75").is_holiday(GOOD_FRIDAY)


@pytest.mark.parametrize(("region", "department", "day"), [
    ("YT", "976", (4, 27)), ("MQ", "972", (5, 22)), ("GP", "971", (5, 27)), ("GF", "973", (6, 10)),
    ("RE", "974", (12, 20)),
])
def test_overseas_departments_add_the_abolition_day(region, department, day):
    for here in (calendar(region), calendar("FR", region), calendar("FR", department)):
        assert here.is_holiday(date(2027, *day))
        assert all(here.is_holiday(national) for national in NATIONAL)
    assert not calendar("FR").is_holiday(date(2027, *day))


@pytest.mark.parametrize("region", ["PM", "BL", "MF"])
def test_the_other_overseas_codes_have_a_calendar_too(region):
    assert calendar(region).is_holiday(date(2027, 7, 14))


def test_an_unknown_part_gets_the_national_list_and_an_unknown_country_none():
    assert calendar("FR", "GES") == calendar("FR")
    assert calendar("DE", "nowhere") == calendar("DE")
    assert calendar("ZZ") == NO_HOLIDAYS
    assert not NO_HOLIDAYS.is_holiday(date(2027, 1, 1))


def test_working_days_are_monday_to_friday_without_holidays():
    assert calendar("FR").is_working_day(date(2026, 12, 24))
    assert not calendar("FR").is_working_day(date(2026, 12, 25))
    assert not calendar("FR").is_working_day(date(2026, 12, 26))
