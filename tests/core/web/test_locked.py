"""Another program holds SQLite's one lock for a while: callers wait a moment, and never hear of it."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.running import Running

GOOD = {"to": "+33639980001", "class": "transactional", "body": "Bonjour"}


def test_a_locked_database_makes_callers_wait_and_not_fail(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        other = sqlite3.connect(tmp_path / "relance.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        let_go = threading.Timer(1.0, other.execute, ["ROLLBACK"])
        let_go.start()
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _: relance.client.post("/v1/messages", GOOD), range(12)))
        let_go.join()
        other.close()

        assert {answer.status_code for answer in answers} == {201}
        assert max(answer.elapsed.total_seconds() for answer in answers) >= 0.9, "they did wait"
        assert all("locked" not in answer.text for answer in answers)
        relance.settle()
        assert len(relance.phones()) == 12


def test_a_long_reader_holds_nobody_up(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        reader = sqlite3.connect(tmp_path / "relance.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()

        answers = [relance.client.post("/v1/messages", GOOD) for _ in range(5)]
        relance.settle()

        assert {answer.status_code for answer in answers} == {201}
        assert len(relance.phones()) == 5
        reader.close()
