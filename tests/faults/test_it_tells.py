"""Whoever watches the house is told within seconds: `/readyz` says 503 while it cannot do its work, and 200 soon after.

The faults are real ones: a file system without room, another program that holds SQLite's one lock, an engine whose
machine stands still, a broker that is away. PostgreSQL that is killed is in `tests/core/runners/test_database_away.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.support.machines import Machines, Redis, ready, wait_until
from tests.support.running import Running

pytestmark = pytest.mark.slow
TOLD, BACK = 6.0, 10.0
"""Seconds: the engine speaks once a second, and is believed for five."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, check=False)
    if not made or made.returncode:
        pytest.skip("a file system may be mounted by root alone: no disk that could be full")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Callers:
    """Programs that post without a pause, and what they were answered."""

    def __init__(self, relance: Running) -> None:
        self.statuses: Counter[int] = Counter()
        self.ids: set[str] = set()
        self.odd: list[str] = []
        self._relance, self._over = relance, threading.Event()
        self._pool = ThreadPoolExecutor(2)
        self._work = [self._pool.submit(self._call) for _ in range(2)]

    def _call(self) -> None:
        body = {"to": "+33639980001", "class": "conversational", "body": "Bonjour " * 40}
        while not self._over.wait(0.05):
            with suppress(requests.Timeout):
                answer = self._relance.client.post("/v1/messages", body, timeout=60)
                self.statuses[answer.status_code] += 1
                if answer.status_code == 201:
                    self.ids.add(answer.json()["id"])
                elif answer.status_code not in (429, 503) or not answer.headers.get("Retry-After"):
                    self.odd.append(answer.text)
                else:
                    self.odd += [word for word in ("sqlite", "locked", "I/O", "Traceback") if word in answer.text]

    def stop(self) -> None:
        self._over.set()
        for one in self._work:
            one.result(120)
        self._pool.shutdown()


def is_ready(relance: Running) -> bool:
    return relance.client.get("/readyz").status_code == 200


def all_left_once(relance: Running, callers: Callers) -> None:
    """What was accepted is with its phone, each once, and the file is whole."""
    relance.until(lambda: len(delivered(relance)) >= len(callers.ids), seconds=90)
    assert Counter(delivered(relance)) == Counter(callers.ids)
    with relance.suite.database.read() as tx:
        assert tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


def delivered(relance: Running) -> list[str]:
    with relance.suite.database.read() as tx:
        found = tx.connection.exec_driver_sql("SELECT reference FROM simulated_messages").scalars()
        return [str(one) for one in found]


def test_a_disk_without_room_is_told_and_all_goes_on_when_there_is_room(small_disk: Path) -> None:
    with Running(small_disk, runner=True, start=None) as relance:
        wait_until(lambda: is_ready(relance))
        callers = Callers(relance)
        relance.until(lambda: len(callers.ids) > 10)
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        told = wait_until(lambda: not is_ready(relance), 60)
        ballast.unlink()
        back = wait_until(lambda: is_ready(relance), 60)
        callers.stop()
        print(f"told after {told:.1f} s, back after {back:.1f} s: {dict(callers.statuses)}")

        assert callers.odd == []
        all_left_once(relance, callers)
        assert back < BACK


def test_a_locked_database_is_told_and_all_goes_on_when_it_is_let_go(tmp_path: Path) -> None:
    with Running(tmp_path, runner=True, start=None) as relance:
        wait_until(lambda: is_ready(relance))
        callers = Callers(relance)
        relance.until(lambda: len(callers.ids) > 10)
        other = sqlite3.connect(tmp_path / "relance.db", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        told = wait_until(lambda: not is_ready(relance), 60)
        other.execute("ROLLBACK")
        other.close()
        back = wait_until(lambda: is_ready(relance), 60)
        callers.stop()
        print(f"told after {told:.1f} s, back after {back:.1f} s: {dict(callers.statuses)}")

        assert callers.odd == []
        all_left_once(relance, callers)
        assert told < TOLD
        assert back < BACK


@pytest.mark.postgres
@pytest.mark.redis
def test_a_broker_that_is_away_and_workers_that_stand_still_are_told(
    tmp_path: Path, postgres_database: str, redis_url: str
) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not here: nothing to stop and start")
    broker = Redis(tmp_path)
    try:
        with Machines(tmp_path, postgres_database, broker.url) as house:
            web, worker = house.web(), house.worker(beat=True)
            house.until(lambda: ready(web))
            broker.stop()
            away = house.until(lambda: not ready(web), 30)
            broker.start()
            there = house.until(lambda: ready(web), 30)
            worker.freeze()
            frozen = house.until(lambda: not ready(web), 30)
            worker.thaw()
            thawed = house.until(lambda: ready(web), 30)
            os.killpg(worker.process.pid, signal.SIGKILL)
            killed = house.until(lambda: not ready(web), 30)
            print(f"broker: {away:.1f} and {there:.1f} s, standstill: {frozen:.1f} and {thawed:.1f} s, "
                  f"death: {killed:.1f} s")
            assert max(away, frozen, killed) < TOLD
            assert max(there, thawed) < BACK
    finally:
        broker.stop()
