"""A connection begins, or is renewed: one outside account is one installation of one workspace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.contract import Configured, Installation, Pulls, TakesKeys
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.reasons import Reason
from core.engine import presets
from core.storage import house, installations, outbox
from core.storage.database import Transaction
from core.suite import Suite


@dataclass(frozen=True, slots=True)
class Kept:
    """The installation, and whether it was there before."""

    id: str
    renewed: bool


def add(
    suite: Suite,
    workspace: str,
    slug: str,
    name: str,
    config: Mapping[str, Any],
    *,
    who: str,
    tx: Transaction | None = None,
) -> str:
    """A new installation by the ways in that need no redirect (`POST /v1/installations`). Its id. In the caller's
    transaction if one is given.

    Raises `BadInput` with a JSON pointer, `Conflict` when the outside account is connected elsewhere.
    """
    adapter = suite.adapters.get(slug)
    if adapter is None:
        raise BadInput("unknown_adapter", pointer="/adapter", text=slug[:40], known=", ".join(sorted(suite.adapters)))
    return connected(suite, workspace, slug, name, adapter.configured(config), who=who, tx=tx).id


def typed(suite: Suite, workspace: str, slug: str, given: Mapping[str, str], *, who: str) -> Kept:
    """A connection by keys that a person copied (`TakesKeys`), once the platform has taken them; the same account again
    has new keys.

    Network. Raises `BadInput` with a JSON pointer below `/config`, or `keys_refused`; `NotFound`, `Conflict` as
    `connected`, `NeedsReconnect`, `NotNow` when the platform cannot be asked."""
    adapter = suite.adapters.get(slug)
    if not isinstance(adapter, TakesKeys):
        raise NotFound("adapter")
    fields = {one.name: said for one in adapter.typed if (said := given.get(one.name, "").strip())}
    configured = adapter.configured(fields)
    with suite.database.read(workspace) as tx:
        known = house.workspace(tx, tx.owned)
    settings = known["settings"] if known else house.DEFAULTS
    trial = Installation(
        "", workspace, slug, "", configured.config, configured.secrets, {}, configured.zone or settings["zone"],
        configured.country or settings["country"], settings["language"], "",
    )  # fmt: skip
    for found in adapter.check(trial, suite.now()):
        if found.result == "problem" and found.name == "token" and found.reason is not None:
            raise BadInput("keys_refused", platform=adapter.manifest.name)
    return connected(suite, workspace, slug, "", configured, who=who)


def connected(
    suite: Suite,
    workspace: str,
    slug: str,
    name: str,
    configured: Configured,
    *,
    who: str,
    token_expires_at: datetime | None = None,
    grant_expires_at: datetime | None = None,
    reconnect: str | None = None,
    tx: Transaction | None = None,
) -> Kept:
    """Keeps what was granted. An account that this workspace has connected already is renewed, and so is `reconnect`:
    its rules, its history and what waits stay, and what waited for it goes on.

    Raises `Conflict`: `connected_elsewhere` (the account belongs to another workspace, from which it is never moved
    silently: it must be disconnected there first), `another_account` (not the one that `reconnect` is); `NotFound`.
    """
    with nullcontext(tx) if tx is not None else suite.database.write(workspace) as tx:
        if configured.account:
            # Of two that connect the same account at the same moment, the second one finds the first.
            tx.alone(f"account:{slug}:{configured.account}")
            known = installations.by_account(tx, slug, configured.account)
            if known is not None and known[1] != workspace:
                raise Conflict("connected_elsewhere")
            if known is not None and reconnect is None:
                reconnect = known[0]
        if reconnect is None:
            kept = Kept(_added(suite, tx, slug, name, configured, who, token_expires_at, grant_expires_at), False)
        else:
            _renewed(suite, tx, reconnect, slug, configured, who, token_expires_at, grant_expires_at)
            kept = Kept(reconnect, True)
    suite.wake()
    return kept


def _added(
    suite: Suite,
    tx: Transaction,
    slug: str,
    name: str,
    configured: Configured,
    who: str,
    token_expires_at: datetime | None,
    grant_expires_at: datetime | None,
) -> str:
    now, adapter = suite.now(), suite.adapters[slug]
    known = house.workspace(tx, tx.owned)
    settings = known["settings"] if known else house.DEFAULTS
    installation_id = installations.add(
        tx,
        suite.vault,
        slug,
        name or adapter.manifest.name,
        configured,
        now,
        zone=settings["zone"],
        country=settings["country"],
        token_expires_at=token_expires_at,
        grant_expires_at=grant_expires_at,
        pulls=isinstance(adapter, Pulls),
    )
    presets.add(tx, adapter, installation_id, now)
    house.note(tx, who, "installation_connected", installation_id, {"adapter": slug}, now)
    return installation_id


def _renewed(
    suite: Suite,
    tx: Transaction,
    installation_id: str,
    slug: str,
    configured: Configured,
    who: str,
    token_expires_at: datetime | None,
    grant_expires_at: datetime | None,
) -> None:
    now = suite.now()
    # Whoever plans touches the connection last, and what waits for it before.
    tx.alone(f"plan:{tx.owned}")
    # The token may be renewed at this moment: of the old grant its last word counts.
    installations.hold(tx, installation_id)
    row = installations.get(tx, suite.vault, installation_id, suite.public_url)
    if row is None or row.installation.adapter != slug or row.state == "disconnected":
        raise NotFound("installation")
    if row.account and configured.account and row.account != configured.account:
        raise Conflict("another_account", known=row.account, given=configured.account)
    # A later consent may come without a refresh token: the one that is kept still lives.
    merged = {**row.installation.secrets, **{key: value for key, value in configured.secrets.items() if value}}
    if ours := row.installation.secrets.get("signing_secret"):
        # The other side holds it already, and proves itself with it.
        merged["signing_secret"] = ours
    installations.keep_secrets(
        tx,
        suite.vault,
        installation_id,
        merged,
        state="connected",
        trouble=None,
        failures=0,
        next_pull_at=now if isinstance(suite.adapters[slug], Pulls) else None,
        maintain_at=now,
        token_expires_at=token_expires_at,
        grant_expires_at=grant_expires_at,
        account=configured.account or row.account,
        config={**row.installation.config, **configured.config},
    )
    outbox.release(tx, f"installation:{installation_id}", Reason("connected_again"), now)
    house.note(tx, who, "installation_reconnected", installation_id, {}, now)
