"""Développeurs, outgoing: the endpoints that hear what happened, and each delivery with its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, RelanceError
from core.engine import endpoints, recordings
from core.engine.notices import EVENTS
from core.storage import webhooks
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import may, page
from core.web.console.words import sentence

bp = Blueprint("developers_webhooks", __name__, url_prefix="/developers/webhooks")
TOLD = tuple(name for name in EVENTS if name != "webhook.test")
SHOWN = 30


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """All endpoints, and the form for another one."""
    return _shown()


@bp.post("")
@page(writes="admin", proven=True)
def add() -> ResponseReturnValue:
    """A new endpoint; its secret is in this answer and nowhere else."""
    suite = current_suite()
    url = request.form.get("url", "").strip()[:2000]
    try:
        events = _events()
        endpoints.check(suite, url)
        with suite.database.write(g.person.workspace) as tx:
            webhook_id, secret = endpoints.add(suite, tx, url, events, suite.now(), who=g.person.id)
    except BadInput as error:
        return _shown(error)
    return _one(webhook_id, once=secret)


@bp.get("/<webhook_id>")
@page()
def one(webhook_id: str) -> ResponseReturnValue:
    """An endpoint and what was sent to it."""
    return _one(webhook_id)


@bp.post("/<webhook_id>")
@page(writes="admin")
def change(webhook_id: str) -> ResponseReturnValue:
    """Another address, other events."""
    suite = current_suite()
    url = request.form.get("url", "").strip()[:2000]
    try:
        changes = {"url": url, "events": _events()}
        endpoints.check(suite, url)
        with suite.database.write(g.person.workspace) as tx:
            endpoints.change(tx, webhook_id, changes, suite.now(), who=g.person.id)
    except BadInput as error:
        return _one(webhook_id, error)
    return asked.back(f"/developers/webhooks/{webhook_id}", "good", "settings.saved")


@bp.post("/<webhook_id>/<verb>")
@page(writes="admin")
def act(webhook_id: str, verb: str) -> ResponseReturnValue:
    """pause, resume, test, rotate, end, remove."""
    suite, now, who = current_suite(), current_suite().now(), g.person.id
    secret = None
    with suite.database.write(g.person.workspace) as tx:
        if verb in ("pause", "resume"):
            endpoints.change(tx, webhook_id, {"active": verb == "resume"}, now, who=who)
        elif verb == "test":
            endpoints.test(tx, webhook_id, now)
        elif verb == "rotate":
            secret = endpoints.rotate(suite, tx, webhook_id, now, who=who)
        elif verb == "end":
            endpoints.end_rotation(suite, tx, webhook_id, now, who=who)
        elif verb == "remove":
            endpoints.remove(tx, webhook_id, now, who=who)
        else:
            raise BadInput("choice_unknown", pointer="/verb", text=verb[:20])
    suite.wake()
    if secret is not None:
        return _one(webhook_id, once=secret)
    to = "/developers/webhooks" + ("" if verb == "remove" else f"/{webhook_id}")
    return asked.back(to, "good", f"developers.did.{verb}")


@bp.post("/<webhook_id>/deliveries/<delivery_id>/again")
@page(writes="editor")
def again(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    """Sends a kept delivery once more."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        endpoints.again(tx, webhook_id, delivery_id, suite.now())
    suite.wake()
    return asked.back(f"/developers/webhooks/{webhook_id}", "good", "developers.did.again")


def _events() -> list[str]:
    """The events that were ticked; all of them, if that was chosen. Raises `BadInput`."""
    if request.form.get("which") == "all":
        return ["*"]
    chosen = [name for name in request.form.getlist("events") if name in TOLD]
    if not chosen:
        raise BadInput("no_event_chosen", pointer="/events")
    return chosen


def _shown(error: RelanceError | None = None) -> Any:
    with current_suite().database.read(g.person.workspace) as tx:
        rows = webhooks.listed(tx)
    answer = render_template(
        "developers_webhooks.html", rows=rows, events=TOLD, alerts=endpoints.ALERTS,
        alerting=asked.text("for") == "alerts", **_said(error),
    )  # fmt: skip
    return make_response(answer, 422 if error else 200)


def _one(webhook_id: str, error: RelanceError | None = None, once: str | None = None) -> Any:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = endpoints.found(tx, webhook_id)
        deliveries = webhooks.deliveries(tx, webhook_id, after=asked.text("after") or None, limit=SHOWN + 1)
        secrets = len(webhooks.secrets(suite.vault, row))
    answer = render_template(
        "developers_webhook.html",
        row=row,
        secrets=secrets,
        deliveries=[{**one, "said": _body(one)} for one in deliveries[:SHOWN]],
        further=deliveries[SHOWN - 1]["id"] if len(deliveries) > SHOWN else None,
        events=TOLD,
        alerts=endpoints.ALERTS,
        once=once,
        **_said(error),
    )
    return make_response(answer, 422 if error else 200)


def _said(error: RelanceError | None) -> dict[str, Any]:
    return {"wrong": sentence(error.reason) if error else None, "pointer": getattr(error, "pointer", "") or ""}


def _body(delivery: Mapping[str, Any]) -> str:
    """What was said, for people: indented, and without whom it is about for those who do not decide here."""
    body = delivery["body"] if may("admin") else recordings.masked_text(delivery["body"])
    return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
