"""`/v1/inbox`: requests that came in, as they came, and reading one again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.contract import Inbound
from core.domain.errors import NotFound
from core.engine import rereading, shown
from core.storage import inbox
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("inbox")
HIDDEN = ("authorization", "cookie", "signature", "hmac", "token", "secret", "key")


@ROUTES("GET", "/v1/inbox", "Received requests, newest first", query=given.Inbox(), gives="InboxList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = inbox.listed(
            tx,
            state=asked.get("state"),
            installation=asked.get("installation"),
            after=asked.get("after"),
            limit=asked["limit"] + 1,
        )
    return Answer(200, page(rows, asked["limit"], lambda row: show(row, call.language), _id))


@ROUTES("GET", "/v1/inbox/{id}", "A received request with its headers and body", gives="InboxEntry")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(tx, id)
    return Answer(200, {**show(row, call.language), "request": _request(row)})


@ROUTES("POST", "/v1/inbox/{id}/replay", "Reads a kept request again, after a fix; harmless when done twice",
        gives="InboxItem")  # fmt: skip
def replay(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        rereading.again(call.suite, tx, id)
        return call.done(200, show(_row(tx, id), call.language))


def show(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "adapter": row["adapter"],
        "source": row["source"],
        "installation": row["installation"],
        "provider_account": row["account"],
        "received_at": shown.moment(row["received_at"]),
        "delivery": row["delivery"],
        "state": row["state"],
        "trouble": shown.reason(row["trouble"], language),
        "replayed_at": shown.moment(row["replayed_at"]),
    }


def _request(row: Mapping[str, Any]) -> dict[str, Any]:
    """Headers that prove something are not shown: whoever could read them could speak in the platform's name."""
    kept = Inbound.read(row["request"])
    return {
        "method": kept.method,
        "path": kept.url.partition("?")[0].rpartition("/providers/")[0] or kept.url.partition("?")[0],
        "headers": [
            [name, "…" if any(word in name.lower() for word in HIDDEN) else value] for name, value in kept.headers
        ],
        "body": kept.body.decode("utf-8", "replace"),
    }


def _row(tx: Transaction, inbox_id: str) -> Mapping[str, Any]:
    row = inbox.get(tx, inbox_id)
    if row is None:
        raise NotFound("inbox entry")
    return row
