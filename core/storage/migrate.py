"""Brings the database's schema up to date (`relance migrate`), and tells how far it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from core.clock import Clock
from core.storage import assumed, house, number_key
from core.storage import tables as t
from core.storage.database import Database

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Up to `revision`; harmless when the schema is there already. One process at a time on PostgreSQL. Raises
    `number_key.KeysWrong`."""
    _run(database, "upgrade", revision)
    if revision == "head":
        give_key(database)


def give_key(database: Database) -> None:
    """Makes the key for numbers unless the house has one, and opens it. Raises `number_key.KeysWrong` when the database
    was written under other secret keys, or has lost its key: who said no would not be known again."""
    if not database.number_key.can_be_made:
        return
    database.number_key.forget()
    with database.read() as tx:
        known = house.value(tx, number_key.NAME)
    if known is None:
        with database.write() as tx:
            if tx.row(select(t.optouts.c.at).limit(1)) is not None:
                raise number_key.KeysWrong
            tx.insert_or_leave(
                t.house, {"name": number_key.NAME, "value": database.number_key.fresh(), "at": Clock().now()}
            )
    with database.read() as tx:
        database.number_key.opened(tx)


def downgrade(database: Database, revision: str) -> None:
    """Back to `revision`."""
    _run(database, "downgrade", revision)


def current(database: Database) -> str | None:
    """The revision of the schema; None when the database is empty."""
    with database.read() as tx:
        return MigrationContext.configure(tx.connection).get_current_revision()


def newest() -> str | None:
    """The revision that this version of Relance needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def pending(database: Database) -> list[tuple[str, str]]:
    """(revision, what it does) of the steps from the schema as it is to the newest, in order."""
    script, here = ScriptDirectory.from_config(_config()), current(database)
    steps = list(script.iterate_revisions("head", here or "base")) if here != newest() else []
    return [(one.revision, one.doc) for one in reversed(steps)]


def is_current(database: Database) -> bool:
    return current(database) == newest()


def _run(database: Database, direction: str, revision: str) -> None:
    config = _config()
    with database.write() as tx:
        if not tx.is_sqlite:
            # Several web processes start at once after a deploy: the first one migrates, the others find it done.
            tx.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(723641)")
        config.attributes["connection"] = tx.connection
        (command.upgrade if direction == "upgrade" else command.downgrade)(config, revision)
        if tx.is_sqlite:
            assumed.tell(tx.connection)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config
