"""Days and hours as people say them in a message, in the five languages that we speak."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

LANGUAGES = ("fr", "en", "es", "de", "it")

_WEEKDAYS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "it": ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
})
_MONTHS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
           "décembre"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
           "Dezember"),
    "it": ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre",
           "novembre", "dicembre"),
})
_DATES = MappingProxyType({"fr": "{weekday} {day} {month}", "en": "{weekday} {day} {month}",
                           "es": "{weekday} {day} de {month}", "de": "{weekday}, {day}. {month}",
                           "it": "{weekday} {day} {month}"})
_MOMENTS = MappingProxyType({"fr": "{date} à {time}", "en": "{date} at {time}", "es": "{date} a las {time}",
                             "de": "{date} um {time}", "it": "{date} alle {time}"})


def language_of(tag: str) -> str:
    """The language that we speak for a tag like "fr", "fr-FR" or "en_GB"; English for those that we do not know."""
    language = tag[:2].lower()
    return language if language in LANGUAGES else "en"


def weekday(day: date, language: str) -> str:
    """"lundi", "Monday"."""
    return _WEEKDAYS[language][day.weekday()]


def long_date(day: date, language: str) -> str:
    """"lundi 26 octobre", "Monday 26 October"; in French the first of a month is "1er"."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return _DATES[language].format(weekday=weekday(day, language), day=number, month=_MONTHS[language][day.month - 1])


def short_date(day: date, language: str) -> str:
    """"26/10"; in German "26.10."."""
    return f"{day.day:02d}.{day.month:02d}." if language == "de" else f"{day.day:02d}/{day.month:02d}"


def hour(moment: datetime, language: str) -> str:
    """"9h00", "9:00 am", "9:00 Uhr", as the clock of `moment`'s own zone shows it."""
    if language == "en":
        return f"{moment.hour % 12 or 12}:{moment.minute:02d} {'am' if moment.hour < 12 else 'pm'}"
    if language == "fr":
        return f"{moment.hour}h{moment.minute:02d}"
    return f"{moment.hour}:{moment.minute:02d}" + (" Uhr" if language == "de" else "")


def moment_in_words(moment: datetime, language: str) -> str:
    """"lundi 26 octobre à 9h00", "Monday 26 October at 9:00 am"."""
    return _MOMENTS[language].format(date=long_date(moment, language), time=hour(moment, language))
