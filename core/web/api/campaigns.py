"""`/v1/campaigns`: one message to many people, checked before, sent in parts, measured after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from core.domain.campaigns import (
    CLASSES,
    MOST_HOLDOUT,
    MOST_VARIANTS,
    RECIPIENT,
    USEFUL,
    By,
    Phase,
    Staged,
)
from core.domain.channels import budgets, parse_ways
from core.domain.content import checked
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.policy.walltime import parse_duration
from core.domain.reasons import Reason
from core.domain.segments import parse
from core.domain.text.templates import compile_template
from core.engine import campaign_check, campaign_results, campaigning, overlapping, shown
from core.engine.campaign_shown import as_given, campaign
from core.storage import campaigns, house, rules, segments
from core.storage.database import Transaction
from core.web import problems
from core.web.api import given
from core.web.api.messages import _id, recipient
from core.web.api.routing import Answer, Call, Routes, page
from core.web.api.segments import CONDITIONS, MOST_LIST_BODY, check, condition, numbers

ROUTES = Routes("campaigns")
PHASES = [str(one) for one in Phase]
_LIMITS = {name: getattr(Staged(1), name) for name in ("most_failed", "most_stopped")}


def _useful(value: Any) -> None:
    given.as_read(lambda: _span(value, timedelta(minutes=10), timedelta(days=14)))


def _after(value: Any) -> None:
    given.as_read(lambda: _span(value, timedelta(minutes=1), timedelta(days=14)))


def _span(value: Any, least: timedelta, most: timedelta) -> timedelta:
    if not isinstance(value, str):
        raise BadInput("bad_duration", text=str(value)[:40])
    span = parse_duration(value).length
    if not least <= span <= most:
        raise BadInput("field_wrong", why="PT1M … P14D")
    return span


class Audience(given.Body):
    segment = given.words(40, metadata={"description": "Who belongs to it at the moment of sending"})
    conditions = fields.Raw(validate=condition, metadata=CONDITIONS)
    numbers = numbers(metadata={"description": "At most 10,000 numbers, who need not be contacts"})
    country = given.country(allow_none=True)

    @validates_schema
    def one_way(self, given: dict[str, Any], **_: object) -> None:
        if sum(name in given for name in ("segment", "conditions", "numbers")) != 1:
            known = "segment, conditions, numbers"
            raise ValidationError([Reason("audience_one_of", {"known": known})])  # type: ignore[list-item]


class Variant(given.Body):
    name = given.words(40, required=True)
    share = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100))
    body = given.words(4000, allow_none=True)
    template = given.words(80, allow_none=True)
    content = fields.Raw(allow_none=True, validate=given.content, metadata=given.CONTENT)


class Stage(given.Body):
    percent = fields.Integer(required=True, strict=True, validate=validate.Range(1, 99))
    after = fields.String(allow_none=True, load_default=None, validate=_after, metadata={
        "example": "PT2H", "description": "The rest follows after that; null: when a person says so"})  # fmt: skip
    most_failed = fields.Float(load_default=Staged(1).most_failed, validate=validate.Range(0, 100), metadata={
        "description": "Percent of what left that may fail before all that waits is held"})  # fmt: skip
    most_stopped = fields.Float(load_default=Staged(1).most_stopped, validate=validate.Range(0, 100), metadata={
        "description": "Percent of what left that may earn a STOP before all that waits is held"})  # fmt: skip


class Campaign(given.Body):
    name = given.words(120, required=True)
    audience = fields.Nested(Audience, required=True)
    channels = fields.Raw(load_default=["sms"], validate=given.ways, metadata=given.WAYS)
    body = given.words(4000, allow_none=True, metadata={"description": "The text; or `template`, or `variants`"})
    template = given.words(80, allow_none=True)
    content = fields.Raw(allow_none=True, validate=given.content, metadata=given.CONTENT)
    variants = fields.List(fields.Nested(Variant), validate=validate.Length(1, MOST_VARIANTS), metadata={
        "description": "Several texts, each for its share of the people (percent, 100 together)"})  # fmt: skip
    sender = given.words(16, allow_none=True, load_default=None)
    shorten = fields.Boolean(load_default=True, truthy={True}, falsy={False}, metadata={
        "description": "Addresses in the text become short links of each person; clicks are counted"})  # fmt: skip
    fallbacks = fields.Dict(
        keys=given.words(60), values=given.words(200, least=0), load_default=dict, validate=validate.Length(0, 50),
        metadata={"example": {"first_name": "cher client"}, "description":
                  "What texts say where a person has no such value; without one, the person is left out"},
    )  # fmt: skip
    send_at = given.words(60, allow_none=True, load_default=None,
                          metadata={"pattern": given.MOMENT_FORM, "example": "2026-12-01T10:00:00"})  # fmt: skip
    zone = given.words(60, allow_none=True, load_default=None, metadata={
        "example": "Europe/Paris", "description": "Of `send_at`; `recipient` for each person's own"})  # fmt: skip
    useful_for = fields.String(load_default="PT72H", validate=_useful, metadata={"example": "PT72H"})
    staged = fields.Nested(Stage, allow_none=True, load_default=None)
    winner = given.one_of([str(one) for one in By], allow_none=True, load_default=None, metadata={
        "description": "After the first part, the rest gets the text that did best by this"})  # fmt: skip
    holdout = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, MOST_HOLDOUT), metadata={
        "description": "Percent of the people who get nothing, to measure what the campaign brings"})  # fmt: skip
    open_until = given.words(60, allow_none=True, load_default=None, metadata={
        "pattern": given.MOMENT_FORM,
        "description": "Until then whoever comes to belong to the segment is added; without it nobody is"})  # fmt: skip


Campaign._declared_fields["class"] = given.one_of([str(one) for one in CLASSES], required=True)


class Campaigns(given.Listed):
    state = given.one_of(PHASES)


class Around(given.Body):
    days = fields.Integer(load_default=overlapping.DAYS, validate=validate.Range(1, overlapping.MOST_DAYS))


class AroundPeople(given.Listed):
    days = fields.Integer(load_default=overlapping.DAYS, validate=validate.Range(1, overlapping.MOST_DAYS))
    of = given.one_of(list(overlapping.OF), metadata={"description": "Who gets something (planned), got it (got), or"
                                                      " has had as much as one may (capped)"})  # fmt: skip


class People(given.Listed):
    state = given.one_of([campaigns.WAITING, campaigns.PLANNED, campaigns.LEFT_OUT, campaigns.CONTROL])
    reason = given.words(60, metadata={"description": "The code of the reason why they get nothing"})


@ROUTES("POST", "/v1/campaigns", "Writes a campaign down as a draft; with ?dry_run=true answers what it would do",
        takes=Campaign(), gives="Campaign", status=201, dry_gives="CampaignRehearsal", most=MOST_LIST_BODY)  # fmt: skip
def create(call: Call) -> Answer:
    with call.write() as tx:
        campaign_id = campaigns.add(tx, {**_stored(call, tx, call.body), "test": call.key.test}, call.now)
        if call.dry_run:
            return call.done(201, _rehearsed(call, tx, _row(tx, campaign_id), saved=False))
        house.note(tx, call.who, "campaign_saved", campaign_id, {}, call.now)
        return call.done(201, campaign(_row(tx, campaign_id), call.language))


@ROUTES("GET", "/v1/campaigns", "Campaigns, newest first", query=Campaigns(), gives="CampaignList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = campaigns.rows(tx, state=asked.get("state"), after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: campaign(row, call.language), _id))


@ROUTES("GET", "/v1/campaigns/{id}", "A campaign, how far it is, and what became of it", gives="CampaignWithResults")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(tx, id)
        results = campaign_results.as_json(tx, row, call.now, call.language) if row["started_at"] else None
        return Answer(200, {**campaign(row, call.language), "results": results})


@ROUTES("PATCH", "/v1/campaigns/{id}", "Changes a draft", takes=Campaign(), gives="Campaign", partial=True,
        also={409: "It has begun"}, most=MOST_LIST_BODY)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = _row(tx, id)
        if row["survey"] is not None:
            # What it says is the survey's.
            raise Conflict("campaign_state", state=row["state"])
        values = _stored(call, tx, {**as_given(row), **_said(call.body)})
        if not campaigns.change(tx, id, values, call.now, only=[Phase.DRAFT]):
            raise Conflict("campaign_state", state=row["state"])
        house.note(tx, call.who, "campaign_saved", id, {}, call.now)
        return call.done(200, campaign(_row(tx, id), call.language))


@ROUTES("DELETE", "/v1/campaigns/{id}", "Throws a draft away", status=204, also={409: "It has begun"})
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = _row(tx, id)
        if not campaigns.remove(tx, id):
            raise Conflict("campaign_state", state=row["state"])
        house.note(tx, call.who, "campaign_removed", id, {}, call.now)
        return call.done(204, None)


@ROUTES("GET", "/v1/campaigns/{id}/rehearsal",
        "What would leave now, who would get nothing and why, the price, and how long it would take",
        gives="CampaignRehearsal")  # fmt: skip
def rehearsal(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _rehearsed(call, tx, _row(tx, id)))


@ROUTES("POST", "/v1/campaigns/{id}/send", "Sends it: now, or at its time. A second call changes nothing",
        gives="Campaign", dry_gives="CampaignRehearsal", also={409: "It was called off"})  # fmt: skip
def send(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = _locked(tx, id)
        if call.dry_run:
            return call.done(200, _rehearsed(call, tx, row))
        if (open_until := row["open_until"]) is not None and open_until <= call.now and row["state"] == Phase.DRAFT:
            raise BadInput("campaign_over_before", pointer="/open_until")
        campaigning.send(tx, row, call.who, call.now)
        return call.done(200, campaign(_row(tx, id), call.language))


@ROUTES("POST", "/v1/campaigns/{id}/pause", "Holds what has not left", gives="Campaign",
        also={409: "It is not at work"})  # fmt: skip
def pause(call: Call, id: str) -> Answer:
    with call.write() as tx:
        campaigning.pause(tx, _locked(tx, id), call.who, call.now)
        return call.done(200, campaign(_row(tx, id), call.language))


@ROUTES("POST", "/v1/campaigns/{id}/resume", "Goes on after a pause; after the first part, lets the rest follow",
        gives="Campaign", also={409: "It neither is paused nor waits"})  # fmt: skip
def resume(call: Call, id: str) -> Answer:
    with call.write() as tx:
        campaigning.resume(tx, _locked(tx, id), call.who, call.now)
        return call.done(200, campaign(_row(tx, id), call.language))


@ROUTES("POST", "/v1/campaigns/{id}/cancel", "Calls off what has not left", gives="Campaign",
        also={409: "It is a draft, or over"})  # fmt: skip
def cancel(call: Call, id: str) -> Answer:
    with call.write() as tx:
        campaigning.cancel(tx, _locked(tx, id), call.who, call.now)
        return call.done(200, campaign(_row(tx, id), call.language))


@ROUTES("GET", "/v1/campaigns/{id}/overlap",
        "Who of its people hears from us anyway around its time, because of what, and who has had as much as one may",
        query=Around(), gives="CampaignOverlap")  # fmt: skip
def overlap(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _overlap(call, tx, id).as_json())


@ROUTES("GET", "/v1/campaigns/{id}/overlap/people", "These people, and what each of them gets", query=AroundPeople(),
        gives="CampaignOverlapList")  # fmt: skip
def overlap_people(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        found = _overlap(call, tx, id)
        heard = found.those(asked["of"]) if asked.get("of") else list(found.heard)
        rows = [one for one in heard if one.number > asked.get("after", "")][: asked["limit"] + 1]
        names = overlapping.names_of(tx, rows)
    return Answer(200, page(rows, asked["limit"], lambda one: overlapping.person(one, names), lambda one: one.number))


def _overlap(call: Call, tx: Transaction, campaign_id: str) -> overlapping.Overlap:
    """Of a draft, of those who would get it; else of those who do."""
    row, days = _row(tx, campaign_id), call.query["days"]
    if row["state"] == Phase.DRAFT:
        return campaign_check.overlap(tx, row, call.now, days)
    return overlapping.after(tx, row, days)


@ROUTES("GET", "/v1/campaigns/{id}/people", "Everybody whom it means, and why some get nothing", query=People(),
        gives="CampaignPersonList")  # fmt: skip
def people(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        _row(tx, id)
        rows = campaigns.people(
            tx, id, state=asked.get("state"), reason=asked.get("reason"), after=asked.get("after"),
            limit=asked["limit"] + 1,
        )  # fmt: skip
    return Answer(200, page(rows, asked["limit"], lambda row: _person(row, call.language), _id))


def _row(tx: Transaction, campaign_id: str) -> Mapping[str, Any]:
    row = campaigns.row(tx, campaign_id)
    if row is None:
        raise NotFound("campaign")
    return row


def _locked(tx: Transaction, campaign_id: str) -> Mapping[str, Any]:
    """Its row, which nobody else changes before this transaction is over."""
    campaigns.alone(tx, campaign_id)
    return _row(tx, campaign_id)


# ---------------------------------------------------------------------------------------------- shown


def _person(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "to": row["number"],
        "state": row["state"],
        "variant": row["variant"],
        "step": row["step"],
        "reason": shown.reason(row["reason"], language),
        "message": row["message"],
        "at": shown.moment(row["at"]),
    }


def _rehearsed(call: Call, tx: Transaction, row: Mapping[str, Any], *, saved: bool = True) -> dict[str, Any]:
    said = campaign_check.rehearse(call.suite, tx, row, call.now).as_json(call.language)
    one = campaign(row, call.language)
    return {"campaign": one if saved else {**one, "id": None}, **said}


# ---------------------------------------------------------------------------------------------- read


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a change says: a text replaces all texts."""
    said = dict(body)
    if any(name in body for name in ("body", "template", "content")) and "variants" not in body:
        said["variants"] = None
    return said


