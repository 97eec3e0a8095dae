"""Access tokens that live: renewed in time, by one at a time on any number of threads and machines.

Where refresh tokens rotate, a second refresh at the same time may present a dead token and lose the grant. Therefore a
lease in the database decides who asks, and what comes is committed before anybody uses it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from core.contract import Connects
from core.domain.errors import NeedsReconnect, NotFound, NotNow
from core.engine import notices
from core.engine.grants import Token, ask, one_click
from core.ids import new_id
from core.storage import house, installations
from core.suite import Suite

REFRESH_EARLY = timedelta(minutes=5)
STILL_GOOD = timedelta(minutes=1)
"""A token that lives longer than this is used when no new one can be had."""
REFRESH_LEASE = timedelta(seconds=30)
PATIENCE = 20.0
"""Seconds for which one waits for somebody else's refresh: longer than the token address may take to answer."""
_RENEWED = threading.Condition()
_T = TypeVar("_T")
log = structlog.get_logger(__name__)


def fresh(
    suite: Suite, workspace: str, installation_id: str, *, refused: str | None = None, parting: bool = False
) -> installations.Row:
    """The installation with an access token that lives at least five minutes more, or as long as the platform lets it.
    `refused` is a token that the platform did not take any more; `parting` is for one that is being taken down.

    Raises `NotFound`, `NeedsReconnect` (the grant is gone), `NotNow` (the platform is away, or somebody is refreshing).
    """
    row = row_of(suite, workspace, installation_id)
    dance = one_click(suite.adapters.get(row.installation.adapter))
    if row.state == "reconnect":
        raise NeedsReconnect(row.trouble.code if row.trouble else "grant_gone")
    if dance is None or _lives(dance, row, suite.now(), refused) or _renewal(dance, row, suite.now()) is None:
        return row
    patience = time.monotonic() + PATIENCE
    try:
        while True:
            owner = new_id("own")
            with suite.database.write(workspace) as tx:
                mine = installations.seize(tx, f"refresh:{installation_id}", owner, suite.now(), REFRESH_LEASE)
            if mine:
                try:
                    return _renewed(suite, dance, workspace, installation_id, refused, parting=parting)
                finally:
                    with suite.database.write(workspace) as tx:
                        installations.let_go(tx, f"refresh:{installation_id}", owner)
                    with _RENEWED:
                        _RENEWED.notify_all()
            if time.monotonic() > patience:
                raise NotNow("being_refreshed", timedelta(seconds=5))
            with _RENEWED:
                # Of this process one hears at once; of another machine's one looks.
                _RENEWED.wait(random.uniform(0.1, 0.3))  # noqa: S311 no secret: spreads those who wait
            row = row_of(suite, workspace, installation_id)
            if row.state == "reconnect":
                raise NeedsReconnect(row.trouble.code if row.trouble else "grant_gone")
            if _lives(dance, row, suite.now(), refused):
                return row
    except NotNow:
        if _lives(dance, row, suite.now(), refused, STILL_GOOD):
            return row
        raise


def with_token(suite: Suite, workspace: str, installation_id: str, call: Callable[[installations.Row], _T]) -> _T:
    """`call` with a fresh installation. An access token can die before its time: then one new one, and after that the
    platform's word counts. Raises what `fresh` and `call` raise, `NotFound` too when it was disconnected."""
    row = fresh(suite, workspace, installation_id)
    if row.state == "disconnected":
        raise NotFound("installation")
    try:
        return call(row)
    except NeedsReconnect as error:
        refused = row.installation.secrets.get("access_token")
        dance = one_click(suite.adapters.get(row.installation.adapter))
        renewable = dance is not None and _renewal(dance, row, suite.now()) is not None
        if error.reason.code != "token_refused" or not refused or not renewable:
            raise
        return call(fresh(suite, workspace, installation_id, refused=refused))


