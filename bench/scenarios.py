"""The measurements. Each makes its own database in a temporary folder, and gives lines of (what, figure)."""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, request
from sqlalchemy import text

from bench import compare, endurance, houses, processes
from bench.provider import provider
from core import memory
from core.contract import Configured
from core.domain.events import Event, Kind
from core.domain.messages import MessageClass
from core.domain.recipients import Line, Recipient
from core.engine import applying, scheduling
from core.runners.embedded import Embedded
from core.storage import access, installations, outbox, rules
from core.web.app import create_app

Lines = Iterator[tuple[str, str]]


# ---------------------------------------------------------------------------------------------- dispatch


def dispatching(scale: float, postgres: str) -> Lines:
    """claim, last look, POST to a loopback provider, record with reasons: CPU of the whole of Relance."""
    count = int(20_000 * scale)
    for name, url in (("SQLite", ""), *((("PostgreSQL", postgres),) if postgres else ())):
        found = [compare.embedded(url, count) for _ in range(3)]
        yield (
            f"dispatch, embedded on {name}, {count:,} messages, median of 3",
            (
                f"{statistics.median(one.rate for one in found):,.0f} messages/s, "
                f"{statistics.median(one.cpu for one in found):.3f} CPU-s per 1,000"
            ),
        )


def lateness(scale: float, postgres: str) -> Lines:
    """How late the messages leave that fall due in one moment, with the real runner; and a single transactional one
    that falls due while a campaign of very many is on its way."""
    for count in (100, int(10_000 * scale)):
        with provider() as (address, _), houses.fresh(address) as house:
            due = house.suite.now() + timedelta(seconds=1 + count / 4_000)
            houses.fill(house, count, due)
            with _running(house):
                late = _left(house, count, due)
            yield (
                f"lateness, {count:,} due in one moment",
                f"median {statistics.median(late):.2f} s, p99 {_quantile(late, 0.99):.2f} s, last {max(late):.2f} s",
            )
    count = int(100_000 * scale)
    with provider() as (address, _), houses.fresh(address) as house:
        due = house.suite.now() + timedelta(seconds=1 + count / 4_000)
        houses.fill(house, count, due, klass=MessageClass.CONVERSATIONAL)
        with _running(house):
            urgent = []
            for second in range(3):
                threading.Event().wait(max((due - house.suite.now()).total_seconds(), 0) + 1)
                with house.suite.database.write(house.workspace) as tx:
                    one = next(houses.messages(1, house.suite.now(), first=count + second))
                    urgent += [(outbox.accept(tx, one, house.suite.now())[0], one[0].due_at)]
                house.suite.wake()
            late = _left(house, count, due, of="conversational")
            with house.suite.database.read() as tx:
                rows = {row["id"]: row["left_at"] for row in outbox.by_ids(tx, [one for one, _ in urgent]).values()}
        waited = [(rows[one] - at).total_seconds() for one, at in urgent]
        rate = count / max(late)
        yield (
            f"lateness, {count:,} due in one moment",
            f"last {max(late):.1f} s ({rate:,.0f}/s); a transactional one due meanwhile: {max(waited):.2f} s at most",
        )


@contextmanager
def _running(house: houses.House) -> Iterator[None]:
    runner = Embedded(house.suite)
    runner.start()
    try:
        yield
    finally:
        runner.stop()


def _left(house: houses.House, count: int, due: datetime, *, of: str = "transactional") -> list[float]:
    deadline = time.monotonic() + 170
    query = text("SELECT left_at FROM messages WHERE state = 'sent' AND class = :class")
    counted = text("SELECT count(*) FROM messages WHERE state = 'sent' AND class = :class")
    while time.monotonic() < deadline:
        with house.suite.database.read() as tx:
            if (tx.connection.execute(counted, {"class": of}).scalar() or 0) >= count:
                rows = tx.connection.execute(query, {"class": of}).all()
                epoch = datetime(1970, 1, 1, tzinfo=UTC)
                return [(epoch + timedelta(microseconds=row[0]) - due).total_seconds() for row in rows]
        threading.Event().wait(0.5)
    raise SystemExit("not all messages left in time")


