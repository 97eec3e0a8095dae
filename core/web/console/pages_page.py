"""Pages: small pages that links lead to, written beside a telephone that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain import pages as domain
from core.domain import pictures
from core.domain.errors import BadInput, NotFound
from core.domain.pages import LANGUAGES, LONGEST, MOST_CODES, Action
from core.domain.text.links import Visitor
from core.engine import landing
from core.engine.landing import Seen
from core.storage import house, links, pages
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("pages", __name__, url_prefix="/pages")
SHOWN = 100


@bp.get("")
@page()
def listed() -> ResponseReturnValue:
    """All of them, with who looked and what they did there."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        rows = pages.listed(tx, limit=SHOWN)
        counts = links.counts(tx, [row["id"] for row in rows])
    return render_template("pages.html", rows=rows, counts={one: _told(found) for one, found in counts.items()},
                           nobody=_told({}), base=_base())  # fmt: skip


@bp.get("/new")
@page("editor")
def new() -> ResponseReturnValue:
    """An empty page."""
    return _editor(None, {"action": "none", "languages": {g.workspace["settings"]["language"]: {}}})


@bp.post("")
@page(writes="editor")
def create() -> ResponseReturnValue:
    """Keeps a new page."""
    suite, given = current_suite(), _given()
    try:
        with suite.database.write(g.person.workspace) as tx:
            page_id = landing.create(suite, tx, request.form.get("name", ""), given)
            house.note(tx, g.person.id, "page_created", page_id, {}, suite.now())
    except BadInput as error:
        return _editor(None, given, error)
    return asked.back(f"/pages/{page_id}", "good", "pages.created")


@bp.get("/<page_id>")
@page()
def one(page_id: str) -> ResponseReturnValue:
    """A page, its words and its figures."""
    row = _row(page_id)
    return _editor(row, row["content"])


@bp.post("/<page_id>")
@page(writes="editor")
def change(page_id: str) -> ResponseReturnValue:
    """Other words."""
    suite, row, given = current_suite(), _row(page_id), _given()
    try:
        with suite.database.write(g.person.workspace) as tx:
            landing.change(suite, tx, page_id, request.form.get("name", "") or row["name"], given)
            house.note(tx, g.person.id, "page_changed", page_id, {}, suite.now())
    except BadInput as error:
        return _editor(row, given, error)
    return asked.back(f"/pages/{page_id}", "good", "settings.saved")


@bp.post("/<page_id>/picture")
@page(writes="editor")
def picture(page_id: str) -> ResponseReturnValue:
    """Another picture, or none."""
    suite, row = current_suite(), _row(page_id)
    sent = request.files.get("picture")
    values: dict[str, Any] = {"picture": None, "picture_kind": None}
    try:
        if sent is not None and "remove" not in request.form:
            kind, content = pictures.clean(sent.stream.read(pictures.MOST_BYTES + 1))
            values = {"picture": content, "picture_kind": kind}
        with suite.database.write(g.person.workspace) as tx:
            pages.change(tx, page_id, values, suite.now())
    except BadInput as error:
        return _editor(row, row["content"], error)
    return asked.back(f"/pages/{page_id}", "good", "settings.saved")


@bp.post("/<page_id>/codes")
@page(writes="editor")
def codes(page_id: str) -> ResponseReturnValue:
    """More codes to give away."""
    suite, row = current_suite(), _row(page_id)
    try:
        found = domain.codes(request.form.get("codes", ""))
        with suite.database.write(g.person.workspace) as tx:
            count = pages.put_codes(tx, page_id, found)
    except BadInput as error:
        return _editor(row, row["content"], error)
    return asked.back(f"/pages/{page_id}", "good", "pages.codes_added", count=count)


@bp.post("/<page_id>/end")
@page(writes="editor")
def end(page_id: str) -> ResponseReturnValue:
    """It is online no more."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        if not pages.change(tx, page_id, {"ended_at": suite.now()}, suite.now()):
            raise NotFound("page")
        house.note(tx, g.person.id, "page_ended", page_id, {}, suite.now())
    return asked.back("/pages", "good", "pages.ended")


# ---------------------------------------------------------------------------------------------- pieces


def _given() -> dict[str, Any]:
    """A page as the form says it; a language without any word is none."""
    form = request.form
    written = {
        language: words for language in LANGUAGES
        if any(words := {name: form.get(f"{language}.{name}", "") for name in LONGEST}.values())
    }  # fmt: skip
    languages = {one: {name: form.get(f"{one}.{name}", "") for name in LONGEST} for one in written}
    own = g.workspace["settings"]["language"]
    first = {own: languages[own]} if own in languages else {}
    return {
        "action": form.get("action", "none"), "languages": first | languages,
        **{name: form.get(name, "") for name in ("number", "address", "target", "shared")},
    }  # fmt: skip


def _editor(row: Mapping[str, Any] | None, content: Mapping[str, Any], error: BadInput | None = None) -> Any:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        counted = links.counts(tx, [row["id"]]).get(row["id"], {}) if row else {}
        there = pages.count_codes(tx, row["id"]) if row else (0, 0)
    language, words = next(iter(content["languages"].items()), (g.workspace["settings"]["language"], {}))
    action = Action(content["action"]) if content["action"] in tuple(Action) else Action.NONE
    seen = Seen(row or {"picture_kind": None, "code": ""}, language, words, action, None)
    answer = render_template(
        "page_edit.html", row=row, content=content, languages=LANGUAGES, actions=tuple(Action), longest=LONGEST,
        seen=seen, words=words, told=_told(counted), codes=there, most_codes=MOST_CODES, base=_base(),
        wrong=sentence(error.reason) if error else None, pointer=error.pointer if error else "",
    )  # fmt: skip
    return make_response(answer, 422 if error else 200)


def _told(counted: Mapping[str, int]) -> dict[str, int]:
    """People and the rest, and what people did."""
    people = counted.get(Visitor.HUMAN, 0)
    rest = sum(counted.get(str(one), 0) for one in Visitor) - people
    return {"people": people, "rest": rest, **{one: counted.get(one, 0) for one in ("pressed", "joined", "coupon")}}


def _row(page_id: str) -> Mapping[str, Any]:
    with current_suite().database.read(g.person.workspace) as tx:
        row = pages.get(tx, page_id)
    if row is None:
        raise NotFound("page")
    return row


def _base() -> str:
    known: Mapping[str, Any] = g.workspace["settings"]
    return known["link_domain"] or current_suite().public_url
