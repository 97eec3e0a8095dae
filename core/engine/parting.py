"""The end of a connection, from our side or from theirs: what waits is called off, what was set up over there is taken
down, the grant is given back, the secrets are deleted. In that order, so that nothing leaves meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from core.contract import Installs
from core.domain.errors import NeedsReconnect, NotFound, NotNow, RelanceError
from core.domain.messages import State
from core.domain.reasons import Reason
from core.engine import grants, tokens
from core.storage import feedback, house, installations, outbox
from core.storage.database import Transaction
from core.suite import Suite

BOX = 30.0
"""Seconds for each step over there: a platform that does not answer keeps nobody from leaving it."""
TAKEN_UP_AGAIN = timedelta(minutes=10)
log = structlog.get_logger(__name__)


def gone_there(tx: Transaction, installation_id: str, now: datetime) -> None:
    """The platform has disconnected us (`Reading.gone`): waiting work is called off, the secrets, which are dead, are
    wiped. In the caller's transaction, without a call to anybody. Harmless when done twice."""
    if not installations.is_there(tx, installation_id):
        return
    called_off = _stopped(tx, installation_id, Reason("gone_there"), now)
    _wiped(tx, installation_id)
    house.note(tx, "platform", "installation_gone", installation_id, {"called_off": called_off}, now)


def disconnect(suite: Suite, workspace: str, installation_id: str, *, who: str) -> tuple[Reason, ...]:
    """Ends it from our side. Harmless when done twice; what a crash interrupts is taken up again by `maintain_due`.
    Returns what could not be undone over there, or what the person must still do there. Raises `NotFound`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        if row is None:
            raise NotFound("installation")
        if row.state == "disconnected":
            return ()
        called_off = _stopped(tx, installation_id, Reason("disconnected"), now)
        installations.change(tx, installation_id, maintain_at=now + TAKEN_UP_AGAIN)
        house.note(tx, who, "installation_disconnected", installation_id, {"called_off": called_off}, now)
    return take_down(suite, workspace, installation_id)


def take_down(suite: Suite, workspace: str, installation_id: str) -> tuple[Reason, ...]:
    """The part over there, of an installation that was disconnected; then its secrets are deleted."""
    row = tokens.row_of(suite, workspace, installation_id)
    adapter = suite.adapters.get(row.installation.adapter)
    left: tuple[Reason, ...] = ()
    if adapter is not None:
        try:
            row = tokens.fresh(suite, workspace, installation_id, parting=True)
        except (NeedsReconnect, NotNow) as error:
            # Without a token that lives, what can be done is still tried; the platform's answers say what could not.
            log.info("parting without a fresh token", installation=installation_id, code=error.reason.code)
        one = row.installation
        if isinstance(adapter, Installs):
            left += _boxed(lambda: adapter.uninstall(one), adapter.manifest.name)
        left += _boxed(lambda: grants.give_back(suite, adapter, one), adapter.manifest.name)
    with suite.database.write(workspace) as tx:
        _wiped(tx, installation_id)
    return left


def _stopped(tx: Transaction, installation_id: str, why: Reason, now: datetime) -> int:
    """Nothing of it runs any more. Returns how many messages were called off."""
    # Whoever plans touches the connection last, and is not to plan for it after what waits was called off.
    tx.alone(f"plan:{tx.owned}")
    installations.change(
        tx, installation_id, state="disconnected", next_pull_at=None, maintain_at=None, pull_lease_until=None
    )
    feedback.call_off_reports(tx, installation_id, why)
    return outbox.end_waiting_of(tx, installation_id, State.CANCELLED, why, now)


def _wiped(tx: Transaction, installation_id: str) -> None:
    installations.change(
        tx,
        installation_id,
        secrets=None,
        memory={},
        cursor=None,
        token_expires_at=None,
        grant_expires_at=None,
        maintain_at=None,
    )


def _boxed(step: Callable[[], tuple[Reason, ...]], platform: str) -> tuple[Reason, ...]:
    pool = ThreadPoolExecutor(1, thread_name_prefix="parting")
    try:
        return pool.submit(step).result(BOX)
    except (RelanceError, OSError, TimeoutError) as error:
        code = error.reason.code if isinstance(error, RelanceError) else type(error).__name__
        log.warning("a step of parting failed", platform=platform, error_code=code)
        return (Reason("not_taken_down", {"platform": platform}),)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
