"""Which of the reminders that a connection brought are switched on: each with or without the question OUI or NON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.domain.text.templates import compile_template
from core.domain.when import OnChange, parse_when
from core.engine import scheduling
from core.storage import house, rules
from core.storage.database import Transaction
from core.suite import Suite

ASKS = "-asks"
"""A preset whose key ends so is another preset's text with a question."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """A moment to remind at: its rule, and the one that also asks for an answer."""

    key: str
    plain: Mapping[str, Any]
    asking: Mapping[str, Any] | None
    chosen: bool

    def rule(self, asks: bool) -> Mapping[str, Any]:
        """The row that would speak."""
        return self.asking if asks and self.asking is not None else self.plain


@dataclass(frozen=True, slots=True)
class Offer:
    """What a connection brought. `extras` speak when an appointment is booked, moved or cancelled."""

    reminders: tuple[Reminder, ...]
    extras: tuple[Mapping[str, Any], ...]
    asks: bool

    @property
    def fresh(self) -> bool:
        """Nothing was chosen yet."""
        return not any(one.chosen for one in self.reminders) and not any(one["active"] for one in self.extras)


def offer(tx: Transaction, installation: str) -> Offer:
    """The presets of `installation` as they stand."""
    known = [row for row in rules.rows(tx, installation=installation) if row["preset"] and row["installation"]]
    # They were all made in the same millisecond: only their keys stand in a lasting order.
    rows = sorted(known, key=lambda row: row["preset"])
    by_key = {row["preset"]: row for row in rows}
    reminders, extras = [], []
    for row in rows:
        key = row["preset"]
        if isinstance(parse_when(row["when"]), OnChange):
            extras.append(row)
        elif not key.endswith(ASKS) or key.removesuffix(ASKS) not in by_key:
            asking = by_key.get(f"{key}{ASKS}")
            reminders.append(Reminder(key, row, asking, row["active"] or bool(asking and asking["active"])))
    asks = any(one.asking is not None and one.asking["active"] for one in reminders)
    return Offer(tuple(reminders), tuple(extras), asks)


def choose(
    suite: Suite, workspace: str, installation: str, keys: Collection[str], *, asks: bool, who: str
) -> None:
    """Switches on the presets named in `keys` (reminders and extras) and off all others, then plans again."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        offered = offer(tx, installation)
        wanted: dict[str, bool] = {row["id"]: row["preset"] in keys for row in offered.extras}
        for one in offered.reminders:
            speaks = one.rule(asks)
            for row in (one.plain, one.asking):
                if row is not None:
                    wanted[row["id"]] = one.key in keys and row["id"] == speaks["id"]
        before = {row["id"]: row["active"] for row in rules.rows(tx, installation=installation)}
        changed = [rule_id for rule_id, on in wanted.items() if before[rule_id] != on]
        for rule_id in changed:
            rules.change(tx, rule_id, {"active": wanted[rule_id]})
        if changed:
            house.note(tx, who, "reminders_chosen", installation, {"presets": sorted(keys), "asks": asks}, now)
            scheduling.replan_open(tx, now, scheduling.live_installations(tx), installation=installation)
    suite.wake()


def reword(suite: Suite, workspace: str, rule_id: str, body: str, *, who: str) -> None:
    """Another text for a rule, and what waits is planned again with it. Raises `InvalidTemplate`."""
    compile_template(body)
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = rules.row(tx, rule_id)
        if row is None or row["body"] == body:
            return
        rules.change(tx, rule_id, {"body": body})
        house.note(tx, who, "rule_changed", rule_id, {"field": "body"}, now)
        scheduling.replan_open(tx, now, scheduling.live_installations(tx), installation=row["installation"])
    suite.wake()
