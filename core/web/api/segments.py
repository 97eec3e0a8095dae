"""`/v1/segments`: sets of people with a name, by conditions or as a list, with a count and a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.reasons import Reason
from core.domain.segments import Condition, OnList, lists_of, parse
from core.engine import shown
from core.storage import house, people, segments
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id, recipient
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("segments")
SAMPLE = 10
MOST_NUMBERS = 10_000
MOST_LIST_BODY = 2_000_000

CONDITIONS: dict[str, Any] = {
    "type": "object",
    "example": {"all": [{"consent": "in"}, {"field": "country", "is": "FR"}]},
    "description": "One of all, any, not (of conditions); field or value with is, in, begins or known; value with"
    " at_least, at_most, above or below (a number), or with before, since (a day), longer_ago or within; tag; list;"
    " consent (in, out, unknown); quarantined; did (got, delivered, clicked, replied, ordered, visited, joined) with"
    " within, times, campaign, channel; last (the same) with before, since, longer_ago or within; spent (a currency)"
    " with at_least, at_most, above or below, and within. `{\"all\": []}` is everybody",
}


def condition(value: Any) -> None:
    """A validator for `conditions`: what `core.domain.segments` reads."""
    given.as_read(lambda: parse(value, ""))


def numbers(**about: Any) -> fields.List:
    return fields.List(given.words(40), validate=validate.Length(1, MOST_NUMBERS), **about)


class Segment(given.Body):
    name = given.words(120, required=True)
    conditions = fields.Raw(validate=condition, metadata=CONDITIONS)
    numbers = numbers(metadata={"description": "Instead of conditions: the people of a list, who become contacts"})
    country = given.country(allow_none=True)

    @validates_schema
    def one_of_the_two(self, given: dict[str, Any], **_: object) -> None:
        if ("conditions" in given) == ("numbers" in given):
            raise ValidationError({"conditions": [Reason("segment_or_people")]})  # type: ignore[dict-item]


class SegmentChange(given.Body):
    name = given.words(120)
    conditions = fields.Raw(validate=condition, metadata=CONDITIONS)
    add = numbers(metadata={"description": "Numbers that are put on a list"})
    remove = numbers(metadata={"description": "Numbers that are taken off a list"})
    country = given.country(allow_none=True)


class Sample(given.Body):
    sample = fields.Integer(load_default=SAMPLE, validate=validate.Range(0, 100))


@ROUTES("POST", "/v1/segments", "Saves a segment; with ?dry_run=true only counts who would belong to it",
        takes=Segment(), gives="SegmentWithPeople", status=201, most=MOST_LIST_BODY)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        conditions = body.get("conditions")
        if conditions is not None:
            check(tx, parse(conditions), "/conditions")
        segment_id = segments.add(tx, body["name"], conditions, call.now)
        if conditions is None:
            segments.put_on(tx, segment_id, _contacts(call, tx, body["numbers"], body.get("country"), "/numbers"))
        house.note(tx, call.who, "segment_saved", segment_id, {}, call.now)
        return call.done(201, with_people(tx, _row(tx, segment_id), SAMPLE, call))


@ROUTES("GET", "/v1/segments", "Segments, oldest first", query=given.Listed(), gives="SegmentList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = segments.rows(tx, after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], as_json, _id))


@ROUTES("GET", "/v1/segments/{id}", "A segment, how many belong to it now, and some of them", query=Sample(),
        gives="SegmentWithPeople")  # fmt: skip
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, with_people(tx, _row(tx, id), call.query["sample"], call))


@ROUTES("PATCH", "/v1/segments/{id}", "Changes a segment; puts people on a list, or takes them off",
        takes=SegmentChange(), gives="SegmentWithPeople", partial=True, most=MOST_LIST_BODY)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = call.body
    with call.write() as tx:
        row = _row(tx, id)
        is_list = row["conditions"] is None
        if is_list and "conditions" in body:
            raise BadInput("segment_or_people", pointer="/conditions")
        if not is_list and ("add" in body or "remove" in body):
            raise BadInput("segment_no_list", pointer="/add" if "add" in body else "/remove")
        if "conditions" in body:
            check(tx, parse(body["conditions"]), "/conditions")
        segments.change(tx, id, {name: body[name] for name in ("name", "conditions") if name in body}, call.now)
        if "add" in body:
            segments.put_on(tx, id, _contacts(call, tx, body["add"], body.get("country"), "/add"))
        if "remove" in body:
            whose = [recipient(one, body.get("country"), f"/remove/{place}").number
                     for place, one in enumerate(body["remove"])]  # fmt: skip
            segments.take_off(tx, id, sorted(segments.contacts_of(tx, whose).values()))
        house.note(tx, call.who, "segment_saved", id, {}, call.now)
        return call.done(200, with_people(tx, _row(tx, id), SAMPLE, call))


@ROUTES("DELETE", "/v1/segments/{id}", "Removes a segment; its people stay contacts", status=204,
        also={409: "A campaign that has not begun, or another segment, still uses it"})  # fmt: skip
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        if (user := segments.used_by(tx, id)) is not None:
            raise Conflict("segment_in_use", name=user)
        segments.change(tx, id, {"removed_at": call.now}, call.now)
        house.note(tx, call.who, "segment_removed", id, {}, call.now)
        return call.done(204, None)


def check(tx: Transaction, condition: Condition, pointer: str) -> None:
    """Whether the lists that it names exist. Raises `BadInput`."""
    wanted = lists_of(condition)
    missing = sorted(wanted - segments.lists(tx, wanted))
    if missing:
        raise BadInput("field_unknown_id", pointer=pointer, text=missing[0][:40])


def condition_of(row: Mapping[str, Any]) -> Condition:
    """What a segment's row says: its conditions, or being on its list."""
    return OnList(row["id"]) if row["conditions"] is None else parse(row["conditions"])


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "conditions": row["conditions"],
        "created_at": shown.moment(row["created_at"]),
        "changed_at": shown.moment(row["changed_at"]),
    }


def with_people(tx: Transaction, row: Mapping[str, Any], sample: int, call: Call) -> dict[str, Any]:
    condition = condition_of(row)
    found = segments.people(tx, condition, call.now, limit=sample) if sample else []
    return {
        **as_json(row),
        "count": segments.count(tx, condition, call.now),
        "sample": [shown.contact(one, call.language) for one in found],
    }


def _contacts(
    call: Call, tx: Transaction, numbers: Sequence[str], country: str | None, pointer: str
) -> Sequence[str]:
    """The contacts of these numbers; who is none yet becomes one."""
    whose = [recipient(one, country, f"{pointer}/{place}") for place, one in enumerate(numbers)]
    known = segments.contacts_of(tx, [one.number for one in whose])
    return [known.get(one.number) or people.remember(tx, one, {}, call.now) for one in whose]


def _row(tx: Transaction, segment_id: str) -> Mapping[str, Any]:
    row = segments.row(tx, segment_id)
    if row is None:
        raise NotFound("segment")
    return row
