"""Today's schema, migrated once for each process that tests: what a test gets is a copy of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from core.storage.database import Database
from core.storage.migrate import give_key, upgrade


@cache
def migrated() -> bytes:
    """A SQLite database that was migrated and nothing else."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/fresh.db")
        upgrade(database)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        return Path(folder, "fresh.db").read_bytes()


def bring_up(database: Database) -> None:
    """As `upgrade` does; an empty SQLite file that nobody has opened yet becomes a copy of the migrated one."""
    file = Path(database.url.partition("sqlite:///")[2])
    if database.is_sqlite and file.is_file() and file.stat().st_size == 0:
        file.write_bytes(migrated())
        give_key(database)
    else:
        upgrade(database)
