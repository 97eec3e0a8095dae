"""Receipts: in every order, doubled, too early, about unknown messages, from the wrong account. None moves a message
backwards, none is an error, and the end is always the furthest that was said."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise, permutations, product
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import event

from core.contract import Account, Outgoing, PhoneReply, Receipt, Uncertain
from core.domain.messages import FOLLOWS, State
from core.domain.reasons import Reason
from core.engine import dispatch, feedback, housekeeping
from core.storage import accounts, house, outbox, people
from core.storage import feedback as kept
from core.storage.database import Transaction
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

STATES = (State.SENT, State.DELIVERED, State.READ, State.FAILED)
# What the phone itself said is right, whoever else said the opposite.
FURTHEST = {State.SENT: 0, State.FAILED: 1, State.DELIVERED: 2, State.READ: 3}
HISTORIES = [list(one) for size in range(1, 5) for one in permutations(STATES, size)]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> EngineRoom:
    return EngineRoom(tmp_path_factory.mktemp("receipts"))


def receipt(name: str, state: State | None, **given: object) -> Receipt:
    values = {"status": str(state), "at": NOW, "reference": None, **given}
    return Receipt(f"mem_{name}", state, **values)  # type: ignore[arg-type]


def take(room: EngineRoom, *receipts: Receipt, account: Account | None = None) -> None:
    with room.suite.database.write(room.workspace) as tx:
        feedback.take_receipts(room.suite, tx, account or room.account, receipts)


def sent(room: EngineRoom, to: str = ANA) -> str:
    name = room.accept(to)
    dispatch.run_due(room.suite)
    assert room.state(name) == "sent"
    return name


def only_forwards(room: EngineRoom, name: str) -> bool:
    states = [State(state) for state, _ in room.steps(name)]
    return all(then in FOLLOWS[now] for now, then in pairwise(states))


def test_every_order_of_every_history_ends_with_the_furthest_word(room: EngineRoom) -> None:
    """64 histories, each receipt alone in a request, each of them twice."""
    names = [sent(room) for _ in HISTORIES]
    for name, history in zip(names, HISTORIES, strict=True):
        for state in [*history, *history]:
            take(room, receipt(name, state))
    for name, history in zip(names, HISTORIES, strict=True):
        assert room.state(name) == max(history, key=FURTHEST.__getitem__), history
        assert only_forwards(room, name), history
        with room.suite.database.read(room.workspace) as tx:
            assert len(kept.receipts_of(tx, name)) == len(history)


def test_all_in_one_request_end_the_same(room: EngineRoom) -> None:
    names = [sent(room) for _ in HISTORIES]
    take(room, *[receipt(name, state) for name, history in zip(names, HISTORIES, strict=True) for state in history])
    ends = [max(history, key=FURTHEST.__getitem__) for history in HISTORIES]
    assert [room.state(name) for name in names] == ends


@pytest.mark.parametrize("count", [30, pytest.param(3_000, marks=pytest.mark.slow)])
def test_ten_receipts_for_each_message_shuffled_doubled_and_late_by_days_end_in_the_true_state(
    tmp_path: Path, count: int
) -> None:
    room, dice = EngineRoom(tmp_path), Random(3)
    names = [room.accept(ANA) for _ in range(count)]
    truth = {name: dice.choice(STATES) for name in names}
    said = [
        receipt(name, dice.choice([one for one in STATES if FURTHEST[one] < FURTHEST[truth[name]]] or [truth[name]]),
                at=NOW - timedelta(seconds=dice.randrange(86_400)))
        for name in names for _ in range(9)
    ] + [receipt(name, state, at=NOW) for name, state in truth.items()]  # fmt: skip
    dice.shuffle(said)
    sender = dispatch.Sender(room.suite)
    while said:
        # While they leave: some receipts come before we have recorded what they are about.
        if dice.random() < 0.1:
            sender.turn()
        some = [said.pop() for _ in range(min(len(said), dice.randint(1, 50)))]
        take(room, *some, *dice.sample(some, len(some) // 3))
        if dice.random() < 0.05:
            room.clock.forward(timedelta(hours=dice.randrange(48)))
    while sender.turn():
        pass
    sender.rest()
    assert {name: room.state(name) for name in names} == truth
    assert all(only_forwards(room, name) for name in names)
    assert len(room.memory.sent) == count


def test_a_receipt_that_overtakes_the_answer_waits_for_it(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    good = (State.SENT, State.DELIVERED, State.READ)
    histories = [list(one) for size in (1, 2, 3) for one in permutations(good, size)]
    names = [room.accept() for _ in histories]
    sends = room.memory.send

    def send(account, messages: list[Outgoing], now, begun):  # type: ignore[no-untyped-def]
        outcomes = sends(account, messages, now, begun)
        for name, history in zip(names, histories, strict=True):
            take(room, *[receipt(name, state) for state in history])
        return outcomes

    room.memory.send = send  # type: ignore[method-assign]
    dispatch.run_due(room.suite)
    ends = [max(history, key=FURTHEST.__getitem__) for history in histories]
    assert [room.state(name) for name in names] == ends


def test_a_receipt_that_overtakes_the_answer_says_no_less_of_the_person_the_account_and_the_price(
    tmp_path: Path,
) -> None:
    room = EngineRoom(tmp_path)
    silent, dead, poor, dear = (room.accept(f"+3363998003{digit}") for digit in range(4))
    early = {
        silent: {"state": State.FAILED, "opt_out": True, "reason": Reason("provider_opted_out")},
        dead: {"state": State.FAILED, "dead_number": True, "reason": Reason("dead_number")},
        poor: {"state": State.FAILED, "account_trouble": True, "reason": Reason("provider_no_credit")},
        dear: {"state": State.DELIVERED, "price_micros": 71_000, "currency": "EUR"},
    }
    sends = room.memory.send

    def send(account, messages: list[Outgoing], now, begun):  # type: ignore[no-untyped-def]
        outcomes = sends(account, messages, now, begun)
        take(room, *[receipt(name, **given) for name, given in early.items()])  # type: ignore[arg-type]
        early.clear()
        return outcomes

    room.memory.send = send  # type: ignore[method-assign]
    dispatch.run_due(room.suite)

    with room.suite.database.read(room.workspace) as tx:
        standings, _ = people.standings(tx, room.workspace, ["+33639980030", "+33639980031"])
    assert standings["+33639980030"].opted_out == {"marketing"}
    assert standings["+33639980031"].quarantined
    assert (room.state(silent), room.state(dead)) == ("failed", "failed")
    # It was taken and refused for want of credit afterwards: it waits, as if the receipt had come in its turn.
    assert room.state(poor) == "scheduled"
    assert room.account_row().state == "held"
    assert (room.state(dear), room.message(dear)["price_micros"]) == ("delivered", 71_000)


@pytest.mark.parametrize(("before", "state"), list(product(["uncertain", "sent"], STATES)))
def test_a_receipt_ends_a_doubt(room: EngineRoom, before: str, state: State) -> None:
    if before == "uncertain":
        room.memory.script(ANA, Uncertain(Reason("provider_busy")))
    name = room.accept()
    dispatch.run_due(room.suite)
    assert room.state(name) == before
    take(room, receipt(name, state, reference=name))
    assert room.state(name) == state
    room.clock.forward(timedelta(seconds=10))
    room.look_up()
    dispatch.run_due(room.suite)
    assert room.state(name) == state
    assert [one.reference for one in room.memory.sent].count(name) == 1


def test_a_phone_that_is_off_is_tried_a_few_times_over_hours_and_sooner_what_is_of_no_use_later(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    patient = room.accept("+33639980041")
    urgent = room.accept("+33639980042", expires_at=NOW + timedelta(minutes=14))
    waits: dict[str, list[timedelta]] = {patient: [], urgent: []}
    for turn in range(6):
        dispatch.run_due(room.suite)
        for name, said in waits.items():
            if room.state(name) != "sent":
                continue
            why = Reason("provider_phone_unreachable")
            take(room, receipt(name, State.FAILED, retry=True, status=f"off {turn}", reason=why))
            if room.state(name) == "scheduled":
                said.append(room.message(name)["due_at"] - room.suite.now())
        due = [room.message(name)["due_at"] for name in waits if room.state(name) == "scheduled"]
        room.clock.moment = min(due, default=room.suite.now())
    assert [wait.total_seconds() / 60 for wait in waits[patient]] == [5, 30, 180]
    assert [wait.total_seconds() / 60 for wait in waits[urgent]] == [5, 5]
    assert (room.state(patient), room.state(urgent)) == ("failed", "failed")


def test_unknown_words_and_unknown_messages_are_kept_and_change_nothing(room: EngineRoom) -> None:
    name = sent(room)
    take(room, receipt(name, None, status="HALF_WAY"), receipt("msg_unknown", State.DELIVERED),
         Receipt(None, State.DELIVERED, "delivered", NOW), Receipt(None, State.DELIVERED, "x", NOW, "msg_nobody"))
    assert room.state(name) == "sent"
    with room.suite.database.read(room.workspace) as tx:
        assert [one["status"] for one in kept.receipts_of(tx, name)] == ["HALF_WAY"]


def test_another_account_s_word_about_our_message_is_not_believed(room: EngineRoom) -> None:
    other = room.connect()
    name = sent(room)
    take(room, receipt(name, State.FAILED), receipt(name, State.READ, reference=name), account=other)
    assert room.state(name) == "sent"
    with room.suite.database.write(room.workspace) as tx:
        accounts.change(tx, room.suite.vault, other.id, state="removed")


def test_another_workspace_s_word_is_not_believed(room: EngineRoom) -> None:
    with room.suite.database.write() as tx:
        stranger = house.add_workspace(tx, "Concurrent", {}, NOW)
    name = sent(room)
    with room.suite.database.write() as tx:
        feedback.take_receipts(room.suite, Transaction(tx.connection, stranger), room.account,
                               [receipt(name, State.READ, reference=name)])  # fmt: skip
    assert room.state(name) == "sent"


def test_what_a_receipt_says_of_the_person_counts_for_the_person(room: EngineRoom) -> None:
    silent, dead = sent(room, "+33639980021"), sent(room, "+33639980022")
    take(room, receipt(silent, State.FAILED, opt_out=True), receipt(dead, State.FAILED, dead_number=True))
    with room.suite.database.read(room.workspace) as tx:
        standings, _ = people.standings(tx, room.workspace, ["+33639980021", "+33639980022", BOB])
    assert standings["+33639980021"].opted_out == {"marketing"}
    assert standings["+33639980022"].quarantined
    assert BOB not in standings


def test_a_late_word_about_credit_puts_it_back_and_holds_the_account(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    name = sent(room)
    take(room, receipt(name, State.FAILED, account_trouble=True, reason=Reason("provider_no_credit")))
    assert (room.state(name), room.account_row().state) == ("scheduled", "held")
    room.later(minutes=16)
    assert room.state(name) == "sent"
    take(room, receipt(name, State.DELIVERED, status="after credit"))
    assert room.state(name) == "delivered"


def test_a_reply_is_taken_once_however_often_it_comes(room: EngineRoom) -> None:
    reply = PhoneReply(BOB, "38555", "bonjour", NOW, "reply-1")
    with room.suite.database.write(room.workspace) as tx:
        first = [feedback.take_reply(room.suite, tx, room.account, reply) for _ in range(3)]
    assert [one is not None for one in first] == [True, False, False]
    with room.suite.database.read(room.workspace) as tx:
        assert len(kept.replies(tx, number=BOB)) == 1
        assert outbox.listed(tx, outbox.Filter(to=BOB)) == []


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_many_receipts_in_one_request_are_a_few_steps(
    tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    own = {"database_url": request.getfixturevalue("postgres_database")} if where == "postgresql" else {}
    room = EngineRoom(tmp_path, **own)
    names = [sent(room) for _ in range(60)]
    asked: list[str] = []

    def counted(_: object, __: object, statement: str, *more: object) -> None:
        asked.append(statement)

    event.listen(room.suite.database.engine, "before_cursor_execute", counted)
    take(room, *[receipt(name, state) for name in names for state in (State.SENT, State.DELIVERED)])
    event.remove(room.suite.database.engine, "before_cursor_execute", counted)
    assert len(asked) < 20, "not two for each"
    assert {room.state(name) for name in names} == {"delivered"}
    assert [state for state, _ in room.steps(names[0])] == ["sent", "delivered"]
    room.suite.database.close()


def test_a_receipt_and_the_record_of_its_message_that_did_not_see_each_other(tmp_path: Path) -> None:
    """On PostgreSQL both may be written at the same moment, each before the other is committed."""
    room = EngineRoom(tmp_path)
    name = sent(room)
    with room.suite.database.write(room.workspace) as tx:
        kept.keep_receipts(tx, room.account.id, [receipt(name, State.DELIVERED)], NOW)
        kept.keep_receipts(tx, room.account.id, [receipt("somebody_elses", State.DELIVERED)], NOW)
    room.clock.forward(timedelta(minutes=1))
    housekeeping.run_due(room.suite)
    assert room.state(name) == "delivered"
    assert feedback.settle_missed(room.suite) == 0
