"""Discount codes for one person: made at the shop when its message is about to leave, taken away when they are over.

The code is in the text from the moment of planning (see `core.domain.discounts`). A crash between the shop's yes and
our note of it costs nothing: the same code is asked for again, and is there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from core.contract import Reward, Rewards
from core.domain.discounts import Discount, code_for
from core.domain.errors import NeedsReconnect, NotFound, NotNow, RelanceError
from core.domain.messages import MessageClass
from core.domain.policy.consent import Standing, may_send
from core.domain.reasons import Reason
from core.engine.tokens import with_token
from core.storage import house, occasions, people, promises
from core.storage.database import Transaction
from core.storage.installations import Row
from core.suite import Suite

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Promise:
    """The message `row` (of the outbox) says `code`, which the shop has to know before it leaves."""

    row: Mapping[str, Any]
    code: str
    discount: Discount

    @property
    def id(self) -> str:
        return str(self.row["id"])


@dataclass(slots=True)
class Kept:
    """What became of promises: the shop knows the codes of the messages `made`; of the others it never will."""

    made: list[str] = field(default_factory=list)
    refused: dict[str, Reason] = field(default_factory=dict)
    used: Row | None = None
    """The connection as it was asked with."""


def promised(tx: Transaction, message_ids: Collection[str]) -> list[Promise]:
    """Those of these messages that still wait for their platform and say a code. Whom we may not write to is promised
    nothing: the message ends before it leaves."""
    rows = promises.waiting(tx, message_ids)
    if not rows:
        return []
    known = house.workspace(tx, tx.owned)
    key = house.codes_key(known["settings"] if known else {})
    standings, _ = people.standings(tx, tx.owned, {row["to"] for row in rows})
    found = []
    for row in rows:
        code = code_for(key, row["occasion"], row["rule"])
        said = code in row["text"] or code in json.dumps(row["content"])
        if said and may_send(MessageClass(row["class"]), standings.get(row["to"], Standing())) is None:
            found.append(Promise(row, code, Discount.read(row["conditions"]["discount"])))
    return found


def keep(
    suite: Suite, workspace: str, installation: str, wanted: Sequence[Promise], kept: Kept, until: float
) -> None:
    """Asks the shop for the codes, one after the other, no longer than `until` (monotonic seconds); `kept` is filled as
    it goes. Raises `NotNow`, `NeedsReconnect`, `NotFound` for what the whole shop says."""
    with suite.database.read(workspace) as tx:
        carts = {one.id: one for one in occasions.by_ids(tx, {one.row["occasion"] for one in wanted})}

    def ask(row: Row) -> None:
        kept.used = row
        adapter = suite.adapters.get(row.installation.adapter)
        for one in wanted:
            cart = carts.get(one.row["occasion"])
            if one.id in kept.made or one.id in kept.refused or cart is None:
                continue
            if not isinstance(adapter, Rewards):
                kept.refused[one.id] = Reason("discount_not_here")
                continue
            now = suite.now()
            ends_at = one.discount.ends_at(now, row.installation.zone)
            try:
                adapter.reward(
                    row.installation, Reward(one.code, one.discount, ends_at, cart.key, cart.private, cart.email), now
                )
            except (NotNow, NeedsReconnect, NotFound):
                raise
            except RelanceError as error:
                kept.refused[one.id] = error.reason
            else:
                kept.made.append(one.id)
            if time.monotonic() > until:
                return

    with_token(suite, workspace, installation, ask)


def tidy(suite: Suite, workspace: str, row: Row) -> None:
    """Codes that are over and that nobody used go out of the shop. What the shop does not do now it does next time."""
    adapter = suite.adapters.get(row.installation.adapter)
    if not isinstance(adapter, Rewards):
        return
    with suite.database.read(workspace) as tx:
        if not promises.any_made(tx, row.installation.id):
            return
    try:
        count = adapter.withdraw(row.installation, suite.now())
    except RelanceError as error:
        log.info("codes not withdrawn", installation=row.installation.id, code=error.reason.code)
    else:
        log.info("codes withdrawn", installation=row.installation.id, count=count)
