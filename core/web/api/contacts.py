"""`/v1/contacts`: people whose number the workspace keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.errors import BadInput, NotFound
from core.engine import scheduling, shown
from core.storage import people
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id, _number, recipient
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("contacts")


@ROUTES("POST", "/v1/contacts", "Adds a contact, or brings the one of that number up to date",
        takes=given.Contact(), gives="Contact", status=201)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    whose = recipient(body["number"], body.get("country"), "/number")
    values = _values(body)
    with call.write() as tx:
        contact_id = people.remember(tx, whose, values, call.now)
        _plan_again(call, tx, whose.number)
        return call.done(201, shown.contact(_row(tx, contact_id), call.language))


@ROUTES("GET", "/v1/contacts", "Contacts, newest first", query=given.Contacts(), gives="ContactList")
def listed(call: Call) -> Answer:
    asked = call.query
    number = _number(asked["number"]) if asked.get("number") else None
    with call.read() as tx:
        rows = people.contacts(
            tx, number=number, email=asked.get("email"), after=asked.get("after"), limit=asked["limit"] + 1
        )
    return Answer(200, page(rows, asked["limit"], lambda row: shown.contact(row, call.language), _id))


@ROUTES("GET", "/v1/contacts/{id}", "A contact", gives="Contact")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, shown.contact(_row(tx, id), call.language))


@ROUTES("PATCH", "/v1/contacts/{id}", "Changes what is known of a contact", takes=given.ContactChange(),
        gives="Contact", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    values = _values(call.body)
    with call.write() as tx:
        number = _row(tx, id)["number"]
        people.change_contact(tx, id, values)
        _plan_again(call, tx, number)
        return call.done(200, shown.contact(_row(tx, id), call.language))


@ROUTES("DELETE", "/v1/contacts/{id}", "Takes a contact off the list; what they stopped stays stopped", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        if not people.forget_contact(tx, id):
            raise NotFound("contact")
        return call.done(204, None)


def _values(body: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "first_name", "email", "language", "zone", "values")
    values = {name: body[name] for name in names if name in body}
    if values.get("zone"):
        given.zone(values["zone"])
    if values.get("email") and ("@" not in values["email"] or not values["email"].isprintable()):
        raise BadInput("field_wrong", pointer="/email", why="name@example.org")
    return values


def _row(tx: Transaction, contact_id: str) -> Mapping[str, Any]:
    row = people.contact(tx, contact_id)
    if row is None:
        raise NotFound("contact")
    return row


def _plan_again(call: Call, tx: Transaction, number: str) -> None:
    """A zone or a language that is known now may move what waits."""
    scheduling.replan_open(tx, call.now, scheduling.live_installations(tx), recipient=number)
