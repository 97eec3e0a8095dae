"""The distributed runner: Celery workers on any number of machines call the same `run_due`, beat is the clock.

The database is the truth and the broker only rings the bell: a task says "look whether something is due", never "send
this message". So nothing is lost when the broker is emptied, Celery's retries stay off, and its `eta` is never used.

Each kind of work has a queue of its own, so that a crowd of bells cannot keep the ticks waiting, and the queues bear
the database's name, so that two houses may share a broker.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import structlog
from billiard.process import active_children  # type: ignore[import-untyped]
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready, worker_shutting_down
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from core import memory, traces
from core.contract import Listens
from core.engine import dispatch, ticking
from core.engine.journal import Journal
from core.engine.listening import Listening
from core.ids import new_id
from core.settings import Settings
from core.storage.database import DatabaseAway
from core.suite import Suite, build_suite, read_clock

SEND, TICK, ASK = "relance.send", "relance.tick", "relance.ask"
# A sending task gives its process back after that time, so that looking up and pulling get their turn.
TURN = timedelta(seconds=3)
BELL_AT_MOST_EVERY = 0.05
# A worker that was told to stop ends by then, whoever still keeps it waiting.
TO_STOP = 9.0
log = structlog.get_logger(__name__)


def queues(settings: Settings) -> dict[str, str]:
    """The queue of each task in this house."""
    house = urlsplit(settings.database_url).path.strip("/") or "relance"
    if file := settings.sqlite_file:
        # Two files may have one name, and the folders they lie in are nobody's business.
        house = f"{file.stem}-{hashlib.blake2b(bytes(file.resolve()), digest_size=6).hexdigest()}"
    return {name: f"relance.{house}.{name.removeprefix('relance.')}" for name in (SEND, TICK, ASK)}


def celery_app(settings: Settings) -> Celery:
    """The Celery application of these settings. Opens no connection."""
    app = Celery("relance", broker=settings.broker_url, set_as_current=False)
    named = queues(settings)
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
        task_default_queue=named[TICK],
        # The nameless exchange needs no bindings: a broker that was emptied still knows the way.
        task_queues=[Queue(queue, Exchange(""), routing_key=queue) for queue in named.values()],
        task_routes={name: {"queue": queue} for name, queue in named.items()},
        # A new process builds its suite first: on a busy machine that takes longer than Celery expects.
        worker_proc_alive_timeout=60.0,
        worker_redirect_stdouts=False,
        # The bell is rung every second; a ring that nobody heard in time is worth nothing.
        beat_schedule={
            name: {"task": name, "schedule": 1.0, "options": {"expires": 2.0}} for name in (SEND, TICK, ASK)
        },
        # In memory: a schedule of "each second" has nothing to remember, and two beats no file to quarrel about.
        beat_scheduler="celery.beat:Scheduler",
        beat_max_loop_interval=1,
        timezone="UTC",
    )
    return app


def worker_app(
    settings: Settings, *, concurrency: int = 2, assemble: Callable[[Settings], Suite] = build_suite
) -> Celery:
    """The application of a worker of `concurrency` processes: its tasks bound to a suite that each process assembles
    for itself."""
    app = celery_app(settings)
    app.conf.worker_consumer = _persistent()
    process = _Process(settings, assemble, may_ask=max(1, concurrency // 2))
    for name, job in ((SEND, process.send), (TICK, process.tick), (ASK, process.ask)):
        app.task(_function(job), name=name)
    worker_process_init.connect(process.begin, weak=False)
    worker_process_shutdown.connect(process.end, weak=False)
    worker_shutting_down.connect(_end_in_time, weak=False)
    return app


def run_worker(app: Celery, *, beat: bool, concurrency: int) -> None:
    """Works until SIGTERM; then finishes what is in the air, within `TO_STOP` seconds. `beat`: keeps the time too."""
    if beat:
        timekeeper = _Timekeeper(app)
        worker_ready.connect(timekeeper.begin, weak=False)
        worker_shutting_down.connect(timekeeper.end, weak=False)
    arguments = ["worker", "--loglevel", "warning", "--concurrency", str(concurrency)]
    app.worker_main([*arguments, "--without-gossip", "--without-mingle"])


class _Timekeeper:
    """Celery's beat in a process beside the worker's, and another one when that dies: without it nothing leaves."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="timekeeper", daemon=True)

    def begin(self, **_: Any) -> None:
        self._thread.start()

    def end(self, **_: Any) -> None:
        self._ending.set()

    def _keep(self) -> None:
        from celery.beat import EmbeddedService

        beat = None
        while not self._ending.is_set():
            if beat is None or not beat.is_alive():
                if beat is not None:
                    log.warning("the timekeeper died", exitcode=beat.exitcode)
                beat = EmbeddedService(self._app, scheduler_cls=self._app.conf.beat_scheduler)
                beat.start()
            self._ending.wait(1)
        if beat is not None:
            beat.stop()


