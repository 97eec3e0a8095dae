"""It leaves: claim a batch, let go of the database, speak, record the batch. One transaction a turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Gone,
    Outcome,
    Outgoing,
    Provider,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.last_look import Facts, Go, last_look
from core.domain.messages import MessageClass, State, is_stale
from core.domain.policy.decision import Policy
from core.domain.reasons import Reason
from core.domain.retries import next_attempt
from core.engine import feedback, notices
from core.engine.journal import Journal, dead
from core.ids import new_id
from core.storage import accounts, house, installations, outbox, people
from core.storage.database import Transaction
from core.storage.outbox import Claimed, Doubtful, Result
from core.suite import Suite

BATCH = 64
LEASE = timedelta(minutes=2)
LOOK_UP_AFTER = timedelta(seconds=5)
ASK_AGAIN = timedelta(seconds=30)
GIVE_UP_LOOKING = timedelta(hours=24)
OTP_WAITS = timedelta(seconds=60)
log = structlog.get_logger(__name__)


def run_due(suite: Suite, *, journal: Journal | None = None) -> int:
    """Sends all that is due now, batch by batch. Returns how many messages were handed over or settled."""
    sender = Sender(suite, journal)
    count = 0
    while turned := sender.turn():
        count += turned
    sender.rest()
    return count


class Sender:
    """One thread's way of sending: it records a batch and claims the next one in the same transaction."""

    def __init__(self, suite: Suite, journal: Journal | None = None) -> None:
        self.suite = suite
        self.owner = journal.owner if journal else new_id("own")
        self._journal = journal
        self._unrecorded: list[Result] = []
        self._troubles: dict[str, tuple[str, Reason, datetime]] = {}

    def turn(self) -> int:
        """One batch. Returns how many messages it held; 0 when nothing is due."""
        now = self.suite.now()
        with self.suite.database.write() as tx:
            self._record(tx, now)
            claimed = outbox.claim(tx, now, BATCH, owner=self.owner, lease=LEASE)
            facts = _gathered(self.suite, tx, claimed) if claimed else None
        if self._journal:
            self._journal.batch_over()
        if facts is None:
            return 0
        self._unrecorded = self._spoken(claimed, facts)
        return len(claimed)

    def rest(self) -> None:
        """Records what the last turn gave."""
        if self._unrecorded:
            with self.suite.database.write() as tx:
                self._record(tx, self.suite.now())
            if self._journal:
                self._journal.batch_over()

    def _record(self, tx: Transaction, now: datetime) -> None:
        results, self._unrecorded = self._unrecorded, []
        if not results:
            return
        outbox.record(tx, results, now)
        for account_id, (workspace, reason, until) in self._troubles.items():
            if accounts.hold(tx, account_id, reason, until):
                log.warning("provider account held", account=account_id, code=reason.code)
                house.note(
                    Transaction(tx.connection, workspace),
                    "engine",
                    "account_held",
                    account_id,
                    {"code": reason.code},
                    now,
                )
        self._troubles.clear()
        feedback.settle_early_receipts(self.suite, tx, results, now)
        notices.messages_changed(tx, [(one.message.workspace, one.message.id, one.state) for one in results], now)

    def _spoken(self, claimed: Sequence[Claimed], gathered: _Gathered) -> list[Result]:
        now = self.suite.now()
        results: list[Result] = []
        routes: dict[str, tuple[Account, Provider, list[Claimed]]] = {}
        for message in claimed:
            facts = Facts(gathered.policies[message.workspace], gathered.installations.get(message.installation or ""))
            verdict = last_look(
                message.to,
                message.country,
                message.channels[0],
                message.message_class,
                expires_at=message.expires_at,
                sender=message.sender,
                asks=message.asks,
                installation=message.installation,
                facts=facts,
                now=now,
            )
            if not isinstance(verdict, Go):
                results.append(
                    Result(message, verdict.state, verdict.reason, due_at=verdict.due_at, held_by=verdict.held_by)
                )
                continue
            route = _route(message, gathered.accounts[message.workspace], self.suite, now)
            if isinstance(route, Account):
                routes.setdefault(route.id, (route, self.suite.providers[route.provider], []))[2].append(message)
            else:
                results.append(route)
        for account, provider, messages in routes.values():
            results.extend(self._handed_over(account, provider, messages, gathered))
        return results

    def _handed_over(
        self, account: Account, provider: Provider, messages: list[Claimed], gathered: _Gathered
    ) -> list[Result]:
        now = self.suite.now()
        outgoing = [_outgoing(message, gathered.policies[message.workspace]) for message in messages]
        begun = self._journal.begun if self._journal else _nothing
        outcomes: list[Outcome] = []
        for first in range(0, len(outgoing), provider.batch_size):
            outcomes.extend(provider.send(account, outgoing[first : first + provider.batch_size], now, begun))
        then = self.suite.now()
        return [
            self._result(message, account, provider, outcome, then)
            for message, outcome in zip(messages, outcomes, strict=True)
        ]

    def _result(
        self, message: Claimed, account: Account, provider: Provider, outcome: Outcome, now: datetime
    ) -> Result:
        said = partial(Result, message, account=account.id, provider=provider.slug, channel=message.channels[0])
        match outcome:
            case Accepted():
                return said(
                    State.SENT,
                    attempt="accepted",
                    provider_ref=outcome.reference,
                    price_micros=outcome.price_micros,
                    currency=outcome.currency,
                )
            case TryLater():
                at = next_attempt(outcome.after, message.tries, now, message.expires_at, message.due_at)
                state = State.EXPIRED if at is None else State.SCHEDULED
                return said(state, outcome.reason, attempt="later", due_at=at)
            case Refused():
                return said(State.FAILED, outcome.reason, attempt="refused")
            case AccountTrouble():
                until = now + outcome.after
                self._troubles[account.id] = (message.workspace, outcome.reason, until)
                return said(State.SCHEDULED, outcome.reason, attempt="account", due_at=until, counts=False)
            case Uncertain():
                look_up_at = _first_look_up(provider, message.message_class, now)
                return said(State.UNCERTAIN, outcome.reason, attempt="uncertain", look_up_at=look_up_at)


