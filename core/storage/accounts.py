"""Provider accounts: the ways out that a workspace has, in the order in which they are asked."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, or_, select, update

from core.contract import Account, Configured
from core.domain import breaker
from core.domain.breaker import Breaker, Standing, Tally
from core.domain.errors import from_reason
from core.domain.reasons import Reason
from core.ids import new_id
from core.secrets import Undecryptable, Vault, hashed
from core.storage import tables as t
from core.storage.database import Glance, Transaction
from core.storage.ledger import reason_row

SIMULATOR = "acc_simulator"
_c = t.provider_accounts.c


@dataclass(frozen=True, slots=True)
class Row:
    """An account and what core keeps about it."""

    account: Account
    name: str
    position: int
    countries: tuple[str, ...]
    channels: tuple[str, ...]
    rate: int | None
    state: str
    trouble: Reason | None
    held_until: datetime | None
    created_at: datetime | None = None
    denied: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    prices: Mapping[str, int] = field(default_factory=dict)
    weight: int | None = None
    takes_replies: bool = True
    rates: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)

    @property
    def breaker(self) -> Breaker:
        """How well it is."""
        return breaker.read(self.held_until, self.trouble, self.health)


def add(
    tx: Transaction,
    vault: Vault,
    provider: str,
    name: str,
    configured: Configured,
    now: datetime,
    *,
    public_url: str,
    countries: Sequence[str] = (),
    channels: Sequence[str] = (),
    rate: int | None = None,
    **more: Any,
) -> Row:
    """A new account, asked after the others. `more`: denied, classes, prices, weight, takes_replies, rates."""
    account_id, hook = new_id("acc"), secrets.token_urlsafe(24)
    position = (
        tx.connection.execute(select(func.coalesce(func.max(_c.position), 0)).where(_c.workspace == tx.owned)).scalar()
        or 0
    )
    tx.connection.execute(
        insert(t.provider_accounts).values(
            id=account_id,
            workspace=tx.owned,
            provider=provider,
            name=name,
            config=dict(configured.config),
            secrets=vault.seal(configured.secrets, workspace=tx.owned, owner=account_id, field="secrets"),
            position=position + 1,
            countries=list(countries),
            channels=list(channels),
            rate=rate,
            state="active",
            hook_hash=hashed(hook),
            hook_sealed=vault.seal({"hook": hook}, workspace=tx.owned, owner=account_id, field="hook"),
            created_at=now,
            **more,
        )
    )
    row = get(tx, vault, account_id, public_url)
    if row is None:
        raise LookupError(account_id)
    return row


def listed(
    tx: Transaction, vault: Vault, public_url: str, *, providers: Iterable[str] | None = None
) -> list[Row]:
    """This workspace's accounts (all of them for a walk over all workspaces), in order; those of `providers` alone."""
    query = tx.mine(t.provider_accounts).where(_c.state != "removed").order_by(_c.position)
    if providers is not None:
        query = query.where(_c.provider.in_(list(providers)))
    return [_row(row, vault, public_url) for row in tx.rows(query)]


def get(tx: Transaction, vault: Vault, account_id: str, public_url: str) -> Row | None:
    row = tx.row(tx.mine(t.provider_accounts).where(_c.id == account_id, _c.state != "removed"))
    return _row(row, vault, public_url) if row else None


def get_any(tx: Transaction, account_id: str, vault: Vault, public_url: str = "") -> Account | None:
    """The account of that id; the built-in simulator for `SIMULATOR`."""
    if account_id == SIMULATOR:
        return simulator(tx.owned)
    found = get(tx, vault, account_id, public_url)
    return found.account if found else None


def simulator(workspace: str) -> Account:
    """The account that every workspace has before it has any: phones in the browser."""
    return Account(SIMULATOR, workspace, "simulator", {}, {}, "", "")


def change(
    tx: Transaction, vault: Vault, account_id: str, *, configured: Configured | None = None, **values: Any
) -> None:
    """`values`: name, position, countries, denied, channels, classes, prices, weight, takes_replies, rate,
    rates, state."""
    if configured is not None:
        values |= {
            "config": dict(configured.config),
            "secrets": vault.seal(configured.secrets, workspace=tx.owned, owner=account_id, field="secrets"),
        }
    tx.connection.execute(
        update(t.provider_accounts).where(_c.id == account_id, _c.workspace == tx.owned).values(**values)
    )


