"""The order of channels, and how long each may try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.channels import (
    LONGEST,
    SHORTEST,
    Way,
    budget,
    budgets,
    message_of,
    parse_ways,
    reference_of,
    tries_until,
    ways,
)
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_names_and_budgets_are_read_in_their_order():
    ways = parse_ways([{"channel": "rcs", "within": "PT10M"}, "sms"])
    assert ways == (Way(Channel.RCS, timedelta(minutes=10)), Way(Channel.SMS))
    assert [way.as_json() for way in ways] == [{"channel": "rcs", "within": "PT10M"}, "sms"]


@pytest.mark.parametrize(("given", "pointer"), [
    ("sms", "/channels"), ([], "/channels"), (None, "/channels"), (["sms", "sms"], "/channels"),
    (["pigeon"], "/channels/0"), ([{"channel": "rcs", "within": "PT1S"}], "/channels/0/within"),
    ([{"channel": "rcs", "within": 600}], "/channels/0/within"), ([{"within": "PT10M"}], "/channels/0"),
])
def test_what_is_wrong_is_named_with_its_place(given, pointer):
    with pytest.raises(BadInput) as caught:
        parse_ways(given)
    assert caught.value.pointer == pointer


def test_a_one_time_code_has_the_patience_of_a_person():
    assert budget(Way(Channel.RCS), MessageClass.OTP, NOW, None, 1) == timedelta(seconds=45)


def test_the_next_channel_keeps_half_of_the_time_that_is_left():
    ends = NOW + timedelta(hours=1)
    assert budget(Way(Channel.RCS), MessageClass.TRANSACTIONAL, NOW, ends, 1) == timedelta(minutes=30)


@given(st.sampled_from(MessageClass), st.timedeltas(timedelta(seconds=1), timedelta(days=3)), st.integers(0, 3),
       st.none() | st.timedeltas(SHORTEST, LONGEST))
def test_a_budget_is_never_too_short_to_try_nor_longer_than_wished(klass, useful, left, within):
    given = budget(Way(Channel.RCS, within), klass, NOW, NOW + useful, left)
    assert given >= SHORTEST
    assert within is None or given <= max(within, SHORTEST)


def test_each_channel_of_a_message_has_a_reference_of_its_own_and_names_its_message():
    name = "msg_06h16g1gjrrt1d8a9hvh"
    references = [reference_of(name, step) for step in range(4)]
    assert references[0] == name
    assert len(set(references)) == 4
    assert [message_of(one) for one in references] == [(name, step) for step in range(4)]
    assert message_of("theirs") == ("theirs", 0)


def test_the_last_channel_has_all_the_time_that_is_left():
    channels, now = (Channel.RCS, Channel.SMS), NOW
    first = tries_until(channels, {"rcs": 600}, 0, MessageClass.TRANSACTIONAL, now, None)
    assert first == now + timedelta(minutes=10)
    assert tries_until(channels, {"rcs": 600}, 1, MessageClass.TRANSACTIONAL, now, None) is None


def test_the_times_of_channels_are_kept_and_read_back():
    order = parse_ways([{"channel": "rcs", "within": "PT10M"}, "sms"])
    assert ways([one.channel for one in order], budgets(order)) == order
    assert budgets(parse_ways(["rcs", "sms"])) is None
