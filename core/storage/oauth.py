"""States of OAuth dances: kept as a hash, used once by one atomic UPDATE, the verifier encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, update

from core.ids import new_id
from core.secrets import Undecryptable, Vault
from core.storage import tables as t
from core.storage.database import Transaction

_c = t.oauth_states.c


@dataclass(frozen=True, slots=True)
class Begun:
    """What was kept when the dance began."""

    adapter: str
    user: str
    browser_hash: str
    kept: Mapping[str, Any]


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
            sealed=vault.seal(kept, workspace=tx.owned, owner=state_id, field="state"),
            expires_at=expires_at,
        )
    )


def use(tx: Transaction, state_hash: str, vault: Vault, now: datetime) -> Begun | None:
    """The dance of this state, in this workspace, if it is fresh and nobody used it; it is used up by asking."""
    row = tx.connection.execute(
        update(t.oauth_states)
        .where(_c.hash == state_hash, _c.workspace == tx.owned, _c.used_at.is_(None), _c.expires_at > now)
        .values(used_at=now)
        .returning(_c.id, _c.adapter, _c.user, _c.browser, _c.sealed)
    ).first()
    if row is None:
        return None
    try:
        kept = vault.open(row.sealed, workspace=tx.owned, owner=row.id, field="state")
    except Undecryptable:
        return None
    return Begun(row.adapter, row.user, row.browser, kept)
