"""`/v1/exports`: a list as a file, made in the background; what it holds is what the list's own route would show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from core.domain.errors import BadInput
from core.domain.reasons import Reason
from core.engine import conversing, exporting, shown
from core.storage import exported
from core.storage.database import Transaction
from core.web import problems
from core.web.api import given, links, messages, reading
from core.web.api.routing import Answer, Call, File, Routes, page

ROUTES = Routes("exports")


class Wanted(given.Body):
    what = given.one_of(sorted(exporting.KINDS), required=True)
    format = given.one_of(sorted(exporting.FORMATS), load_default=exporting.CSV, metadata={
        "description": "csv: for spreadsheets, in the words, separators and numbers of `language`; jsonl: the objects "
                       "of the API, one a line"})  # fmt: skip
    language = given.one_of(list(exporting.LANGUAGES), allow_none=True, load_default=None,
                            metadata={"description": "Without it, the workspace's"})  # fmt: skip
    filters = fields.Dict(keys=fields.String(), load_default=dict,
                          metadata={"description": "As the list's route takes them in its query"})  # fmt: skip


class Replies(given.Listed):
    number = given.words(40)
    waiting = fields.Boolean(load_default=False)


class SurveyAnswers(given.Listed):
    survey = given.words(40)
    question = fields.Integer(validate=validate.Range(1, 100))


@ROUTES("POST", "/v1/exports", "Asks for a file of messages, contacts, consents, occasions, links, replies, "
        "survey answers or conversations", takes=Wanted(), gives="Export", status=202,
        also={409: "Too many are being made already"})  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        filters = _filters(tx, body["what"], body["filters"])
        row = exporting.ask(tx, body["what"], body["format"], filters, call.now, language=body["language"],
                            who=call.who)  # fmt: skip
        return call.done(202, exporting.as_json(row, call.suite.public_url, call.language))


@ROUTES("GET", "/v1/exports", "Files that were asked for, newest first", query=given.Listed(), gives="ExportList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = exported.listed(tx, after=asked.get("after"), limit=asked["limit"] + 1)
    url = call.suite.public_url
    return Answer(200, page(rows, asked["limit"], lambda row: exporting.as_json(row, url, call.language), messages._id))


@ROUTES("GET", "/v1/exports/{id}", "How far a file is, and where it is to be had", gives="Export")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, exporting.as_json(exporting.known(tx, id), call.suite.public_url, call.language))


@ROUTES("GET", "/v1/exports/{id}/file", "The file itself, for the days that it is kept", gives="File",
        media=("text/csv", "application/x-ndjson"),
        also={409: "It is being made, or could not be", 410: "It was there, and is deleted"})  # fmt: skip
def download(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row, chunks = exporting.downloaded(call.suite, tx, id, who=call.who)
    return Answer(200, File(chunks, exporting.FORMATS[row["format"]], exporting.name_of(row), row["bytes"]))


@ROUTES("DELETE", "/v1/exports/{id}", "Deletes a file, or calls it off while it is made", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        exporting.remove(tx, id, call.now, who=call.who)
        return call.done(204, None)


# ---------------------------------------------------------------------------------------------- filters


def _filters(tx: Transaction, what: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The filters of a list's route as they are kept. A name that the route does not know is no reason to give
    everything away: it is refused. Raises `BadInput` with pointers below `/filters`."""
    schema, read = _LISTS[what]
    known = sorted(set(schema.fields) - {"limit", "after"})
    unknown = sorted(set(said) - set(known))
    if unknown:
        why = Reason("field_not_one_of", {"known": ", ".join(known)})
        raise problems.Several([("/filters/" + name.replace("~", "~0").replace("/", "~1"), why) for name in unknown])
    try:
        asked = read(tx, reading.loaded(schema, said))
    except problems.Several as error:
        raise problems.Several([(f"/filters{pointer}", reason) for pointer, reason in error.wrong]) from error
    except problems.Malformed as error:
        raise BadInput("field_wrong", pointer=f"/filters/{error.reason.values['name']}", why="/docs") from error
    return {name: value for name, value in asked.items() if value is not None and value is not False and value != []}


def _messages(_tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    wanted = messages.wanted(asked)
    names = ("to", "reference", "installation", "occasion", "campaign", "rule")
    return {"state": list(wanted.state), **{name: getattr(wanted, name) for name in names},
            "since": shown.moment(wanted.since), "until": shown.moment(wanted.until)}  # fmt: skip


def _contacts(_tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"number": _number(asked, "number"), "email": asked.get("email")}


def _consents(_tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"to": _number(asked, "to")}


def _occasions(_tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"installation": asked.get("installation"), "to": _number(asked, "to"), "open": asked["open"],
            "since": _moment(asked, "since"), "until": _moment(asked, "until")}  # fmt: skip


def _links(_tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": asked.get("message"), "own": asked["own"]}


def _replies(_tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"number": _number(asked, "number"), "waiting": asked["waiting"]}


def _conversations(tx: Transaction, asked: Mapping[str, Any]) -> dict[str, Any]:
    wanted = conversing.wanted(tx, asked)
    return {"state": list(wanted.state), "assigned": wanted.assigned, "channel": wanted.channel,
            "number": wanted.number, "digits": wanted.digits,
            # "Not unread" is a filter too.
            **({"unread": int(wanted.unread)} if wanted.unread is not None else {})}  # fmt: skip


def _number(asked: Mapping[str, Any], name: str) -> str | None:
    return messages._number(asked[name]) if asked.get(name) else None


def _moment(asked: Mapping[str, Any], name: str) -> str | None:
    found: datetime | None = messages._moment(asked, name)
    return shown.moment(found)


_LISTS: Mapping[str, tuple[Schema, Callable[[Transaction, Mapping[str, Any]], dict[str, Any]]]] = {
    "messages": (given.Messages(), _messages),
    "contacts": (given.Contacts(), _contacts),
    "consents": (given.Consents(), _consents),
    "occasions": (given.Occasions(), _occasions),
    "links": (links.Filter(), _links),
    "replies": (Replies(), _replies),
    "conversations": (given.Conversations(), _conversations),
    "survey_answers": (SurveyAnswers(), lambda _tx, asked: {name: asked.get(name) for name in ("survey", "question")}),
}
