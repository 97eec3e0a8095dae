"""States of journeys to a platform: kept as a hash, used once by one atomic UPDATE, what they hold encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from core.ids import new_id
from core.secrets import Undecryptable, Vault
from core.storage import tables as t
from core.storage.database import Transaction

_c = t.oauth_states.c


@dataclass(frozen=True, slots=True)
class Begun:
    """What was kept when the journey began. `posted` are the keys that the platform's server brought meanwhile."""

    adapter: str
    user: str
    browser_hash: str
    kept: Mapping[str, Any]
    posted: Mapping[str, Any] | None = None


def begin(
    tx: Transaction,
    *,
    state_hash: str,
    adapter: str,
    user: str,
    browser_hash: str,
    kept: Mapping[str, Any],
    vault: Vault,
    expires_at: datetime,
) -> None:
    """A journey that ends at `expires_at`. Those that this person has ended before are forgotten."""
    state_id = new_id("ost")
    tx.connection.execute(
        delete(t.oauth_states).where(_c.workspace == tx.owned, _c.user == user, _c.used_at.is_not(None))
    )
    tx.connection.execute(
        insert(t.oauth_states).values(
            id=state_id,
            workspace=tx.owned,
            hash=state_hash,
            adapter=adapter,
            user=user,
            browser=browser_hash,
            sealed=vault.seal({"kept": kept}, workspace=tx.owned, owner=state_id, field="state"),
            expires_at=expires_at,
        )
    )


def use(tx: Transaction, state_hash: str, vault: Vault, now: datetime) -> Begun | None:
    """The journey of this state, in this workspace, if it is fresh and nobody used it; it is used up by asking."""
    row = tx.connection.execute(
        update(t.oauth_states)
        .where(_c.hash == state_hash, _c.workspace == tx.owned, _c.used_at.is_(None), _c.expires_at > now)
        .values(used_at=now)
        .returning(_c.id, _c.adapter, _c.user, _c.browser, _c.sealed)
    ).first()
    if row is None:
        return None
    try:
        held = vault.open(row.sealed, workspace=tx.owned, owner=row.id, field="state")
    except Undecryptable:
        return None
    return Begun(row.adapter, row.user, row.browser, held["kept"], held.get("posted"))


def bring(
    tx: Transaction, adapter: str, state_hash: str, vault: Vault, posted: Mapping[str, Any], now: datetime
) -> bool:
    """Keeps what a platform's server brought for a journey under way, whosever it is. False when there is none, when it
    is over, or when something was brought before: of two at the same moment, one is kept."""
    row = tx.connection.execute(
        select(_c.id, _c.workspace, _c.sealed).where(
            _c.hash == state_hash, _c.adapter == adapter, _c.used_at.is_(None), _c.expires_at > now
        )
    ).first()
    if row is None:
        return False
    try:
        held = vault.open(row.sealed, workspace=row.workspace, owner=row.id, field="state")
    except Undecryptable:
        return False
    if "posted" in held:
        return False
    sealed = vault.seal({**held, "posted": posted}, workspace=row.workspace, owner=row.id, field="state")
    done = tx.connection.execute(
        update(t.oauth_states)
        .where(_c.id == row.id, _c.sealed == row.sealed, _c.used_at.is_(None), _c.expires_at > now)
        .values(sealed=sealed)
    )
    return bool(done.rowcount)
