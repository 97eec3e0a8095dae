"""It arrives: from a platform's request to an updated occasion and its plan, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from core.contract import Adapter, Inbound, Notifies, Pushes, Reading, Reply
from core.domain.errors import NotAuthentic, NotFound, Unreadable, Unsupported
from core.domain.events import Event
from core.domain.occasions import Occasion
from core.engine.scheduling import live_installations, replan
from core.storage import inbox, installations, occasions
from core.storage.database import Transaction
from core.suite import Suite

MOST_SHOWN = 20
log = structlog.get_logger(__name__)


def receive(suite: Suite, slug: str, installation_id: str | None, request: Inbound) -> Reply:
    """A request on `/hooks/<slug>[/<installation id>]`: the words that the platform wants to hear.

    Raises `NotAuthentic` (nothing was kept), `Unreadable` (kept), `NotFound`. Committed when it returns.
    """
    adapter = suite.adapters.get(slug)
    if adapter is None:
        raise NotFound("adapter")
    row = _installation(suite, adapter, installation_id, request)
    installation = row.installation
    adapter.verify(request, installation)
    if isinstance(adapter, Notifies):
        if adapter.heard(request, installation):
            with suite.database.write(installation.workspace) as tx:
                installations.wake(tx, installation.id, suite.now())
            suite.wake()
        return Reply(204)
    if not isinstance(adapter, Pushes):
        raise NotFound("hook")
    return _pushed(suite, adapter, row, request)


def accept(
    tx: Transaction,
    row: installations.Row,
    events: Sequence[Event],
    now: datetime,
    *,
    backlog: bool = False,
    in_order: bool = False,
) -> list[Occasion]:
    """Brings events in and plans what changed. The caller's transaction holds all of it together. `backlog`,
    `in_order`: see `occasions.apply`."""
    changed = occasions.apply(tx, row.installation.id, events, backlog=backlog, now=now, in_order=in_order)
    # Asked here and not of `row`: a person may have gone live since it was read.
    replan(tx, changed, now, live_installations(tx))
    return changed


def replay(suite: Suite, workspace: str, inbox_id: str) -> str:
    """Reads a kept request again, after a fix. Returns its new state. Raises `NotFound`."""
    with suite.database.write(workspace) as tx:
        state = replay_in(suite, tx, inbox_id)
    suite.wake()
    return state


def replay_in(suite: Suite, tx: Transaction, inbox_id: str) -> str:
    """`replay` in the caller's transaction. Reading a request is pure, so that no network waits inside it."""
    kept = inbox.get(tx, inbox_id)
    row = (
        installations.get(tx, suite.vault, kept["installation"], suite.public_url)
        if kept and kept["installation"]
        else None
    )
    if kept is None or row is None:
        raise NotFound("inbox entry")
    adapter = suite.adapters.get(kept["adapter"])
    if not isinstance(adapter, Pushes) or row.state == "disconnected":
        raise NotFound("inbox entry")
    state, trouble, reading = "read", None, Reading()
    try:
        reading = adapter.parse(Inbound.read(kept["request"]), row.installation)
    except Unreadable as error:
        state, trouble = "unreadable", error.reason
    except Unsupported as error:
        state, trouble = "unsupported", error.reason
    accept(tx, row, reading.events, suite.now())
    inbox.replayed(tx, inbox_id, state, trouble, suite.now())
    return state


def _installation(suite: Suite, adapter: Adapter, installation_id: str | None, request: Inbound) -> installations.Row:
    with suite.database.read() as tx:
        if installation_id is None:
            if not adapter.manifest.single_address:
                raise NotFound("hook")
            found = installations.by_account(tx, adapter.manifest.slug, adapter.account(request))
            installation_id = found[0] if found else ""
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
    if row is None or row.installation.adapter != adapter.manifest.slug or row.state == "disconnected":
        # An address that leads nowhere and a wrong proof look the same from outside.
        raise NotAuthentic("no such installation")
    return row


def _pushed(suite: Suite, adapter: Pushes, row: installations.Row, request: Inbound) -> Reply:
    installation = row.installation
    try:
        reading = adapter.parse(request, installation)
    except (Unreadable, Unsupported) as error:
        with suite.database.write(installation.workspace) as tx:
            inbox.keep(
                tx,
                request,
                installation.adapter,
                "unsupported" if isinstance(error, Unsupported) else "unreadable",
                installation=installation.id,
                trouble=error.reason,
            )
        if isinstance(error, Unsupported):
            return Reply(200)
        raise
    with suite.database.write(installation.workspace) as tx:
        same = adapter.manifest.same_content
        if inbox.seen(tx, installation.id, request, reading.delivery, same_content=same):
            inbox.keep(
                tx, request, installation.adapter, "repeated", installation=installation.id, delivery=reading.delivery
            )
            return reading.reply
        inbox.keep(tx, request, installation.adapter, "read", installation=installation.id, delivery=reading.delivery)
        changed = accept(tx, row, reading.events, suite.now())
    # With the request's id in the same line: what a platform's request became is found by either.
    log.info("events taken", installation=installation.id, occasions=[one.id for one in changed[:MOST_SHOWN]])
    suite.wake()
    return reading.reply
