"""Backup and restore: a restored copy holds what may have left after it was taken, until the providers were asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.contract import Account, Gone, Outgoing, Receipt, Seeks
from core.domain.channels import reference_of
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.engine.doubting import ask_about, handed_over
from core.storage import accounts, backups, campaigns, house, migrate, outbox, series
from core.suite import Suite, read_clock

LIVES = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Restored:
    """When the copy was taken, where the database it replaced is kept (SQLite), and how many messages are held."""

    taken_at: datetime
    kept: Path | None
    held: int


@dataclass(frozen=True, slots=True)
class Released:
    """Of the messages that waited since a restore: how many had left, may go, and of how many nobody can tell."""

    found: int
    released: int
    unknown: int


def backup(suite: Suite, target: Path) -> int:
    """A consistent copy, while everything runs; its size in bytes. Raises `backups.NoBackup`."""
    begun = suite.now()
    with suite.database.write() as tx:
        # Inside the copy: what is due from here on may have left when the copy comes back.
        house.set_value(tx, backups.BEGUN, True, begun)
    size = backups.copy(suite.database, target)
    with suite.database.write() as tx:
        house.set_value(tx, backups.DONE, {"bytes": size}, suite.now())
    return size


def running(suite: Suite) -> bool:
    """Whether an engine has ticked in the last seconds on this database."""
    if migrate.current(suite.database) is None:
        return False
    with suite.database.read() as tx:
        ticked = house.moment(tx, "ticked")
    return ticked is not None and abs(suite.now() - ticked) < LIVES


def restore(suite: Suite, source: Path) -> Restored:
    """The copy takes the database's place, is brought up to date, and holds what was due since. The engine must not
    be running, see `running`. Raises `backups.NoBackup`, or `KeysWrong` for a copy that our secret keys do not open,
    and then nothing has changed."""
    backups.check_keys(suite.database, suite.vault, source)
    kept = backups.put_back(suite.database, source)
    migrate.upgrade(suite.database)
    read_clock(suite)
    now = suite.now()
    with suite.database.write() as tx:
        taken = house.moment(tx, backups.BEGUN) or now
        held = backups.hold_due(tx, now)
        # Whom they wrote to since, nobody here knows: a person decides whether they go on.
        campaigns.pause_all(tx, Reason("campaign_restored"), now)
        series.pause_all(tx, Reason("campaign_restored"), now)
        house.set_value(tx, backups.RESTORED, {"held": held}, now)
    return Restored(taken, kept, held)


def release(suite: Suite, workspace: str, *, unchecked: bool = False, dry_run: bool = False) -> Released:
    """Asks the providers about each message that waits since a restore. What had left is recorded as such; what surely
    had not may go; of the rest nobody can tell, and it goes only when `unchecked` accepts the risk of a double."""
    with suite.database.read(workspace) as tx:
        waiting = backups.held(tx)
        ways = [row.account for row in accounts.listed(tx, suite.vault, suite.public_url)]
        since = house.moment(tx, backups.BEGUN) or suite.now()
        restored = house.moment(tx, backups.RESTORED) or suite.now()
    found = released = unknown = 0
    for message_id, _, test in waiting:
        asked = [accounts.simulator(workspace)] if test or not ways else ways
        with suite.database.read(workspace) as tx:
            known = outbox.get(tx, message_id)
        if known is None:
            continue
        step = known["channel_step"]
        sought = handed_over(
            reference_of(message_id, step, known["calls"]), known["to"], known["text"], MessageClass(known["class"]),
            test=test, channel=Channel(known["channels"][step]),
        )
        word, account = _asked(suite, asked, sought, since, anew=known["created_at"] >= restored)
        now = suite.now()
        if isinstance(word, Receipt):
            found += 1
            state = word.state if word.state in (State.DELIVERED, State.READ, State.FAILED) else State.SENT
            if not dry_run:
                with suite.database.write(workspace) as tx:
                    backups.settle(tx, message_id, state, word.reason or Reason("looked_up_found"), now,
                                   left_at=word.at, account=account.id, provider_ref=word.provider_reference)
        elif word == "gone" or unchecked:
            released += 1
            if not dry_run:
                reason = Reason("looked_up_gone" if word == "gone" else "released_unchecked")
                with suite.database.write(workspace) as tx:
                    backups.settle(tx, message_id, State.SCHEDULED, reason, now)
        else:
            unknown += 1
    suite.wake()
    return Released(found, released, unknown)


def _asked(
    suite: Suite, ways: list[Account], message: Outgoing, since: datetime, *, anew: bool
) -> tuple[Receipt | str, Account]:
    """The first account that has the message; "gone" when each of them surely never had it, else "unknown". `anew`: it
    was planned anew since the restore, so that only its words could be known there."""
    word = "gone"
    for account in ways:
        provider = suite.providers.get(account.provider)
        if provider is None or not provider.can_look_up or (anew and not isinstance(provider, Seeks)):
            # One that knows our reference again sends nothing twice.
            word = word if provider is not None and provider.idempotent and not anew else "unknown"
            continue
        try:
            receipt = ask_about(provider, account, message, suite.now(), asked=since)
        except Gone:
            continue
        except (NotNow, NeedsReconnect):
            receipt = None
        if receipt is not None:
            return receipt, account
        word = "unknown"
    return word, ways[0]
