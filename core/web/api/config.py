"""`/v1/config`: what the workspace decided, as one document, and another document made so."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from core.web.api import given
from core.web.api.routing import Answer, Call, Routes
from core.web.api.rules import as_json
from core.web.config import applying, current
from core.web.config.schema import Document

ROUTES = Routes("config")


class Asked(given.Body):
    prune = fields.Boolean(
        load_default=False,
        metadata={"description": "Removes what the sections of the document do not name"},
    )


@ROUTES("GET", "/v1/config", "Settings, links, templates, segments, provider accounts (without their secrets) and "
        "rules of the workspace, by their names", gives="Config",
        also={409: "Two things of one kind have the same name"})  # fmt: skip
def single(call: Call) -> Answer:
    with call.read() as tx:
        return Answer(200, current.document(call.suite, tx))


@ROUTES("POST", "/v1/config", "Makes the workspace what the document says, all or nothing; what it does not mention "
        "stays. With ?dry_run=true only answers the difference", takes=Document(), query=Asked(), gives="ConfigApplied",
        reads_body_itself=True, also={409: "Two things of one kind have the same name"})  # fmt: skip
def apply(call: Call) -> Answer:
    with call.write() as tx:
        done = applying.apply(call.suite, tx, call.body, call.now, who=call.who, prune=call.query["prune"],
                              replan=call.changes)  # fmt: skip
        return call.done(200, shown(done, call.language))


def shown(done: applying.Applied, language: str) -> dict[str, Any]:
    """As the API and the command line show it."""
    return {
        "changes": [one.as_json() for one in done.changes],
        "difference": as_json(done.difference, language) if done.difference else None,
    }
