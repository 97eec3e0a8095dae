"""`/v1/stats`: what connections brought and cost, with the honest figure against the control group; and `measures`, the
figures of all that left, each with its formula."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput, NotFound
from core.domain.policy.walltime import Duration, format_duration, local
from core.engine import kpis, measuring, shown
from core.engine.attributing import window_of
from core.engine.kpis import Period
from core.storage import campaigns_figures, house
from core.storage import installations as stored
from core.web import problems
from core.web.api import given
from core.web.api.routing import Answer, Call, Routes

ROUTES = Routes("stats")


@ROUTES("GET", "/v1/stats", "Nudged, clicked, recovered, cost and STOP of each connection, by rule and day; what "
        "nudging brings against the control group; what became of what each workflow over there asked for; and in "
        "`measures` the figures of all that left on these days, each with its formula and its denominator",
        query=given.Stats(), gives="Stats", also={404: "No such connection in this workspace"})  # fmt: skip
def figures(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        known = house.workspace(tx, call.workspace)
        settings = known["settings"] if known else house.DEFAULTS
        zone = ZoneInfo(settings["zone"])
        try:
            until = given.moment(asked["until"], zone, "/until") if asked.get("until") else call.now
            since = (
                given.moment(asked["since"], zone, "/since")
                if asked.get("since")
                else until - timedelta(days=measuring.DAYS)
            )
        except BadInput as error:
            raise problems.Malformed("query_wrong", name=error.pointer.strip("/")) from error
        if not timedelta() < until - since <= timedelta(days=measuring.MOST_DAYS):
            raise problems.Malformed("query_wrong", name="since")
        found = [
            row for row in stored.listed(tx, call.suite.vault, call.suite.public_url)
            if asked.get("installation") in (None, row.installation.id)
        ]  # fmt: skip
        if asked.get("installation") and not found:
            raise NotFound("installation")
        # Planned messages are due later than now: only an end that was asked for leaves them out.
        workflows = campaigns_figures.read(
            tx, installation=asked.get("installation"), campaign=asked.get("campaign"), since=since,
            until=until if asked.get("until") else None,
        )  # fmt: skip
        data = [
            {
                **measuring.measure(tx, row.installation.id, row.installation.name, since, until, call.now).as_json(
                    call.language
                ),
                "workflows": [
                    campaigns_figures.as_json(one, call.language) for one in workflows
                    if one.installation == row.installation.id
                ],
            }
            for row in found
        ]  # fmt: skip
    window = format_duration(Duration(elapsed=window_of(settings)))
    only = {name: asked[given] for name, given in _FILTERS.items() if asked.get(given)}
    days = Period(local(since, zone).date(), local(until - timedelta(microseconds=1), zone).date(), zone)
    measured = kpis.measure(call.suite, call.workspace, days, only)
    return Answer(200, {
        "since": shown.moment(since), "until": shown.moment(until), "window": window, "data": data,
        "measures": measured.as_json(call.language),
    })  # fmt: skip


_FILTERS = {
    "installation": "installation", "campaign": "campaign", "rule": "rule", "channel": "channel",
    "class": "message_class", "country": "country",
}  # fmt: skip
