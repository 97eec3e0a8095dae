"""It arrives: from a platform's request to an updated occasion and its plan, in one transaction."""

from __future__ import annotations

import structlog

from core.contract import Adapter, Answers, Asks, Inbound, Notifies, Pushes, Reading, Reply, Shared
from core.domain.errors import NotAuthentic, NotFound, Unreadable, Unsupported
from core.engine import answering, erasing, silence
from core.engine.applying import apply
from core.storage import inbox, installations
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
    if installation_id is None and isinstance(adapter, Shared):
        return _shared(suite, adapter, request)
    row = _installation(suite, adapter, installation_id, request)
    if (hello := adapter.handshake(request, row.installation)) is not None:
        return hello
    adapter.verify(request, row.installation)
    return _authentic(suite, adapter, row, request)


def _shared(suite: Suite, adapter: Shared, request: Inbound) -> Reply:
    """A request to the address that all accounts share: each account's part of it is taken in by itself."""
    adapter.verify_shared(request)
    reply: Reply | None = None
    for account, portion in adapter.portions(request):
        with suite.database.read() as tx:
            found = installations.by_account(tx, adapter.manifest.slug, account)
            row = installations.get(tx, suite.vault, found[0], suite.public_url) if found else None
            ended = [
                installations.get(tx, suite.vault, one, suite.public_url)
                for one in installations.parted(tx, adapter.manifest.slug, account)
            ]
        for one in ended:
            if one is not None:
                _erased_after_parting(suite, adapter, one, portion)
        if row is None or row.state == "disconnected":
            said = adapter.stranger(portion)
        else:
            said = _authentic(suite, adapter, row, portion)
        reply = reply or said
    return reply or Reply(200)


def _erased_after_parting(suite: Suite, adapter: Shared, row: installations.Row, request: Inbound) -> None:
    """A privacy request may come when the connection has long ended: what it brought goes all the same. Nothing else of
    the request counts, and nothing of it is kept."""
    try:
        erasures = adapter.parse(request, row.installation).erasures
    except (Unreadable, Unsupported):
        return
    if erasures:
        with suite.database.write(row.installation.workspace) as tx:
            for erased in erasures:
                erasing.erase_there(tx, row, erased, suite.now())


def _authentic(suite: Suite, adapter: Adapter, row: installations.Row, request: Inbound) -> Reply:
    installation = row.installation
    if isinstance(adapter, Asks) and (question := adapter.question(request, installation)) is not None:
        return answering.answered(suite, adapter, row, request, question)
    if isinstance(adapter, Notifies):
        if adapter.heard(request, installation):
            with suite.database.write(installation.workspace) as tx:
                installations.wake(tx, installation.id, suite.now())
            suite.wake()
        return Reply(204)
    if not isinstance(adapter, Pushes):
        raise NotFound("hook")
    return _pushed(suite, adapter, row, request)


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
    apply(suite, tx, row, reading, suite.now())
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
    installation, kept = row.installation, adapter.kept(request)
    try:
        reading = adapter.parse(request, installation)
    except (Unreadable, Unsupported) as error:
        with suite.database.write(installation.workspace) as tx:
            inbox.keep(
                tx,
                kept,
                installation.adapter,
                "unsupported" if isinstance(error, Unsupported) else "unreadable",
                installation=installation.id,
                trouble=error.reason,
            )
        if isinstance(error, Unsupported) or adapter.manifest.gives_up:
            return Reply(200)
        raise
    with suite.database.write(installation.workspace) as tx:
        same = adapter.manifest.same_content
        if inbox.seen(tx, installation.id, kept, reading.delivery, same_content=same):
            if reading.once:
                raise NotAuthentic("this happened already, and happens once")
            silence.heard(tx, row, suite.now())
            inbox.keep(
                tx, kept, installation.adapter, "repeated", installation=installation.id, delivery=reading.delivery
            )
            return _reply(tx, adapter, row, request, reading)
        inbox.keep(tx, kept, installation.adapter, "read", installation=installation.id, delivery=reading.delivery)
        changed = apply(suite, tx, row, reading, suite.now())
        # Whoever plans touches the connection last: before, each would wait for the other.
        silence.heard(tx, row, suite.now())
        reply = _reply(tx, adapter, row, request, reading)
    # With the request's id in the same line: what a platform's request became is found by either.
    log.info("events taken", installation=installation.id, occasions=[one.id for one in changed[:MOST_SHOWN]])
    suite.wake()
    return reply


def _reply(tx: Transaction, adapter: Pushes, row: installations.Row, request: Inbound, reading: Reading) -> Reply:
    if not isinstance(adapter, Answers):
        return reading.reply
    return adapter.answer(request, reading, answering.results(tx, row.installation.id, reading.events))
