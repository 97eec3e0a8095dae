"""kill -9 and SIGTERM while messages leave: nothing is lost, and nothing is handed over twice without our knowing it.

The engine runs in a process of its own and is ended again and again, at chosen requests and at random moments. What it
handed over is counted where no kill reaches: in the simulated phones' book, or in the ledger of a provider.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select

from core.contract import Configured
from core.domain.messages import Channel, MessageClass
from core.engine.dispatch import BATCH
from core.secrets import Vault
from core.storage import accounts, house, outbox, tally
from core.storage import tables as t
from core.storage.database import Database
from core.storage.migrate import upgrade
from tests.faults.ledger import Ledger

PATIENCE = 120.0
WAITING = ("scheduled", "held", "sending")


class House:
    """A database with messages that are all due, and an engine process beside it."""

    def __init__(self, folder: Path, url: str, kind: str, ledger: Ledger | None) -> None:
        self.folder = folder
        self.key = Fernet.generate_key().decode()
        self.database = Database(url, vault=Vault((self.key,)))
        self.said = {"data_dir": str(folder), "database_url": self.database.url, "key": self.key, "kind": kind,
                     "ledger": ledger.url if ledger else ""}
        self.process: subprocess.Popen[str] | None = None
        upgrade(self.database)
        now = datetime.now(UTC)
        with self.database.write() as tx:
            # Hours would make the test depend on the time of day: one-time codes and answers may always leave.
            self.workspace = house.add_workspace(tx, "Cabinet", {}, now)
        if ledger:
            with self.database.write(self.workspace) as tx:
                accounts.add(tx, Vault((self.key,)), "ledger", "Ledger", Configured({}, {}), now, public_url="http://x")

    def accept(self, count: int) -> None:
        now = datetime.now(UTC)
        for first in range(0, count, 500):
            with self.database.write(self.workspace) as tx:
                outbox.accept(tx, [_message(now) for _ in range(min(500, count - first))], now)

    def start(self) -> None:
        with (self.folder / "engine.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.engine_process", json.dumps(self.said)],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=Path(__file__).parents[2],
            )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            # It sends before it says so: the kill may have come with its very first request.
            assert self.process.wait(10) == -signal.SIGKILL

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def gone(self) -> None:
        """Waits for the end of the process."""
        assert self.process is not None
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def states(self) -> Counter[str]:
        with self.database.read(self.workspace) as tx:
            rows = tx.connection.execute(select(t.messages.c.state, func.count()).group_by(t.messages.c.state)).all()
        return Counter(dict(rows))

    def settled(self) -> bool:
        """Nothing waits, and about nothing that is in doubt anybody will be asked any more."""
        c = t.messages.c
        with self.database.read(self.workspace) as tx:
            open_ones = tx.connection.execute(
                select(func.count()).where(c.state.in_(WAITING) | ((c.state == "uncertain") & c.lease.is_not(None)))
            ).scalar()
        return open_ones == 0

    def in_state(self, state: str) -> set[str]:
        with self.database.read(self.workspace) as tx:
            return {row.id for row in tx.connection.execute(select(t.messages.c.id).where(t.messages.c.state == state))}

    def ever_in_doubt(self) -> set[str]:
        with self.database.read(self.workspace) as tx:
            rows = tx.connection.execute(select(t.steps.c.message).where(t.steps.c.state == "uncertain"))
            return {row.message for row in rows}

    def longest_doubt(self) -> float:
        """Seconds from "we do not know" to the next word about the message, for the longest doubt."""
        c = t.steps.c
        with self.database.read(self.workspace) as tx:
            rows = tx.connection.execute(select(c.message, c.state, c.at).order_by(c.message, c.id)).all()
        return max(
            ((after.at - before.at).total_seconds() for before, after in pairwise(rows)
             if before.state == "uncertain" and before.message == after.message),
            default=0.0,
        )  # fmt: skip

    def tells_what_it_knows(self) -> bool:
        """Whether what is counted is what the ledger holds, and each message's steps end where it is."""
        a, m, s = t.attempts.c, t.messages.c, t.steps.c
        with self.database.read(self.workspace) as tx:
            held = {
                ("attempts", *row[:4]): row[4] for row in tx.connection.execute(
                    select(a.provider, a.channel, m["class"], a.outcome, func.count())
                    .join_from(t.attempts, t.messages, m.id == a.message)
                    .group_by(a.provider, a.channel, m["class"], a.outcome))
            }  # fmt: skip
            counted = {key: count for key, count in tally.read(tx).items() if key[0] == "attempts"}
            last = select(s.message, func.max(s.id).label("id")).group_by(s.message).subquery()
            elsewhere = tx.connection.execute(
                select(func.count()).select_from(t.messages)
                .join(last, last.c.message == m.id).join(t.steps, s.id == last.c.id).where(s.state != m.state)
            ).scalar()  # fmt: skip
        return counted == held and elsewhere == 0

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.gone()
        self.database.close()


def _message(now: datetime) -> outbox.New:
    return outbox.New(
        to="+33639980001", country="FR", text="Votre rendez-vous est demain.", encoding="GSM-7", segments=1,
        message_class=MessageClass.CONVERSATIONAL, channels=(Channel.SMS,), due_at=now,
        expires_at=now + timedelta(days=1),
    )


