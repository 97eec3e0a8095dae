"""The measurements. Each makes its own database in a temporary folder, and gives lines of (what, figure)."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, request
from sqlalchemy import text

from bench.provider import provider
from core.contract import Configured
from core.domain.events import Event, Kind
from core.domain.messages import Channel, MessageClass
from core.domain.recipients import Line, Recipient
from core.engine import dispatch, intake, scheduling
from core.engine.journal import Journal
from core.ids import new_id
from core.runners.embedded import Embedded
from core.settings import Settings
from core.storage import access, accounts, house, installations, migrate, outbox, rules
from core.suite import Suite, build_suite
from core.web.app import create_app

Lines = Iterator[tuple[str, str]]


@contextmanager
def _suite(provider_url: str = "", postgres: str = "") -> Iterator[tuple[Suite, str]]:
    """A suite on a fresh database, and its only workspace."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"RELANCE_DATA_DIR": folder, "RELANCE_MODE": "test", "RELANCE_ALLOW_PRIVATE_ADDRESSES": "true"}
        if provider_url:
            env["RELANCE_SMSMODE_URL"] = provider_url
        if postgres:
            env["RELANCE_DATABASE_URL"] = postgres
        suite = build_suite(Settings.read(env))
        if postgres:
            with suite.database.write() as tx:
                tx.connection.execute(text("DROP SCHEMA public CASCADE"))
                tx.connection.execute(text("CREATE SCHEMA public"))
        migrate.upgrade(suite.database)
        with suite.database.write() as tx:
            workspace = house.add_workspace(tx, "bench", {}, suite.now())
        if provider_url:
            with suite.database.write(workspace) as tx:
                accounts.add(
                    tx,
                    suite.vault,
                    "smsmode",
                    "loopback",
                    Configured({}, {"api_key": "k"}),
                    suite.now(),
                    public_url=suite.public_url,
                )
        try:
            yield suite, workspace
        finally:
            suite.database.close()


def _messages(
    count: int, due: datetime, *, klass: MessageClass = MessageClass.TRANSACTIONAL
) -> Iterator[list[outbox.New]]:
    for first in range(0, count, 5000):
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
            for number in range(first, min(first + 5000, count))
        ]


def _noon() -> datetime:
    """A moment at which the law lets everything leave."""
    return datetime(2026, 12, 1, 11, 0, tzinfo=UTC)


def _turn_to(suite: Suite, moment: datetime) -> None:
    with suite.database.write() as tx:
        turned = moment - datetime.now(UTC)
        house.set_value(tx, "clock_turned_seconds", turned.total_seconds(), datetime.now(UTC))
    suite.clock.turned = turned


# ---------------------------------------------------------------------------------------------- dispatch


def dispatching(scale: float, postgres: str) -> Lines:
    """claim, last look, POST to a loopback provider, record with reasons: CPU of the whole of Relance."""
    count = int(20_000 * scale)
    for name, url in (("SQLite", ""), *((("PostgreSQL", postgres),) if postgres else ())):
        rates, costs = [], []
        for _ in range(3):
            with provider() as (address, answered), _suite(address, url) as (suite, workspace):
                _turn_to(suite, _noon())
                with suite.database.write(workspace) as tx:
                    for page in _messages(count, _noon()):
                        outbox.accept(tx, page, suite.now())
                journal = Journal(suite.settings.data_dir / "journal", new_id("own"))
                wall, cpu = time.perf_counter(), time.process_time()
                dispatch.run_due(suite, journal=journal)
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                journal.close()
                if answered.value != count:
                    raise SystemExit(f"the provider answered {answered.value} of {count}")
                rates.append(count / wall)
                costs.append(cpu / count * 1000)
        yield (
            f"dispatch, embedded on {name}, {count:,} messages, median of 3",
            f"{statistics.median(rates):,.0f} messages/s, {statistics.median(costs):.3f} CPU-s per 1,000",
        )


