"""Receipts move messages forwards, wherever they come from and in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from core import traces
from core.contract import Account, Provider, Receipt, Refused
from core.domain.content import NEXT_CHANNEL
from core.domain.messages import Channel, State, is_stale
from core.domain.policy.consent import MARKETING
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.engine import calling, guarding, notices, public, reaching
from core.engine.consenting import call_off
from core.engine.feedback.telling import report
from core.storage import accounts, feedback, ledger, outbox, people
from core.storage.database import Transaction
from core.suite import Suite

RETRIES = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""A phone that is off, or out of reach, is tried a few times over hours; after that it has failed."""
MOST_SHOWN = 20
MISSED_WITHIN = timedelta(minutes=5)
log = structlog.get_logger(__name__)


def confirmed(provider: Provider, account: Account, receipt: Receipt, now: datetime) -> Receipt:
    """A receipt that would silence a person, condemn a number or hold an account is believed only if the provider
    says the same when it is asked. What it says of the message itself is only this message's state."""
    if not (receipt.opt_out or receipt.dead_number or receipt.account_trouble or receipt.retry):
        return receipt
    own = provider.confirm(account, receipt, now)
    harmless = replace(receipt, opt_out=False, dead_number=False, account_trouble=False, retry=False)
    return harmless if own is None else own


_Told = tuple[Mapping[str, Any], int, Receipt]
"""A message's row, which of its channels the receipt speaks of, and the receipt."""


def take_receipts(suite: Suite, tx: Transaction, account: Account, receipts: Sequence[Receipt]) -> None:
    """Keeps receipts and moves their messages forwards. Doubled, late and unknown ones change nothing."""
    now = suite.now()
    fresh = feedback.keep_receipts(tx, account.id, receipts, now)
    known = feedback.messages_of(tx, account.id, [receipt for _, receipt in fresh])
    ours: list[_Told] = []
    belonging: list[tuple[str, str]] = []
    for row_id, receipt in fresh:
        told = known.get(receipt.reference or "") or known.get(receipt.provider_reference or "")
        if told is not None:
            ours.append((*told, receipt))
            belonging.append((row_id, told[0]["id"]))
    feedback.belongs(tx, belonging)
    moved: list[tuple[str, str, State]] = []
    gone_on: set[str] = set()
    wanting: dict[str, bool] = {}
    for some in _rounds(ours):
        plain: list[tuple[Mapping[str, Any], Receipt]] = []
        for message, step, receipt in some:
            earlier = step != message["channel_step"] or calling.is_earlier(message, step, receipt)
            receipt = receipt if earlier else calling.ended(message, receipt)
            if earlier or message["id"] in gone_on:
                done = _of_earlier_channel(suite, tx, message, step, receipt, now)
            elif calling.again(tx, message, receipt, now) or _goes_on(tx, message, receipt, now):
                gone_on.add(message["id"])
                continue
            elif _is_plain(message, receipt):
                plain.append((message, receipt))
                continue
            else:
                done = _applied(suite, tx, account, message, receipt, now)
            if done:
                moved.append((message["workspace"], message["id"], receipt.state or State.SENT))
        moved += _moved_at_once(suite, tx, plain, wanting, now)
    _of_strangers(tx, ours, now)
    # After the messages themselves, as a sender does: two who write both never wait for each other.
    agent = reaching.agent_of(suite.providers.get(account.provider), account)
    reaching.from_receipts(tx, agent, [(one["channels"], step, one["to"], receipt) for one, step, receipt in ours])
    if moved:
        log.info("receipts taken", account=account.id, messages=[message_id for _, message_id, _ in moved[:MOST_SHOWN]])
    for _, message_id, state in moved:
        traces.span("receipt", message_id, now, state=str(state), account=account.id)
    notices.messages_changed(tx, moved, now)


def _of_strangers(tx: Transaction, ours: Sequence[_Told], now: datetime) -> None:
    """What receipts say of the numbers that strangers had us write to, for the guard of public doors."""
    for message, _, receipt in ours:
        if not public.strangers(message) or message["state"] in ("delivered", "read", "failed"):
            continue
        recipient = Recipient(message["to"], message["country"], Line.MOBILE)
        if receipt.state in (State.DELIVERED, State.READ):
            public.arrived(tx, recipient, now)
        elif receipt.state is State.FAILED and receipt.reason is not None:
            public.signalled(tx, recipient, receipt.reason, dead=receipt.dead_number, now=now)


