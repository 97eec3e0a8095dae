"""The last look at a batch and the way of each message: what is known is read at once, then each one is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from core.contract import Account, LooksAgain, Outgoing, Rewards
from core.domain import approved, pacing, routing
from core.domain.approved import Shelf
from core.domain.breaker import Breaker, Standing
from core.domain.channels import reference_of, tries_until
from core.domain.content import usable
from core.domain.last_look import Facts, Go, Stay, last_look
from core.domain.messages import Channel, MessageClass, State, is_stale
from core.domain.policy.decision import Policy
from core.domain.policy.walltime import local
from core.domain.reach import Known, plainer
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.routing import Exit, Leaving, NoExit, Resting
from core.engine import calling, reaching
from core.storage import accounts, campaigns, feedback, house, installations, outbox, people
from core.storage import approved as templates
from core.storage import pacing as paces
from core.storage.database import Transaction
from core.storage.outbox import Claimed, Result
from core.suite import Suite

SHUT_FOR = timedelta(minutes=5)
SOONEST = timedelta(seconds=1)
CROWD = 16
"""Of a batch that waits for an account that is away, so many look again when it may be back. The others come later, or
when it is: looking at a hundred thousand every minute would be all that a sender does."""
CROWD_RESTS = timedelta(minutes=4)
URGENT = frozenset({MessageClass.OTP, MessageClass.TRANSACTIONAL})
LOOK_HOLDS = timedelta(minutes=5)
"""For so long the platform's word that a message is still wanted is good enough."""
WINDOW = timedelta(hours=24)
"""For so long after a person wrote there, WhatsApp takes free text."""
_NOTHING: Mapping[str, Any] = {}
_GO = Go()
Fits = tuple[Exit, ...] | NoExit | None


@dataclass(slots=True)
class Gathered:
    """What a batch needs to know. `judged`: message → its way, for those that were looked at already."""

    policies: dict[str, Policy] = field(default_factory=dict)
    settings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    judged: dict[str, Account | Result] = field(default_factory=dict)
    installations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """installation → its state and its adapter."""
    ways: dict[str, list[accounts.Row]] = field(default_factory=dict)
    rows: dict[str, accounts.Row] = field(default_factory=dict)
    breakers: dict[str, Breaker] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    """Accounts beside which their workspace has no other."""
    trials: set[str] = field(default_factory=set)
    """Accounts for which a message of this batch was chosen to try them."""
    taken: set[str] = field(default_factory=set)
    """Those of `trials` that are this sender's to try."""
    written_to: frozenset[tuple[str, str]] = frozenset()
    """(account, number) of people who wrote on WhatsApp in the last 24 hours."""
    phones: dict[str, dict[tuple[str, str], Known]] = field(default_factory=dict)
    """workspace → (agent, number) → what is known of that phone on RCS."""
    shelves: dict[str, Shelf] = field(default_factory=dict)
    """account → its approved templates, where they are known."""
    called: dict[tuple[str, str], dict[str, list[datetime]]] = field(default_factory=dict)
    """(workspace, number) → message → when it was called, where a law counts calls."""
    refused: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """(workspace, number) → when the person last said no, where a law remembers it."""
    resting: int = 0
    """How many of the batch wait for an account."""
    ends: dict[tuple[Any, ...], datetime | None] = field(default_factory=dict)
    """When the hours of advertising end, for all who are written to alike."""
    stopped: Mapping[str, str] = field(default_factory=dict)
    """campaign → "paused" or "cancelled", for those that are."""
    fits: dict[tuple[Any, ...], Fits] = field(default_factory=dict)
    going: set[tuple[Any, ...]] = field(default_factory=set)
    """What messages have in common that were let go; see `_looked_at`."""

    def phone(self, suite: Suite, message: Claimed, account: Account) -> Known | None:
        """What is known of the message's phone to the account that would carry it."""
        of_workspace = self.phones.get(message.workspace)
        if not of_workspace or message.channel is not Channel.RCS:
            return None
        return of_workspace.get((reaching.agent_of(suite.providers.get(account.provider), account), message.to))

    @property
    def careful(self) -> bool:
        """Whether somebody has to be asked before the batch may leave: a rate that is shared, an account that is not
        well."""
        return any(row.rate or row.rates for row in self.rows.values()) or any(
            one.until is not None or one.reason is not None or one.trying for one in self.breakers.values()
        )


