"""`/v1/requests`: the last calls of the workspace's keys, for who looks for what a program did wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine import shown
from core.storage import request_log
from core.web import request_log as noting
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("requests")


@ROUTES("GET", "/v1/requests", "The last calls of the workspace's keys, newest first: no number, body or query is kept",
        query=given.Requests(), gives="RequestList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    noting.of_this_process().flush(call.suite)
    with call.read() as tx:
        rows = request_log.listed(
            tx, key=asked.get("key"), route=asked.get("route"), kind=asked.get("kind"), after=asked.get("after"),
            limit=asked["limit"] + 1,
        )  # fmt: skip
    return Answer(200, page(rows, asked["limit"], _shown, _id))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "request_id": row["request"],
        "at": shown.moment(row["at"]),
        "key": row["key"],
        "method": row["method"],
        "route": row["route"],
        "on": row["on"],
        "status": row["status"],
        "code": row["code"],
        "dry_run": row["dry_run"],
        "milliseconds": round(row["micros"] / 1000, 1),
    }