def _stored(call: Call, tx: Transaction, body: Mapping[str, Any]) -> dict[str, Any]:
    """As its row has it. Raises `Several` or `BadInput` with JSON pointers."""
    ways = parse_ways(body["channels"])
    variants = _variants(tx, body)
    staged = body.get("staged")
    _whole(body)
    if body.get("winner") and (staged is None or len(variants) < 2):
        raise BadInput("campaign_winner_needs", pointer="/winner")
    at, wall, zone = _time(body)
    ends = body.get("open_until")
    return {
        "name": body["name"],
        "class": body["class"],
        "audience": _audience(tx, body["audience"]),
        "message": {
            "channels": [str(way.channel) for way in ways],
            "budgets": budgets(ways),
            "variants": variants,
            "sender": body.get("sender"),
            "shorten": body.get("shorten", True),
            "fallbacks": body.get("fallbacks") or {},
        },
        "send_at": at,
        "wall": wall,
        "zone": zone,
        "useful": int(_length(body.get("useful_for"), USEFUL).total_seconds()),
        "staged": _staged(body),
        "winner": body.get("winner"),
        "holdout": body.get("holdout", 0),
        "open_until": None if ends is None else given.moment(ends, None, "/open_until"),
    }


def _staged(body: Mapping[str, Any]) -> dict[str, Any] | None:
    staged = body.get("staged")
    return staged and {**_LIMITS, **staged, "after": _seconds(staged.get("after"))}


