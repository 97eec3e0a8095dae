"""The default way out: phones that exist only here. The last four digits of a number say what its phone does.

A provider like others, so that everything around it can be tried: it has its own durable book, knows a reference again,
can be looked up after a broken line, sends receipts and replies (`core.engine.simulation` makes them happen in time).
A phone that is called rings, and is answered by a person, by a voicemail, or not at all.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from core.contract import (
    Accepted,
    Account,
    Book,
    Configured,
    Gone,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    Simulated,
    TryLater,
    Uncertain,
)
from core.domain import calls
from core.domain.channels import call_of
from core.domain.errors import RelanceError
from core.domain.messages import Channel, State
from core.domain.reasons import Reason

SOON = timedelta(seconds=2)
SLOW = timedelta(minutes=5)
REPLY = "reply:"
HOTLINE = "36000"
"""The number that a simulated person answers to when the message had no sender."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a phone behaves. `outcome` is the answer of the line instead of an acceptance; with `taken` False no phone
    receives the message. `second_try`: that outcome is only for the first try."""

    ends: State = State.DELIVERED
    after: timedelta = SOON
    outcome: Outcome | None = None
    taken: bool = True
    second_try: bool = False
    replies: str | None = None


# No network carries these and no database keeps them: a NUL, half of a surrogate pair.
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_ORDINARY = Manner()
MAGIC: Mapping[str, Manner] = MappingProxyType({
    "0001": _ORDINARY,
    "0002": Manner(ends=State.FAILED),
    "0003": Manner(outcome=Refused(Reason("simulator_refused")), taken=False),
    "0004": Manner(after=SLOW),
    "0005": Manner(outcome=TryLater(SOON, Reason("simulator_throttled")), taken=False, second_try=True),
    "0006": Manner(outcome=Uncertain(Reason("simulator_line_broke"))),
    "0007": Manner(replies="STOP"),
    "0008": Manner(replies="OUI"),
})
"""By the last four digits of the number. Every other number is delivered after two seconds."""
CALLED: Mapping[str, str] = MappingProxyType({
    "0002": "failed", "0009": "voicemail", "0010": "busy", "0011": "no_answer", "0012": "no_answer"})
"""What becomes of a call, by the last four digits; every other phone is answered by a person. 0012 is, too, when it is
called again. Where a key is offered for it, 0007 says STOP by it, and 0008 OUI."""
_CALLS: Mapping[str, tuple[State, str]] = MappingProxyType({
    "answered": (State.DELIVERED, calls.ANSWERED), "left": (State.DELIVERED, calls.LEFT),
    "hung_up": (State.FAILED, "call_voicemail"), "busy": (State.FAILED, "call_busy"),
    "no_answer": (State.FAILED, "call_no_answer"), "failed": (State.FAILED, "call_failed")})


def manner(number: str) -> Manner:
    """What the phone `number` does."""
    return MAGIC.get(number[-4:], _ORDINARY)


class Simulator(Provider):
    """Without a book (`ProviderTools.book`) it remembers as long as the process lives."""

    slug = "simulator"
    name = "Simulator"
    channels = frozenset(Channel)
    batch_size = 500
    idempotent = True
    can_look_up = True
    for_tests = True

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self._book: Book = tools.book or _Notes()

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """There is nothing to set: what is given all the same (somebody's real key) is not kept."""
        return Configured(config={}, secrets={})

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        """One write to the book for the whole batch; one more when it holds a number that is throttled first."""
        outcomes = [_begin(message, begun) for message in messages]
        open_ = [index for index, outcome in enumerate(outcomes) if outcome is None]
        try:
            later = self._put_off(account, [messages[index] for index in open_], now)
            taken = []
            for index in open_:
                message = messages[index]
                outcomes[index] = _answer(message, first_try=message.reference in later)
                if isinstance(outcomes[index], Accepted | Uncertain):
                    taken.append(_received(account, message, now))
            if taken:
                self._book.write(taken)
        except RelanceError as error:
            for index in open_:
                outcomes[index] = Uncertain(Reason("simulator_book_away", {"detail": error.reason.code}))
        return [outcome or Uncertain(Reason("simulator_book_away")) for outcome in outcomes]

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        """The book always knows: a receipt, or `Gone`."""
        found = self._book.find(reference)
        if found is None or (found.workspace, found.account) != (account.workspace, account.id):
            raise Gone(reference)
        if found.channel is Channel.VOICE and found.state is State.FAILED:
            # It was made; how it ended is told by its own receipt.
            return receipt(found, State.SENT, now)
        return receipt(found, found.state, now)

    def _put_off(self, account: Account, messages: Sequence[Outgoing], now: datetime) -> set[str]:
        """Notes the throttled ones; the references of those that were not noted before."""
        throttled = [message for message in messages if manner(message.to).second_try]
        if not throttled:
            return set()
        notes = [Simulated(account.workspace, account.id, f"later:{message.reference}", message.to, message.sender, "",
                           message.channel, now, State.SCHEDULED) for message in throttled]
        return {message.reference for message, new in zip(throttled, self._book.write(notes), strict=True) if new}


def receipt(message: Simulated, state: State, at: datetime) -> Receipt:
    """The simulator's word on `message` when it comes to `state`."""
    reason = Reason("simulator_undeliverable") if state is State.FAILED else None
    return Receipt(f"sim_{message.reference}", state, state.value.upper(), at, message.reference, reason)


def happens(message: Simulated) -> tuple[Receipt | PhoneReply, State, datetime | None, str | None]:
    """What `message.next` is for the outside at `next_at`; then the state, moment and name of what comes after it.

    Raises `ValueError` when nothing is to happen.
    """
    at, step = message.next_at, message.next
    if at is None or step is None:
        raise ValueError("nothing is to happen to this message")
    if message.channel is Channel.VOICE:
        return _rings(message, at, step)
    if step.startswith(REPLY):
        said = PhoneReply(message.to, message.sender or HOTLINE, step.removeprefix(REPLY), at,
                          f"simreply_{message.reference}", f"sim_{message.reference}")
        return said, message.state, None, None
    state, replies = State(step), manner(message.to).replies
    then = (at + SOON, REPLY + replies) if replies else (None, None)
    return receipt(message, state, at), state, *then


def _rings(message: Simulated, at: datetime,
           step: str) -> tuple[Receipt | PhoneReply, State, datetime | None, str | None]:
    """What happens on a phone that is called. `step` may name the key that is pressed afterwards ("answered:1")."""
    if step.startswith(REPLY):
        key = step.removeprefix(REPLY)
        said = PhoneReply(message.to, message.sender or HOTLINE, key, at, f"simreply_{message.reference}",
                          f"sim_{message.reference}", Channel.VOICE)
        return said, message.state, None, None
    what, _, key = step.partition(":")
    state, code = _CALLS[what]
    told = Receipt(f"sim_{message.reference}", state, what.upper(), at, message.reference, Reason(code))
    return told, state, *((at + SOON, REPLY + key) if key else (None, None))


def _begin(message: Outgoing, begun: Callable[[str], None]) -> Outcome | None:
    if _UNSENDABLE.search(message.text):
        return Refused(Reason("provider_text_unreadable"))
    try:
        begun(message.reference)
    except Exception as error:  # noqa: BLE001 - whoever holds the message takes it back: it becomes its outcome
        return TryLater(SOON, Reason("provider_not_begun", {"detail": type(error).__name__}))
    return None


def _answer(message: Outgoing, *, first_try: bool) -> Outcome:
    way = manner(message.to)
    if way.outcome is not None and (first_try or not way.second_try):
        return way.outcome
    return Accepted(f"sim_{message.reference}")


def _received(account: Account, message: Outgoing, now: datetime) -> Simulated:
    way = manner(message.to)
    if message.channel is Channel.VOICE:
        said = calls.spoken(message.content, message.text, message.message_class)
        words = " ".join(filter(None, (said.text, said.menu)))
        return Simulated(account.workspace, account.id, message.reference, message.to, message.sender, words,
                         message.channel, now, State.SENT, now + way.after, _call(message, said))
    return Simulated(account.workspace, account.id, message.reference, message.to, message.sender, message.text,
                     message.channel, now, State.SENT, now + way.after, way.ends.value)


def _call(message: Outgoing, said: calls.Spoken) -> str:
    """How the phone that is called behaves: a name of `_CALLS`, with the key that is pressed then."""
    becomes = CALLED.get(message.to[-4:], "answered")
    if message.to[-4:] == "0012" and call_of(message.reference):
        becomes = "answered"
    if becomes == "voicemail":
        return "left" if said.voicemail == calls.LEAVE_MESSAGE else "hung_up"
    wanted = manner(message.to).replies
    key = next((key for key, meaning in said.keys.items() if calls.SAID[meaning] == wanted), None)
    return f"{becomes}:{key}" if key and becomes == "answered" else becomes


class _Notes:
    """A book in this process's memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Simulated] = {}
        self._lock = threading.Lock()

    def write(self, messages: Sequence[Simulated]) -> list[bool]:
        with self._lock:
            return [self._kept.setdefault(message.reference, message) is message for message in messages]

    def find(self, reference: str) -> Simulated | None:
        return self._kept.get(reference)
