"""Tester and Estimer: a message to oneself with a record's own words, and who would be reached at what cost."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Counts, CountsLists, Maps, PeopleList, Record
from core.domain.errors import BadInput, InvalidNumber, NotFound, RelanceError
from core.domain.messages import MessageClass
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.remedies import remedy
from core.engine import estimating, mapping, trying
from core.storage import outbox
from core.suite import Suite
from core.web.app import current_suite
from core.web.console import asked, drafting
from core.web.console.asking import Place, mends, of_record, place, texts_of, trouble, wording
from core.web.console.session import flash, page
from core.web.console.words import language

bp = Blueprint("trying", __name__, url_prefix="/connections")
_CLASSES = (MessageClass.MARKETING, MessageClass.TRANSACTIONAL)
OWN, OF_RECORD = "own", "record"


@bp.route("/<installation>/test", methods=["GET", "POST"])
@page("editor")
def test(installation: str) -> ResponseReturnValue:
    """The very text, to the person who tries."""
    suite, here = current_suite(), place(installation)
    if not isinstance(here.adapter, Maps):
        raise NotFound("page")
    form = request.form if request.method == "POST" else request.args
    search, texts = form.get("search", "")[:100], texts_of(suite)
    found: tuple[Record, ...] = ()
    away: tuple[Reason, str] | None = None
    try:
        found = mapping.samples(suite, g.person.workspace, here.id, search, {})
    except RelanceError as error:
        away = trouble(error)
    record = next((one for one in found if one.reference == form.get("record", "")), None)
    wrong: BadInput | None = None
    draft: outbox.New | None = None
    body, template = wording(form, texts)
    if request.method == "POST" and "look" not in form:
        try:
            one = _try(here, record, body, template)
            if "send" in form:
                sent = trying.send(suite, g.person.workspace, one, _once(), who=g.person.id)
                flash("good", "crm.test.sent")
                return redirect(f"/messages/{sent}", 303)
            with suite.database.read(g.person.workspace) as tx:
                draft = trying.draft(tx, one, suite.now())
        except BadInput as error:
            wrong = error
            draft = _again(suite, here, record, body, template) if error.pointer == "/sure" else None
    answer = render_template(
        "crm_test.html", here=here, tab="test", found=found, record=record, search=search, texts=texts, form=form,
        template=template, body=form.get("body", ""), draft=draft, away=away, wrong=wrong,
        whose=form.get("whose", OWN), once=_once(),
        remedy=remedy(wrong.reason.code, language()) if wrong else "",
        later=draft is not None and draft.due_at > suite.now() + timedelta(minutes=1),
        why_not=draft.reason if draft is not None and str(draft.state) != "scheduled" else None,
    )  # fmt: skip
    return make_response(answer, 422 if wrong else 200)


def _once() -> str:
    """What says that a form is the same form: its own mark, else a new one."""
    given = request.form.get("once", "")
    return given if re.fullmatch("[a-z0-9]{3,40}", given) else secrets.token_hex(8)


def _again(suite: Suite, here: Place, record: Record | None, body: str | None, template: str | None) -> outbox.New:
    with suite.database.read(g.person.workspace) as tx:
        return trying.draft(tx, _try(here, record, body, template), suite.now())


def _try(here: Place, record: Record | None, body: str | None, template: str | None) -> trying.Try:
    """What the form asks for. Raises `BadInput` with the field as its pointer."""
    form = request.form
    if body is None and template is None:
        raise BadInput("empty_text", pointer="/body")
    theirs = record.event.recipient if record is not None else None
    if form.get("whose") == OF_RECORD:
        if record is None or theirs is None:
            raise BadInput("test_no_record", pointer="/whose")
        to = theirs
    else:
        try:
            to = Recipient.parse(form.get("to", "")[:40], g.workspace["settings"]["country"])
        except InvalidNumber as error:
            raise BadInput(error.reason.code, pointer="/to", **error.reason.values) from error
    values: dict[str, Any] = (
        dict(record.event.values) if record is not None
        else drafting.sample(current_suite().now(), asked.here(), g.workspace["settings"]["language"])
    )  # fmt: skip
    if record is not None and record.dates:
        values = {**values, **record.dates[0].values, "start": record.dates[0].start}
    return trying.Try(here.id, to, body, template, values, theirs.number if theirs else None, "sure" in form)


def _lists(suite: Suite, installation: str) -> tuple[tuple[PeopleList, ...], Reason | None]:
    """The lists over there, or why they cannot be chosen from."""
    try:
        return estimating.lists(suite, g.person.workspace, installation), None
    except RelanceError as error:
        return (), error.reason


@bp.route("/<installation>/estimate", methods=["GET", "POST"])
@page("editor")
def estimate(installation: str) -> ResponseReturnValue:
    """Who would be reached, what it would cost, why the others are left out."""
    suite, here = current_suite(), place(installation)
    if not isinstance(here.adapter, Counts):
        raise NotFound("page")
    form, texts = request.form, texts_of(suite)
    body, template = wording(form, texts)
    klass = next((one for one in _CLASSES if one == form.get("class")), MessageClass.MARKETING)
    result: estimating.Estimate | None = None
    away: tuple[Reason, str] | None = None
    wrong = Reason("empty_text") if request.method == "POST" and body is None and template is None else None
    within = form.get("list", "")[:60]
    offered, closed = _lists(suite, here.id) if isinstance(here.adapter, CountsLists) else ((), None)
    if request.method == "POST" and wrong is None:
        try:
            walked = estimating.walk(suite, g.person.workspace, here.id, within)
            with suite.database.read(g.person.workspace) as tx:
                result = estimating.estimate(tx, here.id, walked, klass, suite.now(), body=body, template=template)
        except RelanceError as error:
            away = trouble(error)
    answer = render_template(
        "crm_estimate.html", here=here, tab="estimate", texts=texts, template=template, body=form.get("body", ""),
        klass=str(klass), lists=offered, lists_closed=closed, within=within,
        result=result, away=away, wrong=wrong, most=estimating.MOST,
        mends=mends, of_record=of_record,
    )  # fmt: skip
    return make_response(answer, 422 if wrong else 200)
