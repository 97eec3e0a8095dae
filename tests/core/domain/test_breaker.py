"""An account is shut when it asks for peace, fails or is slow, and comes back by one message, a tenth, and all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.domain.breaker import (
    EASES,
    FAILS,
    LONGEST_PAUSE,
    TRIAL,
    Breaker,
    Standing,
    Tally,
    judged,
    read,
    trying,
)
from core.domain.reasons import Reason

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
WHY = Reason("provider_busy")


def after(breaker: Breaker, seconds: float, now: datetime = NOW) -> Standing:
    return breaker.standing(now + timedelta(seconds=seconds))


def away(after_: float = 1) -> Tally:
    return Tally(waits=timedelta(seconds=after_), all_wait=True, reason=WHY)


def test_who_asks_for_peace_gets_it_for_as_long_as_was_asked():
    shut = judged(Breaker(), away(30), NOW)
    assert (after(shut, 29.9), after(shut, 30)) == (Standing.SHUT, Standing.TRIAL)


def test_who_stays_away_is_asked_less_and_less_often_and_once_a_minute_at_least():
    now, breaker, pauses = NOW, Breaker(), []
    for _ in range(8):
        breaker = judged(trying(breaker, now) if breaker.reason else breaker, away(), now, tried=True)
        assert breaker.until is not None
        pauses.append((breaker.until - now).total_seconds())
        now = breaker.until
    assert pauses == [1, 5, 10, 20, 40, 60, 60, 60]


def test_half_of_a_minute_s_messages_without_an_answer_shut_it():
    some = judged(Breaker(), Tally(good=FAILS, bad=FAILS - 1), NOW)
    assert after(some, 0) is Standing.WELL
    more = judged(some, Tally(bad=2), NOW + timedelta(seconds=20))
    assert more.standing(NOW + timedelta(seconds=20)) is Standing.SHUT
    assert more.reason
    assert more.reason.code == "account_failing"


def test_what_was_bad_more_than_a_minute_ago_is_forgotten():
    old = judged(Breaker(), Tally(bad=FAILS - 1), NOW)
    then = NOW + timedelta(seconds=75)
    assert judged(old, Tally(bad=FAILS - 1), then).standing(then) is Standing.WELL


def test_a_slow_one_is_shut_softly_and_only_where_there_is_another():
    slow = Tally(good=FAILS, slow=FAILS)
    shut = judged(Breaker(), slow, NOW)
    assert (shut.standing(NOW), shut.soft) == (Standing.SHUT, True)
    assert judged(Breaker(), slow, NOW, alone=True).standing(NOW) is Standing.WELL


def test_it_comes_back_by_one_message_then_a_tenth_then_all():
    shut = judged(Breaker(), away(30), NOW)
    back = NOW + timedelta(seconds=30)
    tried = trying(shut, back)
    assert tried.standing(back) is Standing.SHUT, "nobody else tries it meanwhile"
    assert tried.standing(back + TRIAL) is Standing.TRIAL, "who tried it has died"
    assert judged(tried, Tally(good=3), back) == tried, "what left earlier says nothing of how it is now"
    easing = judged(tried, Tally(good=1), back, tried=True)
    assert (easing.standing(back), easing.standing(back + EASES)) == (Standing.EASING, Standing.WELL)
    again = judged(easing, Tally(bad=1), back)
    assert again.standing(back) is Standing.SHUT, "who stumbles while coming back is shut at once"


@given(
    st.lists(
        st.tuples(
            st.floats(0, 120),
            st.builds(
                Tally,
                good=st.integers(0, 64),
                bad=st.integers(0, 64),
                slow=st.integers(0, 64),
                waits=st.none() | st.timedeltas(timedelta(), timedelta(hours=2)),
                all_wait=st.booleans(),
                reason=st.just(WHY),
                at_fault=st.booleans(),
            ),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_however_it_behaves_it_is_never_given_up_never_asked_early_and_survives_its_row(turns):
    now, breaker = NOW, Breaker()
    for gone, seen, tries in turns:
        now += timedelta(seconds=gone)
        tried = tries and breaker.standing(now) is Standing.TRIAL
        if tried:
            breaker = trying(breaker, now)
        breaker = judged(breaker, seen, now, tried=tried)
        if seen.waits is not None:
            assert breaker.until is not None
            assert breaker.until >= now + seen.waits
        if breaker.until is not None:
            assert breaker.until <= now + max(seen.waits or timedelta(hours=2), LONGEST_PAUSE, TRIAL)
        assert len(breaker.slots) <= 8
        assert read(breaker.until, breaker.reason, breaker.kept()).standing(now) is breaker.standing(now)
