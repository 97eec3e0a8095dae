"""Traces reach a collector when there is one, name nobody, and meet under the message's id wherever they were made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import traces
from tests.faults.server import FaultServer, ok, status
from tests.support.running import Running

TO, BODY = "+33639980001", "Votre rendez-vous"


@pytest.fixture
def collector() -> Iterator[FaultServer]:
    with FaultServer(otherwise=ok()) as server:
        yield server
    traces.start("")


def told(collector: FaultServer) -> list[dict[str, Any]]:
    return [
        span for seen in collector.ledger for one in json.loads(seen.body)["resourceSpans"]
        for scope in one["scopeSpans"] for span in scope["spans"]
    ]


def test_a_message_is_one_trace_from_acceptance_to_receipt(tmp_path: Path, collector: FaultServer) -> None:
    traces.start(collector.url)
    with Running(tmp_path) as relance:
        answer = relance.client.post("/v1/messages", {"to": TO, "class": "otp", "body": BODY})
        relance.settle()
        relance.forward(timedelta(seconds=5))
        names = {"request", "accepted", "handed over", "receipt"}
        relance.until(lambda: names <= {span["name"] for span in told(collector)})
    message = answer.json()["id"]
    spans = told(collector)
    traces_of = {
        span["name"]: span["traceId"] for span in spans
        if {"key": "relance.id", "value": {"stringValue": message}} in span["attributes"]
    }

    assert set(traces_of) == names - {"request"}
    assert len(set(traces_of.values())) == 1
    (accepted,) = (span for span in spans if span["name"] == "accepted")
    request = {"key": "request", "value": {"stringValue": answer.headers["X-Request-Id"]}}
    assert request in accepted["attributes"]
    assert {seen.path for seen in collector.ledger} == {"/v1/traces"}
    assert all(TO.encode() not in seen.body and BODY.encode() not in seen.body for seen in collector.ledger)


def test_a_collector_that_is_away_or_refuses_holds_nobody_up(tmp_path: Path) -> None:
    with FaultServer(otherwise=status(500)) as broken:
        traces.start(broken.url)
        with Running(tmp_path) as relance:
            for _ in range(3):
                assert relance.client.post("/v1/messages", {"to": TO, "class": "otp", "body": BODY}).status_code == 201
            relance.until(lambda: broken.ledger)
    traces.start("")


def test_without_a_collector_nothing_is_kept() -> None:
    from datetime import UTC, datetime

    traces.start("")
    traces.span("accepted", "msg_1", datetime.now(UTC))
    assert traces._teller is None
