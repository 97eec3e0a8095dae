"""What is in doubt, after a sender died or a line broke, is looked up; what was surely not taken waits again."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from core.contract import Account, Gone, Outgoing, Provider, Receipt, Seeks
from core.domain.channels import reference_of, tries_until
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.messages import Channel, MessageClass, State, is_stale
from core.domain.reasons import Reason
from core.engine import guarding, notices, routes
from core.engine.journal import alive, dead
from core.engine.singly import singly
from core.ids import new_id
from core.storage import accounts, outbox
from core.storage.database import Transaction
from core.storage.outbox import Doubtful
from core.suite import Suite

ASK_AGAIN = timedelta(seconds=30)
ASKS_FOR = timedelta(seconds=20)
LOOKED_UP_AT_ONCE = 8
MOST_LOOK_UPS = 200
GIVE_UP_LOOKING = timedelta(hours=24)
OTP_IS_ASKED_FOR = timedelta(minutes=10)


def recover(suite: Suite, journals: Path | None) -> int:
    """What dead senders left behind: begun is in doubt, only claimed waits again. Returns how many there were."""
    now, count = suite.now(), 0
    if journals is not None:
        for owner, begun, path in dead(journals):
            with suite.database.write() as tx:
                left = outbox.orphaned(tx, now, owner=owner)
                doubted = [one for one in left if begun is None or one[0] in begun]
                guarding.recovered(tx, doubted, [one for one in left if one not in doubted], now)
                outbox.doubt(tx, doubted, Reason("sender_died"), now)
                outbox.not_begun(tx, [one for one in left if one not in doubted], Reason("not_begun"), now)
                count += len(left)
            path.unlink(missing_ok=True)
    with suite.database.glance() as glance:
        if not outbox.some_orphaned(glance, now):
            return count
    # A sender that lives on this machine will say itself what became of its messages, however far a clock was turned.
    living = alive(journals) if journals is not None else frozenset()
    with suite.database.write() as tx:
        left = outbox.orphaned(tx, now, alive=living)
        guarding.recovered(tx, left, (), now)
        outbox.doubt(tx, left, Reason("sender_died"), now)
    return count + len(left)


def look_up_due(suite: Suite) -> int:
    """Asks the providers what became of uncertain messages. Returns how many were asked about."""
    count = 0
    while count < MOST_LOOK_UPS:
        # A few at a time: who dies while asking leaves few behind, and for a short while.
        with suite.database.write() as tx:
            found = outbox.doubtful(tx, suite.now(), owner=new_id("own"), lease=ASKS_FOR, limit=LOOKED_UP_AT_ONCE)
        if not found:
            break
        count += singly(partial(_looked_up, suite), found)
    return count


def _looked_up(suite: Suite, one: Doubtful) -> None:
    now = suite.now()
    with suite.database.read(one.workspace) as tx:
        account = _doubted_account(suite, tx, one)
    provider = suite.providers.get(account.provider) if account else None
    if account is None or provider is None:
        return _settled(suite, one, None)
    if provider.can_look_up:
        try:
            sought = handed_over(
                reference_of(one.id, one.channel_step, one.calls),
                one.to,
                one.text,
                one.message_class,
                test=one.test,
                channel=one.channels[one.channel_step],
            )
            receipt = ask_about(provider, account, sought, now, asked=one.left_at)
        except Gone:
            return _again(suite, one, Reason("looked_up_gone"))
        except (NotNow, NeedsReconnect):
            receipt = None
        if receipt is not None:
            return _found(suite, one, account, receipt)
    elif provider.idempotent:
        return _again(suite, one, Reason("provider_is_idempotent"), by=account.id)
    elif one.message_class is MessageClass.OTP:
        return _again(suite, one, Reason("class_sends_again"))
    # A code is of no use after minutes. That nobody can tell yet does not mean that it was not taken, so it is not sent
    # again: the person asks for another one, and this one is shown as in doubt.
    patience = OTP_IS_ASKED_FOR if one.message_class is MessageClass.OTP else GIVE_UP_LOOKING
    return _settled(suite, one, now + ASK_AGAIN if provider.can_look_up and now - one.left_at < patience else None)


def ask_about(
    provider: Provider, account: Account, message: Outgoing, now: datetime, *, asked: datetime
) -> Receipt | None:
    """What the provider says of `message`, by our reference or, where it keeps none, by its words. Raises as
    `Provider.look_up` does."""
    if isinstance(provider, Seeks):
        return provider.seek(account, message, now, asked=asked)
    return provider.look_up(account, message.reference, now, asked=asked)


def handed_over(
    reference: str, to: str, text: str, klass: MessageClass, *, test: bool, channel: Channel = Channel.SMS
) -> Outgoing:
    """A message as it was handed over, as far as it can be known again by that."""
    marketing = klass is MessageClass.MARKETING
    return Outgoing(reference, to, text, channel, klass, encoding="", stop_mention=marketing, test=test)


def _doubted_account(suite: Suite, tx: Transaction, one: Doubtful) -> Account | None:
    if one.account:
        return accounts.get_any(tx, one.account, suite.vault, suite.public_url)
    # Its sender died before it could say which way it took: there is a choice only if there are several.
    rows, channel = accounts.listed(tx, suite.vault, suite.public_url), one.channels[one.channel_step]
    if one.test or not rows:
        return accounts.simulator(one.workspace)
    ways = [row.account for row in rows if routes.carries(suite, row, channel)]
    return ways[0] if len({way.id for way in ways}) == 1 else None


def _found(suite: Suite, one: Doubtful, account: Account, receipt: Receipt) -> None:
    now = suite.now()
    with suite.database.write(one.workspace) as tx:
        state = receipt.state if receipt.state in (State.DELIVERED, State.READ, State.FAILED) else State.SENT
        outbox.advance(
            tx,
            one.id,
            one.workspace,
            state,
            receipt.reason or Reason("looked_up_found"),
            now,
            account=account.id,
            provider_ref=receipt.provider_reference,
            # Its sender may have died before it wrote down how long this channel has.
            fallback_at=one.fallback_at
            or tries_until(one.channels, one.budgets, one.channel_step, one.message_class, now, one.expires_at),
        )
        notices.messages_changed(tx, [(one.workspace, one.id, state)], now)


def _again(suite: Suite, one: Doubtful, reason: Reason, *, by: str | None = None) -> None:
    now = suite.now()
    with suite.database.write(one.workspace) as tx:
        if is_stale(one.expires_at, now):
            outbox.advance(tx, one.id, one.workspace, State.EXPIRED, Reason("stale"), now, owner=one.owner)
        else:
            bound = f"account:{by}" if by else None
            again: dict[str, Any] = {"due_at": now, "left_at": None, "held_by": bound}
            if reason.code != "looked_up_gone":
                # It may have arrived: whatever follows, it is not another channel before this one has tried again.
                again["fallback_at"] = None
            known = outbox.get(tx, one.id)
            moved = outbox.advance(tx, one.id, one.workspace, State.SCHEDULED, reason, now, owner=one.owner, **again)
            if moved and known is not None and reason.code == "looked_up_gone":
                guarding.taken_back(tx, known, now)
    suite.wake()


def _settled(suite: Suite, one: Doubtful, again: datetime | None) -> None:
    with suite.database.write(one.workspace) as tx:
        outbox.ask_again(tx, one, again)
