"""A file of contacts: it comes in parts, is seen as three piles, and is taken in when somebody says so."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, NotFound
from core.engine import importing
from core.storage import people, segments, uploads
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.approved_page import mends
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("importing", __name__, url_prefix="/contacts/import")
SHOWN, LISTS = 50, 100
MOST_LINES = 100_000
"""What a person waits for: some ten seconds. The command line takes twice as many."""
PILES = ("good", "fixable", "refused")


@bp.post("")
@page(writes="editor")
def brought() -> ResponseReturnValue:
    """A file of one part, as a browser without scripts sends it; then its piles."""
    file = request.files.get("file")
    written = file.read(uploads.MOST_PART + 1) if file is not None else b""
    if not written or file is None:
        return asked.back("/contacts#import", "warn", "contacts.import.no_file")
    if len(written) > uploads.MOST_PART:
        return asked.back("/contacts#import", "warn", "contacts.import.too_large")
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        upload_id = uploads.begin(tx, file.filename or "", g.person.id, suite.now())
        uploads.add(tx, upload_id, 0, written, last=True)
    return redirect(f"/contacts/import/{upload_id}", 303)


@bp.post("/parts")
@page(writes="editor")
def part() -> ResponseReturnValue:
    """One part of a larger file; the first one begins it. Answers its id, for the script of the page."""
    suite, form = current_suite(), request.form
    file, number = request.files.get("file"), form.get("number", "")
    if file is None or not (number.isascii() and number.isdigit()):
        return _said(BadInput("sheet_unreadable"))
    written = file.read(uploads.MOST_PART + 1)
    upload_id = form.get("upload", "")[:40]
    try:
        with suite.database.write(g.person.workspace) as tx:
            if int(number[:6]) == 0:
                upload_id = uploads.begin(tx, form.get("name", ""), g.person.id, suite.now())
            if not uploads.add(tx, upload_id, int(number[:6]), written, last=form.get("last") == "1"):
                raise NotFound("upload")
    except BadInput as error:
        return _said(error)
    return jsonify({"upload": upload_id})


@bp.get("/<upload_id>")
@page("editor")
def look(upload_id: str) -> ResponseReturnValue:
    """The three piles of a file, of the sheet that was chosen; nothing is written."""
    with current_suite().database.read(g.person.workspace) as tx:
        row, written = _file(tx, upload_id)
        lists = [one["name"] for one in segments.rows(tx, limit=LISTS) if one["conditions"] is None]
    sheet = asked.text("sheet") or None
    try:
        file = _read(written, sheet)
    except BadInput as error:
        names = _sheets(written)
        said = {"wrong": error.reason, "remedy": mends, "row": row, "sheets": names, "sheet": sheet}
        return make_response(render_template("contacts_import.html", **said), 422)
    with current_suite().database.read(g.person.workspace) as tx:
        known = people.known_among(tx, {one.recipient.number for one in file.lines if one.recipient is not None})
    piles = {pile: [one for one in file.lines if one.pile == pile] for pile in PILES}
    worn = [one for one in piles["good"] if one.reason is not None]
    return render_template(
        "contacts_import.html", wrong=None, row=row, piles=piles, shown=SHOWN, lists=lists, sheets=file.sheets,
        sheet=file.sheet, known=known, worn=worn, remedy=mends,
        values=[name for name, kind in file.headings if kind is None],
    )  # fmt: skip


@bp.post("/<upload_id>/take")
@page(writes="editor")
def take(upload_id: str) -> ResponseReturnValue:
    """Takes in what the page before has shown; the file is gone then."""
    suite, form = current_suite(), request.form
    with suite.database.read(g.person.workspace) as tx:
        _, written = _file(tx, upload_id)
    try:
        lines = _read(written, form.get("sheet") or None).lines
    except BadInput:
        return redirect(f"/contacts/import/{upload_id}", 303)
    count = importing.take(
        suite, g.person.workspace, lines, g.person.id, fix=form.get("fix") == "1",
        on=form.get("list", "").strip()[:120] or None,
    )  # fmt: skip
    with suite.database.write(g.person.workspace) as tx:
        uploads.drop(tx, upload_id)
    kind = "one" if count < 2 else "many"
    return asked.back("/contacts", "good", f"contacts.import.taken.{kind}", count=count)


def _file(tx: Transaction, upload_id: str) -> tuple[Any, bytes]:
    row, written = uploads.get(tx, upload_id[:40]), uploads.content(tx, upload_id[:40])
    if row is None or written is None:
        raise NotFound("upload")
    return row, written


def _read(written: bytes, sheet: str | None) -> importing.File:
    return importing.file(written, g.workspace["settings"]["country"], sheet, MOST_LINES)


def _sheets(written: bytes) -> tuple[str, ...]:
    """The names of its sheets, where the one that was looked at has no numbers."""
    try:
        return importing.sheets_of(written)
    except BadInput:
        return ()


def _said(error: BadInput) -> Response:
    answer = jsonify({"wrong": sentence(error.reason)})
    answer.status_code = 422
    return answer
