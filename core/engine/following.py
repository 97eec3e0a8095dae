"""Calls of which nothing was heard: their provider is asked, so that a receipt that got lost leaves none open."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from core.contract import Account, Follows
from core.domain.channels import reference_of
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.messages import Channel, is_stale
from core.engine import feedback
from core.engine.singly import singly
from core.storage import accounts, outbox
from core.storage.outbox import Calling
from core.suite import Suite

ASKED_AFTER = timedelta(seconds=90)
"""Most calls that ring and are heard out are over by then."""
ASK_AGAIN = timedelta(seconds=60)
ASKED_FOR = timedelta(hours=24)
AT_ONCE = 16
MOST = 200


def run_due(suite: Suite) -> int:
    """Asks what became of calls of which nothing was heard. Returns how many were asked about."""
    count = 0
    while count < MOST:
        now = suite.now()
        with suite.database.write() as tx:
            found = outbox.calling(
                tx, now, before=now - ASKED_AFTER, since=now - ASKED_FOR, lease=ASK_AGAIN, limit=AT_ONCE
            )
        if not found:
            break
        count += singly(partial(_asked, suite), found)
    if count:
        suite.wake()
    return count


def _asked(suite: Suite, one: Calling) -> None:
    now = suite.now()
    with suite.database.read(one.workspace) as tx:
        account = accounts.get_any(tx, one.account, suite.vault, suite.public_url)
    provider = suite.providers.get(account.provider) if account else None
    if account is None or not isinstance(provider, Follows) or Channel.VOICE not in provider.followed:
        return
    over = is_stale(one.expires_at, now) or (one.fallback_at is not None and one.fallback_at <= now)
    ask(suite, provider, account, reference_of(one.id, one.step, one.calls), one.provider_ref, over=over)


def ask(suite: Suite, provider: Follows, account: Account, reference: str, provider_ref: str, *, over: bool) -> None:
    """Asks about one call, and takes what is said of it. `over`: nobody needs it any more."""
    try:
        receipt = provider.follow(account, reference, provider_ref, suite.now(), over=over)
    except (NotNow, NeedsReconnect):
        return
    if receipt is not None:
        with suite.database.write(account.workspace) as tx:
            feedback.take_receipts(suite, tx, account, [receipt])
