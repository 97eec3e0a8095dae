"""`/v1/campaign-series`: campaigns that repeat, each run a campaign of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from core.domain.errors import NotFound
from core.domain.repeating import MOST_RUNS, Every
from core.engine import repeating
from core.engine.campaign_shown import campaign
from core.storage import campaigns, house, series
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("campaigns")
_DAY = r"^\d{4}-\d{2}-\d{2}$"
Row = Mapping[str, Any]


class Repeat(given.Body):
    every = given.one_of([str(one) for one in Every], required=True)
    first = given.words(10, required=True, metadata={
        "pattern": _DAY, "example": "2026-12-07",
        "description": "The first day: it says the weekday, or the day of the month"})  # fmt: skip
    at = given.words(5, required=True, metadata={"pattern": r"^\d{2}:\d{2}$", "example": "10:00"})
    zone = given.words(60, allow_none=True, metadata={
        "example": "Europe/Paris", "description": "The workspace's, unless one is named"})  # fmt: skip
    until = given.words(10, allow_none=True, metadata={"pattern": _DAY, "description": "The last day"})
    most = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, MOST_RUNS), metadata={
        "description": "How many runs at most"})  # fmt: skip


class Series(given.Listed):
    state = given.one_of(list(series.STATES))


@ROUTES("POST", "/v1/campaigns/{id}/repeat",
        "A draft becomes what repeats: each run is a campaign of its own, with its own check", takes=Repeat(),
        gives="CampaignSeries", status=201, also={409: "It is no draft any more"})  # fmt: skip
def repeat(call: Call, id: str) -> Answer:
    body = call.body
    with call.write() as tx:
        campaigns.alone(tx, id)
        row = campaigns.row(tx, id)
        if row is None:
            raise NotFound("campaign")
        known = house.workspace(tx, call.workspace)
        zone = body.get("zone") or (known["settings"] if known else house.DEFAULTS)["zone"]
        given.zone(zone)
        when = repeating.asked(body["every"], body["first"], body["at"], zone, body.get("until"), body.get("most"))
        series_id = repeating.begin(tx, row, when, call.who, call.now)
        return call.done(201, repeating.as_json(_row(tx, series_id), call.language))


@ROUTES("GET", "/v1/campaign-series", "Campaigns that repeat, newest first", query=Series(), gives="CampaignSeriesList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = series.rows(tx, state=asked.get("state"), after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: repeating.as_json(row, call.language), _id))


@ROUTES("GET", "/v1/campaign-series/{id}", "A series and its runs, newest first", gives="CampaignSeriesWithRuns")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _with_runs(call, tx, _row(tx, id)))


@ROUTES("POST", "/v1/campaign-series/{id}/pause", "No further run until it goes on", gives="CampaignSeries",
        also={409: "It has ended"})  # fmt: skip
def pause(call: Call, id: str) -> Answer:
    return _done(call, id, repeating.pause)


@ROUTES("POST", "/v1/campaign-series/{id}/resume", "Goes on with the next run that lies ahead", gives="CampaignSeries",
        also={409: "It is not paused"})  # fmt: skip
def resume(call: Call, id: str) -> Answer:
    return _done(call, id, repeating.resume)


@ROUTES("POST", "/v1/campaign-series/{id}/end", "No further run, for good; runs at work go on", gives="CampaignSeries")
def end(call: Call, id: str) -> Answer:
    return _done(call, id, repeating.end)


def _done(call: Call, series_id: str, work: Callable[[Transaction, Row, str, datetime], None]) -> Answer:
    with call.write() as tx:
        series.alone(tx, series_id)
        work(tx, _row(tx, series_id), call.who, call.now)
        return call.done(200, repeating.as_json(_row(tx, series_id), call.language))


def _with_runs(call: Call, tx: Transaction, row: Row) -> dict[str, Any]:
    made = [campaign(one, call.language) for one in series.runs(tx, row["id"])]
    return {**repeating.as_json(row, call.language), "campaigns": made}


def _row(tx: Transaction, series_id: str) -> Row:
    row = series.row(tx, series_id)
    if row is None:
        raise NotFound("series")
    return row
