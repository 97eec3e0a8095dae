"""Workspaces, and the few values of the whole house: how far the clock is turned, when the engine last ticked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import insert, select, update

from core.domain.policy.consent import Standing
from core.domain.policy.decision import Policy
from core.domain.policy.week import Hours
from core.domain.text.links import Shortener
from core.ids import new_id
from core.storage import audit
from core.storage import tables as t
from core.storage.database import Glance, Transaction

DEFAULTS: Mapping[str, Any] = {
    "language": "fr",
    "zone": "Europe/Paris",
    "country": "FR",
    "people": "patient",
    "sender": None,
    "hours": None,
    "widened": False,
    "subdivision": None,
    "own_numbers": [],
    "health": True,
    "caps": [],
    "caps_raised": {},
    "frequency": {"day": 1, "week": 3},
    "late": {},
    "public_countries": None,
    "link_domain": None,
    "recovery_hours": 24,
    "second_factor": None,
}


def add_workspace(tx: Transaction, name: str, settings: Mapping[str, Any], now: datetime, *, test: bool = False) -> str:
    """A new company; its id."""
    workspace_id = new_id("wsp")
    tx.connection.execute(
        insert(t.workspaces).values(
            id=workspace_id,
            name=name,
            # Its links' codes are made with a key of its own: who sees some of them cannot guess another.
            settings={**DEFAULTS, "link_key": secrets.token_hex(32), **settings},
            test=test,
            created_at=now,
        )
    )
    return workspace_id


_WORKSPACE = "SELECT id, name, settings, test, created_at FROM workspaces WHERE id = ?"


def workspace(tx: Transaction, workspace_id: str) -> Mapping[str, Any] | None:
    """`{id, name, settings, test}`; settings complete."""
    found = tx.quick(_WORKSPACE, (workspace_id,))
    if not found:
        return None
    name, settings, test, created_at = found[0][1:]
    return {
        "id": workspace_id, "name": name, "settings": {**DEFAULTS, **orjson.loads(settings)}, "test": bool(test),
        "created_at": t.from_micros(created_at),
    }


def workspaces(tx: Transaction) -> list[Mapping[str, Any]]:
    """All of them, oldest first."""
    return [
        {**row, "settings": {**DEFAULTS, **row["settings"]}}
        for row in tx.rows(select(t.workspaces).order_by(t.workspaces.c.id))
    ]


def change_settings(tx: Transaction, changes: Mapping[str, Any]) -> None:
    """Writes this workspace's settings, others staying as they are."""
    tx.alone(f"settings:{tx.owned}")
    known = workspace(tx, tx.owned)
    settings = {**(known["settings"] if known else DEFAULTS), **changes}
    tx.connection.execute(update(t.workspaces).where(t.workspaces.c.id == tx.owned).values(settings=settings))


def rename(tx: Transaction, name: str) -> None:
    """Gives this workspace another name."""
    tx.connection.execute(update(t.workspaces).where(t.workspaces.c.id == tx.owned).values(name=name))


def policy(
    settings: Mapping[str, Any],
    standings: Mapping[str, Standing] | None = None,
    zones_declared: Mapping[str, str] | None = None,
    links: Shortener | None = None,
) -> Policy:
    """The policy that a workspace's settings describe, with what is known of the people in question."""
    settings = {**DEFAULTS, **settings}
    return Policy(
        zone=ZoneInfo(settings["zone"]),
        country=settings["country"],
        language=settings["language"],
        own_hours=Hours.read(settings["hours"]) if settings["hours"] else None,
        widened=settings["widened"],
        subdivision=settings["subdivision"],
        sender=settings["sender"],
        standings=standings or {},
        zones_declared=zones_declared or {},
        links=links,
        codes=codes_key(settings),
    )


def codes_key(settings: Mapping[str, Any]) -> bytes:
    """The key under which this workspace's discount codes are made."""
    return bytes.fromhex(settings.get("link_key") or "")


def shortener(tx: Transaction, settings: Mapping[str, Any]) -> Shortener | None:
    """How this workspace's addresses become short: on its own domain, or on the house's."""
    return shortener_of(settings, tx.public_url)


def shortener_of(settings: Mapping[str, Any], public_url: str) -> Shortener | None:
    """As `shortener`, where the settings are at hand."""
    base, key = settings.get("link_domain") or public_url, settings.get("link_key")
    return Shortener(base, bytes.fromhex(key)) if base and key else None


def value(tx: Transaction, name: str) -> Any:
    """A value of the whole house; None when it was never set."""
    return tx.connection.execute(select(t.house.c.value).where(t.house.c.name == name)).scalar()


def moment(tx: Transaction | Glance, name: str) -> datetime | None:
    """When that value was last set."""
    rows = tx.quick("SELECT at FROM house WHERE name = ?", (name,))
    return t.from_micros(rows[0][0]) if rows else None


def set_value(tx: Transaction, name: str, new: Any, now: datetime) -> None:
    tx.alone(f"house:{name}")
    done = tx.connection.execute(update(t.house).where(t.house.c.name == name).values(value=new, at=now))
    if not done.rowcount:
        tx.connection.execute(insert(t.house).values(name=name, value=new, at=now))


def note(tx: Transaction, who: str, what: str, on: str | None, detail: Mapping[str, Any], now: datetime) -> None:
    """Into the audit log: who did what, on which row. `detail` holds no number, text or secret."""
    audit.note(tx, who, what, on, detail, now)
