"""A worker whose only way out is the ledger; otherwise it does what `relance worker` does.

    python -m tests.faults.worker_process LEDGER_URL KIND CONCURRENCY [beat]

Its settings are in the environment.
"""

from __future__ import annotations

import sys

from core.logs import configure
from core.runners.distributed import run_worker, worker_app
from core.settings import Settings
from core.suite import Suite, build_suite
from tests.faults import ledger


def main(url: str, kind: str, concurrency: int, beat: bool) -> None:
    def assemble(settings: Settings) -> Suite:
        return build_suite(settings, adapters={}, providers={"ledger": ledger.provider({"ledger": url}, kind)})

    settings = Settings.read()
    configure(settings.log_level)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    run_worker(worker_app(settings, concurrency=concurrency, assemble=assemble), beat=beat, concurrency=concurrency)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), "beat" in sys.argv[4:])
