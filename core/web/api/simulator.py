"""`/v1/simulator`: what the simulated phones received, and answering as the person who holds one."""

from __future__ import annotations

from typing import Any

from core.domain.errors import NotFound
from core.engine import shown, simulation
from core.storage import simulated
from core.web.api import given
from core.web.api.messages import _number, recipient
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("simulator")


@ROUTES("GET", "/v1/simulator/messages", "What the simulated phones received, newest first",
        query=given.SimulatorMessages(), gives="SimulatorMessageList")  # fmt: skip
def listed(call: Call) -> Answer:
    _allowed(call)
    asked = call.query
    to = _number(asked["to"]) if asked.get("to") else None
    with call.read() as tx:
        found = simulated.listed(tx, to, asked.get("after"), asked["limit"] + 1)
    return Answer(200, page(found, asked["limit"], _shown, lambda kept: kept.id))


@ROUTES("POST", "/v1/simulator/replies", "A person answers from a simulated phone", takes=given.SimulatorReply(),
        gives="SimulatorReply", status=201)  # fmt: skip
def reply(call: Call) -> Answer:
    _allowed(call)
    body = call.body
    sender = recipient(body["from"], None, "/from").number
    with call.write() as tx:
        said = simulation.answer(call.suite, call.workspace, sender, body["text"], body["to"], tx)
        return call.done(201, {"from": said.sender, "to": said.to, "text": said.text, "at": shown.moment(said.at)})


def _allowed(call: Call) -> None:
    """Where the clock may turn; and for test keys everywhere, since their messages reach no other phone."""
    if not (call.suite.settings.clock_may_turn or call.key.test):
        raise NotFound("simulator")


def _shown(kept: simulated.Kept) -> dict[str, Any]:
    one = kept.message
    return {
        "id": kept.id,
        "message": one.reference,
        "to": one.to,
        "from": one.sender,
        "text": one.text,
        "channel": str(one.channel),
        "received_at": shown.moment(one.received_at),
        "state": str(one.state),
    }
