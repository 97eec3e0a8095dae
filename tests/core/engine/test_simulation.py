"""Simulated phones act in their own time, and each act reaches the ledger once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, select

from core.clock import FixedClock
from core.contract import Account, Outgoing, ProviderTools
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass, State
from core.engine import simulation
from core.guarded import Guarded
from core.providers.simulator import Simulator
from core.secrets import Vault
from core.settings import Settings
from core.storage import accounts, migrate, simulated
from core.storage import tables as t
from core.storage.database import Database
from core.storage.simulated import DatabaseBook
from core.suite import Suite

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def suite(tmp_path: Path, clock: FixedClock) -> Iterator[Suite]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/relance.db", mode="test")
    vault = Vault([Fernet.generate_key().decode()])
    database = Database(settings.database_url, vault=vault)
    simulator = Simulator(ProviderTools(urls={}, book=DatabaseBook(database)))
    built = Suite(settings, database, vault, clock, Guarded(), {},
                  {simulator.slug: simulator})
    t.metadata.create_all(built.database.engine)
    migrate.give_key(database)
    with built.database.write() as tx:
        for workspace in ("ws_1", "ws_2"):
            tx.connection.execute(insert(t.workspaces).values(id=workspace, name=workspace, created_at=NOW,
                                                              settings={"language": "fr", "zone": "Europe/Paris"}))
    yield built
    built.database.close()


def send(suite: Suite, number: str, reference: str = "msg_1", workspace: str = "ws_1") -> None:
    message = Outgoing(reference, number, "RDV", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7", "36034")
    suite.providers["simulator"].send(accounts.simulator(workspace), [message], suite.now(), lambda reference: None)


def receipts(suite: Suite) -> list[tuple[str, str, str]]:
    with suite.database.read() as tx:
        rows = tx.connection.execute(select(t.receipts).order_by(t.receipts.c.id)).mappings()
        return [(row["workspace"], row["provider_ref"], row["state"]) for row in rows]


def replies(suite: Suite) -> list[tuple[str, str, str, str]]:
    with suite.database.read() as tx:
        rows = tx.connection.execute(select(t.replies).order_by(t.replies.c.id)).mappings()
        return [(row["workspace"], row["number"], row["to"], row["text"]) for row in rows]


def test_a_message_is_delivered_after_two_seconds_and_not_before(suite: Suite, clock: FixedClock) -> None:
    send(suite, "+33639981234")

    assert simulation.run_due(suite) == 0
    clock.forward(timedelta(seconds=2))
    assert simulation.run_due(suite) == 1
    assert simulation.run_due(suite) == 0

    assert receipts(suite) == [("ws_1", "sim_msg_1", "delivered")]
    with suite.database.read("ws_1") as tx:
        assert [kept.message.state for kept in simulated.listed(tx)] == [State.DELIVERED]


def test_a_slow_phone_takes_five_minutes(suite: Suite, clock: FixedClock) -> None:
    send(suite, "+33639980004")

    clock.forward(timedelta(minutes=4))
    assert simulation.run_due(suite) == 0
    clock.forward(timedelta(minutes=1))
    assert simulation.run_due(suite) == 1


@pytest.mark.parametrize(("number", "word"), [("+33639980007", "STOP"), ("+33639980008", "OUI")])
def test_a_person_answers_once_the_message_arrived(suite: Suite, clock: FixedClock, number: str, word: str) -> None:
    send(suite, number)

    clock.forward(timedelta(hours=1))
    assert [simulation.run_due(suite) for _ in range(3)] == [1, 1, 0]

    assert receipts(suite) == [("ws_1", "sim_msg_1", "delivered")]
    assert replies(suite) == [("ws_1", number, "36034", word)]


def test_workspaces_stay_apart(suite: Suite, clock: FixedClock) -> None:
    send(suite, "+33639981234", "msg_1", "ws_1")
    send(suite, "+33639980002", "msg_2", "ws_2")

    clock.forward(timedelta(seconds=2))
    assert simulation.run_due(suite) == 2

    assert sorted(receipts(suite)) == [("ws_1", "sim_msg_1", "delivered"), ("ws_2", "sim_msg_2", "failed")]


def test_two_who_walk_at_once_do_each_step_once(suite: Suite, clock: FixedClock) -> None:
    for number in range(60):
        send(suite, f"+3363998{number + 1000}", f"msg_{number}")
    clock.forward(timedelta(seconds=2))

    with ThreadPoolExecutor(4) as walkers:
        done = list(walkers.map(lambda _: simulation.run_due(suite), range(4)))

    assert sum(done) == 60
    assert len(receipts(suite)) == 60


def test_somebody_answers_from_a_simulated_phone(suite: Suite) -> None:
    send(suite, "+33639981234")

    reply = simulation.answer(suite, "ws_1", "+33639981234", "OUI")

    assert (reply.to, reply.answers, reply.at) == ("36034", "sim_msg_1", NOW)
    assert replies(suite) == [("ws_1", "+33639981234", "36034", "OUI")]


def test_a_phone_that_never_received_anything_may_answer_too(suite: Suite) -> None:
    send(suite, "+33639981234", workspace="ws_2")

    reply = simulation.answer(suite, "ws_1", "+33639981234", "bonjour", to="36111")

    assert (reply.to, reply.answers) == ("36111", None)
    assert replies(suite) == [("ws_1", "+33639981234", "36111", "bonjour")]


@pytest.mark.parametrize(("sender", "text"), [("+33639981234", ""), ("+33639981234", "a" * 1601), ("cabinet", "OUI")])
def test_what_no_phone_sends_is_refused(suite: Suite, sender: str, text: str) -> None:
    with pytest.raises(BadInput):
        simulation.answer(suite, "ws_1", sender, text)
    assert replies(suite) == []


def test_a_phone_of_an_account_that_was_removed_still_acts(suite: Suite, clock: FixedClock) -> None:
    message = Outgoing("msg_1", "+33639981234", "RDV", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7")
    removed = Account("acc_gone", "ws_1", "simulator", {}, {}, "", "")
    suite.providers["simulator"].send(removed, [message], NOW, lambda reference: None)

    clock.forward(timedelta(seconds=2))

    assert simulation.run_due(suite) == 1
    assert receipts(suite) == [("ws_1", "sim_msg_1", "delivered")]
