"""It leaves: claim a batch, let go of the database, speak, record the batch. One transaction a turn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from core import traces
from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Outcome,
    Outgoing,
    Provider,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain import breaker
from core.domain.breaker import Standing, Tally
from core.domain.channels import message_of
from core.domain.content import NEXT_CHANNEL
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.pumping import PROVIDERS_WORD
from core.domain.reach import Ability
from core.domain.reasons import Reason
from core.domain.retries import next_attempt
from core.engine import approving, feedback, notices, reaching, routes, trail
from core.engine.guarding import Guard
from core.engine.journal import Journal
from core.engine.routes import Gathered
from core.ids import new_id
from core.storage import accounts, house, outbox, reach, tally
from core.storage.database import Transaction
from core.storage.outbox import Claimed, Result
from core.suite import Suite

BATCH = 256
"""Messages of a turn, at most; and so those in doubt after a death without a journal."""
FIRST_BATCH = 64
QUICK, SLOW = timedelta(milliseconds=100), timedelta(milliseconds=250)
"""A turn that was quicker than that may be twice as large the next time; a slower one is halved, so that what is urgent
does not wait for it."""
LEASE = timedelta(minutes=2)
MARGIN = timedelta(seconds=30)
TELLS_EVERY = 5.0
"""Seconds after which what an account did well is written down; anything else at once."""
LOOK_UP_AFTER = timedelta(seconds=5)
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
        self._size = FIRST_BATCH
        self._guard = Guard()
        self._seen: dict[str, tuple[str, Tally]] = {}
        self._told_at: dict[str, float] = {}
        self._forget()

    def _forget(self) -> None:
        """What the last turn gave is in the database, or was never known."""
        self._unrecorded: list[Result] = []
        self._told: set[str] = set()
        self._tried: set[str] = set()
        self._alone: set[str] = set()
        self._refused: list[tuple[Claimed, str, Refused]] = []
        self._doubted: set[tuple[str, str]] = set()
        self._learnt: dict[tuple[str, str], list[tuple[Ability, datetime]]] = {}
        self._calls = tally.Tally()

    def turn(self) -> int:
        """One batch. Returns how many messages it held; 0 when nothing is due.

        Raises `DatabaseAway`: then what is known and not recorded yet is kept for the next turn.
        """
        now = self.suite.now()
        # Measured by the clock that nobody turns, and from before the claim: a worker that was stopped for minutes
        # (a laptop's lid, a move of its machine) no longer owns what it claimed, whatever it remembers.
        self._spoke_by = time.monotonic() + (LEASE - MARGIN).total_seconds()
        with self.suite.database.write() as tx:
            written = self._record(tx, now)
            claimed = outbox.claim(tx, now, self._size, owner=self.owner, lease=LEASE)
            facts = routes.gathered(self.suite, tx, claimed, now) if claimed else Gathered()
            facts.judged = self._guard.turn(
                tx, written, claimed, facts.settings, partial(self._judged, gathered=facts, now=now), now
            )
            if facts.careful:
                for one in claimed:
                    if one.id not in facts.judged:
                        facts.judged[one.id] = self._judged(one, facts, now)
                routes.careful(self.suite, tx, claimed, facts, now)
        self._over()
        trail.recorded(written)
        if not claimed:
            return 0
        began = time.monotonic()
        self._unrecorded = self._spoken(claimed, facts)
        self._size = _next_size(self._size, len(claimed), timedelta(seconds=time.monotonic() - began))
        return len(claimed)

    def rest(self) -> None:
        """Records what the last turn gave."""
        if self._unrecorded:
            now = self.suite.now()
            with self.suite.database.write() as tx:
                written = self._record(tx, now)
                self._guard.recorded(tx, written, now)
            self._over()
            trail.recorded(written)

    def _over(self) -> None:
        for account_id in self._told:
            self._seen.pop(account_id, None)
            self._told_at[account_id] = time.monotonic()
        self._forget()
        self._guard.over()
        self._begun.clear()
        if self._journal:
            self._journal.batch_over()

    def _record(self, tx: Transaction, now: datetime) -> Sequence[Result]:
        results = self._unrecorded
        if not results:
            return ()
        written = outbox.record(tx, results, now)
        # Counted anew each time: a transaction that failed has counted nothing.
        counted = tally.Tally(self._calls)
        _count(counted, results, written, now)
        counted.into(tx)
        self._tell_accounts(tx, now)
        for workspace, account_id in sorted(self._doubted):
            approving.doubted(Transaction(tx.connection, workspace), account_id, now)
        for (workspace, agent), said in sorted(self._learnt.items()):
            reach.learn(Transaction(tx.connection, workspace), agent, said)
        for message, account_id, refused in self._refused:
            feedback.refused(Transaction(tx.connection, message.workspace), message, account_id, refused, now)
        feedback.settle_early_receipts(self.suite, tx, results, now)
        notices.messages_changed(tx, [(one.message.workspace, one.message.id, one.state) for one in written], now)
        return written

    def _tell_accounts(self, tx: Transaction, now: datetime) -> None:
        """What was seen of the accounts, for all senders to know: trouble at once, the rest now and then."""
        for account_id in sorted(self._seen):
            workspace, seen = self._seen[account_id]
            news = seen.bad or seen.slow or seen.waits is not None or account_id in self._tried
            if not news and time.monotonic() - self._told_at.get(account_id, 0.0) < TELLS_EVERY:
                continue
            self._told.add(account_id)
            before, then = accounts.judged(
                tx, account_id, seen, now, tried=account_id in self._tried, alone=account_id in self._alone
            )
            if before.reason is None and then.reason is not None:
                log.warning("provider account held", account=account_id, code=then.reason.code)
                mine = Transaction(tx.connection, workspace)
                house.note(mine, "engine", "account_held", account_id, {"code": then.reason.code}, now)
                notices.account_held(mine, account_id, then.reason, now)
            elif before.reason is not None and then.reason is None:
                outbox.hurry(tx, account_id, now)

    def _spoken(self, claimed: Sequence[Claimed], gathered: Gathered) -> list[Result]:
        now = self.suite.now()
        results: list[Result] = []
        self._tried, self._alone = gathered.taken, gathered.alone
        # The built-in simulator has the same name in every workspace, and phones of its own in each.
        leaving: dict[tuple[str, str], tuple[Account, Provider, list[Claimed]]] = {}
        for message in claimed:
            route = gathered.judged.get(message.id) or self._judged(message, gathered, now)
            if isinstance(route, Account):
                by = self.suite.providers[route.provider]
                leaving.setdefault((route.workspace, route.id), (route, by, []))[2].append(message)
            else:
                results.append(route)
        for account, provider, messages in leaving.values():
            results.extend(self._handed_over(account, provider, messages, gathered))
        return results

    def _judged(self, message: Claimed, gathered: Gathered, now: datetime) -> Account | Result:
        try:
            return routes.way(self.suite, message, gathered, now)
        except Exception:
            # One message that nobody can judge must not keep the others waiting, nor leave unjudged.
            log.exception("message not understood", message=message.id)
            at = next_attempt(timedelta(minutes=1), message.tries, now, message.expires_at)
            state = State.EXPIRED if at is None else State.SCHEDULED
            return Result(message, state, Reason("engine_failed"), attempt="later", due_at=at)

    def _handed_over(
        self, account: Account, provider: Provider, messages: list[Claimed], gathered: Gathered
    ) -> list[Result]:
        results: list[Result] = []
        left = messages
        # After trouble, one message goes ahead and tells whether a few may follow, and they whether all.
        sizes = [1, max(1, provider.batch_size // 10)] if account.id in gathered.taken else []
        while left:
            size = sizes.pop(0) if sizes else provider.batch_size
            chunk, left = left[:size], left[size:]
            began = self.suite.now()
            outgoing = [routes.outgoing(self.suite, message, account, gathered, began) for message in chunk]
            outcomes = self._outcomes(provider, account, outgoing)
            then = self.suite.now()
            until = self._judge(account, outcomes, then - began, gathered, then)
            results += [
                self._result(message, account, provider, outcome, gathered, then)
                for message, outcome in zip(chunk, outcomes, strict=True)
            ]
            if until is not None and left:
                return results + [self._put_back(one, account, until, gathered, then) for one in left]
        return results

    def _put_back(
        self, message: Claimed, account: Account, until: datetime, gathered: Gathered, now: datetime
    ) -> Result:
        row = gathered.rows.get(account.id)
        held = Reason("account_held", {"account": row.name if row else account.provider})
        if routes.elsewhere(self.suite, message, account.id, gathered, now):
            until = now
        return routes.resting(message, held, until)

    def _outcomes(self, provider: Provider, account: Account, outgoing: list[Outgoing]) -> list[Outcome]:
        began = time.monotonic()
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
        finally:
            took = timedelta(seconds=time.monotonic() - began)
            self._calls.observe(tally.CALLS, tally.CALL_BOUNDS, took, provider.slug)
        return outcomes

    def _begin(self, reference: str) -> None:
        """Just before the first byte of `reference`. Raises when the lease is nearly over: it is not ours any more."""
        if time.monotonic() > self._spoke_by:
            raise TimeoutError("the lease is over")
        if self._journal:
            self._journal.begun(message_of(reference)[0])
        self._begun.add(reference)

    def _judge(
        self, account: Account, outcomes: Sequence[Outcome], took: timedelta, gathered: Gathered, now: datetime
    ) -> datetime | None:
        """Until when the account is left in peace; None when it is well. Whoever asks us to wait asks for all that
        would leave by the same account, and who is away is asked by one message a minute, not by all of them."""
        seen = _tally(outcomes, took)
        if time.monotonic() > self._spoke_by:
            # It is we who were away.
            return None
        known = gathered.breakers.get(account.id)
        if known is None:
            return None
        before = self._seen.get(account.id)
        self._seen[account.id] = (account.workspace, before[1].plus(seen) if before else seen)
        tried, alone = account.id in gathered.taken, account.id in gathered.alone
        then = gathered.breakers[account.id] = breaker.judged(known, seen, now, tried=tried, alone=alone)
        return then.until if then.standing(now) is Standing.SHUT and not then.soft else None

    def _result(
        self,
        message: Claimed,
        account: Account,
        provider: Provider,
        outcome: Outcome,
        gathered: Gathered,
        now: datetime,
    ) -> Result:
        said = partial(Result, message, account=account.id, provider=provider.slug, channel=message.channel)
        self._learn(message, account, outcome, gathered, now)
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
                if at is not None and message.tries == 0 and self._elsewhere(message, account, gathered, now):
                    at = now
                state = State.EXPIRED if at is None else State.SCHEDULED
                return said(state, outcome.reason, attempt="later", due_at=at)
            case Refused():
                if outcome.reason.code in approving.DOUBTED:
                    self._doubted.add((message.workspace, account.id))
                if outcome.opt_out or outcome.dead_number or outcome.reason.code == PROVIDERS_WORD:
                    self._refused.append((message, account.id, outcome))
                if outcome.reason.code in NEXT_CHANNEL and message.next_channel is not None:
                    return said(State.SCHEDULED, outcome.reason, attempt="refused", by_next=True)
                return said(State.FAILED, outcome.reason, attempt="refused")
            case AccountTrouble():
                until = now if self._elsewhere(message, account, gathered, now) else now + outcome.after
                return said(State.SCHEDULED, outcome.reason, attempt="account", due_at=until, counts=False)
            case Uncertain():
                look_up_at = _first_look_up(provider, message.message_class, now)
                return said(State.UNCERTAIN, outcome.reason, attempt="uncertain", look_up_at=look_up_at)

    def _learn(self, message: Claimed, account: Account, outcome: Outcome, gathered: Gathered, now: datetime) -> None:
        """A message by RCS teaches whether its phone is reached."""
        if message.channel is not Channel.RCS:
            return
        phone = gathered.phone(self.suite, message, account)
        refused = isinstance(outcome, Refused) and outcome.reason.code == reaching.UNREACHABLE
        if refused or (isinstance(outcome, Accepted) and phone is not None and not phone.reachable):
            agent = reaching.agent_of(self.suite.providers.get(account.provider), account)
            ability = Ability(message.to, not refused)
            self._learnt.setdefault((message.workspace, agent), []).append((ability, now))

    def _elsewhere(self, message: Claimed, account: Account, gathered: Gathered, now: datetime) -> bool:
        return routes.elsewhere(self.suite, message, account.id, gathered, now)


def _tally(outcomes: Sequence[Outcome], took: timedelta) -> Tally:
    """What a call says of the account that it went to."""
    faults: list[AccountTrouble | TryLater] = [one for one in outcomes if isinstance(one, AccountTrouble)]
    waits = faults or [one for one in outcomes if isinstance(one, TryLater) and not one.alone]
    good = sum(isinstance(one, Accepted | Refused) or (isinstance(one, TryLater) and one.alone) for one in outcomes)
    bad = sum(isinstance(one, Uncertain) for one in outcomes)
    # A call that seems to have taken longer than any can is one during which a clock was turned.
    slow = good if breaker.SLOW_CALL <= took <= LEASE else 0
    if not waits:
        return Tally(good, bad, slow)
    longest = max(waits, key=lambda one: one.after)
    return Tally(good, bad, slow, longest.after, len(waits) == len(outcomes), longest.reason, bool(faults))


def _count(counted: tally.Tally, results: Sequence[Result], written: Sequence[Result], now: datetime) -> None:
    """What a batch tells those who watch: each attempt, and how late each message was handed over."""
    for one in results:
        if one.attempt:
            counted.count("attempts", one.provider, str(one.channel), str(one.message.message_class), one.attempt)
    for one in written:
        traces.span("handed over", one.message.id, now, state=str(one.state), provider=one.provider)
        if one.state is State.SENT:
            late = now - one.message.due_at
            counted.observe(tally.LATENESS, tally.LATENESS_BOUNDS, late, str(one.message.message_class))


def _first_look_up(provider: Provider, klass: MessageClass, now: datetime) -> datetime | None:
    if provider.can_look_up or provider.idempotent:
        return now + LOOK_UP_AFTER
    return now + OTP_WAITS if klass is MessageClass.OTP else None


def _next_size(size: int, had: int, took: timedelta) -> int:
    """How many messages the next turn claims, after one of `had` of at most `size` that took so long."""
    if took > SLOW:
        return max(size // 2, FIRST_BATCH)
    return min(size * 2, BATCH) if had == size and took < QUICK else size