def gathered(suite: Suite, tx: Transaction, claimed: Sequence[Claimed], now: datetime) -> Gathered:
    """A few queries for the whole batch, in the transaction that claimed it."""
    standing = installations.standing(tx, {one.installation for one in claimed if one.installation})
    found = Gathered(installations=standing)
    if ours := {one.campaign for one in claimed if one.campaign is not None and one.installation is None}:
        found.stopped = campaigns.stopped(tx, ours)
    for workspace in {one.workspace for one in claimed}:
        mine = Transaction(tx.connection, workspace)
        known = house.workspace(tx, workspace)
        standings, zones = people.standings(tx, workspace, {one.to for one in claimed if one.workspace == workspace})
        found.settings[workspace] = known["settings"] if known else {}
        found.policies[workspace] = house.policy(found.settings[workspace], standings, zones)
        found.ways[workspace] = rows = accounts.listed(mine, suite.vault, suite.public_url)
        for row in rows:
            found.rows[row.account.id], found.breakers[row.account.id] = row, row.breaker
        if len(rows) < 2:
            found.alone.update(row.account.id for row in rows)
        rich = {one.to for one in claimed if one.workspace == workspace and one.channel is Channel.RCS}
        if rich:
            found.phones[workspace] = reaching.batch(mine, workspace, rich, now)
        if any(one.workspace == workspace and one.channel is Channel.WHATSAPP for one in claimed):
            found.shelves |= templates.shelves(mine)
    asked = {one.to for one in claimed if one.channel is Channel.WHATSAPP}
    if any(one.channel is Channel.VOICE for one in claimed):
        found.called, found.refused = calling.counted(tx, claimed, now)
    if asked:
        found.written_to = feedback.written_lately(tx, Channel.WHATSAPP, asked, now - WINDOW)
    return found


def careful(suite: Suite, tx: Transaction, claimed: Sequence[Claimed], known: Gathered, now: datetime) -> None:
    """In the transaction of the claim: who may try an account that was in trouble, and whom a rate lets leave."""
    for account in sorted(known.trials):
        if accounts.try_one(tx, account, now):
            known.taken.add(account)
            continue
        # Another sender tries it: what it hears decides, in a moment.
        known.breakers[account] = replace(known.breakers[account], until=now + SOONEST, trying=True)
        known.fits.clear()
        for one in claimed:
            if (route := known.judged.get(one.id)) is not None and isinstance(route, Account) and route.id == account:
                known.judged[one.id] = way(suite, one, known, now)
    asked: list[paces.Asked] = []
    limited: list[Claimed] = []
    for one in claimed:
        route = known.judged.get(one.id)
        if not isinstance(route, Account) or (row := known.rows.get(route.id)) is None:
            continue
        sender = one.sender or known.policies[one.workspace].sender
        if limits := pacing.limits(route.id, row.rate, row.rates, sender, one.country):
            asked.append((one.workspace, limits, _is_bulk(one)))
            limited.append(one)
    for one, at in zip(limited, paces.granted(tx, asked, now), strict=True):
        if at is not None:
            why = Reason("rate_limited", {"account": known.rows[_id(known.judged[one.id])].name})
            known.judged[one.id] = Result(one, State.SCHEDULED, why, due_at=at, counts=False, paced=True)


def _is_bulk(message: Claimed) -> bool:
    """A campaign leaves room for whatever is more urgent, whatever its class."""
    return pacing.is_bulk(message.message_class) or (message.campaign is not None and message.installation is None)


def _stopped(message: Claimed, campaign: str, state: str) -> Result:
    """Its campaign was paused or called off while it was on its way to the claim."""
    if state == "cancelled":
        return Result(message, State.CANCELLED, Reason("campaign_cancelled"))
    return Result(message, State.HELD, Reason("campaign_paused"), held_by=campaigns.held_by(campaign))


def _id(route: Account | Result) -> str:
    return route.id if isinstance(route, Account) else ""


