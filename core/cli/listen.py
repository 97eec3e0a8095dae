"""`relance listen`: hears what comes over connections that are kept (SMPP), for a house of several processes."""

from __future__ import annotations

import signal
import threading

from core.cli.desk import Desk, Refusal, command
from core.engine import ticking
from core.engine.listening import Listening
from core.logs import configure
from core.storage import migrate
from core.suite import build_suite

EVERY_SECONDS = 5.0


@command("listen", home=False)
def listen_command(desk: Desk) -> None:
    """Take receipts and replies of SMPP accounts. One process of the house does; `relance run` does it by itself."""
    configure(desk.settings.log_level)
    suite = build_suite(desk.settings)
    if not migrate.is_current(suite.database):
        raise Refusal(desk.say("La base de données n'est pas à jour : lancez `relance migrate`.",
                               "The database is not up to date: run `relance migrate`."))
    migrate.give_key(suite.database)
    stopping = threading.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda *_: stopping.set())
    listening = Listening(suite)
    while not stopping.is_set():
        ticking.done_safely(suite, listening.refresh)
        stopping.wait(EVERY_SECONDS)
    listening.stop()
    suite.database.close()