def lateness(scale: float, postgres: str) -> Lines:
    """How late the messages leave that fall due in one moment, with the real runner."""
    for count in (100, int(10_000 * scale)):
        with provider() as (address, _), _suite(address) as (suite, workspace):
            _turn_to(suite, _noon())
            due = suite.now() + timedelta(seconds=3)
            with suite.database.write(workspace) as tx:
                for page in _messages(count, due):
                    outbox.accept(tx, page, suite.now())
            runner = Embedded(suite)
            runner.start()
            late = _left(suite, workspace, count, due)
            runner.stop()
            yield (
                f"lateness, {count:,} due in one moment",
                f"median {statistics.median(late):.2f} s, p99 {_quantile(late, 0.99):.2f} s, last {max(late):.2f} s",
            )


def _left(suite: Suite, workspace: str, count: int, due: datetime) -> list[float]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suite.database.read(workspace) as tx:
            rows = tx.connection.execute(
                text("SELECT left_at FROM messages WHERE left_at IS NOT NULL AND state = 'sent'")
            ).all()
        if len(rows) >= count:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)
            return [(epoch + timedelta(microseconds=row[0]) - due).total_seconds() for row in rows]
        threading.Event().wait(0.2)
    raise SystemExit("not all messages left within two minutes")


def _quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


# ---------------------------------------------------------------------------------------------- backlog


def backlog(scale: float, postgres: str) -> Lines:
    """Bytes of disk for each waiting message, and what a claim costs with few and with many waiting."""
    costs: dict[int, float] = {}
    for count in (10_000, int(1_000_000 * scale)):
        with _suite() as (suite, workspace):
            ahead = _noon() + timedelta(days=5)
            began = time.perf_counter()
            for page in _messages(count, ahead):
                with suite.database.write(workspace) as tx:
                    outbox.accept(tx, page, suite.now())
            accepted = count / (time.perf_counter() - began)
            with suite.database.write(workspace) as tx:
                outbox.accept(tx, next(_messages(6_400, _noon())), _noon())
            turns = []
            for _ in range(50):
                start = time.perf_counter()
                with suite.database.write() as tx:
                    if not outbox.claim(
                        tx, _noon() + timedelta(hours=1), 64, owner="bench", lease=timedelta(minutes=5)
                    ):
                        raise SystemExit("nothing was claimed")
                turns.append(time.perf_counter() - start)
            costs[count] = statistics.median(turns)
            with suite.database.write() as tx:
                pass
            path = Path(suite.database.url.removeprefix("sqlite:///"))
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = path.stat().st_size / count
            yield (
                f"backlog of {count:,}",
                f"stored at {accepted:,.0f}/s, {size:.0f} bytes each, claim of 64 in {costs[count] * 1000:.1f} ms",
            )
    few, many = costs.values()
    yield "claim with many waiting, against few", f"{many / few:.2f} times"


# ---------------------------------------------------------------------------------------------- plan


def planning(scale: float, postgres: str) -> Lines:
    """All open occasions planned again after a rule change, with the difference counted, then carried out."""
    count = int(100_000 * scale)
    with _suite() as (suite, workspace):
        now = _noon()
        _turn_to(suite, now)
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
                intake.accept(
                    tx, row, [_appointment(number, now) for number in range(first, min(first + 2000, count))], now
                )
        yield f"intake of {count:,} appointments, planned and stored", f"{count / (time.perf_counter() - began):,.0f}/s"
        with suite.database.read(workspace) as tx:
            changed = [{**one, "when": {"days": -2, "at": "17:00"}} for one in rules.rows(tx) if one["id"] == rule]
            began, cpu = time.perf_counter(), time.process_time()
            shown = scheduling.difference(tx, now, {installation: rules.parsed(changed, {})}, {installation: True})
            yield (
                f"difference of a rule change over {count:,} appointments",
                f"{time.perf_counter() - began:.1f} s, {time.process_time() - cpu:.1f} CPU-s ({shown.moved:,} move)",
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
    with _suite() as (suite, workspace), tempfile.TemporaryDirectory() as folder:
        with suite.database.write(workspace) as tx:
            _, key = access.add_key(tx, "bench", suite.now(), test=False)
        ours = create_app(suite).test_client()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        bare = _bare(Path(folder) / "bare.db").test_client()
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
        yield (
            f"accept, a batch of {batch:,}",
            f"{mine:.2f} CPU-s, its bare insert {theirs:.2f}: {mine / theirs:.1f} times",
        )


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
}
