"""Pourquoi ? A person, an appointment, a number or a message: what left, what will leave, what did not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, redirect, render_template
from flask.typing import ResponseReturnValue

from core.domain.errors import NotFound
from core.engine import explaining
from core.storage import answers, occasions, outbox, overview
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.formats import SEALED, phone_number
from core.web.console.session import page

bp = Blueprint("why", __name__)
LOOKED_BACK = timedelta(days=60)
MOST = 20

RUNGS = ("open", "number", "moment", "text", "consent", "sender", "hours")
_OPEN = {
    "muted", "person_declined", "not_cancelled", "nothing_told", "not_moved", "occasion_gone", "rule_gone",
    "booked_before_connection",
}  # fmt: skip
_MOMENT = {"too_late", "moment_over", "never_useful", "no_start", "all_day_needs_day_rule", "stale"}
_TEXT = {"missing_value", "empty_text", "text_too_long"}


@dataclass(frozen=True, slots=True)
class Rung:
    """One question of the ladder and its answer: passed, moved, refused, or ahead (never asked)."""

    name: str
    result: str
    reason: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """What one rule answers about one occasion, rung by rung."""

    rule: str
    sends: bool
    live: bool
    wanted_at: Any
    rungs: tuple[Rung, ...]
    message: Mapping[str, Any] | None = None


@bp.get("/why")
@page()
def why() -> ResponseReturnValue:
    """Looks for what was asked, by number, message or name, and explains it."""
    suite = current_suite()
    query, occasion_id = asked.text("q"), asked.text("occasion")
    now, number = suite.now(), asked.number(query)
    found: dict[str, Any] | None = None
    choices: list[Any] = []
    with suite.database.read(g.person.workspace) as tx:
        if query.startswith("msg_"):
            if outbox.get(tx, query) is not None:
                return redirect(f"/messages/{query}", 303)
        elif occasion_id or query.startswith("occ_"):
            try:
                found = explaining.occasion(tx, occasion_id or query, now, g.language)
            except NotFound:
                found = None
        elif number:
            found = explaining.number(tx, number, now, g.language)
            something = any(found[what] for what in ("messages", "occasions", "campaigns", "slots"))
            if not something and not _known(found["standing"]):
                found = None
        elif query:
            choices = occasions.by_ids(tx, overview.by_name(tx, query, now - LOOKED_BACK, MOST))
            choices.sort(key=lambda one: (one.start is None, one.start))
            if len(choices) == 1:
                found = explaining.occasion(tx, choices[0].id, now, g.language)
        ladders = {one["id"]: _ladders(tx, one["id"]) for one in found["occasions"]} if found else {}
        names = asked.names(suite, tx)
    return render_template(
        "why.html", query=phone_number(number) if query.startswith(SEALED) else query, found=found,
        choices=choices if found is None else [], ladders=ladders, names=names,
        word_of=asked.word_of,
    )  # fmt: skip


def _ladders(tx: Transaction, occasion_id: str) -> list[Ladder]:
    occasion = occasions.get(tx, occasion_id)
    if occasion is None:
        return []
    live = bool(answers.modes(tx).get(occasion.installation))
    names = asked.names(current_suite(), tx).rules
    latest = {row["rule"]: row for row in outbox.of_occasions(tx, [occasion_id]).get(occasion_id, [])}
    return [
        Ladder(
            names.get(row["rule"], row["rule"]),
            row["answer"] == "send",
            live,
            row["wanted_at"],
            climbed(row["answer"] == "send", row["reason"], row["checks"]),
            latest.get(row["rule"]),
        )
        for row in answers.about(tx, [occasion_id]).get(occasion_id, [])
    ]


def climbed(sends: bool, reason: Mapping[str, Any] | None, checks: list[Mapping[str, Any]]) -> tuple[Rung, ...]:
    """The rungs of one answer: those before the one that refused are passed, those after it were never asked."""
    results = {one["check"]: one for one in checks}
    if sends:
        return tuple(
            Rung(name, results.get(name, {}).get("result", "passed"), results.get(name, {}).get("reason"))
            for name in RUNGS
        )
    stopped = next((one["check"] for one in checks if one["result"] == "refused"), None) or _rung_of(reason)
    place = RUNGS.index(stopped) if stopped in RUNGS else 0
    return tuple(
        Rung(name, "passed" if index < place else "refused" if index == place else "ahead",
             reason if index == place else None)
        for index, name in enumerate(RUNGS)
    )  # fmt: skip


def _rung_of(reason: Mapping[str, Any] | None) -> str:
    code = reason["code"] if reason else ""
    if code in _OPEN or code.startswith("occasion_"):
        return "open"
    if code in _MOMENT:
        return "moment"
    if code in _TEXT or code.startswith(("template_", "value_")):
        return "text"
    return "number"


def _known(standing: Mapping[str, Any] | None) -> bool:
    return bool(standing and (standing["opted_out"] or standing["consents"] or standing["quarantine"]))
