"""Campaigns that repeat: what repeats, when the next run is, and the runs that were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, NotFound
from core.domain.repeating import Every
from core.engine import repeating
from core.storage import campaigns, series
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import sentence, t

bp = Blueprint("series", __name__, url_prefix="/campaigns")
Row = Mapping[str, Any]


@bp.post("/<campaign_id>/repeat")
@page(writes="editor")
def repeat(campaign_id: str) -> ResponseReturnValue:
    """A draft becomes what repeats."""
    suite, form = current_suite(), request.form
    most = form.get("most", "").strip()
    try:
        if most and not (most.isascii() and most.isdigit()):
            raise BadInput("field_wrong", why="1 … 500")
        every = form.get("every", "")
        when = repeating.asked(
            every if every in tuple(Every) else Every.WEEK, form.get("first", "").strip(), form.get("at", "").strip(),
            asked.here().key, form.get("until", "").strip() or None, int(most[:6]) if most else None,
        )  # fmt: skip
        with suite.database.write(g.person.workspace) as tx:
            campaigns.alone(tx, campaign_id)
            row = campaigns.row(tx, campaign_id[:40])
            if row is None:
                raise NotFound("campaign")
            series_id = repeating.begin(tx, row, when, g.person.id, suite.now())
    except BadInput as error:
        return asked.back(f"/campaigns/{campaign_id}/send", "bad", "campaigns.series.wrong", why=sentence(error.reason))
    suite.wake()
    return asked.back(f"/campaigns/series/{series_id}", "good", "campaigns.series.begun")


@bp.get("/series/<series_id>")
@page()
def shown(series_id: str) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        row = _row(tx, series_id)
        runs = series.runs(tx, series_id)
    return render_template(
        "campaign_series.html", row=row, runs=runs, coming=repeating.coming(row), when=series.repeats(row),
        text=row["campaign"]["message"]["variants"][0]["body"] or row["campaign"]["message"]["variants"][0]["template"],
    )  # fmt: skip


@bp.post("/series/<series_id>/pause")
@page(writes="editor")
def pause(series_id: str) -> ResponseReturnValue:
    return _done(series_id, repeating.pause, "paused")


@bp.post("/series/<series_id>/resume")
@page(writes="editor")
def resume(series_id: str) -> ResponseReturnValue:
    return _done(series_id, repeating.resume, "resumed")


@bp.post("/series/<series_id>/end")
@page(writes="editor")
def end(series_id: str) -> ResponseReturnValue:
    return _done(series_id, repeating.end, "ended")


def _done(
    series_id: str, work: Callable[[Transaction, Row, str, datetime], None], said: str
) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        series.alone(tx, series_id)
        work(tx, _row(tx, series_id), g.person.id, suite.now())
    suite.wake()
    return asked.back(f"/campaigns/series/{series_id}", "good", f"campaigns.series.{said}")


def _row(tx: Transaction, series_id: str) -> Row:
    row = series.row(tx, series_id[:40])
    if row is None:
        raise NotFound("series")
    return row


@bp.app_template_filter("rhythm")
def rhythm(row: Row) -> str:
    """« chaque lundi à 10:00 », « chaque mois, le 31, à 10:00 »."""
    when = series.repeats(row)
    if when.every is Every.WEEK:
        return t("campaigns.series.each_week", day=t(f"when.weekday.{when.first.weekday()}"), at=row["at"])
    return t("campaigns.series.each_month", day=when.first.day, at=row["at"])
