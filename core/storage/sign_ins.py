"""Who is at the door: sign-ins under way, each known by the hash of a secret and used once by one statement.

    code   the password was right; the code of the second factor is awaited
    sso    on the way to the company's own sign-in and back
    link   a link of the operator, for who cannot come in otherwise
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from core.ids import new_id
from core.secrets import Undecryptable, Vault, hashed
from core.storage import tables as t
from core.storage.database import Transaction

_s = t.sign_ins.c


@dataclass(frozen=True, slots=True)
class SignIn:
    """One of them: whose it is (None before that is known), and what was kept for the way back."""

    user: str | None
    kept: Mapping[str, Any]


def begin(
    tx: Transaction, vault: Vault, kind: str, user: str | None, kept: Mapping[str, Any], ends: datetime
) -> str:
    """Its secret: 256 random bits."""
    one, secret = new_id("sgn"), secrets.token_urlsafe(32)
    sealed = vault.seal(kept, workspace="house", owner=one, field=kind)
    tx.connection.execute(
        insert(t.sign_ins).values(id=one, hash=hashed(secret), kind=kind, user=user, sealed=sealed, expires_at=ends)
    )
    return secret


def seen(tx: Transaction, vault: Vault, kind: str, secret: str, now: datetime) -> SignIn | None:
    """The one of that secret, if it lives; it stays."""
    row = tx.row(select(t.sign_ins).where(_s.hash == hashed(secret), _s.kind == kind, _s.expires_at > now))
    return _opened(vault, kind, row["id"], row["user"], row["sealed"]) if row else None


def use(tx: Transaction, vault: Vault, kind: str, secret: str, now: datetime) -> SignIn | None:
    """The same, and it is over: of two who bring the secret at the same moment, one has it."""
    row = tx.connection.execute(
        delete(t.sign_ins)
        .where(_s.hash == hashed(secret), _s.kind == kind, _s.expires_at > now)
        .returning(_s.id, _s.user, _s.sealed)
    ).first()
    return _opened(vault, kind, row.id, row.user, row.sealed) if row else None


def _opened(vault: Vault, kind: str, one: str, user: str | None, sealed: str) -> SignIn | None:
    try:
        return SignIn(user, vault.open(sealed, workspace="house", owner=one, field=kind))
    except Undecryptable:
        return None
