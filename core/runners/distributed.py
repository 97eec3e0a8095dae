"""The distributed runner: Celery workers on any number of machines call the same `run_due`, beat is the clock.

The database is the truth and the broker only rings the bell: a task says "look whether something is due", never "send
this message". So nothing is lost when the broker is emptied, Celery's retries stay off, and its `eta` is never used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from kombu.exceptions import OperationalError

from core.engine import dispatch, ticking
from core.engine.journal import Journal
from core.ids import new_id
from core.settings import Settings
from core.storage.database import DatabaseAway
from core.suite import Suite, build_suite, read_clock

SEND, TICK, ASK = "relance.send", "relance.tick", "relance.ask"
# A sending task gives its process back after that time, so that looking up and pulling get their turn.
TURN = timedelta(seconds=3)
BELL_AT_MOST_EVERY = 0.05
log = structlog.get_logger(__name__)


def celery_app(settings: Settings) -> Celery:
    """The Celery application of these settings. Opens no connection."""
    app = Celery("relance", broker=settings.broker_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 10, "visibility_timeout": 60},
        broker_connection_timeout=2,
        task_default_queue="relance",
        # The bell is rung every second; a ring that nobody heard in time is worth nothing.
        beat_schedule={
            name: {"task": name, "schedule": 1.0, "options": {"expires": 2.0}} for name in (SEND, TICK, ASK)
        },
        beat_max_loop_interval=1,
        timezone="UTC",
    )
    return app


def worker_app(settings: Settings) -> Celery:
    """The application of a worker: its tasks bound to a suite that each process builds for itself."""
    app = celery_app(settings)
    process = _Process(settings)
    for name, job in ((SEND, process.send), (TICK, process.tick), (ASK, process.ask)):
        app.task(_function(job), name=name)
    worker_process_init.connect(process.begin, weak=False)
    worker_process_shutdown.connect(process.end, weak=False)
    return app


def _function(job: Callable[[], None]) -> Callable[[], None]:
    # Celery reads the signature of what it is given, and takes a bound method's `self` for an argument.
    def run() -> None:
        job()

    return run


class _Process:
    """One worker process: its own suite (connections do not survive a fork), its own hand-over journal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._suite: Suite | None = None
        self._journal: Journal | None = None

    def begin(self, **_: Any) -> None:
        self._suite = build_suite(self._settings)
        self._journal = None

    def end(self, **_: Any) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._suite is not None:
            self._suite.database.close()

    def send(self) -> None:
        """Sends what is due for at most `TURN`; records all of it before it returns."""
        suite = self._suite_here()
        try:
            read_clock(suite)
            if self._journal is None:
                self._journal = Journal(ticking.journals(suite), new_id("own"))
            sender, until = dispatch.Sender(suite, self._journal), monotonic() + TURN.total_seconds()
            while sender.turn() and monotonic() < until:
                pass
            sender.rest()
        except DatabaseAway:
            log.warning("database away", job="dispatch")
            self._abandon()
        except Exception:
            # What this process had begun is in doubt, and looked up by another: the journal must outlive the failure.
            log.exception("sending failed")
            self._abandon()

    def tick(self) -> None:
        ticking.tick(self._suite_here())

    def ask(self) -> None:
        ticking.ask(self._suite_here())

    def _suite_here(self) -> Suite:
        # Pools without processes of their own (`--pool solo`) never say that they begin.
        if self._suite is None:
            self.begin()
        if self._suite is None:
            raise RuntimeError("no suite")
        return self._suite

    def _abandon(self) -> None:
        if self._journal is not None:
            self._journal.abandon()
            self._journal = None


class Bell:
    """In a web process: rings for the workers when something was accepted that is due now. A broker that is away costs
    a second, until beat rings; it never holds up the request that stored the message."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._app = celery_app(suite.settings)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ring, name="bell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._suite.wake()
        self._thread.join(timeout=5)

    def _ring(self) -> None:
        while not self._stopping.is_set():
            self._suite.due.wait()
            self._suite.due.clear()
            if self._stopping.is_set():
                return
            try:
                self._app.send_task(SEND, expires=2.0, retry=False, ignore_result=True)
            except (OperationalError, OSError) as error:
                log.warning("broker away", problem=type(error).__name__)
            self._stopping.wait(BELL_AT_MOST_EVERY)
