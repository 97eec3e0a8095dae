"""`relance listen`: connections that are kept (SMPP), ours to centres and those of platforms that call us, for a house
of several processes."""

from __future__ import annotations

import signal
import threading
from time import monotonic

from core.cli.desk import Desk, Refusal, command
from core.engine import ticking
from core.engine.listening import Listening
from core.engine.serving import Serving
from core.logs import configure
from core.storage import migrate
from core.suite import Suite, build_suite, read_clock

EVERY_SECONDS = 5.0
SERVED_EVERY = 1.0


def read(suite: Suite) -> int:
    """The house's clock, which may be turned elsewhere."""
    read_clock(suite)
    return 0


@command("listen", home=False)
def listen_command(desk: Desk) -> None:
    """Keep SMPP connections: receipts of our accounts, and platforms that bind to us. One process of the house does;
    `relance run` does it by itself."""
    configure(desk.settings.log_level)
    suite = build_suite(desk.settings)
    if not migrate.is_current(suite.database):
        raise Refusal(desk.say("La base de données n'est pas à jour : lancez `relance migrate`.",
                               "The database is not up to date: run `relance migrate`."))
    migrate.give_key(suite.database)
    stopping = threading.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda *_: stopping.set())
    listening, serving, looked = Listening(suite), Serving(suite), 0.0
    while not stopping.is_set():
        if not looked or monotonic() - looked >= EVERY_SECONDS:
            looked = monotonic()
            ticking.done_safely(suite, listening.refresh)
        ticking.done_safely(suite, read)
        ticking.done_safely(suite, serving.turn)
        stopping.wait(SERVED_EVERY)
    listening.stop()
    serving.stop()
    suite.database.close()
