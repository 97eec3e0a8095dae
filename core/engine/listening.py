"""Providers that keep a connection are listened to: what comes is committed before it is answered.

Receipts and replies of other providers come over HTTP (`core.engine.feedback.receive`); from here on it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from core.contract import Account, Listens, PhoneReply, Receipt
from core.engine import feedback
from core.storage import accounts
from core.suite import Suite

log = structlog.get_logger(__name__)


class Listening:
    """Who is listened to in this process."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._heard: dict[str, tuple[Listens, Account]] = {}

    def refresh(self, suite: Suite) -> int:
        """Listens to the accounts that are there now, and no longer to those that are gone. How many changed."""
        wanted = _wanted(suite)
        gone = [account_id for account_id in self._heard if account_id not in wanted]
        for account_id in gone:
            self._heard.pop(account_id)[0].fall_silent(account_id)
        new = [one for account_id, one in wanted.items() if self._heard.get(account_id) != one]
        for provider, account in new:
            try:
                provider.listen(account, partial(taken, suite, account), suite.now)
            except ValueError:
                # Secrets that cannot be opened, settings of another version: the account's page says so.
                log.warning("provider account cannot be listened to", account=account.id)
            self._heard[account.id] = provider, account
        return len(gone) + len(new)

    def stop(self) -> None:
        """No longer to anybody: the connections end in good order."""
        for account_id, (provider, _) in self._heard.items():
            provider.fall_silent(account_id)
        self._heard.clear()


def taken(suite: Suite, account: Account, words: Sequence[Receipt | PhoneReply]) -> None:
    """Receipts and replies of `account`: committed when this returns. Raises when they could not be kept."""
    with suite.database.write(account.workspace) as tx:
        feedback.take_receipts(suite, tx, account, [one for one in words if isinstance(one, Receipt)])
        for one in words:
            if isinstance(one, PhoneReply):
                feedback.take_reply(suite, tx, account, one)
    suite.wake()


def _wanted(suite: Suite) -> Mapping[str, tuple[Listens, Account]]:
    """An account that is held for a while still hears what became of its messages."""
    listeners = {slug: provider for slug, provider in suite.providers.items() if isinstance(provider, Listens)}
    if not listeners:
        return {}
    with suite.database.read() as tx:
        rows = accounts.listed(tx, suite.vault, suite.public_url, providers=listeners)
    return {row.account.id: (listeners[row.account.provider], row.account) for row in rows}
