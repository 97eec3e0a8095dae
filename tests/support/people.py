"""People of a house. A password is hashed once for each process that tests, since that is slow by design."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from sqlalchemy import insert

from core.ids import new_id
from core.storage import access
from core.storage import tables as t
from core.storage.database import Transaction


@cache
def _hash(password: str) -> str:
    return PasswordHasher().hash(password)


def person(tx: Transaction, email: str, password: str, role: str, language: str, now: datetime) -> str:
    """As `access.add_user` makes one, of whom nobody has heard before; the id."""
    user = new_id("usr")
    tx.connection.execute(
        insert(t.users).values(
            id=user, email=email, name="", password_hash=_hash(password), language=language, created_at=now
        )
    )
    access.join(tx, user, role)
    return user
