"""Traces for OpenTelemetry, off unless `RELANCE_OTLP_URL` says where they go. OTLP over HTTP, as JSON.

A message's trace is named after the message, and a request's after the request: each process on each machine finds the
name by itself, so that accepted, handed over and received meet in one trace without anything being carried along. Spans
hold words of the trade, ids and figures; a number or a text never is in one. What cannot be told is thrown away: nobody
waits for a collector.
"""

from __future__ import annotations

import hashlib
import queue
import secrets
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import requests
import structlog

MOST_WAITING, BATCH = 10_000, 512
TIMEOUT = 5.0
Attribute = str | int | float | bool
log = structlog.get_logger(__name__)


class _Teller(threading.Thread):
    """Tells the collector, in batches, what was put into its queue."""

    def __init__(self, url: str) -> None:
        super().__init__(name="traces", daemon=True)
        self._url = f"{url}/v1/traces"
        self.waiting: queue.Queue[dict[str, Any]] = queue.Queue(MOST_WAITING)

    def run(self) -> None:
        while True:
            spans = [self.waiting.get()]
            while len(spans) < BATCH and not self.waiting.empty():
                spans.append(self.waiting.get())
            try:
                said = requests.post(
                    self._url, _body(spans), headers={"Content-Type": "application/json"}, timeout=TIMEOUT,
                    allow_redirects=False,
                )
                if said.status_code >= 400:
                    log.warning("traces refused", status=said.status_code, spans=len(spans))
            except requests.RequestException as error:
                log.warning("traces lost", problem=type(error).__name__, spans=len(spans))


_teller: _Teller | None = None


def start(url: str) -> None:
    """From now on spans are told to the collector at `url`; with "" they are not. After a fork, call it again."""
    global _teller
    _teller = _Teller(url) if url else None
    if _teller is not None:
        _teller.start()


def span(name: str, of: str, ended: datetime, took: timedelta = timedelta(), **attributes: Attribute) -> None:
    """One step in the trace of `of`: a message's id or a request's."""
    spans(name, [of], ended, took, **attributes)


def spans(
    name: str, of: Iterable[str], ended: datetime, took: timedelta = timedelta(), **attributes: Attribute
) -> None:
    """The same step of many."""
    if _teller is None:
        return
    end, begin = _nanoseconds(ended), _nanoseconds(ended - took)
    for one in of:
        told = {
            "traceId": hashlib.sha256(one.encode()).hexdigest()[:32],
            "spanId": secrets.token_hex(8),
            "name": name,
            "kind": 1,
            "startTimeUnixNano": str(begin),
            "endTimeUnixNano": str(end),
            "attributes": [_attribute(key, value) for key, value in {"relance.id": one, **attributes}.items()],
        }
        try:
            _teller.waiting.put_nowait(told)
        except queue.Full:
            return


def _body(told: list[dict[str, Any]]) -> bytes:
    resource = {"attributes": [_attribute("service.name", "relance")]}
    scopes = [{"scope": {"name": "relance"}, "spans": told}]
    return orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]})


def _attribute(key: str, value: Attribute) -> dict[str, Any]:
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue"}.get(type(value), "stringValue")
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
