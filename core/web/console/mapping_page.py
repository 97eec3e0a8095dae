"""Champs: which fields over there hold the number, the refusal, the dates; seen at once on a real record."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Maps, Property, Record, Slot
from core.domain.errors import BadInput, Forbidden, NotFound, RelanceError
from core.domain.reasons import Reason
from core.engine import mapping
from core.web.app import current_suite
from core.web.console.asking import Place, of_record, place, said, trouble
from core.web.console.session import flash, may, page
from core.web.console.words import t

bp = Blueprint("mapping", __name__, url_prefix="/connections")
MOST_CHOSEN = 30
_PREFIX = "slot-"


@dataclass(frozen=True, slots=True)
class Question:
    """A slot in the words of the person who looks. `rows` are the choices of an ordered one, each (number, chosen id);
    `wrong` says what cannot be kept."""

    name: str
    label: str
    help: str
    group: str
    most: int
    ordered: bool
    offered: tuple[Property, ...]
    chosen: tuple[str, ...]
    rows: tuple[tuple[int, str], ...]
    wrong: Reason | None


@bp.app_template_global("has_fields")
def has_fields(adapter: str) -> bool:
    """Whether a person can choose fields on that platform."""
    known = current_suite().adapters.get(adapter)
    return isinstance(known, Maps)


@bp.route("/<installation>/fields", methods=["GET", "POST"])
@page("editor")
def fields(installation: str) -> ResponseReturnValue:
    """The questions beside a record; POST tries on a record, or keeps."""
    here = place(installation)
    if not isinstance(here.adapter, Maps):
        raise NotFound("page")
    if request.method == "POST":
        chosen = _chosen()
        if "save" in request.form:
            return _saved(here, here.adapter, chosen)
        return _shown(here, here.adapter, chosen, request.form.get("search", ""))
    return _shown(here, here.adapter, {}, request.args.get("search", ""))


def _saved(here: Place, adapter: Maps, chosen: dict[str, list[str]]) -> ResponseReturnValue:
    if not may("admin"):
        raise Forbidden("role_missing", role=t("role.admin"))
    try:
        mapping.save(current_suite(), g.person.workspace, here.id, chosen, who=g.person.id)
    except BadInput as error:
        return _shown(here, adapter, chosen, request.form.get("search", ""), error)
    flash("good", "crm.fields.saved")
    return redirect(f"/connections/{here.id}/fields", 303)


def _shown(
    here: Place, adapter: Maps, chosen: dict[str, list[str]], search: str, wrong: BadInput | None = None
) -> ResponseReturnValue:
    suite, workspace = current_suite(), g.person.workspace
    wrong = wrong or mapping.readable(adapter, here.row.installation, chosen)
    # What cannot be kept is not tried either; it is shown as it was chosen, with what is wrong.
    tried = {} if wrong else chosen
    asked: tuple[Slot, ...] = ()
    found: tuple[Record, ...] = ()
    away: tuple[Reason, str] | None = None
    try:
        asked = mapping.slots(suite, workspace, here.id, tried)
        found = mapping.samples(suite, workspace, here.id, search, tried)
    except RelanceError as error:
        away = trouble(error)
    questions = [_question(one, chosen.get(one.name) if wrong else None, wrong) for one in asked]
    at = wrong.pointer.removeprefix("/") if wrong else ""
    groups: dict[str, list[Question]] = {}
    for one in questions:
        groups.setdefault(one.group, []).append(one)
    wanted = request.values.get("record", "")[:80]
    record = next((one for one in found if one.reference == wanted), found[0] if found else None)
    answer = render_template(
        "crm_fields.html", here=here, tab="fields", groups=groups, found=found, record=record, search=search[:100],
        away=away, elsewhere=wrong.reason if wrong and all(one.name != at for one in questions) else None,
        tried=request.method == "POST" and not wrong, wrong=wrong is not None, of_record=of_record,
    )  # fmt: skip
    return make_response(answer, 422 if wrong else 200)


def _question(slot: Slot, typed: list[str] | None, wrong: BadInput | None) -> Question:
    chosen = tuple(typed) if typed is not None else slot.chosen
    kept = [one for one in chosen if one]
    rows = tuple(enumerate([*kept, ""][: slot.most], start=1)) if slot.ordered else ()
    if slot.ordered and len(rows) < min(2, slot.most):
        rows = (*rows, (len(rows) + 1, ""))
    offered = slot.offered
    unknown = set(kept) - {one.id for one in offered}
    if typed is not None and unknown:
        offered = (*offered, *(Property(one, one) for one in sorted(unknown)))
    mine = wrong is not None and wrong.pointer == f"/{slot.name}"
    return Question(
        slot.name, said(slot.label), said(slot.help), said(slot.group), slot.most, slot.ordered, offered, tuple(kept),
        rows, wrong.reason if wrong is not None and mine else None,
    )  # fmt: skip


def _chosen() -> dict[str, list[str]]:
    """slot → ids, in order and each once. A slot of which nothing is ticked is named by its hidden field."""
    found: dict[str, list[str]] = {}
    for field in request.form:
        if field.startswith(_PREFIX) and len(found) < 100:
            given = [one.strip()[:120] for one in request.form.getlist(field)][:MOST_CHOSEN]
            found[field.removeprefix(_PREFIX)[:120]] = list(dict.fromkeys(one for one in given if one))
    return found
