"""A house of several processes, as an operator starts them: `relance migrate`, web processes, workers, a broker.

    with Machines(tmp_path, postgres_database, redis.url) as house:
        web, worker = house.web(), house.worker(beat=True)
        house.until(lambda: web.get("/readyz").status_code == 200)

`kill` and `stop` act on one of them; at the end all of them are ended. The database is at hand for what HTTP does not
tell.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis
import requests
from cryptography.fernet import Fernet
from sqlalchemy import func, select

from core.contract import Configured
from core.domain.messages import Channel, MessageClass
from core.secrets import Vault
from core.storage import access, accounts, house, outbox
from core.storage import tables as t
from core.storage.database import Database
from core.storage.migrate import upgrade
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


class Machine:
    """One process of the house. `url` and `get` are a web process's own."""

    def __init__(self, process: subprocess.Popen[str], url: str = "") -> None:
        self.process, self.url = process, url

    def get(self, path: str, **given: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=PATIENCE, **given)

    def stop(self) -> float:
        """SIGTERM to the process itself, as an init system does; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        return time.monotonic() - began

    def freeze(self) -> None:
        """Stops the process and its children where they stand, as a machine does that is moved or swaps."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """They go on, and know nothing of it."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9 to the process and all its children: a machine that lost its power."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


