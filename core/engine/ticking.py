"""One tick of everything but sending: what is due now, each job's failure its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from core.domain.errors import RelanceError
from core.domain.reasons import Reason
from core.engine import (
    approving,
    attributing,
    campaigning,
    doubting,
    erasing,
    exporting,
    falling_back,
    following,
    guarding,
    housekeeping,
    installing,
    looking,
    notices,
    pulling,
    reaching,
    repeating,
    reporting,
    silence,
    simulation,
    surveying,
    zone_data,
)
from core.engine.waitlist import offering, writing
from core.storage import accounts, house, outbox
from core.storage.database import DatabaseAway
from core.suite import Suite, read_clock

log = structlog.get_logger(__name__)


def journals(suite: Suite) -> Path:
    """Where this machine's senders keep their hand-over journals."""
    return suite.settings.data_dir / "journal"


def tick(suite: Suite) -> int:
    """All but asking platforms. Returns how much there was to do."""
    return keep(suite) + tell(suite)


def keep(suite: Suite) -> int:
    """What waits for no platform: recovers, looks up, simulates, and says that the engine lives."""
    read_clock(suite)
    jobs: tuple[Callable[[Suite], int], ...] = (
        recover,
        accounts_back,
        guarding.run_due,
        doubting.look_up_due,
        following.run_due,
        falling_back.run_due,
        simulation.run_due,
        repeating.run_due,
        campaigning.run_due,
        offering.run_due,
        surveying.run_due,
        housekeeping.run_due,
        attributing.run_due,
        exporting.run_due,
        silence.run_due,
        zone_data.run_due,
        ticked,
    )
    return sum(done_safely(suite, job) for job in jobs)


def tell(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Tells platforms and customers' own programs what became of messages: each may take its time to listen. `over`:
    the process is about to end."""
    return done_safely(suite, partial(reporting.run_due, over=over)) + done_safely(
        suite, partial(notices.run_due, over=over)
    )


def ask(suite: Suite) -> int:
    """The part that may wait for platforms: pulls, looks after what is set up over there, asks about what is due."""
    return pull(suite) + maintain(suite) + look(suite)


def look(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Asks the platforms about messages that are due: are they still wanted? `over`: the process is about to end."""
    return done_safely(suite, partial(looking.run_due, over=over))


def pull(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Asks the platforms. `over`: the process is about to end."""
    return done_safely(suite, partial(pulling.run_due, over=over))


def maintain(suite: Suite) -> int:
    """Erases who is to be erased, looks after what is set up over there, asks ahead of time what channels can do."""
    jobs = (erasing.run_due, writing.run_due, installing.maintain_due, reaching.run_due, approving.run_due)
    return sum(done_safely(suite, job) for job in jobs)


def done_safely(suite: Suite, job: Callable[[Suite], int]) -> int:
    """One job's failure is logged and does not keep the others from their work."""
    try:
        return job(suite)
    except DatabaseAway:
        log.warning("database away", job=job.__module__)
    except RelanceError as error:
        log.error("job refused", job=job.__module__, code=error.reason.code)
    except Exception:
        # The last line of defence of a process that must go on ticking; whatever it was stays due.
        log.exception("job failed", job=job.__module__)
    return 0


def recover(suite: Suite) -> int:
    return doubting.recover(suite, journals(suite))


def accounts_back(suite: Suite) -> int:
    """Accounts whose pause is over take messages again; with one, those that waited for any account."""
    with suite.database.glance() as glance:
        if not accounts.some_back(glance, suite.now()):
            return 0
    with suite.database.write() as tx:
        ids = accounts.back(tx, suite.now())
        if ids:
            outbox.release(tx, "account", Reason("account_back"), suite.now())
    if ids:
        suite.wake()
    return len(ids)


def ticked(suite: Suite) -> int:
    """For /readyz: the engine lives. After a standstill, the senders learn from here what it kept back."""
    with suite.database.write() as tx:
        guarding.came_back(tx, suite.now())
        house.set_value(tx, "ticked", True, suite.now())
    return 0
