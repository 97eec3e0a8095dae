"""Rattrapage: after a standstill, what left late, what was skipped, and what a person decides about."""

from __future__ import annotations

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput
from core.domain.messages import MessageClass
from core.domain.policy.lateness import Then
from core.engine import capping, catching_up
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("catch_up", __name__, url_prefix="/catch-up")


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """The three lists, and what becomes of late messages next time."""
    return _shown()


@bp.post("/<verb>")
@page()
def decide(verb: str) -> ResponseReturnValue:
    """send or refuse, for one message or for all that wait."""
    ids = request.form.getlist("id") or None
    if verb == "send":
        done = catching_up.let_go(current_suite(), g.person.workspace, ids, who=g.person.id)
    elif verb == "refuse":
        done = catching_up.refuse(current_suite(), g.person.workspace, ids, who=g.person.id)
    else:
        raise BadInput("choice_unknown", pointer="/verb", text=verb[:20])
    return asked.back("/catch-up", "good", f"catch_up.done.{verb}", count=done)


@bp.post("/settings")
@page(writes="admin")
def settings() -> ResponseReturnValue:
    """What becomes of late messages, by class."""
    form = request.form
    try:
        given = {
            klass: capping.read_tolerance(form.get(f"minutes-{klass}", ""), form.get(f"then-{klass}", ""))
            for klass in MessageClass
        }
        capping.lateness(current_suite(), g.person.workspace, given, who=g.person.id)
    except BadInput as error:
        return _shown(error)
    return asked.back("/catch-up", "good", "settings.saved")


def _shown(error: BadInput | None = None) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        found = catching_up.sorted_out(suite, tx)
        tolerances = capping.tolerated(tx)
    answer = render_template(
        "catch_up.html",
        found=found,
        tolerances=tolerances,
        choices=tuple(Then),
        wrong=sentence(error.reason) if error else None,
    )
    return make_response(answer, 422 if error else 200)
