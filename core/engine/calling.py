"""Calls: what is said on one, what a key means, what follows when nobody picks up, and whether one may be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import PhoneReply, Receipt
from core.domain import calls
from core.domain.calls import Spoken
from core.domain.channels import call_of
from core.domain.messages import LEFT, Channel, MessageClass, State, is_stale
from core.domain.policy.calling import check_caller, once_more
from core.domain.policy.countries import SendingRule, rules_for
from core.domain.policy.senders import check_sender, is_number
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.engine import guarding, notices
from core.storage import feedback as kept
from core.storage import house, outbox, people
from core.storage.database import Transaction
from core.storage.outbox import Claimed

NOT_CALLED = frozenset({"voice_no_consent", "voice_refused"})
"""Why somebody is not called whom another channel may reach."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_REMEMBERED = timedelta(days=90)
"""At least as far back as any rule counts."""


# ---------------------------------------------------------------------------------------------- what is said


def message_of_call(tx: Transaction, account: str, reference: str) -> tuple[Mapping[str, Any], int] | None:
    """The message that a call is about, by our reference or the provider's, and by which of its channels; None if it is
    no call that this account made."""
    asked = Receipt(reference, None, "", _NEVER, reference)
    found = kept.messages_of(tx, account, [asked]).get(reference)
    return found if found is not None and found[0]["channels"][found[1]] == Channel.VOICE else None


def spoken(tx: Transaction, account: str, reference: str, now: datetime) -> Spoken | None:
    """What the call `reference` says now; None when nothing is to be said (any more): it has gone on by another call or
    channel, it is of no use any more."""
    found = message_of_call(tx, account, reference)
    if found is None:
        return None
    message, step = found
    if step != message["channel_step"] or call_of(reference) != message["calls"] or message["state"] not in LEFT:
        return None
    if message["state"] not in (State.DELIVERED, State.READ) and is_stale(message["expires_at"], now):
        return None
    known = house.workspace(tx, tx.owned)
    language = known["settings"]["language"] if known else "fr"
    return calls.spoken(_content(message), message["text"], MessageClass(message["class"]), language)


