"""Installations: connected accounts of platforms, their secrets, their cursors, and when to ask them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, insert, or_, select, update

from core.contract import Configured, Installation
from core.domain.errors import from_reason
from core.domain.reasons import Reason
from core.ids import new_id
from core.secrets import Undecryptable, Vault
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_c = t.installations.c


@dataclass(frozen=True, slots=True)
class Row:
    """An installation and what core keeps about it. `state`: connected, reconnect, paused, disconnected."""

    installation: Installation
    state: str
    mode: str
    account: str | None
    cursor: str | None
    token_expires_at: datetime | None
    grant_expires_at: datetime | None
    next_pull_at: datetime | None
    pulled_at: datetime | None
    changed_at: datetime | None
    trouble: Reason | None
    problems: tuple[Reason, ...]
    failures: int
    live_since: datetime | None
    created_at: datetime
    control_group: int | None = None
    """Percent of people who are left out of nudging; None: the default."""
    heard_at: datetime | None = None
    """When it last spoke to us by itself."""
    rhythm: Mapping[str, int] = field(default_factory=dict)
    """See `core.domain.silence`."""
    missed_since: datetime | None = None
    """What `heard_at` was when people were told that it is silent."""


def add(
    tx: Transaction,
    vault: Vault,
    adapter: str,
    name: str,
    configured: Configured,
    now: datetime,
    *,
    zone: str,
    country: str,
    token_expires_at: datetime | None = None,
    grant_expires_at: datetime | None = None,
    pulls: bool = True,
) -> str:
    """A new installation, in rehearsal: nothing leaves before a person has seen what would leave."""
    installation_id = new_id("ins")
    tx.connection.execute(
        insert(t.installations).values(
            id=installation_id,
            workspace=tx.owned,
            adapter=adapter,
            name=name,
            state="connected",
            mode="rehearsal",
            account=configured.account,
            config=dict(configured.config),
            memory={},
            learnt={},
            secrets=vault.seal(configured.secrets, workspace=tx.owned, owner=installation_id, field="secrets"),
            zone=configured.zone or zone,
            country=configured.country or country,
            token_expires_at=token_expires_at,
            grant_expires_at=grant_expires_at,
            next_pull_at=now if pulls else None,
            maintain_at=now,
            created_at=now,
        )
    )
    return installation_id


def get(tx: Transaction, vault: Vault, installation_id: str, public_url: str) -> Row | None:
    of_mine = _ONE if tx.workspace is None else _ONE_OF_MINE
    row = tx.row(of_mine, {"b_id": installation_id, "b_workspace": tx.workspace})
    return _row(tx, row, vault, public_url) if row else None


# Built once: asked with every request of a platform.
_ONE = select(t.installations).where(_c.id == bindparam("b_id"))
_ONE_OF_MINE = _ONE.where(_c.workspace == bindparam("b_workspace"))


def is_there(tx: Transaction, installation_id: str) -> bool:
    """Whether this workspace has it, connected or waiting for a person."""
    found = tx.mine(t.installations, _c.id).where(_c.id == installation_id, _c.state != "disconnected")
    return tx.row(found) is not None


def learnt(tx: Transaction, installation_id: str) -> Mapping[str, Any]:
    """The corrections that people made (fingerprint → E.164)."""
    return tx.connection.execute(tx.mine(t.installations, _c.learnt).where(_c.id == installation_id)).scalar() or {}


def listed(tx: Transaction, vault: Vault, public_url: str) -> list[Row]:
    rows = tx.rows(tx.mine(t.installations).where(_c.state != "disconnected").order_by(_c.id))
    return [_row(tx, row, vault, public_url) for row in rows]


def of_adapter(tx: Transaction, vault: Vault, public_url: str, adapter: str) -> list[Row]:
    """Those of a platform that are connected, or wait for a person; in a transaction of the house of all workspaces."""
    there = tx.mine(t.installations).where(_c.adapter == adapter, _c.state != "disconnected").order_by(_c.id)
    return [_row(tx, row, vault, public_url) for row in tx.rows(there)]


def by_account(tx: Transaction, adapter: str, account: str) -> tuple[str, str] | None:
    """(installation, workspace) of the connected outside account, in whatever workspace it is."""
    row = tx.connection.execute(
        select(_c.id, _c.workspace).where(_c.adapter == adapter, _c.account == account, _c.state != "disconnected")
    ).first()
    return (row.id, row.workspace) if row else None


def parted(tx: Transaction, adapter: str, account: str) -> list[str]:
    """The connections of the outside account that have ended, in whatever workspace: what they brought may still have
    to be erased."""
    rows = tx.connection.execute(
        select(_c.id).where(_c.adapter == adapter, _c.account == account, _c.state == "disconnected").order_by(_c.id)
    )
    return [row.id for row in rows]


def workspace_of(tx: Transaction, installation_id: str) -> str | None:
    """Whose it is: for requests that name only the installation."""
    return tx.connection.execute(select(_c.workspace).where(_c.id == installation_id)).scalar()


def adapter_of(tx: Transaction, installation_id: str) -> str | None:
    """Which adapter's it is: cheaper than all of it."""
    return tx.connection.execute(tx.mine(t.installations, _c.adapter).where(_c.id == installation_id)).scalar()