def _quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


# ---------------------------------------------------------------------------------------------- backlog


def backlog(scale: float, postgres: str) -> Lines:
    """What many waiting messages cost: disk, a claim, start-up, and a process that has nothing to do."""
    yield from _backlog(int(1_000_000 * scale))


def huge(scale: float, postgres: str) -> Lines:
    """The same with ten million (6 GB of disk, a quarter of an hour); not among those that run by default."""
    yield from _backlog(int(10_000_000 * scale))


def _backlog(most: int) -> Lines:
    """Both houses stand side by side and are claimed from in turns: what else the machine does hits them alike."""
    with ExitStack() as open_houses:
        standing: dict[int, houses.House] = {}
        for count in (10_000, most):
            house = open_houses.enter_context(houses.fresh(folder=os.environ.get("RELANCE_BENCH_DIR")))
            began = time.perf_counter()
            (houses.fill if count <= 1_000_000 else houses.fill_quickly)(house, count, houses.NOON + timedelta(days=5))
            stored = count / (time.perf_counter() - began)
            yield f"backlog of {count:,}", f"stored at {stored:,.0f}/s, {houses.disk(house) / count:.0f} bytes each"
            houses.fill(house, 6_400, houses.NOON)
            standing[count] = house
        took: dict[int, list[tuple[float, float]]] = {count: [] for count in standing}
        for _ in range(100):
            for count, house in standing.items():
                took[count].append(_one_claim(house))
        (few_cpu, few), (many_cpu, many) = (
            (statistics.median(cpu for cpu, _ in found) * 1000, statistics.median(wall for _, wall in found) * 1000)
            for found in took.values()
        )
        yield (
            f"a claim of 64 with {most:,} waiting, against 10,000",
            (
                f"{many_cpu:.2f} against {few_cpu:.2f} CPU-ms: {many_cpu / few_cpu:.2f} times; "
                f"{many:.1f} against {few:.1f} ms with its commit: {many / few:.2f} times"
            ),
        )
        for house in standing.values():
            with house.suite.database.write() as tx:
                tx.connection.execute(text("UPDATE messages SET state = 'cancelled', lease = NULL "
                                           "WHERE state = 'sending'"))
        _started(standing[10_000], lambda *_: None)  # The first start compiles, as an installation has done already.
        for count, house in standing.items():
            yield f"a house with {count:,} waiting, on its own", _idle(house)


def _one_claim(house: houses.House) -> tuple[float, float]:
    """CPU seconds and seconds of one claim, commit included."""
    began, used = time.perf_counter(), time.process_time()
    with house.suite.database.write() as tx:
        later = houses.NOON + timedelta(hours=1)
        if not outbox.claim(tx, later, 64, owner="bench", lease=timedelta(minutes=5)):
            raise SystemExit("nothing was claimed")
    return time.process_time() - used, time.perf_counter() - began


def _idle(house: houses.House) -> str:
    """Starts `relance run` on that house, and watches it do nothing for half a minute, its first seconds apart."""
    found = ""

    def watched(pid: int, ready: float, starting: float) -> None:
        nonlocal found
        time.sleep(10)
        members = processes.family(pid)
        used = processes.cpu(members)
        time.sleep(30)
        used = processes.cpu(members) - used
        memory = processes.peak_memory(members)
        found = (
            f"answers {ready:.1f} s ({starting:.1f} CPU-s) after its start, "
            f"{used / 30 * 100:.2f} % of a core when idle, {memory} MB at most"
        )

    _started(house, watched)
    return found


def _started(house: houses.House, then: Callable[[int, float, float], None]) -> None:
    """Runs `relance run` on that house until `then` (process, seconds, CPU seconds till it answered) is over."""
    began = time.perf_counter()
    with houses.started(house) as (pid, _):
        then(pid, time.perf_counter() - began, processes.cpu(processes.family(pid)))


