"""`/v1/webhooks`: where customers' own programs hear what happened, signed as Standard Webhooks."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

from core.domain.errors import BadInput, NotFound
from core.engine import notices, shown
from core.storage import house, webhooks
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("webhooks")
MOST_SECRETS = 3


@ROUTES("POST", "/v1/webhooks", "Adds an endpoint; its secret is shown this once", takes=given.Webhook(),
        gives="WebhookMade",
    secret=True, status=201)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    _check(call, body["url"])
    secret = _secret()
    with call.write() as tx:
        webhook_id = webhooks.add(tx, call.suite.vault, body["url"], body["events"], secret, call.now)
        house.note(tx, call.who, "webhook_added", webhook_id, {}, call.now)
        return call.done(201, {**_shown(call, _row(tx, webhook_id)), "secret": secret})


@ROUTES("GET", "/v1/webhooks", "Endpoints, oldest first", query=given.Listed(), gives="WebhookList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = webhooks.listed(tx)
    after = asked.get("after")
    rows = [row for row in rows if after is None or row["id"] > after][: asked["limit"] + 1]
    return Answer(200, page(rows, asked["limit"], lambda row: _shown(call, row), _id))


@ROUTES("GET", "/v1/webhooks/{id}", "An endpoint", gives="Webhook")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _shown(call, _row(tx, id)))


@ROUTES("PATCH", "/v1/webhooks/{id}", "Changes an endpoint; `active: true` ends a pause", takes=given.WebhookChange(),
        gives="Webhook", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = dict(call.body)
    if "url" in body:
        _check(call, body["url"])
    active = body.pop("active", None)
    if active is not None:
        body |= {"state": "active" if active else "paused", "failing_since": None, "trouble": None}
    with call.write() as tx:
        _row(tx, id)
        if body:
            webhooks.change(tx, id, **body)
            house.note(tx, call.who, "webhook_changed", id, {}, call.now)
        return call.done(200, _shown(call, _row(tx, id)))


@ROUTES("DELETE", "/v1/webhooks/{id}", "Removes an endpoint and what waits for it", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        webhooks.remove(tx, id)
        house.note(tx, call.who, "webhook_removed", id, {}, call.now)
        return call.done(204, None)


@ROUTES("POST", "/v1/webhooks/{id}/secrets", "A new secret, shown this once; the older ones sign too until removed",
        gives="WebhookMade",
    secret=True, status=201)  # fmt: skip
def rotate(call: Call, id: str) -> Answer:
    secret = _secret()
    with call.write() as tx:
        known = webhooks.secrets(call.suite.vault, _row(tx, id))
        webhooks.keep_secrets(tx, call.suite.vault, id, [secret, *known][:MOST_SECRETS])
        house.note(tx, call.who, "webhook_secret_added", id, {}, call.now)
        return call.done(201, {**_shown(call, _row(tx, id)), "secret": secret})


@ROUTES("DELETE", "/v1/webhooks/{id}/secrets", "Ends a rotation: only the newest secret signs from now on",
        gives="Webhook")  # fmt: skip
def end_rotation(call: Call, id: str) -> Answer:
    with call.write() as tx:
        known = webhooks.secrets(call.suite.vault, _row(tx, id))
        webhooks.keep_secrets(tx, call.suite.vault, id, known[:1])
        house.note(tx, call.who, "webhook_secrets_ended", id, {}, call.now)
        return call.done(200, _shown(call, _row(tx, id)))


@ROUTES("POST", "/v1/webhooks/{id}/test", "Sends the event `webhook.test`", gives="Webhook", status=202)
def test(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = _row(tx, id)
        notices.send_test(tx, id, call.now)
        return call.done(202, _shown(call, row))


@ROUTES("GET", "/v1/webhooks/{id}/deliveries", "What was sent to an endpoint, newest first", query=given.Listed(),
        gives="DeliveryList")  # fmt: skip
def deliveries(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        _row(tx, id)
        rows = webhooks.deliveries(tx, id, after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: _delivery(row, call.language), _id))


@ROUTES("POST", "/v1/webhooks/{id}/deliveries/{delivery}/replay", "Sends a kept delivery again: same id, same body",
        gives="Delivery", status=202)  # fmt: skip
def replay(call: Call, id: str, delivery: str) -> Answer:
    with call.write() as tx:
        _row(tx, id)
        row = webhooks.delivery(tx, id, delivery)
        if row is None:
            raise NotFound("delivery")
        webhooks.again(tx, delivery, call.now)
        return call.done(202, _delivery(webhooks.delivery(tx, id, delivery) or row, call.language))


def _check(call: Call, url: str) -> None:
    """The form and the literal address; what the name means is checked at each call, when it counts."""
    try:
        call.suite.guarded.check(url, resolved=False)
    except BadInput as error:
        error.pointer = "/url"
        raise


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _shown(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "url": row["url"],
        "events": row["events"],
        "state": row["state"],
        "secrets": len(webhooks.secrets(call.suite.vault, row)),
        "trouble": shown.reason(row["trouble"], call.language),
        "failing_since": shown.moment(row["failing_since"]),
        "created_at": shown.moment(row["created_at"]),
    }


def _delivery(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "event": row["event"],
        "state": row["state"],
        "tries": row["tries"],
        "status": row["status"],
        "trouble": shown.reason(row["trouble"], language),
        "due_at": shown.moment(row["due_at"]),
        "created_at": shown.moment(row["created_at"]),
        "delivered_at": shown.moment(row["delivered_at"]),
        "body": json.loads(row["body"]),
    }


def _row(tx: Transaction, webhook_id: str) -> Mapping[str, Any]:
    row = webhooks.get(tx, webhook_id)
    if row is None:
        raise NotFound("webhook")
    return row