def connected(tx: Transaction) -> list[tuple[str, str]]:
    """(installation, adapter) of all that are connected, or wait for a person to connect them again."""
    query = tx.mine(t.installations, _c.id, _c.adapter).where(_c.state != "disconnected").order_by(_c.id)
    return [(row.id, row.adapter) for row in tx.connection.execute(query)]


def change(tx: Transaction, installation_id: str, **values: Any) -> None:
    """Writes plain columns (name, mode, state, config, memory, learnt, zone, …)."""
    tx.connection.execute(
        update(t.installations).where(_c.id == installation_id, _c.workspace == tx.owned).values(**values)
    )


def hold(tx: Transaction, installation_id: str) -> bool:
    """Until the end of the transaction nobody else changes it: for whoever writes what depends on what it reads.
    Whether it is there. (SQLite: nobody else writes at all.) Whoever plans as well does that before."""
    # As an UPDATE would lock it: whoever only refers to the row does not wait.
    held = tx.row(tx.mine(t.installations, _c.id).where(_c.id == installation_id).with_for_update(key_share=True))
    return held is not None


def remember(tx: Transaction, installation_id: str, asked: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Takes over what `said` changes of the memory as it was when the adapter was `asked`, name by name. What somebody
    else has kept meanwhile stays: a pull, the set-up over there and a request may all be under way at once."""
    hold(tx, installation_id)
    row = tx.row(tx.mine(t.installations, _c.memory).where(_c.id == installation_id))
    if row is None:
        return
    kept = {name: value for name, value in row["memory"].items() if name in said or name not in asked}
    news = {name: value for name, value in said.items() if name not in asked or asked[name] != value}
    change(tx, installation_id, memory={**kept, **news})


def keep_secrets(
    tx: Transaction, vault: Vault, installation_id: str, secrets: Mapping[str, Any], **values: Any
) -> None:
    """Replaces the secrets; `values` are plain columns of the same row (token_expires_at, state)."""
    change(
        tx,
        installation_id,
        secrets=vault.seal(secrets, workspace=tx.owned, owner=installation_id, field="secrets"),
        **values,
    )


def in_trouble(
    tx: Transaction,
    installation_id: str,
    reason: Reason,
    *,
    state: str | None = None,
    next_pull_at: datetime | None = None,
) -> None:
    """Something is wrong over there. `state` "reconnect" stops everything until a person acts."""
    values: dict[str, Any] = {
        "trouble": reason_row(reason),
        "failures": _c.failures + 1,
        "pull_lease_until": None,
        "next_pull_at": next_pull_at,
    }
    if state:
        values["state"] = state
    # A pull that fails after a person has disconnected it must not bring it back to life.
    tx.connection.execute(
        update(t.installations)
        .where(_c.id == installation_id, _c.workspace == tx.owned, _c.state != "disconnected")
        .values(**values)
    )


def heard(tx: Transaction, installation_id: str, now: datetime, rhythm: Mapping[str, int], *, over: bool) -> None:
    """It spoke to us by itself. `over`: that it was silent is its trouble, and is not any more."""
    change(
        tx, installation_id, heard_at=now, rhythm=dict(rhythm), missed_since=None, **({"trouble": None} if over else {})
    )


def speaking(tx: Transaction) -> list[tuple[str, str, str, datetime, Mapping[str, int]]]:
    """(installation, workspace, zone, last heard, rhythm) of those that speak by themselves and are in no trouble."""
    query = select(_c.id, _c.workspace, _c.zone, _c.heard_at, _c.rhythm).where(
        _c.state == "connected", _c.heard_at.is_not(None), _c.trouble.is_(None)
    )
    return [(row.id, row.workspace, row.zone, row.heard_at, row.rhythm or {}) for row in tx.connection.execute(query)]


def fell_silent(tx: Transaction, installation_id: str, since: datetime, reason: Reason) -> bool:
    """Marks it as missed, unless it spoke meanwhile. Whether people are to be told: once of each silence, though a pull
    that went well may have wiped the mark."""
    here = (_c.id == installation_id, _c.heard_at == since, _c.state == "connected")
    values = {"trouble": reason_row(reason), "missed_since": since}
    new = or_(_c.missed_since.is_(None), _c.missed_since != since)
    if tx.connection.execute(update(t.installations).where(*here, new).values(values)).rowcount:
        return True
    tx.connection.execute(update(t.installations).where(*here, _c.trouble.is_(None)).values(values))
    return False


def due(
    tx: Transaction, now: datetime, lease: timedelta, limit: int = 20, *, but: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """(installation, workspace) of those to pull now, but for some, each taken by one puller until the lease ends."""
    if not tx.any("installations", "next_pull_at <= ? AND state = 'connected'", t.micros(now)):
        return []
    chosen = (
        select(_c.id)
        .where(
            _c.next_pull_at <= now,
            _c.state == "connected",
            _c.id.not_in(but),
            or_(_c.pull_lease_until.is_(None), _c.pull_lease_until <= now),
        )
        .order_by(_c.next_pull_at)
        .limit(limit)
    )
    rows = tx.connection.execute(
        update(t.installations)
        .where(_c.id.in_(tx.chosen(chosen)))
        .values(pull_lease_until=now + lease)
        .returning(_c.id, _c.workspace)
    ).all()
    return [(row.id, row.workspace) for row in rows]


def take(tx: Transaction, installation_id: str, now: datetime, lease: timedelta) -> bool:
    """Takes one installation for a pull at once; False while somebody else pulls it."""
    done = tx.connection.execute(
        update(t.installations)
        .where(
            _c.id == installation_id,
            _c.workspace == tx.owned,
            or_(_c.pull_lease_until.is_(None), _c.pull_lease_until <= now),
        )
        .values(pull_lease_until=now + lease)
    )
    return bool(done.rowcount)


def wake(tx: Transaction, installation_id: str, now: datetime) -> None:
    """Something changed over there: pull as soon as may be. What is being pulled now is pulled once more."""
    tx.connection.execute(
        update(t.installations)
        .where(_c.id == installation_id, _c.workspace == tx.owned, _c.state == "connected")
        .values(next_pull_at=now, changed_at=now)
    )


def to_maintain(tx: Transaction, now: datetime, limit: int = 20) -> list[tuple[str, str]]:
    """(installation, workspace) whose set-up over there is to be looked after now; put off by ten minutes meanwhile.
    One that was disconnected is among them while it is not taken down yet."""
    chosen = select(_c.id).where(_c.maintain_at <= now, _c.state.in_(("connected", "disconnected"))).limit(limit)
    rows = tx.connection.execute(
        update(t.installations)
        .where(_c.id.in_(tx.chosen(chosen)))
        .values(maintain_at=now + timedelta(minutes=10))
        .returning(_c.id, _c.workspace)
    ).all()
    return [(row.id, row.workspace) for row in rows]


def standing(tx: Transaction, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """installation → its state and its adapter, for a batch of messages that leaves."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    query = select(_c.id, _c.state, _c.adapter).where(_c.id.in_(wanted))
    return {row.id: (row.state, row.adapter) for row in tx.connection.execute(query)}


def seize(tx: Transaction, name: str, owner: str, now: datetime, lease: timedelta) -> bool:
    """Takes the named lease if it is free (one refresh of a token at a time, on any number of machines)."""
    c = t.leases.c
    tx.alone(f"lease:{name}")
    tx.connection.execute(delete(t.leases).where(c.name == name, or_(c.until <= now, c.owner == owner)))
    taken = tx.connection.execute(select(c.owner).where(c.name == name)).scalar()
    if taken is not None:
        return False
    tx.connection.execute(insert(t.leases).values(name=name, owner=owner, until=now + lease))
    return True


def let_go(tx: Transaction, name: str, owner: str) -> None:
    tx.connection.execute(delete(t.leases).where(t.leases.c.name == name, t.leases.c.owner == owner))


def _row(tx: Transaction, row: Mapping[str, Any], vault: Vault, public_url: str) -> Row:
    trouble, state = row["trouble"] and from_reason(row["trouble"]), row["state"]
    try:
        secrets = (
            vault.open(row["secrets"], workspace=row["workspace"], owner=row["id"], field="secrets")
            if row["secrets"]
            else {}
        )
    except Undecryptable:
        secrets, trouble, state = {}, Reason("secrets_unreadable"), "reconnect"
    [(said, has_contacts)] = tx.quick(_BESIDE, (row["workspace"],)) or [("{}", False)]
    settings = orjson.loads(said)
    return Row(
        Installation(
            id=row["id"],
            workspace=row["workspace"],
            adapter=row["adapter"],
            name=row["name"],
            config=row["config"],
            secrets=secrets,
            memory=row["memory"],
            zone=row["zone"],
            country=row["country"],
            language=settings.get("language", "fr"),
            hook_url=f"{public_url}/hooks/{row['adapter']}/{row['id']}",
            learnt=row["learnt"],
            own_numbers=frozenset(settings.get("own_numbers", ())),
            contacts=_contacts(tx, row["workspace"]) if has_contacts else None,
        ),
        state,
        row["mode"],
        row["account"],
        row["cursor"],
        row["token_expires_at"],
        row["grant_expires_at"],
        row["next_pull_at"],
        row["pulled_at"],
        row["changed_at"],
        trouble,
        tuple(from_reason(one) for one in row["problems"]),
        row["failures"],
        row["live_since"],
        row["created_at"],
        row["control_group"],
        row["heard_at"],
        row["rhythm"] or {},
        row["missed_since"],
    )


_BESIDE = (
    "SELECT settings, EXISTS (SELECT 1 FROM contacts WHERE contacts.workspace = workspaces.id"
    " AND (email IS NOT NULL OR name IS NOT NULL)) FROM workspaces WHERE id = ?"
)


def _contacts(tx: Transaction, workspace: str) -> Callable[[str], tuple[str, ...]]:
    """A look-up in the contacts: read at the first question, since most requests never ask."""
    c = t.contacts.c
    named = (c.workspace == workspace, or_(c.email.is_not(None), c.name.is_not(None)))
    engine = tx.connection.engine

    @cache
    def book() -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        with engine.connect() as connection:
            rows = connection.execute(select(c.number, c.email, c.name, c.first_name).where(*named).limit(50_000)).all()
        for row in rows:
            for label in (row.email, row.name, f"{row.first_name} {row.name}" if row.first_name and row.name else None):
                if label:
                    found.setdefault(label.casefold().strip(), set()).add(row.number)
        return found

    return lambda label: tuple(sorted(book().get(label.casefold().strip(), ())))
