"""It leaves: claim a batch, let go of the database, speak, record the batch. One transaction a turn."""

from __future__ import annotations

import time
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
    Seeks,
    TryLater,
    Uncertain,
)
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.last_look import Facts, Go, last_look
from core.domain.messages import Channel, MessageClass, State, is_stale
from core.domain.policy.decision import Policy
from core.domain.reasons import Reason
from core.domain.retries import next_attempt
from core.engine import feedback, notices
from core.engine.journal import Journal, alive, dead
from core.engine.singly import singly
from core.ids import new_id
from core.storage import accounts, house, installations, outbox, people
from core.storage.database import Transaction
from core.storage.outbox import Claimed, Doubtful, Result
from core.suite import Suite

BATCH = 64
LEASE = timedelta(minutes=2)
MARGIN = timedelta(seconds=30)
SHORT = timedelta(seconds=1)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=1)
LOOK_UP_AFTER = timedelta(seconds=5)
ASK_AGAIN = timedelta(seconds=30)
ASKS_FOR = timedelta(seconds=20)
LOOKED_UP_AT_ONCE = 8
MOST_LOOK_UPS = 200
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
        self._spoke_by = 0.0
        self._begun: set[str] = set()
        self._forget()

    def _forget(self) -> None:
        """What the last turn gave is in the database, or was never known."""
        self._unrecorded: list[Result] = []
        self._troubles: dict[str, tuple[str, Reason, datetime]] = {}
        self._well: set[str] = set()
        self._refused: list[tuple[Claimed, str, Refused]] = []

    def turn(self) -> int:
        """One batch. Returns how many messages it held; 0 when nothing is due.

        Raises `DatabaseAway`: then what is known and not recorded yet is kept for the next turn.
        """
        now = self.suite.now()
        # Measured by the clock that nobody turns, and from before the claim: a worker that was stopped for minutes
        # (a laptop's lid, a move of its machine) no longer owns what it claimed, whatever it remembers.
        self._spoke_by = time.monotonic() + (LEASE - MARGIN).total_seconds()
        with self.suite.database.write() as tx:
            self._record(tx, now)
            claimed = outbox.claim(tx, now, BATCH, owner=self.owner, lease=LEASE)
            facts = _gathered(self.suite, tx, claimed) if claimed else None
        self._over()
        if facts is None:
            return 0
        self._unrecorded = self._spoken(claimed, facts)
        return len(claimed)

    def rest(self) -> None:
        """Records what the last turn gave."""
        if self._unrecorded:
            with self.suite.database.write() as tx:
                self._record(tx, self.suite.now())
            self._over()

    def _over(self) -> None:
        self._forget()
        self._begun.clear()
        if self._journal:
            self._journal.batch_over()

    def _record(self, tx: Transaction, now: datetime) -> None:
        results = self._unrecorded
        if not results:
            return
        written = outbox.record(tx, results, now)
        for account_id in self._well:
            accounts.well(tx, account_id)
        for account_id, (workspace, reason, until) in self._troubles.items():
            if accounts.hold(tx, account_id, reason, until) and reason.values.get("times", 1) == 1:
                log.warning("provider account held", account=account_id, code=reason.code)
                house.note(
                    Transaction(tx.connection, workspace),
                    "engine",
                    "account_held",
                    account_id,
                    {"code": reason.code},
                    now,
                )
        for message, account_id, refused in self._refused:
            feedback.refused(Transaction(tx.connection, message.workspace), message, account_id, refused, now)
        feedback.settle_early_receipts(self.suite, tx, results, now)
        notices.messages_changed(tx, [(one.message.workspace, one.message.id, one.state) for one in written], now)

    def _spoken(self, claimed: Sequence[Claimed], gathered: _Gathered) -> list[Result]:
        now = self.suite.now()
        results: list[Result] = []
        routes: dict[str, tuple[Account, Provider, list[Claimed]]] = {}
        for message in claimed:
            try:
                route = _way(self.suite, message, gathered, now)
            except Exception:
                # One message that nobody can judge must not keep the others waiting, nor leave unjudged.
                log.exception("message not understood", message=message.id)
                at = next_attempt(timedelta(minutes=1), message.tries, now, message.expires_at)
                state = State.EXPIRED if at is None else State.SCHEDULED
                route = Result(message, state, Reason("engine_failed"), attempt="later", due_at=at)
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
        troubled = gathered.troubled.get(account.id)
        results: list[Result] = []
        left = messages
        while left:
            # After trouble, one message goes ahead and tells whether the others may follow.
            size = 1 if troubled is not None and not results else provider.batch_size
            chunk, left = left[:size], left[size:]
            outgoing = [_outgoing(message, gathered.policies[message.workspace]) for message in chunk]
            outcomes = self._outcomes(provider, account, outgoing)
            then = self.suite.now()
            results += [
                self._result(message, account, provider, outcome, then)
                for message, outcome in zip(chunk, outcomes, strict=True)
            ]
            if (until := self._pause(account, outcomes, troubled, then)) is not None:
                held = Reason("account_held", {"account": gathered.names.get(account.id, provider.name)})
                return results + [Result(one, State.SCHEDULED, held, due_at=until, counts=False) for one in left]
        return results

    def _outcomes(self, provider: Provider, account: Account, outgoing: list[Outgoing]) -> list[Outcome]:
        try:
            outcomes = provider.send(account, outgoing, self.suite.now(), self._begin)
            if len(outcomes) != len(outgoing):
                raise ValueError(f"{len(outcomes)} outcomes for {len(outgoing)} messages")
        except Exception as error:
            # A provider never raises; one that does has still spoken about what it had begun.
            log.exception("provider raised", provider=provider.slug)
            why = Reason("provider_failed", {"detail": type(error).__name__})
            return [
                Uncertain(why) if one.reference in self._begun else TryLater(timedelta(minutes=1), why)
                for one in outgoing
            ]
        return outcomes

    def _begin(self, reference: str) -> None:
        """Just before the first byte of `reference`. Raises when the lease is nearly over: it is not ours any more."""
        if time.monotonic() > self._spoke_by:
            raise TimeoutError("the lease is over")
        if self._journal:
            self._journal.begun(reference)
        self._begun.add(reference)

    def _pause(
        self, account: Account, outcomes: Sequence[Outcome], troubled: int | None, now: datetime
    ) -> datetime | None:
        """Until when the account is left in peace; None when it is well. Whoever asks us to wait asks for all that
        would leave by the same account, and who is away is asked by one message a minute, not by all of them."""
        if account.id in self._troubles:
            return self._troubles[account.id][2]
        waits = [one for one in outcomes if isinstance(one, TryLater)]
        if not waits or time.monotonic() > self._spoke_by:
            if troubled is not None and not waits:
                self._well.add(account.id)
            return None
        longest = max(waits, key=lambda one: one.after)
        times = (troubled or 0) + 1 if len(waits) == len(outcomes) else 1
        own = SHORT if times == 1 else min(FIRST_PAUSE * 2 ** min(times - 2, 10), LONGEST_PAUSE)
        until = now + max(longest.after, own)
        reason = Reason(longest.reason.code, {**longest.reason.values, "times": times})
        self._troubles[account.id] = (account.workspace, reason, until)
        return until

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
                at = next_attempt(outcome.after, message.tries, now, message.expires_at)
                state = State.EXPIRED if at is None else State.SCHEDULED
                return said(state, outcome.reason, attempt="later", due_at=at)
            case Refused():
                if outcome.opt_out or outcome.dead_number:
                    self._refused.append((message, account.id, outcome))
                return said(State.FAILED, outcome.reason, attempt="refused")
            case AccountTrouble():
                until = now + outcome.after
                self._troubles.setdefault(account.id, (message.workspace, outcome.reason, until))
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
    names: dict[str, str] = field(default_factory=dict)
    troubled: dict[str, int] = field(default_factory=dict)
    """account → how often in a row it put us off; those that are not in trouble are not in it."""


