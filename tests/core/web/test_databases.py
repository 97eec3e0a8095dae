"""The outside over either database: one answer for one key, whoever comes at once, and a clear word when it is away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.storage import tables as t
from core.web.limits import Buckets
from tests.support.running import Running

GOOD = {"to": "+33639980001", "class": "transactional", "body": "Bonjour"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def relance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    url = None
    if request.param == "postgresql":
        given: str = request.getfixturevalue("postgres_database")
        url = given.replace("postgresql://", "postgresql+psycopg://")
    with Running(tmp_path, database_url=url) as running:
        running.app.extensions["relance_limits"] = Buckets(1e6, 1e6)
        yield running


def stored(relance: Running) -> int:
    with relance.suite.database.read() as tx:
        return int(tx.connection.execute(select(func.count()).select_from(t.messages)).scalar() or 0)


def test_many_at_once_with_few_keys_make_one_message_each(relance: Running) -> None:
    def post(number: int) -> tuple[str, Any]:
        key = f"key-{number % 10}"
        for _ in range(200):
            answer = relance.client.post("/v1/messages", GOOD, headers={"Idempotency-Key": key})
            if answer.status_code != 409:
                return key, answer
            assert int(answer.headers["Retry-After"]) >= 1
        raise AssertionError("busy for ever")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(post, range(60)))

    assert {answer.status_code for _, answer in answers} == {201}
    assert len({(key, answer.json()["id"]) for key, answer in answers}) == 10
    assert stored(relance) == 10


def test_an_answer_that_was_cut_is_given_again(relance: Running) -> None:
    """What a caller does whose line broke: the same request with the same key, as often as it takes."""
    ids = Counter(
        relance.client.post("/v1/messages", GOOD, headers={"Idempotency-Key": f"cut-{number}"}).json()["id"]
        for number in range(20)
        for _ in range(3)
    )

    assert set(ids.values()) == {3}
    assert stored(relance) == 20


def test_a_walk_through_the_lists(relance: Running) -> None:
    relance.client.post("/v1/messages/batch", {"messages": [GOOD] * 5})
    relance.client.post("/v1/contacts", {"number": "+33639980001", "name": "Ana"})
    relance.client.post("/v1/consents", {"to": "+33639980001", "state": "out", "source": "téléphone"})
    relance.settle()

    for noun in ("messages", "contacts", "consents", "templates", "rules", "installations", "occasions",
                 "provider-accounts", "inbox", "webhooks", "simulator/messages"):  # fmt: skip
        answer = relance.client.get(f"/v1/{noun}?limit=2")
        assert answer.status_code == 200, (noun, answer.text)
    assert len(relance.phones()) == 5
    assert relance.client.get("/metrics").status_code == 200
    assert relance.client.get("/v1/explanations?to=%2B33639980001").json()["standing"]["opted_out"] == ["marketing"]


def test_what_a_database_cannot_hold_never_reaches_it(relance: Running) -> None:
    for path in ("/v1/messages/%00", "/v1/messages?to=%00", "/hooks/x/ins_%00", "/providers/acc%00/receipts/x", "/%00"):
        assert relance.client.get(path).status_code == 400, path
    for values in ({"a": 2**63}, {"a": "\x00"}, {"\x00": 1}):
        assert relance.client.post("/v1/contacts", {"number": "+33639980001", "values": values}).status_code == 400
    kept = relance.client.post("/v1/contacts", {"number": "+33639980001", "values": {"a": 2**63 - 1, "b": 1.5}})
    assert kept.json()["values"] == {"a": 2**63 - 1, "b": 1.5}
    for path in ("/v1/messages?after=" + "é" * 30, "/v1/messages/" + "x" * 500, "/v1/templates/%F0%9F%99%82"):
        assert relance.client.get(path).status_code < 500, path


def test_a_database_that_is_away_is_503_with_the_time_to_wait(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        relance.suite.database.engine.dispose()
        file = tmp_path / "relance.db"
        for path in (file, tmp_path / "relance.db-wal", tmp_path / "relance.db-shm"):
            path.unlink(missing_ok=True)
        file.mkdir()

        answer = relance.client.post("/v1/messages", GOOD)
        ready = relance.client.get("/readyz")

        assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "away")
        assert relance.client.get("/healthz").status_code == 200
