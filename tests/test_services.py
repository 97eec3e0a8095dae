"""The services that the other tests lean on are really there, and really apart."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from tests.support import databases


@pytest.mark.postgres
def test_each_test_has_an_empty_database_for_itself(postgres_empty: str, postgres_url: str) -> None:
    assert postgres_empty != postgres_url

    with psycopg.connect(postgres_empty) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        encoding = connection.execute("SHOW server_encoding").fetchone()

    assert tables == (0,)
    assert encoding == ("UTF8",)


@pytest.mark.postgres
def test_what_a_run_left_behind_that_was_ended_is_dropped_and_nothing_that_lives(
    postgres_url: str, postgres_empty: str
) -> None:
    made = "import sys; from tests.support import databases; print(databases.create(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-c", made, postgres_url],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    ).stdout.strip()  # fmt: skip
    gone, here = (urlsplit(one).path[1:] for one in (ended, postgres_empty))

    databases.sweep(postgres_url)

    with psycopg.connect(postgres_url) as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert gone not in names
    assert here in names


def test_other_machines_and_names_that_are_not_ours_are_left_alone_for_a_day() -> None:
    now = int(time.time())
    mine, theirs = databases.new_name(), f"relance_test_m{'f' * 8}_p1_t{now:x}_{'0' * 12}"
    old = f"relance_test_m{'f' * 8}_p1_t{now - 90_000:x}_{'0' * 12}"

    assert databases.left_behind([mine, theirs, "relance_test", "relance_test_mine", "relance"], now) == []
    assert databases.left_behind([mine, theirs, old], now) == [old]


@pytest.mark.redis
def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as server:
        assert server.ping()


@pytest.mark.rabbitmq
def test_rabbitmq_lets_us_in(rabbitmq_url: str) -> None:
    kombu = pytest.importorskip("kombu")
    with kombu.Connection(rabbitmq_url, connect_timeout=3) as connection:
        connection.ensure_connection(max_retries=1)
        assert connection.connected
