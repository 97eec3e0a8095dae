"""The ways out of a workspace, as a person arranges them: add an account, ask it first, try it again, take it away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.errors import BadInput, NotFound
from core.domain.messages import Channel
from core.domain.reasons import Reason
from core.storage import accounts, approved, house, outbox, rules
from core.storage.database import Transaction
from core.suite import Suite


def add(suite: Suite, workspace: str, provider: str, config: Mapping[str, Any], *, who: str) -> str:
    """A new account, asked after the others; its id. What waited for a way out is released. Raises `BadInput`."""
    one = suite.providers.get(provider)
    if one is None:
        raise BadInput("unknown_provider", pointer="/provider", text=provider[:40], known=", ".join(suite.providers))
    configured = one.configured(config)
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = accounts.add(tx, suite.vault, provider, one.name, configured, now, public_url=suite.public_url)
        outbox.release(tx, "account", Reason("account_back"), now)
        house.note(tx, who, "provider_account_added", row.account.id, {"provider": provider}, now)
    suite.wake()
    return row.account.id


def first(suite: Suite, workspace: str, account: str, *, who: str) -> None:
    """Asked before all others from now on. Raises `NotFound`."""
    with suite.database.write(workspace) as tx:
        rows = accounts.listed(tx, suite.vault, suite.public_url)
        _known(suite, tx, account)
        order = sorted(rows, key=lambda row: (row.account.id != account, row.position))
        for position, row in enumerate(order, 1):
            accounts.change(tx, suite.vault, row.account.id, position=position)
        house.note(tx, who, "provider_account_first", account, {}, suite.now())


def release(suite: Suite, workspace: str, account: str, *, who: str) -> None:
    """A held or paused account is tried again at once. Raises `NotFound`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        _known(suite, tx, account)
        accounts.change(tx, suite.vault, account, state="active", held_until=None)
        outbox.release(tx, "account", Reason("account_back"), now)
        house.note(tx, who, "provider_account_released", account, {}, now)
    suite.wake()


def pause(suite: Suite, workspace: str, account: str, *, who: str) -> None:
    """Nothing leaves by it until it is resumed. Raises `NotFound`."""
    with suite.database.write(workspace) as tx:
        _known(suite, tx, account)
        accounts.change(tx, suite.vault, account, state="paused")
        house.note(tx, who, "provider_account_paused", account, {}, suite.now())


def remove(suite: Suite, workspace: str, account: str, *, who: str) -> None:
    """Takes it away and forgets its key; what it has sent stays in the ledger. Raises `NotFound`."""
    with suite.database.write(workspace) as tx:
        _known(suite, tx, account)
        accounts.change(tx, suite.vault, account, state="removed", secrets=None)
        approved.forget(tx, account)
        house.note(tx, who, "provider_account_removed", account, {}, suite.now())


def channels(suite: Suite, tx: Transaction) -> list[str]:
    """By which channels this workspace can send, the plainest first; before it has an account, by those that are tried
    out on the phones in the browser."""
    rows = accounts.listed(tx, suite.vault, suite.public_url)
    rows = [row for row in rows if row.account.provider in suite.providers]
    able: set[str] = set()
    for row in rows:
        own = suite.providers[row.account.provider].able(row.account)
        able |= own & set(row.channels) if row.channels else own
    return [str(channel) for channel in Channel if channel in able] if rows else [str(Channel.SMS)]


def senders(tx: Transaction) -> list[str]:
    """The names and numbers that messages of this workspace come from."""
    known = house.workspace(tx, tx.owned)
    own = known["settings"].get("sender") if known else None
    found = {row["sender"] for row in rules.rows(tx) if row["sender"]}
    return [*([own] if own else []), *sorted(found - {own})]


def _known(suite: Suite, tx: Transaction, account: str) -> accounts.Row:
    row = accounts.get(tx, suite.vault, account, suite.public_url)
    if row is None:
        raise NotFound("provider account")
    return row
