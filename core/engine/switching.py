"""The switches of a connection: rehearsal or live, paused or not, and whether answers are written back over there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.contract import Reports
from core.domain.errors import Conflict, NotFound
from core.domain.messages import State
from core.domain.reasons import Reason
from core.engine import scheduling
from core.engine.waitlist import freeing
from core.storage import house, installations, outbox
from core.storage.database import Transaction
from core.suite import Suite


def go_live(suite: Suite, workspace: str, installation_id: str, *, who: str) -> None:
    """What is planned is carried out from now on. Harmless when done twice. Raises `NotFound`."""
    with suite.database.write(workspace) as tx:
        to_live(tx, _row(suite, tx, installation_id), suite.now(), who)
    suite.wake()


def to_live(tx: Transaction, row: installations.Row, now: datetime, who: str) -> None:
    """`go_live` in the caller's transaction, which wakes the engine when it is committed."""
    # Here and below: whoever plans touches the connection last.
    tx.alone(f"plan:{tx.owned}")
    if row.mode != "live":
        installations.change(tx, row.installation.id, mode="live", live_since=now)
        freeing.went_live(tx, row.installation.id, now)
        house.note(tx, who, "went_live", row.installation.id, {}, now)
    scheduling.replan_open(tx, now, scheduling.live_installations(tx), installation=row.installation.id)


def rehearse(suite: Suite, workspace: str, installation_id: str, *, who: str) -> int:
    """Back to rehearsal: what waits is called off. Returns how many messages were. Raises `NotFound`."""
    with suite.database.write(workspace) as tx:
        return to_rehearsal(tx, _row(suite, tx, installation_id), suite.now(), who)


def to_rehearsal(tx: Transaction, row: installations.Row, now: datetime, who: str) -> int:
    """`rehearse` in the caller's transaction."""
    if row.mode == "rehearsal":
        return 0
    one = row.installation.id
    tx.alone(f"plan:{tx.owned}")
    installations.change(tx, one, mode="rehearsal", live_since=None)
    ended = outbox.end_waiting_of(tx, one, State.CANCELLED, Reason("back_to_rehearsal"), now)
    house.note(tx, who, "back_to_rehearsal", one, {"called_off": ended}, now)
    scheduling.replan_open(tx, now, scheduling.live_installations(tx), installation=one)
    return ended


def pause(suite: Suite, workspace: str, installation_id: str, *, who: str) -> None:
    """Nothing is read and nothing leaves until it is resumed. Raises `NotFound`, `Conflict` when it is disconnected."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        if _row(suite, tx, installation_id).state == "disconnected":
            raise Conflict("too_late_to_change")
        installations.change(tx, installation_id, state="paused")
        house.note(tx, who, "installation_paused", installation_id, {}, now)


def resume(suite: Suite, workspace: str, installation_id: str, *, who: str) -> None:
    """A paused connection goes on: it is read at once, and what waited for it is released. Raises `NotFound`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        if _row(suite, tx, installation_id).state != "paused":
            return
        tx.alone(f"plan:{tx.owned}")
        installations.change(tx, installation_id, state="connected", next_pull_at=now)
        outbox.release(tx, f"installation:{installation_id}", Reason("connected_again"), now)
        house.note(tx, who, "installation_resumed", installation_id, {}, now)
    suite.wake()


def can_write_back(suite: Suite, row: installations.Row) -> bool:
    """Whether answers could be written back over there, perhaps after one more consent."""
    adapter = suite.adapters.get(row.installation.adapter)
    if not isinstance(adapter, Reports):
        return False
    wished = replace(row.installation, config={**row.installation.config, "write_back": _BOTH})
    return adapter.wants(wished) or bool(row.installation.secrets.get("refresh_token"))


def write_back(suite: Suite, workspace: str, installation_id: str, on: bool, *, who: str) -> bool:
    """Switches writing answers back on or off. False when the platform must first be asked for that right (then the
    person connects again with the optional rights). Raises `NotFound`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = _row(suite, tx, installation_id)
        config = {**row.installation.config, "write_back": _BOTH if on else _NEITHER}
        installations.change(tx, installation_id, config=config)
        house.note(tx, who, "write_back_on" if on else "write_back_off", installation_id, {}, now)
    adapter = suite.adapters.get(row.installation.adapter)
    return not on or (isinstance(adapter, Reports) and adapter.wants(replace(row.installation, config=config)))


_BOTH = {"title": True, "color": True}
_NEITHER = {"title": False, "color": False}


def _row(suite: Suite, tx: Transaction, installation_id: str) -> installations.Row:
    row = installations.get(tx, suite.vault, installation_id, suite.public_url)
    if row is None:
        raise NotFound("installation")
    return row
