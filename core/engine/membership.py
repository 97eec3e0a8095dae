"""The people of a workspace: who is invited, with what role, and that the last owner stays."""

from __future__ import annotations

import re

from core.domain.errors import BadInput, Conflict, Forbidden, NotFound
from core.engine import second_factors
from core.settings import generated_password
from core.storage import access, house
from core.storage.database import Transaction
from core.suite import Suite

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def invite(suite: Suite, by: access.Person, email: str, name: str, role: str, language: str) -> str:
    """A new person; returns the password, which is shown this once. Raises `BadInput`, `Conflict`, `Forbidden`."""
    if len(email) > 200 or not _EMAIL.fullmatch(email.strip()):
        raise BadInput("email_wrong", pointer="/email", text=email[:60])
    _may_give(by, role)
    password = generated_password()
    with suite.database.write(by.workspace) as tx:
        user = access.add_user(tx, email, password, role, language, suite.now(), name=name.strip()[:100])
        house.note(tx, by.id, "person_invited", user, {"role": role}, suite.now())
    return password


def give_role(suite: Suite, by: access.Person, user: str, role: str) -> None:
    """Another role. Only an owner makes or changes owners, and one owner stays. Raises `Forbidden`, `Conflict`."""
    _may_give(by, role)
    with suite.database.write(by.workspace) as tx:
        before = _role(tx, user)
        _may_give(by, before)
        if before == "owner" and role != "owner":
            _another_owner(tx, user)
        access.join(tx, user, role)
        house.note(tx, by.id, "role_given", user, {"role": role}, suite.now())


def remove(suite: Suite, by: access.Person, user: str) -> None:
    """Takes a person out of the workspace and ends their sessions here. Raises `Forbidden`, `Conflict`, `NotFound`."""
    with suite.database.write(by.workspace) as tx:
        before = _role(tx, user)
        _may_give(by, before)
        if before == "owner":
            _another_owner(tx, user)
        access.leave(tx, user)
        house.note(tx, by.id, "person_removed", user, {}, suite.now())


def new_password(suite: Suite, by: access.Person, user: str) -> str:
    """A new password, shown this once; the person's sessions end. Raises `Forbidden`, `NotFound`."""
    password = generated_password()
    with suite.database.write(by.workspace) as tx:
        _may_give(by, _role(tx, user))
        if len(access.workspaces_of(tx, user)) > 1:
            # Their password opens other companies' doors too: not ours to change.
            raise Forbidden("person_elsewhere_too")
        access.set_password(tx, user, password)
        house.note(tx, by.id, "password_renewed", user, {}, suite.now())
    return password


def reset_second_factor(suite: Suite, by: access.Person, user: str) -> bool:
    """Takes the second factor off somebody who has lost their telephone; their sessions end. False when they had none.
    Raises `Forbidden`, `NotFound`."""
    with suite.database.read(by.workspace) as tx:
        _may_give(by, _role(tx, user))
        if len(access.workspaces_of(tx, user)) > 1:
            # It guards other companies' doors too: not ours to open.
            raise Forbidden("factor_elsewhere_too")
    return second_factors.reset(suite, user, who=by.id)


def _may_give(by: access.Person, role: str) -> None:
    if role not in access.ROLES:
        raise BadInput("role_unknown", pointer="/role", text=role[:20])
    if by.role not in ("owner", "admin") or (role == "owner" and by.role != "owner"):
        raise Forbidden("only_owners_make_owners")


def _role(tx: Transaction, user: str) -> str:
    found = next((one["role"] for one in access.members(tx) if one["id"] == user), None)
    if found is None:
        raise NotFound("person")
    return str(found)


def _another_owner(tx: Transaction, user: str) -> None:
    if not any(one["role"] == "owner" and one["id"] != user for one in access.members(tx)):
        raise Conflict("last_owner")
