"""Who came: said by a person or a program, and what reminding brings against leaving some people alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.domain.attribution import Uplift, uplift
from core.domain.errors import BadInput, NotFound
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.engine import scheduling
from core.engine.kpis import Period
from core.storage import house, occasions, rules, visits
from core.storage.database import Transaction
from core.suite import Suite

MOST_LEFT_OUT = 50


@dataclass(frozen=True, slots=True)
class Reminding:
    """What reminders bring: `uplift` compares who came of those who were reminded and of those who were not. `shares`:
    rule about appointments → (its name, percent of people whom it leaves out). `known`, `missed`: all appointments of
    the period of which it is known who came."""

    uplift: Uplift
    says: Reason
    shares: Mapping[str, tuple[str, int]]
    known: int
    missed: int


def say(tx: Transaction, occasion: str, came: bool | None, who: str, now: datetime) -> None:
    """A person came to their appointment, or did not, or nobody knows. Raises `NotFound`, `BadInput`."""
    found = occasions.get(tx, occasion)
    if found is None or found.kind is not Kind.APPOINTMENT or found.start is None:
        raise NotFound("occasion")
    if came is not None and found.start > now:
        raise BadInput("visit_not_over", pointer="/came")
    visits.attend(tx, occasion, found.start, came, who, now)


def reminding(tx: Transaction, wanted: Period) -> Reminding:
    """Of the appointments of these days. No more than the attendances of that time are counted."""
    shares = {
        row["id"]: (row["name"], int((row["conditions"] or {}).get("control_group") or 0))
        for row in rules.rows(tx) if row["on"] == Kind.APPOINTMENT and "change" not in row["when"]
    }  # fmt: skip
    since, until = wanted.bounds
    known, missed = visits.missed_share(tx, since, until)
    measured = [rule for rule, (_, percent) in shares.items() if percent]
    one = uplift(*visits.groups(tx, since, until, measured)) if measured else uplift(0, 0, 0, 0)
    if not one.enough:
        says = Reason("visits_uplift_not_enough", {"nudged": one.nudged, "control": one.control})
    else:
        says = Reason("uplift_clear" if one.certain else "uplift_unclear")
    return Reminding(one, says, shares, known, missed)


def leave_out(suite: Suite, workspace: str, rule: str, percent: str, *, who: str) -> None:
    """So many percent of the people are not reminded by that rule from now on, by lot: the same people each time.
    Raises `BadInput`, `NotFound`."""
    if not (percent.isascii() and percent.isdigit() and int(percent[:6]) <= MOST_LEFT_OUT):
        raise BadInput("control_share_wrong", pointer="/percent", most=MOST_LEFT_OUT)
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row: Mapping[str, Any] | None = rules.row(tx, rule)
        if row is None or row["on"] != Kind.APPOINTMENT:
            raise NotFound("rule")
        said = {**(row["conditions"] or {}), "control_group": int(percent)}
        conditions = {name: value for name, value in said.items() if value}
        rules.change(tx, rule, {"conditions": conditions or None})
        house.note(tx, who, "rule_changed", rule, {"control_group": int(percent)}, now)
        scheduling.replan_open(tx, now, scheduling.live_installations(tx))
    suite.wake()
