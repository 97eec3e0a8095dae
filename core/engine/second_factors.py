"""A person's second factor: set up, asked for at the door, asked for again, and taken away when a telephone is lost.

A code counts against two doors, a quarter of an hour and a day: six digits are few. A recovery code has a hundred bits,
and is taken even while the codes are at rest, so that who knows a password only cannot shut its owner out.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from core.domain import second_factor
from core.domain.errors import Conflict, Forbidden
from core.storage import access, house, second_factors
from core.storage.database import Transaction
from core.suite import Suite

MOST_TRIES, TRIES_WITHIN = 10, timedelta(minutes=15)
MOST_IN_A_DAY, DAY = 40, timedelta(days=1)
REQUIRED = "required"


class Proof(StrEnum):
    """How an attempt to prove oneself ended."""

    GOOD = "good"
    WRONG = "wrong"
    SLOW = "slow"


def proven(suite: Suite, user: str, given: str) -> Proof:
    """Whether `given` is the code of this moment, or a recovery code, of somebody whose factor counts. Either works
    once."""
    with suite.database.write() as tx:
        if not second_factors.counts(tx, user):
            return Proof.WRONG
        if len(second_factor.digits_of(given)) > second_factor.DIGITS:
            if not second_factors.use_recovery_code(tx, user, given, suite.now()):
                return Proof.WRONG
            left = second_factors.recovery_codes_left(tx, user)
            _note_everywhere(suite, tx, user, user, "recovery_code_used", left=left)
            return Proof.GOOD
        return _code_is_good(suite, tx, user, given)


def confirm(suite: Suite, person: access.Person, given: str) -> list[str] | None:
    """The first code of a new factor: from now on it is asked for, and the person's other sessions end. The recovery
    codes, shown this once; None for a wrong code. Raises `Conflict` when there is nothing to confirm."""
    with suite.database.write(person.workspace) as tx:
        factor = second_factors.known(tx, suite.vault, person.id, suite.now())
        if factor is None or factor.since is not None:
            raise Conflict("second_factor_begun_too_long_ago")
        if _code_is_good(suite, tx, person.id, given) is not Proof.GOOD:
            return None
        second_factors.confirm(tx, person.id, suite.now())
        access.end_sessions(tx, person.id, but=person.session)
        access.proved(tx, person.session, suite.now(), second=True)
        codes = second_factors.new_recovery_codes(tx, person.id)
        _note_everywhere(suite, tx, person.id, person.id, "second_factor_added")
    return codes


def recovery_codes(suite: Suite, person: access.Person) -> list[str]:
    """New ones in place of the old ones."""
    with suite.database.write(person.workspace) as tx:
        if not second_factors.counts(tx, person.id):
            raise Conflict("second_factor_missing")
        codes = second_factors.new_recovery_codes(tx, person.id)
        _note_everywhere(suite, tx, person.id, person.id, "recovery_codes_made")
    return codes


def give_up(suite: Suite, person: access.Person) -> None:
    """The person wants it no more. Raises `Forbidden` where one of their workspaces asks for it."""
    with suite.database.write(person.workspace) as tx:
        if any(_required(tx, one["id"]) for one in access.workspaces_of(tx, person.id)):
            raise Forbidden("second_factor_required")
        if second_factors.remove(tx, person.id):
            _note_everywhere(suite, tx, person.id, person.id, "second_factor_removed")


def reset(suite: Suite, user: str, *, who: str) -> bool:
    """Takes it away from somebody who has lost their telephone, and ends their sessions. False when there was none."""
    with suite.database.write() as tx:
        if not second_factors.remove(tx, user):
            return False
        access.end_sessions(tx, user)
        _note_everywhere(suite, tx, user, who, "second_factor_reset")
    return True


def require(suite: Suite, by: access.Person, on: bool) -> None:
    """Everybody of the workspace needs one, or nobody does. Who asks for it has one. Raises `Forbidden`, `Conflict`."""
    if by.role != "owner":
        raise Forbidden("only_owners_require")
    with suite.database.write(by.workspace) as tx:
        if on and not by.second:
            raise Conflict("second_factor_own_first")
        house.change_settings(tx, {"second_factor": REQUIRED if on else None})
        house.note(tx, by.id, "second_factor_required" if on else "second_factor_optional", None, {}, suite.now())


def _required(tx: Transaction, workspace: str) -> bool:
    known = house.workspace(tx, workspace)
    return known is not None and known["settings"].get("second_factor") == REQUIRED


def _code_is_good(suite: Suite, tx: Transaction, user: str, given: str) -> Proof:
    # The telephone goes by the real time, however far a house's clock is turned.
    now = suite.now()
    doors = ((f"code:{user}", MOST_TRIES, TRIES_WITHIN), (f"code-day:{user}", MOST_IN_A_DAY, DAY))
    tx.alone(f"code:{user}")
    if any(access.tries(tx, door, now, within) >= most for door, most, within in doors):
        return Proof.SLOW
    factor = second_factors.known(tx, suite.vault, user, now)
    step = None
    if factor is not None and factor.secret is not None:
        around = second_factor.step_at(suite.clock.outside())
        step = second_factor.step_of(factor.secret, given, around, factor.last_step)
    if step is None or not second_factors.use(tx, user, step):
        shut = [access.count_try(tx, door, now, within) == most for door, most, within in doors]
        if any(shut):
            _note_everywhere(suite, tx, user, "system", "codes_slowed")
        return Proof.WRONG
    for door, _, _ in doors:
        access.forget_tries(tx, door)
    return Proof.GOOD


def _note_everywhere(suite: Suite, tx: Transaction, user: str, who: str, what: str, **detail: int) -> None:
    """Into the log of each workspace whose doors the person opens."""
    for one in access.workspaces_of(tx, user):
        house.note(Transaction(tx.connection, one["id"]), who, what, user, detail, suite.now())