def row_of(suite: Suite, workspace: str, installation_id: str) -> installations.Row:
    """The installation as it is now. Raises `NotFound`."""
    with suite.database.read(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
    if row is None:
        raise NotFound("installation")
    return row


def _lives(
    dance: Connects, row: installations.Row, now: datetime, refused: str | None, long: timedelta = REFRESH_EARLY
) -> bool:
    token = row.installation.secrets.get("access_token")
    if not token or token == refused:
        return False
    if row.token_expires_at is None:
        oauth = dance.manifest.oauth
        return oauth is None or oauth.token_lives is None
    return row.token_expires_at - now > long


def _renewal(dance: Connects, row: installations.Row, now: datetime) -> Mapping[str, str] | None:
    return dance.renewal(row.installation, now)


def _renewed(
    suite: Suite, dance: Connects, workspace: str, installation_id: str, refused: str | None, *, parting: bool
) -> installations.Row:
    """Asks for a token, as the one who may. When the grant is refused, the row is read once more: somebody may have
    connected again, or renewed it, meanwhile."""
    row, tried = row_of(suite, workspace, installation_id), None
    while True:
        # Another one may have done it while we waited for the lease.
        if _lives(dance, row, suite.now(), refused):
            return row
        form = _renewal(dance, row, suite.now())
        if form is None:
            return row
        try:
            token = ask(suite, dance, dance.door(row.installation.config), form)
            changed = dance.refreshed(row.installation, token.answer)
        except NeedsReconnect as error:
            again, used = row_of(suite, workspace, installation_id), _grant_of(row)
            if tried is None and _grant_of(again) != used:
                row, tried = again, used
                continue
            if not parting:
                _gone(suite, workspace, installation_id, used, error)
            raise
        _committed(suite, workspace, row, token, changed, parting=parting)
        return row_of(suite, workspace, installation_id)


def _committed(
    suite: Suite, workspace: str, row: installations.Row, token: Token, changed: Mapping[str, Any], *, parting: bool
) -> None:
    """Keeps it, before anybody uses it. What a person's reconnection brought meanwhile is newer, and stays."""
    name = row.installation.id
    with suite.database.write(workspace) as tx:
        installations.hold(tx, name)
        known = installations.get(tx, suite.vault, name, suite.public_url)
        if known is None or (known.state == "disconnected" and not parting):
            raise NotFound("installation")
        if _grant_of(known) != _grant_of(row):
            return
        installations.keep_secrets(
            tx,
            suite.vault,
            name,
            {
                **known.installation.secrets,
                "access_token": token.access_token,
                **({"refresh_token": token.refresh_token} if token.refresh_token else {}),
            },
            token_expires_at=token.expires_at,
            **({"grant_expires_at": token.grant_expires_at} if token.grant_expires_at else {}),
            **({"config": {**known.installation.config, **changed}} if changed else {}),
        )


def _gone(suite: Suite, workspace: str, installation_id: str, used: Any, error: NeedsReconnect) -> None:
    """The grant is gone: everything of it waits for a person. Unless there is another grant by now."""
    with suite.database.write(workspace) as tx:
        installations.hold(tx, installation_id)
        known = installations.get(tx, suite.vault, installation_id, suite.public_url)
        if known is None or known.state == "disconnected" or _grant_of(known) != used:
            return
        installations.in_trouble(tx, installation_id, error.reason, state="reconnect")
        if known.state != "reconnect":
            notices.installation_changed(tx, "installation.reconnect", known, error.reason, suite.now())
        house.note(
            tx, "installation", "installation_in_trouble", installation_id, {"code": error.reason.code}, suite.now()
        )
    log.warning("grant gone", installation=installation_id, code=error.reason.code)


def _grant_of(row: installations.Row) -> Any:
    """What a token is asked for with: as long as it is the same, nobody has connected again."""
    return {name: value for name, value in row.installation.secrets.items() if name != "access_token"}