def way(suite: Suite, message: Claimed, known: Gathered, now: datetime) -> Account | Result:
    """The last look, and the account by which it leaves if it may."""
    if message.campaign is not None and message.campaign in known.stopped:
        return _stopped(message, message.campaign, known.stopped[message.campaign])
    if message.fallback_at is not None and message.fallback_at <= now and message.held_by is None:
        return onward(message, Reason("channel_time_over", {"channel": str(message.channel)}))
    if (why := calling.cannot_follow(message)) is not None:
        return Result(message, State.FAILED, why, channel=message.channel)
    verdict = _looked_at(message, known, now)
    if not isinstance(verdict, Go):
        if verdict.reason.code in calling.NOT_CALLED and message.next_channel is not None and message.held_by is None:
            return onward(message, verdict.reason)
        if verdict.reason.code == "no_marketing_consent" and _unsure(suite, message, known, now):
            # Its platform may have the person's yes; without one it ends here when it comes back.
            held_by = outbox.looking(message.installation or "")
            return Result(message, State.HELD, Reason("asking_platform"), held_by=held_by)
        return Result(message, verdict.state, verdict.reason, due_at=verdict.due_at, held_by=verdict.held_by)
    if _unsure(suite, message, known, now):
        held_by = outbox.looking(message.installation or "")
        return Result(message, State.HELD, Reason("asking_platform"), held_by=held_by)
    if message.fallback_at is None and len(message.channels) > 1:
        message.fallback_at = tries_until(
            message.channels, message.budgets, message.channel_step, message.message_class, now, message.expires_at
        )
    route = _route(suite, message, known, now)
    if isinstance(route, Account) and message.channel is not Channel.SMS:
        return _able(suite, message, route, known, now)
    return route


def _able(suite: Suite, message: Claimed, route: Account, known: Gathered, now: datetime) -> Account | Result:
    """The account, if its channel can carry the message to that phone as far as is known; else the next channel. What
    may be wrong by now passes nothing over that has nowhere else to go: the provider itself says no then."""
    # A message that may be there already is not given to another channel, whatever is known by now.
    elsewhere_to = message.held_by is None and message.next_channel is not None
    phone = known.phone(suite, message, route)
    if phone is not None and not phone.reachable and elsewhere_to:
        on = f"{local(phone.at, known.policies[message.workspace].zone):%d/%m/%Y}"
        return onward(message, Reason("channel_known_unreachable", {"channel": message.channel.upper(), "on": on}))
    if message.channel is Channel.VOICE:
        caller = suite.providers[route.provider].caller(route)
        stopped = calling.refusal(message, caller, known.called, known.refused, now)
        if stopped is not None:
            return _not_called(message, *stopped)
    within = (route.id, message.to) in known.written_to
    if (why := usable(message.channel, message.content or _NOTHING, within, message.asks)) is not None:
        return onward(message, why)
    given = approved.named(message.content) if message.channel is Channel.WHATSAPP else None
    if given is None or (within and "text" in (message.content or _NOTHING).get("whatsapp", {})):
        return route
    shelf = known.shelves.get(route.id)
    why = approved.trouble(given, shelf, message.message_class) if shelf is not None else None
    if why is None or message.held_by is not None:
        return route
    if why.code != "approved_is_marketing":
        return onward(message, why) if elsewhere_to else route
    # What counts as advertising over there leaves only to whom, and when, advertising may.
    verdict = _looked_at(message, known, now, MessageClass.MARKETING)
    if isinstance(verdict, Go):
        return route
    if verdict.state is State.SCHEDULED and not elsewhere_to:
        return Result(message, verdict.state, verdict.reason, due_at=verdict.due_at, held_by=verdict.held_by)
    return onward(message, why)


def _not_called(message: Claimed, why: Reason, again: datetime | None) -> Result:
    """By the next channel; without one later, if that is of use and known; else not at all."""
    if message.next_channel is not None and message.held_by is None:
        return onward(message, why)
    if again is not None and not is_stale(message.expires_at, again) and message.expires_at is not None:
        return Result(message, State.SCHEDULED, why, due_at=again, counts=False)
    return Result(message, State.SUPPRESSED, why, channel=message.channel)


def _looked_at(
    message: Claimed, known: Gathered, now: datetime, as_class: MessageClass | None = None
) -> Go | Stay:
    """The last look, by the rules of its class (or of `as_class`). Of messages of one batch that are alike, and to
    people of whom nothing particular is known, all may leave where one may, as long as they are of use."""
    policy, confirms_stop = known.policies[message.workspace], message.reference == feedback.STOP_CONFIRMED
    klass = as_class or message.message_class
    alike = (
        message.workspace, message.country, message.channel, klass, message.sender, message.asks,
        message.installation, confirms_stop,
    )
    nobody = not policy.knows(message.country, message.to)
    if nobody and alike in known.going and not is_stale(message.expires_at, now):
        return _GO
    verdict = last_look(
        message.to,
        message.country,
        message.channel,
        klass,
        expires_at=message.expires_at,
        sender=message.sender,
        asks=message.asks,
        installation=message.installation,
        facts=Facts(
            policy, known.installations.get(message.installation or "", (None,))[0], confirms_stop=confirms_stop
        ),
        now=now,
    )
    if nobody and isinstance(verdict, Go):
        known.going.add(alike)
    return verdict


