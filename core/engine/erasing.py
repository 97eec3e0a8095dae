"""Erasing a person's number in a workspace. What stays is a hash on the do-not-contact list, if they are on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.domain.recipients import Recipient, mask
from core.storage import backups, erasure, house, people
from core.storage.database import Transaction
from core.suite import Suite


@dataclass(frozen=True, slots=True)
class Erased:
    """The receipt. `rows`: table → how many rows were deleted or changed. `stays`: whether the hash on the
    do-not-contact list stays, so that the number is not written to again."""

    number: str
    at: datetime
    rows: Mapping[str, int]
    stays: bool


class _Undone(Exception):
    """Rolls the transaction of a dry run back."""


def erase(suite: Suite, workspace: str, recipient: Recipient, *, who: str, dry_run: bool = False) -> Erased:
    """Erases `recipient` in the workspace, and gives the room back to the file system. The receipt shows the number
    masked. Backups and what was handed to providers and platforms are not reached: the receipt's reader is told."""
    now = suite.now()
    rows: Mapping[str, int] = {}
    stays = False
    try:
        with suite.database.write(workspace) as tx:
            stays = _on_the_list(tx, recipient.number)
            rows = erasure.forget(tx, recipient.number)
            if dry_run:
                raise _Undone
            house.note(tx, who, "person_erased", None, {"rows": sum(rows.values())}, now)
    except _Undone:
        return Erased(mask(recipient.number), now, rows, stays)
    backups.vacuum(suite.database)
    return Erased(mask(recipient.number), now, rows, stays)


def _on_the_list(tx: Transaction, number: str) -> bool:
    standings, _ = people.standings(tx, tx.owned, [number])
    return number in standings and bool(standings[number].opted_out)
