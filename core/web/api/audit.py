"""`/v1/audit`: who did what here, newest first. For a key that may do everything, or has the scope `audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.errors import Forbidden
from core.engine import shown
from core.storage import audit
from core.web.api import given
from core.web.api.messages import _id, _moment
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("audit")


@ROUTES("GET", "/v1/audit", "The audit log, newest first", query=given.Audit(), gives="AuditList",
        also={403: "The key lacks the scope `audit`"})  # fmt: skip
def listed(call: Call) -> Answer:
    if call.key.scopes and "audit" not in call.key.scopes:
        raise Forbidden("scope_missing", scope="audit")
    asked = call.query
    wanted = audit.Filter(
        who=asked.get("who"),
        what=tuple(asked["what"].split(",")) if asked.get("what") else (),
        on=asked.get("on"),
        since=_moment(asked, "since"),
        until=_moment(asked, "until"),
        after=asked.get("after"),
    )
    with call.read() as tx:
        rows = audit.listed(tx, wanted, limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], _shown, _id))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "at": shown.moment(row["at"]),
        "who": row["who"],
        "what": row["what"],
        "on": row["on"],
        "detail": row["detail"],
        "number": row["seq"],
        "chain": row["chain"],
    }
