"""Mots-clés: which words people may send by themselves, and what follows."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, Conflict, RelanceError
from core.domain.surveys import Phase
from core.engine import keywording
from core.storage import house, keywords, segments, surveys
from core.web.api.keywords import checked
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("keywords", __name__, url_prefix="/surveys/keywords")
FIELDS = ("words", "body", "survey", "segment", "consent_text", "consent_place")
_OF_POINTERS = {"/words": "words", "/body": "body", "/survey": "survey", "/segment": "segment"}


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    return _shown(dict.fromkeys(FIELDS, ""), {})


@bp.post("")
@page(writes="editor")
def create() -> ResponseReturnValue:
    """A word, and what follows it."""
    suite, now = current_suite(), current_suite().now()
    fields = {name: request.form.get(name, "").replace("\r\n", "\n").strip()[:1000] for name in FIELDS}
    text, place = fields["consent_text"], fields["consent_place"]
    body = {
        "words": [one.strip() for one in fields["words"].replace("\n", ",").split(",") if one.strip()],
        "body": fields["body"] or None,
        "survey": fields["survey"][:40] or None,
        "segment": fields["segment"][:40] or None,
        "consent": {"text": text[:600], "place": place[:200]} if text else None,
    }
    try:
        if not body["words"]:
            raise BadInput("field_required", pointer="/words")
        if bool(text) != bool(place):
            raise BadInput("field_required", pointer="/consent_place" if text else "/consent_text")
        with suite.database.write(g.person.workspace) as tx:
            keyword_id = keywords.add(tx, checked(tx, body), now)
            house.note(tx, g.person.id, "keyword_saved", keyword_id, {}, now)
    except (BadInput, Conflict) as error:
        return _shown(fields, {_field(error): sentence(error.reason)})
    return asked.back("/surveys/keywords", "good", "keywords.saved")


@bp.post("/<keyword_id>/switch")
@page(writes="editor")
def switch(keyword_id: str) -> ResponseReturnValue:
    """On, or off."""
    suite, now = current_suite(), current_suite().now()
    with suite.database.write(g.person.workspace) as tx:
        row = keywording.known(tx, keyword_id[:40])
        keywords.change(tx, row["id"], {"active": not row["active"]})
        house.note(tx, g.person.id, "keyword_saved", row["id"], {"active": not row["active"]}, now)
    return asked.back("/surveys/keywords", "good", "keywords.saved")


@bp.post("/<keyword_id>/remove")
@page(writes="editor")
def remove(keyword_id: str) -> ResponseReturnValue:
    suite, now = current_suite(), current_suite().now()
    with suite.database.write(g.person.workspace) as tx:
        row = keywording.known(tx, keyword_id[:40])
        keywords.change(tx, row["id"], {"removed_at": now, "active": False})
        house.note(tx, g.person.id, "keyword_removed", row["id"], {}, now)
    return asked.back("/surveys/keywords", "good", "keywords.removed")


def _field(error: RelanceError) -> str:
    pointer = error.pointer if isinstance(error, BadInput) else "/words"
    for known, name in _OF_POINTERS.items():
        if pointer.startswith(known):
            return name
    return pointer.strip("/") or "words"


def _shown(fields: Mapping[str, str], errors: Mapping[str, str]) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        rows = keywords.rows(tx, limit=200)
        lists = [one for one in segments.rows(tx, limit=200) if one["conditions"] is None]
        asking = [one for one in surveys.rows(tx, limit=200) if one["state"] != Phase.STOPPED]
        named = {one["id"]: one["name"] for one in (*lists, *asking)}
        missing = {row["survey"] for row in rows if row["survey"] and row["survey"] not in named}
        named |= {one: kept["name"] for one in sorted(missing) if (kept := surveys.row(tx, one)) is not None}
    answer = render_template(
        "keywords.html", rows=rows, lists=lists, surveys=asking, named=named, fields=fields, errors=errors
    )
    return make_response(answer, 422 if errors else 200)
