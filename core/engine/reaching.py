"""Whom a channel beside SMS reaches: asked ahead of time in batches, learnt from what is sent, and believed for days.

Nobody waits for it. A question that fails is asked again later, and the message itself teaches what was not known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from core.contract import Account, KnowsPhones, Provider, Receipt
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.messages import Channel, State
from core.domain.reach import Ability, Known, Reach
from core.engine.singly import singly
from core.ids import new_id
from core.storage import accounts, house, installations, reach
from core.storage.database import Transaction
from core.suite import Suite

EVERY = timedelta(seconds=20)
AHEAD = timedelta(hours=24)
"""Messages due within that time are asked about."""
ASKS_FOR = timedelta(minutes=2)
"""For so long an account's questions are one process's, even if that process dies."""
REST = timedelta(minutes=15)
"""After an account could not ask (its key, its rights)."""
UNREACHABLE = "channel_unreachable"
"""The code by which a provider says that the channel does not reach this phone."""
log = structlog.get_logger(__name__)


def agent_of(provider: Provider | None, account: Account) -> str:
    """Under which name an account's knowledge of phones is kept."""
    return provider.agent(account) if isinstance(provider, KnowsPhones) else account.id


def run_due(suite: Suite) -> int:
    """Asks about the phones of messages that leave within a day, those of each account in one batch. Returns how many
    phones became known."""
    knowing = {slug: one for slug, one in suite.providers.items() if isinstance(one, KnowsPhones)}
    now = suite.now()
    if not knowing:
        return 0
    with suite.database.glance() as glance:
        last = house.moment(glance, "phones_asked")
    if last is not None and last <= now < last + EVERY:
        return 0
    with suite.database.write() as tx:
        house.set_value(tx, "phones_asked", True, now)
        rows = accounts.listed(tx, suite.vault, suite.public_url, providers=knowing)
    learnt: list[int] = []
    singly(lambda row: learnt.append(_asked(suite, knowing[row.account.provider], row.account)),
           [row for row in rows if row.state == "active"])  # fmt: skip
    return sum(learnt)


def _asked(suite: Suite, provider: KnowsPhones, account: Account) -> int:
    now, mark, owner = suite.now(), f"reach:{account.id}", new_id("own")
    with suite.database.read(account.workspace) as tx:
        agent = provider.agent(account)
        numbers = reach.wanted(
            tx, agent, provider.asked_by, now, until=now + AHEAD, limit=provider.at_once,
            tests=suite.for_tests(account.provider),
        )  # fmt: skip
    if not numbers:
        return 0
    with suite.database.write() as tx:
        if not installations.seize(tx, mark, owner, now, ASKS_FOR):
            return 0
    try:
        found = provider.abilities(account, numbers, now)
    except (NotNow, NeedsReconnect) as error:
        log.warning("phones not asked about", account=account.id, code=error.reason.code)
        _rests(suite, mark, owner, error.after if isinstance(error, NotNow) else REST)
        return 0
    wanted = set(numbers)
    with suite.database.write(account.workspace) as tx:
        reach.learn(tx, agent, [(one, now) for one in found if one.number in wanted])
        installations.let_go(tx, mark, owner)
    return len(found)


def _rests(suite: Suite, mark: str, owner: str, pause: timedelta) -> None:
    """The lease that keeps others from asking stays for as long as the provider wants to be left in peace."""
    with suite.database.write() as tx:
        installations.seize(tx, mark, owner, suite.now(), pause)


def from_receipts(
    tx: Transaction, agent: str, told: Sequence[tuple[Collection[str], int, str, Receipt]]
) -> None:
    """What receipts say of phones: (the message's channels, which of them it speaks of, its number, the receipt)."""
    heard: list[tuple[Ability, datetime]] = []
    for channels, step, number, receipt in told:
        names = list(channels)
        if step >= len(names) or names[step] != Channel.RCS:
            continue
        if receipt.state in (State.DELIVERED, State.READ):
            heard.append((Ability(number, True), receipt.at))
        elif receipt.state is State.FAILED and receipt.reason is not None and receipt.reason.code == UNREACHABLE:
            heard.append((Ability(number, False), receipt.at))
    reach.learn(tx, agent, heard)


def batch(tx: Transaction, workspace: str, numbers: Collection[str], now: datetime) -> dict[tuple[str, str], Known]:
    """What is known of the phones of a batch that leaves."""
    return reach.known(tx, workspace, numbers, now) if numbers else {}


def foreseen(tx: Transaction, sends: Sequence[tuple[str, Sequence[Channel]]], now: datetime) -> Reach | None:
    """How many of the people to whom messages go by RCS first are known to be reached by it; None when none goes by
    RCS. `sends`: number and order of channels of each message."""
    numbers = {number for number, channels in sends if channels and channels[0] is Channel.RCS}
    return reach.counted(tx, numbers, now) if numbers else None
