"""Which account: by channel, country, class and price, shared out by weight, and only those that are well."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.breaker import Standing
from core.domain.messages import Channel, MessageClass
from core.domain.routing import Exit, Leaving, NoExit, Resting, choose, fitting

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
FRENCH = Leaving(Channel.SMS, "FR", MessageClass.TRANSACTIONAL)


def account(name: str, **about: Any) -> Exit:
    return Exit(name, name, **{"channels": {Channel.SMS}, "position": ord(name[0]), "back": NOW, **about})


def best(leaving: Leaving, *exits: Exit) -> list[str] | str:
    found = fitting(leaving, exits)
    return found.reason.code if isinstance(found, NoExit) else [one.account for one in found]


@pytest.mark.parametrize(
    ("about", "fits"),
    [
        ({}, True),
        ({"channels": {Channel.RCS}}, False),
        ({"countries": ["FR", "BE"]}, True),
        ({"countries": ["GB"]}, False),
        ({"denied": ["FR"]}, False),
        ({"classes": ["marketing"]}, False),
        ({"classes": ["transactional", "otp"]}, True),
    ],
)
def test_an_account_takes_what_was_said_that_it_takes(about, fits):
    assert best(FRENCH, account("a", **about)) == (["a"] if fits else "no_account_for")


def test_a_question_leaves_only_where_its_answer_can_arrive():
    asking = replace(FRENCH, asks=True)
    deaf = account("a", takes_replies=False)
    assert best(asking, deaf, account("b")) == ["b"]
    assert best(asking, deaf) == "no_account_for_replies"
    assert best(FRENCH, deaf, account("b")) == ["a", "b"]


def test_the_lowest_price_goes_first_and_then_the_order_of_the_accounts():
    dear, cheap = account("a", prices={"FR": 60_000, "*": 10}), account("b", prices={"*": 45_000})
    assert best(FRENCH, account("c"), dear, cheap) == ["b", "a", "c"]
    assert best(replace(FRENCH, country="US"), dear, cheap) == ["a", "b"]


def chosen(exits: list[Exit], spread: int = 0, tried: set[str] | None = None,
           klass: MessageClass = MessageClass.TRANSACTIONAL) -> tuple[str, bool] | Resting:
    found = choose(exits, klass, spread, tried or set())
    return found if isinstance(found, Resting) else (found[0].account, found[1])


def test_weights_share_the_messages_out():
    exits = [account("a", weight=3), account("b", weight=1), account("c")]
    counts = Counter(chosen(exits, spread)[0] for spread in range(400))
    assert counts == {"a": 300, "b": 100}


def test_one_message_tries_an_account_that_was_in_trouble_and_never_a_one_time_code():
    exits = [account("a", standing=Standing.TRIAL), account("b")]
    assert chosen(exits) == ("a", True)
    assert chosen(exits, tried={"a"}) == ("b", False)
    assert chosen(exits, klass=MessageClass.OTP) == ("b", False)
    assert chosen(exits[:1], klass=MessageClass.OTP) == ("a", True), "there is no other"


def test_one_that_comes_back_gets_a_tenth():
    exits = [account("a", standing=Standing.EASING), account("b")]
    counts = Counter(chosen(exits, spread)[0] for spread in range(10_000))
    assert counts == {"a": 1_000, "b": 9_000}
    assert chosen(exits[:1], 555) == ("a", False)


def test_a_slow_one_is_better_than_none_and_a_shut_one_is_waited_for():
    shut = account("a", standing=Standing.SHUT, back=NOW + timedelta(seconds=9))
    slow = account("b", standing=Standing.SHUT, soft=True)
    assert chosen([shut, slow]) == ("b", False)
    waits = chosen([shut, replace(shut, account="c", back=NOW + timedelta(seconds=5))])
    assert isinstance(waits, Resting)
    assert waits.at == NOW + timedelta(seconds=5)


@given(
    st.lists(
        st.builds(
            account,
            st.text("abcdefgh", min_size=1, max_size=3),
            standing=st.sampled_from(Standing),
            soft=st.booleans(),
            weight=st.none() | st.integers(1, 9),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda one: one.account,
    ),
    st.integers(0, 2**32),
    st.sampled_from(MessageClass),
)
def test_none_that_is_shut_is_ever_chosen_while_another_is_well(exits, spread, klass):
    found = choose(exits, klass, spread, set())
    if isinstance(found, Resting):
        assert all(one.standing is Standing.SHUT and not one.soft for one in exits)
    elif found[0].standing is Standing.SHUT:
        assert found[0].soft
        assert all(one.standing is Standing.SHUT for one in exits)
