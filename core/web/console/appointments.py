"""Appointments that need a person's word: whose number is it, and is a message wanted at all?"""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.engine import attending, correcting, overview
from core.storage import visits
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page

bp = Blueprint("appointments", __name__)
LOOKED_BACK = timedelta(days=7)


@bp.get("/appointments")
@page()
def appointments() -> ResponseReturnValue:
    """The coming week, or only those without a number; or the past one, to say who came."""
    suite = current_suite()
    now = suite.now()
    only = asked.text("only")
    start, _ = overview.bounds(asked.today(now), asked.here())
    span = (now - LOOKED_BACK, now) if only == "past" else (start, now + overview.LOOKED_AHEAD)
    with suite.database.read(g.person.workspace) as tx:
        found = overview.appointments(tx, *span, now)
        came = visits.attended(tx, [one.occasion.id for one in found])
    if only == "past":
        found = found[::-1]
    missing = [one for one in found if one.told is overview.Told.NO_NUMBER]
    return render_template(
        "appointments.html", found=missing if only == "numberless" else found, missing=len(missing), only=only,
        came=came,
    )


@bp.post("/appointments/<occasion_id>/number")
@page()
def number(occasion_id: str) -> ResponseReturnValue:
    """The person to tell, as somebody typed or chose it; what is wanted is planned at once."""
    given = request.form.get("number", "")
    correcting.correct(current_suite(), g.person.workspace, occasion_id, given, None, g.person.id)
    return asked.back("/appointments", "good", "appointments.number_saved")


@bp.post("/appointments/<occasion_id>/came")
@page()
def came(occasion_id: str) -> ResponseReturnValue:
    """Who came, as somebody at the desk knows."""
    suite = current_suite()
    said = {"1": True, "0": False}.get(request.form.get("came", ""))
    with suite.database.write(g.person.workspace) as tx:
        attending.say(tx, occasion_id, said, g.person.id, suite.now())
    return asked.back("/appointments?only=past", "good", "appointments.came_saved")


@bp.post("/appointments/<occasion_id>/mute")
@page()
def mute(occasion_id: str) -> ResponseReturnValue:
    """No message about this appointment, or messages again."""
    muted = request.form.get("muted") == "1"
    correcting.correct(current_suite(), g.person.workspace, occasion_id, None, muted, g.person.id)
    return asked.back("/appointments", "good", "appointments.muted" if muted else "appointments.unmuted")