def _whole(body: Mapping[str, Any]) -> None:
    """A change may leave out what it does not change, but not halves of a thing. Raises `Several`."""
    wrong = [
        (f"{pointer}/{name}", Reason("field_required"))
        for pointer, part, names in (
            ("/staged", body.get("staged"), ("percent",)),
            *((f"/variants/{place}", one, ("name", "share")) for place, one in enumerate(body.get("variants") or ())),
        )
        if part is not None for name in names if part.get(name) is None
    ]  # fmt: skip
    if wrong:
        raise problems.Several(wrong)


def _length(text: str | None, without: timedelta) -> timedelta:
    return without if text is None else parse_duration(text).length


def _seconds(text: str | None) -> int | None:
    return None if text is None else int(_length(text, USEFUL).total_seconds())


def _audience(tx: Transaction, body: Mapping[str, Any]) -> dict[str, Any]:
    if "segment" in body:
        if segments.row(tx, body["segment"]) is None:
            raise BadInput("field_unknown_id", pointer="/audience/segment", text=body["segment"][:40])
        return {"segment": body["segment"]}
    if "conditions" in body:
        check(tx, parse(body["conditions"], "/audience/conditions"), "/audience/conditions")
        return {"conditions": body["conditions"]}
    whose = [
        recipient(one, body.get("country"), f"/audience/numbers/{place}").number
        for place, one in enumerate(body["numbers"])
    ]
    return {"numbers": list(dict.fromkeys(whose))}


