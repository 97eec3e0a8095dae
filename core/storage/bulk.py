"""Many rows in one statement, without SQLAlchemy's work for each row: for what every message costs.

On SQLite the driver's own `executemany` takes plain tuples. On PostgreSQL, where that would be one statement for each
row, the columns travel as arrays and are one statement (`unnest`): a tenth of the CPU on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

from core.storage.database import Transaction
from core.storage.tables import Json, Moment, as_json, micros

_Row = Mapping[str, Any]
_Only = tuple[tuple[str, str], ...]
_Bind = Callable[[Sequence[Any]], list[Any]]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert(tx: Transaction, table: Table, rows: Sequence[_Row]) -> None:
    """Inserts `rows`, which all have the same columns."""
    if not rows:
        return
    names = tuple(rows[0])
    columns = _values(table, names, rows)
    if tx.is_sqlite:
        tx.quick_many(_insert_each(table, names), list(zip(*columns, strict=True)))
    else:
        tx.connection.exec_driver_sql(_insert_all(table, names), tuple(columns))


def insert_tuples(tx: Transaction, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """The same for rows whose values are as the driver takes them already, in the order of `names`."""
    if tx.is_sqlite:
        tx.quick_many(_insert_each(table, names), rows)
    else:
        columns = tuple([*column] for column in zip(*rows, strict=True))
        tx.connection.exec_driver_sql(_insert_all(table, names), columns)


def update(tx: Transaction, table: Table, keys: Sequence[str], rows: Sequence[_Row], *, only: _Only = ()) -> int:
    """Updates the row of `table` that has the same `keys` as each of `rows`, and in whose columns `only` stand these
    words, to the other columns of `rows`; how many there were. Each of `rows` has the same columns."""
    if not rows:
        return 0
    # The values come first, as they do in the statement.
    names = (*(name for name in rows[0] if name not in keys), *keys)
    columns = _values(table, names, rows)
    if tx.is_sqlite:
        return tx.quick_many(_update_each(table, names, tuple(keys), only), list(zip(*columns, strict=True)))
    done = tx.connection.exec_driver_sql(_update_all(table, names, tuple(keys), only), tuple(columns))
    return int(done.rowcount)


def _values(table: Table, names: Sequence[str], rows: Sequence[_Row]) -> list[list[Any]]:
    """Column by column, as the driver takes them."""
    columns = []
    for name, bind in zip(names, _binds(table, tuple(names)), strict=True):
        values = [row[name] for row in rows]
        columns.append(bind(values) if bind else values)
    return columns


@cache
def _binds(table: Table, names: tuple[str, ...]) -> tuple[_Bind | None, ...]:
    return tuple(_bind(table.c[name]) for name in names)


def _bind(column: Column[Any]) -> _Bind | None:
    kind = column.type
    if isinstance(kind, Moment):
        return _moments
    if isinstance(kind, Json):
        return lambda values: [None if value is None else as_json(value) for value in values]
    if isinstance(kind, TypeDecorator):
        return lambda values: [kind.process_bind_param(value, _DIALECT) for value in values]
    return None


def _moments(values: Sequence[datetime | None]) -> list[int | None]:
    """In most columns it is one moment for all rows: it is reckoned once."""
    kept: list[int | None] = []
    last, so = None, None
    for value in values:
        if value is not last:
            last, so = value, None if value is None else micros(value)
        kept.append(so)
    return kept


# Names of tables and columns below come from `core.storage.tables` alone, and words from its states: nothing that came
# from outside is ever part of a statement's text.


@cache
def _insert_each(table: Table, names: tuple[str, ...]) -> str:
    columns = ", ".join(map(_quoted, names))
    return f"INSERT INTO {_quoted(table.name)} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608  # nosec B608


@cache
def _insert_all(table: Table, names: tuple[str, ...]) -> str:
    columns = ", ".join(map(_quoted, names))
    return f"INSERT INTO {_quoted(table.name)} ({columns}) SELECT * FROM unnest({_arrays(table, names)})"  # noqa: S608  # nosec B608


@cache
def _update_each(table: Table, names: tuple[str, ...], keys: tuple[str, ...], only: _Only) -> str:
    new = ", ".join(f"{_quoted(name)} = ?" for name in names if name not in keys)
    same = [f"{_quoted(name)} = ?" for name in keys] + [f"{_quoted(name)} = '{word}'" for name, word in only]
    return f"UPDATE {_quoted(table.name)} SET {new} WHERE {' AND '.join(same)}"  # noqa: S608  # nosec B608


@cache
def _update_all(table: Table, names: tuple[str, ...], keys: tuple[str, ...], only: _Only) -> str:
    new = ", ".join(f"{_quoted(name)} = new.{_quoted(name)}" for name in names if name not in keys)
    same = [f"old.{_quoted(name)} = new.{_quoted(name)}" for name in keys]
    same += [f"old.{_quoted(name)} = '{word}'" for name, word in only]
    columns = ", ".join(map(_quoted, names))
    return (
        f"UPDATE {_quoted(table.name)} AS old SET {new} "  # noqa: S608  # nosec B608
        f"FROM unnest({_arrays(table, names)}) AS new ({columns}) WHERE {' AND '.join(same)}"
    )


def _arrays(table: Table, names: Sequence[str]) -> str:
    return ", ".join(f"%s::{_array_of(table.c[name])}[]" for name in names)


def _array_of(column: Column[Any]) -> str:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    for known, name in ((BigInteger, "bigint"), (Integer, "integer"), (Boolean, "boolean"), (LargeBinary, "bytea")):
        if isinstance(kind, known):
            return name
    return "text"


def _quoted(name: str) -> str:
    # Names and words are ours, from the schema.
    return f'"{name}"'