# ---------------------------------------------------------------------------------------------- plan


def planning(scale: float, postgres: str) -> Lines:
    """All open occasions planned again after a rule change, with the difference counted, then carried out."""
    count = int(100_000 * scale)
    with houses.fresh() as house:
        suite, workspace, now = house.suite, house.workspace, houses.NOON
        with suite.database.write(workspace) as tx:
            installation = installations.add(
                tx,
                suite.vault,
                "gcal_reminders",
                "bench",
                Configured({}, {}),
                now,
                zone="Europe/Paris",
                country="FR",
                pulls=False,
            )
            installations.change(tx, installation, mode="live")
            rule = rules.add(
                tx,
                {
                    "installation": installation,
                    "name": "veille",
                    "on": "appointment",
                    "class": "transactional",
                    "when": {"days": -1, "at": "18:00"},
                    "until": {"before": "PT2H"},
                    "body": "RDV le {{ start|date }} à {{ start|time }}. Répondez OUI ou NON.",
                },
                now,
            )
            row = installations.get(tx, suite.vault, installation, "")
        if row is None:
            raise SystemExit("the installation is gone")
        began = time.perf_counter()
        for first in range(0, count, 2000):
            with suite.database.write(workspace) as tx:
                applying.accept(
                    tx, row, [_appointment(number, now) for number in range(first, min(first + 2000, count))], now
                )
        yield f"intake of {count:,} appointments, planned and stored", f"{count / (time.perf_counter() - began):,.0f}/s"
        with suite.database.read(workspace) as tx:
            changed = [{**one, "when": {"days": -2, "at": "17:00"}} for one in rules.rows(tx) if one["id"] == rule]
            began, cpu = time.perf_counter(), time.process_time()
            shown = scheduling.difference(tx, now, {installation: rules.parsed(changed, {})}, {installation: True})
            yield (
                f"difference of a rule change over {count:,} appointments",
                (
                    f"{time.perf_counter() - began:.1f} s, {time.process_time() - cpu:.1f} CPU-s "
                    f"({shown.moved:,} move), memory {processes.peak_memory([os.getpid()])} MB at most"
                ),
            )


def _appointment(number: int, now: datetime) -> Event:
    start = (now + timedelta(days=5, minutes=15 * (number % 20_000))).replace(second=0)
    return Event(
        Kind.APPOINTMENT,
        f"cal/{number}",
        now,
        start=start,
        end=start + timedelta(minutes=30),
        zone="Europe/Paris",
        recipient=Recipient(f"+336{10_000_000 + number:08d}", "FR", Line.MOBILE),
        values={"title": f"RDV {number}"},
    )


# ---------------------------------------------------------------------------------------------- accept


def accepting(scale: float, postgres: str) -> Lines:
    """POST /v1/messages through the application (no socket), against a bare Flask view that inserts one row."""
    singles, batch = int(1_000 * scale), int(10_000 * scale)
    with houses.fresh() as house, tempfile.TemporaryDirectory() as folder:
        suite, workspace = house.suite, house.workspace
        with suite.database.write(workspace) as tx:
            _, key = access.add_key(tx, "bench", suite.now(), test=False)
        ours = create_app(suite).test_client()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        bare = _bare(Path(folder) / "bare.db").test_client()
        memory.settle()  # As `relance run` does when it has started; the bare view has the good of it too.
        body = orjson.dumps(_body(1))

        def single(client: Any, path: str) -> float:
            began = time.process_time()
            for _ in range(singles):
                answer = client.post(path, data=body, headers=headers)
                if answer.status_code != 201:
                    raise SystemExit(answer.get_data(as_text=True))
            return time.process_time() - began

        rounds = [(single(ours, "/v1/messages"), single(bare, "/bare")) for _ in range(3)]
        mine, theirs = (statistics.median(column) / singles * 1000 for column in zip(*rounds, strict=True))
        yield (
            "accept, one message a POST",
            f"{mine:.2f} CPU-ms each, a bare Flask view {theirs:.2f}: {mine / theirs:.1f} times",
        )
        many = orjson.dumps({"messages": [_body(number) for number in range(batch)]})
        pairs = []
        for _ in range(3):
            began = time.process_time()
            if ours.post("/v1/messages/batch", data=many, headers=headers).status_code not in (200, 201, 207):
                raise SystemExit("the batch was refused")
            middle = time.process_time()
            bare.post("/bare/batch", data=many, headers=headers)
            pairs.append((middle - began, time.process_time() - middle))
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows = statistics.median(_inserted_again(suite.database.url, batch) for _ in range(3))
        yield (
            f"accept, a batch of {batch:,}",
            (
                f"{mine:.2f} CPU-s; the bare INSERT of the rows that it stored {rows:.2f}: {mine / rows:.1f} times; a "
                f"bare view with five columns and no index {theirs:.2f}: {mine / theirs:.1f} times"
            ),
        )


