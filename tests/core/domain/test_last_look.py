"""The last look before a message leaves: what may have changed since it was planned keeps it from leaving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.last_look import Facts, Go, Stay, last_look
from core.domain.messages import FOLLOWS, Channel, MessageClass, State
from core.domain.policy.consent import ALL, MARKETING, TRANSACTIONAL, Standing
from core.domain.policy.decision import Policy

PARIS = ZoneInfo("Europe/Paris")
ANA = "+33639980001"
TUESDAY = datetime(2026, 12, 1, 10, 0, tzinfo=PARIS).astimezone(UTC)
NIGHT = TUESDAY.replace(hour=22)


def look(
    klass: MessageClass = MessageClass.TRANSACTIONAL,
    *,
    now: datetime = TUESDAY,
    standing: Standing | None = None,
    expires_at: datetime | None = None,
    installation: str | None = None,
    state: str | None = None,
    confirms_stop: bool = False,
    **given: Any,
) -> Go | Stay:
    policy = Policy(zone=PARIS, country="FR", standings={ANA: standing} if standing else {})
    return last_look(ANA, "FR", Channel.SMS, klass, expires_at=expires_at, sender=given.get("sender"), asks=False,
                     installation=installation, facts=Facts(policy, state, confirms_stop), now=now)


def why(verdict: Go | Stay) -> tuple[State, str]:
    assert isinstance(verdict, Stay)
    return verdict.state, verdict.reason.code


def test_what_is_as_it_was_planned_leaves() -> None:
    assert look() == Go()


def test_the_last_useful_moment_is_still_useful_and_the_next_one_is_not() -> None:
    assert look(expires_at=TUESDAY) == Go()
    assert why(look(expires_at=TUESDAY - timedelta(microseconds=1))) == (State.EXPIRED, "stale")


@pytest.mark.parametrize(
    ("state", "becomes", "code"),
    [
        ("connected", None, ""),
        ("reconnect", State.HELD, "installation_reconnect"),
        ("paused", State.HELD, "installation_paused"),
        ("disconnected", State.CANCELLED, "disconnected"),
        (None, State.CANCELLED, "disconnected"),
    ],
)
def test_work_of_a_broken_installation_waits_and_of_a_gone_one_ends(state, becomes, code) -> None:
    verdict = look(installation="ins_1", state=state)
    if becomes is None:
        assert verdict == Go()
        return
    assert why(verdict) == (becomes, code)
    assert isinstance(verdict, Stay)
    assert verdict.held_by == ("installation:ins_1" if becomes is State.HELD else None)


def test_out_of_date_is_said_before_anything_else() -> None:
    """A message that is held and stale at the same time must end, not wait for ever."""
    assert why(look(expires_at=TUESDAY - timedelta(hours=1), installation="ins_1", state="paused")) == (
        State.EXPIRED, "stale")


@pytest.mark.parametrize(
    ("klass", "standing", "leaves"),
    [
        (MessageClass.TRANSACTIONAL, Standing(frozenset({MARKETING})), True),
        (MessageClass.TRANSACTIONAL, Standing(frozenset({TRANSACTIONAL})), False),
        (MessageClass.OTP, Standing(frozenset({MARKETING, TRANSACTIONAL})), True),
        (MessageClass.OTP, Standing(frozenset({ALL})), False),
        (MessageClass.CONVERSATIONAL, Standing(frozenset({ALL})), False),
        (MessageClass.MARKETING, Standing(marketing_consent=True), True),
        (MessageClass.MARKETING, Standing(), False),
        (MessageClass.MARKETING, Standing(frozenset({MARKETING}), marketing_consent=True), False),
        (MessageClass.TRANSACTIONAL, Standing(quarantined=True), False),
    ],
)
def test_consent_is_asked_again(klass: MessageClass, standing: Standing, leaves: bool) -> None:
    verdict = look(klass, standing=standing)
    assert isinstance(verdict, Go) is leaves
    if not leaves:
        assert why(verdict)[0] is State.SUPPRESSED


def test_the_confirmation_of_a_stop_is_the_one_message_after_it_and_not_to_a_dead_number() -> None:
    stopped = Standing(frozenset({ALL}))
    assert look(MessageClass.CONVERSATIONAL, standing=stopped, confirms_stop=True) == Go()
    dead = Standing(frozenset({ALL}), quarantined=True)
    refused = look(MessageClass.CONVERSATIONAL, standing=dead, confirms_stop=True)
    assert why(refused) == (State.SUPPRESSED, "quarantined")


def test_at_night_a_reminder_waits_and_a_code_does_not() -> None:
    verdict = look(now=NIGHT)
    assert isinstance(verdict, Stay)
    assert (verdict.state, verdict.due_at) == (State.SCHEDULED, datetime(2026, 12, 2, 7, tzinfo=UTC))
    assert look(MessageClass.OTP, now=NIGHT) == Go()
    assert look(MessageClass.CONVERSATIONAL, now=NIGHT) == Go()


@given(
    klass=st.sampled_from(list(MessageClass)),
    minutes=st.integers(0, 7 * 24 * 60),
    scopes=st.frozensets(st.sampled_from([ALL, MARKETING, TRANSACTIONAL])),
    consent=st.booleans(),
    left=st.none() | st.integers(-60, 2000),
    state=st.sampled_from(["connected", "paused", "reconnect", "disconnected", None]),
    owned=st.booleans(),
)
def test_whatever_is_known_the_answer_is_one_that_a_claimed_message_can_take(
    klass, minutes, scopes, consent, left, state, owned
) -> None:
    now = TUESDAY + timedelta(minutes=minutes)
    expires = None if left is None else now + timedelta(minutes=left)
    verdict = look(klass, now=now, standing=Standing(scopes, consent), expires_at=expires,
                   installation="ins_1" if owned else None, state=state)
    if isinstance(verdict, Go):
        assert expires is None or now <= expires
        assert ALL not in scopes
        return
    assert verdict.state in FOLLOWS[State.SENDING]
    assert (verdict.due_at is not None) == (verdict.state is State.SCHEDULED)
    assert verdict.due_at is None or now < verdict.due_at
    assert verdict.due_at is None or expires is None or verdict.due_at <= expires
