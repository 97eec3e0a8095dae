"""A platform that calls us and keeps its lines: what is filled in over there, who is connected, what may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Asked, HandsOver, Serves
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.reasons import Reason
from core.engine import handing, installing
from core.engine.serving import NOTED
from core.storage import feedback, installations
from core.web.app import current_suite
from core.web.console.connecting import field_of, said_by
from core.web.console.session import flash, page

bp = Blueprint("lines", __name__, url_prefix="/connections")
SEEN_WITHIN = timedelta(minutes=3)


@bp.route("/new/<adapter>/line", methods=["GET", "POST"])
@page("admin", writes="admin")
def begin(adapter: str) -> ResponseReturnValue:
    """Makes the connection. The password is on the page that answers, and on no other."""
    suite = current_suite()
    serves = suite.adapters.get(adapter)
    if not isinstance(serves, Serves):
        raise NotFound("adapter")
    wrong: Reason | None = None
    at = ""
    if request.method == "POST":
        try:
            made = installing.add(suite, g.person.workspace, adapter, "", _given(_asked(serves)), who=g.person.id)
            return make_response(_shown(made, fresh=True), 201)
        except (BadInput, Conflict) as error:
            wrong, at = error.reason, _pointed(error)
    fields = [field_of(one, request.form.get(one.name, "")[:500], wrong if at == f"/{one.name}" else None)
              for one in _asked(serves)]  # fmt: skip
    return render_template(
        "line_begin.html", adapter=adapter, platform=serves.manifest.name, fields=fields,
        wrong=wrong if not any(one.error for one in fields) else None,
    ), 422 if wrong else 200


@bp.get("/<installation>/line")
@page()
def line(installation: str) -> ResponseReturnValue:
    """The sheet for over there, who is connected, the table of errors; for admins what may be chosen."""
    return _shown(installation)


@bp.post("/<installation>/line")
@page(writes="admin")
def choose(installation: str) -> ResponseReturnValue:
    """What may be sent, and how."""
    suite = current_suite()
    row, serves = _place(installation)
    try:
        handing.choose(suite, g.person.workspace, row.installation.id, _given(_asked(serves), empty=True),
                       who=g.person.id)  # fmt: skip
    except BadInput as error:
        return make_response(_shown(installation, wrong=error.reason, at=_pointed(error)), 422)
    flash("good", "lines.saved")
    return redirect(f"/connections/{row.installation.id}/line", 303)


@bp.post("/<installation>/line/password")
@page(writes="admin")
def password(installation: str) -> ResponseReturnValue:
    """Another password: who is connected with the old one is sent away within seconds."""
    row, _ = _place(installation)
    handing.new_code(current_suite(), g.person.workspace, row.installation.id, who=g.person.id)
    return _shown(installation, fresh=True)


def _place(installation: str) -> tuple[installations.Row, Serves]:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    serves = suite.adapters.get(row.installation.adapter) if row is not None else None
    if row is None or row.state == "disconnected" or not isinstance(serves, Serves):
        raise NotFound("installation")
    return row, serves


def _asked(serves: Serves) -> tuple[Asked, ...]:
    return serves.typed if isinstance(serves, HandsOver) else ()


def _given(asked: tuple[Asked, ...], *, empty: bool = False) -> dict[str, str]:
    """What the form says; `empty`: also that a field was emptied."""
    said = {one.name: request.form.get(one.name, "")[:500].strip() for one in asked}
    return {name: value for name, value in said.items() if value or empty}


def _pointed(error: Exception) -> str:
    return error.pointer.removeprefix("/config") if isinstance(error, BadInput) else ""


def _shown(installation: str, *, fresh: bool = False, wrong: Reason | None = None, at: str = "") -> str:
    suite = current_suite()
    row, serves = _place(installation)
    with suite.database.read(g.person.workspace) as tx:
        waiting = feedback.waiting_reports(tx, row.installation.id)
    noted: Mapping[str, object] = row.installation.memory.get(NOTED) or {}
    seen = datetime.fromisoformat(str(noted["at"])) if noted.get("at") else None
    config = row.installation.config
    fields = [
        field_of(one, _typed(request.form.get(one.name) if wrong else config.get(one.name)),
                 wrong if at == f"/{one.name}" else None)
        for one in _asked(serves)
    ]  # fmt: skip
    return render_template(
        "line.html", row=row, platform=serves.manifest.name, fresh=fresh, waiting=waiting, fields=fields,
        sheet=[(said_by(one.label), one.value if isinstance(one.value, str) else said_by(one.value),
                said_by(one.note), one.secret)
               for one in serves.sheet(row.installation)],
        words=serves.words(), wrong=wrong if not any(one.error for one in fields) else None,
        listening=seen is not None and abs(suite.now() - seen) <= SEEN_WITHIN,
        incoming=noted.get("in", 0), outgoing=noted.get("out", 0),
    )  # fmt: skip


def _typed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")[:500]