def _inserted_again(url: str, count: int) -> float:
    """CPU seconds of the bare INSERT of the newest `count` messages into an empty table of the same shape: one
    statement, one commit."""
    with houses.fresh() as empty, sqlite3.connect(url.removeprefix("sqlite:///")) as full:
        rows = full.execute(f"SELECT * FROM messages ORDER BY created_at DESC LIMIT {count}").fetchall()
        into = sqlite3.connect(empty.suite.database.url.removeprefix("sqlite:///"), isolation_level=None)
        into.execute("PRAGMA synchronous=FULL")
        rows.sort(key=itemgetter(0))
        # The workspace is another one there.
        into.execute("PRAGMA foreign_keys=OFF")
        statement = f"INSERT INTO messages VALUES ({', '.join('?' * len(rows[0]))})"
        began = time.process_time()
        into.execute("BEGIN IMMEDIATE")
        into.executemany(statement, rows)
        into.execute("COMMIT")
        took = time.process_time() - began
        into.close()
        return took


def _body(number: int) -> dict[str, Any]:
    return {
        "to": f"+336{10_000_000 + number:08d}",
        "class": "transactional",
        "body": "Bonjour {{ first_name }}",
        "data": {"first_name": "Ana"},
        "send_at": "2027-12-01T18:00:00",
        "zone": "Europe/Paris",
        "reference": f"visit-{number}",
    }


def _bare(path: Path) -> Flask:
    """What one would write in an afternoon: a view, json, one INSERT, one commit."""
    app = Flask("bare")
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute('CREATE TABLE messages (id INTEGER PRIMARY KEY, "to" TEXT, body TEXT, due TEXT, reference TEXT)')
    insert = 'INSERT INTO messages ("to", body, due, reference) VALUES (:to, :body, :send_at, :reference)'

    @app.post("/bare")
    def one() -> tuple[dict[str, Any], int]:
        message = request.get_json()
        cursor = connection.execute(insert, message | {"data": None})
        return {"id": cursor.lastrowid, "state": "scheduled"}, 201

    @app.post("/bare/batch")
    def many() -> tuple[dict[str, Any], int]:
        messages = request.get_json()["messages"]
        connection.execute("BEGIN")
        connection.executemany(insert, [message | {"data": None} for message in messages])
        connection.execute("COMMIT")
        return {"results": [{"state": "scheduled"} for _ in messages]}, 201

    return app


ALL: dict[str, Callable[[float, str], Lines]] = {
    "accept": accepting,
    "plan": planning,
    "dispatch": dispatching,
    "lateness": lateness,
    "backlog": backlog,
    "huge": huge,
    "steady": endurance.steady,
    "storm": endurance.storm,
    "soak": endurance.soak,
}
ONLY_BY_NAME = frozenset({"huge", "soak"})
DEFAULT = [name for name in ALL if name not in ONLY_BY_NAME]
