"""Réponses à lire: what people wrote that no rule may decide. Read, answer, done."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.engine import resolving
from core.storage import feedback, occasions, outbox
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page

bp = Blueprint("replies", __name__)
PAGE = 30


@bp.get("/replies")
@page()
def replies() -> ResponseReturnValue:
    """Those that wait for a person, or all of them."""
    suite = current_suite()
    everything = asked.text("all") == "1"
    with suite.database.read(g.person.workspace) as tx:
        rows = feedback.replies(tx, waiting=not everything, after=asked.text("after") or None, limit=PAGE + 1)
        known = {one.id: one for one in occasions.by_ids(tx, {row["occasion"] for row in rows if row["occasion"]})}
        answered = outbox.by_ids(tx, [row["message"] for row in rows if row["message"]])
    return render_template(
        "replies.html",
        rows=rows[:PAGE],
        after=rows[PAGE - 1]["id"] if len(rows) > PAGE else None,
        everything=everything,
        occasions=known,
        messages=answered,
    )


@bp.post("/replies/<reply_id>/done")
@page()
def done(reply_id: str) -> ResponseReturnValue:
    """Somebody has dealt with it."""
    resolving.reply_done(current_suite(), g.person.workspace, reply_id, who=g.person.id)
    return asked.back("/replies", "good", "replies.done")


@bp.post("/replies/<reply_id>/answer")
@page()
def answer(reply_id: str) -> ResponseReturnValue:
    """Answers by a text message, which leaves at once."""
    text = request.form.get("text", "")[:1600]
    resolving.answer_reply(current_suite(), g.person.workspace, reply_id, text, who=g.person.id)
    return asked.back("/replies", "good", "replies.answered")
