"""Contacts: people, and the sets that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.segments import Condition, Every, OnList, parse
from core.storage import house, people, segments
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked, segment_form
from core.web.console.session import page
from core.web.console.words import sentence, t, tn

bp = Blueprint("contacts", __name__, url_prefix="/contacts")
SHOWN, SEGMENTS, SAMPLE = 50, 100, 20


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """The newest contacts, or the one of a number; segments; what is in quarantine."""
    suite, now = current_suite(), current_suite().now()
    wanted = asked.text("q")
    number = asked.number(wanted) if wanted else None
    with suite.database.read(g.person.workspace) as tx:
        rows = [] if wanted and number is None else people.contacts(
            tx, number=number, after=asked.text("after") or None, limit=SHOWN + 1
        )  # fmt: skip
        known = segments.rows(tx, limit=SEGMENTS)
        counts = segments.counts(tx, {"": Every(()), **{row["id"]: _condition(row) for row in known}}, now)
        dead = people.in_quarantine(tx, limit=SAMPLE)
    return render_template(
        "contacts.html", rows=rows[:SHOWN], more=len(rows) > SHOWN, wanted=wanted, segments=known, counts=counts,
        dead=dead,
    )  # fmt: skip


@bp.get("/segments/new")
@page("editor")
def new() -> ResponseReturnValue:
    return _form({}, None)


@bp.get("/segments/<segment_id>/edit")
@page("editor")
def edit(segment_id: str) -> ResponseReturnValue:
    """The same form, filled in."""
    with current_suite().database.read(g.person.workspace) as tx:
        row = _row(tx, segment_id)
    said = segment_form.fields(row["conditions"]) if row["conditions"] is not None else None
    if said is None:
        raise NotFound("segment")
    return _form({**said, "name": row["name"]}, None, row["conditions"], row)


@bp.post("/segments/<segment_id>/edit")
@page(writes="editor")
def change(segment_id: str) -> ResponseReturnValue:
    """Who belongs to it from now on; campaigns that have begun keep what it said then."""
    with current_suite().database.read(g.person.workspace) as tx:
        row = _row(tx, segment_id)
    if row["conditions"] is None:
        raise NotFound("segment")
    return _kept(row)


@bp.post("/segments/new")
@page(writes="editor")
def create() -> ResponseReturnValue:
    return _kept(None)


def _kept(row: Mapping[str, Any] | None) -> ResponseReturnValue:
    """Counts who would belong to it; with `save`, keeps it: a new one, or another one instead of `row`."""
    suite, form = current_suite(), request.form
    try:
        conditions = segment_form.read(form)
        parse(conditions)
    except BadInput as error:
        return _form(form, sentence(error.reason), row=row)
    if conditions == {"all": []}:
        return _form(form, t("contacts.segments.one_needed"), row=row)
    name = form.get("name", "").strip()[:120]
    if "save" not in form:
        return _form(form, None, conditions, row)
    if not name:
        return _form(form, t("contacts.segments.name_needed"), row=row)
    with suite.database.write(g.person.workspace) as tx:
        if row is None:
            segment_id = segments.add(tx, name, conditions, suite.now())
        else:
            segment_id = row["id"]
            segments.change(tx, segment_id, {"name": name, "conditions": conditions}, suite.now())
        house.note(tx, g.person.id, "segment_saved", segment_id, {}, suite.now())
    return asked.back(f"/contacts/segments/{segment_id}", "good", "contacts.segments.saved")


@bp.post("/segments/estimate")
@page(writes="editor")
def estimate() -> ResponseReturnValue:
    """For the script of the form: how many would belong to it, in words, while somebody still chooses."""
    suite = current_suite()
    try:
        conditions = segment_form.read(request.form)
        condition = parse(conditions)
    except BadInput as error:
        return jsonify({"count": "", "trouble": sentence(error.reason)})
    if conditions == {"all": []}:
        return jsonify({"count": "", "trouble": ""})
    with suite.database.read(g.person.workspace) as tx:
        count = segments.count(tx, condition, suite.now())
    return jsonify({"count": tn("contacts.segments.count", count), "trouble": ""})


@bp.get("/segments/<segment_id>")
@page()
def segment(segment_id: str) -> ResponseReturnValue:
    """Who belongs to it now."""
    suite, now = current_suite(), current_suite().now()
    with suite.database.read(g.person.workspace) as tx:
        row = _row(tx, segment_id)
        condition = _condition(row)
        count = segments.count(tx, condition, now)
        some = segments.people(tx, condition, now, limit=SAMPLE)
        lists = {one["id"]: one["name"] for one in segments.rows(tx, limit=SEGMENTS) if one["conditions"] is None}
    return render_template(
        "segment.html", row=row, count=count, people=some, says=segment_form.said(row["conditions"], lists),
        editable=row["conditions"] is not None and segment_form.fields(row["conditions"]) is not None,
        how="any" if "any" in (row["conditions"] or {}) else "all",
    )  # fmt: skip


@bp.post("/segments/<segment_id>/remove")
@page(writes="editor")
def remove(segment_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        _row(tx, segment_id)
        if (user := segments.used_by(tx, segment_id)) is not None:
            raise Conflict("segment_in_use", name=user)
        segments.change(tx, segment_id, {"removed_at": suite.now()}, suite.now())
        house.note(tx, g.person.id, "segment_removed", segment_id, {}, suite.now())
    return asked.back("/contacts", "good", "contacts.segments.removed")


def _form(
    form: Mapping[str, str], wrong: str | None, conditions: Any = None, row: Mapping[str, Any] | None = None
) -> ResponseReturnValue:
    suite, now = current_suite(), current_suite().now()
    count, some = None, list[Mapping[str, Any]]()
    with suite.database.read(g.person.workspace) as tx:
        lists = [
            (f"{segment_form.LIST}{row['id']}", t("contacts.condition.list", name=row["name"]))
            for row in segments.rows(tx, limit=SEGMENTS) if row["conditions"] is None
        ]
        if conditions is not None:
            condition = parse(conditions)
            count, some = segments.count(tx, condition, now), segments.people(tx, condition, now, limit=5)
    answer = render_template(
        "segment_new.html", form=form, wrong=wrong, asks=segment_form, lists=lists, count=count, people=some,
        row=row,
    )  # fmt: skip
    return make_response(answer, 422 if wrong else 200)


def _condition(row: Mapping[str, Any]) -> Condition:
    return OnList(row["id"]) if row["conditions"] is None else parse(row["conditions"])


def _row(tx: Transaction, segment_id: str) -> Mapping[str, Any]:
    row = segments.row(tx, segment_id[:40])
    if row is None:
        raise NotFound("segment")
    return row
