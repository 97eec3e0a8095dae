"""Who may come in: API keys, people, their roles in workspaces, and their sessions."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import orjson
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update

from core.domain.errors import Conflict
from core.ids import new_id
from core.secrets import hashed
from core.storage import tables as t
from core.storage.database import Glance, Transaction

SESSION_LIVES = timedelta(days=14)
USED_AT_STEP = timedelta(minutes=1)
ROLES = ("owner", "admin", "editor", "viewer")
_hasher = PasswordHasher()
_k, _u, _s, _b = t.api_keys.c, t.users.c, t.sessions.c, t.memberships.c
# Asked at each call of a program.
_KEY = "SELECT id, workspace, scopes, test, revoked_at, expires_at FROM api_keys WHERE hash = ?"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that was shown and is alive. Empty `scopes` allow all but `metrics`."""

    id: str
    workspace: str
    scopes: frozenset[str]
    test: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in, and their role in the workspace that they are looking at."""

    id: str
    email: str
    name: str
    language: str
    workspace: str
    role: str
    csrf: str
    session: str
    """The hash of the session's secret."""
    proved_at: datetime
    """When they last proved who they are."""
    second: bool
    """Whether they did so with a second factor."""
    door: str
    """By which they came: password, sso, link."""


# ---------------------------------------------------------------------------------------------- keys


