"""`/v1/consents`: what people allowed and stopped, each with its proof."""

from __future__ import annotations

from typing import Any

from core.domain.messages import State
from core.domain.policy.consent import ALL, MARKETING, TRANSACTIONAL
from core.domain.reasons import Reason
from core.engine import explaining, scheduling, shown
from core.storage import outbox, people
from core.web.api import given
from core.web.api.messages import _id, _number, recipient
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("consents")
_CLASSES = {MARKETING: ("marketing",), TRANSACTIONAL: ("transactional",), ALL: ("marketing", "transactional")}


@ROUTES("POST", "/v1/consents", "Keeps a yes or a no, with its proof: text, place, moment",
        takes=given.Consent(), gives="Consent", status=201)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    number = recipient(body["to"], body.get("country")).number
    proof: dict[str, Any] = dict(body.get("proof") or {})
    if proof:
        said = proof.get("moment")
        proof["moment"] = shown.moment(given.moment(said, None, "/proof/moment") if said else call.now)
    proof["kept_by"] = call.who
    with call.write() as tx:
        if body["state"] == "out":
            people.stop(tx, number, body["scope"], body["source"], proof, call.now)
            if classes := _CLASSES.get(body["scope"]):
                outbox.end_waiting_for(tx, number, classes, State.SUPPRESSED, Reason("opted_out"), call.now)
        else:
            people.start(tx, number, body["scope"], body["source"], proof, call.now)
            people.welcome(tx, [number], call.now)
        scheduling.replan_open(tx, call.now, scheduling.live_installations(tx), recipient=number)
        return call.done(201, explaining.shown_consent(people.consents(tx, to=number, limit=1)[0]))


@ROUTES("GET", "/v1/consents", "Consents, newest first", query=given.Consents(), gives="ConsentList")
def listed(call: Call) -> Answer:
    asked = call.query
    to = _number(asked["to"]) if asked.get("to") else None
    with call.read() as tx:
        rows = people.consents(tx, to=to, after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], explaining.shown_consent, _id))
