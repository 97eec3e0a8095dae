"""What guards the send path: caps that hold and let go, one person's peace, and what is late after a standstill."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Accepted, Receipt, Refused, TryLater, Uncertain
from core.domain.messages import MessageClass, State
from core.domain.policy.caps import Measure, Period
from core.domain.reasons import Reason
from core.engine import capping, catching_up, dispatch, feedback, guarding, public, ticking
from core.engine.dispatch import Sender
from core.storage import house, outbox, people, webhooks
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

MARKETING = MessageClass.MARKETING
PRICED = {"price_micros": 52_000, "currency": "EUR"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineRoom]:
    elsewhere = {"database_url": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    room = EngineRoom(tmp_path, **elsewhere)
    yield room
    room.suite.database.close()


def cap(room: EngineRoom, most: int, period: Period = Period.DAY, measure: Measure = Measure.MESSAGES, **given: Any):
    currency = "EUR" if measure is Measure.MONEY else ""
    return capping.add(
        room.suite, room.workspace, measure=measure, most=most, period=period, currency=currency, who="test", **given
    )


def filled(room: EngineRoom) -> capping.Filled:
    with room.suite.database.read(room.workspace) as tx:
        (one,) = capping.filled(tx, room.suite.now())
    return one


def spent(room: EngineRoom) -> list[capping.Spent]:
    now = room.suite.now()
    with room.suite.database.read(room.workspace) as tx:
        return capping.spent(tx, now - timedelta(days=3), now + timedelta(days=1))


def sends(room: EngineRoom) -> int:
    return dispatch.run_due(room.suite)


def agrees(room: EngineRoom, number: str) -> None:
    with room.suite.database.write(room.workspace) as tx:
        people.start(tx, number, "marketing", "test", {}, room.suite.now())


# ---------------------------------------------------------------------------------------------- caps


def test_what_does_not_fit_is_held_with_its_reason_and_nothing_is_lost(room):
    cap_id = cap(room, 3)
    ids = [room.accept(f"+3363998{place:04d}") for place in range(5)]
    sends(room)
    assert [room.state(one) for one in ids] == ["sent"] * 3 + ["held"] * 2
    held = room.message(ids[4])
    assert (held["held_by"], held["reason"]["code"]) == (f"cap:{cap_id}", "over_messages_cap")
    assert room.steps(ids[4]) == [("held", "over_messages_cap")]
    assert (filled(room).used, filled(room).held) == (3, 2)


def test_it_is_said_once_a_day_to_people_and_programs(room):
    with room.suite.database.write(room.workspace) as tx:
        now = room.suite.now()
        webhooks.add(tx, room.suite.vault, "https://example.org/hook", ["cap.reached"], "whsec_c2VjcmV0", now)
    cap(room, 1, Period.HOUR)
    for _ in range(3):
        for place in range(3):
            room.accept(f"+3363998{place:04d}")
        sends(room)
        room.clock.forward(timedelta(hours=1))
    assert room.notes().count("cap_reached") == 1
    with room.suite.database.write() as tx:
        assert [row["event"] for row in webhooks.take(tx, room.suite.now(), timedelta(minutes=1))] == ["cap.reached"]


def test_when_the_period_is_over_what_is_still_useful_leaves_by_itself(room):
    cap(room, 1)
    now = room.suite.now()
    first = room.accept(ANA, expires_at=now + timedelta(days=3))
    useful = room.accept(BOB, expires_at=now + timedelta(days=3))
    stale = room.accept("+33639980003", expires_at=now + timedelta(hours=3))
    sends(room)
    assert guarding.run_due(room.suite) == 0
    room.clock.moment = datetime(2026, 12, 2, 9, tzinfo=UTC)
    assert guarding.run_due(room.suite) == 1
    sends(room)
    assert room.state(useful) == "sent"
    room.clock.moment = datetime(2026, 12, 3, 9, tzinfo=UTC)
    guarding.run_due(room.suite)
    sends(room)
    assert (room.state(first), room.state(stale)) == ("sent", "expired")
    assert room.steps(useful) == [("held", "over_messages_cap"), ("scheduled", "cap_has_room"), ("sent", None)]


def test_raised_for_today_it_is_as_before_tomorrow(room):
    cap_id = cap(room, 1)
    ids = [room.accept(f"+3363998{place:04d}") for place in range(4)]
    sends(room)
    capping.raise_today(room.suite, room.workspace, cap_id, 3, who="test")
    sends(room)
    assert [room.state(one) for one in ids] == ["sent", "sent", "sent", "held"]
    room.clock.moment = datetime(2026, 12, 2, 9, tzinfo=UTC)
    assert (filled(room).cap.most, filled(room).usual) == (1, 1)


def test_let_go_lets_go_what_is_held_and_nothing_more(room):
    cap_id = cap(room, 1)
    ids = [room.accept(f"+3363998{place:04d}") for place in range(3)]
    sends(room)
    capping.let_go(room.suite, room.workspace, cap_id, who="test")
    sends(room)
    late = room.accept()
    sends(room)
    assert [room.state(one) for one in (*ids, late)] == ["sent"] * 3 + ["held"]


def test_refused_they_are_called_off_and_planning_leaves_them_so(room):
    cap_id = cap(room, 1)
    ids = [room.accept(f"+3363998{place:04d}") for place in range(3)]
    sends(room)
    assert capping.refuse(room.suite, room.workspace, cap_id, who="test") == 2
    assert room.state(ids[2]) == "cancelled"
    assert room.message(ids[2])["by_person"]
    assert filled(room).held == 0


def test_a_removed_cap_lets_all_go(room):
    cap_id = cap(room, 1)
    ids = [room.accept(f"+3363998{place:04d}") for place in range(3)]
    sends(room)
    capping.remove(room.suite, room.workspace, cap_id, who="test")
    sends(room)
    assert {room.state(one) for one in ids} == {"sent"}


def test_money_is_counted_to_the_micro_unit_and_by_currency(room):
    cap(room, 110_000, measure=Measure.MONEY)
    ids = [room.accept(f"+3363998{place:04d}", **PRICED) for place in range(3)]
    other = room.accept(price_micros=900_000, currency="GBP")
    sends(room)
    assert [room.state(one) for one in (*ids, other)] == ["sent", "sent", "held", "sent"]
    assert filled(room).used == 104_000
    assert sum(one.micros for one in spent(room) if one.currency == "EUR") == 104_000


def test_what_the_provider_says_it_cost_replaces_the_estimate(tmp_path):
    room = EngineRoom(tmp_path)
    room.memory.script(ANA, Accepted("m-1", price_micros=80_000, currency="EUR"))
    cap(room, 1_000_000, measure=Measure.MONEY)
    room.accept(**PRICED)
    sends(room)
    assert filled(room).used == 80_000
    assert [one.micros for one in spent(room)] == [80_000]


@pytest.mark.parametrize("given, mine, other", [
    ({"country": "BE"}, {"to": "+32470123456", "country": "BE"}, {}),
    ({"classes": frozenset({MessageClass.OTP})}, {"klass": MessageClass.OTP}, {}),
])  # fmt: skip
def test_a_cap_counts_only_what_it_is_about(room, given, mine, other):
    cap(room, 1, **given)
    ids = [room.accept(**mine), room.accept(**other), room.accept(**other), room.accept(**mine)]
    sends(room)
    assert [room.state(one) for one in ids] == ["sent", "sent", "sent", "held"]


def test_what_did_not_leave_gives_its_place_back(room):
    cap(room, 2)
    ids = [room.accept(f"+3363998{place:04d}") for place in range(2)]
    room.memory.script(ids[0], TryLater(timedelta(minutes=1), Reason("busy")))
    room.memory.script(ids[1], Refused(Reason("dead_number")))
    sends(room)
    assert filled(room).used == 0
    room.later(minutes=5)
    assert filled(room).used == 1
    assert {room.state(one) for one in ids} == {"sent", "failed"}


def test_what_the_policy_stops_takes_no_place(room):
    cap(room, 1)
    stale = room.accept(expires_at=room.suite.now() - timedelta(minutes=1))
    good = room.accept(BOB)
    sends(room)
    assert (room.state(stale), room.state(good)) == ("expired", "sent")


def test_a_new_cap_knows_what_left_today(room):
    for place in range(3):
        room.accept(f"+3363998{place:04d}")
    sends(room)
    cap(room, 4)
    ids = [room.accept(ANA), room.accept(BOB)]
    sends(room)
    assert [room.state(one) for one in ids] == ["sent", "held"]


def test_test_messages_count_for_nothing(room):
    cap(room, 1)
    ids = [room.accept(test=True) for _ in range(3)]
    sends(room)
    assert "held" not in {room.state(one) for one in ids}
    assert (filled(room).used, spent(room)) == (0, [])


def test_many_workers_never_go_over_a_cap(room):
    cap(room, 40)
    cap_money = cap(room, 30 * 52_000, measure=Measure.MONEY, country="FR")
    for place in range(200):
        room.accept(f"+336399{place:05d}", **PRICED)

    def work(_: int) -> None:
        sender = Sender(room.suite)
        while sender.turn():
            pass
        sender.rest()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    with room.suite.database.read(room.workspace) as tx:
        states = outbox.counts(tx, room.suite.now() - timedelta(days=1), room.suite.now() + timedelta(days=1))
        used = {one.cap.id: one.used for one in capping.filled(tx, room.suite.now())}
    assert states == {"sent": 30, "held": 170}
    assert used[cap_money] == 30 * 52_000
    assert sum(one.count for one in spent(room)) == 30


def test_a_sender_that_died_gives_back_what_it_had_not_begun_and_counts_its_doubts(room):
    cap(room, 10)
    for place in range(4):
        room.accept(f"+3363998{place:04d}")
    now = room.suite.now()
    dead = Sender(room.suite)
    with room.suite.database.write() as tx:
        claimed = outbox.claim(tx, now, 10, owner=dead.owner, lease=dispatch.LEASE)
        known = house.workspace(tx, room.workspace)
        guarding.Guard().turn(tx, (), claimed, {room.workspace: known["settings"]}, lambda one: room.account, now)
    assert filled(room).used == 4
    with room.suite.database.write() as tx:
        left = outbox.orphaned(tx, now, owner=dead.owner)
        guarding.recovered(tx, left[:1], left[1:], now)
        outbox.doubt(tx, left[:1], Reason("sender_died"), now)
        outbox.not_begun(tx, left[1:], Reason("not_begun"), now)
    assert filled(room).used == 1
    assert sum(one.count for one in spent(room)) == 1


def test_the_sums_say_what_left_by_rule_class_channel_and_country(room):
    room.accept(rule="rul_1", segments=2, price_micros=104_000, currency="EUR")
    room.accept("+32470123456", country="BE")
    sends(room)
    lines = {(one.rule, one.channel, one.country, one.count, one.segments, one.micros) for one in spent(room)}
    assert lines == {("rul_1", "sms", "FR", 1, 2, 104_000), (None, "sms", "BE", 1, 1, 0)}


# ---------------------------------------------------------------------------------------------- one person


def test_one_marketing_message_a_day_and_three_a_week(room):
    agrees(room, ANA)
    left = []
    for _ in range(5):
        message = room.accept(klass=MARKETING)
        sends(room)
        left.append(room.state(message))
        room.clock.forward(timedelta(days=1))
    assert left == ["sent", "sent", "sent", "suppressed", "suppressed"]
    room.clock.moment = NOW + timedelta(days=7, seconds=1)
    again = room.accept(klass=MARKETING)
    sends(room)
    assert room.state(again) == "sent"


def test_two_at_once_are_one_and_the_other_says_why(room):
    agrees(room, ANA)
    ids = [room.accept(klass=MARKETING) for _ in range(2)]
    reminder = room.accept()
    sends(room)
    assert sorted(room.state(one) for one in ids) == ["sent", "suppressed"]
    assert room.state(reminder) == "sent"
    why = next(room.message(one)["reason"] for one in ids if room.state(one) == "suppressed")
    assert (why["code"], why["values"]["most"]) == ("over_person_cap", 1)


def test_while_it_is_useful_it_waits_for_the_person_instead(room):
    agrees(room, ANA)
    until = room.suite.now() + timedelta(days=2)
    ids = [room.accept(klass=MARKETING, expires_at=until) for _ in range(2)]
    sends(room)
    assert sorted(room.state(one) for one in ids) == ["scheduled", "sent"]
    room.clock.moment = datetime(2026, 12, 2, 9, tzinfo=UTC)
    sends(room)
    assert [room.state(one) for one in ids] == ["sent", "sent"]


def test_workers_at_once_write_to_one_person_once(room):
    agrees(room, ANA)
    ids = [room.accept(klass=MARKETING) for _ in range(12)]
    senders = [Sender(room.suite) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: (one.turn(), one.rest()), senders))
    assert [room.state(one) for one in ids].count("sent") == 1


def test_as_often_as_it_likes_when_the_workspace_says_so(room):
    agrees(room, ANA)
    capping.frequency(room.suite, room.workspace, day=0, week=0, who="test")
    ids = [room.accept(klass=MARKETING) for _ in range(5)]
    sends(room)
    assert {room.state(one) for one in ids} == {"sent"}


# ---------------------------------------------------------------------------------------------- after a standstill


def standstill(room: EngineRoom, **by: float) -> None:
    """The engine ticks, stops, and is started again after so long."""
    ticking.ticked(room.suite)
    room.clock.forward(timedelta(**by))


@pytest.mark.parametrize("klass, hours, state, reason", [
    (MessageClass.OTP, 1, "expired", "late_skipped"),
    (MessageClass.TRANSACTIONAL, 5, "sent", None),
    (MessageClass.CONVERSATIONAL, 1, "held", "late_asked"),
    (MARKETING, 1, "sent", None),
    (MARKETING, 3, "held", "late_asked"),
])  # fmt: skip
@pytest.mark.parametrize("ticks_first", [True, False])
def test_late_messages_are_sorted_by_their_class(room, klass, hours, state, reason, ticks_first):
    agrees(room, ANA)
    message = room.accept(klass=klass)
    standstill(room, hours=hours)
    if ticks_first:
        ticking.ticked(room.suite)
    sends(room)
    assert room.state(message) == state
    assert ((room.message(message)["reason"] or {}).get("code")) == reason


def test_late_without_a_standstill_just_leaves(room):
    agrees(room, ANA)
    ids = [room.accept(klass=klass) for klass in (MessageClass.OTP, MARKETING)]
    for _ in range(40):
        room.clock.forward(timedelta(minutes=5))
        ticking.ticked(room.suite)
    sends(room)
    assert {room.state(one) for one in ids} == {"sent"}


def test_nothing_leaves_at_three_in_the_morning_because_the_machine_came_back_then(room):
    room.clock.moment = datetime(2026, 12, 1, 17, tzinfo=UTC)
    message = room.accept()
    ticking.ticked(room.suite)
    room.clock.moment = datetime(2026, 12, 2, 2, tzinfo=UTC)
    sends(room)
    assert room.state(message) == "scheduled"
    assert room.message(message)["reason"]["code"] == "outside_hours"
    assert room.message(message)["due_at"] > room.suite.now()


def test_marketing_that_came_back_at_night_is_asked_about_and_not_just_put_off(room):
    agrees(room, ANA)
    room.clock.moment = datetime(2026, 12, 1, 17, tzinfo=UTC)
    message = room.accept(klass=MARKETING)
    standstill(room, hours=9)
    sends(room)
    assert room.state(message) == "held"


def test_a_persons_word_on_what_was_late(room):
    for number in (ANA, BOB):
        agrees(room, number)
    yes, no = room.accept(ANA, MARKETING), room.accept(BOB, MARKETING)
    code, reminder = room.accept(klass=MessageClass.OTP), room.accept("+33639980003")
    standstill(room, hours=4)
    ticking.ticked(room.suite)
    sends(room)
    with room.suite.database.read(room.workspace) as tx:
        found = catching_up.sorted_out(room.suite, tx)
    assert {row["id"] for row in found.asked} == {yes, no}
    assert {row["id"] for row in found.skipped} == {code}
    assert {row["id"] for row in found.sent} == {reminder}
    assert catching_up.let_go(room.suite, room.workspace, [yes], who="test") == 1
    assert catching_up.refuse(room.suite, room.workspace, None, who="test") == 1
    sends(room)
    assert (room.state(yes), room.state(no)) == ("sent", "cancelled")
    assert room.steps(yes) == [("held", "late_asked"), ("scheduled", "late_sent"), ("sent", None)]


def test_a_workspace_sets_its_own_tolerance(room):
    capping.lateness(
        room.suite, room.workspace, {MessageClass.TRANSACTIONAL: capping.read_tolerance("30", "skip")}, who="test"
    )
    message = room.accept()
    standstill(room, hours=1)
    sends(room)
    assert room.message(message)["reason"]["code"] == "late_skipped"


def test_a_clock_two_days_ahead_is_a_standstill_too(room):
    agrees(room, ANA)
    message = room.accept(klass=MARKETING)
    standstill(room, hours=49)
    ticking.ticked(room.suite)
    room.clock.forward(-timedelta(hours=49))
    ticking.ticked(room.suite)
    sends(room)
    assert room.state(message) == "sent"


# ---------------------------------------------------------------------------------------------- dead numbers


def test_a_dead_number_is_tried_again_when_a_person_says_so(room):
    room.memory.script(BOB, Refused(Reason("dead_number"), dead_number=True))
    room.accept(BOB)
    sends(room)
    after = room.accept(BOB)
    sends(room)
    assert (room.state(after), room.message(after)["reason"]["code"]) == ("suppressed", "quarantined")
    with room.suite.database.read(room.workspace) as tx:
        (row,) = people.in_quarantine(tx)
    assert (row["number"], row["quarantine"]["code"]) == (BOB, "dead_number")
    public.try_again(room.suite, room.workspace, BOB, who="test")
    again = room.accept(BOB)
    sends(room)
    assert room.state(again) == "sent"


# ---------------------------------------------------------------------------------------------- second thoughts


def receipt(room: EngineRoom, message: str, **given: Any) -> None:
    state = given.pop("state", None)
    one = Receipt(f"mem_{message}", state, str(state), room.suite.now(), reference=message, **given)
    with room.suite.database.write(room.workspace) as tx:
        feedback.take_receipts(room.suite, tx, room.account, [one])


def test_what_the_provider_took_and_gave_back_was_not_spent(room):
    cap(room, 5)
    message = room.accept(**PRICED)
    sends(room)
    receipt(room, message, reason=Reason("provider_no_credit"), account_trouble=True)
    assert room.state(message) == "scheduled"
    assert filled(room).used == 0
    assert [(one.count, one.micros) for one in spent(room)] == [(0, 0)]


def test_what_a_receipt_says_it_cost_is_what_was_spent(room):
    cap(room, 1_000_000, measure=Measure.MONEY)
    message = room.accept(**PRICED)
    sends(room)
    receipt(room, message, state=State.DELIVERED, price_micros=61_000, currency="EUR")
    receipt(room, message, state=State.READ, price_micros=61_000, currency="EUR")
    assert filled(room).used == 61_000
    assert [(one.count, one.micros) for one in spent(room)] == [(1, 61_000)]


def test_what_the_provider_never_had_counts_once_when_it_leaves_again(room):
    cap(room, 5)
    message = room.accept(**PRICED)
    room.memory.script(message, Uncertain(Reason("line_broke")), takes=False)
    sends(room)
    assert (room.state(message), filled(room).used) == ("uncertain", 1)
    room.clock.forward(timedelta(seconds=10))
    room.look_up()
    assert filled(room).used == 0
    sends(room)
    assert (room.state(message), filled(room).used) == ("sent", 1)
    assert [(one.count, one.micros) for one in spent(room)] == [(1, 52_000)]
