"""Silence is an alarm: when a connection spoke is noted as it speaks, and whoever has fallen silent is shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from core.domain import silence
from core.domain.reasons import Reason
from core.engine import notices
from core.storage import house, installations
from core.storage.database import Transaction
from core.suite import Suite

NOTED_EVERY = timedelta(minutes=1)
LOOKED_EVERY = timedelta(minutes=10)
CODE = "silent"
log = structlog.get_logger(__name__)


def heard(tx: Transaction, row: installations.Row, now: datetime) -> None:
    """It has just spoken to us by itself. Written once a minute at most, whatever it says."""
    missed = row.missed_since is not None and row.missed_since == row.heard_at
    if row.heard_at is not None and timedelta() <= now - row.heard_at < NOTED_EVERY and not missed:
        return
    zone = ZoneInfo(row.installation.zone)
    rhythm = silence.learnt(row.rhythm, row.heard_at, now, zone, missed=missed)
    shown = row.trouble is not None and row.trouble.code == CODE
    installations.heard(tx, row.installation.id, now, rhythm, over=shown)
    if missed:
        notices.installation_changed(tx, "installation.heard_again", row, None, now)


def run_due(suite: Suite) -> int:
    """Looks every ten minutes for connections that are missed. Returns how many are newly so."""
    now: datetime = suite.now()
    with suite.database.read() as tx:
        last = house.moment(tx, "silence")
        if last is not None and timedelta() <= now - last < LOOKED_EVERY:
            return 0
        speaking = installations.speaking(tx)
    missing = [
        (name, workspace, found)
        for name, workspace, zone, heard_at, rhythm in speaking
        if (found := silence.silent(rhythm, heard_at, now, ZoneInfo(zone))) is not None
    ]
    with suite.database.write() as tx:
        house.set_value(tx, "silence", True, now)
    told = 0
    for name, workspace, found in missing:
        usual = silence.spoken(found.usual)
        reason = Reason(CODE, {"hours": found.hours, "usual": usual, "since": found.since.isoformat()})
        with suite.database.write(workspace) as tx:
            row = installations.get(tx, suite.vault, name, suite.public_url)
            if row is None or not installations.fell_silent(tx, name, found.since, reason):
                continue
            house.note(tx, "engine", "installation_silent", name, {"hours": found.hours}, now)
            notices.installation_changed(tx, "installation.silent", row, reason, now)
        told += 1
        log.warning("connection is silent", installation=name, hours=found.hours)
    return told
