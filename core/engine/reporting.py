"""Telling the platform what became of its message: the answer on the event, the state in the workflow, the refusal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import structlog

from core.contract import ConsentWord, KeepsConsent, Report, Reports, ReportsInBatches, Serves
from core.domain.errors import BadInput, NeedsReconnect, NotFound, NotNow, from_reason
from core.domain.messages import Channel, State
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.engine.installing import with_token
from core.engine.singly import singly
from core.storage import feedback, installations, occasions, outbox, people
from core.storage.database import Transaction
from core.suite import Suite

LEASE = timedelta(minutes=2)
MARGIN = timedelta(seconds=30)
MOST_TRIES = 30
AT_ONCE = 50
"""Reports that are told one by one in a turn."""
IN_BATCHES = 500
MOST_GATHERED = 1000
ROUNDS = 5
"""So many times that is gathered in a turn: an import of many thousand words does not keep others from theirs."""
ONE_TURN = 20.0
"""Seconds after which a turn begins no more calls in batches: what is left is for the next one."""
MOST_FAILURES = 3
"""So often a platform may put us off in a turn before the rest of its reports waits with them."""
AGAIN_AFTER = timedelta(minutes=15)
BREATH = timedelta(seconds=30)
log = structlog.get_logger(__name__)


def run_due(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Gathers what platforms want to hear, and tells what waits. `over`: begin no more calls, the process is about to
    end. Returns how many reports were tried."""
    for _ in range(ROUNDS):
        if _gathered(suite) < MOST_GATHERED:
            break
    count, ends = 0, time.monotonic() + ONE_TURN
    while time.monotonic() < ends and not over() and (told := _tell_in_batches(suite)):
        count += told
    return count if over() else count + _tell_one_by_one(suite, over)


def tell_there(suite: Suite, installation: str) -> int:
    """What one platform is to hear that keeps its connections to this process. Returns how many reports were tried."""
    with suite.database.read() as tx:
        if not feedback.any_due(tx, suite.now()):
            return 0
    with suite.database.write() as tx:
        taken = feedback.take_reports(tx, suite.now(), LEASE, IN_BATCHES, installation=installation)
    if taken:
        _tell_all(suite, taken[0]["workspace"], installation, taken)
    return len(taken)


def _there(suite: Suite) -> list[str]:
    """The platforms that are told by whoever has their connections."""
    return sorted(slug for slug, adapter in suite.adapters.items() if isinstance(adapter, Serves))


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
            content = {"state": row["state"], "at": row["changed_at"].isoformat(), "reason": row["reason"]}
            about = {"occasion": row["occasion"], "message": row["id"]}
            yield {**_named(row), **about, "kind": "state", "content": content}


