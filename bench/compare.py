"""The same work by Relance and by what people would pick instead, in turns within one run: only the ratios count.

The work: a message that is stored in a durable database, one POST to a provider on loopback, recorded as sent. Counted
are user and system CPU seconds of all worker processes from the moment they are warm; neither the provider, nor the
database's server, nor the broker is in it, on either side.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import psycopg
import redis
from sqlalchemy import text

from bench import houses
from bench.processes import cpu, family, named, peak_memory, running
from bench.provider import provider
from core import memory
from core.engine import dispatch
from core.engine.journal import Journal
from core.ids import new_id

WARM = 300
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds for 1,000 messages, messages a second, and CPU seconds of the database's server for 1,000."""

    cpu: float
    rate: float
    database: float
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """Where things are: two databases that may be emptied, and the Python that has the other queues."""

    ours: str
    theirs: str
    redis: str
    python: str


@dataclass(frozen=True, slots=True)
class Other:
    """A queue: its module below `bench.others`, how its workers start, what its environment says."""

    name: str
    module: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


_CELERY = ("-m", "celery", "-A", "bench.others.on_celery", "worker", "-c", "2", "-l", "error",
           "--without-gossip", "--without-mingle")
OTHERS = (
    Other("Celery + Redis, requests", "on_celery", _CELERY),
    Other("Celery + RabbitMQ, requests", "on_celery", _CELERY, (("RELANCE_BENCH_BROKER", "amqp"),)),
    Other("Dramatiq + Redis, requests", "on_dramatiq",
          ("-m", "dramatiq", "-p", "2", "-t", "4", "bench.others.on_dramatiq")),
    Other("Huey + Redis, requests", "on_huey",
          ("-m", "huey.bin.huey_consumer", "bench.others.on_huey.huey", "-w", "4", "-q")),
    Other("Taskiq + Redis streams, aiohttp", "on_taskiq",
          ("-m", "taskiq", "worker", "bench.others.on_taskiq:broker", "--workers", "1", "--max-async-tasks", "64",
           "--log-level", "ERROR")),
)


def comparing(setting: Setting, *, ours: int, theirs: int, rounds: int) -> Iterator[tuple[str, str]]:
    """Lines of (what, figure): each in each round, medians of the rounds, and the ratios."""
    everyone: dict[str, Callable[[], Cost]] = {
        "Relance, embedded, SQLite": lambda: embedded("", ours),
        "Relance, embedded, PostgreSQL": lambda: embedded(setting.ours, ours),
        "Relance, distributed, PostgreSQL, 1 process": lambda: distributed(setting, ours, 1),
        "Relance, distributed, PostgreSQL, 2 processes": lambda: distributed(setting, ours, 2),
    }
    for other in OTHERS:
        everyone[other.name] = lambda other=other: queued(setting, other, theirs)  # type: ignore[misc]
    costs: dict[str, list[Cost]] = {name: [] for name in everyone}
    for number in range(rounds):
        for name, measure in everyone.items():
            cost = measure()
            costs[name].append(cost)
            print(f"round {number + 1}: {name}: {cost}", file=sys.stderr, flush=True)
    middle = {name: statistics.median(cost.cpu for cost in found) for name, found in costs.items()}
    for name, found in costs.items():
        yield name, (
            f"{middle[name]:.3f} CPU-s per 1,000, {statistics.median(one.rate for one in found):,.0f} messages/s; "
            f"database server {statistics.median(one.database for one in found):.3f}; "
            f"{max(one.memory for one in found)} MB"
        )
    celery = middle["Celery + Redis, requests"]
    cheapest = min((middle[other.name], other.name) for other in OTHERS)
    for name in list(everyone)[:4]:
        yield f"{name}: how many times cheaper", (
            f"{celery / middle[name]:.1f} than Celery + Redis, {cheapest[0] / middle[name]:.1f} than {cheapest[1]}"
        )


