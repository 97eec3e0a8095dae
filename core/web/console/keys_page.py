"""A platform that is connected by keys which a person makes over there and copies here."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import TakesKeys
from core.domain.errors import BadInput, Conflict, NeedsReconnect, NotFound, NotNow
from core.domain.reasons import Reason
from core.domain.remedies import remedy
from core.engine import installing
from core.web.app import current_suite
from core.web.console.connecting import field_of
from core.web.console.session import flash, page
from core.web.console.words import french, language

bp = Blueprint("keys_page", __name__, url_prefix="/connections")


@bp.route("/new/<adapter>/keys", methods=["GET", "POST"])
@page("admin", writes="admin")
def keys(adapter: str) -> ResponseReturnValue:
    """The keys, and where they are made. They are tried before they are kept; then it is said what else is missing."""
    suite = current_suite()
    takes = suite.adapters.get(adapter)
    if not isinstance(takes, TakesKeys):
        raise NotFound("adapter")
    wrong: Reason | None = None
    at = ""
    given = {one.name: request.form.get(one.name, "")[:500] for one in takes.typed}
    if request.method == "POST":
        try:
            made = installing.typed(suite, g.person.workspace, adapter, given, who=g.person.id)
            flash("good", "connect.keys.renewed" if made.renewed else "connect.keys.made")
            return redirect(f"/connections/{made.id}/checks", 303)
        except (BadInput, Conflict, NeedsReconnect, NotNow) as error:
            wrong, at = error.reason, error.pointer.removeprefix("/config") if isinstance(error, BadInput) else ""
    # What was typed unseen is typed again: it does not travel back.
    fields = [field_of(one, "" if one.secret else given[one.name], wrong if at == f"/{one.name}" else None)
              for one in takes.typed]  # fmt: skip
    elsewhere = wrong if not any(one.error for one in fields) else None
    steps = takes.made_there.get(language()) or takes.made_there.get("en", ())
    return render_template(
        "connect_keys.html", adapter=adapter, platform=takes.manifest.name, fields=fields,
        steps=[french(one) if language() == "fr" else one for one in steps],
        secret={one.name for one in takes.typed if one.secret},
        wrong=elsewhere, remedy=remedy(elsewhere.code, language()) if elsewhere else "",
    ), 422 if wrong else 200
