"""New keys for old secrets: every sealed column is written again under the first key, row by row, without a stop."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Table, select, update

from core.secrets import Undecryptable, Vault
from core.storage import house, number_key
from core.storage import tables as t
from core.storage.database import Database

_PAGE = 200
SEALED: tuple[tuple[Table, Column[str]], ...] = (
    (t.installations, t.installations.c.secrets),
    (t.provider_accounts, t.provider_accounts.c.secrets),
    (t.provider_accounts, t.provider_accounts.c.hook_sealed),
    (t.webhooks, t.webhooks.c.secrets),
    (t.oauth_states, t.oauth_states.c.sealed),
    (t.second_factors, t.second_factors.c.sealed),
    (t.sign_ins, t.sign_ins.c.sealed),
)


@dataclass(slots=True)
class Rotated:
    """How many secrets of a column were written again, were under the first key already, or open with no key."""

    column: str
    rotated: int = 0
    current: int = 0
    unreadable: int = 0


def rotate(database: Database, vault: Vault, *, dry_run: bool = False) -> list[Rotated]:
    """Writes every sealed value under the vault's first key. Harmless when done twice. A value that was changed
    meanwhile is under the first key already, and stays."""
    of_rows = [_rotated(database, vault, table, column, dry_run) for table, column in SEALED]
    return [*of_rows, _of_the_house(database, vault, dry_run)]


def _of_the_house(database: Database, vault: Vault, dry_run: bool) -> Rotated:
    """The key for numbers stays the same, in a new seal."""
    done = Rotated(f"house.{number_key.NAME}")
    with database.write() as tx:
        sealed = house.value(tx, number_key.NAME)
        try:
            fresh = vault.rotated(sealed) if sealed is not None else None
        except Undecryptable:
            done.unreadable += 1
            return done
        done.rotated, done.current = int(fresh is not None), int(sealed is not None and fresh is None)
        if fresh is not None and not dry_run:
            h = t.house.c
            tx.connection.execute(
                update(t.house).where(h.name == number_key.NAME, h.value == sealed).values(value=fresh)
            )
    return done


def _rotated(database: Database, vault: Vault, table: Table, column: Column[str], dry_run: bool) -> Rotated:
    done, after = Rotated(f"{table.name}.{column.name}"), ""
    while True:
        page = (
            select(table.c.id, column.label("sealed")).where(table.c.id > after, column.is_not(None))
            .order_by(table.c.id).limit(_PAGE)
        )
        with database.write() as tx:
            rows = tx.rows(page)
            for row in rows:
                try:
                    fresh = vault.rotated(row["sealed"])
                except Undecryptable:
                    done.unreadable += 1
                    continue
                if fresh is None:
                    done.current += 1
                    continue
                done.rotated += 1
                if not dry_run:
                    tx.connection.execute(
                        update(table).where(table.c.id == row["id"], column == row["sealed"])
                        .values({column.name: fresh})
                    )
        if not rows:
            return done
        after = rows[-1]["id"]
