"""Modèles: the texts of the house, their languages side by side, with their true length and price while one writes."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import InvalidTemplate, NotFound
from core.domain.reasons import Reason
from core.domain.text.spoken_time import LANGUAGES
from core.domain.text.templates import compile_template
from core.domain.text.wording import chosen
from core.engine.scheduling import live_installations, replan_open
from core.storage import access, house, overview, people
from core.storage import rules as kept
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.drafting import Draft
from core.web.console.formats import money
from core.web.console.rules import preview
from core.web.console.session import flash, page
from core.web.console.words import sentence, t, tn

bp = Blueprint("templates", __name__)
_KEY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}\Z")


@cache
def library() -> Mapping[str, Any]:
    """Ready texts by trade (`library.toml`): trade → key → {fr, en}."""
    return tomllib.loads(files("core.web.console").joinpath("library.toml").read_text(encoding="utf-8"))


@bp.get("/templates")
@page()
def templates() -> ResponseReturnValue:
    """The workspace's own texts, and ready ones to begin with."""
    with current_suite().database.read(g.person.workspace) as tx:
        texts, folders = kept.texts(tx), kept.folders(tx)
        used = {row["template"] for row in kept.rows(tx) if row["template"]}
    wanted = asked.text("folder")
    lying = {key: bodies for key, bodies in sorted(texts.items()) if not wanted or folders.get(key) == wanted}
    drafts = {key: preview(_shown(bodies), "transactional", {}) for key, bodies in lying.items()}
    counts = Counter(folders.values())
    return render_template(
        "templates.html", texts=lying, drafts=drafts, used=used, library=library(), folders=folders, folder=wanted,
        counts=sorted(counts.items()), all=len(texts),
    )  # fmt: skip


@bp.get("/templates/new")
@page("editor")
def new() -> ResponseReturnValue:
    """An empty editor, or one that begins with a text of the library."""
    trade, _, key = asked.text("from").partition(".")
    bodies = library().get(trade, {}).get(key, {})
    suggested = f"{trade}-{key}" if bodies else ""
    language = g.workspace["settings"]["language"]
    return _editor(None, suggested, language, bodies.get(language) or bodies.get("en", ""), {}, {})


@bp.get("/templates/<key>")
@page()
def edit(key: str) -> ResponseReturnValue:
    """One text in one language, its other languages beside it."""
    with current_suite().database.read(g.person.workspace) as tx:
        bodies = kept.texts(tx).get(key)
    if bodies is None:
        raise NotFound("template")
    language = asked.text("language")
    if language not in LANGUAGES:
        own = g.workspace["settings"]["language"]
        language = own if own in bodies else next(iter(bodies))
    return _editor(key, key, language, bodies.get(language, ""), bodies, {})


@bp.post("/templates/new")
@page()
def create() -> ResponseReturnValue:
    """A new text; its name is what rules and programs call it by."""
    return _saved(None, request.form.get("key", "").strip()[:80])


@bp.post("/templates/<key>")
@page()
def change(key: str) -> ResponseReturnValue:
    """A new version of a text. Messages that wait are written anew with it."""
    return _saved(key, key)


@bp.post("/templates/<key>/folder")
@page()
def lay(key: str) -> ResponseReturnValue:
    """Into a folder, a new one or one that is there; empty: into none."""
    with current_suite().database.write(g.person.workspace) as tx:
        if not kept.put_in_folder(tx, key, request.form.get("folder", "").strip()[:80] or None):
            raise NotFound("template")
    return asked.back(f"/templates/{key}", "good", "templates.folder_saved")


@bp.get("/templates/<key>/history")
@page()
def history(key: str) -> ResponseReturnValue:
    """Two versions of one language side by side, and all of them by whom and when."""
    with current_suite().database.read(g.person.workspace) as tx:
        found = kept.template_versions(tx, key)
        if not found:
            raise NotFound("template")
        names = {one["id"]: one["name"] or one["email"] for one in access.members(tx)}
        names |= {one["id"]: one["name"] for one in access.keys(tx)}
    language = asked.text("language")
    if language not in {one["language"] for one in found}:
        language = str(found[0]["language"])
    versions = [one for one in found if one["language"] == language]
    by_number = {one["version"]: one for one in versions}
    new = by_number.get(_number("new"), versions[0])
    before = [one for one in versions if one["version"] < new["version"]]
    old = by_number.get(_number("old")) or (before[0] if before else None)
    return render_template(
        "template_history.html", key=key, tongue=language, versions=versions, old=old, new=new, names=names,
        languages=sorted({one["language"] for one in found}),
        pieces=difference(old["body"] if old else "", new["body"]) if old else (),
    )  # fmt: skip


@bp.post("/templates/<key>/restore")
@page()
def restore(key: str) -> ResponseReturnValue:
    """An older version is the newest one again; what lies between stays readable."""
    suite, language = current_suite(), request.form.get("language", "")[:5]
    number = request.form.get("version", "")
    with suite.database.write(g.person.workspace) as tx:
        old = kept.template_version(tx, key, language, int(number[:6]) if number.isdecimal() else 0)
        if old is None:
            raise NotFound("template")
        kept.save_template(tx, key, language, old["body"], suite.now(), who=g.person.id, taken_from=old["version"])
        house.note(tx, g.person.id, "template_restored", None,
                   {"key": key, "language": language, "version": old["version"]}, suite.now())  # fmt: skip
        replan_open(tx, suite.now(), live_installations(tx))
    suite.wake()
    flash("good", "templates.restored", number=int(old["version"]))
    return redirect(f"/templates/{key}?language={language}", 303)


