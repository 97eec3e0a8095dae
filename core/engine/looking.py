"""The last question to the platform before a message leaves: is the cart still open, is the person still willing?

A message that is due waits as `held` while its platform is asked; senders never wait for a platform. One that says a
discount code waits until the shop has made it, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog

from core.contract import Batch, LooksAgain, Rewards
from core.domain.errors import NeedsReconnect, NotFound, RelanceError
from core.domain.messages import MessageClass, State
from core.domain.reasons import Reason
from core.engine import applying, notices, rewarding
from core.engine.installing import with_token
from core.ids import new_id
from core.storage import house, installations, occasions, outbox
from core.storage.database import DatabaseAway, Transaction
from core.suite import Suite

MOST = 1000
AT_ONCE = 4
LEASE = timedelta(minutes=2)
MARGIN = timedelta(minutes=1)
PATIENCE = timedelta(minutes=10)
"""After that, what is no marketing leaves on what we know: a reminder must not be lost for a platform's bad hour."""
PAUSE = timedelta(seconds=20)
MOST_ENDED = 1000
log = structlog.get_logger(__name__)


def run_due(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Asks the platforms about what is due, a few at once, so that a slow one keeps only its own messages waiting.
    `over`: begin no more calls, the process is about to end. Returns how many messages were asked about."""
    with suite.database.read() as tx:
        waiting = outbox.platforms_to_ask(tx)
    if len(waiting) < 2:
        return sum(_looked(suite, *one, over) for one in waiting)

    def look(one: tuple[str, str]) -> int:
        return _safely(suite, *one, over)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look") as pool:
        return sum(pool.map(look, waiting))


def _safely(suite: Suite, workspace: str, installation: str, over: Callable[[], bool]) -> int:
    try:
        return _looked(suite, workspace, installation, over)
    except DatabaseAway:
        raise
    except Exception:
        log.exception("looking again failed", installation=installation)
        return 0


def _looked(suite: Suite, workspace: str, installation: str, over: Callable[[], bool]) -> int:
    if over():
        return 0
    owner, name = new_id("own"), f"look:{installation}"
    # By the clock that nobody turns: whoever holds the lease does not ask beyond it.
    until = time.monotonic() + (LEASE - MARGIN).total_seconds()
    with suite.database.write(workspace) as tx:
        if not installations.seize(tx, name, owner, suite.now(), LEASE):
            return 0
        messages = outbox.to_look_at(tx, installation, MOST)
        adapter = suite.adapters.get(installations.adapter_of(tx, installation) or "")
    size = adapter.look_again_size if isinstance(adapter, LooksAgain) else MOST
    pause, count = False, 0
    try:
        for first in range(0, len(messages), size):
            some = messages[first : first + size]
            pause = _asked(suite, workspace, installation, some, until)
            count += len(some)
            if pause or over() or time.monotonic() > until:
                break
    finally:
        with suite.database.write(workspace) as tx:
            installations.let_go(tx, name, owner)
            if pause:
                # A platform that is away is not asked again with every tick.
                installations.seize(tx, name, new_id("own"), suite.now(), PAUSE)
    suite.wake()
    return count


def _asked(
    suite: Suite, workspace: str, installation: str, messages: Sequence[Mapping[str, Any]], until: float
) -> bool:
    """One call. Whether the platform is away."""
    now = suite.now()
    with suite.database.read(workspace) as tx:
        known = {one.id: one for one in occasions.by_ids(tx, {one["occasion"] for one in messages})}
    used: installations.Row | None = None

    def ask(row: installations.Row) -> Batch | None:
        nonlocal used
        used = row
        adapter = suite.adapters.get(row.installation.adapter)
        if not isinstance(adapter, LooksAgain):
            return None
        keys = {one.key: one.private for one in known.values() if one.kind in adapter.looks_again_at}
        return adapter.look_again(row.installation, keys, now) if keys else None

    try:
        said = with_token(suite, workspace, installation, ask)
    except NotFound:
        _over(suite, workspace, messages, Reason("disconnected"))
        return False
    except NeedsReconnect as error:
        _wait_for_person(suite, workspace, installation, used, error.reason)
        return False
    except RelanceError as error:
        return _away(suite, workspace, messages, error.reason)
    except Exception:
        # An adapter at fault is a platform that does not answer; the others are asked all the same.
        log.exception("looking again failed", installation=installation)
        return _away(suite, workspace, messages, Reason("engine_failed"))
    ids = [one["id"] for one in messages]
    promised: list[rewarding.Promise] = []
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation, suite.public_url)
        if row is None or row.state == "disconnected":
            _ended(tx, ids, State.CANCELLED, Reason("disconnected"), suite)
        elif row.state == "paused":
            outbox.look_elsewhere(tx, installation, Reason("installation_paused"), now)
        elif row.mode != "live":
            _ended(tx, ids, State.CANCELLED, Reason("back_to_rehearsal"), suite)
        else:
            if said is not None:
                applying.apply(suite, tx, row, said, now)
            # Those that the answer called off are no longer among the held ones.
            if isinstance(suite.adapters.get(row.installation.adapter), Rewards):
                promised = rewarding.promised(tx, ids)
            waits = {one.id for one in promised}
            outbox.looked_at(tx, [one for one in ids if one not in waits], Reason("platform_confirms"), now)
    return bool(promised) and _rewarded(suite, workspace, installation, promised, until)


def _rewarded(
    suite: Suite, workspace: str, installation: str, promised: Sequence[rewarding.Promise], until: float
) -> bool:
    """The shop makes the codes that these messages say; then they leave, and the one whose code it does not make never
    does. Whether the shop is away."""
    kept, rows = rewarding.Kept(), [one.row for one in promised]
    away: Reason | None = None
    try:
        rewarding.keep(suite, workspace, installation, promised, kept, until)
    except NotFound:
        _over(suite, workspace, rows, Reason("disconnected"))
    except NeedsReconnect as error:
        _wait_for_person(suite, workspace, installation, kept.used, error.reason)
    except RelanceError as error:
        away = error.reason
    except DatabaseAway:
        raise
    except Exception:
        log.exception("making codes failed", installation=installation)
        away = Reason("engine_failed")
    with suite.database.write(workspace) as tx:
        outbox.looked_at(tx, kept.made, Reason("platform_confirms"), suite.now())
        for message, reason in kept.refused.items():
            _ended(tx, [message], State.CANCELLED, reason, suite)
    done = {*kept.made, *kept.refused}
    return away is not None and _away(suite, workspace, [one for one in rows if one["id"] not in done], away)


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
        # A code that the shop does not know is worth nothing, however urgent its message is.
        waits = {one.id for one in rewarding.promised(tx, urgent)}
        outbox.looked_at(tx, [one for one in urgent if one not in waits], Reason("platform_silent"), now)
        _ended(tx, over, State.EXPIRED, Reason("stale"), suite)
    log.warning("platform not asked", code=reason.code, waiting=len(messages) - len(over) - len(urgent))
    return True


def _over(suite: Suite, workspace: str, messages: Sequence[Mapping[str, Any]], reason: Reason) -> None:
    with suite.database.write(workspace) as tx:
        _ended(tx, [one["id"] for one in messages], State.CANCELLED, reason, suite)


def _ended(tx: Transaction, ids: Sequence[str], state: State, reason: Reason, suite: Suite) -> int:
    now = suite.now()
    ended = outbox.end_these(tx, ids, state, reason, now)
    notices.messages_changed(tx, [(tx.owned, one, state) for one in ended], now)
    return len(ended)


def _wait_for_person(
    suite: Suite, workspace: str, installation: str, used: installations.Row | None, reason: Reason
) -> None:
    """The platform wants to be connected anew: said on the connection's page, where what waits is released. Unless a
    person has just done it: then it is asked again, with what they brought."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation, suite.public_url)
        if row is None or row.state == "disconnected":
            return
        if row.state == "connected":
            if used is None or row.installation.secrets != used.installation.secrets:
                return
            installations.in_trouble(tx, installation, reason, state="reconnect")
            notices.installation_changed(tx, "installation.reconnect", row, reason, now)
            house.note(tx, "installation", "installation_in_trouble", installation, {"code": reason.code}, now)
        outbox.look_elsewhere(tx, installation, Reason("installation_reconnect"), now)
    log.warning("platform asks to be connected again", installation=installation, code=reason.code)


# ---------------------------------------------------------------------------------------------- held for ever


def let_go(suite: Suite) -> int:
    """Nothing is held for ever: what is past its time ends, and so does what waits for a connection that has ended;
    what waits for one that is well goes on. Returns how many messages there were."""
    count = 0
    with suite.database.read() as tx:
        stale = outbox.held_too_long(tx, suite.now(), MOST_ENDED)
        forgotten = outbox.held_for_nothing(tx)
    for workspace, ids in stale.items():
        with suite.database.write(workspace) as tx:
            count += _ended(tx, ids, State.EXPIRED, Reason("stale"), suite)
    for workspace, installation, state in forgotten:
        now = suite.now()
        with suite.database.write(workspace) as tx:
            if state == "disconnected":
                count += outbox.end_waiting_of(tx, installation, State.CANCELLED, Reason("disconnected"), now)
            else:
                count += outbox.release(tx, f"installation:{installation}", Reason("connected_again"), now)
    if count:
        suite.wake()
    return count