def _rounds(ours: Sequence[_Told]) -> list[list[_Told]]:
    """The first receipt of each message, then the second of each, and so on: in a round no message is twice."""
    rounds: list[list[_Told]] = []
    heard: Counter[str] = Counter()
    for one in ours:
        turn = heard[one[0]["id"]]
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(one)
        heard[one[0]["id"]] += 1
    return rounds


def _is_plain(message: Mapping[str, Any], receipt: Receipt) -> bool:
    """Whether it says nothing but the message's state."""
    more = receipt.opt_out or receipt.dead_number or receipt.account_trouble or receipt.retry
    names = receipt.provider_reference and not message["provider_ref"]
    says = receipt.state not in (None, State.SCHEDULED, State.SENDING)
    return says and not more and not names and receipt.price_micros is None


def _moved_at_once(
    suite: Suite,
    tx: Transaction,
    plain: Sequence[tuple[Mapping[str, Any], Receipt]],
    wanting: dict[str, bool],
    now: datetime,
) -> list[tuple[str, str, State]]:
    """Moves the messages of plain receipts forwards, all that hear the same in one step; those that moved."""
    alike: dict[tuple[Any, ...], list[tuple[Mapping[str, Any], Receipt]]] = {}
    for message, receipt in plain:
        why = repr(ledger.reason_row(receipt.reason))
        alike.setdefault((receipt.state, why, message["channel_step"]), []).append((message, receipt))
    moved: list[tuple[str, str, State]] = []
    for (state, _, step), some in alike.items():
        ids = [message["id"] for message, _ in some]
        done = outbox.advance_all(tx, ids, state, some[0][1].reason, now, step=step)
        for message, receipt in some:
            if message["id"] in done:
                moved.append((message["workspace"], message["id"], state))
                _tell_platform(suite, tx, message, receipt, now, wanting)
    return moved


def settle_missed(suite: Suite) -> int:
    """Receipts that came in the very moment in which their message was recorded as sent: neither of the two saw the
    other, so each of the last minutes is looked through once more. Returns how many there were."""
    now = suite.now()
    with suite.database.read() as tx:
        missed = feedback.missed(tx, now - MISSED_WITHIN)
    for workspace in sorted({row["workspace"] for row in missed}):
        with suite.database.write(workspace) as tx:
            mine = [row for row in missed if row["workspace"] == workspace]
            references = {(row["account"], row["provider_ref"]): row["message"] for row in mine}
            _settle(suite, tx, references, now)
    return len(missed)


def settle_early_receipts(suite: Suite, tx: Transaction, results: Sequence[outbox.Result], now: datetime) -> None:
    """Receipts can come before the answer to our own call: they waited for the provider's reference."""
    references = {
        (one.account, one.provider_ref): one.message.id for one in results if one.account and one.provider_ref
    }
    _settle(suite, tx, references, now)


def _settle(suite: Suite, tx: Transaction, references: Mapping[tuple[str, str], str], now: datetime) -> None:
    for row in feedback.early(tx, references):
        message_id = references[(row["account"], row["provider_ref"])]
        mine = Transaction(tx.connection, row["workspace"])
        message = outbox.get(mine, message_id)
        account = accounts.get_any(mine, row["account"], suite.vault)
        if message is None or account is None:
            continue
        feedback.belongs(mine, [(row["id"], message_id)])
        if message["provider_ref"] != row["provider_ref"]:
            # It has gone on by another channel since.
            continue
        receipt = calling.ended(message, feedback.early_receipt(row))
        if not calling.again(mine, message, receipt, now) and not _goes_on(mine, message, receipt, now):
            _applied(suite, mine, account, message, receipt, now)


def _of_earlier_channel(
    suite: Suite, tx: Transaction, message: Mapping[str, Any], step: int, receipt: Receipt, now: datetime
) -> bool:
    """A late word on a channel after which another one was taken. That it arrived after all is kept, and ends the
    message if nothing has left since; it changes no price. Anything else was known when the next channel was taken."""
    if receipt.opt_out:
        people.stop(tx, message["to"], MARKETING, "provider", {"status": receipt.status}, now)
        call_off(tx, message["to"], {MARKETING}, now)
    if receipt.state not in (State.DELIVERED, State.READ):
        return False
    moved = outbox.arrived_earlier(tx, message["id"], receipt.state, Channel(message["channels"][step]), now)
    if moved:
        _tell_platform(suite, tx, message, receipt, now)
    return moved


