"""What a platform said, taken in: people's yes and no first, then events and their plan, then what is called off.

The caller's transaction holds all of it together, whether the platform told us or was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.contract import Batch, CallOff, Reading
from core.domain.events import Event
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.engine import attributing, consenting, doors, erasing, parting
from core.engine.scheduling import live_installations, replan
from core.engine.waitlist import freeing
from core.storage import called_off, carts, installations, occasions, outbox
from core.storage.database import Transaction
from core.suite import Suite


def accept(
    tx: Transaction,
    row: installations.Row,
    events: Sequence[Event],
    now: datetime,
    *,
    backlog: bool = False,
    in_order: bool = False,
) -> list[Occasion]:
    """Brings events in and plans what changed. `backlog`, `in_order`: see `occasions.apply`."""
    was = freeing.before(tx, row.installation.id, events)
    changed = occasions.apply(tx, row.installation.id, events, backlog=backlog, now=now, in_order=in_order)
    # Asked here and not of `row`: a person may have gone live since it was read.
    others, around = carts.company(tx, changed, now)
    replan(tx, [*changed, *others], now, live_installations(tx), around=around)
    attributing.orders_came(tx, changed, events)
    freeing.noticed(tx, row.installation.id, was, changed, now)
    return changed


def apply(
    suite: Suite,
    tx: Transaction,
    row: installations.Row,
    said: Reading | Batch,
    now: datetime,
    *,
    more: Sequence[Event] = (),
    backlog: bool = False,
    in_order: bool = False,
) -> list[Occasion]:
    """All that `said` holds, and the events `more`; the occasions that changed."""
    installation = row.installation.id
    # What a first list holds was typed long ago, and asks for nothing now.
    events = said.events if backlog else doors.admitted(tx, installation, said.events, now)
    for one in said.merges:
        if occasions.merged(tx, installation, one.old, one.new):
            consenting.strictest(tx, installation, one.new, now)
    # Before the events: a cart with the box ticked is planned as the cart of somebody who ticked it.
    consenting.take(tx, installation, said.consents, now)
    changed = accept(tx, row, [*events, *more], now, backlog=backlog, in_order=in_order)
    _called_off_before(tx, installation, changed, now)
    if isinstance(said, Reading):
        for called in said.calls_off:
            _call_off(tx, installation, called, now)
    for erased in said.erasures:
        erasing.erase_there(tx, row, erased, now)
    if isinstance(said, Reading):
        if said.wakes:
            installations.wake(tx, installation, now)
        if said.memory is not None:
            installations.remember(tx, installation, row.installation.memory, said.memory)
        if said.gone:
            parting.gone_there(tx, installation, now)
    return changed


def _called_off_before(tx: Transaction, installation: str, changed: Sequence[Occasion], now: datetime) -> None:
    """Two requests may overtake each other: what was called off over there before we heard of it waits no more."""
    wished = [one for one in changed if one.wish is not None and one.open]
    if wished:
        late = called_off.already(tx, installation, wished)
        outbox.call_off(tx, late, Reason("called_off_there"), now)


def _call_off(tx: Transaction, installation: str, called: CallOff, now: datetime) -> None:
    found = occasions.of_person(tx, installation, subject=called.subject, number=called.number)
    # What was asked for after the wish to call off was not meant by it.
    ids = [one.id for one in found if called.at is None or (one.first_seen or one.at) <= called.at]
    outbox.call_off(tx, ids, Reason("called_off_there"), now, campaign=called.campaign)
    called_off.remember(tx, installation, called)
