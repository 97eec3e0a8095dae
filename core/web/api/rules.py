"""`/v1/rules`: for which kind of occasion, when, which text. A change is planned again before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.contract import Rewards
from core.domain.approved import WAITS
from core.domain.carts import CONDITIONS, conditions
from core.domain.channels import budgets, parse_ways
from core.domain.content import checked
from core.domain.discounts import Discount
from core.domain.errors import BadInput, NotFound
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.domain.reconciling import Cancel, Move, Schedule, Step
from core.domain.text.templates import compile_template
from core.engine import approving, scheduling, shown, surveying
from core.engine.scheduling import Difference
from core.storage import house, installations
from core.storage import rules as stored
from core.storage.database import Transaction
from core.suite import Suite
from core.web import problems
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("rules")
KNOWN = ("start", "end", "title", "name", "first_name", "location")
KNOWN_OF_CARTS = (
    "total", "currency", "link", "items", "number", "count", "code", "status", "language", "payment_link",
    "tracking_link", "tracking", "carrier",
)  # fmt: skip
_CARTS = ("cart", "order")
# Forms, requests and contacts bring whatever fields their platform has; only the two kinds with fixed words are held
# to them.
_STRICT = ("appointment", *_CARTS)


@ROUTES("POST", "/v1/rules", "Adds a rule; with ?dry_run=true answers the difference it would make",
        takes=given.Rule(), gives="Rule", status=201, dry_gives="RuleDifference")  # fmt: skip
def create(call: Call) -> Answer:
    values = stored_form(call.body)
    if values.get("class") is None:
        if values["on"] != "cart":
            raise problems.Several([("/class", Reason("field_required"))])
        values["class"] = str(MessageClass.MARKETING)
    with call.write() as tx:
        _asks(call, tx, values)
        check(call.suite, tx, values)
        fits_template(tx, values)
        rule_id = stored.add(tx, values, call.now)
        return _saved(call, tx, rule_id, 201)


@ROUTES("GET", "/v1/rules", "Rules, oldest first", query=given.Rules(), gives="RuleList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = stored.rows(tx, installation=asked.get("installation"))
    after = asked.get("after")
    rows = [row for row in rows if after is None or row["id"] > after]
    return Answer(200, page(rows[: asked["limit"] + 1], asked["limit"], shown.rule, _id))


@ROUTES("GET", "/v1/rules/{id}", "A rule", gives="Rule")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, shown.rule(_row(tx, id)))


@ROUTES("PATCH", "/v1/rules/{id}", "Changes a rule; what waits is planned again in the same step",
        takes=given.Rule(), gives="Rule", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    with call.write() as tx:
        known = _row(tx, id)
        changes = {name: value for name, value in stored_form(call.body, known).items() if name in FIELDS}
        if changes.get("body") and "template" not in changes:
            changes["template"] = None
        if changes.get("template") and "body" not in changes:
            changes["body"] = None
        if changes.get("survey"):
            changes |= {name: changes.get(name) for name in ("body", "template")}
        elif changes.get("body") or changes.get("template"):
            changes["survey"] = None
        values = {**{name: known[name] for name in FIELDS}, **changes}
        if changes.get("survey"):
            _asks(call, tx, values)
        check(call.suite, tx, values)
        if {"content", "channels", "class"} & set(changes):
            fits_template(tx, values)
        stored.change(tx, id, {name: values[name] for name in FIELDS})
        return _saved(call, tx, id, 200)


@ROUTES("DELETE", "/v1/rules/{id}", "Removes a rule and calls off what waits because of it", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        stored.change(tx, id, {"removed_at": call.now, "active": False})
        scheduling.replan_open(tx, call.now, scheduling.live_installations(tx))
        house.note(tx, call.who, "rule_removed", id, {}, call.now)
        return call.done(204, None)


FIELDS = (
    "installation",
    "name",
    "on",
    "class",
    "when",
    "until",
    "channels",
    "budgets",
    "content",
    "body",
    "template",
    "survey",
    "sender",
    "asks",
    "late",
    "only",
    "conditions",
    "active",
)


def stored_form(given: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As its row has it: the order of channels apart from the time of each, the content in its one form, conditions
    together. `known`: the row that is changed."""
    values = {name: value for name, value in given.items() if name not in CONDITIONS}
    if values_of := given.get("discount"):
        given = {**given, "discount": Discount.read(values_of).as_json()}
    if any(name in given for name in CONDITIONS):
        before = (known and known["conditions"]) or {}
        values["conditions"] = conditions({**before, **given}) or None
    if "channels" in values:
        ways = parse_ways(values["channels"])
        values |= {"channels": [str(way.channel) for way in ways], "budgets": budgets(ways)}
    if values.get("content") is not None:
        values["content"] = checked(values["content"])
    return values


def _saved(call: Call, tx: Transaction, rule_id: str, status: int) -> Answer:
    """Plans again, in the transaction of the change; a dry run shows what that would do instead."""
    row = _row(tx, rule_id)
    live = scheduling.live_installations(tx)
    rule: dict[str, Any] = shown.rule(row)
    if (why := _said_of_template(tx, row)) is not None:
        rule["warnings"] = [why.as_json(call.language)]
    if call.dry_run:
        made = scheduling.difference(tx, call.now, {}, live, installation=row["installation"])
        return call.done(status, {"rule": {**rule, "id": None}, "difference": as_json(made, call.language)})
    scheduling.replan_open(tx, call.now, live, installation=row["installation"])
    house.note(tx, call.who, "rule_saved", rule_id, {"version": row["version"]}, call.now)
    return call.done(status, rule)


