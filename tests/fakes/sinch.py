"""A stand-in for Sinch's SMS interface on loopback: takes batches, remembers every one of them, calls back, signed.

    with FakeSinch() as fake:
        ...                                        # a provider whose `sinch` address is fake.url sends "msg_1"
        fake.times("msg_1")                        # how often it was sent: 2 is a double
        fake.report("msg_1", "Delivered")          # posts a recipient's report to the batch's callback_url
        fake.writes("+33639980001", "OUI")         # posts what the person wrote to the inbound address

It keeps our reference and is not idempotent. `fail(step, takes=True)` plays a fault after the request was carried out;
`hidden` is True while batches are taken, but not listed yet.
"""

from __future__ import annotations

import base64
import hmac
import json
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

Batch = dict[str, Any]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def signature(body: bytes, secret: str, at: datetime, nonce: str = "01FJA8B4A7BM43YGWSG9GBV067",
              algorithm: str = "HmacSHA256") -> tuple[tuple[str, str], ...]:
    """The headers that sign `body`."""
    stamp = str(int(at.timestamp()))
    signed = hmac.digest(secret.encode(), body + f".{nonce}.{stamp}".encode(), algorithm.removeprefix("Hmac"))
    name = "x-sinch-webhook-signature"
    return ((name, base64.b64encode(signed).decode()), (f"{name}-nonce", nonce), (f"{name}-timestamp", stamp),
            (f"{name}-algorithm", algorithm))


def resource(given: dict[str, Any], made: datetime, batch: str | None = None) -> Batch:
    """A batch as the interface shows it: what was given, and four fields more."""
    at = made.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**given, "id": batch or uuid.uuid4().hex.upper()[:26], "created_at": at, "modified_at": at,
            "canceled": False}


class FakeSinch(Vendor):
    """`batches` is its ledger, `states` what became of each."""

    def __init__(self, token: str = "t0ken", plan: str = "plan1", secret: str = "hook") -> None:
        super().__init__()
        self.token, self.plan, self.secret = token, plan, secret
        self.batches: list[Batch] = []
        self.states: dict[str, tuple[str, int]] = {}
        self.inbound_url = ""
        self.hidden = False
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

    def times(self, reference: str) -> int:
        with self._lock:
            return sum(batch.get("client_reference") == reference for batch in self.batches)

    def report(self, reference: str, word: str = "Delivered", code: int = 0) -> int:
        [batch] = [one for one in self.batches if one.get("client_reference") == reference]
        self.states[batch["id"]] = word, code
        return self._post(batch["callback_url"], {
            "type": "recipient_delivery_report_sms", "batch_id": batch["id"], "recipient": batch["to"][0],
            "code": code, "status": word, "at": self._date(), "client_reference": reference})

    def writes(self, number: str, text: str, to: str = "36123") -> int:
        return self._post(self.inbound_url, {
            "type": "mo_text", "id": uuid.uuid4().hex, "from": number.removeprefix("+"), "to": to, "body": text,
            "received_at": self._date(), "operator_id": "20801"})

    def _post(self, url: str, content: dict[str, Any]) -> int:
        body = json.dumps(content).encode()
        headers = {"Content-Type": "application/json"} | dict(signature(body, self.secret, self.now))
        try:
            with _DIRECT.open(urllib.request.Request(url, body, headers), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as failed:
            return failed.code

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        root = f"/xms/v1/{self.plan}/batches"
        if seen.headers.get("authorization") != f"Bearer {self.token}":
            return status(401)
        if seen.method == "POST" and place.path == root:
            return self._take(json.loads(seen.body))
        if seen.method == "GET" and place.path == root:
            return self._list({name: values[-1] for name, values in parse_qs(place.query).items()})
        if seen.method == "GET" and place.path.endswith("/delivery_report"):
            return self._report_of(place.path.removeprefix(root + "/").removesuffix("/delivery_report"))
        return status(404)

    def _take(self, given: dict[str, Any]) -> Step:
        for number in given.get("to", []):
            if not number.removeprefix("+").isdigit():
                return error(400, "syntax_invalid_parameter_format", "to")
        if not given.get("to") or not given.get("body"):
            return error(400, "syntax_constraint_violation", "to and body are required")
        batch = resource(given, self.now)
        self.batches.append(batch)
        return ok(batch, 201)

    def _list(self, query: dict[str, str]) -> Step:
        found = [one for one in reversed(self.batches)
                 if query.get("client_reference") in (None, one.get("client_reference"))
                 and query.get("start_date", "") <= one["created_at"] and not self.hidden]
        page, size = int(query.get("page", "0")), int(query.get("page_size", "30"))
        return ok({"count": len(found), "page": page, "page_size": size,
                   "batches": found[page * size:(page + 1) * size]})

    def _report_of(self, batch: str) -> Step:
        [found] = [one for one in self.batches if one["id"] == batch] or [None]
        if found is None:
            return status(404)
        word, code = self.states.get(batch, ("Dispatched", 401))
        return ok({"type": "delivery_report_sms", "batch_id": batch, "total_message_count": 1, "statuses": [
            {"code": code, "status": word, "count": 1, "recipients": found["to"]}]})

    def _date(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error(number: int, code: str, text: str) -> Step:
    return status(number, {"code": code, "text": text})
