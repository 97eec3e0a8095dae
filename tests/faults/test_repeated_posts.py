"""kill -9 while programs post messages: who repeats a request with its key gets one message, and always the same."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet
from sqlalchemy import func, select

from core.secrets import Vault
from core.storage import access, house
from core.storage import tables as t
from core.storage.database import Database
from core.storage.migrate import upgrade

AHEAD = (datetime.now(UTC) + timedelta(days=3)).replace(hour=12).isoformat()


class Web:
    """A web process on a port of its own, and what it answered: key → ids."""

    def __init__(self, folder: Path, url: str) -> None:
        secret = Fernet.generate_key().decode()
        self.folder, self.database = folder, Database(url, vault=Vault((secret,)))
        upgrade(self.database)
        now = datetime.now(UTC)
        with self.database.write() as tx:
            workspace = house.add_workspace(tx, "Cabinet", {}, now)
        with self.database.write(workspace) as tx:
            _, self.key = access.add_key(tx, "tests", now, test=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.said = {"data_dir": str(folder), "database_url": self.database.url, "port": self.port,
                     "key": secret}  # fmt: skip
        self.answers: dict[str, set[str]] = defaultdict(set)
        self.odd: list[tuple[int, str]] = []
        self.served = 0
        self._lock = threading.Lock()
        self._kill_at: int | None = None
        self.process: subprocess.Popen[str] | None = None

    def start(self, kill_at: int | None = None) -> None:
        with self._lock:
            self.served, self._kill_at = 0, kill_at
        with (self.folder / "web.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.web_process", json.dumps(self.said)],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=Path(__file__).parents[2],
            )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def gone(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def post(self, key: str) -> None:
        """One POST with that key; a cut is no answer."""
        assert self.process is not None
        with self._lock:
            self.served += 1
            last = self.served == self._kill_at
        if last:
            # Others are in the air just now, at every stage of their way.
            threading.Timer(random.Random(key).uniform(0, 0.02), self.process.kill).start()
        body = {"to": "+33639980001", "class": "otp", "body": f"Code {key}", "send_at": AHEAD}
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        try:
            answer = requests.post(f"http://127.0.0.1:{self.port}/v1/messages", json=body, headers=headers, timeout=20)
        except requests.RequestException:
            return
        with self._lock:
            if answer.status_code in (200, 201, 202):
                self.answers[key].add(answer.json()["id"])
            elif answer.status_code not in (409, 429, 503):
                self.odd.append((answer.status_code, answer.text[:200]))

    def count(self) -> int:
        with self.database.read() as tx:
            return int(tx.connection.execute(select(func.count()).select_from(t.messages)).scalar() or 0)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        address: str = request.getfixturevalue("postgres_database")
        return address
    return f"sqlite:///{tmp_path / 'relance.db'}"


@pytest.mark.parametrize(("posts", "kills"), [(60, 1), pytest.param(1000, 20, marks=pytest.mark.slow)])
def test_a_post_repeated_with_its_key_after_a_cut_is_one_message(
    tmp_path: Path, url: str, posts: int, kills: int
) -> None:
    web = Web(tmp_path, url)
    dice = random.Random(5)
    keys = [f"key-{index}" for index in range(posts)]
    try:
        with ThreadPoolExecutor(8) as callers:
            for _ in range(kills):
                open_ones = [key for key in keys if key not in web.answers] or keys[:10]
                web.start(kill_at=dice.randint(1, max(2, len(open_ones) // 2)))
                list(callers.map(web.post, open_ones))
                web.gone()
            web.start()
            for _ in range(20):
                open_ones = [key for key in keys if key not in web.answers]
                if not open_ones:
                    break
                list(callers.map(web.post, open_ones))
            # And once more all of them, answered before or not.
            list(callers.map(web.post, keys))
        assert web.odd == []
        assert {key: len(web.answers[key]) for key in keys} == dict.fromkeys(keys, 1)
        assert web.count() == posts
        assert len({name for found in web.answers.values() for name in found}) == posts
    finally:
        web.gone()
        web.database.close()
