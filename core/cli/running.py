"""`relance run`, `web`, `migrate`: the processes. A stop (SIGTERM) lets what is in the air arrive, in ten seconds."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from rich.table import Table
from waitress import wasyncore
from waitress.server import BaseWSGIServer
from waitress.task import ThreadedTaskDispatcher

from core import memory, traces
from core.cli.desk import Desk, Refusal, command, console, console_address, first_workspace
from core.engine.checkup import one_machine, shown_database, zones_version
from core.logs import configure
from core.runners.embedded import Embedded
from core.settings import generated_password
from core.storage import access, house, migrate
from core.suite import Suite, build_suite, read_clock
from core.web import serving
from core.web.app import create_app
from core.web.request_log import RequestLog

if TYPE_CHECKING:
    from core.runners.distributed import Bell

OWNER = "owner@localhost"
# Who has just connected, or has a request on its way over a kept connection, is heard.
TO_HEAR_OUT = 0.25
TO_FINISH_REQUESTS = 5.0
TO_STOP = 9.0
THREADS = 8
log = structlog.get_logger(__name__)


@command("run", home=False)
def run_command(desk: Desk) -> None:
    """Start everything in one process: the console, the API and the engine."""
    settings = desk.settings
    if settings.runner == "distributed":
        raise Refusal(desk.say(
            "RELANCE_RUNNER=distributed : lancez `relance web`, et le moteur dans ses propres processus.",
            "RELANCE_RUNNER=distributed: start `relance web`, and the engine in processes of its own."))
    configure(settings.log_level)
    # From here on a signal is a wish to stop, whatever we are doing when it comes.
    with _signals() as stopping:
        suite = build_suite(settings)
        migrate.upgrade(suite.database)
        read_clock(suite)
        password = first_owner(suite)
        traces.start(suite.settings.otlp_url)
        server = listening(suite)
        _started(desk, suite, server, password)
        runner = Embedded(suite)
        runner.start()
        _serve(server, stopping, runner.stop)
        suite.database.close()


@command("web", home=False)
def web_command(desk: Desk) -> None:
    """Start the console and the API without the engine (which then runs elsewhere)."""
    configure(desk.settings.log_level)
    suite = build_suite(desk.settings)
    if not migrate.is_current(suite.database):
        raise Refusal(desk.say("La base de données n'est pas à jour : lancez `relance migrate`.",
                               "The database is not up to date: run `relance migrate`."))
    migrate.give_key(suite.database)
    read_clock(suite)
    with _signals() as stopping:
        traces.start(suite.settings.otlp_url)
        server = listening(suite)
        _started(desk, suite, server, None)
        bell = _bell(suite) if suite.settings.runner == "distributed" else None
        if bell is not None:
            bell.start()
        _serve(server, stopping, bell.stop if bell is not None else lambda: None)
        suite.database.close()


def _bell(suite: Suite) -> Bell:
    # Celery takes a second to load, which a house of one process does not wait for.
    from core.runners.distributed import Bell

    return Bell(suite)


@command("migrate", home=False, writes=True)
def migrate_command(desk: Desk) -> None:
    """Bring the database's schema up to this version. Harmless when it is there already."""
    suite = build_suite(desk.settings)
    before, newest = migrate.current(suite.database), migrate.newest()
    if not desk.dry_run:
        migrate.upgrade(suite.database)
        first_workspace(suite)
    answer = {"before": before, "after": before if desk.dry_run else newest, "newest": newest, "dry_run": desk.dry_run}
    if before == newest:
        said = desk.say("La base de données est à jour.", "The database is up to date.")
    elif desk.dry_run:
        said = desk.say(f"De {before or 'vide'} à {newest}.", f"From {before or 'empty'} to {newest}.")
    else:
        said = desk.say("La base de données est à jour maintenant.", "The database is up to date now.")
    desk.show(answer, said)


def first_owner(suite: Suite) -> str | None:
    """The first person's password, shown this once; None when somebody can sign in already."""
    workspace = first_workspace(suite)
    with suite.database.write(workspace) as tx:
        if access.anybody(tx):
            return None
        password = generated_password()
        user = access.add_user(tx, OWNER, password, "owner", suite.settings.language, suite.now())
        house.note(tx, "relance run", "user_added", user, {"role": "owner"}, suite.now())
    return password