def add_key(
    tx: Transaction,
    name: str,
    now: datetime,
    *,
    test: bool,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[str, str]:
    """(id, the key itself). The key is shown this once; only its hash is kept."""
    key_id, key = new_id("key"), f"rk_{'test' if test else 'live'}_{secrets.token_urlsafe(32)}"
    tx.connection.execute(
        insert(t.api_keys).values(
            id=key_id,
            workspace=tx.owned,
            name=name,
            prefix=key[:14],
            hash=hashed(key),
            scopes=list(scopes),
            test=test,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return key_id, key


def key(tx: Transaction | Glance, given: str, now: datetime) -> Key | None:
    """The key, if it exists, is not revoked and has not expired."""
    found = tx.quick(_KEY, (hashed(given),))
    if not found:
        return None
    key_id, workspace, scopes, test, revoked_at, expires_at = found[0]
    if revoked_at is not None or (expires_at and expires_at <= t.micros(now)):
        return None
    return Key(key_id, workspace, _scopes(scopes), bool(test))


@lru_cache(maxsize=256)
def _scopes(kept: str) -> frozenset[str]:
    return frozenset(orjson.loads(kept))


def key_used(tx: Transaction, key_id: str, now: datetime) -> None:
    """Notes the last use, at most once a minute."""
    tx.connection.execute(
        update(t.api_keys)
        .where(_k.id == key_id, (_k.used_at.is_(None)) | (_k.used_at < now - USED_AT_STEP))
        .values(used_at=now)
    )


def keys(tx: Transaction) -> list[Mapping[str, Any]]:
    return tx.rows(tx.mine(t.api_keys).order_by(_k.id))


def renewed_key(tx: Transaction, key_id: str, now: datetime, overlap: timedelta) -> tuple[str, str] | None:
    """A new key that may do what `key_id` may, and lives as long; the old one ends after `overlap`, so that a program
    can be changed meanwhile. (id, the key itself); None when the old one is over already."""
    old = tx.row(tx.mine(t.api_keys).where(_k.id == key_id, _k.revoked_at.is_(None)))
    if old is None or (old["expires_at"] is not None and old["expires_at"] <= now):
        return None
    ends = now + (old["expires_at"] - old["created_at"]) if old["expires_at"] is not None else None
    made = add_key(tx, old["name"], now, test=old["test"], scopes=old["scopes"], expires_at=ends)
    end = now + overlap
    revoke_key(tx, key_id, end if old["expires_at"] is None else min(end, old["expires_at"]))
    return made


def revoke_key(tx: Transaction, key_id: str, at: datetime) -> bool:
    """At once, or at a moment ahead (rotation with an overlap)."""
    done = tx.connection.execute(
        update(t.api_keys)
        .where(_k.id == key_id, _k.workspace == tx.owned, _k.revoked_at.is_(None))
        .values(expires_at=at)
    )
    return bool(done.rowcount)


# ---------------------------------------------------------------------------------------------- people


def add_user(
    tx: Transaction, email: str, password: str, role: str, language: str, now: datetime, *, name: str = ""
) -> str:
    """A person with a role in this workspace. Raises `Conflict` when the address is taken."""
    email = email.strip().lower()
    if tx.connection.execute(select(_u.id).where(_u.email == email)).first() is not None:
        raise Conflict("email_taken")
    user_id = new_id("usr")
    tx.connection.execute(
        insert(t.users).values(
            id=user_id, email=email, name=name, password_hash=_hasher.hash(password), language=language, created_at=now
        )
    )
    tx.connection.execute(insert(t.memberships).values(id=new_id("mem"), workspace=tx.owned, user=user_id, role=role))
    return user_id


def add_person(tx: Transaction, email: str, name: str, role: str, language: str, now: datetime) -> str:
    """Somebody without a password, with a role in this workspace: they come by the company's sign-in alone."""
    user_id = new_id("usr")
    tx.connection.execute(
        insert(t.users).values(
            id=user_id, email=email, name=name, password_hash="", language=language, created_at=now
        )
    )
    join(tx, user_id, role)
    return user_id


def join(tx: Transaction, user_id: str, role: str) -> None:
    """Gives a person a role in this workspace."""
    tx.connection.execute(delete(t.memberships).where(_b.user == user_id, _b.workspace == tx.owned))
    tx.connection.execute(insert(t.memberships).values(id=new_id("mem"), workspace=tx.owned, user=user_id, role=role))


def leave(tx: Transaction, user_id: str) -> None:
    """Takes a person out of this workspace, and ends their sessions in it."""
    tx.connection.execute(delete(t.memberships).where(_b.user == user_id, _b.workspace == tx.owned))
    tx.connection.execute(delete(t.sessions).where(_s.user == user_id, _s.workspace == tx.owned))


def by_email(tx: Transaction, email: str) -> str | None:
    """The id of the person of that address, in whatever workspace."""
    found: str | None = tx.connection.execute(select(_u.id).where(_u.email == email.strip().lower())).scalar()
    return found


def by_password(tx: Transaction, email: str, password: str) -> str | None:
    """The person's id, or None; the same time is spent either way."""
    nobody = _nobody()  # whoever is the first to come waits for it, known or not
    row = tx.connection.execute(select(_u.id, _u.password_hash).where(_u.email == email.strip().lower())).first()
    try:
        # Who comes by the company's sign-in alone has no password.
        _hasher.verify((row.password_hash if row else "") or nobody, password)
    except (VerificationError, InvalidHashError):
        return None
    return row.id if row else None


@cache
def _nobody() -> str:
    """Compared against when nobody has that address, so that an unknown person costs the same time as a wrong
    password. Not at import: every command would wait for it."""
    return _hasher.hash(secrets.token_urlsafe(16))


def set_password(tx: Transaction, user_id: str, password: str) -> None:
    """Ends every session of that person."""
    tx.connection.execute(update(t.users).where(_u.id == user_id).values(password_hash=_hasher.hash(password)))
    end_sessions(tx, user_id)


def change_user(tx: Transaction, user_id: str, **values: Any) -> None:
    """`values`: name, language."""
    tx.connection.execute(update(t.users).where(_u.id == user_id).values(**values))


def anybody(tx: Transaction) -> bool:
    """Whether anybody can sign in yet."""
    return tx.connection.execute(select(_u.id).limit(1)).first() is not None


def members(tx: Transaction) -> list[Mapping[str, Any]]:
    """The people of this workspace with their roles; `second_factor_at`: since when they have one."""
    f = t.second_factors.c
    return tx.rows(
        select(_u.id, _u.email, _u.name, _b.role, f.confirmed_at.label("second_factor_at"))
        .join(t.memberships, _b.user == _u.id)
        .outerjoin(t.second_factors, f.id == _u.id)
        .where(_b.workspace == tx.owned)
        .order_by(_u.email)
    )


def workspaces_of(tx: Transaction, user_id: str) -> list[Mapping[str, Any]]:
    """(id, name, role) of each workspace that a person belongs to, oldest first."""
    w = t.workspaces.c
    return tx.rows(
        select(w.id, w.name, _b.role).join(t.memberships, _b.workspace == w.id).where(_b.user == user_id).order_by(w.id)
    )


# ---------------------------------------------------------------------------------------------- sessions


def begin_session(
    tx: Transaction, user_id: str, workspace: str, now: datetime, *, second: bool = False, door: str = "password"
) -> str:
    """A new session's secret, for the cookie; only its hash is kept."""
    secret = secrets.token_urlsafe(32)
    tx.connection.execute(
        insert(t.sessions).values(
            hash=hashed(secret),
            user=user_id,
            workspace=workspace,
            csrf=secrets.token_urlsafe(32),
            created_at=now,
            expires_at=now + SESSION_LIVES,
            proved_at=now,
            second=second,
            door=door,
        )
    )
    return secret


def person(tx: Transaction, secret: str, now: datetime) -> Person | None:
    """Who the session belongs to, if it lives and the person still has a role in its workspace."""
    row = tx.connection.execute(
        select(
            _u.id, _u.email, _u.name, _u.language, _s.workspace, _b.role, _s.csrf, _s.hash, _s.proved_at, _s.second,
            _s.door,
        )
        .join(t.users, _u.id == _s.user)
        .join(t.memberships, (_b.user == _s.user) & (_b.workspace == _s.workspace))
        .where(_s.hash == hashed(secret), _s.expires_at > now)
    ).first()
    return Person(*row) if row else None


def proved(tx: Transaction, session: str, now: datetime, *, second: bool) -> None:
    """The person of that session has proved once more who they are; `second`: with a second factor."""
    more = {"second": True} if second else {}
    tx.connection.execute(update(t.sessions).where(_s.hash == session).values(proved_at=now, **more))


def end_sessions(tx: Transaction, user_id: str, *, but: str = "") -> None:
    """Ends every session of a person, but the one of that hash, and whatever sign-in they had begun."""
    tx.connection.execute(delete(t.sessions).where(_s.user == user_id, _s.hash != but))
    tx.connection.execute(delete(t.sign_ins).where(t.sign_ins.c.user == user_id))


def switch_workspace(tx: Transaction, secret: str, workspace: str) -> None:
    tx.connection.execute(update(t.sessions).where(_s.hash == hashed(secret)).values(workspace=workspace))


def end_session(tx: Transaction, secret: str) -> None:
    tx.connection.execute(delete(t.sessions).where(_s.hash == hashed(secret)))


# ---------------------------------------------------------------------------------------------- counting tries


def tries(tx: Transaction, name: str, now: datetime, within: timedelta) -> int:
    """How often `name` was counted in the running window."""
    c = t.attempts_made.c
    row = tx.connection.execute(select(c.count, c.since).where(c.key == name)).first()
    return row[0] if row and row[1] > now - within else 0


def count_try(tx: Transaction, name: str, now: datetime, within: timedelta) -> int:
    """Counts one more; the new count of the window."""
    # Of two who come at the same moment each would find nothing yet.
    tx.alone(f"try:{name}")
    c = t.attempts_made.c
    count = tries(tx, name, now, within) + 1
    if count == 1:
        tx.connection.execute(delete(t.attempts_made).where(c.key == name))
        tx.connection.execute(insert(t.attempts_made).values(key=name, count=1, since=now))
    else:
        tx.connection.execute(update(t.attempts_made).where(c.key == name).values(count=count))
    return count


def admitted(tx: Transaction, doors: Mapping[str, int], now: datetime, within: timedelta) -> bool:
    """Whether one more try may be made at these doors (name → how many at most); it is counted at once, before anybody
    knows how it ends: else a hundred that come together would all be let through."""
    for name in sorted(doors):
        tx.alone(f"try:{name}")
    if any(tries(tx, name, now, within) >= most for name, most in doors.items()):
        return False
    for name in doors:
        count_try(tx, name, now, within)
    return True


def give_back(tx: Transaction, name: str) -> None:
    """The last try at that door was a good one: it does not count."""
    c = t.attempts_made.c
    tx.connection.execute(update(t.attempts_made).where(c.key == name, c.count > 0).values(count=c.count - 1))


def forget_tries(tx: Transaction, name: str) -> None:
    tx.connection.execute(delete(t.attempts_made).where(t.attempts_made.c.key == name))
