"""What a person carries to the other side: a connection code to paste, a plugin to install."""

from __future__ import annotations

from flask import Blueprint, Response, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import HandsOver, Offers, Serves
from core.domain.errors import BadInput, NotFound
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.engine import handing, installing
from core.storage import installations
from core.web.app import current_suite
from core.web.console.connecting import field_of
from core.web.console.session import flash, page

bp = Blueprint("handing", __name__, url_prefix="/connections")


@bp.get("/<adapter>/<path:name>.zip")
@page()
def download(adapter: str, name: str) -> ResponseReturnValue:
    """A file that is installed over there."""
    offers = current_suite().adapters.get(adapter)
    for one in offers.downloads() if isinstance(offers, Offers) else ():
        if one.path == f"{name}.zip":
            return Response(one.read(), content_type=one.content_type, headers={
                "Content-Disposition": f'attachment; filename="{one.filename}"'})
    raise NotFound("file")


@bp.route("/new/<adapter>/code", methods=["GET", "POST"])
@page("admin", writes="admin")
def begin(adapter: str) -> ResponseReturnValue:
    """Makes a connection whose other side is given a code."""
    suite = current_suite()
    hands = suite.adapters.get(adapter)
    if not isinstance(hands, HandsOver) or isinstance(hands, Serves):
        raise NotFound("adapter")
    wrong: Reason | None = None
    at = ""
    if request.method == "POST":
        given = {one.name: request.form.get(one.name, "")[:500].strip() for one in hands.typed}
        try:
            made = installing.add(suite, g.person.workspace, adapter, "", given, who=g.person.id)
            return redirect(f"/connections/{made}/code", 303)
        except BadInput as error:
            wrong, at = error.reason, error.pointer.removeprefix("/config")
    fields = [field_of(one, request.form.get(one.name, "")[:500], wrong if at == f"/{one.name}" else None)
              for one in hands.typed]  # fmt: skip
    return render_template(
        "handing_begin.html", adapter=adapter, platform=hands.manifest.name, fields=fields,
        wrong=wrong if not any(one.error for one in fields) else None,
    ), 422 if wrong else 200


@bp.route("/<installation>/code", methods=["GET", "POST"])
@page("admin", writes="admin")
def code(installation: str) -> ResponseReturnValue:
    """The code, until it was used; a new one by a POST."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    hands = suite.adapters.get(row.installation.adapter) if row else None
    if row is None or row.state == "disconnected" or not isinstance(hands, HandsOver) or isinstance(hands, Serves):
        raise NotFound("installation")
    if request.method == "POST":
        handing.new_code(suite, g.person.workspace, row.installation.id, who=g.person.id)
        flash("good", "handing.new_made")
        return redirect(f"/connections/{row.installation.id}/code", 303)
    offered = hands.downloads() if isinstance(hands, Offers) else ()
    return render_template(
        "handing_code.html", row=row, platform=hands.manifest.name, adapter=row.installation.adapter,
        code=hands.handed(row.installation).get("connection_code"), offered=offered,
        forms=Kind.FORM in hands.manifest.kinds,
    )
