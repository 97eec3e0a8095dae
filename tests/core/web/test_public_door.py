"""`origin: public_form`: what a robot sets off is stored with its reason, and answered like any other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.web.limits import Buckets
from tests.support.running import Running

CODE = {"class": "otp", "body": "Code 1234", "origin": "public_form", "ip": "203.0.113.9"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def relance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database").replace("postgresql://", "postgresql+psycopg://")
    with Running(tmp_path, database_url=url) as running:
        running.app.extensions["relance_limits"] = Buckets(1e6, 1e6)
        yield running


def asks(relance: Running, to: str = "+33639980001", **more: Any) -> dict[str, Any]:
    answer = relance.client.post("/v1/messages", {"to": to, **CODE, **more})
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def truth(relance: Running, message: dict[str, Any]) -> tuple[str, str | None]:
    found = relance.client.get(f"/v1/messages/{message['id']}").json()
    return found["state"], (found["reason"] or {}).get("code")


def test_the_answer_is_the_same_and_the_ledger_knows_better(relance):
    first, second = asks(relance), asks(relance)
    assert truth(relance, first) == ("scheduled", None)
    assert truth(relance, second) == ("suppressed", "pumping_limit")
    differ = {name for name in first if first[name] != second[name]} - {"id", "due_at", "created_at"}
    assert differ == set()


def test_a_country_that_is_off(relance):
    assert asks(relance, "+12025550123")["state"] == "scheduled"
    assert truth(relance, asks(relance, "+12025550124")) == ("suppressed", "pumping_country")
    assert truth(relance, asks(relance, "+12025550125", origin="imported", ip=None)) == ("scheduled", None)


def test_a_dry_run_tells_the_truth_and_counts_nothing(relance):
    for _ in range(3):
        answer = relance.client.post("/v1/messages?dry_run=true", {"to": "+12025550123", **CODE}).json()
        assert answer["state"] == "suppressed"
    relance.client.post("/v1/messages?dry_run=true", {"to": "+33639980001", **CODE})
    assert truth(relance, asks(relance)) == ("scheduled", None)


def test_many_requests_at_once_let_in_no_more_than_one_by_one(relance):
    with ThreadPoolExecutor(6) as threads:
        messages = list(threads.map(lambda place: asks(relance, f"+3363998{place * 37:04d}"), range(24)))
    states = [truth(relance, one)[0] for one in messages]
    assert states.count("scheduled") <= 5


def test_a_batch_is_guarded_one_by_one(relance):
    wanted = [{"to": "+33639980001", **CODE}] * 3
    results = relance.client.post("/v1/messages/batch", {"messages": wanted}).json()["results"]
    assert [truth(relance, one["message"])[0] for one in results] == ["scheduled", "suppressed", "suppressed"]


@pytest.mark.parametrize("wrong, code", [({"origin": "form"}, "origin_unknown"), ({"ip": "here"}, "ip_unreadable")])
def test_what_cannot_be_read_is_said(relance, wrong, code):
    answer = relance.client.post("/v1/messages", {"to": "+33639980001", **CODE, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