def _variants(tx: Transaction, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    several = body.get("variants")
    given_ones = several or [{"name": "A", "share": 100, **{
        name: body.get(name) for name in ("body", "template", "content")}}]  # fmt: skip
    if (sum_of := sum(one["share"] for one in given_ones)) != 100:
        raise BadInput("campaign_shares", pointer="/variants", sum=sum_of)
    found: list[dict[str, Any]] = []
    for place, one in enumerate(given_ones):
        pointer = f"/variants/{place}" if several else ""
        if any(known["name"] == one["name"] for known in found):
            raise BadInput("campaign_names_twice", pointer=f"{pointer}/name", name=one["name"][:40])
        if (one.get("body") is None) == (one.get("template") is None):
            raise problems.Several([(f"{pointer}/body", Reason("field_body_or_template"))])
        if one.get("body") is not None:
            try:
                compile_template(one["body"])
            except BadInput as error:
                error.pointer = f"{pointer}/body"
                raise
        elif not rules.texts(tx).get(one["template"]):
            raise BadInput("unknown_template", pointer=f"{pointer}/template", text=one["template"][:80])
        content = checked(one["content"], f"{pointer}/content") if one.get("content") else None
        found.append({"name": one["name"], "share": one["share"], "body": one.get("body"),
                      "template": one.get("template"), "content": content})  # fmt: skip
    return found


def _time(body: Mapping[str, Any]) -> tuple[datetime | None, str | None, str | None]:
    """An instant, or a wall time of each person's own; and the zone."""
    at, zone = body.get("send_at"), body.get("zone")
    if zone == RECIPIENT:
        if at is None:
            return None, None, zone
        wall = at.replace(" ", "T").replace("t", "T")[:19]
        try:
            read = datetime.fromisoformat(wall)
        except ValueError as error:
            raise BadInput("moment_unreadable", pointer="/send_at", text=at[:40]) from error
        if wall != at.replace(" ", "T").replace("t", "T"):
            raise BadInput("campaign_time", pointer="/send_at")
        if not 1971 <= read.year <= 2200:
            raise BadInput("moment_unreadable", pointer="/send_at", text=at[:40])
        return None, read.isoformat(), zone
    there = given.zone(zone) if zone else None
    return (None if at is None else given.moment(at, there, "/send_at")), None, zone
