"""The database: engines, transactions, and what is different between SQLite and PostgreSQL (nothing else is)."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    ClauseElement,
    Connection,
    Dialect,
    Engine,
    Executable,
    PoolProxiedConnection,
    Select,
    Table,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.domain.errors import RelanceError
from core.secrets import Vault
from core.storage.number_key import NumberKey

_BEGINS = "relance_begins"
BUSY = 30.0
"""Seconds that a writer waits for its turn on SQLite."""
GLANCES = 4
"""Connections to SQLite that are kept at hand for `Database.glance`."""


class DatabaseAway(RelanceError):
    """The database cannot be reached or cannot write now (down, full). Nothing half-written; try again."""

    status = 503


@dataclass(frozen=True, slots=True)
class Transaction:
    """A connection with an open transaction, and the workspace whose rows it may see. `workspace` is None only for the
    engine's own walks over all workspaces."""

    connection: Connection
    workspace: str | None

    def quick(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement of ours that is asked with every message, as the driver gives them: no types, no
        names. `?` stands for a value; see `spelled` for values by name. SQLAlchemy's work for one statement costs ten
        times the statement."""
        return _asked(self.connection.connection.driver_connection, self.connection.dialect, statement, values)

    def spelled(self, statement: ClauseElement) -> tuple[str, Mapping[str, Any]]:
        """`statement` for `quick`, and the values that it names itself; those of its `bindparam`s are added by name, as
        the driver takes them."""
        dialect = sqlite.dialect(paramstyle="named") if self.is_sqlite else self.connection.dialect
        compiled = statement.compile(dialect=dialect)
        return str(compiled), {name: value for name, value in compiled.params.items() if value is not None}

    def any(self, table: str, where: str, now: int) -> bool:
        """Whether `table` has a row for which `where` holds (`?` is `now`, as moments are kept). What is looked for
        every second and hardly ever there is asked about like this first: it costs a twentieth of looking for it."""
        return bool(self.quick(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", (now,)))  # noqa: S608  # nosec B608

    def quick_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """The same for a statement that writes each of `rows` (SQLite's own executemany); how many it concerned."""
        driver: Any = self.connection.connection.driver_connection
        dialect = self.connection.dialect
        try:
            return int(driver.executemany(statement, rows).rowcount)
        except dialect.loaded_dbapi.Error as error:
            raise _as_ours(error, driver, dialect, statement) from error

    def mine(self, table: Table, *columns: Any) -> Select[Any]:
        """A SELECT of this workspace's rows of `table`: the one way in which rows are read for a person or a key."""
        chosen = select(*columns) if columns else select(table)
        return chosen if self.workspace is None else chosen.where(table.c.workspace == self.workspace)

    def rows(self, statement: Executable, asked: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """What `statement` gives, each row by column name; `asked` are the values of its `bindparam`s."""
        return cast("list[Mapping[str, Any]]", self.connection.execute(statement, asked).mappings().all())

    def row(self, statement: Executable, asked: Mapping[str, Any] | None = None) -> Mapping[str, Any] | None:
        """The first row of what `statement` gives, by column name."""
        return cast("Mapping[str, Any] | None", self.connection.execute(statement, asked).mappings().first())

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

    @property
    def number_key(self) -> bytes:
        """Under which this house hashes numbers. Raises `number_key.KeysWrong`."""
        kept: NumberKey = self.connection.get_execution_options()["relance_number_key"]
        return kept.opened(self)

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


@dataclass(frozen=True, slots=True)
class Glance:
    """A connection that is asked one question. See `Database.glance`."""

    _driver: Any
    _dialect: Dialect

    def quick(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `Transaction.quick`."""
        return _asked(self._driver, self._dialect, statement, values)


class Database:
    """One per process. `write` and `read` give a `Transaction`; it commits at the end and rolls back on an error."""

    def __init__(
        self, url: str, *, public_url: str = "", shared: bool = False, vault: Vault | None = None
    ) -> None:
        """`shared`: other processes of this house write the same SQLite file all the time; `vault`: for whoever asks
        about people."""
        # Without a driver in the address, SQLAlchemy would look for one that we do not have.
        url = url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        # SQLite has one writer: queueing here is fair and cheap, its busy loop is neither.
        self._writer = threading.RLock() if self.is_sqlite else None
        self._kept: Connection | None = None
        self._glancing: list[PoolProxiedConnection] = []
        engine = _sqlite(url, shared=shared) if self.is_sqlite else _postgresql(url)
        # What short links begin with is part of a message's text, which is made wherever there is a transaction.
        self.number_key = NumberKey(vault)
        self.engine = engine.execution_options(relance_public_url=public_url, relance_number_key=self.number_key)

    @contextmanager
    def write(self, workspace: str | None = None) -> Iterator[Transaction]:
        """For work that writes. On SQLite it takes the write lock first (`BEGIN IMMEDIATE`)."""
        if self._writer is None:
            with _clear_errors(), self.engine.connect() as connection, connection.begin():
                yield Transaction(connection, workspace)
            return
        with self._writer, _clear_errors(), self._writing() as connection:
            connection.connection.info[_BEGINS] = "BEGIN IMMEDIATE"
            with connection.begin():
                yield Transaction(connection, workspace)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """SQLite's one writer keeps its connection: to take one out of the pool and to lay it back each time costs more
        than what most of them write. One with which something went wrong is not used again."""
        connection, self._kept = self._kept or self.engine.connect(), None
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._kept = connection

    @contextmanager
    def read(self, workspace: str | None = None) -> Iterator[Transaction]:
        """For work that only reads: one consistent view."""
        with _clear_errors(), self.engine.connect() as connection, connection.begin():
            yield Transaction(connection, workspace)

    @contextmanager
    def glance(self) -> Iterator[Glance]:
        """For a single question, asked by each request before anything else: no transaction of its own."""
        with _clear_errors():
            connection = self._at_hand() or self._raw()
            try:
                yield Glance(connection.driver_connection, self.engine.dialect)
            except BaseException:
                connection.close()
                raise
            if self.is_sqlite and len(self._glancing) < GLANCES:
                self._glancing.append(connection)
            else:
                connection.close()

    def _at_hand(self) -> PoolProxiedConnection | None:
        try:
            return self._glancing.pop()
        except IndexError:
            return None

    def _raw(self) -> PoolProxiedConnection:
        try:
            return self.engine.raw_connection()
        except self.engine.dialect.loaded_dbapi.OperationalError as error:
            # Nobody has made it SQLAlchemy's own yet.
            raise DatabaseAway("database_away") from error

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        while (connection := self._at_hand()) is not None:
            connection.close()
        self.engine.dispose()
        self.number_key.forget()


def _asked(
    driver: Any, dialect: Dialect, statement: str, values: Sequence[Any] | Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    try:
        found: list[tuple[Any, ...]] = driver.execute(_spelled(statement, dialect.name == "sqlite"), values).fetchall()
        return found
    except dialect.loaded_dbapi.Error as error:
        raise _as_ours(error, driver, dialect, statement) from error


def _as_ours(error: Exception, driver: Any, dialect: Dialect, statement: str) -> BaseException:
    """The driver's error as SQLAlchemy would have raised it: everybody above knows those."""
    return DBAPIError.instance(
        statement, None, error, dialect.loaded_dbapi.Error, hide_parameters=True,
        connection_invalidated=dialect.is_disconnect(error, driver, None), dialect=dialect,  # type: ignore[arg-type]
    )


@cache
def _spelled(statement: str, is_sqlite: bool) -> str:
    """With the placeholder of the database's driver."""
    return statement if is_sqlite else statement.replace("?", "%s")


def _sqlite(url: str, *, shared: bool) -> Engine:
    path = url.partition("sqlite:///")[2]
    if path not in ("", ":memory:"):
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    given = {"timeout": BUSY, "check_same_thread": False}
    engine = create_engine(url, connect_args=given, pool_size=16, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepared(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see `_begun`
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            _PATIENT,
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    # Not as a listener of the engine's events: one of those makes every statement pass all of them.
    engine.dialect.do_begin = _begun_in_turn if shared else _begun  # type: ignore[method-assign,assignment]
    return engine


_PATIENT = f"busy_timeout={BUSY * 1000:.0f}"


def _begun(connection: Any) -> None:
    connection.driver_connection.execute(connection.info.pop(_BEGINS, "BEGIN"))


def _begun_in_turn(connection: Any) -> None:
    """SQLite lets a writer that waits for another process look again ten times a second, and whoever writes without a
    pause is always quicker. So we look ourselves, every millisecond or two: with two processes that never pause the
    longest wait is 150 ms instead of 1.3 s."""
    begins, driver = connection.info.pop(_BEGINS, "BEGIN"), connection.driver_connection
    if begins == "BEGIN":
        driver.execute(begins)
        return
    ends = time.monotonic() + BUSY
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while not _has_begun(driver, begins, last=time.monotonic() > ends):
            time.sleep(random.uniform(0.0005, 0.003))  # noqa: S311
    finally:
        driver.execute(f"PRAGMA {_PATIENT}")


def _has_begun(driver: Any, begins: str, *, last: bool) -> bool:
    try:
        driver.execute(begins)
    except sqlite3.OperationalError as error:
        # The low byte names the error, the others its kind.
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


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