def _unsure(suite: Suite, message: Claimed, known: Gathered, now: datetime) -> bool:
    """Whether its platform has to be asked first if it is still wanted (the cart may be paid for by now)."""
    if message.installation is None or message.occasion is None or message.held_by or message.channel_step:
        return False
    if message.looked_at is not None and now - message.looked_at < LOOK_HOLDS:
        return False
    _, adapter = known.installations.get(message.installation, (None, ""))
    return isinstance(suite.adapters.get(adapter), LooksAgain | Rewards)


def onward(message: Claimed, why: Reason) -> Result:
    """It surely does not arrive by its present channel: by the next one, or not at all."""
    if message.next_channel is None:
        return Result(message, State.FAILED, why, channel=message.channel)
    return Result(message, State.SCHEDULED, why, channel=message.channel, by_next=True)


def resting(message: Claimed, why: Reason, at: datetime) -> Result:
    """It waits for an account. That it still does is no step worth keeping: an outage has many minutes."""
    again = message.waits_for is not None and message.waits_for["code"] == why.code
    return Result(message, State.SCHEDULED, why, due_at=at, counts=False, paced=again)


def elsewhere(suite: Suite, message: Claimed, account: str, known: Gathered, now: datetime) -> bool:
    """Whether another account could take the message now."""
    if message.held_by is not None or account in known.alone:
        return False
    fit = _fits(suite, message, known, now)
    return isinstance(fit, tuple) and any(
        one.account != account
        and ((health := known.breakers[one.account]).soft or health.standing(now) in (Standing.WELL, Standing.EASING))
        for one in fit
    )


def outgoing(suite: Suite, message: Claimed, account: Account, known: Gathered, now: datetime) -> Outgoing:
    """The message as the provider gets it. Where another channel follows, its validity ends when that one's begins.
    What the phone is known not to be able to show is said in a plainer way."""
    content = (message.content or _NOTHING).get(message.channel, _NOTHING)
    phone = known.phone(suite, message, account) if content else None
    if phone is not None and phone.features is not None:
        content = plainer(content, message.text, phone.features)
    until = message.expires_at
    if message.fallback_at is not None:
        until = message.fallback_at if until is None else min(until, message.fallback_at)
    return Outgoing(
        reference=reference_of(message.id, message.channel_step, message.calls),
        to=message.to,
        text=message.text,
        channel=message.channel,
        message_class=message.message_class,
        encoding=message.encoding,
        # The workspace's own sender is one of texts; a call shows its account's number, or the message's.
        sender=message.sender if message.channel is Channel.VOICE
        else message.sender or known.policies[message.workspace].sender,
        country=message.country,
        expires_at=until,
        stop_mention=message.message_class is MessageClass.MARKETING,
        test=message.test,
        asks=message.asks,
        content=content,
        within_window=(account.id, message.to) in known.written_to,
        hours_end=_hours_end(message, known, now) if message.message_class is MessageClass.MARKETING else None,
    )


def _hours_end(message: Claimed, known: Gathered, now: datetime) -> datetime | None:
    policy = known.policies[message.workspace]
    # Where nothing is known of the person and the country has one clock, they end for everybody at once.
    alike = (message.workspace, message.country, message.channel)
    key = (*alike, message.to) if policy.knows(message.country, message.to) else alike
    if key not in known.ends:
        recipient = Recipient(message.to, message.country, Line.MOBILE)
        known.ends[key] = policy.hours_end(recipient, message.channel, message.message_class, now)
    return known.ends[key]


