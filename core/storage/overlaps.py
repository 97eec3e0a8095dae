"""What people get, and got, around a time: by whom a campaign is not the only one to write to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_

from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction

_m = t.messages.c
WAITING, LEFT = ("scheduled", "held", "sending"), ("uncertain", "sent", "delivered", "read")


def around(
    tx: Transaction, numbers: Sequence[str], since: datetime, until: datetime, *, but: str, test: bool
) -> list[Mapping[str, Any]]:
    """Of these people (numbers in E.164): messages that left from `since` on or are due until `until`, except those of
    the campaign `but`, tests or none: `id`, `to`, `class`, `rule`, `campaign`, `state`, `due_at`, `left_at`."""
    found: list[Mapping[str, Any]] = []
    columns = (_m.id, _m.to, _m["class"], _m.rule, _m.campaign, _m.state, _m.due_at, _m.left_at)
    for some in chunks(sorted(set(numbers))):
        found += tx.rows(
            tx.mine(t.messages, *columns).where(
                _m.to.in_(some),
                _m.test.is_(test),
                or_(_m.campaign.is_(None), _m.campaign != but),
                or_(
                    and_(_m.state.in_(WAITING), _m.due_at <= until),
                    and_(_m.state.in_(LEFT), _m.left_at >= since),
                ),
            ).order_by(_m.due_at, _m.id)
        )  # fmt: skip
    return found


def planned_for(tx: Transaction, campaign: str, limit: int) -> list[tuple[str, datetime]]:
    """(number, when it is due or was) of the people to whom a campaign writes, in the order of their places."""
    p = t.campaign_people.c
    query = tx.mine(t.campaign_people, p.number, p.at).where(
        p.campaign == campaign, p.state == "planned", p.at.is_not(None)
    ).order_by(p.place, p.id).limit(limit)  # fmt: skip
    return [(row.number, row.at) for row in tx.connection.execute(query)]