# ---------------------------------------------------------------------------------------------- what a batch needs


@dataclass(slots=True)
class _Gathered:
    policies: dict[str, Policy] = field(default_factory=dict)
    installations: Mapping[str, str] = field(default_factory=dict)
    accounts: dict[str, list[accounts.Row]] = field(default_factory=dict)


def _gathered(suite: Suite, tx: Transaction, claimed: Sequence[Claimed]) -> _Gathered:
    """A few queries for the whole batch, in the transaction that claimed it."""
    found = _Gathered(installations=installations.states(tx, {one.installation for one in claimed if one.installation}))
    for workspace in {one.workspace for one in claimed}:
        mine = Transaction(tx.connection, workspace)
        known = house.workspace(tx, workspace)
        standings, zones = people.standings(tx, workspace, {one.to for one in claimed if one.workspace == workspace})
        found.policies[workspace] = house.policy(known["settings"] if known else {}, standings, zones)
        found.accounts[workspace] = accounts.listed(mine, suite.vault, suite.public_url)
    return found


def _route(message: Claimed, ways: Sequence[accounts.Row], suite: Suite, now: datetime) -> Account | Result:
    """The account by which a message leaves: the first that takes its channel and country and is well."""
    usable = [way for way in ways if way.account.provider in suite.providers]
    if message.test:
        usable = [way for way in usable if suite.for_tests(way.account.provider)]
    if not usable:
        # Before a workspace has connected a provider, and for test keys: the phones in the browser.
        if message.test or not ways:
            return accounts.simulator(message.workspace)
        return Result(message, State.HELD, Reason("no_account"), held_by="account")
    channel = message.channels[0]
    fitting = [
        way
        for way in usable
        if channel in suite.providers[way.account.provider].channels
        and (not way.countries or message.country in way.countries)
        and (not way.channels or channel in way.channels)
    ]
    if not fitting:
        why = Reason("no_account_for", {"country": message.country, "channel": str(channel)})
        return Result(message, State.HELD, why, held_by="account")
    if (well := next((way for way in fitting if way.state == "active"), None)) is not None:
        return well.account
    back = min((way.held_until for way in fitting if way.held_until), default=now + timedelta(minutes=5))
    again = max(back, now + timedelta(seconds=5))
    return Result(message, State.SCHEDULED, Reason("account_held", {"account": fitting[0].name}), due_at=again)


