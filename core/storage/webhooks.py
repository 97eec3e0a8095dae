"""Outgoing webhooks: the endpoints of a workspace, and each delivery to them, kept and repeatable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from core.domain.reasons import Reason
from core.ids import new_id, new_ids
from core.secrets import Undecryptable, Vault
from core.storage import tables as t
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_w, _d = t.webhooks.c, t.deliveries.c


def add(tx: Transaction, vault: Vault, url: str, events: Sequence[str], secret: str, now: datetime) -> str:
    """A new endpoint; its id. `events`: names, or ["*"] for all."""
    webhook_id = new_id("whk")
    tx.connection.execute(
        insert(t.webhooks).values(
            id=webhook_id,
            workspace=tx.owned,
            url=url,
            events=list(events),
            state="active",
            created_at=now,
            secrets=vault.seal({"secrets": [secret]}, workspace=tx.owned, owner=webhook_id, field="secrets"),
        )
    )
    return webhook_id


def secrets(vault: Vault, row: Mapping[str, Any]) -> list[str]:
    """The secrets of an endpoint, newest first: several while they rotate."""
    try:
        return list(vault.open(row["secrets"], workspace=row["workspace"], owner=row["id"], field="secrets")["secrets"])
    except Undecryptable:
        return []


def keep_secrets(tx: Transaction, vault: Vault, webhook_id: str, new: Sequence[str]) -> None:
    tx.connection.execute(
        update(t.webhooks)
        .where(_w.id == webhook_id, _w.workspace == tx.owned)
        .values(secrets=vault.seal({"secrets": list(new)}, workspace=tx.owned, owner=webhook_id, field="secrets"))
    )


def listed(tx: Transaction) -> list[Mapping[str, Any]]:
    return tx.rows(tx.mine(t.webhooks).where(_w.state != "removed").order_by(_w.id))


def get(tx: Transaction, webhook_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.webhooks).where(_w.id == webhook_id, _w.state != "removed"))


def change(tx: Transaction, webhook_id: str, **values: Any) -> None:
    tx.connection.execute(update(t.webhooks).where(_w.id == webhook_id, _w.workspace == tx.owned).values(**values))


def remove(tx: Transaction, webhook_id: str) -> None:
    change(tx, webhook_id, state="removed")
    tx.connection.execute(delete(t.deliveries).where(_d.webhook == webhook_id, _d.state == "waiting"))


_LISTENING = select(_w.id, _w.workspace, _w.events).where(
    _w.workspace.in_(bindparam("b_workspaces", expanding=True)), _w.state.in_(["active", "paused"])
)


def listening(tx: Transaction, workspaces: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """workspace → its active endpoints."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in tx.connection.execute(_LISTENING, {"b_workspaces": list(workspaces)}).mappings():
        found.setdefault(row["workspace"], []).append(dict(row))
    return found


def queue(tx: Transaction, deliveries: Sequence[tuple[str, str, str, str]], now: datetime) -> None:
    """(workspace, endpoint, event, body) of each delivery."""
    if deliveries:
        tx.connection.execute(
            insert(t.deliveries),
            [
                {
                    "id": delivery_id,
                    "workspace": workspace,
                    "webhook": webhook,
                    "event": event,
                    "body": body,
                    "state": "waiting",
                    "tries": 0,
                    "due_at": now,
                    "created_at": now,
                }
                for delivery_id, (workspace, webhook, event, body) in zip(
                    new_ids("dlv", len(deliveries)), deliveries, strict=True
                )
            ],
        )


def take(tx: Transaction, now: datetime, lease: timedelta, limit: int = 32) -> list[Mapping[str, Any]]:
    """Deliveries that are due to endpoints that are not paused, with the endpoint's address and secrets."""
    if not tx.any("deliveries", "state = 'waiting' AND due_at <= ?", t.micros(now)):
        return []
    due = (
        select(_d.id)
        .join(t.webhooks, _w.id == _d.webhook)
        .where(_d.state == "waiting", _d.due_at <= now, _w.state == "active")
        .order_by(_d.due_at)
        .limit(limit)
    )
    if not tx.is_sqlite:
        due = due.with_for_update(skip_locked=True, of=t.deliveries)
    ids = [row.id for row in tx.connection.execute(due)]
    if not ids:
        return []
    tx.connection.execute(update(t.deliveries).where(_d.id.in_(ids)).values(due_at=now + lease))
    return tx.rows(
        select(t.deliveries, _w.url, _w.secrets, _w.failing_since)
        .join(t.webhooks, _w.id == _d.webhook)
        .where(_d.id.in_(ids))
    )


def delivered(
    tx: Transaction,
    delivery_id: str,
    state: str,
    *,
    status: int | None,
    trouble: Reason | None,
    due_at: datetime | None,
    now: datetime,
    answer: str | None = None,
) -> None:
    """`state`: delivered | waiting (again at `due_at`) | failed. `answer`: how what the endpoint said begins."""
    values: dict[str, Any] = {
        "state": state, "status": status, "answer": answer and clean(answer), "trouble": reason_row(trouble),
        "tries": _d.tries + 1,
    }
    if due_at is not None:
        values["due_at"] = due_at
    if state == "delivered":
        values["delivered_at"] = now
    tx.connection.execute(update(t.deliveries).where(_d.id == delivery_id).values(**values))


def deliveries(
    tx: Transaction, webhook_id: str, *, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    query = tx.mine(t.deliveries).where(_d.webhook == webhook_id).order_by(_d.id.desc()).limit(limit)
    if after:
        query = query.where(_d.id < after)
    return tx.rows(query)


def again(tx: Transaction, delivery_id: str, now: datetime) -> bool:
    """Sends a kept delivery once more: the same id, the same body."""
    done = tx.connection.execute(
        update(t.deliveries)
        .where(_d.id == delivery_id, _d.workspace == tx.owned)
        .values(state="waiting", due_at=now, tries=0)
    )
    return bool(done.rowcount)


def delivery(tx: Transaction, webhook_id: str, delivery_id: str) -> Mapping[str, Any] | None:
    """One delivery to that endpoint."""
    return tx.row(tx.mine(t.deliveries).where(_d.id == delivery_id, _d.webhook == webhook_id))