def _of_words(suite: Suite, tx: Transaction, found: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for workspace in sorted({row["workspace"] for row in found}):
        mine = Transaction(tx.connection, workspace)
        words = [row for row in found if row["workspace"] == workspace]
        for installation, slug in installations.connected(mine):
            if not isinstance(suite.adapters.get(slug), KeepsConsent):
                continue
            # Who told us knows it already.
            news = [row for row in words if row["installation"] != installation]
            records = occasions.subjects_of(mine, installation, {row["number"] for row in news})
            for row in news:
                said = {"granted": row["state"] == "in", "scope": row["scope"], "number": row["number"],
                        "at": row["at"].isoformat(), "proof": row["proof"], "source": row["source"]}  # fmt: skip
                for subject in records.get(row["number"]) or (None,):
                    yield {"workspace": workspace, "installation": installation, "occasion": None, "message": None,
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
    slugs = sorted(slug for slug, adapter in suite.adapters.items()
                   if isinstance(adapter, ReportsInBatches) and not isinstance(adapter, Serves))  # fmt: skip
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
        overtaken = feedback.overtaken(tx, rows)
    _done(suite, [row for row in rows if row["id"] not in reports], "failed", Reason("occasion_gone"))
    _done(suite, [row for row in rows if row["id"] in overtaken], "told", Reason("report_superseded"))
    said = [row for row in rows if row["id"] in reports and row["id"] not in overtaken]

    def tell(row: installations.Row) -> None:
        adapter = suite.adapters.get(row.installation.adapter)
        assert isinstance(adapter, ReportsInBatches)
        if not adapter.wants(row.installation):
            # People's yes and no are told to who keeps them, wanted or not.
            off = [one for one in said if one["kind"] != "consent" or not isinstance(adapter, KeepsConsent)]
            outcomes.update((one["id"], BadInput("reporting_switched_off")) for one in off)
        # Once more with a new token, what was told with the old one is not told again.
        left = [one for one in said if one["id"] not in outcomes]
        for first in range(0, len(left), adapter.report_size):
            some = left[first : first + adapter.report_size]
            errors = adapter.report_all(row.installation, [reports[one["id"]] for one in some], suite.now())
            for one, error in zip(some, errors, strict=True):
                outcomes[one["id"]] = error

    outcomes: dict[str, Exception | None] = {}
    whole: Exception | None = None
    away = False
    try:
        with_token(suite, workspace, installation, tell)
    except NotFound:
        whole = BadInput("disconnected")
    except (NeedsReconnect, NotNow, BadInput) as error:
        whole, away = error, True
    except Exception as error:
        # An adapter at fault must not keep the reports of others from being told: these are tried again later.
        log.exception("reports failed", installation=installation)
        whole = NotNow("engine_failed", after=AGAIN_AFTER, detail=type(error).__name__)
    _done(suite, [one for one in said if outcomes.get(one["id"], whole) is None], "told", None)
    for one in said:
        if (trouble := outcomes.get(one["id"])) is not None:
            _not_told(suite, [one], trouble)
    if whole is not None:
        until = _not_told(suite, [one for one in said if one["id"] not in outcomes], whole)
        if until is not None and away:
            # Nothing can be told there: what waits behind these is not tried in vain, call after call.
            with suite.database.write(workspace) as tx:
                feedback.put_off_reports(tx, until, installation=installation, due_before=suite.now())


def _tell_one_by_one(suite: Suite, over: Callable[[], bool]) -> int:
    now, ends = suite.now(), time.monotonic() + (LEASE - MARGIN).total_seconds()
    with suite.database.write() as tx:
        # An import of many people's yes and no does not keep the answers of others waiting.
        there = _there(suite)
        taken = feedback.take_reports(tx, now, LEASE, AT_ONCE, but=there, consents=False)
        taken += feedback.take_reports(tx, now, LEASE, AT_ONCE, but=there, consents=True)
    failures: Counter[str] = Counter()
    left: dict[tuple[str, datetime], list[str]] = {}

    def tell(row: Mapping[str, Any]) -> None:
        if time.monotonic() > ends or over():
            # The lease would end while it is told, and somebody else would tell it too.
            left.setdefault((row["workspace"], suite.now()), []).append(row["id"])
        elif failures[row["installation"]] >= MOST_FAILURES:
            left.setdefault((row["workspace"], now + BREATH), []).append(row["id"])
        elif _tell(suite, row):
            failures[row["installation"]] += 1

    def put_off(row: Mapping[str, Any]) -> None:
        _done(suite, [row], "waiting", Reason("engine_failed"), suite.now() + AGAIN_AFTER)

    count = singly(tell, taken, put_off)
    for (workspace, until), ids in left.items():
        with suite.database.write(workspace) as tx:
            feedback.put_off_reports(tx, until, ids=ids)
    return count


def _tell(suite: Suite, row: Mapping[str, Any]) -> bool:
    """One report. Whether its platform puts us off."""
    workspace = row["workspace"]
    with suite.database.read(workspace) as tx:
        report = _reports(tx, [row]).get(row["id"])
        superseded = row["kind"] == "reply" and feedback.newer_report(tx, row["occasion"], row["id"])
        superseded = superseded or bool(feedback.overtaken(tx, [row]))
    if report is None or superseded:
        why = Reason("report_superseded" if superseded else "occasion_gone")
        _done(suite, [row], "failed" if report is None else "told", why)
        return False
    try:
        told = with_token(suite, workspace, row["installation"], partial(_told, suite, report))
    except NotFound:
        _done(suite, [row], "failed", Reason("disconnected"))
    except (NeedsReconnect, NotNow, BadInput) as error:
        return _not_told(suite, [row], error) is not None
    else:
        _done(suite, [row], *(("told", None) if told else ("failed", Reason("reporting_switched_off"))))
    return False


def _told(suite: Suite, report: Report, row: installations.Row) -> bool:
    adapter = suite.adapters.get(row.installation.adapter)
    if not isinstance(adapter, Reports):
        return False
    keeps = report.kind == "consent" and isinstance(adapter, KeepsConsent)
    if not keeps and not adapter.wants(row.installation):
        return False
    adapter.report(row.installation, report, suite.now())
    return True


def _not_told(suite: Suite, rows: Sequence[Mapping[str, Any]], error: Exception) -> datetime | None:
    """Why these reports of one platform were not told. Until when they wait; None when they are not told any more."""
    if not rows:
        return None
    now, installation = suite.now(), rows[0]["installation"]
    match error:
        case NeedsReconnect():
            # The token may have died early: the next pull finds out and asks the person. The report waits meanwhile.
            until = now + AGAIN_AFTER
            with suite.database.write(rows[0]["workspace"]) as tx:
                installations.wake(tx, installation, now)
                if installations.standing(tx, [installation])[installation][0] == "reconnect":
                    # However long a person needs for it: that is no try. All others of it wait with these.
                    feedback.put_off_reports(tx, until, installation=installation, due_before=now + LEASE)
                    return until
            _done(suite, rows, "waiting", error.reason, until)
            return until
        case NotNow():
            soonest: datetime | None = None
            for tries in sorted({row["tries"] for row in rows}):
                until = now + max(error.after, BREATH * 2 ** min(tries, 8))
                _done(suite, [row for row in rows if row["tries"] == tries], "waiting", error.reason, until)
                soonest = soonest or until
            return soonest
        case BadInput():
            log.warning("report refused", installation=installation, code=error.reason.code)
            _done(suite, rows, "failed", error.reason)
            return None
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
    over = [row["id"] for row in rows if state == "waiting" and row["tries"] >= MOST_TRIES]
    with suite.database.write(rows[0]["workspace"]) as tx:
        feedback.reports_done(tx, over, "failed", trouble=trouble)
        rest = [row["id"] for row in rows if row["id"] not in over]
        feedback.reports_done(tx, rest, state, trouble=trouble, due_at=due_at)


# ---------------------------------------------------------------------------------------------- as the platform gets it


def _reports(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> dict[str, Report]:
    """For each row its report; none for one whose occasion is gone."""
    known = {one.id: one for one in occasions.by_ids(tx, {row["occasion"] for row in rows if row["occasion"]})}
    messages = outbox.by_ids(tx, sorted({row["message"] for row in rows if row["message"]}))
    before = _before(tx, rows)
    return {
        row["id"]: _report(row, known.get(row["occasion"]), messages.get(row["message"]), before.get(row["id"]))
        for row in rows
        if row["kind"] == "consent" or row["occasion"] in known
    }


def _before(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> dict[str, State]:
    """The state of which the platform knows when it hears each: told before, or in the same call. What was to be told
    before and waits still is none: a platform that acts on the first of several states would never hear a first one."""
    told = feedback.told_before(tx, rows)
    found: dict[str, State] = {}
    latest: dict[str, tuple[str, str]] = {}
    states = [row for row in rows if row["kind"] == "state" and row["message"]]
    for row in sorted(states, key=lambda one: str(one["id"])):
        known = max(filter(None, (told.get(row["id"]), latest.get(row["message"]))), default=None)
        if known is not None:
            found[row["id"]] = State(known[1])
        latest[row["message"]] = row["id"], row["content"]["state"]
    return found


def _report(
    row: Mapping[str, Any], occasion: Occasion | None, message: Mapping[str, Any] | None, before: State | None
) -> Report:
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
        before=before,
    )


_KINDS: Mapping[str, str] = {
    "delivery": "state", "state": "state", "reply": "reply", "text": "reply", "click": "click", "consent": "consent",
}  # fmt: skip
