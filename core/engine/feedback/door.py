"""It comes back by HTTP: what a provider posts is proven, kept and taken, and its answer written."""

from __future__ import annotations

from core.contract import Inbound, PhoneReply, Receipt, Reply, Speaks
from core.domain.approved import News
from core.domain.errors import NotAuthentic, NotFound, Unreadable
from core.domain.messages import State
from core.engine import approving, calling
from core.engine.feedback.receipts import confirmed, take_receipts
from core.engine.feedback.replies import take_reply
from core.secrets import same
from core.storage import accounts, inbox
from core.storage.database import Transaction
from core.suite import Suite


def receive(suite: Suite, account_id: str, secret: str, topic: str, request: Inbound) -> Reply:
    """A request on `/providers/<account>/receipts|replies/<secret>`. Raises `NotAuthentic` (nothing kept).

    What cannot be read is kept and answered 2xx: it will never get better, and providers would send it for days.
    """
    with suite.database.read() as tx:
        row = accounts.get(tx, suite.vault, account_id, suite.public_url)
    expected = (
        (row.account.receipts_url if topic == "receipts" else row.account.replies_url).rpartition("/")[2] if row else ""
    )
    if row is None or not same(secret, expected) or not expected:
        raise NotAuthentic("no such account, or a wrong secret")
    account = row.account
    provider = suite.providers.get(account.provider)
    if provider is None:
        raise NotFound("provider")
    if (answer := provider.handshake(request, account)) is not None:
        return answer
    provider.verify(request, account)
    asked = provider.asked(request, account) if isinstance(provider, Speaks) else None
    try:
        words = provider.read(request, account)
    except Unreadable as error:
        with suite.database.write(account.workspace) as tx:
            inbox.keep(
                tx, request, account.provider, "unreadable", account=account.id, source=topic, trouble=error.reason
            )
        return provider.words(request, account, None) if isinstance(provider, Speaks) and asked else Reply(200)
    receipts = [one for one in words if isinstance(one, Receipt)]
    receipts = [confirmed(provider, account, one, suite.now()) for one in receipts]
    with suite.database.write(account.workspace) as tx:
        inbox.keep(tx, request, account.provider, "read", account=account.id, source=topic)
        spoken = calling.spoken(tx, account.id, asked, suite.now()) if asked else None
        if asked and spoken is None:
            # Somebody answered, and will hear nothing.
            receipts = [one for one in receipts if one.state is not State.DELIVERED]
        take_receipts(suite, tx, account, receipts)
        for one in words:
            if isinstance(one, PhoneReply):
                take_reply(suite, tx, account, one)
                spoken = spoken and calling.after_key(tx, account.id, spoken, one)
        approving.heard(tx, account, [one for one in words if isinstance(one, News)], suite.now())
    suite.wake()
    return provider.words(request, account, spoken) if isinstance(provider, Speaks) and asked else Reply(200)


def replay_in(suite: Suite, tx: Transaction, inbox_id: str) -> str:
    """Reads a provider's kept request again, after a fix; its new state. What was taken before changes nothing.
    Raises `NotFound`."""
    kept = inbox.get(tx, inbox_id)
    row = accounts.get(tx, suite.vault, kept["account"], suite.public_url) if kept and kept["account"] else None
    provider = suite.providers.get(row.account.provider) if row else None
    if kept is None or row is None or provider is None:
        raise NotFound("inbox entry")
    state, trouble = "read", None
    words: tuple[Receipt | PhoneReply | News, ...] = ()
    try:
        words = provider.read(Inbound.read(kept["request"]), row.account)
    except Unreadable as error:
        state, trouble = "unreadable", error.reason
    take_receipts(suite, tx, row.account, [one for one in words if isinstance(one, Receipt)])
    for one in words:
        if isinstance(one, PhoneReply):
            take_reply(suite, tx, row.account, one)
    approving.heard(tx, row.account, [one for one in words if isinstance(one, News)], suite.now())
    inbox.replayed(tx, inbox_id, state, trouble, suite.now())
    return state
