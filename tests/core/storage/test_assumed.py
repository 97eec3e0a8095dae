"""A list's page and a batch of ids are found by their keys on SQLite too, however much a workspace has."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage import assumed
from core.storage.database import Database
from tests.support.schema import bring_up

SOME = "('1','2','3','4','5','6','7','8','9','10','11','12')"


@pytest.mark.parametrize(("asked", "found_by"), [
    (f"SELECT * FROM messages WHERE workspace = 'w' AND id IN {SOME}", "sqlite_autoindex_messages_1 (id=?)"),
    ("SELECT * FROM messages WHERE workspace = 'w' ORDER BY id DESC LIMIT 50", "sqlite_autoindex_messages_1"),
    ("SELECT * FROM messages WHERE workspace = 'w' AND rule = 'r' ORDER BY id DESC LIMIT 50",
     "sqlite_autoindex_messages_1"),
    (f"SELECT * FROM messages WHERE workspace = 'w' AND account = 'a' AND provider_ref IN {SOME}",
     "(account=? AND provider_ref=?)"),
    (f"SELECT * FROM occasions WHERE workspace = 'w' AND installation = 'i' AND key IN {SOME}",
     "(installation=? AND key=?)"),
    ("SELECT * FROM occasions WHERE workspace = 'w' AND (recipient = 'n' OR own_recipient = 'n')",
     "(workspace=? AND own_recipient=?)"),
    ("SELECT * FROM replies WHERE workspace = 'w' AND number = 'n' ORDER BY id DESC LIMIT 10",
     "(workspace=? AND number=?)"),
])  # fmt: skip
def test_no_plan_walks_over_all_that_a_workspace_has(tmp_path: Path, asked: str, found_by: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/relance.db")
    bring_up(database)
    with database.read() as tx:
        steps = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all()
    database.close()

    assert any(step[3].endswith(found_by) for step in steps), steps


@pytest.mark.parametrize(("columns", "unique", "partial", "said"), [
    (["workspace", "state", "due_at"], False, False, "1000000 500000 62500 1"),
    (["id"], True, False, "1000000 1"),
    (["workspace", "key"], True, False, "1000000 500000 1"),
    (["held_by"], False, True, "10000 100"),
])  # fmt: skip
def test_each_column_narrows_by_as_many_values_as_it_has(
    columns: list[str], unique: bool, partial: bool, said: str
) -> None:
    assert assumed.figure(columns, unique=unique, partial=partial) == said