def _route(suite: Suite, message: Claimed, known: Gathered, now: datetime) -> Account | Result:
    bound = message.held_by
    if bound == f"account:{accounts.SIMULATOR}":
        return accounts.simulator(message.workspace)
    fit = _fits(suite, message, known, now)
    if fit is None:
        if bound is not None:
            return Result(message, State.UNCERTAIN, Reason("account_gone"))
        # Before a workspace has connected a provider, and for test keys: the phones in the browser.
        if message.test or not known.ways[message.workspace]:
            return accounts.simulator(message.workspace)
        return Result(message, State.HELD, Reason("no_account"), held_by="account")
    if isinstance(fit, NoExit):
        if message.next_channel is not None and bound is None:
            return onward(message, fit.reason)
        return Result(message, State.HELD, fit.reason, held_by="account")
    spread = crc32(message.id.encode()) if len(fit) > 1 else 0
    chosen = routing.choose(fit, message.message_class, spread, known.trials)
    if isinstance(chosen, Resting):
        return resting(message, chosen.reason, _looks_again(message, known, max(chosen.at, now + SOONEST), now))
    exit_, trial = chosen
    if trial:
        known.trials.add(exit_.account)
    return known.rows[exit_.account].account


def _looks_again(message: Claimed, known: Gathered, at: datetime, now: datetime) -> datetime:
    """When a message that waits for an account until `at` is looked at again."""
    known.resting += 1
    soon = at - now < CROWD_RESTS / 16
    if soon or known.resting <= CROWD or message.message_class in URGENT:
        return at
    # Not all at once again, and in time to say that it is of no use any more.
    later = at + CROWD_RESTS * (1 + crc32(message.id.encode()) % 64 / 64)
    return later if message.expires_at is None else min(later, max(message.expires_at, at))


def _fits(suite: Suite, message: Claimed, known: Gathered, now: datetime) -> Fits:
    """The accounts for such a message, worked out once for all that are alike; None when there is none at all."""
    bound = message.held_by if (message.held_by or "").startswith("account:") else None
    asks = message.asks or calling.asks_for_a_key(message)
    leaving = Leaving(message.channel, message.country, message.message_class, asks)
    without = _without_its_template(message, known) if message.channel is Channel.WHATSAPP else frozenset()
    key = (message.workspace, leaving, message.test, bound, without)
    if key in known.fits:
        return known.fits[key]
    rows = [row for row in known.ways[message.workspace] if row.account.provider in suite.providers]
    if bound is not None:
        # It may have it already, and only it will notice: no other account gets a message that is in doubt.
        rows = [row for row in rows if f"account:{row.account.id}" == bound]
    if message.test:
        rows = [row for row in rows if suite.for_tests(row.account.provider)]
    if without:
        rows = [row for row in rows if row.account.id not in without]
    exits = [_exit(suite, row, known.breakers[row.account.id], message.channel, now) for row in rows]
    known.fits[key] = found = routing.fitting(leaving, exits) if exits else None
    return found


def _without_its_template(message: Claimed, known: Gathered) -> frozenset[str]:
    """The accounts that cannot send the message's template, where another one can."""
    given = approved.named(message.content)
    mine = [row.account.id for row in known.ways[message.workspace] if row.account.id in known.shelves]
    if given is None or len(mine) < 2 or message.held_by is not None:
        return frozenset()
    klass = message.message_class
    bad = [one for one in mine if (why := approved.trouble(given, known.shelves[one], klass)) is not None
           and why.code != "approved_is_marketing"]  # fmt: skip
    return frozenset(bad) if len(bad) < len(mine) else frozenset()


def _exit(suite: Suite, row: accounts.Row, health: Breaker, channel: Channel, now: datetime) -> Exit:
    standing, back = health.standing(now), health.back(now)
    if row.state not in ("active", "held") or (row.state == "held" and health.until is None):
        # A person paused it, or its secrets cannot be read.
        standing, back = Standing.SHUT, now + SHUT_FOR
    return Exit(
        row.account.id,
        row.name,
        _channels(suite, row),
        row.position,
        row.countries,
        row.denied,
        row.classes,
        row.prices,
        row.weight,
        row.takes_replies and channel not in suite.providers[row.account.provider].deaf,
        standing,
        health.soft,
        back,
    )


def carries(suite: Suite, row: accounts.Row, channel: Channel) -> bool:
    """Whether messages by `channel` may leave by that account."""
    return row.account.provider in suite.providers and channel in _channels(suite, row)


def _channels(suite: Suite, row: accounts.Row) -> frozenset[Channel]:
    able = suite.providers[row.account.provider].able(row.account)
    return able & {Channel(name) for name in row.channels} if row.channels else able
