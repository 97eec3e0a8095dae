"""Public holidays where the recipient lives. The dates come from the `holidays` package; the French map is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays as dates

# The package knows Moselle as 57 and Alsace as 6AE only, raises for 67, 68 and GF, and silently answers with the
# national list for GES.
_FRENCH: Mapping[str, str] = {
    "57": "57", "67": "6AE", "68": "6AE", "6AE": "6AE",
    "GP": "971", "MQ": "972", "GF": "973", "RE": "974", "YT": "976", "PM": "PM", "BL": "BL", "MF": "MF",
    "971": "971", "972": "972", "973": "973", "974": "974", "975": "PM", "976": "976", "977": "BL", "978": "MF",
}
_OVERSEAS = frozenset({"GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF"})


@dataclass(frozen=True, slots=True)
class Calendar:
    """The public holidays of `country`, or of one `subdivision` of it. An empty country has none."""

    country: str = ""
    subdivision: str | None = None

    def is_holiday(self, day: date) -> bool:
        """Whether `day`, a day of the recipient's own calendar, is a public holiday there."""
        return bool(self.country) and day in _holidays(self.country, self.subdivision, day.year)

    def holiday_name(self, day: date, language: str) -> str | None:
        """What the public holiday of that day is called, in "fr" or "en" where the source knows that; None for a day
        that is none."""
        if not self.is_holiday(day):
            return None
        spoken = "fr" if language == "fr" else "en_US"
        return _names(self.country, self.subdivision, day.year, spoken).get(day)

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday without public holidays: what people mean by "two working days before"."""
        return day.weekday() < 5 and not self.is_holiday(day)


NO_HOLIDAYS = Calendar()


@lru_cache(maxsize=1024)
def calendar(country: str, subdivision: str | None = None) -> Calendar:
    """The calendar of a country (ISO 3166; the French overseas codes too) or of a part of it.

    `subdivision` is a French department ("57", "974") or an ISO 3166-2 part ("BY" of DE). One that the source does not
    know gets the national list, and a country that it does not know has no holidays.
    """
    country = country.upper()
    if country in _OVERSEAS:
        country, subdivision = "FR", country
    known = dates.list_supported_countries(include_aliases=False)
    if country not in known:
        return NO_HOLIDAYS
    if subdivision is not None:
        subdivision = subdivision.upper()
        if country == "FR":
            subdivision = _FRENCH.get(subdivision)
        elif subdivision not in known[country]:
            subdivision = None
    return Calendar(country, subdivision)


@lru_cache(maxsize=64)
def _names(country: str, subdivision: str | None, year: int, language: str) -> Mapping[date, str]:
    return dict(dates.country_holidays(country, subdiv=subdivision, years=year, language=language))


@lru_cache(maxsize=512)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(dates.country_holidays(country, subdiv=subdivision, years=year))