def _outgoing(message: Claimed, policy: Policy) -> Outgoing:
    return Outgoing(
        reference=message.id,
        to=message.to,
        text=message.text,
        channel=message.channels[0],
        message_class=message.message_class,
        encoding=message.encoding,
        sender=message.sender or policy.sender,
        country=message.country,
        expires_at=message.expires_at,
        stop_mention=message.message_class is MessageClass.MARKETING,
        test=message.test,
    )


def _first_look_up(provider: Provider, klass: MessageClass, now: datetime) -> datetime | None:
    if provider.can_look_up or provider.idempotent:
        return now + LOOK_UP_AFTER
    return now + OTP_WAITS if klass is MessageClass.OTP else None


# ---------------------------------------------------------------------------------------------- doubt


def recover(suite: Suite, journals: Path | None) -> int:
    """What dead senders left behind: begun is in doubt, only claimed waits again. Returns how many there were."""
    now, count = suite.now(), 0
    if journals is not None:
        for owner, begun, path in dead(journals):
            with suite.database.write() as tx:
                left = outbox.orphaned(tx, now, owner=owner)
                outbox.doubt(tx, [one for one in left if one[0] in begun], Reason("sender_died"), now)
                outbox.not_begun(tx, [one for one in left if one[0] not in begun], Reason("not_begun"), now)
                count += len(left)
            path.unlink(missing_ok=True)
    with suite.database.write() as tx:
        left = outbox.orphaned(tx, now)
        outbox.doubt(tx, left, Reason("sender_died"), now)
    return count + len(left)


def look_up_due(suite: Suite) -> int:
    """Asks the providers what became of uncertain messages. Returns how many were asked about."""
    with suite.database.write() as tx:
        found = outbox.doubtful(tx, suite.now(), owner=new_id("own"))
    for one in found:
        _looked_up(suite, one)
    return len(found)


def _looked_up(suite: Suite, one: Doubtful) -> None:
    now = suite.now()
    with suite.database.read(one.workspace) as tx:
        account = _doubted_account(suite, tx, one)
    provider = suite.providers.get(account.provider) if account else None
    if account is None or provider is None:
        return _settled(suite, one, None)
    if provider.can_look_up:
        try:
            receipt = provider.look_up(account, one.id, now, asked=one.left_at)
        except Gone:
            return _again(suite, one, Reason("looked_up_gone"))
        except (NotNow, NeedsReconnect):
            receipt = None
        if receipt is not None:
            return _found(suite, one, account, receipt)
    elif provider.idempotent:
        return _again(suite, one, Reason("provider_is_idempotent"))
    elif one.message_class is MessageClass.OTP:
        return _again(suite, one, Reason("class_sends_again"))
    return _settled(
        suite, one, now + ASK_AGAIN if provider.can_look_up and now - one.left_at < GIVE_UP_LOOKING else None
    )


def _doubted_account(suite: Suite, tx: Transaction, one: Doubtful) -> Account | None:
    if one.account:
        return accounts.get_any(tx, one.account, suite.vault, suite.public_url)
    # Its sender died before it could say which way it took: there is a choice only if there are several.
    ways = [row.account for row in accounts.listed(tx, suite.vault, suite.public_url)]
    if one.test or not ways:
        return accounts.simulator(one.workspace)
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
        )
        notices.messages_changed(tx, [(one.workspace, one.id, state)], now)


def _again(suite: Suite, one: Doubtful, reason: Reason) -> None:
    now = suite.now()
    with suite.database.write(one.workspace) as tx:
        if is_stale(one.expires_at, now):
            outbox.advance(tx, one.id, one.workspace, State.EXPIRED, Reason("stale"), now)
        else:
            outbox.advance(tx, one.id, one.workspace, State.SCHEDULED, reason, now, due_at=now, left_at=None)
    suite.wake()


def _settled(suite: Suite, one: Doubtful, again: datetime | None) -> None:
    with suite.database.write(one.workspace) as tx:
        outbox.ask_again(tx, one.id, again)


def _nothing(reference: str) -> None:
    """No journal is kept: after a crash, the lease decides."""
