"""The services that the other tests lean on are really there, and really apart."""

from __future__ import annotations

import psycopg
import pytest
import redis


@pytest.mark.postgres
def test_each_test_has_an_empty_database_for_itself(postgres_empty: str, postgres_url: str) -> None:
    assert postgres_empty != postgres_url

    with psycopg.connect(postgres_empty) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        encoding = connection.execute("SHOW server_encoding").fetchone()

    assert tables == (0,)
    assert encoding == ("UTF8",)


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
