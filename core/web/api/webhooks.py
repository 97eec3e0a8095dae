"""`/v1/webhooks`: where customers' own programs hear what happened, signed as Standard Webhooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.engine import endpoints, shown
from core.storage import webhooks
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("webhooks")


@ROUTES("POST", "/v1/webhooks", "Adds an endpoint; its secret is shown this once", takes=given.Webhook(),
        gives="WebhookMade",
    secret=True, status=201)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    endpoints.check(call.suite, body["url"])
    with call.write() as tx:
        webhook_id, secret = endpoints.add(call.suite, tx, body["url"], body["events"], call.now, who=call.who)
        return call.done(201, {**_shown(call, endpoints.found(tx, webhook_id)), "secret": secret})


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
        return Answer(200, _shown(call, endpoints.found(tx, id)))


@ROUTES("PATCH", "/v1/webhooks/{id}", "Changes an endpoint; `active: true` ends a pause", takes=given.WebhookChange(),
        gives="Webhook", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    if "url" in call.body:
        endpoints.check(call.suite, call.body["url"])
    with call.write() as tx:
        endpoints.change(tx, id, call.body, call.now, who=call.who)
        return call.done(200, _shown(call, endpoints.found(tx, id)))


@ROUTES("DELETE", "/v1/webhooks/{id}", "Removes an endpoint and what waits for it", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        endpoints.remove(tx, id, call.now, who=call.who)
        return call.done(204, None)


@ROUTES("POST", "/v1/webhooks/{id}/secrets", "A new secret, shown this once; the older ones sign too until removed",
        gives="WebhookMade",
    secret=True, status=201)  # fmt: skip
def rotate(call: Call, id: str) -> Answer:
    with call.write() as tx:
        secret = endpoints.rotate(call.suite, tx, id, call.now, who=call.who)
        return call.done(201, {**_shown(call, endpoints.found(tx, id)), "secret": secret})


@ROUTES("DELETE", "/v1/webhooks/{id}/secrets", "Ends a rotation: only the newest secret signs from now on",
        gives="Webhook")  # fmt: skip
def end_rotation(call: Call, id: str) -> Answer:
    with call.write() as tx:
        endpoints.end_rotation(call.suite, tx, id, call.now, who=call.who)
        return call.done(200, _shown(call, endpoints.found(tx, id)))


@ROUTES("POST", "/v1/webhooks/{id}/test", "Sends the event `webhook.test`", gives="Webhook", status=202)
def test(call: Call, id: str) -> Answer:
    with call.write() as tx:
        endpoints.test(tx, id, call.now)
        return call.done(202, _shown(call, endpoints.found(tx, id)))


@ROUTES("GET", "/v1/webhooks/{id}/deliveries", "What was sent to an endpoint, newest first", query=given.Listed(),
        gives="DeliveryList")  # fmt: skip
def deliveries(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        endpoints.found(tx, id)
        rows = webhooks.deliveries(tx, id, after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: _delivery(row, call.language), _id))


@ROUTES("POST", "/v1/webhooks/{id}/deliveries/{delivery}/replay", "Sends a kept delivery again: same id, same body",
        gives="Delivery", status=202)  # fmt: skip
def replay(call: Call, id: str, delivery: str) -> Answer:
    with call.write() as tx:
        return call.done(202, _delivery(endpoints.again(tx, id, delivery, call.now), call.language))


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
        "answer": row["answer"],
        "trouble": shown.reason(row["trouble"], language),
        "due_at": shown.moment(row["due_at"]),
        "created_at": shown.moment(row["created_at"]),
        "delivered_at": shown.moment(row["delivered_at"]),
        "body": json.loads(row["body"]),
    }
