"""The web part in a process of its own, to be killed: `python -m tests.faults.web_process` with its settings as JSON.

    {"data_dir": …, "database_url": …, "key": …, "port": …, "adapters": true for those that are registered}

Says "ready" when it listens. It sends nothing: what is accepted waits in the outbox, to be counted there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import structlog
from waitress.server import create_server

from core.settings import Settings
from core.suite import build_suite
from core.web.app import create_app


def main(given: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    said = json.loads(given)
    suite = build_suite(
        Settings(data_dir=Path(said["data_dir"]), database_url=said["database_url"], secret_keys=(said["key"],),
                 mode="test", public_url=f"http://127.0.0.1:{said['port']}"),
        adapters=None if said.get("adapters") else {},
    )  # fmt: skip
    server = create_server(create_app(suite), host="127.0.0.1", port=said["port"], threads=8)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    main(sys.argv[1])