def _persistent() -> type:
    """Celery's consumer, which asks a broker that went away once a second, and not less and less often."""
    # A web process has no use for all that a worker imports.
    from celery.worker.consumer import Consumer

    class Persistent(Consumer):  # type: ignore[misc]
        def ensure_connected(self, conn: Any) -> Any:
            conn.ensure_connection = partial(conn.ensure_connection, interval_start=1, interval_step=0, interval_max=1)
            return super().ensure_connected(conn)

    return Persistent


def _end_in_time(**_: Any) -> None:
    """A platform that does not answer must not keep a deploy waiting; leases and the journals say what was begun."""

    def end() -> None:
        log.warning("stopped before everything had answered")
        for child in active_children():
            os.kill(child.pid, signal.SIGKILL)
        os._exit(0)

    timer = threading.Timer(TO_STOP, end)
    timer.daemon = True
    timer.start()


def _function(job: Callable[[], None]) -> Callable[[], None]:
    # Celery reads the signature of what it is given, and takes a bound method's `self` for an argument.
    def run() -> None:
        job()

    return run


class _Process:
    """One worker process: its own suite (connections do not survive a fork), its own hand-over journal, its own
    connections to providers that are listened to."""

    def __init__(self, settings: Settings, assemble: Callable[[Settings], Suite], *, may_ask: int) -> None:
        self._settings = settings
        self._assemble = assemble
        self._may_ask = may_ask
        self._suite: Suite | None = None
        self._journal: Journal | None = None
        self._sender: dispatch.Sender | None = None
        self._ending = threading.Event()
        self._listener: threading.Thread | None = None

    def begin(self, **_: Any) -> None:
        self._suite = suite = self._assemble(self._settings)
        traces.start(self._settings.otlp_url)
        memory.settle()
        if any(isinstance(provider, Listens) for provider in suite.providers.values()):
            self._listener = threading.Thread(target=self._listen, args=[suite], name="listening", daemon=True)
            self._listener.start()

    def end(self, **_: Any) -> None:
        self._ending.set()
        if self._listener is not None:
            self._listener.join(timeout=5)
        if self._journal is not None:
            self._journal.close()
        if self._suite is not None:
            self._suite.database.close()

    def send(self) -> None:
        """Sends what is due for at most `TURN`; records all of it before it returns."""
        suite = self._suite_here()
        try:
            read_clock(suite)
            if self._sender is None:
                self._journal = Journal(ticking.journals(suite), new_id("own"))
                self._sender = dispatch.Sender(suite, self._journal)
            until = monotonic() + TURN.total_seconds()
            while self._sender.turn() and monotonic() < until:
                pass
            self._sender.rest()
        except DatabaseAway:
            # The sender keeps what it knows, and records it when it is rung for again.
            log.warning("database away", job="dispatch")
        except Exception:
            # What this process had begun is in doubt, and looked up by another: the journal must outlive the failure.
            log.exception("sending failed")
            if self._journal is not None:
                self._journal.abandon()
            self._journal = self._sender = None

    def tick(self) -> None:
        """One process of this machine tells; the others keep the house meanwhile, however slowly somebody listens."""
        suite = self._suite_here()
        ticking.keep(suite)
        with _slot(suite, 1, "telling") as free:
            if free:
                ticking.tell(suite)

    def ask(self) -> None:
        """Platforms may take minutes to answer. Only so many processes of this machine wait for them at a time: the
        others send."""
        suite = self._suite_here()
        with _slot(suite, self._may_ask, "asking") as free:
            if free:
                # This process may be the first to hear that the house's clock was turned.
                ticking.done_safely(suite, _in_step)
                ticking.ask(suite)

    def _listen(self, suite: Suite) -> None:
        listening = Listening(suite)
        while not self._ending.wait(1):
            ticking.done_safely(suite, listening.refresh)
        listening.stop()

    def _suite_here(self) -> Suite:
        # Pools without processes of their own (`--pool solo`) never say that they begin.
        if self._suite is None:
            self.begin()
        if self._suite is None:
            raise RuntimeError("no suite")
        return self._suite


@contextmanager
def _slot(suite: Suite, count: int, what: str) -> Iterator[bool]:
    """Whether one of this machine's `count` places to wait in was free; it is taken until the end of the block, and
    the death of its holder gives it back."""
    folder = suite.settings.data_dir / what
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(count):
        file = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            continue
        try:
            yield True
        finally:
            os.close(file)
        return
    yield False


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
            rung = self._suite.due.wait(1)
            self._suite.due.clear()
            if self._stopping.is_set():
                return
            ticking.done_safely(self._suite, _in_step)
            if not rung:
                continue
            try:
                self._app.send_task(SEND, expires=2.0, retry=False, ignore_result=True)
            except (OperationalError, OSError) as error:
                log.warning("broker away", problem=type(error).__name__)
            self._stopping.wait(BELL_AT_MOST_EVERY)


def _in_step(suite: Suite) -> int:
    """The clock of a web process follows the house's, too."""
    read_clock(suite)
    return 0
