"""`/v1/verifications`: one-time codes. Whoever is not written to is answered like everybody else."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from core.domain.errors import NotFound
from core.domain.messages import Channel
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.text.price import Money
from core.engine import shown, verifying
from core.storage import ledger, verifications
from core.web import problems
from core.web.api import given
from core.web.api.messages import _id, _number, recipient
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("verifications")
_ORIGINS = [str(Origin.PUBLIC_FORM), str(Origin.AUTHENTICATED)]


class Wanted(given.Body):
    to = given.words(40, required=True, metadata={"description": "E.164, or a national number with `country`"})
    country = given.country(allow_none=True)
    origin = given.one_of(
        _ORIGINS,
        load_default=str(Origin.PUBLIC_FORM),
        metadata={"description": "`public_form` for what a stranger can set off: the narrower limits"},
    )
    ip = given.words(45, allow_none=True, metadata={"description": "The person's own address, for `public_form`"})
    channel = given.one_of(given.CHANNELS, load_default="sms")
    purpose = given.words(
        verifying.PURPOSE,
        least=0,
        allow_none=True,
        metadata={"description": "What the code is for: a new one ends that before it for the same purpose"},
    )
    language = given.words(5, least=2, allow_none=True, metadata={"description": "fr, en, es, it or de"})
    app = given.words(
        verifying.APP, allow_none=True, metadata={"description": "Whose code it is; without it the workspace's name"}
    )
    body = given.words(
        4000, allow_none=True, metadata={"description": "In place of our words: `code`, and perhaps `name`, `minutes`"}
    )
    template = given.words(80, allow_none=True, metadata={"description": "The key of a template that names `code`"})
    data = fields.Dict(keys=fields.String(), allow_none=True, validate=given._small)
    sender = given.words(16, allow_none=True)


class Typed(given.Body):
    code = given.words(
        40, required=True, metadata={"description": "As the person typed it; spaces and dashes do not count"}
    )


class Filter(given.Listed):
    to = given.words(40)


@ROUTES(
    "POST",
    "/v1/verifications",
    "Sends a one-time code of six digits, good for ten minutes; the answer does not tell whether it was let out",
    takes=Wanted(),
    gives="Verification",
    status=201,
    dry_gives="VerificationForeseen",
)
def create(call: Call) -> Answer:
    body = call.body
    if body.get("body") is not None and body.get("template") is not None:
        raise problems.Several([("/body", Reason("field_body_or_template"))])
    asked = verifying.Asked(
        recipient=recipient(body["to"], body.get("country")),
        origin=Origin(body["origin"]),
        ip=body.get("ip"),
        channel=Channel(body["channel"]),
        purpose=body.get("purpose") or "",
        language=body.get("language"),
        app=body.get("app"),
        body=body.get("body"),
        template=body.get("template"),
        data=body.get("data") or {},
        sender=body.get("sender"),
        test=call.key.test,
    )
    with call.write() as tx:
        started = verifying.begin(call.suite, tx, asked)
        said = _begun(started)
        return call.done(201, {**said, **_foreseen(started, call.language)} if call.dry_run else said)


@ROUTES(
    "POST",
    "/v1/verifications/{id}/check",
    "Tries a code: approved once, five tries. A dry run tells how it stands, and tries nothing",
    takes=Typed(),
    gives="VerificationChecked",
)
def check(call: Call, id: str) -> Answer:
    with call.write() as tx:
        if call.dry_run:
            row = verifications.get(tx, id)
            if row is None:
                raise NotFound("verification")
            state = verifying.state_of(row, call.now)
            state = "too_many" if state == "failed" else state
            left = max(verifying.MOST_TRIES - row["tries"], 0) if state == "pending" else 0
            return call.done(200, {"id": id, "state": state, "tries_left": left})
        done = verifying.check(call.suite, tx, id, call.body["code"])
        return call.done(200, {"id": done.id, "state": done.state, "tries_left": done.tries_left})


@ROUTES(
    "GET",
    "/v1/verifications",
    "Verifications, newest first, with what became of their messages",
    query=Filter(),
    gives="VerificationList",
)
def listed(call: Call) -> Answer:
    asked = call.query
    to = _number(asked["to"]) if asked.get("to") else None
    with call.read() as tx:
        rows = verifications.listed(tx, to=to, after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: _kept(row, call), _id))


@ROUTES("GET", "/v1/verifications/{id}", "A verification, with the truth about its message", gives="VerificationKept")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = verifications.get(tx, id)
    if row is None:
        raise NotFound("verification")
    return Answer(200, _kept(row, call))


def _begun(started: verifying.Started) -> dict[str, Any]:
    return {
        "id": started.id,
        "state": started.state,
        "to": started.to,
        "channel": str(started.channel),
        "purpose": started.purpose,
        "language": started.language,
        "created_at": shown.moment(started.created_at),
        "expires_at": shown.moment(started.expires_at),
        "tries_left": started.tries_left,
    }


def _foreseen(started: verifying.Started, language: str) -> dict[str, Any]:
    """For a dry run: what would happen, its price and its refusal."""
    draft = started.draft
    price = Money(draft.price_micros, draft.currency or "EUR") if draft.price_micros is not None else None
    return {
        "reason": shown.reason(draft.reason, language),
        "estimate": {
            "encoding": draft.encoding,
            "segments": draft.segments,
            "price": {"amount": price.amount, "currency": price.currency} if price else None,
        },
        "checks": shown.checks(ledger.checks_row(draft.checks), language),
    }


def _kept(row: Any, call: Call) -> dict[str, Any]:
    state = verifying.state_of(row, call.now)
    return {
        "id": row["id"],
        "state": state,
        "to": row["number"],
        "channel": row["channel"],
        "purpose": row["purpose"],
        "language": row["language"],
        "created_at": shown.moment(row["created_at"]),
        "expires_at": shown.moment(row["expires_at"]),
        "tries_left": max(verifying.MOST_TRIES - row["tries"], 0) if state == "pending" else 0,
        "origin": row["origin"],
        "message": row["message"],
        "reason": shown.reason(row["reason"], call.language),
        "checked_at": shown.moment(row["checked_at"]),
    }
