"""`/v1/pages`: small pages that links lead to, the codes that they give away, and who looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from core.domain import pages as domain
from core.domain.errors import NotFound
from core.domain.pages import LANGUAGES, LONGEST, Action
from core.engine import landing, linking
from core.storage import house, links, pages
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("pages")


class Words(given.Body):
    title = given.words(LONGEST["title"], required=True)
    text = given.words(LONGEST["text"], least=0)
    button = given.words(LONGEST["button"], least=0, metadata={"description": "Needed where the page has a button"})
    sentence = given.words(
        LONGEST["sentence"], least=0, metadata={"description": "For `join`: what is ticked, kept as the proof"}
    )
    thanks = given.words(LONGEST["thanks"], least=0)


class Wanted(given.Body):
    name = given.words(120, least=0, allow_none=True, metadata={"description": "For people, in lists"})
    action = given.one_of([str(one) for one in Action], load_default="none")
    languages = fields.Dict(
        keys=fields.String(validate=validate.OneOf(LANGUAGES)), values=fields.Nested(Words), required=True,
        validate=validate.Length(1, len(LANGUAGES)),
        metadata={"description": "The first one stands in for those that are not written"},
    )  # fmt: skip
    number = given.words(40, allow_none=True, metadata={"description": "For `call`"})
    address = given.words(200, allow_none=True, metadata={"description": "For `route`"})
    target = given.words(2048, allow_none=True, metadata={"format": "uri", "description": "For `site`: http or https"})
    shared = given.words(
        40, allow_none=True, metadata={"description": "For `coupon`: shown to people whom no message led here"}
    )


class Codes(given.Body):
    codes = fields.List(given.words(40), required=True, validate=validate.Length(1, 1000))


@ROUTES("POST", "/v1/pages", "Makes a small page, which is online at once", takes=Wanted(), gives="Page", status=201)
def create(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        page_id = landing.create(call.suite, tx, body.get("name") or "", body, test=call.key.test)
        house.note(tx, call.who, "page_created", page_id, {}, call.now)
        return call.done(201, _told(call, tx, page_id))


@ROUTES("GET", "/v1/pages", "Small pages, newest first", query=given.Listed(), gives="PageList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = pages.listed(tx, after=asked.get("after"), limit=asked["limit"] + 1)
        counted, base = links.counts(tx, [row["id"] for row in rows]), linking.base(call.suite, tx)
        codes = {row["id"]: pages.count_codes(tx, row["id"]) for row in rows}

    def told(row: Mapping[str, Any]) -> dict[str, Any]:
        return landing.as_json(row, counted.get(row["id"], {}), codes[row["id"]], base)

    return Answer(200, page(rows, asked["limit"], told, _id))


@ROUTES("GET", "/v1/pages/{id}", "A small page, who looked at it and what they did there", gives="Page")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _told(call, tx, id))


@ROUTES("PATCH", "/v1/pages/{id}", "Changes a page; what is not said stays", takes=Wanted(), gives="Page", partial=True)
def change(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = _row(tx, id)
        landing.change(call.suite, tx, id, call.body.get("name") or row["name"], {**row["content"], **call.body})
        house.note(tx, call.who, "page_changed", id, {}, call.now)
        return call.done(200, _told(call, tx, id))


@ROUTES("POST", "/v1/pages/{id}/codes", "More codes for a page to give away, each to one person", takes=Codes(),
        gives="CodesAdded")  # fmt: skip
def codes(call: Call, id: str) -> Answer:
    found = domain.codes("\n".join(call.body["codes"]))
    with call.write() as tx:
        _row(tx, id)
        added = pages.put_codes(tx, id, found)
        there, gone = pages.count_codes(tx, id)
        return call.done(200, {"added": added, "there": there, "given": gone})


@ROUTES("DELETE", "/v1/pages/{id}", "Takes a page offline", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        pages.change(tx, id, {"ended_at": call.now}, call.now)
        house.note(tx, call.who, "page_ended", id, {}, call.now)
        return call.done(204, None)


def _told(call: Call, tx: Transaction, page_id: str) -> dict[str, Any]:
    row = _row(tx, page_id)
    counted = links.counts(tx, [page_id]).get(page_id, {})
    return landing.as_json(row, counted, pages.count_codes(tx, page_id), linking.base(call.suite, tx))


def _row(tx: Transaction, page_id: str) -> Mapping[str, Any]:
    row = pages.get(tx, page_id)
    if row is None:
        raise NotFound("page")
    return row
