"""What SQLite is told of sizes, so that its plans are from the first day those of a house that has lived.

Without figures it takes every index for a narrow one: that of a workspace, behind which lies all that a company has,
seems as good as a key, and a page of a list sorts a million messages. Its own count (ANALYZE) would see the house of
one moment, and plans would change behind our back. So it gets the figures of a large house, the same everywhere
(SQLite, "Database File Format", the table sqlite_stat1). PostgreSQL counts for itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

ROWS = 1_000_000
IN_PART = ROWS // 100
"""Of an index that holds some of the rows only."""
DISTINCT = {
    "workspace": 2, "installation": 10, "account": 4, "adapter": 5, "rule": 20, "campaign": 100, "state": 8,
    "kind": 5, "class": 4, "channel": 4, "what": 50, "scope": 3, "meaning": 8, "webhook": 4, "held_by": 100,
    "priority": 4, "day": 400, "language": 4,
}  # fmt: skip
"""Values that a column has; any other has nearly as many as there are rows."""
MANY = ROWS // 4


def tell(connection: Connection) -> None:
    """Writes the figures of all tables and indexes that there are. In a transaction, on SQLite."""
    connection.exec_driver_sql("ANALYZE sqlite_schema")
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    found = connection.exec_driver_sql("SELECT m.name, i.name, i.\"unique\", i.partial FROM sqlite_schema m"
                                       " JOIN pragma_index_list(m.name) i WHERE m.type = 'table'").all()
    figures = []
    for table, index, unique, partial in found:
        columns = connection.exec_driver_sql("SELECT name FROM pragma_index_info(?)", (index,)).scalars().all()
        figures.append((table, index, figure(columns, unique=bool(unique), partial=bool(partial))))
    if figures:
        connection.exec_driver_sql("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", figures)
    connection.exec_driver_sql("ANALYZE sqlite_schema")


def figure(columns: Sequence[str | None], *, unique: bool = False, partial: bool = False) -> str:
    """How many rows an index has, and then how many share the values of its first column, of its first two, …"""
    rows = IN_PART if partial else ROWS
    share, said = rows, [rows]
    for column in columns:
        share = max(1, share // DISTINCT.get(column or "", MANY))
        said.append(share)
    if unique:
        said[-1] = 1
    return " ".join(map(str, said))
