"""Telling the platform what became of its message: the answer on the event, the state in the workflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from core.contract import Report, Reports
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.messages import State
from core.domain.reasons import Reason
from core.engine.installing import with_token
from core.engine.singly import singly
from core.storage import feedback, installations, occasions
from core.suite import Suite

LEASE = timedelta(minutes=2)
MOST_TRIES = 30
log = structlog.get_logger(__name__)


def run_due(suite: Suite) -> int:
    """Tells what waits. Returns how many reports were tried."""
    with suite.database.write() as tx:
        taken = feedback.take_reports(tx, suite.now(), LEASE)

    def put_off(row: Mapping[str, Any]) -> None:
        _done(suite, row, "waiting", Reason("engine_failed"), suite.now() + timedelta(minutes=15))

    return singly(partial(_tell, suite), taken, put_off)


def _tell(suite: Suite, row: Mapping[str, Any]) -> None:
    workspace, now = row["workspace"], suite.now()
    with suite.database.read(workspace) as tx:
        occasion = occasions.get(tx, row["occasion"]) if row["occasion"] else None
        superseded = row["kind"] == "reply" and feedback.newer_report(tx, row["occasion"], row["id"])
    if occasion is None or superseded:
        return _done(
            suite,
            row,
            "failed" if occasion is None else "told",
            Reason("report_superseded" if superseded else "occasion_gone"),
        )
    content = row["content"]
    report = Report(
        occasion_key=occasion.key,
        state=State(content["state"]) if content.get("state") else None,
        answer=content.get("answer"),
        text=content.get("text"),
        at=datetime.fromisoformat(content["at"]),
        private=occasion.private,
        message_id=row["message"],
    )
    try:
        if not with_token(suite, workspace, row["installation"], partial(_told, suite, report)):
            return _done(suite, row, "failed", Reason("reporting_switched_off"))
    except NeedsReconnect as error:
        # The token may have died early: the next pull finds out and asks the person. The report waits meanwhile.
        with suite.database.write(workspace) as tx:
            installations.wake(tx, row["installation"], now)
        return _done(suite, row, "waiting", error.reason, now + timedelta(minutes=15))
    except NotNow as error:
        return _done(
            suite,
            row,
            "waiting",
            error.reason,
            now + max(error.after, timedelta(seconds=30) * 2 ** min(row["tries"], 8)),
        )
    except BadInput as error:
        log.warning("report refused", installation=row["installation"], code=error.reason.code)
        return _done(suite, row, "failed", error.reason)
    return _done(suite, row, "told", None)


def _told(suite: Suite, report: Report, row: installations.Row) -> bool:
    adapter = suite.adapters.get(row.installation.adapter)
    if not isinstance(adapter, Reports) or not adapter.wants(row.installation):
        return False
    adapter.report(row.installation, report, suite.now())
    return True


def _done(
    suite: Suite, row: Mapping[str, Any], state: str, trouble: Reason | None, due_at: datetime | None = None
) -> None:
    if state == "waiting" and row["tries"] >= MOST_TRIES:
        state = "failed"
    with suite.database.write(row["workspace"]) as tx:
        feedback.report_done(tx, row["id"], state, trouble=trouble, due_at=due_at)
