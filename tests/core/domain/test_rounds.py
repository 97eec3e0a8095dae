"""A round of questions: what changed since the last one began, part by part and page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.domain.rounds import Round

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
MONTH, BIT = timedelta(days=30), timedelta(minutes=10)


def read(cursor: str | None, now: datetime = NOW) -> Round:
    return Round.read(cursor, now, at_first=MONTH, overlap=BIT, parts=2)


def test_the_first_round_looks_back_a_month() -> None:
    first = read(None)
    assert (first.since, first.part, first.page, first.begins) == (NOW - MONTH, 0, 1, True)


def test_a_round_goes_page_by_page_and_part_by_part_however_often_it_is_interrupted() -> None:
    seen, cursor, goes_on, pages = [], None, True, iter([True, False, False])
    while goes_on:
        going = read(cursor, NOW + timedelta(hours=len(seen)))
        seen.append((going.part, going.page, going.since))
        goes_on, cursor = going.turn(next(pages)), going.written()
    assert seen == [(0, 1, NOW - MONTH), (0, 2, NOW - MONTH), (1, 1, NOW - MONTH)]


def test_the_next_round_asks_for_what_changed_since_the_last_one_began_and_a_bit_more() -> None:
    last = read(None)
    while last.turn(more=False):
        pass
    following = read(last.written(), NOW + timedelta(hours=1))
    assert (following.began, following.since, following.begins) == (NOW + timedelta(hours=1), NOW - BIT, True)
