"""The engine in a process of its own, to be killed: `python -m tests.faults.engine_process` with its settings as JSON.

    {"data_dir": …, "database_url": …, "key": …, "kind": "simulator" | "asked" | "silent", "ledger": "http://…"}

Says "ready" when it sends. SIGTERM lets it finish what is in the air.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import structlog

from core.contract import Provider, ProviderTools
from core.providers.simulator import Simulator
from core.runners.embedded import Embedded
from core.settings import Settings
from core.storage.database import Database
from core.storage.simulated import DatabaseBook
from core.suite import build_suite
from tests.faults import ledger


def main(given: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    said = json.loads(given)
    settings = Settings(
        data_dir=Path(said["data_dir"]), database_url=said["database_url"], secret_keys=(said["key"],), mode="test"
    )
    way: Provider = (
        Simulator(ProviderTools(urls={}, book=DatabaseBook(Database(said["database_url"]))))
        if said["kind"] == "simulator"
        else ledger.provider({"ledger": said["ledger"]}, said["kind"])
    )
    suite = build_suite(settings, adapters={}, providers={way.slug: way, "simulator": way})
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    engine = Embedded(suite)
    engine.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not over.wait(0.2):  # a signal may reach another thread, and is heard when this one wakes
        pass
    engine.stop()


if __name__ == "__main__":
    main(sys.argv[1])
