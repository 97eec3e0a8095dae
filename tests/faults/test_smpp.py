"""Long messages over an SMPP line on which everything goes wrong: none is lost, none doubled, no parts are mixed.

The slow form sends 10,000.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import FixedClock
from core.contract import Configured, Provider, ProviderTools
from core.domain.messages import Channel, MessageClass
from core.domain.smpp.pdu import ShortMessage
from core.engine import dispatch, ticking
from core.engine.listening import Listening
from core.providers.smpp import Smpp
from core.providers.smpp.session import Pace
from core.settings import Settings
from core.storage import accounts, house, migrate, outbox
from core.storage import tables as t
from core.storage.smpp_parts import DatabaseParts
from core.suite import Suite, build_suite
from tests.fakes.smsc import Act, Smsc, answers, cut_after, cut_before, silent, takes, throttled

NOON = datetime(2026, 12, 1, 11, 0, tzinfo=UTC)
QUICK = Pace(connect=2, answer=1.5, idle=0.5, dead=0.5, first_pause=0.02, longest_pause=0.1, refused_pause=0.2,
             batch=20, throttled=0.01, sweep=0.1, hold=0.2)


class House:
    """A Relance whose clock stands still, with an SMPP account of `smsc`."""

    def __init__(self, folder: Path, smsc: Smsc, pace: Pace = QUICK, **config: Any) -> None:
        self.pace = pace
        self.clock = FixedClock(NOON)
        self.folder = folder
        self.config = {"host": "127.0.0.1", "port": smsc.port, "system_id": "acme", **config}
        self._open()
        migrate.upgrade(self.suite.database)
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(tx, "essai", {}, NOON)
        with self.suite.database.write(self.workspace) as tx:
            self.account = accounts.add(tx, self.suite.vault, "smpp", "centre", Configured(
                self.config, {"password": "secret"}), NOON, public_url="").account.id

    def _open(self) -> None:
        providers: dict[str, Provider] = {}
        settings = Settings.read({"RELANCE_DATA_DIR": str(self.folder), "RELANCE_MODE": "test"})
        self.suite: Suite = build_suite(settings, clock=self.clock, adapters={}, providers=providers)
        self.smpp = Smpp(ProviderTools(urls={}, parts=DatabaseParts(self.suite.database)), self.pace)
        providers["smpp"] = self.smpp
        self.listening = Listening(self.suite)

    def restart(self) -> None:
        """As if the process had ended and begun again."""
        self.close()
        self._open()
        self.listening.refresh(self.suite)

    def close(self) -> None:
        self.listening.stop()
        self.smpp.close()
        self.suite.database.close()

    def accept(self, texts: list[str], first: int = 0) -> list[str]:
        now = self.suite.now()
        with self.suite.database.write(self.workspace) as tx:
            return outbox.accept(tx, [outbox.New(
                to=f"+336{39_000_000 + number:08d}", country="FR", text=text, encoding="GSM-7",
                segments=-(-len(text) // 153) if len(text) > 160 else 1, message_class=MessageClass.CONVERSATIONAL,
                channels=(Channel.SMS,), due_at=now, expires_at=now + timedelta(days=2),
            ) for number, text in enumerate(texts, start=first)], now)

    def turn(self, seconds: float = 5) -> None:
        """One round of the engine, and a while."""
        ticking.accounts_back(self.suite)
        dispatch.run_due(self.suite)
        self.clock.forward(timedelta(seconds=seconds))

    def later(self) -> None:
        """A minute."""
        self.clock.forward(timedelta(minutes=1))

    def states(self) -> Counter[str]:
        with self.suite.database.read(self.workspace) as tx:
            return Counter(tx.connection.execute(select(t.messages.c.state)).scalars())

    def rows(self) -> list[Any]:
        with self.suite.database.read(self.workspace) as tx:
            return list(tx.rows(select(t.messages)))


def wait_for(what: Callable[[], Any], patience: float = 30) -> None:
    until = threading.Event()
    for _ in range(int(patience / 0.05)):
        if what():
            return
        until.wait(0.05)
    raise AssertionError("it does not come to rest")


@pytest.fixture
def dice() -> random.Random:
    return random.Random(20261201)


def ill(dice: random.Random, how_often: float) -> Callable[[ShortMessage], Act]:
    """A centre in a bad week."""
    acts = [throttled(), answers(0x08), cut_after(), cut_before(), silent(), takes(receipt_first=True)]
    weights = [10, 5, 1, 1, 1, 80]
    return lambda message: dice.choices(acts, weights)[0] if dice.random() < how_often else takes()


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_nothing_is_lost_doubled_or_mixed(count: int, dice: random.Random, tmp_path: Path) -> None:
    texts = [f"{number:06d} " + "Votre rendez-vous est confirme. " * dice.randint(5, 13) for number in range(count)]
    with Smsc(ids="hex", receipts_in="decimal", otherwise=ill(dice, 0.08 if count < 1_000 else 0.03)) as smsc:
        relance = House(tmp_path, smsc, window=30)
        relance.listening.refresh(relance.suite)
        for first in range(0, count, 500):
            relance.accept(texts[first:first + 500], first)
        for _ in range(20 + count):
            relance.turn()
            if not any(relance.states()[state] for state in ("scheduled", "sending", "held")):
                break
        shown, _ = smsc.phones()
        wait_for(lambda: relance.later() or relance.states()["delivered"] >= len(shown), 30)
        states = relance.states()
        rows = relance.rows()
        relance.close()

    words = Counter(octets.decode("ascii") for octets in shown)
    assert set(words) <= set(texts), "parts of different messages were mixed"
    assert max(words.values()) == 1, "a message was doubled"
    # Whatever reached its phone is known to have; what is not whole is known to be in doubt, and nothing else.
    by_state = {state: {row["text"] for row in rows if row["state"] == state} for state in states}
    assert by_state["delivered"] == set(words)
    assert set(states) <= {"delivered", "uncertain"}
    assert states["delivered"] + states["uncertain"] == count
    assert states["uncertain"] <= count // 20


def test_a_restart_between_a_message_and_its_receipt(tmp_path: Path) -> None:
    with Smsc(receipts=None) as smsc:
        relance = House(tmp_path, smsc)
        relance.listening.refresh(relance.suite)
        relance.accept(["a" * 400])
        relance.turn()
        assert relance.states() == {"sent": 1}
        relance.restart()
        wait_for(lambda: smsc.bound)
        assert {smsc.receipt(part).result(5) for part in smsc.ledger} == {0}
        assert relance.states() == {"delivered": 1}
        relance.close()


def test_a_message_in_doubt_is_settled_by_receipts_that_name_ids_we_never_heard(tmp_path: Path) -> None:
    with Smsc(receipts=None) as smsc:
        smsc.then(takes(), cut_after())
        relance = House(tmp_path, smsc, window=2)
        relance.listening.refresh(relance.suite)
        relance.accept(["a" * 200])
        relance.turn()
        assert relance.states() == {"uncertain": 1}
        wait_for(lambda: smsc.bound)
        assert {smsc.receipt(part).result(5) for part in smsc.ledger} == {0}
        wait_for(lambda: relance.later() or relance.states() == {"delivered": 1})
        relance.close()


def test_a_refused_bind_holds_the_account_and_its_messages(tmp_path: Path) -> None:
    with Smsc() as smsc:
        smsc.bind_status = 0x0E
        relance = House(tmp_path, smsc)
        relance.listening.refresh(relance.suite)
        relance.accept(["a"])
        relance.turn()
        assert relance.states() == {"scheduled": 1}
        with relance.suite.database.read(relance.workspace) as tx:
            [row] = accounts.listed(tx, relance.suite.vault, "")
        assert row.state == "held"
        assert row.trouble
        assert row.trouble.code == "smpp_bind_refused"
        smsc.bind_status = 0
        wait_for(lambda: smsc.bound)
        relance.clock.forward(timedelta(minutes=10))
        relance.turn()
        wait_for(lambda: relance.states() == {"delivered": 1})
        relance.close()
