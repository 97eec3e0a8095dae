"""Messages: the log with its filters, and the story of each message from the event to its cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from core.domain.errors import NotFound, from_reason
from core.domain.messages import Channel, State
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.engine import resolving, shown
from core.storage import feedback, ledger, links, occasions, outbox, rules
from core.web.app import current_suite
from core.web.console import asked, calls
from core.web.console.formats import moment
from core.web.console.session import page
from core.web.console.words import sentence, t

bp = Blueprint("messages", __name__)
PAGE = 50
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) ([A-Za-z]+(?:/[A-Za-z_+-]+)+)")


@bp.get("/messages")
@page()
def messages() -> ResponseReturnValue:
    """The log, newest first."""
    suite, wanted = current_suite(), asked.wanted()
    with suite.database.read(g.person.workspace) as tx:
        rows = outbox.listed(tx, wanted.filter(), limit=PAGE + 1)
        known = {one.id: one for one in occasions.by_ids(tx, {row["occasion"] for row in rows if row["occasion"]})}
        names = asked.names(suite, tx)
    return render_template(
        "messages.html",
        rows=rows[:PAGE],
        after=rows[PAGE - 1]["id"] if len(rows) > PAGE else None,
        wanted=wanted,
        names=names,
        occasions=known,
        workflow=next((one.wish.label for one in known.values() if wanted.campaign and one.wish), None),
        word_of=asked.word_of,
        states=[str(state) for state in State],
    )


@bp.get("/messages/<message_id>")
@page()
def story(message_id: str) -> ResponseReturnValue:
    """What happened to one message, and why."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = outbox.get(tx, message_id)
        if row is None:
            raise NotFound("message")
        occasion = occasions.get(tx, row["occasion"]) if row["occasion"] else None
        steps, attempts = ledger.history(tx, message_id)
        receipts, clicks = feedback.receipts_of(tx, message_id), links.clicks_of(tx, message_id)
        replies = [one for one in feedback.replies(tx, number=row["to"], limit=50) if one["message"] == message_id]
        names = asked.names(suite, tx)
        template = rules.written_from(tx, row["template"]) if row["template"] else None
    ways = {slug: provider.name for slug, provider in suite.providers.items()}
    return render_template(
        "message.html",
        template=template,
        row=row,
        word=asked.word_of(row),
        occasion=occasion,
        names=names,
        told=told(row, occasion, steps, attempts, receipts, replies, names, ways, clicks),
        replies=replies,
        call=calls.of(row, steps),
    )


@bp.post("/messages/<message_id>/<decision>")
@page()
def decide(message_id: str, decision: str) -> ResponseReturnValue:
    """A person's word on one message: hold, release, now, cancel; and for an uncertain one: sent, again."""
    suite, workspace, who = current_suite(), g.person.workspace, g.person.id
    match decision:
        case "hold":
            resolving.hold(suite, workspace, message_id, who=who)
        case "release":
            resolving.let_go(suite, workspace, message_id, who=who)
        case "now":
            resolving.send_now(suite, workspace, message_id, who=who)
        case "cancel":
            resolving.call_off(suite, workspace, message_id, who=who)
        case "sent" | "again":
            resolving.settle(suite, workspace, message_id, decision, who=who)
        case _:
            raise NotFound("decision")
    return asked.back(f"/messages/{message_id}", "good", f"messages.done.{decision}")


@bp.app_template_filter("because")
def because(reason: Reason | Mapping[str, Any] | None) -> str:
    """A reason as a sentence, with its moments written as people of the house read them."""
    if reason is None:
        return ""
    one = reason if isinstance(reason, Reason) else from_reason(reason)
    values = {name: _readable(value) if isinstance(value, str) else value for name, value in one.values.items()}
    return sentence(Reason(one.code, values)).replace("'", "’")


@bp.app_template_filter("words")
def words(row: Mapping[str, Any]) -> str:
    """What a message says, without the one-time code that it may hold."""
    return shown.words(row)


def _readable(value: str) -> str:
    found = _MOMENT.fullmatch(value)
    if found is None:
        return value
    try:
        return moment(datetime.fromisoformat(found[1]).replace(tzinfo=ZoneInfo(found[2])), found[2])
    except (ValueError, ZoneInfoNotFoundError):
        return value


# ---------------------------------------------------------------------------------------------- the story


@dataclass(frozen=True, slots=True)
class Line:
    """A step of the story: when, in which colour and with which sign, what happened, and why."""

    at: datetime
    look: str
    icon: str
    title: str
    reason: Reason | None = None
    text: str = ""
    checks: tuple[Mapping[str, Any], ...] = ()


