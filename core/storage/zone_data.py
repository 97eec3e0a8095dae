"""Which data of time zones the house's plans were made with, and what was moved when it changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from core.storage import house
from core.storage import tables as t
from core.storage.database import Transaction

_m = t.messages.c
NAME = "zone_data"


def known(tx: Transaction) -> Mapping[str, str] | None:
    """Zone → a sum of its data, as plans were last made; None when nobody has looked yet."""
    found: Mapping[str, str] | None = house.value(tx, NAME)
    return found


def keep(tx: Transaction, sums: Mapping[str, str], now: datetime) -> None:
    """Plans are made with these data from now on."""
    house.set_value(tx, NAME, dict(sums), now)


def by_hand(tx: Transaction, zones: Collection[str], now: datetime) -> list[str]:
    """Messages of programs and people that wait for a time on the clocks of these zones: that time was reckoned when
    they were made, and nobody knows any more what it was on the wall."""
    query = (
        tx.mine(t.messages, _m.id)
        .where(_m.state.in_(["scheduled", "held"]), _m.zone.in_(sorted(zones)), _m.rule.is_(None), _m.due_at > now)
        .order_by(_m.due_at)
        .limit(200)
    )
    return [row.id for row in tx.connection.execute(query)]


def changed(tx: Transaction) -> Mapping[str, Any] | None:
    """The last change that moved something in this workspace: `{zones, moved, by_hand}`."""
    found: Mapping[str, Any] | None = house.value(tx, f"zones:{tx.owned}")
    return found


def keep_changed(tx: Transaction, found: Mapping[str, Any], now: datetime) -> None:
    house.set_value(tx, f"zones:{tx.owned}", dict(found), now)