def wait_for(what: Callable[[], Any], patience: float = PATIENCE) -> None:
    until = time.monotonic() + patience
    while not what():
        assert time.monotonic() < until, "it does not come to rest"
        time.sleep(0.05)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        address: str = request.getfixturevalue("postgres_database")
        return address
    return f"sqlite:///{tmp_path / 'relance.db'}"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as kept:
        yield kept


def killed_while_sending(place: House, ledger: Ledger, count: int, kills: int, seed: int = 1) -> None:
    """Sends `count` messages, the process being killed at `kills` requests, and started again each time."""
    dice, patience = random.Random(seed), PATIENCE + count / 10
    place.accept(count)
    for _ in range(kills):
        left = count - len(ledger.taken)
        if left < 2:
            break
        ledger.kill_at = {ledger.requests + dice.randint(1, max(1, left // 3)): place.kill}
        place.start()
        # What was lost with a killed process is in doubt and not sent again: there may be fewer requests than that.
        wait_for(lambda: place.process is not None and (place.process.poll() is not None or place.settled()), patience)
        place.kill()
        place.gone()
    ledger.kill_at = {}
    place.start()
    wait_for(place.settled, patience)


SHORT = (400, 2)
LONG = pytest.param((5000, 25), marks=pytest.mark.slow)


@pytest.mark.parametrize("size", [SHORT, LONG], ids=["short", "long"])
def test_a_provider_that_can_be_asked_loses_nothing_doubles_nothing_and_leaves_nothing_in_doubt(
    tmp_path: Path, url: str, ledger: Ledger, size: tuple[int, int]
) -> None:
    count, kills = size
    place = House(tmp_path, url, "asked", ledger)
    try:
        killed_while_sending(place, ledger, count, kills)
        assert place.states() == {"sent": count}
        assert len(ledger.taken) == count
        assert {reference for reference, times in ledger.taken.items() if times > 1} == set()
        assert place.longest_doubt() < 60
        assert place.tells_what_it_knows()
    finally:
        place.close()


@pytest.mark.parametrize("size", [SHORT, LONG], ids=["short", "long"])
def test_a_provider_that_cannot_be_asked_is_never_told_twice_and_what_is_in_doubt_is_shown(
    tmp_path: Path, url: str, ledger: Ledger, size: tuple[int, int]
) -> None:
    count, kills = size
    place = House(tmp_path, url, "silent", ledger)
    try:
        killed_while_sending(place, ledger, count, kills)
        states, doubted = place.states(), place.in_state("uncertain")
        assert states["sent"] + states["uncertain"] == count
        assert states["uncertain"] <= kills * BATCH
        assert {reference for reference, times in ledger.taken.items() if times > 1} == set()
        assert place.in_state("sent") <= set(ledger.taken), "nothing is called sent that did not arrive"
        assert set(place.ever_in_doubt()) == doubted
        assert place.tells_what_it_knows()
    finally:
        place.close()


@pytest.mark.parametrize("size", [SHORT, LONG], ids=["short", "long"])
def test_simulated_phones_receive_each_message_once_whenever_the_process_dies(
    tmp_path: Path, url: str, size: tuple[int, int]
) -> None:
    count, kills = size
    dice = random.Random(3)
    place = House(tmp_path, url, "simulator", None)
    try:
        place.accept(count)
        for _ in range(kills):
            place.start()
            time.sleep(dice.uniform(0, 0.15))
            place.kill()
            place.gone()
        place.start()
        wait_for(lambda: place.settled() and set(place.states()) <= {"delivered"}, PATIENCE + count / 10)
        assert place.states() == {"delivered": count}
        with place.database.read() as tx:
            received = tx.connection.execute(select(func.count()).select_from(t.simulated)).scalar()
        assert received == count
        assert place.tells_what_it_knows()
    finally:
        place.close()


@pytest.mark.parametrize("stops", [2, pytest.param(100, marks=pytest.mark.slow)], ids=["short", "long"])
def test_a_deploy_ends_within_ten_seconds_and_leaves_nothing_in_doubt(
    tmp_path: Path, url: str, ledger: Ledger, stops: int
) -> None:
    place, dice, count = House(tmp_path, url, "silent", ledger), random.Random(4), 300 * stops
    try:
        place.accept(count)
        for number in range(stops):
            # Somewhere within its share, so that there is always something in the air.
            stop_at = number * 300 + dice.randint(50, 200)
            place.start()
            wait_for(lambda: ledger.requests >= stop_at)  # noqa: B023 - called before the next turn of the loop
            assert place.process is not None
            began = time.monotonic()
            place.process.send_signal(signal.SIGTERM)
            place.gone()
            assert time.monotonic() - began < 10
            assert place.process.returncode == 0
            assert set(place.states()) <= {"sent", "scheduled"}
        place.start()
        wait_for(place.settled)
        assert place.states() == {"sent": count}
        assert set(ledger.taken.values()) == {1}
    finally:
        place.close()
