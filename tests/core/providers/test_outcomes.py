"""The table of what an answer means, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.guarded import Answer
from core.providers.http import Broken
from core.providers.outcomes import LONGEST_PAUSE, Fate, classify, retry_after

NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


def answered(status: int, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize("statuses, fate", [
    ((200, 201, 202, 204), Fate.OK),
    ((503, 429, 425), Fate.LATER),
    ((500, 502, 504, 501, 507, 520, 408), Fate.UNCERTAIN),
    ((401, 402, 403, 407), Fate.ACCOUNT),
    ((400, 404, 405, 409, 410, 413, 422), Fate.REFUSED),
    ((301, 302, 303, 304, 307, 308), Fate.REFUSED),
])
def test_statuses(statuses: tuple[int, ...], fate: Fate) -> None:
    assert {classify(answered(status), NOW).fate for status in statuses} == {fate}


def test_a_broken_line_is_in_doubt_only_if_we_spoke() -> None:
    assert classify(Broken(False, "refused"), NOW).fate is Fate.LATER
    assert classify(Broken(True, "cut"), NOW).fate is Fate.UNCERTAIN
    assert classify(Broken(True, "cut"), NOW).detail == "cut"


def test_a_providers_contract_may_say_that_a_5xx_took_nothing() -> None:
    assert classify(answered(500), NOW, took_nothing_on_5xx=True).fate is Fate.LATER
    assert classify(Broken(True, "cut"), NOW, took_nothing_on_5xx=True).fate is Fate.UNCERTAIN


def test_a_providers_contract_may_correct_a_status() -> None:
    assert classify(answered(409), NOW, statuses={409: Fate.UNCERTAIN}).fate is Fate.UNCERTAIN


def test_the_pause_that_was_asked_for_is_kept() -> None:
    assert classify(answered(429, retry_after="7"), NOW).after == timedelta(seconds=7)
    assert classify(answered(429), NOW).after is None


@pytest.mark.parametrize("text, seconds", [
    ("0", 0), ("120", 120), (" 120 ", 120), ("1.2", 2), ("30, 60", 60),
    ("Wed, 21 Oct 2026 07:29:30 GMT", 90), ("Wed, 21 Oct 2026 09:29:30 +0200", 90),
    ("Wed, 21 Oct 2026 07:29:30 -0000", 90),
    ("Wed, 21 Oct 2026 07:00:00 GMT", 0),
    ("99999999999", LONGEST_PAUSE.total_seconds()), ("Wed, 21 Oct 2099 07:28:00 GMT", LONGEST_PAUSE.total_seconds()),
])
def test_pauses(text: str, seconds: float) -> None:
    assert retry_after(text, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", [
    None, "", "soon", "nan", "inf", "-5", "1e9", "٣", "Wed, 99 Oct 2026 07:28:00 GMT", ",",
])
def test_what_cannot_be_read_asks_for_nothing(text: str | None) -> None:
    assert retry_after(text, NOW) is None


NEARLY_DATES = r"[A-Za-z]{3}, \d{1,2} [A-Za-z]{3} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,6}"


@given(st.text() | st.from_regex(NEARLY_DATES, fullmatch=True))
def test_no_header_breaks_us(text: str) -> None:
    pause = retry_after(text, NOW)
    assert pause is None or timedelta(0) <= pause <= LONGEST_PAUSE