class Redis:
    """A Redis of its own, to be emptied and stopped."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [shutil.which("redis-server") or "redis-server", "--port", str(self._port), "--bind", "127.0.0.1",
             "--save", "", "--appendonly", "no", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except redis.ConnectionError:
            return False

    def empty(self) -> None:
        redis.Redis.from_url(self.url).flushall()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)


class Machines:
    """The house: one database, one broker, one data folder, any number of processes."""

    def __init__(self, folder: Path, database_url: str, broker_url: str, **more: str) -> None:
        self.folder = folder
        self.key = Fernet.generate_key().decode()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
        self.env: Mapping[str, str] = {
            **clean, "RELANCE_DATA_DIR": str(folder / "var"), "RELANCE_DATABASE_URL": database_url,
            "RELANCE_RUNNER": "distributed", "RELANCE_BROKER_URL": broker_url, "RELANCE_MODE": "test",
            "RELANCE_SECRET_KEYS": self.key, "RELANCE_LISTEN": "127.0.0.1:0", "RELANCE_LANGUAGE": "en",
            "RELANCE_LOG_LEVEL": "warning", **more,
        }
        self.database = Database(database_url, vault=Vault((self.key,)))
        self.machines: list[Machine] = []
        upgrade(self.database)
        now = datetime.now(UTC)
        with self.database.write() as tx:
            self.workspace = house.add_workspace(tx, "Cabinet", {}, now)
        with self.database.write(self.workspace) as tx:
            _, self.api_key = access.add_key(tx, "tests", now, test=False, scopes=())

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            machine.kill()
            if machine.process.stdout is not None:
                machine.process.stdout.close()
        self.database.close()

    # ------------------------------------------------------------------ processes

    def command(self, *arguments: str) -> str:
        """A `relance` command that ends by itself; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "core.cli", *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def web(self, listen: str = "127.0.0.1:0") -> Machine:
        machine = self._started(["core.cli", "web", "--json"], RELANCE_LISTEN=listen)
        written = ""
        assert machine.process.stdout is not None
        for line in machine.process.stdout:
            written += line
            if line == "}\n":
                break
        assert written, self.log()
        machine.url = json.loads(written)["console"]
        return machine

    def worker(self, *, beat: bool = False, concurrency: int = 2) -> Machine:
        extra = ["--beat"] if beat else []
        return self._started(["core.cli", "worker", "--concurrency", str(concurrency), *extra])

    def ledger_worker(
        self, url: str, kind: str, *, beat: bool = False, concurrency: int = 2, folder: Path | None = None
    ) -> Machine:
        """A worker that speaks to the ledger at `url` and to nobody else. `folder`: its own data folder, as another
        machine has one."""
        extra, more = ["beat"] if beat else [], {"RELANCE_DATA_DIR": str(folder)} if folder else {}
        return self._started(["tests.faults.worker_process", url, kind, str(concurrency), *extra], **more)

    def _started(self, arguments: list[str], **more: str) -> Machine:
        with (self.folder / "machines.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], env={**self.env, **more}, cwd=ROOT, text=True,
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )
        self.machines.append(Machine(process))
        return self.machines[-1]

    def log(self) -> str:
        return (self.folder / "machines.log").read_text()

    # ------------------------------------------------------------------ messages

    def use_ledger(self, url: str) -> None:
        """All that leaves, leaves by the ledger at `url`."""
        with self.database.write(self.workspace) as tx:
            accounts.add(
                tx, Vault((self.key,)), "ledger", "Ledger", Configured({}, {}), datetime.now(UTC), public_url="http://x"
            )

    def accept(self, count: int) -> None:
        """Messages that are due now, stored directly."""
        now = datetime.now(UTC)
        one = outbox.New(
            to="+33639980001", country="FR", text="Votre rendez-vous est demain.", encoding="GSM-7", segments=1,
            message_class=MessageClass.CONVERSATIONAL, channels=(Channel.SMS,), due_at=now,
            expires_at=now + timedelta(days=1),
        )
        for first in range(0, count, 500):
            with self.database.write(self.workspace) as tx:
                outbox.accept(tx, [one] * min(500, count - first), now)

    def post(self, web: Machine, **more: Any) -> requests.Response:
        """One message over HTTP."""
        body = {"to": "+33639980001", "class": "otp", "body": "Votre code : 123456", **more}
        return requests.post(
            f"{web.url}/v1/messages", json=body, headers={"Authorization": f"Bearer {self.api_key}"}, timeout=PATIENCE
        )

    def states(self) -> Counter[str]:
        with self.database.read(self.workspace) as tx:
            rows = tx.connection.execute(select(t.messages.c.state, func.count()).group_by(t.messages.c.state)).all()
        return Counter({row[0]: row[1] for row in rows})

    def senders(self) -> set[str]:
        """Who holds messages that are on their way out, by the names of their leases."""
        c = t.messages.c
        with self.database.read(self.workspace) as tx:
            held = select(c.owner).where(c.state == "sending").distinct()
            return {row[0] for row in tx.connection.execute(held)}

    def settled(self) -> bool:
        """Nothing waits, and about nothing that is in doubt anybody will be asked any more."""
        c = t.messages.c
        waits = c.state.in_(("scheduled", "held", "sending")) | ((c.state == "uncertain") & c.lease.is_not(None))
        with self.database.read(self.workspace) as tx:
            return tx.connection.execute(select(func.count()).where(waits)).scalar() == 0

    def lateness(self) -> list[float]:
        """For each message that left, in the order in which they were due: the seconds between due and left."""
        c = t.messages.c
        with self.database.read(self.workspace) as tx:
            left = select(c.due_at, c.left_at).where(c.left_at.is_not(None)).order_by(c.due_at)
            rows = tx.connection.execute(left).all()
        return [(row.left_at - row.due_at).total_seconds() for row in rows]

    def count(self, table: str) -> int:
        """The rows of a table."""
        with self.database.read() as tx:
            return int(tx.connection.execute(select(func.count()).select_from(t.metadata.tables[table])).scalar() or 0)

    def now_in(self, state: str) -> set[str]:
        """The messages that are in `state`."""
        with self.database.read(self.workspace) as tx:
            return {row.id for row in tx.connection.execute(select(t.messages.c.id).where(t.messages.c.state == state))}

    def ever(self, state: str) -> set[str]:
        """The messages that were ever in `state`, by the ledger."""
        with self.database.read(self.workspace) as tx:
            rows = tx.connection.execute(select(t.steps.c.message).where(t.steps.c.state == state))
            return {row.message for row in rows}

    def until_away(self, web: Machine) -> float:
        """How many seconds it takes until `web` says that it is not ready."""
        return wait_until(lambda: not ready(web), 30)

    def until(self, met: Callable[[], Any], seconds: float = PATIENCE) -> float:
        """Waits until `met()`; how many seconds it took."""
        try:
            return wait_until(met, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.states()}\n{self.log()[-6000:]}") from None


def wait_until(met: Callable[[], Any], seconds: float = PATIENCE) -> float:
    """Waits until `met()` is true; how many seconds it took."""
    pause, began = threading.Event(), time.monotonic()
    while not met():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"nothing came of it within {seconds} s")
        pause.wait(0.02)
    return time.monotonic() - began


def ready(web: Machine) -> bool:
    """What a load balancer thinks of `web`."""
    return web.get("/readyz").status_code == 200