_LOOKS = {
    "scheduled": ("blue", "clock"), "held": ("amber", "pause"), "sending": ("blue", "send"),
    "uncertain": ("amber", "question"), "sent": ("blue", "send"), "delivered": ("green", "check-double"),
    "read": ("green", "eye"), "failed": ("red", "cross"), "suppressed": ("grey", "skip"),
    "cancelled": ("grey", "cross"), "superseded": ("grey", "replace"), "expired": ("grey", "late"),
}  # fmt: skip
# What was left on a voicemail has reached a phone, and perhaps nobody.
_CALLS = {
    "call_answered": ("green", "check-double"), "call_answered_unsure": ("amber", "question"),
    "call_message_left": ("amber", "check"), "call_key_pressed": ("green", "check-double"),
}  # fmt: skip
_REPLANNED = {"occasion_moved", "text_changed", "recipient_changed", "plan_changed"}
_OUTCOMES = {"accepted": "green", "later": "amber", "refused": "red", "account": "amber", "uncertain": "amber"}


def told(
    row: Mapping[str, Any],
    occasion: Occasion | None,
    steps: list[Mapping[str, Any]],
    attempts: list[Mapping[str, Any]],
    receipts: list[Mapping[str, Any]],
    replies: list[Mapping[str, Any]],
    names: asked.Names,
    ways: Mapping[str, str],
    clicks: list[Mapping[str, Any]],
) -> list[Line]:
    """Event, plan, re-plans, hand-over, receipts, replies, oldest first."""
    lines: list[tuple[datetime, int, Line]] = []

    def add(at: datetime, order: int, look: tuple[str, str], title: str, **more: Any) -> None:
        lines.append((at, order, Line(at, look[0], look[1], title, **more)))

    if occasion is not None:
        where = names.installations.get(occasion.installation, t("story.gone_connection"))
        add(
            min(occasion.first_seen or row["created_at"], row["created_at"]),
            0,
            ("grey", "calendar"),
            t("story.event", where=where),
            text=title_of(occasion),
        )
    planned = t("story.planned_by", rule=names.rules.get(row["rule"], t("story.gone_rule"))) if row["rule"] else ""
    add(
        row["created_at"],
        1,
        ("blue", "clock"),
        planned or t("story.asked_for"),
        text="" if steps or attempts else t("story.due", at=moment(row["due_at"], row["zone"])),
        checks=tuple(row["checks"]),
    )
    for one in steps:
        code = one["reason"]["code"] if one["reason"] else ""
        name = "replanned" if code in _REPLANNED else one["state"]
        title = t(f"calls.step.{code}") if code in _CALLS else t(f"story.step.{name}")
        why = from_reason(one["reason"]) if one["reason"] else None
        add(one["at"], 3, _CALLS.get(code, _LOOKS[one["state"]]), title, reason=why)
    for one in attempts:
        add(
            one["at"],
            2,
            (_OUTCOMES.get(one["outcome"], "grey"), "send"),
            t("story.handed", provider=ways.get(one["provider"], one["provider"]))
            + (f" · {t('channel.' + one['channel'])}" if len(row["channels"]) > 1 else ""),
            text=t(f"story.outcome.{one['outcome']}"),
            reason=from_reason(one["reason"]) if one["reason"] else None,
        )
    for one in receipts:
        state = one["state"] or "unknown"
        add(
            one["received_at"],
            2,
            _LOOKS.get(state, ("grey", "info")),
            t("story.receipt"),
            text=t("story.receipt_said", status=one["status"]),
            reason=from_reason(one["reason"]) if one["reason"] else None,
        )
    for one in replies:
        add(
            one["received_at"],
            4,
            ("green", "messages"),
            t("story.reply"),
            text=t("calls.pressed", digit=one["text"]) if one["channel"] == Channel.VOICE else f"« {one['text']} »",
            reason=from_reason(one["outcome"]) if one["outcome"] else None,
        )
    for one in clicks:
        add(one["at"], 4, ("green", "link"), t("story.click"), text=one["target"])
    return [line for _, _, line in sorted(lines, key=lambda one: (one[0], one[1]))]


def title_of(occasion: Occasion) -> str:
    """What people call it: the person's name if we know it, else the title."""
    values = occasion.values
    for name in ("name", "title", "first_name"):
        if isinstance(values.get(name), str) and values[name].strip():
            return str(values[name]).strip()
    return t("story.nameless")
