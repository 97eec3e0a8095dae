"""It comes back: receipts move messages forwards, replies are bound to the question that they answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from core import traces
from core.contract import Account, Inbound, PhoneReply, Provider, Receipt, Refused, Reply, Reports, Speaks
from core.domain.approved import News
from core.domain.channels import message_of
from core.domain.content import NEXT_CHANNEL
from core.domain.errors import InvalidNumber, NotAuthentic, NotFound, Unreadable
from core.domain.messages import Channel, MessageClass, State, is_stale
from core.domain.occasions import Answer, Occasion
from core.domain.policy.consent import MARKETING, TRANSACTIONAL
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.replies import Meaning, meaning, normalised
from core.domain.text.alphabet import GSM7
from core.domain.text.segments import measure
from core.domain.text.spoken_time import moment_in_words
from core.domain.text.transliteration import raw_map, to_gsm7
from core.engine import approving, calling, conversing, guarding, notices, public, reaching
from core.engine.consenting import call_off
from core.engine.scheduling import live_installations, replan, replan_open
from core.secrets import same
from core.storage import accounts, feedback, house, inbox, installations, ledger, occasions, outbox, people
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.suite import Suite

WHICH_LIVES = timedelta(hours=24)
AUTOMATIC_AT_MOST = 3
RETRIES = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
"""A phone that is off, or out of reach, is tried a few times over hours; after that it has failed."""
AUTOMATIC_WITHIN = timedelta(hours=1)
MOST_SHOWN = 20
MISSED_WITHIN = timedelta(minutes=5)
log = structlog.get_logger(__name__)


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
    receipts = [_confirmed(provider, account, one, suite.now()) for one in receipts]
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


# ---------------------------------------------------------------------------------------------- receipts


def _confirmed(provider: Provider, account: Account, receipt: Receipt, now: datetime) -> Receipt:
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
    agent = reaching.agent_of(suite.providers.get(account.provider), account)
    reaching.from_receipts(tx, agent, [(one["channels"], step, one["to"], receipt) for one, step, receipt in ours])
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
        accounts.hold(tx, account.id, receipt.reason or Reason("account_trouble"), until)
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
        _report(suite, tx, message["installation"], message["occasion"], message["id"], "delivery", said, now, wanting)


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


# ---------------------------------------------------------------------------------------------- replies


def take_reply(suite: Suite, tx: Transaction, account: Account, reply: PhoneReply) -> str | None:
    """Keeps a reply and does what it asks for, if that is certain. Its id; None when it came before."""
    now = suite.now()
    key = calling.key_pressed(tx, account.id, reply)
    by = Channel.VOICE if key is not None else _channel_of(suite, account, reply)
    reply_id = feedback.keep_reply(tx, account.id, reply, now, channel=by)
    if reply_id is None:
        return None
    call: Mapping[str, Any] | None = None
    if key is not None:
        call, step, says = key
        calling.heard_out(tx, call, step, reply.text.strip(), now)
        if says is None:
            why = Reason("call_key_unknown", {"key": reply.text.strip()})
            feedback.understood(
                tx, reply_id, meaning=Meaning.OTHER, outcome=why, message=call["id"], occasion=call["occasion"],
                handled=now,
            )  # fmt: skip
            notices.reply_came(tx, reply_id, now)
            return reply_id
        reply = replace(reply, text=says)
    questions = _open_questions(tx, reply, min(reply.at, now))
    said = meaning(reply.text, question_open=bool(questions) or call is not None)
    which = feedback.asked_which(tx, reply.sender, now - WHICH_LIVES, but=reply_id)
    chosen = None if which is None else _chosen(which, reply.text)
    if which is not None and chosen is not None:
        feedback.handled(tx, which["id"], now)
        _answer(suite, tx, reply_id, reply, Meaning(which["meaning"]), chosen, questions, now)
    elif said is Meaning.STOP:
        _stop(suite, tx, account, reply_id, reply, now, call=call)
    elif said is Meaning.START:
        people.start(tx, reply.sender, MARKETING, "reply", {"reply": reply_id}, now)
        people.start(tx, reply.sender, TRANSACTIONAL, "reply", {"reply": reply_id}, now)
        feedback.understood(tx, reply_id, meaning=said, outcome=Reason("started"), handled=now)
        replan_open(tx, now, live_installations(tx), recipient=reply.sender)
    elif said in (Meaning.CONFIRM, Meaning.CANCEL) and questions:
        _answer(suite, tx, reply_id, reply, said, None, questions, now)
    else:
        last = feedback.last_to(tx, reply.sender)
        feedback.understood(
            tx,
            reply_id,
            meaning=said,
            outcome=Reason("for_a_person"),
            message=last["id"] if last else None,
            occasion=last["occasion"] if last else None,
        )
    conversing.reply_came(tx, reply_id, now, settled=chosen is not None)
    _pass_on(tx, reply, now)
    notices.reply_came(tx, reply_id, now)
    return reply_id


def _pass_on(tx: Transaction, reply: PhoneReply, now: datetime) -> None:
    """The platform that asked for the last message hears what the person wrote back."""
    last = feedback.last_to(tx, reply.sender, but=MessageClass.CONVERSATIONAL)
    if last is not None and last["told"] is not None and last["installation"]:
        said = {"text": clean(reply.text[:1600]), "at": reply.at.isoformat()}
        feedback.queue_report(
            tx, last["installation"], occasion=last["occasion"], message=last["id"], kind="text", content=said, now=now
        )


def _channel_of(suite: Suite, account: Account, reply: PhoneReply) -> Channel | None:
    """As the provider says, or the only one that it has."""
    provider = suite.providers.get(account.provider)
    only = provider.channels if provider is not None and len(provider.channels) == 1 else frozenset()
    return reply.channel or next(iter(only), None)


def _open_questions(tx: Transaction, reply: PhoneReply, at: datetime) -> list[tuple[Mapping[str, Any], Occasion]]:
    """(message, occasion) of each question that was open when the person wrote, however late the reply reached us; one
    for each occasion, newest question first. If the provider says which message is answered, only that one counts."""
    asked = feedback.questions(tx, reply.sender, at)
    if reply.answers is not None:
        own = message_of(reply.answers)[0]
        named = [one for one in asked if reply.answers == one["provider_ref"] or own == one["id"]]
        asked = named or asked
    known = {one.id: one for one in occasions.by_ids(tx, {one["occasion"] for one in asked})}
    found: dict[str, tuple[Mapping[str, Any], Occasion]] = {}
    for message in asked:
        occasion = known.get(message["occasion"])
        if occasion is None or message["occasion"] in found:
            continue
        ends = max((moment for moment in (occasion.start, message["about"]) if moment), default=None)
        if ends is not None and ends > at:
            found[message["occasion"]] = (message, occasion)
    return list(found.values())


def _answer(
    suite: Suite,
    tx: Transaction,
    reply_id: str,
    reply: PhoneReply,
    said: Meaning,
    chosen: str | None,
    questions: list[tuple[Mapping[str, Any], Occasion]],
    now: datetime,
) -> None:
    if chosen is not None:
        questions = [one for one in questions if one[1].id == chosen]
    alive = [one for one in questions if one[1].closed is None]
    if len(alive) > 1 and alive[0][1].answer is None and all(one[1].answer is not None for one in alive[1:]):
        # The others were answered, and this one was asked last.
        alive = alive[:1]
    if len(alive) > 1:
        _ask_which(tx, reply_id, reply, said, alive, now)
        return
    if not alive:
        message, occasion = questions[0] if questions else (None, None)
        feedback.understood(
            tx,
            reply_id,
            meaning=said,
            outcome=Reason("answers_closed"),
            message=message["id"] if message else None,
            occasion=occasion.id if occasion else None,
        )
        if occasion is not None and occasion.start is not None:
            _say(tx, reply.sender, "closed", now, when=occasion)
        return
    message, occasion = alive[0]
    if message["about"] != occasion.start:
        # A "yes" to the old time is no "yes" to the new one.
        feedback.understood(
            tx, reply_id, meaning=said, outcome=Reason("answers_old_time"), message=message["id"], occasion=occasion.id
        )
        _say(tx, reply.sender, "moved", now, when=occasion)
        return
    answer = Answer.CONFIRMED if said is Meaning.CONFIRM else Answer.DECLINED
    occasions.answered(tx, occasion.id, answer, now)
    feedback.understood(
        tx,
        reply_id,
        meaning=said,
        outcome=Reason(f"answer_{answer}"),
        message=message["id"],
        occasion=occasion.id,
        handled=now,
    )
    replan(tx, occasions.by_ids(tx, [occasion.id]), now, live_installations(tx))
    _report(
        suite,
        tx,
        occasion.installation,
        occasion.id,
        message["id"],
        "reply",
        {"answer": str(answer), "text": reply.text[:160], "at": reply.at.isoformat()},
        now,
    )


def _ask_which(
    tx: Transaction,
    reply_id: str,
    reply: PhoneReply,
    said: Meaning,
    alive: list[tuple[Mapping[str, Any], Occasion]],
    now: datetime,
) -> None:
    listed = sorted(alive, key=lambda one: one[1].start or now)[:4]
    letters = {letter: occasion.id for letter, (_, occasion) in zip("ABCD", listed, strict=False)}
    feedback.understood(tx, reply_id, meaning=said, outcome=Reason("asked_which", {"choices": letters}))
    language = _language(tx)
    lines = ", ".join(
        f"{letter} = {_when(occasion, language)}" for letter, (_, occasion) in zip("ABCD", listed, strict=False)
    )
    _say(tx, reply.sender, "which", now, choices=lines)


def _chosen(which: Mapping[str, Any], text: str) -> str | None:
    choices: Mapping[str, str] = which["outcome"]["values"]["choices"]
    return choices.get(normalised(text))


def _stop(
    suite: Suite,
    tx: Transaction,
    account: Account,
    reply_id: str,
    reply: PhoneReply,
    now: datetime,
    *,
    call: Mapping[str, Any] | None = None,
) -> None:
    """STOP ends the marketing; said to a reminder, the reminders too. What waits is called off at once, and the person
    is told so once: not when all of it was stopped before, nor where the provider does. By a key of `call` it is said
    to that one, and heard in it."""
    last = call or feedback.last_to(tx, reply.sender, but=MessageClass.CONVERSATIONAL)
    scopes = {MARKETING} | ({TRANSACTIONAL} if last and last["class"] == "transactional" else set())
    proof = {"reply": reply_id, "text": clean(reply.text[:160])} | ({"call": call["id"]} if call else {})
    news = [people.stop(tx, reply.sender, scope, "reply", proof, now) for scope in sorted(scopes)]
    call_off(tx, reply.sender, scopes, now)
    provider = suite.providers.get(account.provider)
    if any(news) and call is None and not (provider is not None and provider.confirms_stop):
        _say(tx, reply.sender, "stopped_all" if TRANSACTIONAL in scopes else "stopped", now,
             reference=feedback.STOP_CONFIRMED)  # fmt: skip
    feedback.understood(
        tx,
        reply_id,
        meaning=Meaning.STOP,
        outcome=Reason("stopped", {"scopes": ", ".join(sorted(scopes))}),
        message=last["id"] if last else None,
        occasion=last["occasion"] if last else None,
        handled=now,
    )
    replan_open(tx, now, live_installations(tx), recipient=reply.sender)


def _say(
    tx: Transaction,
    number: str,
    what: str,
    now: datetime,
    *,
    when: Occasion | None = None,
    choices: str = "",
    reference: str = feedback.AUTOMATIC,
) -> None:
    """An automatic answer; at most three an hour to one number, so that two machines do not talk for ever."""
    if feedback.answered_lately(tx, number, now - AUTOMATIC_WITHIN) >= AUTOMATIC_AT_MOST:
        return
    try:
        recipient = Recipient.parse(number)
    except InvalidNumber:
        return
    language = _language(tx)
    words = _WORDS[language][what]
    text = to_gsm7(words.format(when=_when(when, language) if when else "", choices=choices, name=_name(tx)))
    measured = measure(text)
    outbox.accept(
        tx,
        [
            outbox.New(
                to=recipient.number,
                country=recipient.country,
                text=text,
                encoding=measured.encoding,
                segments=measured.segments,
                message_class=MessageClass.CONVERSATIONAL,
                channels=(Channel.SMS,),
                due_at=now,
                expires_at=now + timedelta(hours=1),
                reference=reference,
            )
        ],
        now,
    )


def _report(
    suite: Suite,
    tx: Transaction,
    installation: str,
    occasion: str | None,
    message: str | None,
    kind: str,
    content: Mapping[str, Any],
    now: datetime,
    wanting: dict[str, bool] | None = None,
) -> None:
    """`wanting`: what is known already of which installation wants reports."""
    wanting = {} if wanting is None else wanting
    if installation not in wanting:
        wanting[installation] = _wants(suite, tx, installation)
    if wanting[installation]:
        feedback.queue_report(tx, installation, occasion=occasion, message=message, kind=kind, content=content, now=now)


def _wants(suite: Suite, tx: Transaction, installation: str) -> bool:
    adapter = suite.adapters.get(installations.adapter_of(tx, installation) or "")
    if not isinstance(adapter, Reports):
        return False
    row = installations.get(tx, suite.vault, installation, suite.public_url)
    return row is not None and row.state != "disconnected" and adapter.wants(row.installation)


def _when(occasion: Occasion, language: str) -> str:
    return moment_in_words(local(occasion.start, ZoneInfo(occasion.zone or "UTC")), language) if occasion.start else "?"


def _name(tx: Transaction) -> str:
    """The workspace's name, in so few and such letters that a short answer stays one part."""
    known = house.workspace(tx, tx.owned)
    name = raw_map(" ".join(known["name"].split())) if known else ""
    return "".join(letter for letter in name if GSM7.fullmatch(letter))[:40].strip() or name[:40]


def _language(tx: Transaction) -> str:
    known = house.workspace(tx, tx.owned)
    language = known["settings"]["language"] if known else "fr"
    return language if language in _WORDS else "en"


_WORDS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "which": "Vous avez plusieurs rendez-vous. Duquel parlez-vous ? Répondez par la lettre : {choices}",
        "moved": "Ce rendez-vous a changé : il est maintenant {when}. Répondez au dernier message ou appelez-nous.",
        "closed": "Le rendez-vous du {when} a été annulé. Appelez-nous pour en prendre un autre.",
        "stopped": "{name} : c'est noté, vous ne recevrez plus de publicité de notre part.",
        "stopped_all": "{name} : c'est noté, vous ne recevrez plus ni rappel ni publicité de notre part.",
    },
    "en": {
        "which": "You have several appointments. Which one do you mean? Answer with its letter: {choices}",
        "moved": "This appointment has moved: it is now {when}. Answer the latest message, or call us.",
        "closed": "The appointment of {when} was cancelled. Call us to book another one.",
        "stopped": "{name}: noted, you will get no more advertising from us.",
        "stopped_all": "{name}: noted, you will get no more reminders or advertising from us.",
    },
}
