"""Another program holds SQLite's one lock for a while: callers wait a moment, and never hear of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.storage import backups
from core.storage.database import Database
from tests.support.running import Running

ROOT = Path(__file__).parents[3]
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


def test_among_processes_that_write_without_a_pause_everybody_gets_a_turn(tmp_path: Path) -> None:
    """As several workers do on one file: SQLite's own waiting looks ten times a second, and is always too late."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    database = Database(url, shared=True)
    with database.write() as tx:
        tx.connection.exec_driver_sql("CREATE TABLE notes (number INTEGER, said TEXT)")
    writers = [subprocess.Popen([sys.executable, "-c", GREEDY, url], cwd=ROOT) for _ in range(2)]
    try:
        until = time.monotonic() + 30
        while _noted(database) < 2 * 256 and time.monotonic() < until:
            threading.Event().wait(0.02)
        waits = []
        for number in range(20):
            asked = time.monotonic()
            with database.write() as tx:
                waits.append(time.monotonic() - asked)
                tx.connection.exec_driver_sql("INSERT INTO notes VALUES (?, 'mine')", (number,))
        assert all(writer.poll() is None for writer in writers)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    assert max(waits) < 5
    assert _noted(database, "mine") == 20
    assert backups.whole(database) == "ok"
    database.close()


def _noted(database: Database, said: str = "") -> int:
    with database.read() as tx:
        return int(tx.quick("SELECT count(*) FROM notes WHERE said LIKE ?", (f"{said}%",))[0][0])


GREEDY = """
import sys
from core.storage.database import Database
database = Database(sys.argv[1], shared=True)
while True:
    with database.write() as tx:
        tx.quick_many("INSERT INTO notes VALUES (?, ?)", [(1, "x" * 300)] * 256)
"""
