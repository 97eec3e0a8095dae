"""The last question to the platform before a message leaves: is the cart still open, is the person still willing?

A message that is due waits as `held` while its platform is asked; senders never wait for a platform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from core.contract import Batch, LooksAgain
from core.domain.errors import NeedsReconnect, NotNow, Unreadable
from core.domain.messages import MessageClass, State
from core.domain.reasons import Reason
from core.engine import applying
from core.engine.installing import with_token
from core.ids import new_id
from core.storage import installations, occasions, outbox
from core.suite import Suite

MOST = 1000
LEASE = timedelta(minutes=2)
PATIENCE = timedelta(minutes=10)
"""After that, what is no marketing leaves on what we know: a reminder must not be lost for a platform's bad hour."""
PAUSE = timedelta(seconds=20)
log = structlog.get_logger(__name__)


def run_due(suite: Suite) -> int:
    """Asks the platforms about what is due. Returns how many messages were asked about."""
    with suite.database.read() as tx:
        waiting = outbox.to_look_at(tx, MOST)
    count = 0
    for (workspace, installation), messages in waiting.items():
        count += _looked(suite, workspace, installation, messages)
    return count


def _looked(suite: Suite, workspace: str, installation: str, messages: Sequence[Mapping[str, Any]]) -> int:
    owner, name = new_id("own"), f"look:{installation}"
    with suite.database.write() as tx:
        if not installations.seize(tx, name, owner, suite.now(), LEASE):
            return 0
    pause = False
    try:
        for some in _portions(suite, workspace, installation, messages):
            pause = _asked(suite, workspace, installation, some)
            if pause:
                break
    finally:
        with suite.database.write() as tx:
            installations.let_go(tx, name, owner)
            if pause:
                # A platform that is away is not asked again with every tick.
                installations.seize(tx, name, new_id("own"), suite.now(), PAUSE)
    suite.wake()
    return len(messages)


def _portions(
    suite: Suite, workspace: str, installation: str, messages: Sequence[Mapping[str, Any]]
) -> Sequence[Sequence[Mapping[str, Any]]]:
    with suite.database.read(workspace) as tx:
        adapter = suite.adapters.get(installations.adapter_of(tx, installation) or "")
    size = adapter.look_again_size if isinstance(adapter, LooksAgain) else MOST
    return [messages[first : first + size] for first in range(0, len(messages), size)]


def _asked(suite: Suite, workspace: str, installation: str, messages: Sequence[Mapping[str, Any]]) -> bool:
    """One call. Whether the platform is away."""
    now = suite.now()
    with suite.database.read(workspace) as tx:
        known = {one.id: one for one in occasions.by_ids(tx, {one["occasion"] for one in messages})}

    def ask(row: installations.Row) -> Batch | None:
        adapter = suite.adapters.get(row.installation.adapter)
        if not isinstance(adapter, LooksAgain):
            return None
        keys = {one.key: one.private for one in known.values() if one.kind in adapter.looks_again_at}
        return adapter.look_again(row.installation, keys, now) if keys else None

    try:
        said = with_token(suite, workspace, installation, ask)
    except NeedsReconnect as error:
        _wait_for_person(suite, workspace, installation, messages, error.reason)
        return False
    except (NotNow, Unreadable) as error:
        return _away(suite, workspace, messages, error.reason)
    except Exception:
        # An adapter at fault is a platform that does not answer; the others are asked all the same.
        log.exception("looking again failed", installation=installation)
        return _away(suite, workspace, messages, Reason("engine_failed"))
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation, suite.public_url)
        if said is not None and row is not None:
            applying.apply(suite, tx, row, said, now)
        # Those that the answer called off are no longer among the held ones.
        outbox.looked_at(tx, [one["id"] for one in messages], Reason("platform_confirms"), now)
    return False


def _away(suite: Suite, workspace: str, messages: Sequence[Mapping[str, Any]], reason: Reason) -> bool:
    """Marketing waits for the platform's word or its own end; anything else waits ten minutes."""
    now = suite.now()
    over = [one["id"] for one in messages if one["expires_at"] is not None and one["expires_at"] < now]
    urgent = [
        one["id"]
        for one in messages
        if one["id"] not in over
        and one["class"] != MessageClass.MARKETING
        and now - one["due_at"] > (timedelta() if one["class"] == MessageClass.OTP else PATIENCE)
    ]
    with suite.database.write(workspace) as tx:
        outbox.looked_at(tx, urgent, Reason("platform_silent"), now)
        outbox.end_these(tx, over, State.EXPIRED, Reason("stale"), now)
    log.warning("platform not asked", code=reason.code, waiting=len(messages) - len(over) - len(urgent))
    return True


def _wait_for_person(
    suite: Suite, workspace: str, installation: str, messages: Sequence[Mapping[str, Any]], reason: Reason
) -> None:
    now = suite.now()
    with suite.database.write(workspace) as tx:
        # The next pull, or this, finds out that a person is needed, and says so on the connection's page.
        installations.wake(tx, installation, now)
        held_by = f"installation:{installation}"
        outbox.look_elsewhere(tx, [one["id"] for one in messages], held_by, Reason("installation_reconnect"), now)
    log.warning("platform asks to be connected again", installation=installation, code=reason.code)