def embedded(url: str, count: int) -> Cost:
    """The engine's own loop in this process."""
    with provider() as (address, answered), houses.fresh(address, url) as house:
        suite = house.suite
        houses.fill(house, WARM, houses.NOON)
        journal = Journal(suite.settings.data_dir / "journal", new_id("own"))
        sender = dispatch.Sender(suite, journal)
        while sender.turn():
            pass
        houses.fill(house, count, houses.NOON)
        memory.settle()  # As every process of ours does when it has started.
        server = _server()
        began, used, theirs = time.perf_counter(), time.process_time(), cpu(server)
        while sender.turn():
            pass
        sender.rest()
        used, took = time.process_time() - used, time.perf_counter() - began
        theirs = cpu(_server()) - theirs if url else 0.0
        journal.close()
        if answered.value != count + WARM:
            raise SystemExit(f"the provider answered {answered.value} of {count + WARM}")
    return Cost(used / count * 1000, count / took, theirs / count * 1000, peak_memory([os.getpid()]))


def distributed(setting: Setting, count: int, processes: int) -> Cost:
    """`relance worker` on its own, as it is deployed: Celery's parent process and beat are in the figure."""
    with provider() as (address, answered), houses.fresh(address, setting.ours, broker=setting.redis) as house:
        redis.Redis.from_url(setting.redis).flushdb()
        houses.fill(house, count + WARM, houses.NOON)
        folder = house.suite.settings.data_dir
        command = [sys.executable, "-m", "core.cli", "worker", "--beat", "--concurrency", str(processes)]

        def left() -> int:
            with house.suite.database.read() as tx:
                waiting = tx.connection.execute(text("SELECT count(*) FROM messages WHERE state <> 'sent'")).scalar()
            return int(waiting or 0)

        with running(command, house.env, folder) as pid:
            return _watched(pid, answered, count + WARM, left, folder)


def queued(setting: Setting, other: Other, count: int) -> Cost:
    """One of the others: filled first, then its workers start, as ours do."""
    total = count + WARM
    with provider() as (address, answered), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = {"RELANCE_BENCH_OTHERS_URL": setting.theirs, "RELANCE_BENCH_REDIS_URL": setting.redis,
               "RELANCE_BENCH_PROVIDER": address, **dict(other.env)}
        redis.Redis.from_url(setting.redis).flushdb()
        with psycopg.connect(setting.theirs, autocommit=True) as database:
            database.execute("DROP TABLE IF EXISTS waiting")
            database.execute("CREATE TABLE waiting (id bigint PRIMARY KEY, recipient text NOT NULL, body text NOT NULL,"
                             " state text NOT NULL, provider_ref text, sent_at timestamptz)")
            database.execute("INSERT INTO waiting SELECT n, '+336' || lpad(n::text, 8, '0'), 'Bonjour, votre"
                             " rendez-vous est demain à 9h' || n %% 60 || '.', 'scheduled' "
                             "FROM generate_series(1, %s) n", (total,))

            def left() -> int:
                row = database.execute("SELECT count(*) FROM waiting WHERE state <> 'sent'").fetchone()
                return int(row[0]) if row else 0

            produce = [setting.python, "-m", "bench.others", other.module]
            subprocess.run([*produce, "enqueue", "1", str(total + 1)], env={**os.environ, **env}, check=True)
            with running([setting.python, *other.command], env, folder) as pid:
                cost = _watched(pid, answered, total, left, folder)
            subprocess.run([*produce, "forget"], env={**os.environ, **env}, check=True)
            database.execute("DROP TABLE waiting")
        redis.Redis.from_url(setting.redis).flushdb()
    return cost


def _watched(pid: int, answered: Synchronized[int], total: int, left: Callable[[], int], folder: Path) -> Cost:
    """From the moment `WARM` messages are answered until the last is recorded."""
    deadline = time.monotonic() + PATIENCE
    while answered.value < WARM:
        _patient(deadline, folder, answered, total)
    members, server = family(pid), _server()
    began, used, theirs, first = time.perf_counter(), cpu(members), cpu(server), answered.value
    while answered.value < total:
        _patient(deadline, folder, answered, total)
    took = time.perf_counter() - began
    while left():
        _patient(deadline, folder, answered, total)
    members = family(pid)
    count = total - first
    return Cost((cpu(members) - used) / count * 1000, count / took, (cpu(_server()) - theirs) / count * 1000,
                peak_memory(members))


def _patient(deadline: float, folder: Path, answered: Synchronized[int], total: int) -> None:
    if time.monotonic() > deadline:
        said = (folder / "said.txt").read_text(errors="replace")[-2000:]
        raise SystemExit(f"{answered.value} of {total} after {PATIENCE:.0f} s\n{said}")
    time.sleep(0.01)


def _server() -> list[int]:
    # Its processes come and go with connections; the postmaster counts those that it has buried.
    return named("postgres")