def _content(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return (message["content"] or {}).get(Channel.VOICE) or {}


# ---------------------------------------------------------------------------------------------- keys


def key_pressed(
    tx: Transaction, account: str, reply: PhoneReply
) -> tuple[Mapping[str, Any], int, str | None] | None:
    """The message whose call a reply answers with a key, by which of its channels, and what the key says ("OUI", "NON",
    "STOP"; None for one that means nothing there). None when the reply is no key."""
    key = reply.text.strip()
    if reply.answers is None or len(key) != 1 or not ((key.isascii() and key.isdigit()) or key in "*#"):
        return None
    found = message_of_call(tx, account, reply.answers)
    if found is None:
        return None
    message, step = found
    meaning = calls.keys_of(_content(message), MessageClass(message["class"])).get(key)
    return message, step, calls.SAID[meaning] if meaning else None


def heard_out(tx: Transaction, message: Mapping[str, Any], step: int, key: str, now: datetime) -> None:
    """A key was pressed: a person has heard the message, whatever was known of the call until then."""
    why = Reason(calls.PRESSED, {"key": key})
    if step == message["channel_step"] and outbox.advance(
        tx, message["id"], message["workspace"], State.READ, why, now, step=step
    ):
        notices.messages_changed(tx, [(message["workspace"], message["id"], State.READ)], now)


def after_key(tx: Transaction, account: str, now_said: Spoken, reply: PhoneReply) -> Spoken:
    """What the phone says after a key, by what became of it."""
    row = kept.reply_named(tx, account, reply.provider_reference)
    code = row["outcome"]["code"] if row and row["outcome"] else ""
    return calls.after_key(now_said, _BECAME.get(code, "noted"))


_BECAME = {
    "answer_confirmed": "confirmed",
    "answer_declined": "declined",
    "stopped": "stopped",
    "call_key_unknown": "unknown",
}


# ---------------------------------------------------------------------------------------------- nobody picks up


def is_earlier(message: Mapping[str, Any], step: int, receipt: Receipt) -> bool:
    """Whether a receipt speaks of a call after which another one was begun."""
    if step != message["channel_step"] or message["channels"][step] != Channel.VOICE or receipt.reference is None:
        return False
    return call_of(receipt.reference) != message["calls"]


def ended(message: Mapping[str, Any], receipt: Receipt) -> Receipt:
    """A call is over: if nothing had been said on it by then, nobody was reached."""
    over = receipt.state is None and receipt.reason is not None and receipt.reason.code == calls.ENDED
    if not over or message["state"] not in (State.SENDING, State.SENT, State.UNCERTAIN):
        return receipt
    return replace(receipt, state=State.FAILED, reason=Reason(calls.CUT_SHORT))


def again(tx: Transaction, message: Mapping[str, Any], receipt: Receipt, now: datetime) -> bool:
    """Whether the receipt says that nobody was reached, and the number is called once more for it: as often as the
    message says, and only while that is of use and before the next channel's time."""
    step, why = message["channel_step"], receipt.reason
    if receipt.state is not State.FAILED or why is None or why.code not in calls.UNANSWERED:
        return False
    if message["channels"][step] != Channel.VOICE:
        return False
    content = _content(message)
    most, pause, number = calls.times(content), calls.again_after(content), message["calls"] + 2
    at, until = now + pause, message["fallback_at"]
    if number > most or is_stale(message["expires_at"], at) or (until is not None and at >= until):
        return False
    then = Reason("call_again", {"minutes": int(pause.total_seconds()) // 60, "number": number, "most": most})
    done = outbox.call_again(tx, message, why, then, at, now)
    if done:
        guarding.taken_back(tx, message, now)
    return done


# ---------------------------------------------------------------------------------------------- may it be made?


def counted(
    tx: Transaction, claimed: Sequence[Claimed], now: datetime
) -> tuple[dict[tuple[str, str], dict[str, list[datetime]]], dict[tuple[str, str], datetime]]:
    """For the calls of a batch that a law counts: (workspace, number) → message → when it was called, and (workspace,
    number) → when the person last said no. In the transaction that claims, one sender at a time."""
    asked: dict[str, set[str]] = {}
    for one in claimed:
        if one.channel is Channel.VOICE and not one.test and any(map(_counts, _rules(one, now))):
            asked.setdefault(one.workspace, set()).add(one.to)
    made: dict[tuple[str, str], dict[str, list[datetime]]] = {}
    refused: dict[tuple[str, str], datetime] = {}
    mine = {one.id for one in claimed}
    for workspace, numbers in sorted(asked.items()):
        # Another worker's call to the same person is seen once its claim is committed.
        tx.alone(f"calls:{workspace}")
        since = now - _REMEMBERED
        for number, of_message in outbox.called(
            tx, workspace, sorted(numbers), str(MessageClass.MARKETING), since, but=mine
        ).items():
            made[workspace, number] = of_message
        for number, at in people.refused_since(tx, workspace, numbers, since).items():
            refused[workspace, number] = at
    return made, refused


def refusal(
    message: Claimed,
    caller: str | None,
    made: dict[tuple[str, str], dict[str, list[datetime]]],
    refused: Mapping[tuple[str, str], datetime],
    now: datetime,
) -> tuple[Reason, datetime | None] | None:
    """Why the call may not be made, and when again if that is known; None when it may, and it then counts. `caller`:
    the number that the account shows."""
    rules = _rules(message, now)
    shown = message.sender if message.sender and is_number(message.sender) else caller
    if shown is not None:
        why = check_sender(shown, message.country, Channel.VOICE, False) or check_caller(shown, rules)
        if why is not None:
            return why, None
    if message.test or not any(map(_counts, rules)):
        return None
    person = message.workspace, message.to
    of_others = made.setdefault(person, {})
    # It may be judged more than once in its turn.
    leaving = f"{message.id}:now"
    before = [at for one, moments in of_others.items() if one != leaving for at in moments]
    found = once_more(rules, before, refused.get(person), now)
    if found is None:
        of_others[leaving] = [now]
    else:
        of_others.pop(leaving, None)
    return found


def cannot_follow(message: Claimed) -> Reason | None:
    """A line that has no screen was called first: then no text message follows."""
    if not message.channel_step or Channel.VOICE not in message.channels[: message.channel_step]:
        return None
    line = Recipient.parse(message.to).line
    return Reason("not_a_mobile", {"line": str(line)}) if line is Line.FIXED else None


def asks_for_a_key(message: Claimed) -> bool:
    """Whether its call waits for a key: it then leaves by an account that hears one."""
    if message.channel is not Channel.VOICE:
        return False
    content = (message.content or {}).get(Channel.VOICE) or {}
    return bool(calls.keys_of(content, message.message_class))


def _rules(message: Claimed, now: datetime) -> tuple[SendingRule, ...]:
    return rules_for(message.country, Channel.VOICE, message.message_class, now.date())


def _counts(rule: SendingRule) -> bool:
    return rule.attempts is not None or bool(rule.silence_days)
