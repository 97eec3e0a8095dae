"""The same work by Relance and by what people would pick instead, in turns within one run: only the ratios count.

The work: a message is accepted (stored in a durable database, and put into the queue where there is one), posted to a
provider on loopback, and recorded as sent. Counted are user and system CPU seconds, apart: of the process that accepts,
of all worker processes from the moment they are warm, of the database's server, and of the broker. The provider is in
no figure. Ours accepts as its users do, by `POST /v1/messages/batch` (keys, consent, hours, prices, an answer for
each); the others store a batch of rows, and put a task for each into the queue.
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

import orjson
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
from core.storage import access
from core.web.app import create_app

WARM = 300
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds for 1,000 messages, of whom; messages a second while they are sent; the largest worker's MB."""

    cpu: float
    rate: float
    accept: float = 0.0
    database: float = 0.0
    broker: float = 0.0
    memory: int = 0

    @property
    def whole(self) -> float:
        """All processes together."""
        return self.cpu + self.accept + self.database + self.broker


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
    Other("Celery + Redis, requests.post", "on_celery", _CELERY, (("RELANCE_BENCH_PLAIN", "yes"),)),
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
    for name, found in costs.items():
        yield name, (
            f"CPU-s per 1,000: workers {_median(found, 'cpu'):.3f}, accepting {_median(found, 'accept'):.3f}, database "
            f"server {_median(found, 'database'):.3f}, broker {_median(found, 'broker'):.3f}, all "
            f"{_median(found, 'whole'):.3f}; {_median(found, 'rate'):,.0f} messages/s; "
            f"{max(one.memory for one in found)} MB"
        )
    for what, part in (("workers", "cpu"), ("all", "whole")):
        celery, plain = (_median(costs[one], part) for one in ("Celery + Redis, requests", OTHERS[1].name))
        cheapest, least = min((_median(costs[other.name], part), other.name) for other in OTHERS)
        for name in list(everyone)[:4]:
            mine = _median(costs[name], part)
            yield f"{name}: how many times cheaper ({what})", (
                f"{celery / mine:.1f} than Celery + Redis ({plain / mine:.1f} with requests.post), "
                f"{cheapest / mine:.1f} than {least}"
            )


def _median(costs: list[Cost], part: str) -> float:
    return statistics.median(getattr(cost, part) for cost in costs)


def embedded(url: str, count: int) -> Cost:
    """The engine's own loop in this process."""
    with provider() as (address, answered), houses.fresh(address, url) as house:
        suite = house.suite
        houses.fill(house, WARM, houses.NOON)
        journal = Journal(suite.settings.data_dir / "journal", new_id("own"))
        sender = dispatch.Sender(suite, journal)
        while sender.turn():
            pass
        accept, around = _accepted(house, count)
        memory.settle()  # As every process of ours does when it has started.
        before, began, used = _servers(), time.perf_counter(), time.process_time()
        while sender.turn():
            pass
        sender.rest()
        used, took = time.process_time() - used, time.perf_counter() - began
        around = _sum(around, _since(before))
        journal.close()
        if answered.value != count + WARM:
            raise SystemExit(f"the provider answered {answered.value} of {count + WARM}")
    database = around[0] / count * 1000 if url else 0.0
    return Cost(used / count * 1000, count / took, accept / count * 1000, database, memory=peak_memory([os.getpid()]))


def distributed(setting: Setting, count: int, processes: int) -> Cost:
    """`relance worker` on its own, as it is deployed: Celery's parent process and beat are in the figure."""
    with provider() as (address, answered), houses.fresh(address, setting.ours, broker=setting.redis) as house:
        redis.Redis.from_url(setting.redis).flushdb()
        houses.fill(house, WARM, houses.NOON)
        accept, around = _accepted(house, count)
        folder = house.suite.settings.data_dir
        command = [sys.executable, "-m", "core.cli", "worker", "--beat", "--concurrency", str(processes)]

        def left() -> int:
            with house.suite.database.read() as tx:
                waiting = tx.connection.execute(text("SELECT count(*) FROM messages WHERE state <> 'sent'")).scalar()
            return int(waiting or 0)

        with running(command, house.env, folder) as pid:
            return _watched(pid, answered, count + WARM, left, folder, (accept / count, around, count))


def _accepted(house: houses.House, count: int) -> tuple[float, tuple[float, float]]:
    """`count` messages by the API, in batches: CPU seconds here, and of (database, broker)."""
    with house.suite.database.write(house.workspace) as tx:
        _, key = access.add_key(tx, "bench", house.suite.now(), test=False)
    client = create_app(house.suite).test_client()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    pages = [
        orjson.dumps({"messages": [
            {"to": one.to, "class": one.message_class.value, "body": one.text} for one in page
        ]})
        for page in houses.messages(count, houses.NOON, first=WARM)
    ]
    before, used = _servers(), time.process_time()
    for page in pages:
        answer = client.post("/v1/messages/batch", data=page, headers=headers)
        if answer.status_code not in (200, 201, 207):
            raise SystemExit(answer.get_data(as_text=True))
    return time.process_time() - used, _since(before)


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

            def left() -> int:
                row = database.execute("SELECT count(*) FROM waiting WHERE state <> 'sent'").fetchone()
                return int(row[0]) if row else 0

            produce = [setting.python, "-m", "bench.others", other.module]
            before = _servers()
            said = subprocess.run([*produce, "accept", "1", str(total + 1)], env={**os.environ, **env}, check=True,
                                  stdout=subprocess.PIPE, text=True)
            around = _since(before)
            with running([setting.python, *other.command], env, folder) as pid:
                cost = _watched(pid, answered, total, left, folder, (float(said.stdout) / total, around, total))
            subprocess.run([*produce, "forget"], env={**os.environ, **env}, check=True)
            database.execute("DROP TABLE waiting")
        redis.Redis.from_url(setting.redis).flushdb()
    return cost


def _watched(
    pid: int, answered: Synchronized[int], total: int, left: Callable[[], int], folder: Path,
    accepted: tuple[float, tuple[float, float], int],
) -> Cost:
    """From the moment `WARM` messages are answered until the last is recorded. `accepted`: CPU seconds for each
    message, of (database, broker) in all, and of how many."""
    deadline = time.monotonic() + PATIENCE
    while answered.value < WARM:
        _patient(deadline, folder, answered, total)
    members, before = family(pid), _servers()
    began, used, first = time.perf_counter(), cpu(members), answered.value
    while answered.value < total:
        _patient(deadline, folder, answered, total)
    took = time.perf_counter() - began
    while left():
        _patient(deadline, folder, answered, total)
    members = family(pid)
    count = total - first
    each, around, of = accepted
    database, broker = (mine / count + theirs / of for mine, theirs in zip(_since(before), around, strict=True))
    return Cost((cpu(members) - used) / count * 1000, count / took, each * 1000, database * 1000, broker * 1000,
                peak_memory(members))


def _patient(deadline: float, folder: Path, answered: Synchronized[int], total: int) -> None:
    if time.monotonic() > deadline:
        said = (folder / "said.txt").read_text(errors="replace")[-2000:]
        raise SystemExit(f"{answered.value} of {total} after {PATIENCE:.0f} s\n{said}")
    time.sleep(0.01)


def _servers() -> tuple[float, float]:
    # Processes of the database come and go with connections; the postmaster counts those that it has buried.
    return cpu(named("postgres")), cpu(named("redis-server") + named("beam.smp"))


def _since(before: tuple[float, float]) -> tuple[float, float]:
    now = _servers()
    return now[0] - before[0], now[1] - before[1]


def _sum(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]
