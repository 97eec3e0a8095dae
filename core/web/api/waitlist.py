"""`/v1/waitlist`: who waits for an earlier time, which times are free, who was asked, and how they are offered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from core.domain.errors import BadInput, NotFound, RelanceError
from core.domain.policy.week import DAYS
from core.domain.waitlist import CAUSES, EntryState, Person, SlotState, Wishes, read_wishes
from core.engine.waitlist import freeing, joining, offering, shown
from core.engine.waitlist.choosing import choose
from core.storage import installations, waitlist
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id, _number, _refused, recipient
from core.web.api.reading import loaded
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("waitlist")
MOST_AT_ONCE = 500
WISHES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "earliest": {"type": "string", "format": "date"}, "latest": {"type": "string", "format": "date"},
        "weekdays": {"type": "array", "items": {"enum": list(DAYS)}},
        "after": {"type": "string", "example": "09:00"}, "until": {"type": "string", "example": "12:00"},
    },
    "example": {"weekdays": ["mon", "tue"], "until": "12:00"},
    "description": "When the person could come: days, weekdays, and between which hours a slot may begin",
}  # fmt: skip
PROOF: dict[str, Any] = {
    "type": "object", "required": ["text"], "properties": {"text": {"type": "string"}, "source": {"type": "string"}},
    "example": {"source": "desk", "text": "A demandé au téléphone à être prévenue si une heure se libère"},
    "description": "How the person agreed to be written to: `text`, and what else proves it",
}  # fmt: skip


def _wishes(value: Any) -> None:
    given.as_read(lambda: read_wishes(_object(value, ""), ""))


def _proof(value: Any) -> None:
    def read() -> None:
        found = _object(value, "")
        if not isinstance(found.get("text"), str) or not found["text"].strip():
            raise BadInput("waitlist_no_proof", pointer="/text")
        if len(str(found)) > 2000:
            raise BadInput("field_wrong", pointer="", why="at most 2000 characters")

    given.as_read(read)


def _object(value: Any, pointer: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput("field_not_object", pointer=pointer)
    return value


class EntryChange(given.Body):
    name = given.words(120, allow_none=True)
    installation = given.words(40, allow_none=True, metadata={"description": "For this connection's slots alone"})
    kind = given.words(80, allow_none=True, metadata={"description": "Words that the slot's title has to hold"})
    wishes = fields.Raw(validate=_wishes, metadata=WISHES)
    moves = given.words(
        40, allow_none=True, metadata={"description": "The occasion that they would give up for an earlier time"}
    )
    position = fields.Integer(
        validate=validate.Range(0, 1_000_000), metadata={"description": "Lower ones are asked first"}
    )


class Entry(EntryChange):
    to = given.words(40, required=True)
    country = given.country(allow_none=True)
    proof = fields.Raw(required=True, validate=_proof, metadata=PROOF)


class Entries(given.Listed):
    state = given.one_of([str(one) for one in EntryState], load_default=str(EntryState.WAITING))
    to = given.words(40)
    installation = given.words(40)


class Batch(given.Body):
    entries = fields.List(
        fields.Raw(metadata={"type": "object"}), required=True, validate=validate.Length(1, MOST_AT_ONCE)
    )


class SlotGiven(given.Body):
    occasion = given.words(40, metadata={"description": "An appointment whose time is free"})
    installation = given.words(40)
    start = given.words(40, metadata={"pattern": given.MOMENT_FORM, "example": "2026-12-01T09:00:00+01:00"})
    end = given.words(40, metadata={"pattern": given.MOMENT_FORM})
    zone = given.words(64)
    title = given.words(200)


class Slots(given.Listed):
    state = given.one_of([str(one) for one in SlotState])
    installation = given.words(40)


class Offers(given.Listed):
    slot = given.words(40)
    to = given.words(40)


class TermsGiven(given.Body):
    on = fields.Boolean()
    notice_minutes = fields.Integer(metadata={"description": "Later than that before its start a slot is of no use"})
    hold_minutes = fields.Integer(metadata={"description": "How long one person has to answer, from 10"})
    most = fields.Integer(metadata={"description": "So many offers to one person at the most…"})
    days = fields.Integer(metadata={"description": "…within so many days"})
    causes = given.several_of([str(one) for one in CAUSES])
    writes = fields.Boolean(metadata={"description": "Who takes a slot is put into the platform's calendar"})
    keyword = fields.String(validate=validate.Length(0, 30), metadata={"description": "Whoever answers it joins"})
    text = fields.String(validate=validate.Length(0, 600), metadata={
        "description": "The offer in your own words; it may name clinic, name, when, until and instead"})  # fmt: skip


# ---------------------------------------------------------------------------------------------- people


@ROUTES("POST", "/v1/waitlist", "Puts somebody on the waiting list, who agreed to be written to", takes=Entry(),
        gives="WaitlistEntry", status=201, also={409: "They wait already, or the list is full"})  # fmt: skip
def create(call: Call) -> Answer:
    with call.write() as tx:
        entry_id = _added(call, tx, call.body)
        return call.done(201, _entry(call, tx, entry_id))


@ROUTES("POST", "/v1/waitlist/batch", "Puts several people on the waiting list, with a result for each, in order",
        takes=Batch(), gives="WaitlistBatchResult")  # fmt: skip
def batch(call: Call) -> Answer:
    results: list[dict[str, Any]] = []
    with call.write() as tx:
        for one in call.body["entries"]:
            try:
                wanted = loaded(Entry(), one)
                results.append({"status": 201, "entry": _entry(call, tx, _added(call, tx, wanted))})
            except RelanceError as error:
                results.append(_refused(error, call.language))
        return call.done(200, {"results": results})


@ROUTES("GET", "/v1/waitlist", "People on the waiting list: those who wait in the list's order, a page at a time",
        query=Entries(), gives="WaitlistEntryList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    number = _number(asked["to"]) if asked.get("to") else None
    with call.read() as tx:
        found = waitlist.entries(tx, state=EntryState(asked["state"]), number=number,
                                 installation=asked.get("installation"), limit=5000)  # fmt: skip
    ids = [row["id"] for row in found]
    first = ids.index(asked["after"]) + 1 if asked.get("after") in ids else 0
    rows = found[first : first + asked["limit"] + 1]
    return Answer(200, page(rows, asked["limit"], lambda row: shown.entry(row, call.language), _id))


@ROUTES("GET", "/v1/waitlist/{id}", "Somebody on the waiting list", gives="WaitlistEntry")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _entry(call, tx, id))


@ROUTES("PATCH", "/v1/waitlist/{id}", "Changes what somebody wishes, or their place", takes=EntryChange(),
        gives="WaitlistEntry", partial=True, also={409: "They wait no longer"})  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = dict(call.body)
    if "wishes" in body:
        body["wishes"] = read_wishes(body["wishes"]).as_json()
    with call.write() as tx:
        joining.change(tx, id, body, call.who, call.now)
        return call.done(200, _entry(call, tx, id))


@ROUTES("DELETE", "/v1/waitlist/{id}", "Takes somebody off the waiting list; what was offered to them is over",
        status=204, also={409: "They wait no longer"})  # fmt: skip
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        joining.remove(tx, id, call.who, call.now)
        return call.done(204, None)


# ---------------------------------------------------------------------------------------------- slots


@ROUTES("POST", "/v1/waitlist/slots", "Offers a time by hand: that of an `occasion`, or any `start` of an"
        " `installation`; with ?dry_run=true answers who would be asked", takes=SlotGiven(), gives="WaitlistSlotStory",
        status=201, also={409: "It is offered already, or the calendar is not free"})  # fmt: skip
def offer(call: Call) -> Answer:
    body = call.body
    if not body.get("occasion") and not (body.get("installation") and body.get("start")):
        raise BadInput("field_required", pointer="/start" if body.get("installation") else "/installation")
    there = given.zone(body["zone"]) if body.get("zone") else None
    moments: dict[str, datetime | None] = {
        name: given.moment(body[name], there, f"/{name}") if body.get(name) else None for name in ("start", "end")
    }
    with call.write() as tx:
        slot_id = freeing.by_hand(tx, {**body, **moments}, call.who, call.now)
        if call.dry_run:
            return call.done(201, _slot(call, tx, slot_id))
        offering.go_on(tx, slot_id, call.now)
        return call.done(201, _slot(call, tx, slot_id))


@ROUTES("GET", "/v1/waitlist/slots", "Times that became free, newest first", query=Slots(), gives="WaitlistSlotList")
def slots(call: Call) -> Answer:
    asked = call.query
    states = (SlotState(asked["state"]),) if asked.get("state") else ()
    with call.read() as tx:
        rows = waitlist.slots(tx, states=states, installation=asked.get("installation"), after=asked.get("after"),
                              limit=asked["limit"] + 1)  # fmt: skip
        return Answer(200, page(rows, asked["limit"], lambda row: shown.slot(tx, row, call.language), _id))


@ROUTES("GET", "/v1/waitlist/slots/{id}", "A free time with its offers, its ledger, and who would be asked next",
        gives="WaitlistSlotStory")  # fmt: skip
def slot(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _slot(call, tx, id))


@ROUTES("POST", "/v1/waitlist/slots/{id}/withdraw", "Takes a slot back: whoever holds it, or has it, is told",
        gives="WaitlistSlotStory", also={409: "It is no longer offered"})  # fmt: skip
def withdraw(call: Call, id: str) -> Answer:
    with call.write() as tx:
        freeing.withdraw(tx, id, call.who, call.now)
        return call.done(200, _slot(call, tx, id))


@ROUTES("POST", "/v1/waitlist/slots/{id}/settle", "Says that who took the slot stands in the calendar",
        gives="WaitlistSlotStory", also={409: "Nobody took it"})  # fmt: skip
def settle(call: Call, id: str) -> Answer:
    with call.write() as tx:
        freeing.settled(tx, id, call.who, call.now)
        return call.done(200, _slot(call, tx, id))


@ROUTES("GET", "/v1/waitlist/offers", "Who was asked, and what they said, newest first", query=Offers(),
        gives="WaitlistOfferList")  # fmt: skip
def offers(call: Call) -> Answer:
    asked = call.query
    number = _number(asked["to"]) if asked.get("to") else None
    with call.read() as tx:
        rows = waitlist.offers(tx, slots=[asked["slot"]] if asked.get("slot") else None, number=number,
                               after=asked.get("after"), limit=asked["limit"] + 1, newest=True)  # fmt: skip
    return Answer(200, page(rows, asked["limit"], lambda row: shown.offer(row, call.language), _id))


# ---------------------------------------------------------------------------------------------- terms


@ROUTES("GET", "/v1/waitlist/terms/{id}", "How the free times of a connection (its id) are offered",
        gives="WaitlistTerms")  # fmt: skip
def terms(call: Call, id: str) -> Answer:
    with call.read() as tx:
        if not installations.is_there(tx, id):
            raise NotFound("installation")
        return Answer(200, shown.terms(id, waitlist.terms(tx, id).as_json()))


@ROUTES("PATCH", "/v1/waitlist/terms/{id}", "Says how a connection's free times are offered; off until switched on",
        takes=TermsGiven(), gives="WaitlistTerms", partial=True)  # fmt: skip
def set_terms(call: Call, id: str) -> Answer:
    with call.write() as tx:
        found = choose(tx, id, call.body, call.who, call.now)
        return call.done(200, shown.terms(id, found.as_json()))


def _added(call: Call, tx: Transaction, body: Mapping[str, Any]) -> str:
    whom = recipient(body["to"], body.get("country"))
    wishes = read_wishes(body["wishes"]) if body.get("wishes") else Wishes()
    person = Person(body.get("name"), body.get("installation"), body.get("kind"), wishes, body.get("moves"),
                    body.get("position"), {"source": "api", **body["proof"]})  # fmt: skip
    return joining.add(tx, whom, person, call.now, call.who, call.now)


def _entry(call: Call, tx: Transaction, entry_id: str) -> dict[str, Any]:
    row = waitlist.entry(tx, entry_id)
    if row is None:
        raise NotFound("waitlist entry")
    return shown.entry(row, call.language)


def _slot(call: Call, tx: Transaction, slot_id: str) -> dict[str, Any]:
    row = waitlist.slot(tx, slot_id)
    if row is None:
        raise NotFound("slot")
    return shown.story(tx, row, call.now, call.language)
