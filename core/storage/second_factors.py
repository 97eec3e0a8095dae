"""Second factors of people: the secret of their app, sealed, and codes for the day on which the telephone is gone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update

from core.domain import second_factor
from core.secrets import Undecryptable, Vault, hashed
from core.storage import tables as t
from core.storage.database import Transaction

RECOVERY_CODES = 10
BEGUN_LIVES = timedelta(minutes=15)
"""So long is a secret shown that no code has confirmed yet."""
_f, _r = t.second_factors.c, t.recovery_codes.c
_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Factor:
    """A person's second factor. It counts from `since` on. `secret` is None for one that no key opens."""

    secret: bytes | None
    last_step: int
    since: datetime | None


def begin(tx: Transaction, vault: Vault, user: str, now: datetime) -> None:
    """A new secret, which counts for nothing before `confirm`. One that counts already stays."""
    secret = secrets.token_bytes(second_factor.SECRET_BYTES)
    sealed = vault.seal({"secret": secret.hex()}, workspace="house", owner=user, field="totp")
    tx.connection.execute(delete(t.second_factors).where(_f.id == user, _f.confirmed_at.is_(None)))
    tx.insert_or_leave(t.second_factors, {"id": user, "sealed": sealed, "last_step": 0, "created_at": now})


def known(tx: Transaction, vault: Vault, user: str, now: datetime) -> Factor | None:
    """The person's, confirmed or just begun."""
    row = tx.row(select(t.second_factors).where(_f.id == user))
    if row is None or (row["confirmed_at"] is None and now - row["created_at"] > BEGUN_LIVES):
        return None
    try:
        opened = vault.open(row["sealed"], workspace="house", owner=user, field="totp")
    except Undecryptable:
        return Factor(None, row["last_step"], row["confirmed_at"])
    return Factor(bytes.fromhex(opened["secret"]), row["last_step"], row["confirmed_at"])


def counts(tx: Transaction, user: str) -> bool:
    """Whether the person has one that is asked for."""
    found = select(_f.id).where(_f.id == user, _f.confirmed_at.is_not(None))
    return tx.connection.execute(found).first() is not None


def use(tx: Transaction, user: str, step: int) -> bool:
    """The code of that step is used up. False when it, or a later one, was used meanwhile."""
    done = update(t.second_factors).where(_f.id == user, _f.last_step < step).values(last_step=step)
    return bool(tx.connection.execute(done).rowcount)


def confirm(tx: Transaction, user: str, now: datetime) -> None:
    """From now on it is asked for."""
    tx.connection.execute(
        update(t.second_factors).where(_f.id == user, _f.confirmed_at.is_(None)).values(confirmed_at=now)
    )


def remove(tx: Transaction, user: str) -> bool:
    """Takes it away with its recovery codes. False when there was none that counted."""
    had = counts(tx, user)
    tx.connection.execute(delete(t.second_factors).where(_f.id == user))
    tx.connection.execute(delete(t.recovery_codes).where(_r.user == user))
    return had


def new_recovery_codes(tx: Transaction, user: str) -> list[str]:
    """Ten new ones, to be shown this once; the old ones are worth nothing. A hundred bits each: a hash hides them."""
    codes = ["-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))
             for _ in range(RECOVERY_CODES)]  # fmt: skip
    tx.connection.execute(delete(t.recovery_codes).where(_r.user == user))
    tx.connection.execute(insert(t.recovery_codes), [{"hash": _hash(user, one), "user": user} for one in codes])
    return codes


def use_recovery_code(tx: Transaction, user: str, given: str, now: datetime) -> bool:
    """Whether it was one of the person's, and unused; it is used now."""
    used = update(t.recovery_codes).where(_r.hash == _hash(user, given), _r.user == user, _r.used_at.is_(None))
    return bool(tx.connection.execute(used.values(used_at=now)).rowcount)


def recovery_codes_left(tx: Transaction, user: str) -> int:
    left = select(func.count()).select_from(t.recovery_codes).where(_r.user == user, _r.used_at.is_(None))
    return int(tx.connection.execute(left).scalar() or 0)


def _hash(user: str, code: str) -> str:
    return hashed(f"{user} {''.join(one for one in code.lower() if one.isalnum())}")