@dataclass(frozen=True, slots=True)
class Listening:
    """The web server, bound and not yet serving: its sockets (doors and connections) and its threads."""

    sockets: dict[int, Any]
    threads: ThreadedTaskDispatcher
    write_down: Callable[[], None]
    """What was noted of the last requests."""

    def doors(self) -> list[BaseWSGIServer]:
        return [one for one in self.sockets.values() if isinstance(one, BaseWSGIServer)]

    def busy(self) -> bool:
        """Whether a request that was begun still waits for its answer, or an answer for its last bytes."""
        return any(getattr(one, "requests", None) or getattr(one, "request", None)
                   or getattr(one, "total_outbufs_len", 0) for one in self.sockets.values())

    def close_doors(self) -> None:
        """Nobody new. Who is connected already, and only waits to be taken, is taken first: to close on him would cut
        what he has begun to say."""
        for door in self.doors():
            waiting = select.poll()
            waiting.register(door.socket, select.POLLIN)
            while waiting.poll(0):
                door.handle_accept()
            wasyncore.dispatcher.close(door)

    def turn(self, seconds: float) -> None:
        """Waits for something to happen on a socket, and does what it asks for."""
        wasyncore.loop(timeout=seconds, map=self.sockets, count=1, use_poll=True)


def listening(suite: Suite) -> Listening:
    """Binds the address of `RELANCE_LISTEN`."""
    host, port = suite.settings.listen_address
    sockets: dict[int, Any] = {}
    app = create_app(suite)
    try:
        server = serving.door(
            app, limits=lambda: app, map=sockets, host=host, port=port, threads=THREADS, channel_timeout=60
        )
    except OSError as error:
        raise Refusal(f"RELANCE_LISTEN: {suite.settings.listen}: {error.strerror or error}. "
                      "Example: RELANCE_LISTEN=127.0.0.1:8001") from error
    book: RequestLog = app.extensions["relance_request_log"]
    return Listening(sockets, server.task_dispatcher, partial(book.flush, suite))


def _started(desk: Desk, suite: Suite, server: Listening, password: str | None) -> None:
    """What a person sees first: one line for each part, and a problem's line where there is one."""
    where = console_address(suite.settings, server.doors()[0].effective_port)
    if desk.as_json:
        desk.show({"console": where, "database": shown_database(suite), "zones": zones_version(),
                   "adapters": sorted(suite.adapters), "providers": sorted(suite.providers),
                   "mode": suite.settings.mode, **({"email": OWNER, "password": password} if password else {})}, "")
        sys.stdout.flush()
        return
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2))
    rows = [
        (desk.say("base de données", "database"), shown_database(suite),
         one_machine(desk.language) if suite.settings.shares_sqlite else "ok"),
        (desk.say("fuseaux", "time zones"), zones_version(), "ok"),
        (desk.say("plateformes", "platforms"), " ".join(sorted(suite.adapters)), "ok"),
        (desk.say("envoi", "providers"), " ".join(sorted(suite.providers)), "ok"),
    ]
    if suite.settings.mode != "live":
        rows.append((desk.say("mode", "mode"), suite.settings.mode,
                     desk.say("l'horloge peut être avancée", "the clock may be turned")))
    rows.append((desk.say("console", "console"), where, ""))
    if password:
        rows.append((desk.say("adresse", "e-mail"), OWNER, ""))
        rows.append((desk.say("mot de passe", "password"), password,
                     desk.say("affiché une fois : changez-le dans Réglages", "shown once: change it in Settings")))
    for row in rows:
        table.add_row(*row)
    out = console()
    out.print(table)
    sys.stdout.flush()


# ---------------------------------------------------------------------------------------------- serving, stopping


def _serve(server: Listening, stopping: threading.Event, stop_engine: Callable[[], None]) -> None:
    """Until `stopping` is set. Then nothing new is accepted, and what was begun is finished."""
    memory.settle()
    log.info("started", pid=os.getpid())
    while not stopping.is_set():
        server.turn(0.25)
    began = monotonic()
    server.close_doors()
    engine = threading.Thread(target=stop_engine, name="stopping", daemon=True)
    engine.start()
    while monotonic() - began < TO_HEAR_OUT or (server.busy() and monotonic() - began < TO_FINISH_REQUESTS):
        server.turn(0.05)
    engine.join(timeout=max(TO_STOP - (monotonic() - began), 0))
    if engine.is_alive():
        # A platform that does not answer must not keep a deploy waiting; leases and the journal say what was begun.
        log.warning("stopped before everything had answered")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    server.threads.shutdown(timeout=1)
    server.write_down()
    log.info("stopped")


@contextlib.contextmanager
def _signals() -> Iterator[threading.Event]:
    """Set when somebody wants us to stop (SIGTERM, or ctrl-C)."""
    stopping = threading.Event()
    before = {name: signal.signal(name, lambda *_: stopping.set()) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
