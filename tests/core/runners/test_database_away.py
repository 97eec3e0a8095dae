"""PostgreSQL dies and comes back while messages are accepted and leave: it is said within seconds, and all goes on. And
in turn with it the broker and the workers.

The server is the test's own: a cluster of its own in a folder of its own, on a port of its own.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.faults.ledger import Ledger
from tests.support.machines import PATIENCE, Machine, Machines, Redis, ready, wait_until
from tests.support.ports import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


class Postgres:
    """A PostgreSQL server that can be killed and started again."""

    def __init__(self, programs: Path) -> None:
        self._programs, self._port = programs, free_port()
        # PostgreSQL refuses to run as root, and its own user must reach the folder.
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        self._data = Path(tempfile.mkdtemp(prefix="relance-postgres-"))
        if self._as:
            shutil.chown(self._data, "postgres", "postgres")
        self._run("initdb", "--pgdata", str(self._data), "--username", "relance", "--auth", "trust", "--no-sync")
        self.url = f"postgresql://relance@127.0.0.1:{self._port}/postgres"
        self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = self._ran(program, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def _ran(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._as, str(self._programs / program), *arguments], capture_output=True, text=True, cwd="/",
            timeout=PATIENCE, check=False,
        )

    def start(self) -> None:
        """As an init system does, again until it runs: a child that was born just when its parent died keeps the memory
        that they share for a moment."""
        options = f"-p {self._port} -h 127.0.0.1 -k {self._data} -c fsync=on"
        given = ["--pgdata", str(self._data), "--wait", "--log", str(self._data / "log"), "--options", options]
        wait_until(lambda: self._ran("pg_ctl", "start", *given).returncode == 0, 30)

    def kill(self) -> None:
        """kill -9 of the whole server, children and all."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        everybody = [first, *map(int, children)]
        for one in everybody:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        wait_until(lambda: all("Z" in _state(one) for one in everybody))
        (self._data / "postmaster.pid").unlink(missing_ok=True)


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not found:
        pytest.skip("initdb is not here: no PostgreSQL that could be killed")
    server = Postgres(Path(found[-1]))
    yield server
    server.close()


@pytest.fixture
def broker(tmp_path: Path, redis_url: str) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not here: nothing to stop and start")
    own = Redis(tmp_path)
    yield own
    own.stop()


def test_postgresql_that_is_killed_is_told_within_five_seconds_back_within_ten_and_nothing_is_lost_or_doubled(
    tmp_path: Path, postgres: Postgres, broker: Redis
) -> None:
    with Ledger() as ledger, Machines(tmp_path, postgres.url, broker.url) as house:
        house.use_ledger(ledger.url)
        web, _ = house.web(), house.ledger_worker(ledger.url, "asked", beat=True)
        house.until(lambda: ready(web))
        callers = Callers(house, web)
        callers.start()
        house.until(lambda: len(ledger.taken) > 20)
        house.accept(200)

        began = time.monotonic()
        postgres.kill()
        assert house.until_away(web) < 5
        wait_until(lambda: time.monotonic() - began > 3)
        postgres.start()
        assert wait_until(lambda: ready(web), 30) < 10
        house.until(lambda: callers.accepted_since(began) > 20)
        callers.stop()
        house.until(house.settled)

        assert set(callers.statuses) <= {201, 503}, callers.statuses
        assert not callers.leaks, "no caller hears the database's own words"
        assert set(callers.ids) <= set(ledger.taken), "accepted is durable"
        doubles = {reference for reference, times in ledger.taken.items() if times > 1}
        assert doubles == set()
        assert house.states() == {"sent": len(ledger.taken)}


@pytest.mark.parametrize("rounds", [1, pytest.param(8, marks=pytest.mark.slow)], ids=["short", "long"])
def test_database_broker_and_worker_are_killed_in_turn_and_nothing_is_lost_or_doubled(
    tmp_path: Path, postgres: Postgres, broker: Redis, rounds: int
) -> None:
    with Ledger() as ledger, Machines(tmp_path, postgres.url, broker.url) as house:
        house.use_ledger(ledger.url)
        web, workers = house.web(), [house.ledger_worker(ledger.url, "asked", beat=True) for _ in range(2)]
        house.until(lambda: ready(web))
        callers = Callers(house, web)
        callers.start()
        for _ in range(rounds):
            for away, back in (
                (postgres.kill, postgres.start),
                (broker.stop, broker.start),
                (workers[0].kill, lambda: workers.append(house.ledger_worker(ledger.url, "asked", beat=True))),
            ):
                house.accept(100)
                taken, began = len(ledger.taken), time.monotonic()
                away()
                wait_until(lambda: time.monotonic() - began > 1)  # noqa: B023 - called before the next turn of the loop
                back()
                house.until(lambda: ready(web) and len(ledger.taken) > taken + 50)  # noqa: B023
                house.until(lambda: callers.accepted_since(began) > 10)  # noqa: B023
            workers.pop(0)
        callers.stop()
        house.until(house.settled)

        assert set(callers.statuses) <= {201, 503}, callers.statuses
        assert not callers.leaks, "no caller hears the database's own words"
        assert set(callers.ids) <= set(ledger.taken), "accepted is durable"
        assert {reference for reference, times in ledger.taken.items() if times > 1} == set()
        assert house.states() == {"sent": len(ledger.taken)}


class Callers:
    """Four programs that post messages without a pause, and what they were answered."""

    def __init__(self, house: Machines, web: Machine) -> None:
        self._house, self._web = house, web
        self._over = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.ids: dict[str, float] = {}
        self.leaks: list[str] = []
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(4)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def accepted_since(self, moment: float) -> int:
        return sum(1 for at in list(self.ids.values()) if at > moment)

    def _call(self) -> None:
        while not self._over.wait(0.02):
            answer: requests.Response = self._house.post(self._web)
            self.statuses[answer.status_code] += 1
            if answer.status_code == 201:
                self.ids[answer.json()["id"]] = time.monotonic()
            elif any(word in answer.text for word in ("psycopg", "locked", "connection", "Traceback")):
                self.leaks.append(answer.text)
