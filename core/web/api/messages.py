"""`/v1/messages`: one message, many at once, what became of them, and calling one off."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from core.domain.channels import budgets as said_budgets
from core.domain.channels import parse_ways
from core.domain.content import checked
from core.domain.errors import BadInput, Conflict, NotFound, RelanceError
from core.domain.messages import LEFT, Channel, MessageClass, State
from core.domain.policy.decision import Check
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.sentences import SENTENCES
from core.engine import explaining, notices, sending, shown
from core.storage import outbox
from core.storage.database import Transaction
from core.web import problems
from core.web.api import given
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("messages")
MOST_AT_ONCE = 10_000
MOST_BATCH_BODY = 16_000_000
_UNTOLD = frozenset(code for code in SENTENCES if code.startswith("pumping_"))
_FRENCH_MOBILE = re.compile(r"\+33[67]\d{8}\Z", re.ASCII)
_CLASSES = {str(one): one for one in MessageClass}
_CHANNELS = {str(one): one for one in Channel}
_SMS = (Channel.SMS,)
_NOTHING: Mapping[str, Any] = {}
_LIMITS = {"to": 40, "body": 4000, "template": 80, "reference": 140, "sender": 16, "language": 5, "zone": 60, "ip": 45}
_BOUNDS = tuple((name, 2 if name == "language" else 1, most) for name, most in _LIMITS.items())


@ROUTES(
    "POST",
    "/v1/messages",
    "Takes a message: it leaves at once, or at `send_at`, as the rules of its class allow",
    takes=given.Message(),
    gives="Message",
    status=201,
    reads_body_itself=True,
)
def create(call: Call) -> Answer:
    one = read(call.body, test=call.key.test)
    with call.write() as tx:
        draft = sending.drafts(tx, [one], call.now)[0]
        if isinstance(draft, BadInput):
            raise draft
        message_id = sending.accept(call.suite, tx, [draft])[0]
        notices.messages_changed(tx, [(call.workspace, message_id, draft.state)], call.now)
        return call.done(201, _as_accepted(message_id, draft, call))


@ROUTES(
    "POST",
    "/v1/messages/batch",
    "Takes up to 10,000 messages and answers a result for each, in order",
    takes=given.Batch(),
    gives="BatchResult",
    status=200,
    most=MOST_BATCH_BODY,
    reads_body_itself=True,
)
def batch(call: Call) -> Answer:
    wanted = call.body.get("messages")
    if not isinstance(wanted, list) or not wanted:
        raise problems.Several([("/messages", Reason("field_required"))])
    if len(wanted) > MOST_AT_ONCE:
        raise problems.Several([("/messages", Reason("field_too_long", {"most": MOST_AT_ONCE}))])
    with call.write() as tx:
        return call.done(200, {"results": _taken(call, tx, wanted)})


def _taken(call: Call, tx: Transaction, wanted: Sequence[Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any] | None] = [None] * len(wanted)
    good: list[sending.Wanted] = []
    places: list[int] = []
    test = call.key.test
    for place, one in enumerate(wanted):
        try:
            good.append(read(one, test=test))
            places.append(place)
        except RelanceError as error:
            results[place] = _refused(error, call.language)
    drafts = sending.drafts(tx, good, call.now)
    kept: list[tuple[int, outbox.New]] = []
    for place, draft in zip(places, drafts, strict=True):
        if isinstance(draft, BadInput):
            results[place] = _refused(draft, call.language)
        else:
            kept.append((place, draft))
    ids = sending.accept(call.suite, tx, [draft for _, draft in kept])
    told: dict[int, list[dict[str, Any]]] = {}
    for message_id, (place, draft) in zip(ids, kept, strict=True):
        results[place] = {"status": 201, "message": _as_accepted(message_id, draft, call, told)}
    ended = [
        (call.workspace, message_id, draft.state)
        for message_id, (_, draft) in zip(ids, kept, strict=True)
        if draft.state is not State.SCHEDULED
    ]
    notices.messages_changed(tx, ended, call.now)
    return [one for one in results if one is not None]


def _refused(error: RelanceError, language: str) -> dict[str, Any]:
    document = problems.as_problem(error, language)
    return {"status": document["status"], "error": document}


@ROUTES("GET", "/v1/messages", "Messages, newest first", query=given.Messages(), gives="MessageList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = outbox.listed(tx, wanted(asked), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: shown.message(row, call.language), _id))


def wanted(asked: Mapping[str, Any]) -> outbox.Filter:
    """The filters of a query. Raises `Malformed`."""
    states = tuple(asked["state"].split(",")) if asked.get("state") else ()
    if any(state not in given.STATES for state in states):
        raise problems.Malformed("query_wrong", name="state")
    return outbox.Filter(
        state=states,
        to=_number(asked["to"]) if asked.get("to") else None,
        reference=asked.get("reference"),
        installation=asked.get("installation"),
        campaign=asked.get("campaign"),
        occasion=asked.get("occasion"),
        rule=asked.get("rule"),
        since=_moment(asked, "since"),
        until=_moment(asked, "until"),
        after=asked.get("after"),
    )


@ROUTES("GET", "/v1/messages/{id}", "A message with its history", gives="MessageWithHistory")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, explaining.with_history(tx, id, call.language))


@ROUTES(
    "POST",
    "/v1/messages/{id}/cancel",
    "Calls off a message that still waits",
    gives="Message",
    also={409: "It has left, or ended otherwise"},
)
def cancel(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = outbox.get(tx, id)
        if row is None:
            raise NotFound("message")
        if row["state"] != State.CANCELLED:
            if not outbox.cancel(tx, id, Reason("cancelled_by_person"), call.now):
                raise Conflict("message_left" if State(row["state"]) in LEFT else "message_over", state=row["state"])
            notices.messages_changed(tx, [(call.workspace, id, State.CANCELLED)], call.now)
            row = outbox.get(tx, id) or row
        return call.done(200, shown.message(row, call.language))


# ---------------------------------------------------------------------------------------------- the hot path


def read(one: Any, *, test: bool) -> sending.Wanted:
    """A message as a program wrote it. Raises `Several` or `BadInput` with JSON pointers.

    By hand, because ten thousand of them come at once: a schema costs more than all the rest together.
    """
    if type(one) is not dict:
        raise BadInput("field_not_object", pointer="/")
    wrong: list[tuple[str, Reason]] = []
    texts: dict[str, str | None] = {}
    for name, least, most in _BOUNDS:
        value = one.get(name)
        good = value is None or (type(value) is str and least <= len(value) <= most)
        texts[name] = value if good else _text(value, name, most, wrong)
    message_class = _one(one.get("class"), wrong)
    channels, budgets = _channels(one["channels"], wrong) if "channels" in one else (_SMS, None)
    content = _content(one.get("content"), wrong)
    data = one.get("data")
    if data is None:
        data = {}
    elif type(data) is not dict or len(data) > 100:
        wrong.append(("/data", Reason("field_not_object")))
    if texts["to"] is None and one.get("to") is None:
        wrong.append(("/to", Reason("field_required")))
    if (texts["body"] is None) == (texts["template"] is None) and not any(
        pointer in ("/body", "/template") for pointer, _ in wrong
    ):
        wrong.append(("/body", Reason("field_body_or_template")))
    if wrong or message_class is None or texts["to"] is None:
        raise problems.Several(wrong)
    there = given.zone(texts["zone"]) if texts["zone"] else None
    return sending.Wanted(
        recipient=recipient(texts["to"], one.get("country")),
        message_class=message_class,
        body=texts["body"],
        template=texts["template"],
        data=data,
        channels=channels,
        budgets=budgets,
        content=content,
        send_at=_at(one.get("send_at"), there, "/send_at"),
        zone=texts["zone"],
        expires_at=_at(one.get("expires_at"), there, "/expires_at"),
        reference=texts["reference"],
        sender=texts["sender"],
        language=texts["language"],
        test=test,
        origin=_origin(one.get("origin")),
        ip=texts["ip"],
        shorten=_yes_or_no(one.get("shorten"), "/shorten"),
    )


def _yes_or_no(value: Any, pointer: str) -> bool | None:
    if value is not None and type(value) is not bool:
        raise BadInput("field_not_yes_or_no", pointer=pointer)
    return value


def _origin(value: Any) -> Origin | None:
    if value is None:
        return None
    if type(value) is not str or value not in tuple(Origin):
        raise BadInput("origin_unknown", pointer="/origin")
    return Origin(value)


def recipient(number: str, country: Any, pointer: str = "/to") -> Recipient:
    """Whom it goes to. Raises `BadInput` with a pointer."""
    if country is not None and (type(country) is not str or not given.COUNTRY.match(country)):
        raise BadInput("field_country", pointer=pointer.rpartition("/")[0] + "/country", text=str(country)[:10])
    if _FRENCH_MOBILE.match(number):
        return Recipient(number, "FR", Line.MOBILE)
    try:
        return _parsed(number, country)
    except BadInput as error:
        error.pointer = pointer
        raise


@lru_cache(maxsize=8192)
def _parsed(number: str, country: str | None) -> Recipient:
    return Recipient.parse(number, country)


def _text(value: Any, name: str, most: int, wrong: list[tuple[str, Reason]]) -> str | None:
    if value is None:
        return None
    if type(value) is not str:
        wrong.append((f"/{name}", Reason("field_not_text")))
    elif not value:
        wrong.append((f"/{name}", Reason("field_empty")))
    elif len(value) > most:
        wrong.append((f"/{name}", Reason("field_too_long", {"most": most})))
    elif name == "language" and len(value) < 2:
        wrong.append(("/language", Reason("field_wrong", {"why": "fr, en, …"})))
    else:
        return value
    return None


def _one(value: Any, wrong: list[tuple[str, Reason]]) -> MessageClass | None:
    found = _CLASSES.get(value) if type(value) is str else None
    if found is None:
        code = "field_required" if value is None else "field_not_one_of"
        wrong.append(("/class", Reason(code, {"known": ", ".join(_CLASSES)})))
    return found


def _channels(
    value: Any, wrong: list[tuple[str, Reason]]
) -> tuple[tuple[Channel, ...], Mapping[str, int] | None]:
    if type(value) is list and any(type(one) is dict for one in value):
        try:
            ways = parse_ways(value)
        except BadInput as error:
            wrong.append((error.pointer, error.reason))
            return _SMS, None
        return tuple(way.channel for way in ways), said_budgets(ways)
    good = type(value) is list and 0 < len(value) <= len(_CHANNELS)
    if not good or any(type(name) is not str or name not in _CHANNELS for name in value):
        wrong.append(("/channels", Reason("field_not_one_of", {"known": ", ".join(_CHANNELS)})))
        return _SMS, None
    return tuple(dict.fromkeys(_CHANNELS[name] for name in value)), None


def _content(value: Any, wrong: list[tuple[str, Reason]]) -> Mapping[str, Any]:
    if value is None:
        return _NOTHING
    try:
        return checked(value)
    except BadInput as error:
        wrong.append((error.pointer, error.reason))
        return _NOTHING


def _at(value: Any, there: Any, pointer: str) -> datetime | None:
    if value is None:
        return None
    if type(value) is not str:
        raise BadInput("moment_unreadable", pointer=pointer, text=str(value)[:40])
    return given.moment(value, there, pointer)


def _as_accepted(
    message_id: str, draft: outbox.New, call: Call, told_checks: dict[int, list[dict[str, Any]]] | None = None
) -> dict[str, Any]:
    """The message that was just stored, without asking the database for it again.

    What the guard of public forms refused looks like any other: whoever asked may be a robot that reads this. The
    stored message, and a dry run, say what it was.
    """
    if draft.reason is not None and draft.reason.code in _UNTOLD and not call.dry_run:
        told = tuple(one for one in draft.checks if one.result != "refused")
        draft = replace(draft, state=State.SCHEDULED, reason=None, checks=(*told, Check("origin", "passed")))
        told_checks = None  # These checks are this answer's alone.
    return shown.accepted(message_id, draft, call.now, call.language, told_checks)


# ---------------------------------------------------------------------------------------------- queries


def _number(text: str) -> str:
    """`+33…` in a query is often sent as a space."""
    return "+" + text.strip() if text.startswith(" ") else text


def _moment(asked: Mapping[str, Any], name: str) -> datetime | None:
    if not asked.get(name):
        return None
    # A "+" that was not escaped came as a space.
    written = re.sub(r" (\d\d:\d\d)\Z", r"+\1", asked[name])
    try:
        return given.moment(written, None, f"/{name}")
    except BadInput as error:
        raise problems.Malformed("query_wrong", name=name) from error


def _id(row: Mapping[str, Any]) -> str:
    return str(row["id"])