def hold(tx: Transaction, account_id: str, reason: Reason, until: datetime) -> bool:
    """The account is in trouble: nothing leaves by it until then. True when it was not held before."""
    before = tx.connection.execute(select(_c.state).where(_c.id == account_id)).scalar()
    tx.connection.execute(
        update(t.provider_accounts)
        .where(_c.id == account_id, _c.state.in_(["active", "held"]))
        .values(state="held", trouble=reason_row(reason), held_until=until, health={})
    )
    return before == "active"


def back(tx: Transaction, now: datetime) -> list[str]:
    """Accounts whose pause is over are tried again. Returns their ids."""
    rows = tx.connection.execute(
        update(t.provider_accounts)
        .where(_c.state == "held", or_(_c.held_until.is_(None), _c.held_until <= now))
        .values(state="active", held_until=None)
        .returning(_c.id)
    ).all()
    return [row.id for row in rows]


def some_back(tx: Transaction | Glance, now: datetime) -> bool:
    """Whether `back` would find any."""
    held = "state = 'held' AND (held_until IS NULL OR held_until <= ?)"
    return bool(tx.quick(f"SELECT 1 FROM provider_accounts WHERE {held} LIMIT 1", (t.micros(now),)))  # noqa: S608  # nosec B608


def try_one(tx: Transaction, account_id: str, now: datetime) -> bool:
    """Whether this sender may try an account that was in trouble, with one message; nobody else may meanwhile."""
    known = _health(tx, account_id)
    if known is None or known.standing(now) is not Standing.TRIAL:
        return False
    _keep(tx, account_id, breaker.trying(known, now), now)
    return True


def judged(
    tx: Transaction, account_id: str, seen: Tally, now: datetime, *, tried: bool = False, alone: bool = False
) -> tuple[Breaker, Breaker]:
    """Keeps what a turn saw of an account; how it was before and how it is now. `tried`: it was this turn that tried
    it; `alone`: the workspace has no other."""
    known = _health(tx, account_id)
    if known is None:
        return Breaker(), Breaker()
    then = breaker.judged(known, seen, now, tried=tried, alone=alone)
    if then != known:
        _keep(tx, account_id, then, now)
    return known, then


def _health(tx: Transaction, account_id: str) -> Breaker | None:
    row = tx.row(
        select(_c.trouble, _c.held_until, _c.health)
        .where(_c.id == account_id, _c.state.in_(["active", "held"]))
        .with_for_update()
    )
    if row is None:
        return None
    trouble = row["trouble"]
    return breaker.read(row["held_until"], from_reason(trouble) if trouble else None, row["health"])


def _keep(tx: Transaction, account_id: str, health: Breaker, now: datetime) -> None:
    shut = health.until is not None and health.until > now
    tx.connection.execute(
        update(t.provider_accounts)
        .where(_c.id == account_id)
        .values(
            state="held" if shut else "active",
            trouble=reason_row(health.reason),
            held_until=health.until if shut else None,
            health=health.kept(),
        )
    )


def _row(row: Mapping[str, Any], vault: Vault, public_url: str) -> Row:
    trouble, state = row["trouble"] and from_reason(row["trouble"]), row["state"]
    try:
        opened = (
            vault.open(row["secrets"], workspace=row["workspace"], owner=row["id"], field="secrets")
            if row["secrets"]
            else {}
        )
        hook = vault.open(row["hook_sealed"], workspace=row["workspace"], owner=row["id"], field="hook")["hook"]
    except Undecryptable:
        opened, hook, trouble, state = {}, "", Reason("secrets_unreadable"), "held"
    base = f"{public_url}/providers/{row['id']}"
    account = Account(
        row["id"],
        row["workspace"],
        row["provider"],
        row["config"],
        opened,
        f"{base}/receipts/{hook}",
        f"{base}/replies/{hook}",
    )
    return Row(
        account,
        row["name"],
        row["position"],
        tuple(row["countries"]),
        tuple(row["channels"]),
        row["rate"],
        state,
        trouble,
        row["held_until"],
        row["created_at"],
        tuple(row["denied"]),
        tuple(row["classes"]),
        row["prices"],
        row["weight"],
        row["takes_replies"],
        row["rates"],
        row["health"],
    )
