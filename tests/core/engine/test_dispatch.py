"""A message leaves: once, by the right account, or with the reason why not yet; what is in doubt is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Configured,
    Outcome,
    Outgoing,
    ProviderTools,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.engine import dispatch, ticking
from core.engine.journal import Journal
from core.providers.memory import Memory
from core.storage import accounts, installations, ledger, outbox, people, webhooks
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

WHY = Reason("provider_busy")
SECOND = timedelta(seconds=1)


@pytest.fixture
def room(tmp_path: Path) -> EngineRoom:
    return EngineRoom(tmp_path)


def references(room: EngineRoom) -> list[str]:
    return [one.reference for one in room.memory.sent]


# ---------------------------------------------------------------------------------------------- leaving


def test_what_is_due_leaves_once_and_what_is_not_yet_due_waits(room):
    due, later = room.accept(), room.accept(due_at=NOW + timedelta(hours=1))
    assert dispatch.run_due(room.suite) == 1
    assert dispatch.run_due(room.suite) == 0
    assert references(room) == [due]
    assert (room.state(due), room.state(later)) == ("sent", "scheduled")
    assert room.message(due)["provider_ref"] == f"mem_{due}"


def test_an_out_of_date_message_expires_with_the_reason(room):
    stale = room.accept(expires_at=NOW - SECOND)
    dispatch.run_due(room.suite)
    assert room.steps(stale) == [("expired", "stale")]
    assert room.memory.sent == []


def test_consent_is_asked_again_at_the_last_moment(room):
    name = room.accept()
    with room.suite.database.write(room.workspace) as tx:
        people.stop(tx, ANA, "all", "console", {}, NOW)
    dispatch.run_due(room.suite)
    assert room.steps(name) == [("suppressed", "opted_out")]


def test_at_night_marketing_waits_for_the_morning(room):
    with room.suite.database.write(room.workspace) as tx:
        people.start(tx, ANA, "marketing", "form", {}, NOW)
    room.clock.forward(timedelta(hours=14))
    name = room.accept(klass=MessageClass.MARKETING)
    dispatch.run_due(room.suite)
    kept = room.message(name)
    assert (kept["state"], kept["due_at"].isoformat()) == ("scheduled", "2026-12-02T07:00:00+00:00")


def test_refused_is_for_ever_and_what_it_says_of_the_person_is_kept(room):
    asked, dead = room.accept(ANA), room.accept(BOB)
    marketing = room.accept(ANA, MessageClass.MARKETING, due_at=NOW + timedelta(days=1))
    room.memory.script(ANA, Refused(Reason("provider_stopped"), opt_out=True))
    room.memory.script(BOB, Refused(Reason("provider_number_dead"), dead_number=True))
    dispatch.run_due(room.suite)
    assert (room.state(asked), room.state(dead), room.state(marketing)) == ("failed", "failed", "suppressed")
    again = room.accept(BOB)
    dispatch.run_due(room.suite)
    assert room.steps(again) == [("suppressed", "quarantined")]


def test_a_message_that_is_put_off_is_tried_again_when_it_was_asked_for_and_not_before(room):
    name = room.accept(expires_at=NOW + timedelta(hours=3))
    room.memory.script(ANA, TryLater(timedelta(seconds=90), WHY))
    dispatch.run_due(room.suite)
    assert room.state(name) == "scheduled"
    assert room.later(seconds=89) == 0
    room.later(seconds=1)
    assert (room.state(name), room.message(name)["tries"]) == ("sent", 2)


def test_without_a_deadline_it_is_given_up_after_a_day(room):
    name = room.accept(klass=MessageClass.CONVERSATIONAL)  # which no night puts off
    room.memory.script(ANA, *[TryLater(SECOND, WHY)] * 100)
    for _ in range(100):
        room.later(minutes=30)
    assert room.state(name) == "expired"
    assert timedelta(hours=20) < room.message(name)["changed_at"] - NOW < timedelta(hours=36)


def test_whoever_asks_us_to_wait_is_left_in_peace_by_all_that_would_leave_the_same_way(room):
    first = room.accept(ANA)
    room.memory.script(ANA, TryLater(timedelta(seconds=30), WHY))
    dispatch.run_due(room.suite)
    second = room.accept(BOB)
    room.later(seconds=29)
    assert room.memory.sent == []
    assert room.message(second)["tries"] == 0
    for _ in range(3):
        room.later(seconds=5)
    assert {room.state(first), room.state(second)} == {"sent"}


def test_a_provider_that_is_away_is_asked_by_one_message_a_minute_and_not_by_all(room):
    away = TryLater(SECOND, WHY)
    names = [room.accept(f"+3363998{index:04}", expires_at=NOW + timedelta(days=1)) for index in range(300)]
    for index in range(300):
        room.memory.script(f"+3363998{index:04}", *[away] * 500)
    for _ in range(120):
        room.later(seconds=30)
    with room.suite.database.read(room.workspace) as tx:
        tries = [ledger.history(tx, name)[1] for name in names]
    spoken = sum(len(one) for one in tries)
    assert spoken <= 64 + 61, "the first batch finds out, then one a minute"
    room.memory._scripts.clear()
    for _ in range(8):
        room.later(minutes=10)
    assert len(room.memory.sent) == 300


# ---------------------------------------------------------------------------------------------- accounts


def test_account_trouble_holds_the_account_tells_it_once_and_goes_on_when_it_is_over(room):
    names = [room.accept() for _ in range(3)]
    with room.suite.database.write(room.workspace) as tx:
        alert = webhooks.add(tx, room.suite.vault, "https://hook.example/", ["account.held"], "whsec_eA==", NOW)
    room.memory.script(ANA, AccountTrouble(Reason("provider_no_credit")))
    dispatch.run_due(room.suite)
    assert room.account_row().state == "held"
    assert room.notes().count("account_held") == 1
    with room.suite.database.read(room.workspace) as tx:
        [told] = webhooks.deliveries(tx, alert)
    assert "provider_no_credit" in told["body"]
    room.later(minutes=6)
    ticking.accounts_back(room.suite)
    room.later(minutes=1)
    assert [room.state(name) for name in names] == ["sent"] * 3
    assert (room.account_row().state, room.account_row().trouble) == ("active", None)
    assert len(room.memory.sent) == 3


def test_a_second_account_takes_over_and_never_what_is_in_doubt_at_the_first(tmp_path):
    other = Memory(_tools())
    other.slug = "other"
    room = EngineRoom(tmp_path, providers={"other": other})
    room.connect("other")
    doubt = room.accept(ANA)
    room.memory.can_look_up, room.memory.idempotent = False, True
    room.memory.script(ANA, Uncertain(WHY))
    dispatch.run_due(room.suite)
    trouble = room.accept(BOB)
    room.memory.script(BOB, AccountTrouble(WHY, after=timedelta(hours=1)))
    dispatch.run_due(room.suite)
    room.clock.forward(timedelta(minutes=2))
    room.look_up()
    room.later(hours=1)
    assert trouble in [one.reference for one in other.sent] + references(room)
    assert doubt not in [one.reference for one in other.sent]
    room.later(minutes=10)
    assert room.state(doubt) == "sent"
    assert references(room).count(doubt) == 1


def test_the_account_is_chosen_by_country_and_by_channel(room):
    room_uk = room.connect(countries=["GB"])
    with room.suite.database.write(room.workspace) as tx:
        accounts.change(tx, room.suite.vault, room.account.id, countries=["FR"])
    french, british, german = room.accept(), room.accept("+447700900001", country="GB"), room.accept(country="DE")
    dispatch.run_due(room.suite)
    assert room.message(french)["account"] == room.account.id
    assert room.message(british)["account"] == room_uk.id
    assert (room.state(german), room.message(german)["held_by"]) == ("held", "account")


def test_a_paused_or_lost_installation_holds_its_messages_and_a_disconnected_one_ends_them(room):
    with room.suite.database.write(room.workspace) as tx:
        name = installations.add(tx, room.suite.vault, "diary", "Agenda", Configured({}, {}), NOW, zone="Europe/Paris",
                                 country="FR")
        installations.change(tx, name, state="reconnect")
    held = room.accept(installation=name)
    dispatch.run_due(room.suite)
    assert (room.state(held), room.message(held)["held_by"]) == ("held", f"installation:{name}")
    with room.suite.database.write(room.workspace) as tx:
        installations.change(tx, name, state="disconnected")
        outbox.release(tx, f"installation:{name}", WHY, NOW)
    dispatch.run_due(room.suite)
    assert room.steps(held)[-1] == ("cancelled", "disconnected")


# ---------------------------------------------------------------------------------------------- doubt


def doubted(room: EngineRoom, klass: MessageClass = MessageClass.CONVERSATIONAL, *, took: bool = True) -> str:
    name = room.accept(klass=klass, expires_at=NOW + timedelta(hours=1))
    room.memory.script(ANA, Uncertain(WHY), takes=took)
    dispatch.run_due(room.suite)
    assert room.state(name) == "uncertain"
    return name


def test_what_the_provider_has_is_sent_and_what_it_never_had_leaves_once_more(room):
    had = doubted(room)
    never = doubted(room, took=False)
    room.clock.forward(timedelta(seconds=6))
    assert room.look_up() == 2
    room.later(seconds=1)
    assert room.steps(had) == [("uncertain", "provider_busy"), ("sent", "looked_up_found")]
    assert [state for state, _ in room.steps(never)] == ["uncertain", "scheduled", "sent"]
    assert sorted(references(room)) == sorted([had, never])


def test_a_provider_that_knows_references_again_is_simply_told_again(room):
    room.memory.can_look_up, room.memory.idempotent = False, True
    name = doubted(room)
    room.clock.forward(timedelta(seconds=6))
    room.look_up()
    room.later(seconds=1)
    assert room.state(name) == "sent"
    assert references(room) == [name]


@pytest.mark.parametrize(("klass", "sent"), [(MessageClass.OTP, 2), (MessageClass.TRANSACTIONAL, 1)])
def test_where_nobody_can_tell_the_class_decides(room, klass, sent):
    room.memory.can_look_up = False
    name = doubted(room, klass)
    for _ in range(10):
        room.clock.forward(timedelta(seconds=30))
        room.look_up()
        dispatch.run_due(room.suite)
    assert len(references(room)) == sent
    assert room.state(name) == ("sent" if sent == 2 else "uncertain")


class Silent(Memory):
    """Can be asked, and never knows."""

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        self.asked = [*getattr(self, "asked", []), now]
        return None


@pytest.mark.parametrize(("klass", "minutes"), [(MessageClass.OTP, 10), (MessageClass.CONVERSATIONAL, 24 * 60)])
def test_what_cannot_be_told_yet_is_asked_for_as_long_as_it_is_of_use_and_never_sent_again(tmp_path, klass, minutes):
    silent = Silent(_tools())
    room = EngineRoom(tmp_path, providers={"memory": silent})
    room.memory = silent
    name = doubted(room, klass)
    # Seconds after the end its last question is over.
    for _ in range(70):
        room.clock.forward(timedelta(minutes=minutes / 60))
        room.look_up()
        dispatch.run_due(room.suite)
    assert references(room) == [name]
    assert room.state(name) == "uncertain"
    with room.suite.database.read(room.workspace) as tx:
        assert outbox.get(tx, name)["lease"] is None, "nobody asks any more: it is shown"
    assert timedelta() <= silent.asked[-1] - NOW - timedelta(minutes=minutes) < timedelta(minutes=minutes / 10)


# ---------------------------------------------------------------------------------------------- accidents


class Dies(BaseException):
    """Stands for kill -9: nothing that the engine catches."""


class Deadly(Memory):
    """Dies when it has begun `after` messages."""

    after = 2

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        for message in messages[: self.after]:
            begun(message.reference)
            self.sent.append(message)
        raise Dies


def _tools() -> ProviderTools:
    return ProviderTools(urls={})


def test_after_a_death_only_what_had_begun_is_in_doubt_and_the_rest_of_the_batch_leaves(tmp_path):
    deadly = Deadly(_tools())
    room = EngineRoom(tmp_path, providers={"memory": deadly})
    names = [room.accept() for _ in range(5)]
    journal = Journal(ticking.journals(room.suite), "own_dead")
    with pytest.raises(Dies):
        dispatch.Sender(room.suite, journal).turn()
    assert {room.state(name) for name in names} == {"sending"}
    assert ticking.recover(room.suite) == 0, "its process still lives: it may yet say itself what became of them"
    journal.abandon()

    assert ticking.recover(room.suite) == 5
    states = sorted(room.state(name) for name in names)
    assert states == ["scheduled"] * 3 + ["uncertain"] * 2
    assert ticking.recover(room.suite) == 0


def test_after_the_death_of_the_machine_everything_that_was_claimed_is_in_doubt(tmp_path):
    room = EngineRoom(tmp_path)
    name = room.accept()
    folder = ticking.journals(room.suite)
    journal = Journal(folder, "own_dead")
    with room.suite.database.write() as tx:
        outbox.claim(tx, NOW, 64, owner="own_dead", lease=dispatch.LEASE)
    journal.abandon()
    (path,) = folder.glob("*.journal")
    path.rename(folder / "own_dead.anotherlife.journal")
    ticking.recover(room.suite)
    assert room.state(name) == "uncertain"


def test_a_clock_that_jumps_forward_does_not_take_messages_from_a_living_sender(room):
    name = room.accept()
    journal = Journal(ticking.journals(room.suite), "own_1")
    with room.suite.database.write() as tx:
        outbox.claim(tx, NOW, 64, owner="own_1", lease=dispatch.LEASE)
    room.clock.forward(timedelta(hours=49))
    ticking.recover(room.suite)
    assert room.state(name) == "sending"
    journal.close()
    ticking.recover(room.suite)
    assert room.state(name) == "uncertain"


class Raises(Memory):
    """Breaks its promise never to raise, after beginning the first message."""

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        begun(messages[0].reference)
        raise RuntimeError("a bug")


def test_a_provider_that_raises_puts_in_doubt_what_it_had_begun_and_nothing_else(tmp_path):
    room = EngineRoom(tmp_path, providers={"memory": Raises(_tools())})
    first, second = room.accept(), room.accept()
    dispatch.run_due(room.suite)
    assert (room.state(first), room.state(second)) == ("uncertain", "scheduled")


class Slow(Memory):
    """Its worker was stopped after the claim, for longer than the lease."""

    sender: dispatch.Sender

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        self.sender._spoke_by = 0.0
        return super().send(account, messages, now, begun)


def test_a_worker_that_wakes_up_after_its_lease_does_not_speak(tmp_path):
    slow = Slow(_tools())
    room = EngineRoom(tmp_path, providers={"memory": slow})
    name = room.accept()
    slow.sender = dispatch.Sender(room.suite)
    slow.sender.turn()
    slow.sender.rest()
    assert slow.sent == []
    assert (room.state(name), room.account_row().state) == ("scheduled", "active")


def test_an_accepted_message_says_what_the_provider_said(room):
    name = room.accept()
    room.memory.script(ANA, Accepted("theirs-7"))
    dispatch.run_due(room.suite)
    kept = room.message(name)
    assert (kept["provider_ref"], kept["channel"], kept["state"]) == ("theirs-7", str(Channel.SMS), State.SENT)


def test_what_it_really_cost_is_kept_beside_the_estimate(room):
    name = room.accept(price_micros=52_000, currency="EUR")
    room.memory.script(ANA, Accepted("theirs-8", price_micros=48_500, currency="USD"))
    dispatch.run_due(room.suite)
    with room.suite.database.read(room.workspace) as tx:
        [attempt] = ledger.history(tx, name)[1]
    assert (attempt["price_micros"], attempt["currency"]) == (48_500, "USD")
    assert (room.message(name)["price_micros"], room.message(name)["currency"]) == (52_000, "EUR")