def _goes_on(tx: Transaction, message: Mapping[str, Any], receipt: Receipt, now: datetime) -> bool:
    """Whether the receipt says that the channel surely failed, and the next one was taken for it."""
    step, channels = message["channel_step"], message["channels"]
    if receipt.state is not State.FAILED or receipt.reason is None or receipt.reason.code not in NEXT_CHANNEL:
        return False
    if step + 1 >= len(channels) or is_stale(message["expires_at"], now):
        return False
    before, then = Channel(channels[step]), Channel(channels[step + 1])
    return outbox.next_channel(tx, message, step, before, then, receipt.reason, now)


def _applied(
    suite: Suite, tx: Transaction, account: Account, message: Mapping[str, Any], receipt: Receipt, now: datetime
) -> bool:
    recipient = Recipient(message["to"], message["country"], Line.MOBILE)
    values: dict[str, Any] = {}
    if receipt.provider_reference and not message["provider_ref"]:
        values = {"provider_ref": receipt.provider_reference, "account": account.id}
    if receipt.price_micros is not None:
        values |= {"price_micros": receipt.price_micros, "currency": receipt.currency}
    if receipt.account_trouble:
        # It was taken and then refused for want of credit: nothing reached the phone, so it waits like the others.
        until = now + timedelta(minutes=15)
        why = receipt.reason or Reason("account_trouble")
        if accounts.hold(tx, account.id, why, until):
            notices.account_held(tx, account.id, why, now)
        if message["state"] in ("sent", "uncertain", "sending"):
            return _put_back(tx, message, receipt.reason, until, now)
        return False
    if receipt.retry and (again := _tried_again(message, now)) is not None:
        return _put_back(tx, message, receipt.reason, again, now)
    if receipt.opt_out:
        people.stop(tx, recipient.number, MARKETING, "provider", {"account": account.id, "status": receipt.status}, now)
        call_off(tx, recipient.number, {MARKETING}, now)
    if receipt.dead_number:
        people.quarantine(tx, recipient, receipt.reason or Reason("dead_number"), now)
    if receipt.state is None or receipt.state in (State.SCHEDULED, State.SENDING):
        return False
    values["step"] = message["channel_step"]
    moved = outbox.advance(tx, message["id"], message["workspace"], receipt.state, receipt.reason, now, **values)
    if moved and receipt.price_micros is not None:
        guarding.repriced(tx, message, receipt.price_micros, receipt.currency)
    if moved:
        _tell_platform(suite, tx, message, receipt, now)
    return moved


def _tried_again(message: Mapping[str, Any], now: datetime) -> datetime | None:
    """When to try once more after the network said that it could not, just now; sooner if it is of no use later."""
    tries = max(message["tries"], 1)
    if tries > len(RETRIES):
        return None
    moments = (now + RETRIES[tries - 1], now + RETRIES[0])
    return next((at for at in moments if not is_stale(message["expires_at"], at)), None)


def _tell_platform(
    suite: Suite,
    tx: Transaction,
    message: Mapping[str, Any],
    receipt: Receipt,
    now: datetime,
    wanting: dict[str, bool] | None = None,
) -> None:
    if message["installation"] and message["told"] is None:
        said = {"state": str(receipt.state), "at": receipt.at.isoformat()}
        report(suite, tx, message["installation"], message["occasion"], message["id"], "delivery", said, now, wanting)


def _put_back(
    tx: Transaction, message: Mapping[str, Any], reason: Reason | None, until: datetime, now: datetime
) -> bool:
    done = outbox.put_back(tx, message["id"], reason, until, now)
    if done:
        guarding.taken_back(tx, message, now)
    return done


def refused(tx: Transaction, message: outbox.Claimed, account: str, why: Refused, now: datetime) -> None:
    """The provider refused a message because of the person: silence asked of it is silence asked of us."""
    if why.opt_out:
        people.stop(tx, message.to, MARKETING, "provider", {"account": account, "code": why.reason.code}, now)
        call_off(tx, message.to, {MARKETING}, now)
    recipient = Recipient(message.to, message.country, Line.MOBILE)
    if why.dead_number:
        people.quarantine(tx, recipient, why.reason, now)
    row = outbox.get(tx, message.id)
    if row is not None and public.strangers(row):
        public.signalled(tx, recipient, why.reason, dead=why.dead_number, now=now)
