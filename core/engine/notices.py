"""What customers' own programs want to hear: outgoing webhooks, signed as Standard Webhooks, at least once."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

import orjson
import structlog
from standardwebhooks.webhooks import Webhook

from core.domain.errors import BadInput, NotNow
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.retries import next_delivery
from core.engine import shown
from core.engine.singly import singly
from core.storage import conversations, feedback, house, installations, ledger, outbox, webhooks
from core.storage.database import Transaction
from core.suite import Suite

LEASE = timedelta(minutes=1)
PAUSE_AFTER = timedelta(hours=28)
ANSWER = 500
"""How much of what an endpoint answers is kept, in bytes."""
EVENTS = (
    "message.sent",
    "message.delivered",
    "message.read",
    "message.failed",
    "message.uncertain",
    "message.expired",
    "message.suppressed",
    "message.cancelled",
    "reply.received",
    "link.clicked",
    "cap.reached",
    "campaign.waiting",
    "campaign.paused",
    "campaign.done",
    "survey.answered",
    "installation.silent",
    "installation.heard_again",
    "installation.reconnect",
    "account.held",
    "template.changed",
    "slot.freed",
    "slot.taken",
    "webhook.test",
)
_TOLD = frozenset(
    {
        State.SENT,
        State.DELIVERED,
        State.READ,
        State.FAILED,
        State.UNCERTAIN,
        State.EXPIRED,
        State.SUPPRESSED,
        State.CANCELLED,
    }
)
log = structlog.get_logger(__name__)


def messages_changed(tx: Transaction, changed: Sequence[tuple[str, str, State]], now: datetime) -> None:
    """(workspace, message, new state): queued for the endpoints that listen, in the same transaction."""
    told = [one for one in changed if one[2] in _TOLD]
    if not told:
        return
    listening = webhooks.listening(tx, sorted({workspace for workspace, _, _ in told}))
    wanted = [(workspace, message, state) for workspace, message, state in told if workspace in listening]
    if not wanted:
        return
    rows = outbox.by_ids(tx, [message for _, message, _ in wanted])
    deliveries = []
    for workspace, message, state in wanted:
        name = f"message.{state}"
        body = _body(name, shown.message(rows[message]), now)
        deliveries += [
            (workspace, endpoint["id"], name, body) for endpoint in listening[workspace] if _listens(endpoint, name)
        ]
    webhooks.queue(tx, deliveries, now)


def reply_came(tx: Transaction, reply_id: str, now: datetime) -> None:
    """A person wrote back."""
    endpoints = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    row = feedback.reply(tx, reply_id) if endpoints else None
    if row is not None:
        talk = conversations.of_number(tx, row["number"])
        body = _body("reply.received", {**shown.reply(row), "conversation": talk["id"] if talk else None}, now)
        webhooks.queue(
            tx,
            [
                (tx.owned, endpoint["id"], "reply.received", body)
                for endpoint in endpoints
                if _listens(endpoint, "reply.received")
            ],
            now,
        )


def link_clicked(tx: Transaction, link: Mapping[str, Any], message: Mapping[str, Any] | None, now: datetime) -> None:
    """A person followed a short link (its row); `message` is the row of the one that bore it."""
    endpoints = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    told = [one for one in endpoints if _listens(one, "link.clicked")]
    if not told:
        return
    said = {"link": link["id"], "code": link["code"], "name": link["name"], "target": link["target"],
            "at": shown.moment(now), "message": message["id"] if message else None}  # fmt: skip
    for name in ("to", "reference", "installation", "occasion", "rule", "campaign"):
        said[name] = message[name] if message else None
    body = _body("link.clicked", said, now)
    webhooks.queue(tx, [(tx.owned, one["id"], "link.clicked", body) for one in told], now)


def cap_reached(tx: Transaction, cap: str, reason: Reason, now: datetime) -> None:
    """Messages wait since a cap was reached; said once a day for each."""
    body = _body("cap.reached", {"cap": cap, "reason": reason.as_json()}, now)
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    told = [(tx.owned, one["id"], "cap.reached", body) for one in listening if _listens(one, "cap.reached")]
    webhooks.queue(tx, told, now)


def campaign_changed(
    tx: Transaction, event: str, row: Mapping[str, Any], reason: Reason | None, now: datetime
) -> None:
    """A campaign (its row) waits for a word after its first part, was paused, or is over."""
    said = {"campaign": row["id"], "name": row["name"], "state": str(row["state"])}
    body = _body(event, {**said, "reason": reason and reason.as_json()}, now)
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    webhooks.queue(tx, [(tx.owned, one["id"], event, body) for one in listening if _listens(one, event)], now)


def survey_answered(tx: Transaction, survey: Mapping[str, Any], said: Mapping[str, Any], now: datetime) -> None:
    """Somebody answered a question of a survey (its row)."""
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    told = [one for one in listening if _listens(one, "survey.answered")]
    if told:
        body = _body("survey.answered", {"survey": survey["id"], "name": survey["name"], **said}, now)
        webhooks.queue(tx, [(tx.owned, one["id"], "survey.answered", body) for one in told], now)


def installation_changed(
    tx: Transaction, event: str, row: installations.Row, reason: Reason | None, now: datetime
) -> None:
    """A connection fell silent, speaks again, or has to be connected anew by a person."""
    one = row.installation
    said = {"installation": one.id, "adapter": one.adapter, "name": one.name}
    body = _body(event, {**said, "heard_at": shown.moment(row.heard_at), "reason": reason and reason.as_json()}, now)
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    webhooks.queue(tx, [(tx.owned, one["id"], event, body) for one in listening if _listens(one, event)], now)


def account_held(tx: Transaction, account: str, reason: Reason, now: datetime) -> None:
    """Nothing leaves by a way out because of itself: its key, its credit."""
    body = _body("account.held", {"provider_account": account, "reason": reason.as_json()}, now)
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    webhooks.queue(tx, [(tx.owned, one["id"], "account.held", body) for one in listening
                        if _listens(one, "account.held")], now)  # fmt: skip


def template_changed(tx: Transaction, said: Mapping[str, Any], now: datetime) -> None:
    """A template that a provider approved cannot be sent any more, can again, or counts as advertising from now on."""
    body = _body("template.changed", dict(said), now)
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    told = [(tx.owned, one["id"], "template.changed", body) for one in listening if _listens(one, "template.changed")]
    webhooks.queue(tx, told, now)


def slot_changed(tx: Transaction, event: str, said: Mapping[str, Any], now: datetime) -> None:
    """A time became free, or somebody on the waiting list took it."""
    body = _body(event, dict(said), now)
    listening = webhooks.listening(tx, [tx.owned]).get(tx.owned, [])
    webhooks.queue(tx, [(tx.owned, one["id"], event, body) for one in listening if _listens(one, event)], now)


def send_test(tx: Transaction, webhook_id: str, now: datetime) -> None:
    """An event that says nothing, to see whether the endpoint answers."""
    webhooks.queue(tx, [(tx.owned, webhook_id, "webhook.test", _body("webhook.test", {}, now))], now)


def run_due(suite: Suite, over: Callable[[], bool] = lambda: False) -> int:
    """Sends what waits. `over`: begin no more, the process is about to end; their lease runs out. Returns how many
    deliveries were tried."""
    with suite.database.write() as tx:
        taken = webhooks.take(tx, suite.now(), LEASE)
    return singly(partial(_deliver, suite), takewhile(lambda _: not over(), taken))


def _deliver(suite: Suite, row: Any) -> None:
    now = suite.now()
    endpoint = {"id": row["webhook"], "workspace": row["workspace"], "secrets": row["secrets"]}
    keys = webhooks.secrets(suite.vault, endpoint)
    signatures = " ".join(Webhook(key).sign(row["id"], now, row["body"]) for key in keys)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": row["id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures,
    }
    status, answer, trouble = None, None, None
    try:
        said = suite.guarded.request("POST", row["url"], headers, row["body"].encode(), max_bytes=65_536)
        status, answer = said.status, said.body[:ANSWER].decode("utf-8", "replace")
    except (BadInput, NotNow) as error:
        trouble = error.reason
    done = status is not None and 200 <= status < 300
    if not done and trouble is None:
        trouble = Reason("endpoint_answered", {"status": status})
    tries = row["tries"] + 1
    again = None if done else next_delivery(tries, now, random.random())  # noqa: S311 - spreads load, guards nothing
    with suite.database.write(row["workspace"]) as tx:
        webhooks.delivered(
            tx,
            row["id"],
            "delivered" if done else "waiting" if again else "failed",
            status=status,
            trouble=trouble,
            due_at=again,
            now=now,
            answer=answer,
        )
        if done:
            webhooks.change(tx, row["webhook"], failing_since=None, trouble=None)
        elif status == 410 or (row["failing_since"] and now - row["failing_since"] > PAUSE_AFTER):
            webhooks.change(tx, row["webhook"], state="paused", trouble=ledger.reason_row(trouble))
            house.note(tx, "engine", "webhook_paused", row["webhook"], {}, now)
            log.warning("webhook endpoint paused", webhook=row["webhook"])
        elif row["failing_since"] is None:
            webhooks.change(tx, row["webhook"], failing_since=now, trouble=ledger.reason_row(trouble))


def _listens(endpoint: Any, name: str) -> bool:
    return "*" in endpoint["events"] or name in endpoint["events"]


def _body(name: str, data: dict[str, Any], now: datetime) -> str:
    return orjson.dumps({"type": name, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}).decode()
