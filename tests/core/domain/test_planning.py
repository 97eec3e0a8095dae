"""What the rules want on an occasion as it is now, and the steps from what is known to that: the heart, no body."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import Closed, Kind
from core.domain.messages import MessageClass, State
from core.domain.occasions import Answer, Occasion
from core.domain.planning import Send, Skip, key_of, plan
from core.domain.policy.consent import ALL, Standing
from core.domain.policy.decision import Policy
from core.domain.policy.walltime import Duration, local
from core.domain.policy.week import Hours
from core.domain.recipients import Line, Recipient
from core.domain.reconciling import Cancel, Known, Move, Schedule, Step, manner_of, reconcile
from core.domain.rules import Rule
from core.domain.when import After, AtWall, Before, OnChange

PARIS = ZoneInfo("Europe/Paris")
POLICY = Policy(zone=PARIS, country="FR")
ANA = Recipient("+33639980001", "FR", Line.MOBILE)
BOB = Recipient("+33639980008", "FR", Line.MOBILE)
MONDAY = datetime(2026, 11, 30, 9, 0, tzinfo=PARIS).astimezone(UTC)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


def visit(start: str = "2026-12-02 10:00", **given: object) -> Occasion:
    begins = paris(start)
    values = {"start": begins, "end": begins + timedelta(minutes=30), "zone": "Europe/Paris", "found": ANA,
              "first_seen": MONDAY, "values": {"title": "Consultation"}, "id": "occ_1", "installation": "ins_1"}
    return Occasion(key="visit-1", kind=Kind.APPOINTMENT, at=MONDAY, digest="d", **{**values, **given})  # type: ignore[arg-type]


def rule(when: object = None, **given: object) -> Rule:
    values = {"id": "rul_1", "name": "La veille", "on": Kind.APPOINTMENT, "message_class": MessageClass.TRANSACTIONAL,
              "when": when or AtWall(-1, time(18)), "body": "Rappel : {{ start }}"}
    return Rule(**{**values, **given})  # type: ignore[arg-type]


DAY_BEFORE = rule()
BOOKED = rule(OnChange("booked"), id="rul_booked", body="Noté : {{ start }}")
MOVED = rule(OnChange("moved"), id="rul_moved", body="Nouvelle heure : {{ start }}")
CANCELLED = rule(OnChange("cancelled"), id="rul_cancelled", body="Annulé : {{ start }}")


def answer(occasion: Occasion, wanted: Rule, now: datetime = MONDAY, policy: Policy = POLICY) -> Send | Skip:
    (only,) = plan(occasion, [wanted], policy, now)
    return only


def sends(occasion: Occasion, wanted: Rule, now: datetime = MONDAY, policy: Policy = POLICY) -> Send:
    said = answer(occasion, wanted, now, policy)
    assert isinstance(said, Send), said
    return said


def why_not(occasion: Occasion, wanted: Rule, now: datetime = MONDAY, policy: Policy = POLICY) -> tuple[str, State]:
    said = answer(occasion, wanted, now, policy)
    assert isinstance(said, Skip), said
    return said.reason.code, said.state


class Outbox:
    """What an outbox does with steps, in memory."""

    def __init__(self) -> None:
        self.known: list[Known] = []

    def do(self, steps: list[Step]) -> list[Step]:
        for step in steps:
            if isinstance(step, Schedule):
                self.known.append(_as_known(f"m{len(self.known)}", step.send, step.step))
            elif isinstance(step, Move):
                at = self.known.index(step.known)
                self.known[at] = replace(_as_known(step.known.id, step.send, step.known.step), state=step.known.state)
            else:
                at = self.known.index(step.known)
                self.known[at] = replace(step.known, state=step.state)
        return steps

    def plan(self, occasion: Occasion, rules: list[Rule], now: datetime = MONDAY) -> list[Step]:
        return self.do(reconcile(plan(occasion, rules, POLICY, now), self.known))

    def sent(self, index: int = 0, state: State = State.SENT) -> None:
        self.known[index] = replace(self.known[index], state=state)

    @property
    def waiting(self) -> list[Known]:
        return [one for one in self.known if one.state is State.SCHEDULED]


def _as_known(name: str, send: Send, step: int) -> Known:
    return Known(name, send.key, step, State.SCHEDULED, send.recipient.number, send.text, send.send_at, send.until,
                 send.about, manner=manner_of(send), wanted_at=send.wanted_at)


# ---------------------------------------------------------------------------------------------- when


def test_the_day_before_at_six_means_six_on_the_clocks_of_the_appointment():
    assert sends(visit(), DAY_BEFORE).send_at == paris("2026-12-01 18:00")


@pytest.mark.parametrize(
    ("start", "leaves"),
    [
        ("2026-10-25 10:00", "2026-10-24T16:00:00+00:00"),  # the clocks go back in between: still 18:00 in Paris
        ("2026-10-26 10:00", "2026-10-25T17:00:00+00:00"),
        ("2027-03-28 10:00", "2027-03-27T17:00:00+00:00"),  # forward
        ("2027-03-29 10:00", "2027-03-28T16:00:00+00:00"),
    ],
)
def test_both_changes_of_clocks_keep_the_wall_time(start, leaves):
    assert sends(visit(start), DAY_BEFORE, paris("2026-10-01 09:00")).send_at.isoformat() == leaves


def test_forty_eight_hours_are_elapsed_time_over_a_change_of_clocks_and_two_days_are_not():
    autumn = visit("2026-10-26 10:00")
    now = paris("2026-10-01 09:00")
    hours = sends(autumn, rule(Before(Duration(0, timedelta(hours=48)))), now)
    days = sends(autumn, rule(Before(Duration(2))), now)
    assert local(hours.send_at, PARIS).time() == time(11)
    assert local(days.send_at, PARIS).time() == time(10)


def test_working_days_leave_out_the_weekend_and_holidays():
    christmas = visit("2026-12-28 10:00")  # a Monday; Friday 25 is a holiday
    assert sends(christmas, rule(AtWall(-1, time(17), working_days=True))).send_at == paris("2026-12-24 17:00")


def test_a_follow_up_comes_after_and_is_useful_for_twelve_hours():
    said = sends(visit("2026-12-02 10:00"), rule(After(Duration(0, timedelta(hours=2)))))
    assert (said.send_at, said.until) == (paris("2026-12-02 12:00"), paris("2026-12-03 00:00"))


def test_a_reminder_is_useful_until_the_appointment_begins_or_until_the_rule_says():
    assert sends(visit(), DAY_BEFORE).until == visit().start
    assert sends(visit(), rule(until=Before(Duration(0, timedelta(hours=2))))).until == paris("2026-12-02 08:00")


def test_an_all_day_occasion_has_a_date_and_no_hour():
    day = visit("2026-12-02 00:00", all_day=True)
    said = sends(day, DAY_BEFORE)
    assert said.send_at == paris("2026-12-01 18:00")
    assert "00" not in said.text
    assert "0 h" not in said.text
    assert said.until == paris("2026-12-02 12:00"), "its own morning is still of use"
    assert why_not(day, rule(Before(Duration(0, timedelta(hours=2)))))[0] == "all_day_needs_day_rule"


def test_a_cart_without_a_start_is_counted_from_its_last_change():
    cart = replace(visit(), kind=Kind.CART, start=None, end=None, at=MONDAY)
    nudge = rule(After(Duration(0, timedelta(hours=1))), on=Kind.CART, body="Votre panier vous attend.")
    assert sends(cart, nudge).send_at == MONDAY + timedelta(hours=1)
    later = replace(cart, at=MONDAY + timedelta(minutes=20))
    assert sends(later, nudge).send_at == MONDAY + timedelta(minutes=80)
    assert key_of(cart, nudge) == key_of(later, nudge)
    assert why_not(replace(cart, closed=Closed.DONE), nudge)[0] == "occasion_done"


# ---------------------------------------------------------------------------------------------- why not


@pytest.mark.parametrize(
    ("changes", "code", "state"),
    [
        ({"closed": Closed.CANCELLED}, "occasion_cancelled", State.CANCELLED),
        ({"closed": Closed.DELETED}, "occasion_deleted", State.CANCELLED),
        ({"closed": Closed.SILENCED}, "occasion_silenced", State.CANCELLED),
        ({"muted": True}, "muted", State.CANCELLED),
        ({"answer": Answer.DECLINED}, "person_declined", State.CANCELLED),
        ({"found": None}, "no_number", State.CANCELLED),
        ({"found": Recipient("+33123456789", "FR", Line.FIXED)}, "not_a_mobile", State.SUPPRESSED),
    ],
)
def test_there_is_a_reason_for_every_message_that_is_not(changes, code, state):
    assert why_not(visit(**changes), DAY_BEFORE) == (code, state)


def test_a_confirmed_person_is_still_reminded():
    sends(visit(answer=Answer.CONFIRMED), DAY_BEFORE)


def test_a_number_that_a_person_typed_wins_over_the_one_that_was_found():
    assert sends(visit(own_recipient=BOB), DAY_BEFORE).recipient == BOB


def test_consent_and_hours_are_asked_when_planning():
    stopped = replace(POLICY, standings={ANA.number: Standing(opted_out=frozenset({ALL}))})
    assert why_not(visit(), DAY_BEFORE, policy=stopped) == ("opted_out", State.SUPPRESSED)
    office = replace(POLICY, own_hours=Hours.read({"mon-fri": ["09:00-17:00"]}))
    assert sends(visit(), DAY_BEFORE, policy=office).send_at == paris("2026-12-02 09:00"), "the next opening"
    early = visit("2026-12-02 08:30")
    said = sends(early, DAY_BEFORE, policy=office)
    assert said.send_at == paris("2026-12-01 16:55"), "or the last one before, if the next would be too late"
    assert "moved_earlier" in {check.reason.code for check in said.checks if check.reason}


def test_a_visit_booked_after_the_moment_of_its_reminder_gets_none_unless_the_rule_says_so():
    tomorrow = visit("2026-12-01 08:00")  # the reminder was for Monday 18:00
    evening = paris("2026-11-30 19:00")
    assert why_not(tomorrow, DAY_BEFORE, evening) == ("moment_over", State.EXPIRED)
    said = sends(tomorrow, rule(late="send"), evening)
    assert (said.send_at, said.at_once) == (evening, True)


def test_nothing_is_said_about_a_visit_that_has_begun():
    assert why_not(visit("2026-11-30 08:00"), rule(late="send")) == ("too_late", State.EXPIRED)


def test_a_moment_after_the_useful_time_is_never_useful():
    odd = rule(After(Duration(0, timedelta(hours=2))), until=After(Duration(0, timedelta(hours=1))))
    assert why_not(visit(), odd) == ("never_useful", State.EXPIRED)


def test_an_appointment_without_a_start_is_nothing_to_be_reminded_of():
    assert why_not(replace(visit(), start=None), DAY_BEFORE)[0] == "no_start"


# ---------------------------------------------------------------------------------------------- changes


def test_a_booking_is_confirmed_once_whatever_happens_to_it_later():
    box = Outbox()
    assert [type(step) for step in box.plan(visit(), [BOOKED])] == [Schedule]
    box.sent()
    assert box.plan(visit("2026-12-03 10:00"), [BOOKED]) == []


def test_what_was_in_the_calendar_before_us_is_no_news():
    assert why_not(visit(backlog=True), BOOKED)[0] == "booked_before_connection"


def test_an_old_booking_is_no_news_for_a_new_rule_or_after_a_rehearsal():
    assert why_not(visit(first_seen=MONDAY - timedelta(days=3)), BOOKED)[0] == "moment_over"
    sends(visit(first_seen=MONDAY - timedelta(hours=2)), BOOKED)


def test_planning_again_does_not_push_forward_what_leaves_as_soon_as_it_may():
    box = Outbox()
    box.plan(visit(), [BOOKED])
    first = box.waiting[0]
    assert box.plan(visit(), [BOOKED], MONDAY + timedelta(minutes=3)) == []
    box.plan(visit(values={"title": "Contrôle"}), [replace(BOOKED, body="{{ title }}")], MONDAY + timedelta(minutes=4))
    assert box.waiting[0].text == "Controle"
    assert box.waiting[0].send_at == first.send_at


def test_a_correction_is_sent_only_to_who_was_told_another_time():
    assert why_not(visit(), MOVED)[0] == "nothing_told"
    told = paris("2026-12-02 10:00")
    assert why_not(visit(told=told), MOVED)[0] == "not_moved"
    said = sends(visit("2026-12-03 11:00", told=told), MOVED)
    assert (said.about, said.until) == (paris("2026-12-03 11:00"), paris("2026-12-03 11:00"))


def test_a_cancellation_is_told_only_to_who_was_told_of_the_visit():
    assert why_not(visit(closed=Closed.CANCELLED), CANCELLED)[0] == "nothing_told"
    sends(visit(closed=Closed.DELETED, told=visit().start), CANCELLED)
    assert why_not(visit(told=visit().start), CANCELLED)[0] == "not_cancelled"


def test_clearing_out_the_calendar_afterwards_cancels_nothing_in_anybodys_phone():
    over = visit("2026-11-30 08:00", closed=Closed.DELETED, told=paris("2026-11-30 08:00"))
    assert why_not(over, CANCELLED) == ("too_late", State.EXPIRED)


# ---------------------------------------------------------------------------------------------- steps


def test_the_same_plan_twice_is_no_step():
    box = Outbox()
    rules = [DAY_BEFORE, BOOKED, MOVED, CANCELLED, rule(After(Duration(0, timedelta(hours=1))), id="rul_after")]
    assert len(box.plan(visit(), rules)) == 3
    assert box.plan(visit(), rules) == []


def test_a_visit_that_moves_takes_its_reminder_along():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit("2026-12-04 10:00"), [DAY_BEFORE])
    assert isinstance(step, Move)
    assert step.reason.code == "occasion_moved"
    assert box.waiting[0].send_at == paris("2026-12-03 18:00")


def test_a_visit_that_moves_after_its_reminder_earns_a_second_one_and_moving_back_does_not():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    box.sent()
    moved = visit("2026-12-04 10:00", told=paris("2026-12-02 10:00"))
    (step,) = box.plan(moved, [DAY_BEFORE], paris("2026-12-01 19:00"))
    assert isinstance(step, Schedule)
    assert step.step == 2
    (back,) = box.plan(visit(told=paris("2026-12-02 10:00")), [rule(late="send")], paris("2026-12-01 19:30"))
    assert isinstance(back, Cancel)
    assert (back.state, back.reason.code) == (State.SUPERSEDED, "already_told")


def test_a_cancelled_visit_calls_off_all_of_its_messages_and_a_revived_one_gets_new_ones():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit(closed=Closed.CANCELLED), [DAY_BEFORE])
    assert isinstance(step, Cancel)
    assert step.reason.code == "occasion_cancelled"
    (again,) = box.plan(visit(), [DAY_BEFORE])
    assert isinstance(again, Schedule)
    assert again.step == 2


def test_what_a_person_called_off_stays_called_off():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    box.known[0] = replace(box.known[0], state=State.CANCELLED, by_person=True)
    assert box.plan(visit(), [DAY_BEFORE]) == []
    assert len(box.plan(visit("2026-12-04 10:00"), [DAY_BEFORE])) == 1, "but a moved visit is another matter"


def test_a_number_that_was_corrected_after_sending_gets_its_own_message_and_before_sending_the_only_one():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit(own_recipient=BOB), [DAY_BEFORE])
    assert isinstance(step, Move)
    assert step.reason.code == "recipient_changed"
    box.sent()
    (second,) = box.plan(visit(), [rule(late="send")], paris("2026-12-01 19:00"))
    assert isinstance(second, Schedule)
    assert second.send.recipient == ANA


def test_a_rule_that_is_gone_takes_its_waiting_messages_with_it_and_leaves_those_that_have_left():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE, BOOKED])
    box.sent(1)
    (step,) = box.plan(visit(), [])
    assert isinstance(step, Cancel)
    assert step.reason.code == "rule_gone"
    assert box.known[1].state is State.SENT


def test_a_rule_that_changes_its_manner_moves_what_waits():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit(), [rule(asks=True, sender="38555")])
    assert isinstance(step, Move)
    assert step.send.sender == "38555"
    assert box.plan(visit(), [rule(asks=True, sender="38555")]) == []


def test_a_message_whose_moment_is_over_is_on_its_way_and_is_left_alone():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    assert box.plan(visit(), [DAY_BEFORE], paris("2026-12-01 18:20")) == []


def test_a_message_on_its_way_still_follows_a_corrected_number_or_text_and_a_cancellation():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    late = paris("2026-12-01 18:20")
    (step,) = box.plan(visit(own_recipient=BOB), [DAY_BEFORE], late)
    assert isinstance(step, Move)
    assert (step.send.recipient, step.send.send_at) == (BOB, paris("2026-12-01 18:00"))
    (gone,) = box.plan(visit(own_recipient=BOB, closed=Closed.CANCELLED), [DAY_BEFORE], late)
    assert isinstance(gone, Cancel)


def test_a_message_on_its_way_about_another_time_is_called_off_when_the_new_moment_is_over():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit("2026-12-02 07:00"), [DAY_BEFORE], paris("2026-12-01 18:20"))
    assert isinstance(step, Cancel)
    assert step.state is State.EXPIRED


def test_a_rule_that_is_given_a_moment_that_is_over_wants_its_waiting_message_no_more():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit(), [rule(AtWall(-1, time(12)))], paris("2026-12-01 15:00"))
    assert isinstance(step, Cancel)
    assert (step.state, step.reason.code) == (State.EXPIRED, "moment_over")


def test_another_moment_that_the_hours_lead_to_the_same_place_is_remembered():
    """22:00 and 22:30 both wait for the morning; at 22:45 it is on its way and stays, whichever it was."""
    box = Outbox()
    box.plan(visit("2026-12-02 15:00"), [rule(AtWall(-1, time(22)))])
    (step,) = box.plan(visit("2026-12-02 15:00"), [rule(AtWall(-1, time(22, 30)))])
    assert isinstance(step, Move)
    assert step.send.send_at == step.known.send_at
    assert box.plan(visit("2026-12-02 15:00"), [rule(AtWall(-1, time(22, 30)))], paris("2026-12-01 22:45")) == []


def test_a_change_of_the_text_alone_does_not_call_off_what_is_on_its_way():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    (step,) = box.plan(visit(), [rule(body="Rappel ! {{ start }}")], paris("2026-12-01 18:20"))
    assert isinstance(step, Move)
    assert box.plan(visit(), [rule(body="Rappel ! {{ start }}")], paris("2026-12-01 18:25")) == []


def test_a_failed_message_is_not_tried_again_by_planning():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    box.sent(state=State.FAILED)
    assert box.plan(visit(), [DAY_BEFORE]) == []


def test_a_held_message_follows_its_visit_and_stays_held():
    box = Outbox()
    box.plan(visit(), [DAY_BEFORE])
    box.known[0] = replace(box.known[0], state=State.HELD)
    (step,) = box.plan(visit("2026-12-03 10:00"), [DAY_BEFORE])
    assert isinstance(step, Move)
    assert box.known[0].state is State.HELD


ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Kathmandu",
     "America/Santiago", "Africa/Casablanca", "Asia/Gaza", "Pacific/Chatham",
     "Indian/Reunion", "America/St_Johns", "Europe/Dublin"]
)


@given(zone=ZONES, day=st.dates(date(2026, 1, 5), date(2035, 12, 20)), hour=st.integers(8, 20), at=st.integers(4, 22))
def test_in_every_zone_and_over_every_change_of_clocks_the_day_before_is_at_that_clock_time(zone, day, hour, at):
    there = ZoneInfo(zone)
    begins = datetime.combine(day, time(hour), there).astimezone(UTC)
    # Answers may leave at any hour, so that the hours do not hide the arithmetic.
    wish = rule(AtWall(-1, time(at, 30)), message_class=MessageClass.CONVERSATIONAL)
    said = sends(replace(visit(), start=begins, zone=zone), wish, begins - timedelta(days=5))
    shown = local(said.send_at, there)
    assert (shown.date(), shown.time()) == (day - timedelta(days=1), time(at, 30))
