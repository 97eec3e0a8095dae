"""A fresh house to measure in: its database, its only workspace, an account at the provider on loopback, messages."""

from __future__ import annotations

import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from bench import processes
from core.contract import Configured
from core.domain.messages import Channel, MessageClass
from core.settings import Settings
from core.storage import accounts, house, migrate, outbox
from core.suite import Suite, build_suite

NOON = datetime(2026, 12, 1, 11, 0, tzinfo=UTC)
"""A moment at which the law lets everything leave."""


@dataclass(frozen=True, slots=True)
class House:
    """A suite, its only workspace, and the environment that another process needs to belong to it."""

    suite: Suite
    workspace: str
    env: dict[str, str]


@contextmanager
def fresh(
    provider_url: str = "", postgres: str = "", *, broker: str = "", folder: str | None = None
) -> Iterator[House]:
    """On SQLite in a temporary folder (below `folder`), or on the database `postgres`, which is emptied. With a
    `broker`, a distributed one."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        env = {"RELANCE_DATA_DIR": data, "RELANCE_MODE": "test", "RELANCE_ALLOW_PRIVATE_ADDRESSES": "true",
               "RELANCE_LOG_LEVEL": "warning"}
        if provider_url:
            env["RELANCE_SMSMODE_URL"] = provider_url
        if postgres:
            env["RELANCE_DATABASE_URL"] = postgres
        suite = build_suite(Settings.read(env))
        # The key that was made just now is for all processes of this house.
        if broker:
            env |= {"RELANCE_RUNNER": "distributed", "RELANCE_BROKER_URL": broker,
                    "RELANCE_SECRET_KEYS": ",".join(suite.settings.secret_keys)}
        if postgres:
            with suite.database.write() as tx:
                tx.connection.execute(text("DROP SCHEMA public CASCADE"))
                tx.connection.execute(text("CREATE SCHEMA public"))
        migrate.upgrade(suite.database)
        with suite.database.write() as tx:
            workspace = house.add_workspace(tx, "bench", {}, suite.now())
        if provider_url:
            with suite.database.write(workspace) as tx:
                accounts.add(tx, suite.vault, "smsmode", "loopback", Configured({}, {"api_key": "k"}), suite.now(),
                             public_url=suite.public_url)
        turn_to(suite, NOON)
        try:
            yield House(suite, workspace, env)
        finally:
            suite.database.close()


@contextmanager
def started(house: House) -> Iterator[tuple[int, str]]:
    """`relance run` on that house: its process, and the address at which it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    keys = ",".join(house.suite.settings.secret_keys)
    env = house.env | {"RELANCE_LISTEN": address, "RELANCE_SECRET_KEYS": keys}
    began = time.perf_counter()
    folder = house.suite.settings.data_dir
    with processes.running([sys.executable, "-m", "core.cli", "run"], env, folder) as pid:
        while not _answers(address):
            if time.perf_counter() - began > 60:
                raise SystemExit((folder / "said.txt").read_text(errors="replace")[-2000:])
            time.sleep(0.02)
        yield pid, address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def turn_to(suite: Suite, moment: datetime) -> None:
    """Turns the house's clock, for this process and all others of it."""
    real = suite.now() - suite.clock.turned
    with suite.database.write() as tx:
        house.set_value(tx, "clock_turned_seconds", (moment - real).total_seconds(), real)
    suite.clock.turned = moment - real


def messages(
    count: int, due: datetime, *, klass: MessageClass = MessageClass.TRANSACTIONAL, first: int = 0
) -> Iterator[list[outbox.New]]:
    """Pages of messages that are due at `due`, each to a number of its own."""
    for start in range(first, first + count, 5000):
        yield [
            outbox.New(
                to=f"+336{10_000_000 + number:08d}",
                country="FR",
                text=f"Bonjour, votre rendez-vous est demain à 9h{number % 60:02d}.",
                encoding="GSM-7",
                segments=1,
                message_class=klass,
                channels=(Channel.SMS,),
                due_at=due,
                expires_at=due + timedelta(days=2),
                price_micros=52_000,
                currency="EUR",
            )
            for number in range(start, min(start + 5000, first + count))
        ]


def fill(of: House, count: int, due: datetime, *, klass: MessageClass = MessageClass.TRANSACTIONAL) -> None:
    """Stores messages, a page in each transaction."""
    for page in messages(count, due, klass=klass):
        with of.suite.database.write(of.workspace) as tx:
            outbox.accept(tx, page, of.suite.now())


def fill_quickly(of: House, count: int, due: datetime) -> None:
    """The same rows on SQLite, without what it costs to make them: the first is stored as always, the others are copies
    of it with ids, numbers and texts of their own, and the indexes are made when all are there."""
    fill(of, 1, due)
    with of.suite.database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        if raw is None:
            raise RuntimeError("not connected")
        names = [row[1] for row in raw.execute("PRAGMA table_info(messages)")]
        # Ids in the order of time, as ours are; neighbours in time are no neighbours in the index of numbers.
        own = {"id": "printf('msg_%026d', n)", "to": "printf('+336%08d', n * 7368787 % 100000000)",
               "text": "printf('Bonjour, votre rendez-vous est demain à 9h%02d.', n % 60)"}
        columns = ", ".join(own.get(name, f'"{name}"') for name in names)
        indexes = raw.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = 'messages' AND type = 'index' "
                              "AND sql IS NOT NULL").fetchall()
        for name, _ in indexes:
            raw.execute(f'DROP INDEX "{name}"')
        raw.execute("CREATE TEMP TABLE first AS SELECT * FROM messages ORDER BY due_at DESC LIMIT 1")
        for start in range(1, count, 100_000):
            raw.execute("BEGIN IMMEDIATE")
            raw.execute(
                f"INSERT INTO messages WITH RECURSIVE ns(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM ns "
                f"WHERE n + 1 < {min(start + 100_000, count)}) SELECT {columns} FROM ns, first"
            )
            raw.execute("COMMIT")
        for _, sql in indexes:
            raw.execute(sql)


def disk(of: House) -> int:
    """Bytes of the database on disk."""
    if of.suite.database.is_sqlite:
        path = Path(of.suite.database.url.removeprefix("sqlite:///"))
        with of.suite.database.engine.connect() as connection:
            raw = connection.connection.driver_connection
            if raw is not None:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.stat().st_size
    with of.suite.database.read() as tx:
        return int(tx.connection.execute(text("SELECT pg_database_size(current_database())")).scalar() or 0)
