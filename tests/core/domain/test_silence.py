"""A shop that used to speak and does not: what it is used to, and when it is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.domain.silence import learnt, silent, spoken, waking

PARIS = ZoneInfo("Europe/Paris")
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize("start, end, hours", [
    ("2026-11-30 09:00", "2026-11-30 11:00", 2), ("2026-11-30 21:00", "2026-12-01 09:00", 2),
    ("2026-11-30 22:30", "2026-12-01 07:30", 0), ("2026-11-30 20:00", "2026-12-02 10:00", 2 + 14 + 2),
    ("2026-10-24 21:00", "2026-10-25 09:00", 2), ("2026-12-01 11:00", "2026-12-01 10:00", 0),
])
def test_nights_do_not_count(start: str, end: str, hours: int) -> None:
    assert waking(paris(start), paris(end), PARIS) == hours * HOUR


def busy(
    days: int = 7, every: timedelta = 20 * MINUTE, end: str = "2026-11-30 12:00"
) -> tuple[dict[str, int], datetime]:
    """The rhythm of a shop that spoke so often until `end`."""
    last = paris(end)
    at, heard, rhythm = last - days * DAY, None, {}
    while at <= last:
        rhythm = learnt(rhythm, heard, at, PARIS, missed=False)
        heard, at = at, at + every
    assert heard is not None
    return rhythm, heard


def test_a_busy_shop_is_missed_after_four_waking_hours() -> None:
    rhythm, heard = busy()

    assert silent(rhythm, heard, heard + 3 * HOUR, PARIS) is None
    found = silent(rhythm, heard, heard + 6 * HOUR, PARIS)
    assert found is not None
    assert (found.hours, found.usual, found.since) == (6, 20 * MINUTE, heard)


def test_a_night_is_no_silence() -> None:
    rhythm, heard = busy(end="2026-11-30 21:40")

    assert silent(rhythm, heard, paris("2026-12-01 08:30"), PARIS) is None
    assert silent(rhythm, heard, paris("2026-12-01 12:30"), PARIS) is not None


def test_who_speaks_seldom_is_missed_late() -> None:
    rhythm, heard = busy(every=5 * HOUR)

    assert silent(rhythm, heard, heard + 12 * HOUR, PARIS) is None
    assert silent(rhythm, heard, heard + 2 * DAY, PARIS) is not None


def test_nobody_is_missed_before_it_has_spoken_for_some_days() -> None:
    rhythm, heard = busy(days=1)

    assert silent(rhythm, heard, heard + 2 * DAY, PARIS) is None


def test_a_silence_that_was_an_alarm_is_nothing_to_get_used_to() -> None:
    rhythm, heard = busy()
    back = heard + 2 * DAY

    used, not_used = (learnt(rhythm, heard, back, PARIS, missed=missed) for missed in (False, True))

    assert silent(used, back, back + 6 * HOUR, PARIS) is None
    assert silent(not_used, back, back + 6 * HOUR, PARIS) is not None


def test_two_weeks_are_remembered() -> None:
    rhythm, _ = busy(days=30)

    assert len(rhythm) == 14


@pytest.mark.parametrize("span, said", [(20 * MINUTE, "20 min"), (5 * HOUR, "5 h"), (timedelta(), "1 min")])
def test_a_pause_in_words(span: timedelta, said: str) -> None:
    assert spoken(span) == said