def _gathered(suite: Suite, tx: Transaction, claimed: Sequence[Claimed]) -> _Gathered:
    """A few queries for the whole batch, in the transaction that claimed it."""
    found = _Gathered(installations=installations.states(tx, {one.installation for one in claimed if one.installation}))
    for workspace in {one.workspace for one in claimed}:
        mine = Transaction(tx.connection, workspace)
        known = house.workspace(tx, workspace)
        standings, zones = people.standings(tx, workspace, {one.to for one in claimed if one.workspace == workspace})
        found.policies[workspace] = house.policy(known["settings"] if known else {}, standings, zones)
        found.accounts[workspace] = accounts.listed(mine, suite.vault, suite.public_url)
        for way in found.accounts[workspace]:
            found.names[way.account.id] = way.name
            if way.trouble is not None:
                found.troubled[way.account.id] = int(way.trouble.values.get("times", 0))
    return found


def _way(suite: Suite, message: Claimed, gathered: _Gathered, now: datetime) -> Account | Result:
    """The last look, and the account by which it leaves if it may."""
    verdict = last_look(
        message.to,
        message.country,
        message.channels[0],
        message.message_class,
        expires_at=message.expires_at,
        sender=message.sender,
        asks=message.asks,
        installation=message.installation,
        facts=Facts(gathered.policies[message.workspace], gathered.installations.get(message.installation or "")),
        now=now,
    )
    if not isinstance(verdict, Go):
        return Result(message, verdict.state, verdict.reason, due_at=verdict.due_at, held_by=verdict.held_by)
    return _route(message, gathered.accounts[message.workspace], suite, now)


