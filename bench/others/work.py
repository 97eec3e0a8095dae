"""The work that every queue does here: a message that is stored, one POST, recorded as sent. In two tongues, blocking
and asyncio; each keeps its connections, as somebody who cares would (but see `PLAIN`)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any

DATABASE = os.environ["RELANCE_BENCH_OTHERS_URL"]
REDIS = os.environ.get("RELANCE_BENCH_REDIS_URL", "redis://127.0.0.1:6379/9")
AMQP = os.environ.get("RELANCE_BENCH_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
PROVIDER = os.environ.get("RELANCE_BENCH_PROVIDER", "")
QUEUE = "relance_bench"
PLAIN = bool(os.environ.get("RELANCE_BENCH_PLAIN"))
"""`requests.post` for each message, as its own first page shows it, and not a session that keeps its connections."""
READ = "SELECT recipient, body FROM waiting WHERE id = {} AND state = 'scheduled'"
RECORD = "UPDATE waiting SET state = 'sent', provider_ref = {}, sent_at = now() WHERE id = {} AND state = 'scheduled'"


def store(messages: Iterable[int]) -> None:
    """The messages, as one batch in one transaction."""
    import psycopg

    with psycopg.connect(DATABASE) as database, database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO waiting (id, recipient, body, state) VALUES (%s, %s, %s, 'scheduled')",
            [(n, f"+336{n:08d}", f"Bonjour, votre rendez-vous est demain à 9h{n % 60:02d}.") for n in messages],
        )


class _Kept(threading.local):
    """Of each thread: a connection to the database, and a session that keeps its connection to the provider."""

    def __init__(self) -> None:
        import psycopg
        import requests

        self.database = psycopg.connect(DATABASE, autocommit=True)
        self.post = requests.post if PLAIN else requests.Session().post


_kept: _Kept | None = None


def deliver(message: int) -> None:
    """With `requests` and psycopg."""
    global _kept
    if _kept is None:
        _kept = _Kept()
    row = _kept.database.execute(READ.format("%s"), (message,)).fetchone()
    if row is None:
        return
    answer = _kept.post(f"{PROVIDER}/sms/v1/messages", json=_body(message, *row), timeout=15)
    answer.raise_for_status()
    _kept.database.execute(RECORD.format("%s", "%s"), (answer.json()["messageId"], message))


_open: dict[str, Any] = {}


async def opened() -> None:
    """Before the first `deliver_async`."""
    import aiohttp
    import asyncpg

    _open["database"] = await asyncpg.create_pool(DATABASE, min_size=4, max_size=16)
    _open["http"] = aiohttp.ClientSession()


async def deliver_async(message: int) -> None:
    """With aiohttp and asyncpg."""
    row = await _open["database"].fetchrow(READ.format("$1"), message)
    if row is None:
        return
    async with _open["http"].post(f"{PROVIDER}/sms/v1/messages", json=_body(message, *row)) as answer:
        answer.raise_for_status()
        said = await answer.json()
    await _open["database"].execute(RECORD.format("$1", "$2"), said["messageId"], message)


def _body(message: int, recipient: str, body: str) -> dict[str, Any]:
    return {
        "recipient": {"to": recipient.removeprefix("+")},
        "body": {"text": body, "encoding": "GSM7", "stop": False},
        "refClient": f"msg_{message}",
    }