def as_json(made: Difference, language: str) -> dict[str, Any]:
    """A difference as the API shows it: counts, and the first 200 steps."""
    return {
        "new": made.new,
        "moved": made.moved,
        "cancelled": made.cancelled,
        "unchanged": made.unchanged,
        "steps": [
            {
                "occasion": one.id,
                "title": one.values.get("title"),
                "start": shown.moment(one.start),
                **_step(step, language),
            }
            for one, step in made.steps
        ],
    }


def _step(step: Step, language: str) -> dict[str, Any]:
    if isinstance(step, Cancel):
        return {"step": "cancel", "message": step.known.id, "to": step.known.to, "text": step.known.text,
                "due_at": shown.moment(step.known.send_at), "reason": step.reason.as_json(language)}  # fmt: skip
    assert isinstance(step, Schedule | Move)
    send = step.send
    about = {"to": send.recipient.number, "text": send.text, "due_at": shown.moment(send.send_at)}
    if isinstance(step, Schedule):
        return {"step": "new", "message": None, **about, "reason": None}
    return {"step": "move", "message": step.known.id, **about, "reason": step.reason.as_json(language)}


def check(suite: Suite, tx: Transaction, values: Mapping[str, Any]) -> None:
    """What no single field tells. Raises `Several`, `NotFound` for another workspace's installation."""
    wrong: list[tuple[str, Reason]] = []
    said = values.get("conditions") or {}
    wrong += [(f"/{name}", Reason("only_for_carts")) for name in ("once_per_person", "control_group", "discount")
              if said.get(name) is not None and values["on"] != "cart"
              and not (name == "control_group" and values["on"] == "appointment")]  # fmt: skip
    if said.get("at_least") and values["on"] not in _CARTS:
        wrong.append(("/at_least", Reason("only_for_carts")))
    if (values.get("body") is None) == (values.get("template") is None):
        wrong.append(("/body", Reason("field_body_or_template")))
    if wrong:
        raise problems.Several(wrong)
    if values.get("installation") and not installations.is_there(tx, values["installation"]):
        raise BadInput("field_unknown_id", pointer="/installation", text=values["installation"][:40])
    if said.get("discount"):
        _rewards(suite, tx, values)
    if values.get("template"):
        texts = stored.texts(tx).get(values["template"])
        if not texts:
            raise BadInput("unknown_template", pointer="/template", text=values["template"][:80])
        for text in texts.values():
            _variables(values["on"], text, "/template")
    else:
        _variables(values["on"], str(values["body"]), "/body")


def _asks(call: Call, tx: Transaction, values: dict[str, Any]) -> None:
    """A rule that asks a survey says its first question, which stays as it is from now on. Raises `BadInput`, and
    `Conflict` for a survey that was stopped."""
    if values.get("survey") is None:
        return
    if values.get("body") is not None or values.get("template") is not None:
        raise BadInput("survey_rule_text", pointer="/survey")
    try:
        row = surveying.opened(tx, values["survey"], call.now)
    except NotFound as error:
        raise BadInput("field_unknown_id", pointer="/survey", text=values["survey"][:40]) from error
    values |= {"body": surveying.first_text(row), "asks": False, "sender": values.get("sender") or row["sender"]}


def fits_template(tx: Transaction, values: Mapping[str, Any]) -> None:
    """What a rule asks of an approved template must fit it; one that waits for its provider is only warned about.
    Raises `BadInput`."""
    why = _said_of_template(tx, values)
    if why is not None and why.code not in WAITS:
        raise BadInput(why.code, pointer="/content/whatsapp/template", **why.values)


def _said_of_template(tx: Transaction, values: Mapping[str, Any]) -> Reason | None:
    channels = tuple(Channel(name) for name in values.get("channels") or ())
    return approving.said_of(tx, values.get("content"), channels, MessageClass(values["class"]))


def _rewards(suite: Suite, tx: Transaction, values: Mapping[str, Any]) -> None:
    """A discount needs a shop that makes codes, and a text that says the code."""
    adapter = installations.adapter_of(tx, values["installation"]) if values.get("installation") else None
    if not isinstance(suite.adapters.get(adapter or ""), Rewards):
        raise BadInput("discount_not_here", pointer="/discount")
    texts = stored.texts(tx).get(values["template"], {}).values() if values.get("template") else [str(values["body"])]
    if not all("code" in compile_template(text).variables for text in texts):
        raise BadInput("discount_unsaid", pointer="/discount")


def _variables(kind: str, text: str, pointer: str) -> None:
    try:
        template = compile_template(text)
    except BadInput as error:
        error.pointer = pointer
        raise
    known = KNOWN + (KNOWN_OF_CARTS if kind in _CARTS else ())
    unknown = sorted(template.variables - set(known))
    if unknown and kind in _STRICT:
        raise BadInput("unknown_variables", pointer=pointer, unknown=", ".join(unknown), known=", ".join(known))


def _row(tx: Transaction, rule_id: str) -> Mapping[str, Any]:
    row = stored.row(tx, rule_id)
    if row is None:
        raise NotFound("rule")
    return row
