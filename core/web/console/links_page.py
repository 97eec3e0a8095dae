"""Liens: short links, those of messages and those made here, who followed them, and the domain that they begin with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, NotFound
from core.domain.policy.walltime import at_wall
from core.domain.text.links import Visitor
from core.engine import arranging, linking
from core.storage import house, links
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("links", __name__, url_prefix="/links")
OWN, OF_MESSAGES = 100, 50
HOURS = 72


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """Both lists."""
    return _shown()


@bp.get("/<link_id>")
@page()
def one(link_id: str) -> ResponseReturnValue:
    """One link, hour by hour."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = links.get(tx, link_id)
        if row is None:
            raise NotFound("link")
        hours = links.hours(tx, link_id, limit=4 * HOURS)
    told = [(start, *_people_and_robots(found)) for start, found in hours[-HOURS:]]
    return render_template("link.html", row=row, base=_base(), hours=told, now=suite.now())


@bp.post("")
@page(writes="editor")
def create() -> ResponseReturnValue:
    """A link for a poster, a card, a site."""
    suite, form, now = current_suite(), request.form, current_suite().now()
    try:
        ends = _end_of(form.get("ends", ""))
        with suite.database.write(g.person.workspace) as tx:
            link_id = linking.create(
                suite, tx, form.get("target", "").strip(), name=form.get("name", "").strip()[:120] or None,
                expires_at=ends,
            )  # fmt: skip
            house.note(tx, g.person.id, "link_created", link_id, {}, now)
    except BadInput as error:
        return _shown(error)
    return asked.back("/links", "good", "links.created")


@bp.post("/domain")
@page(writes="admin")
def domain() -> ResponseReturnValue:
    """The domain that links begin with."""
    given = request.form.get("domain", "")[:200]
    try:
        arranging.link_domain(current_suite(), g.person.workspace, given, who=g.person.id)
    except BadInput as error:
        return _shown(error)
    return asked.back("/links", "good", "settings.saved")


@bp.post("/<link_id>/end")
@page(writes="editor")
def end(link_id: str) -> ResponseReturnValue:
    """It leads nowhere from now on."""
    suite, now = current_suite(), current_suite().now()
    with suite.database.write(g.person.workspace) as tx:
        if not links.end(tx, link_id, now):
            raise NotFound("link")
        house.note(tx, g.person.id, "link_ended", link_id, {}, now)
    return asked.back("/links", "good", "links.ended")


def _shown(error: BadInput | None = None) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        own = links.listed(tx, own=True, limit=OWN)
        others = [row for row in links.listed(tx, limit=OWN + OF_MESSAGES) if row["message"]][:OF_MESSAGES]
        counts = links.counts(tx, [row["id"] for row in (*own, *others)])
    answer = render_template(
        "links.html",
        own=own,
        others=others,
        seen={row["id"]: _people_and_robots(counts.get(row["id"], {})) for row in (*own, *others)},
        base=_base(),
        now=suite.now(),
        wrong=sentence(error.reason) if error else None,
        pointer=error.pointer if error else "",
    )
    return make_response(answer, 422 if error else 200)


def _people_and_robots(found: Mapping[str, int]) -> tuple[int, int]:
    people = found.get(Visitor.HUMAN, 0)
    return people, sum(found.values()) - people


def _base() -> str:
    known: Mapping[str, Any] = g.workspace["settings"]
    return known["link_domain"] or current_suite().public_url


def _end_of(written: str) -> datetime | None:
    """The first moment after the day that was chosen, where the workspace is."""
    if not written:
        return None
    try:
        return at_wall(date.fromisoformat(written) + timedelta(days=1), time(), asked.here())
    except (ValueError, OverflowError) as error:
        raise BadInput("moment_unreadable", pointer="/expires_at", text=written[:40]) from error
