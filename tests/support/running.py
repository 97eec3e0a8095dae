"""A whole Relance for a test: its own database, a real server on a free port, an engine, and a clock that turns."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis
import requests
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import exists, or_, select, text
from waitress import wasyncore

from core.contract import Adapter, Provider
from core.engine import dispatch, ticking
from core.runners.distributed import ASK, TICK, Bell, celery_app, queues
from core.runners.embedded import Embedded
from core.settings import Settings
from core.storage import access, house
from core.storage import tables as t
from core.suite import Suite, build_suite, turn_clock
from core.web import links, pages
from core.web.app import create_app
from core.web.limits import STRANGERS_BURST, STRANGERS_PER_SECOND, Buckets
from core.web.serving import door
from tests.support import databases
from tests.support.people import person
from tests.support.schema import bring_up

START = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
"""A Monday morning: where a test's clock stands unless it says otherwise."""

EMAIL, PASSWORD = "ana@example.org", "une-phrase-longue-et-simple"
PATIENCE = 20.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to the server as a program with a key does. Paths begin with "/"; answers are `requests.Response`."""

    base: str
    key: str | None

    def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **given: Any
    ) -> requests.Response:
        own = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        given = {"timeout": PATIENCE, "allow_redirects": False, **given}
        return requests.request(method, self.base + path, headers={**own, **(headers or {})}, **given)

    def get(self, path: str, **given: Any) -> requests.Response:
        return self.call("GET", path, **given)

    def post(self, path: str, body: Any = None, **given: Any) -> requests.Response:
        return self.call("POST", path, **({"json": body} if body is not None else {}), **given)

    def patch(self, path: str, body: Any, **given: Any) -> requests.Response:
        return self.call("PATCH", path, json=body, **given)

    def delete(self, path: str, **given: Any) -> requests.Response:
        return self.call("DELETE", path, **given)


class Running:
    """`with Running(tmp_path) as relance:` — `relance.suite`, `relance.url`, `relance.client` (a test key of
    `relance.workspace`), one owner (`EMAIL`, `PASSWORD`).

    Without `runner` nothing happens by itself: `settle()` does all that is due, in this thread, so that tests are
    exact. With "embedded" (or True) that runner works in the background, with "distributed" a `relance worker` does
    (`broker_url` is needed then): `settle()` hurries them and waits until nothing is due, and `until(…)` waits for
    anything else that they should bring about.
    `url` is also the public address, so that hooks and callback addresses work. `env` are further settings
    (`vendor_urls={"google": …}`, `mode="live"`); `adapters` and `providers` replace the registered ones.

    `HOUSE`, or else RELANCE_TEST_HOUSE, says where a house that asks for nothing in particular stands: "sqlite" or
    "postgresql", "embedded" or "distributed" or neither. Without both on SQLite, in the test's hand.
    """

    def __init__(
        self,
        folder: Path,
        *,
        runner: bool | str = False,
        start: datetime | None = START,
        database_url: str | None = None,
        adapters: Mapping[str, Adapter] | None = None,
        providers: Mapping[str, Provider] | None = None,
        **settings: Any,
    ) -> None:
        self._own_database: str | None = None
        if not runner and not database_url and adapters is None and providers is None:
            stands = HOUSE.get() or House(os.environ.get("RELANCE_TEST_HOUSE", "sqlite"))
            where, _, runner = stands.where.partition(" ")
            if where == "postgresql":
                database_url = self._own_database = databases.create(postgres_server(), stands.template or "template0")
            if runner == "distributed":
                broker = os.environ.get("RELANCE_TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
                settings = {"broker_url": stands.broker or broker, **settings}
        # The port is bound before anything else, so that the public address is known to all that is built.
        self._door = _Later()
        self._server = door(self._door, limits=lambda: getattr(self._door, "app", None), host="127.0.0.1", port=0,
                            threads=8)  # fmt: skip
        self.url = f"http://127.0.0.1:{self._server.effective_port}"
        if database_url and database_url.startswith("postgresql://"):
            database_url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        self.settings = Settings(
            **{
                "data_dir": folder,
                "runner": "distributed" if runner == "distributed" else "embedded",
                "database_url": database_url or f"sqlite:///{folder / 'relance.db'}",
                "public_url": self.url,
                "secret_keys": (Fernet.generate_key().decode(),),
                "mode": "test",
                "allow_private_addresses": True,
                **settings,
            }
        )
        self.suite = build_suite(self.settings, adapters=adapters, providers=providers)
        bring_up(self.suite.database)
        if start is not None and self.settings.clock_may_turn:
            self.set_clock(start)
        now = self.suite.now()
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(tx, "Cabinet Lyon", {"language": "fr", "zone": "Europe/Paris"}, now)
        with self.suite.database.write(self.workspace) as tx:
            self.user = person(tx, EMAIL, PASSWORD, "owner", "fr", now)
        self.client = self.client_for(self.workspace)
        self.app = _app_for(self.suite)
        self._door.app = self.app
        self._thread = threading.Thread(target=self._server.run, name="server", daemon=True)
        self._runner: _Embedded | _Distributed | None = None
        if runner:
            self._runner = _Distributed(self.suite) if runner == "distributed" else _Embedded(self.suite)

    def __enter__(self) -> Running:
        self._thread.start()
        if self._runner:
            self._runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner:
            self._runner.stop()
        # In the server's own thread, since its sockets are not to be closed from elsewhere.
        # It may be awake already and have closed what wakes it.
        with suppress(OSError):
            self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._server._map))
        self._thread.join(timeout=5)
        self._server.task_dispatcher.shutdown(timeout=5)
        self.suite.database.close()
        if not self._thread.is_alive() and not self.settings.trusted_proxies:
            _free_apps.append(self.app)
        if self._own_database:
            databases.drop(postgres_server(), self._own_database)

    # ------------------------------------------------------------------ who calls

    def client_for(self, workspace: str, *, test: bool = True, scopes: tuple[str, ...] = ()) -> Client:
        """A client with a new key of that workspace."""
        with self.suite.database.write(workspace) as tx:
            _, key = access.add_key(tx, "tests", self.suite.now(), test=test, scopes=scopes)
        return Client(self.url, key)

    def another_workspace(self, name: str = "Boutique Nord") -> tuple[str, Client]:
        """A second company in the same house, and a client of its own."""
        with self.suite.database.write() as tx:
            workspace = house.add_workspace(tx, name, {"language": "fr"}, self.suite.now())
        return workspace, self.client_for(workspace)

    # ------------------------------------------------------------------ time

    def set_clock(self, moment: datetime) -> None:
        """Turns the house's clock so that it is `moment` (aware) now; real time goes on from there."""
        turn_clock(self.suite, moment - datetime.now(UTC))

    def forward(self, by: timedelta) -> None:
        """Turns the clock forward, and lets happen what has fallen due."""
        turn_clock(self.suite, self.suite.clock.turned + by)
        self.suite.wake()
        self.settle()

    def settle(self, rounds: int = 50) -> None:
        """Lets happen all that is due at this moment: pulls, sends, receipts, reports, webhooks."""
        if self._runner is not None:
            self.suite.wake()
            # What was under way when we asked may have looked before; so the one after it counts.
            before = self._runner.turns()
            self.until(lambda: self._is_at_rest(before), seconds=PATIENCE * 6)
            return
        for _ in range(rounds):
            if ticking.ask(self.suite) + dispatch.run_due(self.suite) + ticking.tick(self.suite) == 0:
                return
        raise AssertionError("the engine does not come to rest")

    def until(self, met: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Waits until `met()` is true (its value is returned): for what the background runner brings about."""
        pause, ends = threading.Event(), time.monotonic() + seconds
        while not (found := met()):
            if time.monotonic() > ends:
                raise AssertionError(f"nothing came of it within {seconds} s")
            pause.wait(0.02)
        return found

    def _is_at_rest(self, before: Counter[str]) -> bool:
        runner = self._runner
        assert runner is not None
        runner.hurry()
        now = runner.turns()
        # Each of them: the quick ones turn several times while a slow one is still at what it began before we asked.
        turned = all(now[job] >= turns + 2 for job, turns in before.items())
        return turned and not runner.is_busy() and self._rests() and not runner.is_busy()

    def _rests(self) -> bool:
        """Whether nothing is due, and nobody is at work on something."""
        now = self.suite.now()
        m, i = t.messages.c, t.installations.c
        open_ones = (
            select(m.id).where(m.state == "scheduled", m.due_at <= now),
            select(m.id).where(m.state == "sending"),
            select(m.id).where(m.state == "uncertain", m.lease <= now),
            # A platform that does not answer is left in peace for a while, and its messages wait.
            select(m.id).where(
                m.state == "held", m.held_by.startswith("look:"),
                ~exists().where(t.leases.c.name == m.held_by, t.leases.c.until > now),
            ),
            select(m.id).where(text(t.UNTOLD)),
            select(t.simulated.c.id).where(t.simulated.c.next_at <= now),
            select(t.exports.c.id).where(t.exports.c.state.in_(["waiting", "running"])),
            select(t.campaigns.c.id).where(t.campaigns.c.next_at <= now),
            select(t.waitlist_slots.c.id).where(
                or_(t.waitlist_slots.c.next_at <= now, t.waitlist_slots.c.write_at <= now)
            ),
            select(t.survey_people.c.id).where(t.survey_people.c.next_at <= now),
            # What is being told just now was put off for that time, and has not been tried yet.
            *(
                select(one.id).where(one.state == "waiting", or_(one.due_at <= now, one.tries == 0))
                for one in (t.reports.c, t.deliveries.c)
            ),
            select(i.id).where(i.state == "connected", i.next_pull_at <= now),
            select(i.id).where(i.state == "connected", i.pull_lease_until > now),
            select(i.id).where(i.state.in_(["connected", "disconnected"]), i.maintain_at <= now),
        )
        with self.suite.database.read() as tx:
            return not any(tx.connection.execute(one.limit(1)).first() for one in open_ones)

    # ------------------------------------------------------------------ shortcuts

    def phones(self) -> list[dict[str, Any]]:
        """What the simulated phones received, newest first."""
        answer = self.client.get("/v1/simulator/messages?limit=200")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])


@dataclass(frozen=True, slots=True)
class House:
    """`where`: "postgresql distributed" and its like. `template`: a database to copy. `broker`: an address."""

    where: str
    template: str = ""
    broker: str = ""


HOUSE: ContextVar[House | None] = ContextVar("house", default=None)
"""Where the houses of this test stand: see `Running`."""
_free_apps: list[Flask] = []


def _app_for(suite: Suite) -> Flask:
    """An application that no other house uses: its routes are compiled and its templates read once for each process."""
    if suite.settings.trusted_proxies or not _free_apps:
        return create_app(suite)
    app = _free_apps.pop()
    app.extensions.pop("relance_keys_noted", None)
    app.extensions.update(
        relance=suite, relance_limits=Buckets(), relance_strangers=Buckets(STRANGERS_PER_SECOND, STRANGERS_BURST),
        relance_links=Buckets(links.PER_SECOND, links.BURST), relance_pages=Buckets(pages.PER_SECOND, pages.BURST),
    )  # fmt: skip
    return app


HURRIED_EVERY = 0.1


class _Embedded:
    """The runner of this process, whose jobs need not wait for their second."""

    def __init__(self, suite: Suite) -> None:
        self._runner = Embedded(suite)
        self._clock = self._runner._clock
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._hurried = 0.0
        self._clock.add_listener(lambda event: self._begun.update([event.job_id]), EVENT_JOB_SUBMITTED)
        self._clock.add_listener(lambda event: self._ended.update([event.job_id]), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self.start, self.stop = self._runner.start, self._runner.stop

    def hurry(self) -> None:
        if time.monotonic() - self._hurried >= HURRIED_EVERY:
            self._hurried = time.monotonic()
            for job in self._clock.get_jobs():
                if self._begun[job.id] == self._ended[job.id]:
                    job.modify(next_run_time=datetime.now(UTC))

    def turns(self) -> Counter[str]:
        """How often each job has come to its end."""
        return Counter({job.id: self._ended[job.id] for job in self._clock.get_jobs()})

    def is_busy(self) -> bool:
        """Whether somebody asks or tells platforms at this moment."""
        return any(
            self._begun[job.id] > self._ended[job.id] for job in self._clock.get_jobs()
            if job.name.rpartition(".")[2] in ("_tell", "_pull", "maintain", "_look")
        )


class _Distributed:
    """One `relance worker` that keeps the time too, and the bell of the web process that is this one."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._bell = Bell(suite)
        self._app = celery_app(suite.settings)
        self._hurried = 0.0
        self._turns, self._ticked = 0, ""
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = self._suite.settings
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
        given = {
            "DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database_url.replace("+psycopg", ""),
            "RUNNER": "distributed", "BROKER_URL": settings.broker_url, "MODE": settings.mode,
            "PUBLIC_URL": settings.public_url, "SECRET_KEYS": ",".join(settings.secret_keys),
            "ALLOW_PRIVATE_ADDRESSES": str(settings.allow_private_addresses).lower(), "LOG_LEVEL": "warning",
            **{f"{vendor.upper()}_URL": url for vendor, url in settings.vendor_urls.items()},
            **{f"{vendor.upper()}_TOKEN_URL": url for vendor, url in settings.vendor_token_urls.items()},
            **{f"{vendor.upper()}_AUTH_URL": url for vendor, url in settings.vendor_auth_urls.items()},
            **{f"{vendor.upper()}_REVOKE_URL": url for vendor, url in settings.vendor_revoke_urls.items()},
            **{f"{vendor.upper()}_CLIENT_ID": one for vendor, (one, _) in settings.vendor_clients.items()},
            **{f"{vendor.upper()}_CLIENT_SECRET": one for vendor, (_, one) in settings.vendor_clients.items()},
        }  # fmt: skip
        with (settings.data_dir / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "core.cli", "worker", "--beat"], stdout=log, stderr=log, cwd=ROOT,
                env={**clean, **{f"RELANCE_{name}": value for name, value in given.items()}}, start_new_session=True,
            )  # fmt: skip
        self._bell.start()

    def hurry(self) -> None:
        """Rings as the time-keeper does, and more often."""
        if time.monotonic() - self._hurried >= HURRIED_EVERY:
            self._hurried = time.monotonic()
            for task in (TICK, ASK):
                self._app.send_task(task, expires=1.0, retry=False, ignore_result=True)

    def turns(self) -> Counter[str]:
        """How often the house was seen to have been kept."""
        with self._suite.database.read() as tx:
            ticked = str(house.moment(tx, "ticked"))
        if ticked != self._ticked:
            self._ticked, self._turns = ticked, self._turns + 1
        return Counter({"kept": self._turns})

    def is_busy(self) -> bool:
        """Whether a process of the worker asks or tells platforms at this moment."""
        folder = self._suite.settings.data_dir
        return any(_is_locked(lock) for what in ("asking", "telling") for lock in (folder / what).glob("*.lock"))

    def stop(self) -> None:
        self._bell.stop()
        self._app.close()
        if self._worker is not None:
            # How a worker stops in good order is a story of its own, and takes seconds.
            with suppress(ProcessLookupError):
                os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait(PATIENCE)
        self._forget_queues()

    def _forget_queues(self) -> None:
        """What this house leaves in a Redis that others use too."""
        if self._suite.settings.broker_url.startswith("redis"):
            with redis.Redis.from_url(self._suite.settings.broker_url) as broker:
                for queue in queues(self._suite.settings).values():
                    broker.delete(queue, f"_kombu.binding.{queue}", f"_kombu.binding_permanent.{queue}")


def _is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def postgres_server() -> str:
    """Where tests may make databases."""
    return os.environ.get("RELANCE_TEST_POSTGRES_URL", "postgresql://relance:relance@127.0.0.1:5432/relance_test")


class _Later:
    """The application's place while its address is not known yet."""

    app: Flask

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.app(environ, start_response)
