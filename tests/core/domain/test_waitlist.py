"""Who is next, until when, and what follows, whatever people answer and in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.reasons import Reason
from core.domain.waitlist import (
    LEAST_HOLD,
    Ask,
    Candidate,
    Cause,
    End,
    Give,
    Hold,
    OfferState,
    Open,
    Slot,
    SlotState,
    Terms,
    Verdict,
    Wait,
    Wishes,
    follows,
    foreseen,
    heard,
    held_until,
    read_terms,
    read_wishes,
    rounds,
    why_not,
)

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
TUESDAY = Slot(datetime(2026, 12, 1, 8, 0, tzinfo=UTC), "Europe/Paris", "ins_1", title="Détartrage adulte")
TERMS = Terms(on=True)


def by_day(at: datetime) -> datetime | Reason:
    """From eight to eight where people are, as the law and the clinic may have it."""
    there = at.astimezone(PARIS)
    if time(8) <= there.time() < time(20):
        return at
    day = there.date() if there.time() < time(8) else there.date() + timedelta(days=1)
    return datetime.combine(day, time(8), PARIS).astimezone(UTC)


def waits(
    number: str = "+33639980021", *, wishes: Wishes | None = None, position: int = 1,
    may: Callable[[datetime], datetime | Reason] = by_day, **more: object,
) -> Candidate:  # fmt: skip
    return Candidate(number, number, position, NOW, wishes or Wishes(), may, **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- who fits


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (waits(), None),
        (waits(asked=True), "waitlist_asked_before"),
        (waits(installation="ins_2"), "waitlist_other_calendar"),
        (waits(kind="detartrage"), None),
        (waits(kind="Contrôle"), "waitlist_other_kind"),
        (waits(wishes=Wishes(earliest=date(2026, 12, 2))), "waitlist_too_early"),
        (waits(wishes=Wishes(latest=date(2026, 11, 30))), "waitlist_too_late"),
        (waits(wishes=Wishes(weekdays=frozenset({0, 2}))), "waitlist_weekday"),
        (waits(wishes=Wishes(weekdays=frozenset({1}), until=time(12))), None),
        (waits(wishes=Wishes(after=time(9, 30))), "waitlist_hour"),
        (waits(wishes=Wishes(until=time(9))), "waitlist_hour_late"),
        (waits(own=TUESDAY.start), "waitlist_no_gain"),
        (waits(own=TUESDAY.start + timedelta(days=3)), None),
        (waits(busy=True), "waitlist_busy"),
        (waits(elsewhere=True), "waitlist_asked_elsewhere"),
        (waits(lately=2), "waitlist_asked_often"),
    ],
)
def test_each_person_who_is_passed_over_has_a_reason(one: Candidate, code: str | None) -> None:
    why = why_not(one, TUESDAY, TERMS)
    assert (why and why.code) == code


def test_who_gave_the_time_up_is_not_offered_it() -> None:
    slot = Slot(TUESDAY.start, TUESDAY.zone, "ins_1", freed_by=frozenset({"+33639980021"}))
    assert why_not(waits(), slot, TERMS) == Reason("waitlist_gave_it_up")


def test_the_first_in_the_clinics_order_is_asked_until_a_time_that_can_be_named() -> None:
    first, second = waits("+33639980022", position=1), waits("+33639980021", position=2)
    step = follows(TUESDAY, TERMS, [second, first], (), NOW + timedelta(seconds=1))
    assert step == Ask(first, NOW + timedelta(minutes=35))


def test_while_somebody_is_asked_nothing_happens_and_then_a_late_yes_comes_before_a_new_person() -> None:
    asked = Open("b", OfferState.ASKED, NOW + timedelta(minutes=30))
    late = Open("a", OfferState.RESERVE, NOW, NOW)
    assert follows(TUESDAY, TERMS, [waits()], [late, asked], NOW) == Hold(asked.until)
    assert follows(TUESDAY, TERMS, [waits()], [late], NOW) == Give("a")


def test_at_night_it_waits_for_the_morning_and_ends_when_the_morning_is_too_late() -> None:
    night = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    early = Terms(on=True, notice=timedelta(minutes=30))
    assert follows(TUESDAY, early, [waits()], (), night) == Wait(
        datetime(2026, 12, 1, 7, 0, tzinfo=UTC), Reason("waitlist_waits_for_hours"))  # fmt: skip
    assert follows(TUESDAY, TERMS, [waits()], (), night) == Wait(
        TUESDAY.deadline(TERMS), Reason("waitlist_nobody_fits"))  # fmt: skip
    assert follows(TUESDAY, TERMS, [waits()], (), TUESDAY.deadline(TERMS)) == End(Reason("waitlist_no_time"))


def test_how_many_can_still_be_asked_before_the_slot_is_of_no_use() -> None:
    def opens(at: datetime) -> datetime | None:
        found = by_day(at)
        return None if isinstance(found, Reason) else found

    one_hour = Terms(on=True, notice=timedelta(0), hold=timedelta(minutes=60))
    assert rounds(TUESDAY, one_hour, datetime(2026, 11, 30, 17, 0, tzinfo=UTC), opens) == 3
    assert rounds(TUESDAY, one_hour, TUESDAY.start - timedelta(minutes=9), opens) == 0


# ---------------------------------------------------------------------------------------------- whatever happens

moments = st.integers(0, 60 * 24 * 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
queues = st.lists(
    st.builds(
        lambda number, position, own, day: waits(
            f"+336399800{number:02d}", position=position,
            own=TUESDAY.start + timedelta(days=own) if own else None,
            wishes=Wishes(earliest=date(2026, 11, 29) + timedelta(days=day)),
        ),
        st.integers(0, 9), st.integers(0, 3), st.integers(-2, 5), st.integers(0, 4),
    ),
    max_size=8,
)  # fmt: skip
all_terms = st.builds(
    lambda notice, hold: Terms(on=True, notice=timedelta(minutes=notice), hold=timedelta(minutes=hold)),
    st.integers(0, 600), st.integers(10, 300),
)  # fmt: skip
slots = st.integers(0, 60 * 72).map(
    lambda minutes: Slot(NOW + timedelta(minutes=minutes), "Europe/Paris", "ins_1", title="x"))  # fmt: skip


@given(slots, all_terms, queues, moments)
def test_whom_it_would_be_offered_to_nobody_twice_never_at_night_and_always_in_time(slot, terms, queue, now) -> None:
    at = now
    asked: list[str] = []
    for step in foreseen(slot, terms, queue, now):
        if isinstance(step, Ask):
            asked.append(step.candidate.number)
            assert step.until <= slot.deadline(terms)
            begins = max(at, by_day(at))  # type: ignore[type-var]
            assert step.until - begins >= LEAST_HOLD
            assert time(8) <= begins.astimezone(PARIS).time() < time(20)
            at = step.until
    assert len(asked) == len(set(asked))


answers = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 90)), max_size=25)


@given(answers)
def test_in_whatever_order_people_answer_exactly_one_gets_it_and_nobody_is_asked_twice(said) -> None:
    """Five people, a clock, and answers at any time: the same steps as the engine takes, on plain values."""
    people = [waits(f"+3363998000{last}", position=last) for last in range(5)]
    offers: dict[str, tuple[OfferState, datetime]] = {}
    state, winner, ever = SlotState.OPEN, "", list[str]()
    terms = Terms(on=True, notice=timedelta(0))
    slot = Slot(NOW + timedelta(hours=10), "Europe/Paris", "ins_1")
    now = NOW

    def go_on() -> None:
        nonlocal state, winner
        for _ in range(20):
            if state is not SlotState.OPEN:
                return
            for number, (one, until) in offers.items():
                if one is OfferState.ASKED and until <= now:
                    offers[number] = (OfferState.SILENT, until)
            queue = [waits(one.number, position=one.position, asked=one.number in offers) for one in people]
            opens = [Open(number, one, until, until) for number, (one, until) in offers.items()]
            step = follows(slot, terms, queue, opens, now)
            if isinstance(step, Ask):
                ever.append(step.candidate.number)
                offers[step.candidate.number] = (OfferState.ASKED, step.until)
            elif isinstance(step, Give):
                offers[step.offer], state, winner = (OfferState.TAKEN, now), SlotState.TAKEN, step.offer
            elif isinstance(step, End):
                state = SlotState.OVER
            else:
                return

    go_on()
    for who, yes, minutes in said:
        now += timedelta(minutes=minutes)
        go_on()
        number = people[who].number
        if number not in offers:
            continue
        one, until = offers[number]
        asked = [other for other, (its, end) in offers.items() if its is OfferState.ASKED and end > now]
        verdict = heard(
            yes, one, state, other_asked=bool(set(asked) - {number}), settled=False,
            late=now >= max(slot.deadline(terms), until))  # fmt: skip
        if verdict is Verdict.TAKE:
            assert state is SlotState.OPEN
            offers[number], state, winner = (OfferState.TAKEN, until), SlotState.TAKEN, number
        elif verdict is Verdict.RESERVE:
            assert asked, "in reserve only while somebody else is asked"
            offers[number] = (OfferState.RESERVE, until)
        elif verdict is Verdict.ON:
            offers[number] = (OfferState.NO, until)
        elif verdict is Verdict.GIVE_BACK:
            assert number == winner
            offers[number], state, winner = (OfferState.NO, until), SlotState.OPEN, ""
        elif verdict is Verdict.LATE:
            assert winner not in ("", number)
        go_on()
        assert sum(its is OfferState.TAKEN for its, _ in offers.values()) == (state is SlotState.TAKEN)
        assert sum(its is OfferState.ASKED for its, _ in offers.values()) <= 1
    assert len(ever) == len(set(ever)), "nobody is asked twice"


@given(all_terms, slots, moments)
def test_a_hold_is_never_shorter_than_what_a_person_needs_nor_longer_than_the_slot_is_of_use(terms, slot, now) -> None:
    until = held_until(now, slot, terms)
    if until is None:
        assert slot.deadline(terms) - now < LEAST_HOLD
    else:
        assert until - now >= LEAST_HOLD
        assert until <= slot.deadline(terms)
        assert until == slot.deadline(terms) or until - now >= terms.hold


# ---------------------------------------------------------------------------------------------- what is given


def test_wishes_and_terms_come_back_as_they_were_kept() -> None:
    wishes = read_wishes({"earliest": "2026-12-01", "weekdays": ["mon", "fri"], "after": "09:00", "until": "12:00"})
    assert Wishes.from_json(wishes.as_json()) == wishes
    terms = read_terms({"on": True, "hold_minutes": 45, "causes": ["moved"], "keyword": " PLUSTOT "})
    assert read_terms(terms.as_json()) == terms
    assert (terms.hold, terms.causes, terms.keyword) == (timedelta(minutes=45), frozenset({Cause.MOVED}), "PLUSTOT")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"earliest": "demain"}, "/wishes/earliest"), ({"weekdays": "mon"}, "/wishes/weekdays"),
        ({"weekdays": ["lundi"]}, "/wishes/weekdays"), ({"after": "9h"}, "/wishes/after"),
        ({"earliest": "2026-12-02", "latest": "2026-12-01"}, "/wishes/latest"),
        ({"after": "12:00", "until": "12:00"}, "/wishes/until"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_read_says_where(wrong: dict[str, object], pointer: str) -> None:
    with pytest.raises(BadInput) as error:
        read_wishes(wrong)
    assert error.value.pointer == pointer


@pytest.mark.parametrize("wrong", [{"hold_minutes": 5}, {"most": 0}, {"days": "7"}, {"causes": ["by_hand"]}])
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        read_terms(wrong)
