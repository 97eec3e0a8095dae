"""`/v1/links`: short links, those of messages and those that people make for themselves, and who followed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from core.domain.errors import NotFound
from core.engine import linking, shown
from core.storage import house, links
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("links")


class Wanted(given.Body):
    target = given.words(2048, required=True, metadata={"format": "uri", "description": "http or https"})
    name = given.words(120, allow_none=True, metadata={"description": "For people, in lists"})
    expires_at = given.words(
        60, allow_none=True, metadata={"pattern": given.MOMENT_FORM, "description": "Without it the link does not end"}
    )
    zone = given.words(60, allow_none=True, metadata={"example": "Europe/Paris"})
    track = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "The target is told the code, as `rl=<code>`"},
    )


class Filter(given.Listed):
    message = given.words(40)
    own = fields.Boolean(load_default=False, metadata={"description": "Those that belong to no message"})


@ROUTES("POST", "/v1/links", "Makes a short link", takes=Wanted(), gives="Link", status=201)
def create(call: Call) -> Answer:
    body = call.body
    there = given.zone(body["zone"]) if body.get("zone") else None
    ends = given.moment(body["expires_at"], there, "/expires_at") if body.get("expires_at") else None
    with call.write() as tx:
        link_id = linking.create(
            call.suite, tx, body["target"], name=body.get("name"), track=body["track"], expires_at=ends,
            test=call.key.test,
        )  # fmt: skip
        return call.done(201, linking.as_json(_row(tx, link_id), {}, linking.base(call.suite, tx), call.now))


@ROUTES("GET", "/v1/links", "Short links, newest first, with how often they were followed", query=Filter(),
        gives="LinkList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = links.listed(
            tx, message=asked.get("message"), own=asked["own"], after=asked.get("after"), limit=asked["limit"] + 1
        )
        counted, base = links.counts(tx, [row["id"] for row in rows]), linking.base(call.suite, tx)

    def told(row: Mapping[str, Any]) -> dict[str, Any]:
        return linking.as_json(row, counted.get(row["id"], {}), base, call.now)

    return Answer(200, page(rows, asked["limit"], told, _id))


@ROUTES("GET", "/v1/links/{id}", "A short link, and hour by hour who followed it", gives="LinkWithHours")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(tx, id)
        said = linking.as_json(row, links.counts(tx, [id]).get(id, {}), linking.base(call.suite, tx), call.now)
        hours = [{"start": shown.moment(start), **linking.clicks(found)} for start, found in links.hours(tx, id)]
    return Answer(200, {**said, "hours": hours})


@ROUTES("DELETE", "/v1/links/{id}", "Ends a short link: it leads nowhere from now on", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        links.end(tx, id, call.now)
        house.note(tx, call.who, "link_ended", id, {}, call.now)
        return call.done(204, None)


def _row(tx: Transaction, link_id: str) -> Mapping[str, Any]:
    row = links.get(tx, link_id)
    if row is None:
        raise NotFound("link")
    return row