def _route(message: Claimed, ways: Sequence[accounts.Row], suite: Suite, now: datetime) -> Account | Result:
    """The account by which a message leaves: the first that takes its channel and country and is well."""
    usable = [way for way in ways if way.account.provider in suite.providers]
    if (bound := message.held_by) is not None and bound.startswith("account:"):
        # It may have it already, and only it will notice: no other account gets a message that is in doubt.
        usable = [way for way in usable if f"account:{way.account.id}" == bound]
        if bound == f"account:{accounts.SIMULATOR}":
            return accounts.simulator(message.workspace)
        if not usable:
            return Result(message, State.UNCERTAIN, Reason("account_gone"))
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
    if (well := next((way for way in fitting if _is_well(way, now)), None)) is not None:
        return well.account
    back = min((way.held_until for way in fitting if way.held_until), default=now + timedelta(minutes=5))
    again = max(back, now + timedelta(seconds=5))
    return Result(message, State.SCHEDULED, Reason("account_held", {"account": fitting[0].name}), due_at=again)


def _is_well(way: accounts.Row, now: datetime) -> bool:
    """Whether it takes messages now; a pause that is over need not wait for the tick that says so."""
    return way.state == "active" or (way.state == "held" and way.held_until is not None and way.held_until <= now)


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
                doubted = [one for one in left if begun is None or one[0] in begun]
                outbox.doubt(tx, doubted, Reason("sender_died"), now)
                outbox.not_begun(tx, [one for one in left if one not in doubted], Reason("not_begun"), now)
                count += len(left)
            path.unlink(missing_ok=True)
    # A sender that lives on this machine will say itself what became of its messages, however far a clock was turned.
    living = alive(journals) if journals is not None else frozenset()
    with suite.database.write() as tx:
        left = outbox.orphaned(tx, now, alive=living)
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
            sought = handed_over(one.id, one.to, one.text, one.message_class, test=one.test)
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
    return _settled(
        suite, one, now + ASK_AGAIN if provider.can_look_up and now - one.left_at < GIVE_UP_LOOKING else None
    )


def ask_about(
    provider: Provider, account: Account, message: Outgoing, now: datetime, *, asked: datetime
) -> Receipt | None:
    """What the provider says of `message`, by our reference or, where it keeps none, by its words. Raises as
    `Provider.look_up` does."""
    if isinstance(provider, Seeks):
        return provider.seek(account, message, now, asked=asked)
    return provider.look_up(account, message.reference, now, asked=asked)


def handed_over(reference: str, to: str, text: str, klass: MessageClass, *, test: bool) -> Outgoing:
    """A message as it was handed over, as far as it can be known again by that."""
    marketing = klass is MessageClass.MARKETING
    return Outgoing(reference, to, text, Channel.SMS, klass, encoding="", stop_mention=marketing, test=test)


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


def _again(suite: Suite, one: Doubtful, reason: Reason, *, by: str | None = None) -> None:
    now = suite.now()
    with suite.database.write(one.workspace) as tx:
        if is_stale(one.expires_at, now):
            outbox.advance(tx, one.id, one.workspace, State.EXPIRED, Reason("stale"), now, owner=one.owner)
        else:
            bound = f"account:{by}" if by else None
            again = {"due_at": now, "left_at": None, "held_by": bound}
            outbox.advance(tx, one.id, one.workspace, State.SCHEDULED, reason, now, owner=one.owner, **again)
    suite.wake()


def _settled(suite: Suite, one: Doubtful, again: datetime | None) -> None:
    with suite.database.write(one.workspace) as tx:
        outbox.ask_again(tx, one, again)

