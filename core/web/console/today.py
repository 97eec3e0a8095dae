"""Aujourd'hui: figures that open, the day by hour, who was told, and at most five things to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, Conflict
from core.domain.policy.walltime import local
from core.engine import overview, resolving, turning
from core.storage import outbox
from core.web.app import current_suite
from core.web.console import asked, charts
from core.web.console.charts import Bar, Chart
from core.web.console.session import flash, own_path, page

bp = Blueprint("today", __name__)
MOST_POINTS = 5
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_STACK = ("delivered", "sent", "planned", "held", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(Chart):
    """The day drawn, with its forbidden stretches, and where "now" is."""

    closed: tuple[Bar, ...]
    now: float | None
    most: int


@bp.get("/today")
@page()
def today() -> ResponseReturnValue:
    """The first page of the day."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        day = overview.of_today(suite, tx)
        names = asked.names(suite, tx)
    return render_template(
        "today.html",
        day=day,
        chart=drawn(day, suite.now()),
        points=day.points[:MOST_POINTS],
        more=max(len(day.points) - MOST_POINTS, 0),
        figures={name: [str(state) for state in states] for name, states in overview.FIGURES.items()},
        names=names,
        clock_turns=suite.settings.clock_may_turn,
        now=suite.now(),
    )


@bp.post("/today/clock")
@page()
def clock() -> ResponseReturnValue:
    """Turns the clock: an hour, a day, or to the next departure (demo and test mode)."""
    suite = current_suite()
    step = request.form.get("step", "")
    if step == "back":
        turning.reset(suite)
        flash("info", "today.clock.reset")
        return redirect(own_path(request.form.get("next"), "/today"), 303)
    if step == "next":
        with suite.database.read() as tx:
            to = outbox.next_due(tx)
        if to is None:
            raise Conflict("nothing_due")
        to = max(to, suite.now())
    elif step in _STEPS:
        to = suite.now() + _STEPS[step]
    else:
        raise BadInput("bad_step", pointer="/step")
    done = turning.jump(suite, to)
    flash("info", "today.clock.done", count=done.left)
    return redirect(own_path(request.form.get("next"), "/today"), 303)


@bp.post("/today/correction/<occasion_id>")
@page()
def correction(occasion_id: str) -> ResponseReturnValue:
    """Tells the new time of a moved appointment."""
    text = request.form.get("text", "")[:1600]
    resolving.send_correction(current_suite(), g.person.workspace, occasion_id, text, who=g.person.id)
    return asked.back("/today", "good", "today.correction.sent")


def drawn(day: overview.Day, now: datetime) -> Hours:
    """The day as a drawing of plain rectangles. An empty day has an empty ground, not a missing one."""
    slot = charts.WIDE / len(day.hours)
    most = max((sum(hour.counts.get(name, 0) for name in _STACK) for hour in day.hours), default=0)
    bars: list[Bar] = []
    closed: list[Bar] = []
    labels: list[tuple[float, str, bool]] = []
    at: float | None = None
    for index, hour in enumerate(day.hours):
        x = index * slot
        if hour.closed:
            closed.append(Bar(x, 0, slot, charts.HIGH, "closed"))
        counts = [(name, hour.counts.get(name, 0)) for name in _STACK]
        bars += charts.stack(x + 3, slot - 6, counts, charts.scale(most))
        there = local(hour.start, day.zone)
        if there.hour % 3 == 0:
            labels.append((round(x, 1), f"{there:%H}", there.hour % 6 == 0))
        since = now - hour.start
        if timedelta() <= since < timedelta(hours=1):
            at = round(x + slot * (since / timedelta(hours=1)), 1)
    return Hours(bars=tuple(bars), closed=tuple(closed), labels=tuple(labels), now=at, most=most)
