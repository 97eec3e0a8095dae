"""The order of channels, and how long each may try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.channels import LONGEST, SHORTEST, Way, budget, parse_ways
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
