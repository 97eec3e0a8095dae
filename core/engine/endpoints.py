"""Endpoints of customers' own programs: added, changed, given new secrets, tried, and told again what they missed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.domain.errors import BadInput, NotFound
from core.engine import notices
from core.storage import house, webhooks
from core.storage.database import Transaction
from core.suite import Suite

MOST_SECRETS = 3
ALERTS = (
    "cap.reached", "campaign.waiting", "campaign.paused", "installation.silent", "installation.reconnect",
    "account.held", "template.changed",
)  # fmt: skip
"""Events about which a person has to do something."""


def check(suite: Suite, url: str) -> None:
    """The form and the literal address; what the name means is checked at each call, when it counts. Raises
    `BadInput`, pointer `/url`."""
    try:
        suite.guarded.check(url, resolved=False)
    except BadInput as error:
        error.pointer = "/url"
        raise


def add(suite: Suite, tx: Transaction, url: str, events: Sequence[str], now: datetime, *, who: str) -> tuple[str, str]:
    """A new endpoint: its id, and its secret, which is shown this once."""
    secret = _secret()
    webhook_id = webhooks.add(tx, suite.vault, url, events, secret, now)
    house.note(tx, who, "webhook_added", webhook_id, {}, now)
    return webhook_id, secret


def change(tx: Transaction, webhook_id: str, changes: Mapping[str, Any], now: datetime, *, who: str) -> None:
    """`changes`: url, events, active (which ends a pause, or begins one). Raises `NotFound`."""
    found(tx, webhook_id)
    values = dict(changes)
    active = values.pop("active", None)
    if active is not None:
        values |= {"state": "active" if active else "paused", "failing_since": None, "trouble": None}
    if values:
        webhooks.change(tx, webhook_id, **values)
        house.note(tx, who, "webhook_changed", webhook_id, {}, now)


def remove(tx: Transaction, webhook_id: str, now: datetime, *, who: str) -> None:
    """With what waits for it. Raises `NotFound`."""
    found(tx, webhook_id)
    webhooks.remove(tx, webhook_id)
    house.note(tx, who, "webhook_removed", webhook_id, {}, now)


def rotate(suite: Suite, tx: Transaction, webhook_id: str, now: datetime, *, who: str) -> str:
    """A new secret, shown this once; the older ones sign too until `end_rotation`. Raises `NotFound`."""
    secret, known = _secret(), webhooks.secrets(suite.vault, found(tx, webhook_id))
    webhooks.keep_secrets(tx, suite.vault, webhook_id, [secret, *known][:MOST_SECRETS])
    house.note(tx, who, "webhook_secret_added", webhook_id, {}, now)
    return secret


def end_rotation(suite: Suite, tx: Transaction, webhook_id: str, now: datetime, *, who: str) -> None:
    """Only the newest secret signs from now on. Raises `NotFound`."""
    known = webhooks.secrets(suite.vault, found(tx, webhook_id))
    webhooks.keep_secrets(tx, suite.vault, webhook_id, known[:1])
    house.note(tx, who, "webhook_secrets_ended", webhook_id, {}, now)


def test(tx: Transaction, webhook_id: str, now: datetime) -> None:
    """Sends the event `webhook.test`. Raises `NotFound`."""
    found(tx, webhook_id)
    notices.send_test(tx, webhook_id, now)


def again(tx: Transaction, webhook_id: str, delivery_id: str, now: datetime) -> Mapping[str, Any]:
    """A kept delivery, sent once more: the same id, the same body. Its row. Raises `NotFound`."""
    found(tx, webhook_id)
    if webhooks.delivery(tx, webhook_id, delivery_id) is None:
        raise NotFound("delivery")
    webhooks.again(tx, delivery_id, now)
    row = webhooks.delivery(tx, webhook_id, delivery_id)
    if row is None:
        raise NotFound("delivery")
    return row


def found(tx: Transaction, webhook_id: str) -> Mapping[str, Any]:
    """Its row. Raises `NotFound`."""
    row = webhooks.get(tx, webhook_id)
    if row is None:
        raise NotFound("webhook")
    return row


def alerted(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some endpoint that is not paused hears of all that a person has to know."""
    return any(row["state"] == "active" and ("*" in row["events"] or set(ALERTS) <= set(row["events"]))
               for row in rows)  # fmt: skip


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
