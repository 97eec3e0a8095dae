"""Fichiers: lists to take away, asked for here or beside a list, made in the background and kept for some days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from core.engine import exporting, shown
from core.storage import conversations, exported
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.formats import moment, spelled
from core.web.console.session import page
from core.web.console.words import t

bp = Blueprint("exports", __name__, url_prefix="/exports")
SHOWN = 50


@bp.get("")
@page("editor")
def listed() -> ResponseReturnValue:
    """What can be had, and what was asked for."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        rows = exported.listed(tx, limit=SHOWN)
        names = asked.names(suite, tx)
    wanted = asked.wanted()
    return render_template(
        "exports.html",
        rows=rows,
        kinds=[(name, t(f"files.kind.{name}")) for name in exporting.KINDS],
        what=asked.text("what") if asked.text("what") in exporting.KINDS else "messages",
        filtered=_in_words(_filters(wanted), names) if asked.text("what") == "messages" else "",
        narrowed={row["id"]: _in_words(row["filters"], names) for row in rows},
        query=urlencode({"what": "messages"}) + ("&" + wanted.query() if wanted.any else ""),
        making=any(row["state"] in exported.UNFINISHED for row in rows),
        kept=exporting.KEPT.days,
    )


@bp.post("")
@page("editor", proven=True)
def create() -> ResponseReturnValue:
    """Asks for a file; of messages with the filters of the address, as the list has them."""
    suite, form = current_suite(), request.form
    what = form.get("what", "") or asked.text("what")
    filters = _filters(asked.wanted()) if what == "messages" else {}
    with suite.database.write(g.person.workspace) as tx:
        exporting.ask(
            tx, what, form.get("format", exporting.CSV), filters, suite.now(), language=g.language, who=g.person.id
        )
    suite.wake()
    return asked.back("/exports", "good", "files.asked")


@bp.get("/<export_id>/file")
@page("editor")
def download(export_id: str) -> ResponseReturnValue:
    """The file, for those who signed in to its workspace."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        row, chunks = exporting.downloaded(suite, tx, export_id, who=g.person.id)
    headers = {"Content-Disposition": f'attachment; filename="{exporting.name_of(row)}"',
               "Content-Length": str(row["bytes"])}  # fmt: skip
    return Response(stream_with_context(chunks), headers=headers, content_type=exporting.FORMATS[row["format"]])


@bp.post("/<export_id>/remove")
@page("editor")
def remove(export_id: str) -> ResponseReturnValue:
    """Deletes a file before its time."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        exporting.remove(tx, export_id, suite.now(), who=g.person.id)
    return asked.back("/exports", "good", "files.removed")


def _filters(wanted: asked.Wanted) -> dict[str, Any]:
    """The filters of the list of messages as a file keeps them."""
    found = wanted.filter()
    filters = {
        "state": list(found.state), "to": found.to, "rule": found.rule, "installation": found.installation,
        "campaign": found.campaign, "reason": wanted.reason, "did": wanted.did, "since": shown.moment(found.since),
        "until": shown.moment(found.until),
    }  # fmt: skip
    return {name: value for name, value in filters.items() if value}


def _in_words(filters: Mapping[str, Any], names: asked.Names) -> str:
    """What a file is narrowed to, as people read it."""
    number = filters.get("to") or filters.get("number")
    states = filters.get("state") or ()
    words = [t(f"talks.state.{one}" if one in conversations.STATES else f"state.{one}") for one in states]
    pieces = [
        t("files.filter.state", states=", ".join(words)) if words else "",
        names.installations.get(filters.get("installation", ""), ""),
        names.rules.get(filters.get("rule", ""), ""),
        spelled(number) if number else "",
        t("files.filter.since", at=moment(filters["since"])) if filters.get("since") else "",
        t("files.filter.until", at=moment(filters["until"])) if filters.get("until") else "",
    ]
    return " · ".join(one for one in pieces if one)
