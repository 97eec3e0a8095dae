"""An occasion is the newest word on it: replays, doubles and any order of arrival end the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import Closed, Event, Kind
from core.domain.occasions import Answer, Occasion, updated
from core.domain.recipients import Line, Recipient

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = Recipient("+33639980001", "FR", Line.MOBILE)


def event(at: int, start: int = 0, closed: Closed | None = None, title: str = "Consultation") -> Event:
    begins = NOW + timedelta(days=3, hours=start)
    return Event(Kind.APPOINTMENT, "visit-1", NOW + timedelta(minutes=at), closed, begins, begins, "Europe/Paris",
                 recipient=ANA, values={"title": title})


def after(events: list[Event], known: Occasion | None = None) -> Occasion | None:
    for one in events:
        known = updated(known, one) or known
    return known


def without_history(occasion: Occasion | None) -> Occasion:
    """What is known, without when we first heard of it."""
    assert occasion is not None
    return replace(occasion, first_seen=None)


def gone(at: int, closed: Closed = Closed.DELETED) -> Event:
    """All that many platforms say of what was deleted."""
    return Event(Kind.APPOINTMENT, "visit-1", NOW + timedelta(minutes=at), closed)


snapshots = st.lists(
    st.one_of(
        st.builds(event, st.integers(0, 50), st.integers(0, 5),
                  st.sampled_from([None, Closed.CANCELLED, Closed.DELETED]),
                  st.sampled_from(["Consultation", "Contrôle"])),
        st.builds(gone, st.integers(0, 50), st.sampled_from([Closed.DELETED, Closed.SILENCED])),
    ),
    min_size=1, max_size=12,
)


@given(history=snapshots, data=st.data())
def test_whatever_the_order_and_however_often_each_came_the_occasion_is_the_same(history, data):
    once = after(history)
    shuffled = data.draw(st.permutations(history + data.draw(st.lists(st.sampled_from(history), max_size=10))))
    assert without_history(after(shuffled)) == without_history(once)
    assert after(shuffled, once) == once, "and a replay changes nothing"


def test_an_older_event_never_undoes_a_newer_one():
    known = after([event(5, closed=Closed.CANCELLED)])
    assert updated(known, event(4)) is None
    assert updated(known, event(5, closed=Closed.CANCELLED)) is None


def test_a_deletion_without_content_keeps_what_people_will_ask_about():
    known = after([event(1), Event(Kind.APPOINTMENT, "visit-1", NOW + timedelta(minutes=2), Closed.DELETED)])
    assert known is not None
    assert (known.closed, known.start, known.found) == (Closed.DELETED, NOW + timedelta(days=3), ANA)


def test_a_deletion_that_comes_before_its_event_stays_and_learns_what_was_deleted():
    known = after([gone(9), event(2), event(5, title="Contrôle"), event(3)])
    assert known is not None
    assert (known.closed, known.start, known.values["title"]) == (Closed.DELETED, NOW + timedelta(days=3), "Contrôle")
    back = updated(known, event(10, start=2))
    assert back is not None
    assert (back.closed, back.start, back.content_at) == (None, NOW + timedelta(days=3, hours=2), None)


def test_a_cart_that_became_an_order_still_says_what_was_in_it():
    cart = Event(Kind.CART, "cart-1", NOW, recipient=ANA, values={"total": "12"})
    ordered = Event(Kind.CART, "cart-1", NOW + timedelta(minutes=1), Closed.DONE)
    for history in ([cart, ordered], [ordered, cart]):
        known = after(history)
        assert known is not None
        assert (known.closed, known.values, known.found) == (Closed.DONE, {"total": "12"}, ANA)


def test_an_answer_is_about_the_time_that_was_asked_about():
    known = after([event(1)])
    assert known is not None
    confirmed = replace(known, answer=Answer.CONFIRMED)
    renamed, moved = updated(confirmed, event(2, title="Contrôle")), updated(confirmed, event(2, start=1))
    assert renamed is not None
    assert moved is not None
    assert (renamed.answer, moved.answer) == (Answer.CONFIRMED, None)
