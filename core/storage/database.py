"""The database: engines, transactions, and what is different between SQLite and PostgreSQL (nothing else is)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, Executable, Select, Table, create_engine, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.domain.errors import RelanceError


class DatabaseAway(RelanceError):
    """The database cannot be reached or cannot write now (down, full). Nothing half-written; try again."""

    status = 503


@dataclass(frozen=True, slots=True)
class Transaction:
    """A connection with an open transaction, and the workspace whose rows it may see. `workspace` is None only for the
    engine's own walks over all workspaces."""

    connection: Connection
    workspace: str | None

    def mine(self, table: Table, *columns: Any) -> Select[Any]:
        """A SELECT of this workspace's rows of `table`: the one way in which rows are read for a person or a key."""
        chosen = select(*columns) if columns else select(table)
        return chosen if self.workspace is None else chosen.where(table.c.workspace == self.workspace)

    def rows(self, statement: Executable) -> list[Mapping[str, Any]]:
        """What `statement` gives, each row by column name."""
        return cast("list[Mapping[str, Any]]", self.connection.execute(statement).mappings().all())

    def row(self, statement: Executable) -> Mapping[str, Any] | None:
        """The first row of what `statement` gives, by column name."""
        return cast("Mapping[str, Any] | None", self.connection.execute(statement).mappings().first())

    @property
    def owned(self) -> str:
        """The workspace, for rows that are written. A walk over all workspaces writes none of its own."""
        if self.workspace is None:
            raise RuntimeError("this transaction belongs to no workspace")
        return self.workspace

    @property
    def is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    @property
    def public_url(self) -> str:
        """Where this house is reached from outside."""
        url: str = self.connection.get_execution_options().get("relance_public_url", "")
        return url

    def chosen(self, ids: Select[Any]) -> Any:
        """`ids` (a SELECT of one column, with a LIMIT) for `UPDATE … WHERE id IN (…)`: on PostgreSQL locked, without
        waiting for rows that another claimer holds."""
        if self.is_sqlite:
            return ids.scalar_subquery()
        # As a common table expression it is evaluated once: as a plain subquery it may be again, and lock more.
        once = ids.with_for_update(skip_locked=True).cte("chosen")
        return select(once.c[0])

    def unshared(self, rows: Select[Any]) -> Select[Any]:
        """`rows`, which are changed next: on PostgreSQL locked, without those that somebody else is changing."""
        return rows if self.is_sqlite else rows.with_for_update(skip_locked=True)

    def insert_or_leave(self, table: Table, values: Mapping[str, Any]) -> None:
        """Inserts a row unless there is one with its key."""
        one = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        self.connection.execute(one.values(**values).on_conflict_do_nothing())

    def alone(self, name: str) -> None:
        """Until the end of the transaction, nobody else is past this line with the same name. (SQLite: nobody else
        writes at all.)"""
        if not self.is_sqlite:
            self.connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 3))"), {"name": name})


class Database:
    """One per process. `write` and `read` give a `Transaction`; it commits at the end and rolls back on an error."""

    def __init__(self, url: str, *, public_url: str = "") -> None:
        # Without a driver in the address, SQLAlchemy would look for one that we do not have.
        url = url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        # SQLite has one writer: queueing here is fair and cheap, its busy loop is neither.
        self._writer = threading.RLock() if self.is_sqlite else None
        engine = _sqlite(url) if self.is_sqlite else _postgresql(url)
        # What short links begin with is part of a message's text, which is made wherever there is a transaction.
        self.engine = engine.execution_options(relance_public_url=public_url)

    @contextmanager
    def write(self, workspace: str | None = None) -> Iterator[Transaction]:
        """For work that writes. On SQLite it takes the write lock first (`BEGIN IMMEDIATE`)."""
        if self._writer:
            self._writer.acquire()
        try:
            with _clear_errors(), self.engine.connect() as connection:
                if self.is_sqlite:
                    connection = connection.execution_options(relance_immediate=True)
                with connection.begin():
                    yield Transaction(connection, workspace)
        finally:
            if self._writer:
                self._writer.release()

    @contextmanager
    def read(self, workspace: str | None = None) -> Iterator[Transaction]:
        """For work that only reads: one consistent view."""
        with _clear_errors(), self.engine.connect() as connection, connection.begin():
            yield Transaction(connection, workspace)

    def close(self) -> None:
        self.engine.dispose()


def _sqlite(url: str) -> Engine:
    path = url.partition("sqlite:///")[2]
    if path not in ("", ":memory:"):
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=16, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepared(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see `begun`
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("relance_immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgresql(url: str) -> Engine:
    return create_engine(
        url,
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
    )


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise DatabaseAway("database_away") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseAway("database_away") from error
        raise
