"""Failing over and back, rates that are shared, and who goes first: with a turned clock, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.clock import FixedClock
from core.contract import Account, Outcome, Outgoing, ProviderTools, TryLater, Uncertain
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.engine import dispatch, ticking
from core.providers.memory import Memory
from core.storage import accounts, outbox, people
from core.storage import tables as t
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

AWAY = Reason("provider_unreachable")


class Weather(Memory):
    """Answers as `mood` says: well, away (nothing is taken), silent (taken or not, nobody knows), slow."""

    mood, clock = "well", FixedClock(NOW)
    calls = 0

    def send(self, account: Account, messages: Sequence[Outgoing], now, begun: Callable[[str], None]) -> list[Outcome]:
        self.calls += 1
        if self.mood == "away":
            return [TryLater(timedelta(seconds=1), AWAY) for _ in messages]
        if self.mood == "silent":
            for one in messages:
                begun(one.reference)
            return [Uncertain(Reason("provider_silent")) for _ in messages]
        if self.mood == "slow":
            self.clock.forward(timedelta(seconds=12))
        return super().send(account, messages, now, begun)


class Two:
    """A room with two accounts of two lines, `first` asked first."""

    def __init__(self, folder: Path, url: str | None = None, **second: object) -> None:
        self.first, self.second = Weather(ProviderTools(urls={})), Weather(ProviderTools(urls={}))
        self.room = room = EngineRoom(
            folder, providers={"first": self.first, "second": self.second}, **({"database_url": url} if url else {})
        )
        self.first.clock = self.second.clock = room.clock
        with room.suite.database.write(room.workspace) as tx:
            accounts.change(tx, room.suite.vault, room.account.id, state="removed")
        self.one, self.two = room.connect("first"), room.connect("second", **second)

    def many(self, count: int, klass: MessageClass = MessageClass.TRANSACTIONAL, **given: object) -> list[str]:
        now = self.room.suite.now()
        news = [
            outbox.New(
                **{"to": f"+3363998{index % 10_000:04}", "country": "FR", "text": "Rappel", "encoding": "GSM-7",
                   "segments": 1, "message_class": klass, "channels": (Channel.SMS,), "due_at": now, **given}
            )
            for index in range(count)
        ]
        with self.room.suite.database.write(self.room.workspace) as tx:
            return outbox.accept(tx, news, now)

    def later(self, **by: float) -> int:
        self.room.clock.forward(timedelta(**by))
        ticking.accounts_back(self.room.suite)
        return dispatch.run_due(self.room.suite)

    def sent(self) -> tuple[list[str], list[str]]:
        return [one.reference for one in self.first.sent], [one.reference for one in self.second.sent]

    def states(self) -> Counter[str]:
        with self.room.suite.database.read(self.room.workspace) as tx:
            query = select(t.messages.c.state, func.count()).group_by(t.messages.c.state)
            return Counter({row[0]: row[1] for row in tx.connection.execute(query)})

    def consent(self, *numbers: str) -> None:
        with self.room.suite.database.write(self.room.workspace) as tx:
            for number in numbers:
                people.start(tx, number, "marketing", "form", {}, NOW)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Two]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return lambda **second: Two(tmp_path, url, **second)


# ---------------------------------------------------------------------------------------------- failing over


def test_what_an_account_surely_did_not_take_leaves_by_the_other_at_once_and_later_it_comes_back(two):
    here = two()
    here.first.mood = "away"
    names = here.many(100)
    here.later(seconds=1)
    assert sorted(here.sent()[1]) == sorted(names)
    for _ in range(10):
        here.many(20)
        here.later(seconds=30)
    assert here.first.calls <= 1 + 11, "one message at a time asks whether it is back"
    assert here.states() == {"sent": 300}

    here.first.mood = "well"
    here.later(minutes=1)
    here.many(1)
    here.later(seconds=1)
    assert len(here.sent()[0]) == 1, "one message tries it"
    here.many(200)
    here.later(seconds=1)
    assert 1 < len(here.sent()[0]) <= 50, "then about a tenth"
    here.later(seconds=31)
    here.many(100)
    before = len(here.sent()[0])
    here.later(seconds=1)
    assert len(here.sent()[0]) - before == 100, "then all"
    assert here.states() == {"sent": 601}


def test_who_stops_answering_is_left_within_half_a_minute_and_keeps_what_is_in_doubt(two):
    here = two()
    here.first.can_look_up = here.second.can_look_up = False
    here.first.mood = "silent"
    lost = set(here.many(8))
    here.later(seconds=1)
    assert here.states() == {"uncertain": 8}
    saved = set(here.many(50))
    here.later(seconds=1)
    here.later(minutes=10)
    assert here.states()["sent"] >= 49, "one may have tried the silent account"
    assert not lost & set(here.sent()[1])
    assert len(saved & set(here.sent()[1])) >= 49
    assert len(here.sent()[1]) == len(set(here.sent()[1]))


def test_a_slow_account_is_used_only_while_there_is_no_other(two):
    here = two()
    here.first.mood = "slow"
    here.many(64)
    here.later(seconds=1)
    assert len(here.sent()[0]) == 64
    here.many(10)
    here.later(seconds=1)
    assert len(here.sent()[1]) == 10
    here.second.mood = "away"
    here.many(10)
    here.later(seconds=1)
    here.later(seconds=1)
    assert here.states() == {"sent": 84}


@pytest.mark.parametrize("count", [600, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_provider_that_is_away_for_an_hour_loses_nothing_is_asked_once_a_minute_and_is_not_stormed(two, count):
    # The second account takes only what is transactional.
    here = two(classes=["transactional"])
    here.first.mood = "away"
    bulk = here.many(count, MessageClass.CONVERSATIONAL, expires_at=NOW + timedelta(hours=9))
    old = here.many(20, MessageClass.CONVERSATIONAL, expires_at=NOW + timedelta(minutes=30))
    here.later(seconds=1)
    urgent = here.many(200)
    here.later(seconds=1)
    assert set(urgent) <= set(here.sent()[1])
    asked = here.first.calls
    for _ in range(60):
        here.later(minutes=1)
    assert here.first.calls - asked <= 61
    with here.room.suite.database.read(here.room.workspace) as tx:
        spent, looked_at = tx.connection.execute(
            select(func.sum(t.messages.c.tries), func.sum(t.messages.c.fence))
        ).one()
    assert spent <= 64 + 64 + 200 + 200 + 62
    # The crowd is not gone through every minute.
    assert looked_at <= 20 * (count + 220) + 60 * 64
    here.first.mood = "well"
    here.later(minutes=1)
    late = here.many(5)
    for _ in range(3):
        here.later(seconds=10)
    assert here.states() == {"sent": count + 205, "expired": 20}
    first, second = here.sent()
    assert len(first) + len(second) == len({*first, *second}) == count + 205
    assert set(bulk) <= set(first)
    assert not set(old) & set(first)
    assert set(late) <= {*first, *second}


def test_an_outage_is_one_step_of_a_waiting_message_and_not_one_a_minute(two):
    here = two()
    here.first.mood = here.second.mood = "away"
    names = here.many(70)
    for _ in range(40):
        here.later(minutes=1)
    steps = [code for name in names for _, code in here.room.steps(name)]
    tries = steps.count("provider_unreachable")
    assert tries <= 70 * 2 + 40 * 2
    assert steps.count("account_held") <= 70 + tries, "one for each try that failed, and none for each minute"
    here.first.mood = here.second.mood = "well"
    here.later(minutes=1)
    here.later(seconds=5)
    assert here.states() == {"sent": 70}


# ---------------------------------------------------------------------------------------------- rates


def test_a_rate_is_kept_over_minutes_and_everything_leaves(two):
    here = two()
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, suite.vault, here.two.id, state="removed")
        accounts.change(tx, suite.vault, here.one.id, rate=10)
    here.many(300, MessageClass.CONVERSATIONAL)
    dispatch.run_due(suite)
    left = [len(here.sent()[0])]
    for _ in range(60):
        here.later(seconds=0.5)
        left.append(len(here.sent()[0]))
    assert left[0] == 10
    assert all(count <= 10 + 5 * turn for turn, count in enumerate(left))
    assert left[-1] == 300, "30 seconds at 10 a second"
    with suite.database.read(here.room.workspace) as tx:
        steps = tx.connection.execute(select(func.count()).select_from(t.steps)).scalar()
    assert steps == 300, "waiting for a turn is no step"


def test_a_sender_and_a_country_have_rates_of_their_own_and_hold_up_nobody_else(two):
    here = two()
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, suite.vault, here.one.id, rates={"senders": {"CABINET": 2}, "countries": {"BE": 1}})
    slow = here.many(20, sender="CABINET")
    belgian = here.many(20, to="+32470000000", country="BE")
    free = here.many(20)
    dispatch.run_due(suite)
    left = set(here.sent()[0])
    assert (len(left & set(slow)), len(left & set(belgian)), len(left & set(free))) == (2, 1, 20)
    here.later(seconds=3)
    left = set(here.sent()[0])
    assert 4 <= len(left & set(slow)) <= 8
    assert 2 <= len(left & set(belgian)) <= 4


def test_a_campaign_at_a_limited_rate_delays_neither_a_reminder_nor_a_code(two):
    here = two()
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, suite.vault, here.two.id, state="removed")
        accounts.change(tx, suite.vault, here.one.id, rate=10)
    here.consent(*(f"+3363998{index:04}" for index in range(100)))
    here.many(100, MessageClass.MARKETING)
    dispatch.run_due(suite)
    assert len(here.sent()[0]) == 8, "a fifth stays free"
    reminder, code = here.many(1)[0], here.many(1, MessageClass.OTP)[0]
    dispatch.run_due(suite)
    assert {reminder, code} <= set(here.sent()[0])


def test_a_campaign_without_a_rate_delays_neither(two):
    here = two()
    here.consent(ANA)
    here.many(5_000, MessageClass.MARKETING, to=ANA)
    sender = dispatch.Sender(here.room.suite)
    sender.turn()
    reminder = here.many(1)[0]
    sender.turn()
    assert reminder in here.sent()[0]
    sender.rest()


# ---------------------------------------------------------------------------------------------- the choice


def test_the_choice_by_class_price_denied_country_and_replies(two):
    here = two(prices={"FR": 30_000}, denied=["BE"], takes_replies=False)
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, suite.vault, here.one.id, prices={"FR": 40_000})
    cheap, asks, belgian = here.many(1)[0], here.many(1, asks=True)[0], here.many(1, to="+32470000000", country="BE")[0]
    dispatch.run_due(suite)
    assert (set(here.sent()[0]), here.sent()[1]) == ({asks, belgian}, [cheap])
    with suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, suite.vault, here.one.id, takes_replies=False)
    nowhere = here.many(1, asks=True, to=BOB)[0]
    dispatch.run_due(suite)
    assert here.room.steps(nowhere) == [("held", "no_account_for_replies")]


def test_weights_share_a_campaign_out(two):
    here = two(weight=1)
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, suite.vault, here.one.id, weight=3)
    here.many(400)
    dispatch.run_due(suite)
    first, second = (len(found) for found in here.sent())
    assert first + second == 400
    assert 60 <= second <= 140


# ---------------------------------------------------------------------------------------------- the end of the hours


def test_advertising_says_when_its_hours_end_so_that_a_providers_queue_does_not_give_it_out_at_night(
    tmp_path: Path,
) -> None:
    room = EngineRoom(tmp_path)
    with room.suite.database.write(room.workspace) as tx:
        for number in (ANA, BOB):
            people.start(tx, number, "marketing", "test", {}, room.suite.now())
    room.clock.moment = datetime(2026, 12, 1, 18, 30, tzinfo=UTC)  # 19:30 in Paris
    room.accept(ANA, MessageClass.MARKETING)
    room.accept(BOB, MessageClass.TRANSACTIONAL)
    dispatch.run_due(room.suite)

    ends = {one.to: (one.hours_end, one.queued_until, one.expires_at) for one in room.memory.sent}
    eight = datetime(2026, 12, 1, 19, 0, tzinfo=UTC)
    assert ends == {ANA: (eight, eight, None), BOB: (None, None, None)}


def test_one_person_who_is_to_be_left_in_peace_holds_nobody_else_up(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    room.memory.script(ANA, TryLater(timedelta(seconds=6), Reason("provider_busy"), alone=True), takes=False)
    waiting, other = room.accept(ANA), room.accept(BOB)
    dispatch.run_due(room.suite)

    assert (room.state(waiting), room.state(other)) == ("scheduled", "sent")
    assert room.account_row().state == "active"
    later = room.accept(BOB)
    dispatch.run_due(room.suite)
    assert room.state(later) == "sent"
    room.later(minutes=1)
    assert room.state(waiting) == "sent"
