"""The time of a channel is over: what can be taken back is, and leaves by the next one. Nobody gets two."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from core.contract import Account, Follows, Provider, Revokes
from core.domain.channels import reference_of
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.messages import MessageClass, State, is_stale
from core.domain.reasons import Reason
from core.engine import following, notices
from core.engine.singly import singly
from core.storage import accounts, outbox
from core.storage.outbox import Overdue
from core.suite import Suite

AT_ONCE = 16
MOST = 400
ASKS_FOR = timedelta(seconds=20)
ASK_AGAIN = timedelta(seconds=30)
ASK_AGAIN_OTP = timedelta(seconds=5)


def run_due(suite: Suite) -> int:
    """Takes back what a channel has not delivered in its time. Returns how many messages were looked at."""
    count = 0
    while count < MOST:
        with suite.database.write() as tx:
            found = outbox.overdue(tx, suite.now(), lease=ASKS_FOR, limit=AT_ONCE)
        if not found:
            break
        count += singly(partial(_overdue, suite), found)
    if count:
        suite.wake()
    return count


def _overdue(suite: Suite, one: Overdue) -> None:
    now = suite.now()
    with suite.database.read(one.workspace) as tx:
        account = accounts.get_any(tx, one.account, suite.vault, suite.public_url) if one.account else None
    provider = suite.providers.get(account.provider) if account is not None else None
    channel = one.channels[one.step]
    if account is not None and isinstance(provider, Follows) and channel in provider.followed and one.provider_ref:
        reference = reference_of(one.id, one.step, one.calls)
        following.ask(suite, provider, account, reference, one.provider_ref, over=True)
        # It may be talking just now: it goes on to the next channel by what is said of its end.
        for_nothing = is_stale(one.expires_at, now) or (one.left_at or now) < now - following.ASKED_FOR
        _stays(suite, one, None if for_nothing else now + _pause(one.message_class), None, now)
        return
    if account is None or provider is None or not isinstance(provider, Revokes):
        # Its validity ends over there, and the receipt says so: until then the phone may still get it.
        _stays(suite, one, None, Reason("channel_by_receipt", {"channel": one.channels[one.step]}), now)
        return
    taken_back = _taken_back(provider, account, one, now)
    now = suite.now()
    if taken_back is None:
        # A message that is useful no more needs no other channel.
        again = None if is_stale(one.expires_at, now) else now + _pause(one.message_class)
        _stays(suite, one, again, None, now)
        return
    with suite.database.write(one.workspace) as tx:
        before, channel = one.channels[one.step], one.channels[one.step + 1]
        if taken_back:
            message = {"id": one.id, "country": one.country, "segments": one.segments}
            why = Reason("channel_taken_back", {"channel": str(before)})
            outbox.next_channel(tx, message, one.step, before, channel, why, now)
        elif outbox.advance(tx, one.id, one.workspace, State.DELIVERED, Reason("channel_was_faster"), now):
            notices.messages_changed(tx, [(one.workspace, one.id, State.DELIVERED)], now)


def _taken_back(provider: Provider, account: Account, one: Overdue, now: datetime) -> bool | None:
    if not isinstance(provider, Revokes):
        return None
    try:
        return provider.revoke(account, reference_of(one.id, one.step), one.provider_ref or "", now, to=one.to)
    except (NotNow, NeedsReconnect):
        return None


def _pause(klass: MessageClass) -> timedelta:
    return ASK_AGAIN_OTP if klass is MessageClass.OTP else ASK_AGAIN


def _stays(suite: Suite, one: Overdue, again: datetime | None, reason: Reason | None, now: datetime) -> None:
    with suite.database.write(one.workspace) as tx:
        outbox.stays_with(tx, one, again, reason, now)