def _number(name: str) -> int:
    said = request.args.get(name, "")
    return int(said[:6]) if said.isdecimal() and said.isascii() else 0


def difference(old: str, new: str) -> list[tuple[str, str]]:
    """(what became of it: same, gone or came; the words) from one text to another, word by word."""
    before, after = (re.findall(r"\{\{.*?\}\}|\s+|[^\s{]+|\{", text) for text in (old, new))
    pieces: list[tuple[str, str]] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(before[a:b])))
            continue
        if a < b:
            pieces.append(("gone", "".join(before[a:b])))
        if c < d:
            pieces.append(("came", "".join(after[c:d])))
    return pieces


@bp.post("/templates/<key>/remove")
@page()
def remove(key: str) -> ResponseReturnValue:
    """Takes the text away; a rule that used it has nothing to say any more."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        if not kept.remove_template(tx, key, suite.now()):
            raise NotFound("template")
        house.note(tx, g.person.id, "template_removed", None, {"key": key}, suite.now())
        replan_open(tx, suite.now(), live_installations(tx))
    suite.wake()
    flash("good", "templates.removed")
    return redirect("/templates", 303)


@bp.post("/drafts/preview")
@page(writes="viewer")
def measured() -> Response:
    """For the script of the editor: the text as it would leave, its length, price and warnings, in words."""
    draft = preview(request.form.get("body", "")[:4000], request.form.get("class", "transactional"), {})
    return jsonify(as_words(draft))


def as_words(draft: Draft) -> dict[str, Any]:
    """A draft as the page shows it, so that the script has nothing to translate."""
    return {
        "text": draft.text,
        "trouble": sentence(draft.trouble),
        "count": tn("segments.count", draft.segments),
        "price": price_words(draft),
        "used": t("segments.used", used=draft.units, room=draft.room),
        "encoding": draft.encoding,
        "units": draft.units,
        "room": draft.room,
        "notes": notes(draft),
    }


@bp.app_template_filter("price_words")
def price_words(draft: Draft) -> str:
    """What one message costs, or that no price is known."""
    return money(draft.price_micros, draft.currency) if draft.price_micros is not None else t("editor.no_price")


@bp.app_template_filter("notes")
def notes(draft: Draft) -> list[str]:
    """What the author should know about the characters and the words."""
    said = []
    for one in {one.character: one for one in draft.costly}.values():
        said.append(t("editor.costly", character=one.character))
    pairs = {one.character: one.replacement or "" for one in draft.respelled}
    if pairs:
        spelled = ", ".join(t("editor.pair", before=_named(old), after=_named(new)) for old, new in pairs.items())
        said.append(t("editor.respelled", pairs=spelled))
    said += [t("editor.health", word=word) for word in draft.health]
    return said


def _named(character: str) -> str:
    return character if character.strip() else t("editor.space")


def _saved(known: str | None, key: str) -> ResponseReturnValue:
    suite = current_suite()
    body = request.form.get("body", "").strip()[:4000]
    language = request.form.get("language", "")
    errors: dict[str, Reason] = {}
    if language not in LANGUAGES:
        language = g.workspace["settings"]["language"]
    if not _KEY.match(key):
        errors["key"] = Reason("bad_template_key")
    try:
        if not body:
            errors["body"] = Reason("empty_text")
        compile_template(body)
    except InvalidTemplate as error:
        errors["body"] = error.reason
    with suite.database.read(g.person.workspace) as tx:
        bodies = kept.texts(tx)
    if known is None and key in bodies:
        errors["key"] = Reason("template_key_taken", {"text": key})
    if errors or "preview" in request.form:
        return _editor(known, key, language, body, bodies.get(known or "", {}), errors)
    with suite.database.write(g.person.workspace) as tx:
        kept.save_template(tx, key, language, body, suite.now(), who=g.person.id)
        house.note(tx, g.person.id, "template_saved", None, {"key": key, "language": language}, suite.now())
        replan_open(tx, suite.now(), live_installations(tx))
    suite.wake()
    flash("good", "templates.saved")
    return redirect(f"/templates/{key}?language={language}", 303)


def _editor(
    key: str | None,
    name: str,
    language: str,
    body: str,
    bodies: Mapping[str, str],
    errors: Mapping[str, Reason],
) -> ResponseReturnValue:
    draft = preview(body, "transactional", {})
    versions: list[Mapping[str, Any]] = []
    folder, folders, missing = None, list[str](), list[tuple[str, str, int]]()
    if key is not None:
        with current_suite().database.read(g.person.workspace) as tx:
            versions = overview.template_versions(tx, key, language)
            folder, folders = kept.folder_of(tx, key), sorted(set(kept.folders(tx).values()))
            speakers = people.by_language(tx)
        own = g.workspace["settings"]["language"]
        missing = [(tongue, chosen(bodies, (own,))[0], speakers.get(tongue, 0))
                   for tongue in LANGUAGES if bodies and tongue not in bodies]  # fmt: skip
    return (
        render_template(
            "template.html",
            key=key,
            name=name,
            chosen=language,
            body=body,
            bodies=bodies,
            languages=LANGUAGES,
            draft=draft,
            notes=notes(draft),
            price=price_words(draft),
            errors=errors,
            versions=versions,
            folder=folder,
            folders=folders,
            missing=missing,
            others={
                tongue: preview(text, "transactional", {}) for tongue, text in bodies.items() if tongue != language
            },
        ),
        422 if errors else 200,
    )


def _shown(bodies: Mapping[str, str]) -> str:
    return bodies.get(g.workspace["settings"]["language"]) or next(iter(bodies.values()), "")
