"""Erasing a person's number in a workspace. What stays is a hash on the do-not-contact list, if they are on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from core.contract import Erasure
from core.domain.errors import BadInput
from core.domain.mentions import Mentions
from core.domain.messages import State
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.recipients import Recipient, mask
from core.storage import backups, erasure, house, installations, occasions, outbox, people
from core.storage.database import Transaction
from core.suite import Suite

PEOPLE, REQUESTS, BITS = 8, 200, 5
"""Of whom, and of how many requests, everything goes in one transaction; and how many of these in one turn."""


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


def erase_there(tx: Transaction, row: installations.Row, asked: Erasure, now: datetime) -> None:
    """What a platform's privacy request asks for, in the caller's transaction; the receipt is in the audit.

    What this connection brought goes. All else about the person's number goes too, unless another connection of the
    workspace knows it: a shop's request does not delete a clinic's visit. Everybody at once is only noted down here and
    called off; `run_due` does it."""
    tx.alone(f"plan:{tx.owned}")
    installation = row.installation.id
    if not (asked.subject or asked.number or asked.email):
        if erasure.ask_for_all(tx, installation, now):
            house.note(tx, "platform", "all_to_be_erased", installation, {}, now)
        outbox.end_waiting_of(tx, installation, State.CANCELLED, Reason("called_off_there"), now)
        return
    number = _readable(asked.number)
    found = occasions.of_person(tx, installation, subject=asked.subject, number=number, email=asked.email)
    numbers = {one for each in found for one in _numbers(each)}
    numbers |= {number} if number else set()
    person = Mentions(asked.subject, asked.email, sorted(numbers))
    rows = _forgotten(tx, installation, found, numbers, person)
    house.note(tx, "platform", "person_erased", installation, {"rows": sum(rows.values())}, now)


def run_due(suite: Suite) -> int:
    """Goes on erasing the people of connections that asked for it, each bit in a transaction of its own, so that nobody
    waits long and a new start goes on where this one ended. The receipt is in the audit once nothing is left. Returns
    how many bits were done."""
    with suite.database.glance() as glance:
        if not erasure.any_asked_for_all(glance):
            return 0
    with suite.database.read() as tx:
        due = erasure.asked_for_all(tx)
    done = 0
    for one in due:
        for _ in range(BITS):
            done += 1
            if not _one_bit(suite, one["workspace"], one["id"]):
                break
    return done


def _one_bit(suite: Suite, workspace: str, name: str) -> bool:
    """Whether something is left."""
    with suite.database.write(workspace) as tx:
        tx.alone(f"plan:{tx.owned}")
        asked = erasure.still_asked(tx, name)
        if asked is None:
            return False
        installation, rows = asked["installation"], dict(asked["rows"])
        if ids := erasure.some_there(tx, installation, asked["before"], PEOPLE):
            found = occasions.by_ids(tx, ids)
            _add(rows, _forgotten(tx, installation, found, {one for each in found for one in _numbers(each)}, None))
        elif requests := erasure.forget_requests(tx, installation, asked["before"], REQUESTS):
            _add(rows, {"inbox": requests})
        else:
            erasure.all_gone(tx, name)
            house.note(tx, "platform", "all_erased", installation, {"rows": sum(rows.values())}, suite.now())
            return False
        erasure.went_on(tx, name, rows)
        return True


def _forgotten(
    tx: Transaction, installation: str, found: Sequence[Occasion], numbers: Set[str], person: Mentions | None
) -> dict[str, int]:
    """These occasions and what hangs below them; and all about those of the numbers that nobody else knows."""
    rows = dict(erasure.forget_there(tx, installation, [one.id for one in found], person))
    for one in sorted(numbers - occasions.known_numbers(tx, numbers)):
        _add(rows, erasure.forget(tx, one))
    return rows


def _add(rows: dict[str, int], more: Mapping[str, int]) -> None:
    for table, count in more.items():
        rows[table] = rows.get(table, 0) + count


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
