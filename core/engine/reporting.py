"""Telling the platform what became of its message: the answer on the event, the state in the workflow, the refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import structlog

from core.contract import ConsentWord, KeepsConsent, Report, Reports, ReportsInBatches
from core.domain.errors import BadInput, NeedsReconnect, NotNow, from_reason
from core.domain.messages import Channel, State
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.engine.installing import with_token
from core.engine.singly import singly
from core.storage import feedback, installations, occasions, outbox, people
from core.storage.database import Transaction
from core.suite import Suite

LEASE = timedelta(minutes=2)
MOST_TRIES = 30
AT_ONCE = 50
"""Reports that are told one by one in a turn, so that each is told within the lease."""
IN_BATCHES = 500
MOST_GATHERED = 1000
AGAIN_AFTER = timedelta(minutes=15)
log = structlog.get_logger(__name__)


def run_due(suite: Suite) -> int:
    """Gathers what platforms want to hear, and tells what waits. Returns how many reports were tried."""
    while _gathered(suite) == MOST_GATHERED:
        pass
    count = 0
    while told := _tell_in_batches(suite):
        count += told
    with suite.database.write() as tx:
        taken = feedback.take_reports(tx, suite.now(), LEASE, AT_ONCE)

    def put_off(row: Mapping[str, Any]) -> None:
        _done(suite, [row], "waiting", Reason("engine_failed"), suite.now() + AGAIN_AFTER)

    return count + singly(partial(_tell, suite), taken, put_off)


# ---------------------------------------------------------------------------------------------- what there is to tell


def _gathered(suite: Suite) -> int:
    """What changed and who wants to know, found in what is stored: so no way in which a message can end, and none in
    which a person can say no, is forgotten. Returns how many changes were looked at."""
    now = suite.now()
    with suite.database.write() as tx:
        messages = outbox.untold(tx, MOST_GATHERED)
        words = people.untold(tx, MOST_GATHERED)
        rows = [*_of_messages(suite, tx, messages), *_of_words(suite, tx, words)]
        feedback.queue_reports(tx, rows, now)
    return max(len(messages), len(words))


def _of_messages(suite: Suite, tx: Transaction, found: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    wanting: dict[str, bool] = {}
    for row in found:
        installation = row["installation"]
        if installation not in wanting:
            wanting[installation] = _wants(suite, Transaction(tx.connection, row["workspace"]), installation)
        if wanting[installation]:
            content = {"state": row["state"], "at": row["changed_at"].isoformat(), "reason": row["reason"],
                       "before": row["told"]}  # fmt: skip
            about = {"occasion": row["occasion"], "message": row["id"]}
            yield {**_named(row), **about, "kind": "state", "content": content}


def _of_words(suite: Suite, tx: Transaction, found: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    keepers: dict[str, list[str]] = {}
    for row in found:
        mine = Transaction(tx.connection, row["workspace"])
        if row["workspace"] not in keepers:
            there = installations.connected(mine)
            keeping = (one for one, slug in there if isinstance(suite.adapters.get(slug), KeepsConsent))
            keepers[row["workspace"]] = list(keeping)
        for installation in keepers[row["workspace"]]:
            if installation == row["installation"]:
                continue
            said = {"granted": row["state"] == "in", "scope": row["scope"], "number": row["number"],
                    "at": row["at"].isoformat(), "proof": row["proof"], "source": row["source"]}  # fmt: skip
            subjects: list[str | None] = [*occasions.subjects_of(mine, installation, row["number"])]
            for subject in subjects or [None]:
                yield {"workspace": row["workspace"], "installation": installation, "occasion": None, "message": None,
                       "kind": "consent", "content": {**said, "subject": subject}}  # fmt: skip


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"workspace": row["workspace"], "installation": row["installation"]}


def _wants(suite: Suite, tx: Transaction, installation: str) -> bool:
    adapter = suite.adapters.get(installations.adapter_of(tx, installation) or "")
    if not isinstance(adapter, Reports):
        return False
    row = installations.get(tx, suite.vault, installation, suite.public_url)
    return row is not None and row.state != "disconnected" and adapter.wants(row.installation)


# ---------------------------------------------------------------------------------------------- telling


def _tell_in_batches(suite: Suite) -> int:
    """One turn for the platforms that take many reports in one call. Returns how many were tried."""
    slugs = sorted(slug for slug, adapter in suite.adapters.items() if isinstance(adapter, ReportsInBatches))
    if not slugs:
        return 0
    with suite.database.write() as tx:
        taken = feedback.take_reports(tx, suite.now(), LEASE, IN_BATCHES, adapters=slugs)
    for (workspace, installation), rows in groupby(
        sorted(taken, key=_whose), key=lambda row: (row["workspace"], row["installation"])
    ):
        _tell_all(suite, workspace, installation, list(rows))
    return len(taken)


def _whose(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["workspace"], row["installation"], row["id"]


def _tell_all(suite: Suite, workspace: str, installation: str, rows: list[Mapping[str, Any]]) -> None:
    with suite.database.read(workspace) as tx:
        reports = _reports(tx, rows)
    said = [row for row in rows if row["id"] in reports]
    _done(suite, [row for row in rows if row["id"] not in reports], "failed", Reason("occasion_gone"))

    def tell(row: installations.Row) -> None:
        adapter = suite.adapters.get(row.installation.adapter)
        assert isinstance(adapter, ReportsInBatches)
        for first in range(0, len(said), adapter.report_size):
            some = said[first : first + adapter.report_size]
            errors = adapter.report_all(row.installation, [reports[one["id"]] for one in some], suite.now())
            for one, error in zip(some, errors, strict=True):
                outcomes[one["id"]] = error

    outcomes: dict[str, Exception | None] = {}
    try:
        with_token(suite, workspace, installation, tell)
    except (NeedsReconnect, NotNow, BadInput) as error:
        outcomes = {one["id"]: outcomes.get(one["id"], error) for one in said}
    except Exception as error:
        # An adapter at fault must not keep the reports of others from being told: these are tried again later.
        log.exception("reports failed", installation=installation)
        failed = NotNow("engine_failed", after=AGAIN_AFTER, detail=type(error).__name__)
        outcomes = {one["id"]: outcomes.get(one["id"], failed) for one in said}
    _done(suite, [one for one in said if outcomes[one["id"]] is None], "told", None)
    for one in said:
        if (trouble := outcomes[one["id"]]) is not None:
            _not_told(suite, one, trouble)


def _tell(suite: Suite, row: Mapping[str, Any]) -> None:
    workspace = row["workspace"]
    with suite.database.read(workspace) as tx:
        report = _reports(tx, [row]).get(row["id"])
        superseded = row["kind"] == "reply" and feedback.newer_report(tx, row["occasion"], row["id"])
    if report is None or superseded:
        why = Reason("report_superseded" if superseded else "occasion_gone")
        return _done(suite, [row], "failed" if report is None else "told", why)
    try:
        if not with_token(suite, workspace, row["installation"], partial(_told, suite, report)):
            return _done(suite, [row], "failed", Reason("reporting_switched_off"))
    except (NeedsReconnect, NotNow, BadInput) as error:
        return _not_told(suite, row, error)
    return _done(suite, [row], "told", None)


def _told(suite: Suite, report: Report, row: installations.Row) -> bool:
    adapter = suite.adapters.get(row.installation.adapter)
    if not isinstance(adapter, Reports):
        return False
    keeps = report.kind == "consent" and isinstance(adapter, KeepsConsent)
    if not keeps and not adapter.wants(row.installation):
        return False
    adapter.report(row.installation, report, suite.now())
    return True


def _not_told(suite: Suite, row: Mapping[str, Any], error: Exception) -> None:
    now = suite.now()
    match error:
        case NeedsReconnect():
            # The token may have died early: the next pull finds out and asks the person. The report waits meanwhile.
            with suite.database.write(row["workspace"]) as tx:
                installations.wake(tx, row["installation"], now)
            _done(suite, [row], "waiting", error.reason, now + AGAIN_AFTER)
        case NotNow():
            wait = max(error.after, timedelta(seconds=30) * 2 ** min(row["tries"], 8))
            _done(suite, [row], "waiting", error.reason, now + wait)
        case BadInput():
            log.warning("report refused", installation=row["installation"], code=error.reason.code)
            _done(suite, [row], "failed", error.reason)
        case _:
            raise error


def _done(
    suite: Suite,
    rows: Sequence[Mapping[str, Any]],
    state: str,
    trouble: Reason | None,
    due_at: datetime | None = None,
) -> None:
    if not rows:
        return
    if state == "waiting" and rows[0]["tries"] >= MOST_TRIES:
        state = "failed"
    with suite.database.write(rows[0]["workspace"]) as tx:
        feedback.reports_done(tx, [row["id"] for row in rows], state, trouble=trouble, due_at=due_at)


# ---------------------------------------------------------------------------------------------- as the platform gets it


def _reports(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> dict[str, Report]:
    """For each row its report; none for one whose occasion is gone."""
    known = {one.id: one for one in occasions.by_ids(tx, {row["occasion"] for row in rows if row["occasion"]})}
    messages = outbox.by_ids(tx, sorted({row["message"] for row in rows if row["message"]}))
    return {
        row["id"]: _report(row, known.get(row["occasion"]), messages.get(row["message"]))
        for row in rows
        if row["kind"] == "consent" or row["occasion"] in known
    }


def _report(row: Mapping[str, Any], occasion: Occasion | None, message: Mapping[str, Any] | None) -> Report:
    content, about = row["content"], message or {}
    at = datetime.fromisoformat(content["at"])
    word = None
    if row["kind"] == "consent":
        said = [content[name] for name in ("scope", "number", "subject", "proof")]
        word = ConsentWord(content["granted"], at, *said)
    return Report(
        occasion_key=occasion.key if occasion else "",
        state=State(content["state"]) if content.get("state") else None,
        answer=content.get("answer"),
        text=content.get("text"),
        at=at,
        private=occasion.private if occasion else {},
        message_id=row["message"],
        kind=_KINDS[row["kind"]],
        reason=from_reason(content["reason"]) if content.get("reason") else None,
        to=about.get("to") or (word.number if word else None),
        channel=Channel(about["channel"]) if about.get("channel") else None,
        sent_at=about.get("left_at"),
        price_micros=about.get("price_micros"),
        currency=about.get("currency"),
        segments=about.get("segments"),
        link=content.get("link"),
        consent=word,
        subject=occasion.subject if occasion else content.get("subject"),
        body=about.get("text"),
        before=State(content["before"]) if content.get("before") else None,
    )


_KINDS: Mapping[str, str] = {
    "delivery": "state", "state": "state", "reply": "reply", "text": "reply", "click": "click", "consent": "consent",
}  # fmt: skip
