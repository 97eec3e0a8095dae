"""Erasing a person's number in a workspace. What stays is a hash on the do-not-contact list, if they are on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.contract import Erasure
from core.domain.errors import BadInput
from core.domain.mentions import Mentions
from core.domain.occasions import Occasion
from core.domain.recipients import Recipient, mask
from core.storage import backups, erasure, house, installations, occasions, people
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
            tx.alone(f"plan:{tx.owned}")
            stays = _on_the_list(tx, recipient.number)
            rows = erasure.forget(tx, recipient.number)
            if dry_run:
                raise _Undone
            house.note(tx, who, "person_erased", None, {"rows": sum(rows.values())}, now)
    except _Undone:
        return Erased(mask(recipient.number), now, rows, stays)
    backups.vacuum(suite.database)
    return Erased(mask(recipient.number), now, rows, stays)


def erase_there(tx: Transaction, row: installations.Row, asked: Erasure, now: datetime) -> Mapping[str, int]:
    """What a platform's privacy request asks for, in the caller's transaction; the receipt is in the audit.

    What this connection brought goes. All else about the person's number goes too, unless another connection of the
    workspace knows it: a shop's request does not delete a clinic's visit."""
    tx.alone(f"plan:{tx.owned}")
    installation = row.installation.id
    everybody = not (asked.subject or asked.number or asked.email)
    number = _readable(asked.number)
    found = occasions.all_of(tx, installation) if everybody else occasions.of_person(
        tx, installation, subject=asked.subject, number=number, email=asked.email
    )
    numbers = {one for each in found for one in _numbers(each)}
    numbers |= {number} if number else set()
    person = None if everybody else Mentions(asked.subject, asked.email, sorted(numbers))
    rows: dict[str, int] = dict(erasure.forget_there(tx, installation, [one.id for one in found], person))
    for one in sorted(numbers - occasions.known_numbers(tx, numbers)):
        for table, count in erasure.forget(tx, one).items():
            rows[table] = rows.get(table, 0) + count
    house.note(tx, "platform", "person_erased", installation, {"rows": sum(rows.values())}, now)
    return rows


def _readable(number: str | None) -> str | None:
    """In E.164; None for what is no number: then nobody could write to it, and the other marks find the person."""
    try:
        return Recipient.parse(number).number if number else None
    except BadInput:
        return None


def _numbers(one: Occasion) -> list[str]:
    return [recipient.number for recipient in (one.found, one.own_recipient) if recipient]


def _on_the_list(tx: Transaction, number: str) -> bool:
    standings, _ = people.standings(tx, tx.owned, [number])
    return number in standings and bool(standings[number].opted_out)
