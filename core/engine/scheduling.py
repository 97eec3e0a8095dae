"""Planning with the database: what the rules want on these occasions now, the steps to it, and carrying them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.domain.occasions import Occasion
from core.domain.planning import Cancel, Move, Schedule, Send, Skip, Step, plan, reconcile
from core.domain.policy.decision import Policy
from core.domain.rules import Rule
from core.storage import answers, house, occasions, outbox, people, rules
from core.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Planned:
    """One occasion, what every rule answers, and the steps from what the outbox holds (none in rehearsal)."""

    occasion: Occasion
    answers: tuple[Send | Skip, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What planning again would change: shown before a rule is saved."""

    new: int
    moved: int
    cancelled: int
    unchanged: int
    steps: tuple[tuple[Occasion, Step], ...]


def planned(
    tx: Transaction,
    found: Sequence[Occasion],
    now: datetime,
    *,
    own_rules: Mapping[str, Sequence[Rule]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Planned]:
    """Reads what planning needs in a few queries, and plans. Writes nothing. `own_rules` (installation → rules) and
    `settings` stand in for the stored ones, to show what a change would do."""
    if not found:
        return []
    if settings is None:
        known = house.workspace(tx, tx.owned)
        settings = known["settings"] if known else {}
    standings, zones = people.standings(tx, tx.owned, {one.recipient.number for one in found if one.recipient})
    policy: Policy = house.policy(settings, standings, zones)
    ids = {one.id for one in found}
    told, messages = occasions.told(tx, ids), outbox.known(tx, ids)
    chosen: dict[str, Sequence[Rule]] = dict(own_rules or {})
    results = []
    for one in found:
        if one.installation not in chosen:
            chosen[one.installation] = rules.active(tx, one.installation)
        occasion = replace(one, told=told.get(one.id))
        said = tuple(plan(occasion, chosen[one.installation], policy, now))
        results.append(Planned(occasion, said, tuple(reconcile(said, messages.get(one.id, ())))))
    return results


def replan(tx: Transaction, found: Sequence[Occasion], now: datetime, live: Mapping[str, bool]) -> list[Planned]:
    """Plans these occasions and makes it so. `live` (installation → bool) is False in rehearsal: then the answers are
    kept for people to see, and nothing is scheduled."""
    tx.alone(f"plan:{tx.workspace}")
    results = planned(tx, found, now)
    answers.keep(tx, [(one.occasion, one.answers) for one in results], now)
    outbox.carry_out(
        tx,
        [
            (one.occasion.installation, one.occasion.id, step)
            for one in results
            for step in one.steps
            if live.get(one.occasion.installation) or isinstance(step, Cancel)
        ],
        now,
    )
    return results


def replan_open(
    tx: Transaction,
    now: datetime,
    live: Mapping[str, bool],
    *,
    installation: str | None = None,
    recipient: str | None = None,
) -> int:
    """Plans all open occasions again (after a rule, a holiday, a consent changed). Returns how many were looked at."""
    tx.alone(f"plan:{tx.workspace}")
    after, count = "", 0
    while page := occasions.open_ones(tx, now, installation=installation, recipient=recipient, after=after):
        replan(tx, page, now, live)
        after, count = page[-1].id, count + len(page)
    return count


def difference(
    tx: Transaction,
    now: datetime,
    own_rules: Mapping[str, Sequence[Rule]],
    live: Mapping[str, bool],
    *,
    installation: str | None = None,
) -> Difference:
    """What carrying out the plan under `own_rules` would change, without changing it."""
    counts = {Schedule: 0, Move: 0, Cancel: 0}
    steps: list[tuple[Occasion, Step]] = []
    after, unchanged = "", 0
    while page := occasions.open_ones(tx, now, installation=installation, after=after):
        for one in planned(tx, page, now, own_rules=own_rules):
            for step in one.steps:
                counts[type(step)] += 1
                if len(steps) < 200:
                    steps.append((one.occasion, step))
            unchanged += sum(isinstance(said, Send) for said in one.answers) - sum(
                not isinstance(step, Cancel) for step in one.steps
            )
        after = page[-1].id
    return Difference(counts[Schedule], counts[Move], counts[Cancel], max(unchanged, 0), tuple(steps))


def live_installations(tx: Transaction) -> dict[str, bool]:
    """installation → whether it is live, for this workspace."""
    return answers.modes(tx)
