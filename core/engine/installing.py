"""Installations, from the click to the end: the door to the chapters of that story, and what goes on in between.

    connecting    a connection begins, or is renewed
    journeys      to the platform and back, with one click
    grants        tokens are asked for, and given back
    tokens        access tokens that live
    parting       the end, from either side
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from core.contract import Chooses, Installs
from core.domain.errors import BadInput, NeedsReconnect, NotFound, NotNow
from core.engine import notices, rewarding
from core.engine.connecting import Kept, add, connected, typed
from core.engine.grants import one_click
from core.engine.journeys import STATE_LIVES, Begun, Finished, begin, bring, finish, lacking, questions, redirect_uri
from core.engine.parting import disconnect, gone_there, take_down
from core.engine.singly import singly
from core.engine.tokens import fresh, with_token
from core.storage import installations
from core.suite import Suite

__all__ = [
    "STATE_LIVES", "Begun", "Finished", "Kept", "add", "begin", "bring", "choose", "connected", "disconnect", "finish",
    "fresh", "gone_there", "lacking", "maintain_due", "one_click", "questions", "redirect_uri", "take_down",
    "typed", "with_token",
]  # fmt: skip
log = structlog.get_logger(__name__)


def choose(suite: Suite, workspace: str, installation_id: str, ids: list[str]) -> None:
    """What a person ticked (calendars): the next pull begins anew with these."""
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        if row is None:
            raise NotFound("installation")
        adapter = suite.adapters[row.installation.adapter]
        if not isinstance(adapter, Chooses):
            raise BadInput("nothing_to_choose")
        installations.change(
            tx,
            installation_id,
            config=dict(adapter.chosen(row.installation, ids)),
            cursor=None,
            # As on the first day: what is found in it was booked before anybody could be told by us.
            pulled_at=None,
            next_pull_at=suite.now(),
            maintain_at=suite.now(),
        )


def maintain_due(suite: Suite) -> int:
    """Looks after what is set up over there (watch channels), before it ends; takes down what a crash left standing."""
    with suite.database.write() as tx:
        taken = installations.to_maintain(tx, suite.now())

    def maintain(one: tuple[str, str]) -> None:
        _maintain(suite, one[1], one[0])

    return singly(maintain, taken)


def _maintain(suite: Suite, workspace: str, installation_id: str) -> None:
    def maintain(row: installations.Row) -> timedelta:
        adapter = suite.adapters.get(row.installation.adapter)
        if not isinstance(adapter, Installs):
            return timedelta(days=1)
        known = row.installation.memory

        def remember(memory: Mapping[str, Any]) -> None:
            nonlocal known
            with suite.database.write(workspace) as tx:
                installations.remember(tx, installation_id, known, memory)
            # A copy: adapters go on writing in theirs.
            known = deepcopy(memory)

        own = replace(row.installation, memory=deepcopy(row.installation.memory))
        again = adapter.maintain(own, suite.now(), remember)
        rewarding.tidy(suite, workspace, row)
        return again

    with suite.database.read(workspace) as tx:
        parted = not installations.is_there(tx, installation_id)
    if parted:
        take_down(suite, workspace, installation_id)
        return
    try:
        again = with_token(suite, workspace, installation_id, maintain)
    except NeedsReconnect as error:
        with suite.database.write(workspace) as tx:
            row = installations.get(tx, suite.vault, installation_id, suite.public_url)
            installations.in_trouble(tx, installation_id, error.reason, state="reconnect")
            if row is not None and row.state not in ("reconnect", "disconnected"):
                notices.installation_changed(tx, "installation.reconnect", row, error.reason, suite.now())
        return
    except (NotNow, BadInput) as error:
        log.warning("set-up over there failed", installation=installation_id, code=error.reason.code)
        again = error.after if isinstance(error, NotNow) else timedelta(hours=1)
    with suite.database.write(workspace) as tx:
        if installations.is_there(tx, installation_id):
            installations.change(tx, installation_id, maintain_at=suite.now() + again)
