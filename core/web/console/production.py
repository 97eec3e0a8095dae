"""Mise en production: a list with ticks, each with its one fix."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.engine import production
from core.web.app import current_suite
from core.web.console.session import page
from core.web.console.words import french

bp = Blueprint("production", __name__, url_prefix="/settings/production")
MENDED = {
    "provider": "/connections#ways-out",
    "alerts": "/developers/webhooks?for=alerts",
}
"""Where the fix is a page of ours."""


@bp.route("", methods=["GET", "POST"])
@page("admin", writes="admin")
def shown() -> ResponseReturnValue:
    """What is there; on request also what can only be seen from outside."""
    outside = request.method == "POST"
    ticks = production.ticks(current_suite(), g.person.workspace, g.language, outside=outside)
    tidy = french if g.language == "fr" else str
    return render_template(
        "production.html",
        ticks=[(one, tidy(one.found), tidy(one.fix)) for one in ticks],
        done=sum(one.result == "ok" for one in ticks),
        mended=MENDED,
        outside=outside,
    )
