"""After a standstill: what left late, what was skipped, and what a person is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.domain.messages import LEFT, State
from core.domain.policy.lateness import Away
from core.domain.reasons import Reason
from core.engine import guarding, notices
from core.engine.guarding import CATCH_UP
from core.storage import counting, house, outbox
from core.storage.database import Transaction
from core.storage.outbox import Filter
from core.suite import Suite

MOST_SHOWN = 100
MOST_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The last standstill and what it kept back, at most 100 of each: messages that left late, those that were too
    late, and those that wait for a decision."""

    away: Away | None
    sent: tuple[Mapping[str, Any], ...]
    skipped: tuple[Mapping[str, Any], ...]
    asked: tuple[Mapping[str, Any], ...]


def sorted_out(suite: Suite, tx: Transaction) -> CaughtUp:
    """See `CaughtUp`."""
    now = suite.now()
    away = guarding.standstill(tx, now)
    asked = tuple(waiting(tx, MOST_SHOWN))
    if away is None:
        return CaughtUp(None, (), (), asked)
    since = away.since
    left = outbox.listed(
        tx,
        Filter(state=tuple(str(one) for one in LEFT | {State.FAILED}), since=since, until=away.until,
               extra=(counting.left_since(away.until),)),
        limit=MOST_SHOWN, by_due=True,
    )  # fmt: skip
    over = outbox.listed(
        tx,
        Filter(state=("expired", "cancelled"), since=since, until=away.until,
               extra=(counting.changed_since(away.until),)),
        limit=MOST_SHOWN, by_due=True,
    )  # fmt: skip
    skipped = [row for row in over if row["state"] == "expired" or (row["reason"] or {}).get("code") == "late_refused"]
    return CaughtUp(away, tuple(left), tuple(skipped), asked)


def waiting(tx: Transaction, limit: int) -> list[Mapping[str, Any]]:
    """Messages that wait for somebody's word, the earliest first."""
    return outbox.listed(
        tx, Filter(state=("held",), extra=(counting.waits_for(CATCH_UP),)), limit=limit, by_due=True
    )


def let_go(suite: Suite, workspace: str, ids: Sequence[str] | None, *, who: str) -> int:
    """These (or all that wait) leave now, if the last look allows it. How many."""
    now = suite.now()
    reason = Reason("late_sent")
    with suite.database.write(workspace) as tx:
        # Due now: the delay was decided about, and is not asked about a second time.
        done = counting.settle_held(tx, CATCH_UP, State.SCHEDULED, reason, now, only=ids, due_at=now)
        if done:
            house.note(tx, who, "late_let_go", None, {"count": len(done)}, now)
    suite.wake()
    return len(done)


def refuse(suite: Suite, workspace: str, ids: Sequence[str] | None, *, who: str) -> int:
    """These (or all that wait) are called off. How many."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        done = counting.settle_held(
            tx, CATCH_UP, State.CANCELLED, Reason("late_refused"), now, only=ids, by_person=True
        )
        if done:
            house.note(tx, who, "late_refused", None, {"count": len(done)}, now)
            notices.messages_changed(tx, [(workspace, one, State.CANCELLED) for one in done], now)
    return len(done)
