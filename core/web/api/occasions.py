"""`/v1/occasions`: what we know of an appointment, a cart, an order; and a person's word on whose number it is."""

from __future__ import annotations

from typing import Any

from core.domain.errors import NotFound
from core.domain.occasions import Occasion
from core.engine import attending, correcting, shown
from core.storage import occasions
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _moment, _number, recipient
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("occasions")


@ROUTES("GET", "/v1/occasions", "Occasions by their start", query=given.Occasions(), gives="OccasionList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        found = occasions.listed(
            tx,
            installation=asked.get("installation"),
            recipient=_number(asked["to"]) if asked.get("to") else None,
            start=_moment(asked, "since"),
            end=_moment(asked, "until"),
            open_only=asked["open"],
            after=asked.get("after"),
            limit=asked["limit"] + 1,
        )
    return Answer(200, page(found, asked["limit"], lambda one: _shown(one, call), lambda one: one.id))


@ROUTES("GET", "/v1/occasions/{id}", "An occasion", gives="Occasion")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _shown(_known(tx, id), call))


@ROUTES("PATCH", "/v1/occasions/{id}", "Whose number it is, as a person chose it (remembered); or no message at all",
        takes=given.OccasionChange(), gives="Occasion", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = call.body
    chosen = recipient(body["to"], body.get("country")) if body.get("to") else None
    with call.write() as tx:
        correcting.apply(tx, id, call.now, recipient=chosen, muted=body.get("muted"), who=call.who)
        return call.done(200, _shown(_known(tx, id), call))


@ROUTES("PUT", "/v1/occasions/{id}/attendance", "Whether the person came to an appointment that is over or has begun: "
        "what missed appointments are measured by", takes=given.Attendance(), gives="Attendance")  # fmt: skip
def attendance(call: Call, id: str) -> Answer:
    with call.write() as tx:
        attending.say(tx, id, call.body["came"], call.who, call.now)
        return call.done(200, {"occasion": id, "came": call.body["came"]})


def _shown(one: Occasion, call: Call) -> dict[str, Any]:
    return shown.occasion(one, call.language)


def _known(tx: Transaction, occasion_id: str) -> Occasion:
    found = occasions.get(tx, occasion_id)
    if found is None:
        raise NotFound("occasion")
    return found
