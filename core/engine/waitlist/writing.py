"""Who took a slot is put into the platform's calendar, and what they gave up is taken out: outside any transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from core.contract import Booking, EntersAppointments
from core.domain.errors import BadInput, Conflict, NeedsReconnect, NotFound, NotNow, RelanceError
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.waitlist import SlotState
from core.engine.singly import singly
from core.engine.tokens import with_token
from core.engine.waitlist import telling
from core.engine.waitlist.offering import USUAL_LENGTH
from core.storage import house, installations, occasions, waitlist
from core.storage.database import Transaction
from core.storage.ledger import reason_row
from core.suite import Suite

LEASE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=1)
log = structlog.get_logger(__name__)


def run_due(suite: Suite) -> int:
    """Enters what waits to be entered; how many were tried."""
    now = suite.now()
    with suite.database.glance() as glance:
        if not waitlist.any_to_write(glance, now):
            return 0
    with suite.database.write() as tx:
        rows = waitlist.to_write(tx, now, LEASE)

    def enter(row: waitlist.Row) -> None:
        _enter(suite, row)

    return singly(enter, rows)


def can_enter(suite: Suite, row: installations.Row) -> bool:
    """Whether who takes a slot of this connection can be put into its calendar, as its rights are now."""
    adapter = suite.adapters.get(row.installation.adapter)
    return isinstance(adapter, EntersAppointments) and adapter.may_enter(row.installation)


def given_up(tx: Transaction, row: waitlist.Row) -> list[Occasion]:
    """The appointments of a taken slot that still stand in the calendar although they are over: the taker's later one,
    and that of the person who declined."""
    ids = {row["moves"], row["occasion"]} - {None}
    found = occasions.by_ids(tx, ids)
    return [
        one for one in found
        if one.open and one.start is not None and (one.id == row["moves"] or one.answer == "declined")
        and not (one.id == row["moves"] and one.start == row["start"])
    ]  # fmt: skip


def free_in_calendar(suite: Suite, workspace: str, slot_id: str, occasion_id: str, who: str) -> None:
    """Takes an appointment that was given up out of the calendar. Raises `NotFound`, `Conflict`, and what the platform
    says: `BadInput`, `NotNow`, `NeedsReconnect`."""
    with suite.database.read(workspace) as tx:
        row = waitlist.slot(tx, slot_id)
        if row is None:
            raise NotFound("slot")
        one = next((one for one in given_up(tx, row) if one.id == occasion_id), None)
    if one is None:
        raise Conflict("waitlist_nothing_to_free")

    def call_off(there: installations.Row) -> None:
        adapter = suite.adapters.get(there.installation.adapter)
        if not isinstance(adapter, EntersAppointments):
            raise BadInput("waitlist_not_written_here")
        adapter.call_off(there.installation, one.key, suite.now())

    with_token(suite, workspace, one.installation, call_off)
    with suite.database.write(workspace) as tx:
        tx.alone(f"plan:{tx.owned}")
        waitlist.note(tx, slot_id, "cleared", suite.now(), reason=Reason("waitlist_cleared"))
        house.note(tx, who, "appointment_cleared", occasion_id, {"slot": slot_id}, suite.now())
        # Its time is free as soon as the calendar says so.
        installations.wake(tx, one.installation, suite.now())
    suite.wake()


def enter_now(tx: Transaction, slot_id: str, who: str, now: datetime) -> None:
    """Somebody of the house wants the taker to be put into the calendar. Raises `NotFound`, `Conflict`."""
    tx.alone(f"plan:{tx.owned}")
    row = waitlist.slot(tx, slot_id)
    if row is None:
        raise NotFound("slot")
    if row["state"] != SlotState.TAKEN or row["settled_at"] is not None:
        raise Conflict("waitlist_not_taken")
    waitlist.change_slot(tx, slot_id, now, writing="wanted", write_at=now, trouble=None)
    house.note(tx, who, "slot_to_enter", slot_id, {}, now)


@dataclass(frozen=True, slots=True)
class _Wanted:
    booking: Booking
    installation: str


def _enter(suite: Suite, row: waitlist.Row) -> None:
    workspace = row["workspace"]
    with suite.database.read(workspace) as tx:
        wanted = _wanted(tx, row)
    if wanted is None:
        with suite.database.write(workspace) as tx:
            waitlist.change_slot(tx, row["id"], suite.now(), write_at=None)
        return

    def enter(there: installations.Row) -> str:
        adapter = suite.adapters.get(there.installation.adapter)
        if not isinstance(adapter, EntersAppointments):
            raise BadInput("waitlist_not_written_here")
        return adapter.enter(there.installation, wanted.booking, suite.now())

    try:
        key = with_token(suite, workspace, wanted.installation, enter)
    except (NotNow, NeedsReconnect) as error:
        after = error.after if isinstance(error, NotNow) else LONGEST_PAUSE
        _put_off(suite, row, error.reason, suite.now() + min(after, LONGEST_PAUSE))
        return
    except RelanceError as error:
        _put_off(suite, row, error.reason, None)
        return
    with suite.database.write(workspace) as tx:
        now = suite.now()
        tx.alone(f"plan:{tx.owned}")
        done: dict[str, Any] = {"writing": "done", "write_at": None, "written": key, "trouble": None}
        waitlist.change_slot(tx, row["id"], now, **done, settled_at=now)
        waitlist.note(tx, row["id"], "written", now, reason=Reason("waitlist_written"))
        telling.counted(tx, "written")
        installations.wake(tx, wanted.installation, now)
    log.info("slot entered", slot=row["id"], installation=wanted.installation)
    suite.wake()


def _wanted(tx: Transaction, row: waitlist.Row) -> _Wanted | None:
    """What is to be entered, from what is known now; None when nobody has the slot any more, or it stands there."""
    now = waitlist.slot(tx, row["id"])
    if now is None or now["state"] != SlotState.TAKEN or now["settled_at"] is not None or not now["offer"]:
        return None
    offer = waitlist.offer(tx, now["offer"])
    entry = waitlist.entry(tx, offer["entry"]) if offer else None
    if entry is None:
        return None
    beside = occasions.get(tx, now["occasion"]) if now["occasion"] else None
    end = now["end"] or now["start"] + USUAL_LENGTH
    booking = Booking(now["id"], now["start"], end, now["zone"], entry["name"] or "", entry["number"],
                      beside.private if beside else {})  # fmt: skip
    return _Wanted(booking, now["installation"])


def _put_off(suite: Suite, row: waitlist.Row, why: Reason, again: datetime | None) -> None:
    """It could not be entered: later, or (None) a person has to."""
    now = suite.now()
    with suite.database.write(row["workspace"]) as tx:
        tx.alone(f"plan:{tx.owned}")
        if again is not None and again >= row["start"]:
            again = None
        state = "wanted" if again else "failed"
        waitlist.change_slot(tx, row["id"], now, writing=state, write_at=again, trouble=reason_row(why))
        if again is None:
            waitlist.note(tx, row["id"], "not_written", now, reason=why)
    log.warning("slot not entered", slot=row["id"], code=why.code)
