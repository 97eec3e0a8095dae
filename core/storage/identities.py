"""Whom the company's own sign-in says a person to be: its own name for them (`sub`), bound once; never an address."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Transaction

_i = t.identities.c


def user_of(tx: Transaction, issuer: str, subject: str) -> str | None:
    """The person's id."""
    found: str | None = tx.connection.execute(
        select(_i.user).where(_i.issuer == issuer, _i.subject == subject)
    ).scalar()
    return found


def has_one(tx: Transaction, issuer: str, user: str) -> bool:
    """Whether somebody over there is this person already."""
    return tx.connection.execute(select(_i.id).where(_i.issuer == issuer, _i.user == user)).first() is not None


def bind(tx: Transaction, issuer: str, subject: str, user: str, now: datetime) -> None:
    """From now on they are one and the same."""
    tx.connection.execute(
        insert(t.identities).values(id=new_id("idt"), issuer=issuer, subject=subject, user=user, created_at=now)
    )


def unbind(tx: Transaction, user: str) -> int:
    """Whoever comes next with the person's address is taken for them; how many were bound."""
    return int(tx.connection.execute(delete(t.identities).where(_i.user == user)).rowcount)
