"""`relance worker`: the engine in processes of its own (distributed runner); one of them also keeps the time."""

from __future__ import annotations

import click
import structlog

from core.cli.desk import Desk, Refusal, command
from core.logs import configure
from core.runners.distributed import run_worker, worker_app
from core.storage import migrate
from core.suite import build_suite

log = structlog.get_logger(__name__)


@command("worker", home=False)
@click.option("--beat", is_flag=True, help="Keep the time too: one worker does, a second is a reserve.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes that send.")
def worker_command(desk: Desk, beat: bool, concurrency: int) -> None:
    """Send, ask and tell, for the web processes that share this database and broker."""
    settings = desk.settings
    if settings.runner != "distributed":
        raise Refusal(desk.say(
            "Les processus séparés demandent RELANCE_RUNNER=distributed et RELANCE_BROKER_URL.",
            "Processes of their own need RELANCE_RUNNER=distributed and RELANCE_BROKER_URL."))
    configure(settings.log_level)
    if settings.shares_sqlite:
        log.warning("this machine only", database="sqlite", more_machines="postgresql")
    suite = build_suite(settings)
    if not migrate.is_current(suite.database):
        raise Refusal(desk.say("La base de données n'est pas à jour : lancez `relance migrate`.",
                               "The database is not up to date: run `relance migrate`."))
    migrate.give_key(suite.database)
    suite.database.close()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    run_worker(worker_app(settings, concurrency=concurrency), beat=beat, concurrency=concurrency)
