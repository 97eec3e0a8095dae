"""The inbox: every authentic request as it came, so that nothing is lost and all can be replayed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, update

from core.contract import Inbound
from core.domain.reasons import Reason
from core.ids import new_id
from core.storage import tables as t
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_c = t.inbox.c
# A platform that names its deliveries means another one by another name, unless something on the way repeated it.
_NAMED = timedelta(minutes=10)


def seen(
    tx: Transaction, installation: str, request: Inbound, delivery: str | None, *, same_content: timedelta
) -> bool:
    """Whether this delivery was read before: by the platform's own id, or by the same content within `same_content`
    (ten minutes at most where there is such an id). Of two at the same moment, the second finds the first."""
    since = request.received_at - (min(same_content, _NAMED) if delivery else same_content)
    delivery = _named(delivery)
    digest = content_digest(request)
    tx.alone(f"inbox:{installation}:{delivery or digest}")
    place = (tx.owned, installation)
    asked = (*place, digest, t.micros(since))
    return bool(tx.quick(_SEEN_EITHER, (*place, delivery, *asked)) if delivery else tx.quick(_SEEN_CONTENT, asked))


_SEEN = "SELECT 1 FROM inbox WHERE workspace = ? AND installation = ? AND state = 'read' AND "
_SEEN_CONTENT = f"{_SEEN}digest = ? AND received_at >= ? LIMIT 1"
_SEEN_EITHER = f"{_SEEN}delivery = ? UNION ALL {_SEEN_CONTENT}"


def keep(
    tx: Transaction,
    request: Inbound,
    adapter: str,
    state: str,
    *,
    installation: str | None = None,
    account: str | None = None,
    source: str = "hook",
    delivery: str | None = None,
    trouble: Reason | None = None,
) -> str:
    """Keeps the raw request; its id. `state`: read, unreadable, unsupported, repeated."""
    inbox_id = new_id("inb")
    tx.connection.execute(
        _KEPT,
        {
            "id": inbox_id,
            "workspace": tx.owned,
            "installation": installation,
            "account": account,
            "adapter": adapter,
            "source": source,
            "received_at": request.received_at,
            "delivery": _named(delivery),
            "digest": content_digest(request),
            "request": request.written(),
            "state": state,
            "trouble": reason_row(trouble),
        },
    )
    return inbox_id


_KEPT = insert(t.inbox)


def get(tx: Transaction, inbox_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.inbox).where(_c.id == inbox_id))


def listed(
    tx: Transaction,
    *,
    state: str | None = None,
    installation: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[Mapping[str, Any]]:
    """Newest first."""
    query = tx.mine(t.inbox).order_by(_c.id.desc()).limit(limit)
    if state:
        query = query.where(_c.state == state)
    if installation:
        query = query.where(or_(_c.installation == installation, _c.account == installation))
    if after:
        query = query.where(_c.id < after)
    return tx.rows(query)


def replayed(tx: Transaction, inbox_id: str, state: str, trouble: Reason | None, now: datetime) -> None:
    """What reading it again gave."""
    tx.connection.execute(
        update(t.inbox)
        .where(_c.id == inbox_id, _c.workspace == tx.owned)
        .values(state=state, trouble=reason_row(trouble), replayed_at=now)
    )


def _named(delivery: str | None) -> str | None:
    return delivery and clean(delivery)[:200]


def content_digest(request: Inbound) -> str:
    """What makes two requests the same although their ids and moments differ."""
    said = f"{request.method} {request.url}\n".encode("utf-8", "surrogatepass") + request.body
    return hashlib.blake2b(said, digest_size=24).hexdigest()
