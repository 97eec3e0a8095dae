"""What those who watch the house see agrees with the ledger exactly, and names nobody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from core.storage import tables as t
from core.storage import tally
from tests.support.running import Client, Running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def relance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    with Running(tmp_path, database_url=url) as running:
        yield running


def samples(relance: Running) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every figure by its name and labels."""
    text = Client(relance.url, None).get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def send_some(relance: Running) -> None:
    for number in range(7):
        body = {"to": f"+3363998010{number}", "class": ("transactional", "otp", "conversational")[number % 3]}
        assert relance.client.post("/v1/messages", {**body, "body": "Bonjour"}).status_code == 201
    late = {"to": "+33639980001", "class": "transactional", "body": "plus tard", "send_at": "2027-01-04T09:00:00Z"}
    assert relance.client.post("/v1/messages", late).status_code == 201
    relance.settle()
    relance.forward(timedelta(seconds=10))


def test_counters_agree_with_the_ledger_exactly(relance: Running) -> None:
    send_some(relance)
    a, m = t.attempts.c, t.messages.c
    with relance.suite.database.read() as tx:
        attempts = Counter({
            (row.provider, row.channel, row[2], row.outcome): row[4]
            for row in tx.connection.execute(
                select(a.provider, a.channel, m["class"], a.outcome, func.count())
                .join_from(t.attempts, t.messages, m.id == a.message)
                .group_by(a.provider, a.channel, m["class"], a.outcome)
            )
        })
        states = {
            (row[0], row[1]): row[2]
            for row in tx.connection.execute(select(m.state, m["class"], func.count()).group_by(m.state, m["class"]))
        }
        left = tx.connection.execute(select(func.count()).where(m.left_at.is_not(None))).scalar()
    seen = samples(relance)

    assert attempts.total() == 7
    assert Counter({
        tuple(dict(labels)[name] for name in ("provider", "channel", "class", "outcome")): value
        for (name, labels), value in seen.items() if name == "relance_attempts_total"
    }) == attempts
    told: Counter[tuple[str, str]] = Counter()
    for (name, labels), value in seen.items():
        if name == "relance_messages":
            told[dict(labels)["state"], dict(labels)["class"]] += int(value)
    assert told == states
    lateness = {labels: value for (name, labels), value in seen.items() if name == "relance_lateness_seconds_count"}
    assert sum(lateness.values()) == left == 7
    buckets = [value for (name, labels), value in seen.items()
               if name == "relance_lateness_seconds_bucket" and ("le", "+Inf") in labels]
    assert sum(buckets) == 7
    assert seen["relance_database_bytes", ()] > 10_000
    assert seen["relance_engine_silent_seconds", ()] < 60


def test_summing_up_changes_no_figure(relance: Running) -> None:
    send_some(relance)
    with relance.suite.database.write() as tx:
        for _ in range(300):
            tally.add(tx, {("attempts", "x", "sms", "otp", "accepted"): 1, ("attempts", "x", "sms", "otp", "later"): 2})
        before = tally.read(tx)
    relance.forward(timedelta(minutes=2))

    with relance.suite.database.read() as tx:
        assert tally.read(tx) == before
        assert tx.connection.execute(select(func.count()).select_from(t.tally)).scalar() == len(before)


def test_a_batch_that_was_not_recorded_has_counted_nothing(relance: Running) -> None:
    with pytest.raises(ZeroDivisionError), relance.suite.database.write() as tx:
        tally.add(tx, {("attempts", "simulator", "sms", "otp", "accepted"): 1})
        raise ZeroDivisionError
    with relance.suite.database.read() as tx:
        assert tally.read(tx) == {}


def test_labels_are_words_of_the_trade(relance: Running) -> None:
    send_some(relance)

    for name, labels in samples(relance):
        for label, value in labels:
            if label != "le":
                assert re.fullmatch(r"[a-z_]*", value), (name, label, value)


def test_what_is_overdue_is_told_by_class(relance: Running) -> None:
    relance.client.post("/v1/messages", {"to": "+33639980001", "class": "otp", "body": "Bonjour"})
    relance.set_clock(relance.suite.now() + timedelta(seconds=90))

    seen = samples(relance)

    assert 90 <= seen["relance_overdue_seconds", (("class", "otp"),)] < 120
    assert seen["relance_overdue_seconds", (("class", "marketing"),)] == 0


@pytest.mark.parametrize(("host", "status"), [("evil.example", 401), ("localhost", 200), ("127.0.0.1:8000", 200),
                                              ("[::1", 401)])  # fmt: skip
def test_a_name_of_a_stranger_that_leads_here_is_not_this_machine(relance: Running, host: str, status: int) -> None:
    """A page in a browser on this machine may have had its own name turned to 127.0.0.1."""
    assert requests.get(f"{relance.url}/metrics", headers={"Host": host}, timeout=20).status_code == status
