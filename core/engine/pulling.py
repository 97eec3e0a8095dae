"""We ask the platforms that only said "something changed", or that must be polled; what they say joins the intake."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from core.contract import Batch, Pulls
from core.domain.errors import NeedsReconnect, NotNow, RelanceError
from core.domain.reasons import Reason
from core.engine import applying, notices
from core.engine.installing import with_token
from core.engine.singly import singly
from core.storage import backups, house, installations, ledger, occasions, outbox
from core.suite import Suite

AT_ONCE = 4
ONE_TURN = 10.0
"""Seconds within which one walk does not take an installation twice: what is due again at once waits its turn."""
LEASE = timedelta(minutes=5)
MOST_PAGES = 200
MOST_PROBLEMS = 200
LONGEST_PAUSE = timedelta(hours=6)
AFTER_A_FAILURE = timedelta(minutes=5)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pull gave: how many occasions changed, or what is wrong. `busy`: somebody else is pulling just now."""

    changed: int = 0
    trouble: Reason | None = None
    busy: bool = False


def run_due(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Pulls every installation whose time has come, a few at once. Returns how many were pulled.

    While a slow platform keeps one place, the others go on, those too that fall due meanwhile. `over`: begin no more.
    """
    begun: dict[str, float] = {}
    running: set[Future[int]] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pull") as pool:
        while True:
            lately = [one for one, at in begun.items() if time.monotonic() - at < ONE_TURN]
            for one in [] if over() else _taken(suite, AT_ONCE - len(running), lately):
                begun[one[0]] = time.monotonic()
                running.add(pool.submit(_alone, suite, one))
            if not running:
                return len(begun)
            done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            for each in done:
                each.result()


def _taken(suite: Suite, room: int, lately: Sequence[str]) -> list[tuple[str, str]]:
    if room == 0:
        return []
    with suite.database.write() as tx:
        return installations.due(tx, suite.now(), LEASE, room, but=lately)


def _alone(suite: Suite, one: tuple[str, str]) -> int:
    def pull(taken: tuple[str, str]) -> None:
        _pull(suite, taken[1], taken[0])

    def put_off(taken: tuple[str, str]) -> None:
        _in_trouble(suite, taken[1], taken[0], NotNow("engine_failed", AFTER_A_FAILURE), after=AFTER_A_FAILURE)

    return singly(pull, [one], put_off)


def pull_now(suite: Suite, workspace: str, installation_id: str) -> Outcome:
    """Pulls one installation at once, and waits for it."""
    with suite.database.write(workspace) as tx:
        if not installations.take(tx, installation_id, suite.now(), LEASE):
            installations.wake(tx, installation_id, suite.now())
            return Outcome(busy=True)
    return _pull(suite, workspace, installation_id)


def _pull(suite: Suite, workspace: str, installation_id: str) -> Outcome:
    """One installation, page by page, each page committed with its cursor. The caller holds the lease."""
    started = suite.now()
    changed = 0
    problems: list[Reason] = []
    try:
        for _ in range(MOST_PAGES):
            asked = with_token(suite, workspace, installation_id, partial(_asked, suite))
            if asked is None:
                _let_go(suite, workspace, installation_id, None)
                return Outcome()
            row, batch, every = asked
            # What one page says is shown with the last one.
            problems += [one for one in batch.problems if one not in problems][: MOST_PROBLEMS - len(problems)]
            count = _applied(suite, row, replace(batch, problems=tuple(problems)), started, every)
            changed += count or 0
            if count is None or not batch.more:
                break
        else:
            # A very long list: its rest is for the next turn, so that others have theirs.
            _let_go(suite, workspace, installation_id, suite.now())
    except NeedsReconnect as error:
        _in_trouble(suite, workspace, installation_id, error, state="reconnect")
        return Outcome(changed, error.reason)
    except NotNow as error:
        _in_trouble(suite, workspace, installation_id, error, after=error.after)
        return Outcome(changed, error.reason)
    except RelanceError as error:
        # What the platform refuses for a reason of its own is shown in its own words.
        _in_trouble(suite, workspace, installation_id, error, after=timedelta(minutes=15))
        return Outcome(changed, error.reason)
    suite.wake()
    return Outcome(changed)


def _let_go(suite: Suite, workspace: str, installation_id: str, again: datetime | None) -> None:
    with suite.database.write(workspace) as tx:
        installations.change(tx, installation_id, pull_lease_until=None, next_pull_at=again)


def _asked(suite: Suite, row: installations.Row) -> tuple[installations.Row, Batch, timedelta] | None:
    """The installation as it was asked for, the answer, and how often to ask; None for one that cannot be asked."""
    adapter = suite.adapters[row.installation.adapter]
    if not isinstance(adapter, Pulls):
        return None
    # A memory of its own, to write in: what it changed is known by what was there.
    own = replace(row.installation, memory=deepcopy(row.installation.memory))
    return row, adapter.pull(own, row.cursor, suite.now()), adapter.manifest.poll_every


def _applied(
    suite: Suite, row: installations.Row, batch: Batch, started: datetime, every: timedelta
) -> int | None:
    """How many occasions changed; None when the answer came too late: a person has disconnected, or chosen anew."""
    asked, installation = row, row.installation
    now = suite.now()
    with suite.database.write(installation.workspace) as tx:
        # Read again in turn with whoever plans: a person may have disconnected it, or gone live, while we asked.
        tx.alone(f"plan:{tx.owned}")
        row = installations.get(tx, suite.vault, installation.id, suite.public_url) or row
        if row.state == "disconnected":
            return None
        if (row.cursor, row.installation.config) != (asked.cursor, asked.installation.config):
            installations.change(tx, installation.id, pull_lease_until=None, next_pull_at=now)
            return None
        gone = [event for sweep in batch.sweeps for event in occasions.swept(tx, installation.id, sweep, now)]
        backlog = row.pulled_at is None
        changed = applying.apply(suite, tx, row, batch, now, more=gone, backlog=backlog, in_order=True)
        restored = house.moment(tx, backups.RESTORED)
        if restored is not None and (row.pulled_at is None or row.pulled_at < restored):
            backups.hold_news(tx, installation.id, now)
        values: dict[str, object] = {"cursor": batch.cursor, "pull_lease_until": now + LEASE}
        if batch.memory is not None:
            installations.remember(tx, installation.id, asked.installation.memory, batch.memory)
        if not batch.more:
            # What was said to have changed after we began asking is asked for once more, at once.
            again = row.changed_at is not None and row.changed_at > started
            values |= {
                # Only now: what a first list holds on its later pages was there before us just the same.
                "pulled_at": now,
                "next_pull_at": now if again else now + every,
                "pull_lease_until": None,
                "failures": 0,
                "trouble": None,
                "problems": [ledger.reason_row(one) for one in batch.problems],
            }
        installations.change(tx, installation.id, **values)
        if row.trouble is not None and not batch.more:
            outbox.release(tx, f"installation:{installation.id}", Reason("connected_again"), now)
    return len(changed)


def _in_trouble(
    suite: Suite,
    workspace: str,
    installation_id: str,
    error: RelanceError,
    *,
    after: timedelta | None = None,
    state: str | None = None,
) -> None:
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        failures = row.failures if row else 0
        pause = min(after * 2 ** min(failures, 6), LONGEST_PAUSE) if after else None
        installations.in_trouble(
            tx, installation_id, error.reason, state=state, next_pull_at=now + pause if pause else None
        )
        house.note(tx, "installation", "installation_in_trouble", installation_id, {"code": error.reason.code}, now)
        if row is not None and state == "reconnect" and row.state not in ("reconnect", "disconnected"):
            notices.installation_changed(tx, "installation.reconnect", row, error.reason, now)
    log.warning(
        "installation in trouble", installation=installation_id, code=error.reason.code, state=state or "connected"
    )
