"""A way out to phones, and what some of them can do beyond sending."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.contract.adapter import Configured
from core.contract.books import Book, PartsBook
from core.contract.inbound import Inbound, Reply
from core.contract.sending import Account, Outcome, Outgoing, PhoneReply, Receipt
from core.domain.approved import News
from core.domain.calls import Spoken
from core.domain.errors import NotAuthentic
from core.domain.messages import Channel
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason


class Provider(ABC):
    """A way out. One object per process and kind; `account` says for whom. Thread-safe."""

    slug: str
    name: str
    channels: frozenset[Channel]
    batch_size: int = 64
    idempotent: bool = False
    """True when the same `Outgoing.reference` twice is one message for the provider."""
    can_look_up: bool = False
    for_tests: bool = False
    """True for providers that reach no real phone; test keys (`rk_test_`) use no other."""
    confirms_stop: bool = False
    """True when the provider itself answers a person's STOP; where it does not, we do, once."""
    vendors: Mapping[str, str] = NOTHING
    deaf: frozenset[Channel] = frozenset()
    """Those of `channels` by which nobody can answer through it: a question does not leave by them."""

    def __init__(self, tools: ProviderTools) -> None:
        self.tools = tools

    def able(self, account: Account) -> frozenset[Channel]:
        """Pure. Those of `channels` for which `account` has all that is needed (a key, a number to call from)."""
        return self.channels

    def caller(self, account: Account) -> str | None:
        """Pure. The number that a phone shows when `account` calls it; None when it chooses none itself."""
        return None

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Checks what a person gave, see `Adapter.configured`."""
        return Configured(config=config, secrets={})

    @abstractmethod
    def send(
        self, account: Account, messages: Sequence[Outgoing], now: datetime, begun: Callable[[str], None]
    ) -> list[Outcome]:
        """Hands the batch over; an outcome for each, in order. Calls `begun(reference)` just before the first byte of a
        message is written: what had not begun when the process died is surely not sent. Never raises."""

    def handshake(self, request: Inbound, account: Account) -> Reply | None:
        """The answer to a request by which the provider only makes sure that the address is ours; None for any other,
        which is then verified and read. Pure. Raises `NotAuthentic`."""
        return None

    def verify(self, request: Inbound, account: Account) -> None:  # noqa: B027 - nothing to check is an answer
        """Pure. Raises `NotAuthentic`. The secret in the path was checked before, in constant time."""

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply | News, ...]:
        """What the (verified) request says. Raises `Unreadable`; an unknown status is a `Receipt` without a state."""
        raise NotAuthentic("this provider does not call us")

    def confirm(self, account: Account, receipt: Receipt, now: datetime) -> Receipt | None:
        """What the provider itself says of the message of `receipt`, asked before a person or an account bears the
        consequences; None when it does not say now. A provider that signs what it posts gives `receipt` back."""
        return receipt

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        """The state of our message `reference`, handed over at `asked`; None when it cannot be told yet.
        Raises `Gone` when it surely never had it, `NotNow`, `NeedsReconnect`."""
        return None

    def check(self, account: Account, now: datetime) -> Reason | None:
        """For `relance doctor`: what is wrong with the account, without sending; None when all is well."""
        return None


@dataclass(frozen=True, slots=True)
class ProviderTools:
    """What core lends to providers: the vendors' addresses as the operator set them, the simulator's book, the book of
    parts, and the gate to addresses that a person gave (`reach(host, port)` gives those that may be connected to)."""

    urls: Mapping[str, str]
    book: Book | None = None
    timeout: float = 15.0
    connections: int = 32
    parts: PartsBook | None = None
    reach: Callable[[str, int], Sequence[str]] | None = None


class Listens(ABC):
    """A provider whose receipts and replies come over a connection that we keep, not to an address of ours."""

    @abstractmethod
    def listen(
        self, account: Account, deliver: Callable[[Sequence[Receipt | PhoneReply]], None], now: Callable[[], datetime]
    ) -> None:
        """Keeps a connection for `account` until `fall_silent`, and returns at once; again with a changed account, the
        connection is a new one. What comes is answered as received only after `deliver` returned, which means that it
        is committed; when that raises, the other side is asked to say it again."""

    @abstractmethod
    def fall_silent(self, account_id: str) -> None:
        """Ends the connection in good order, what is in the air first. Harmless when there is none."""


class Revokes(ABC):
    """A provider that can take a message back before it reaches the phone (RCS): then another channel may follow."""

    @abstractmethod
    def revoke(
        self, account: Account, reference: str, provider_reference: str, now: datetime, *, to: str
    ) -> bool | None:
        """Takes back what was sent to the number `to`. True: it will surely not be shown any more. False: too late, it
        was delivered. None: the provider cannot tell now, ask again. Raises `NotNow`, `NeedsReconnect`."""


class Speaks(ABC):
    """A provider that calls, and asks an address of ours what to say while the person listens."""

    @abstractmethod
    def asked(self, request: Inbound, account: Account) -> str | None:
        """Pure, after `verify`. Our reference of the message whose words the request asks for; None when it asks for
        none. What it says besides (who answered, which key was pressed) is given by `read` as ever, and taken first."""

    @abstractmethod
    def words(self, request: Inbound, account: Account, spoken: Spoken | None) -> Reply:
        """Pure. The answer to such a request: what is said; with None nothing (any more), and it hangs up."""


class Follows(ABC):
    """A provider of which can be asked what became of a message that it took, for channels whose messages are over
    within minutes (a call): a receipt that got lost on its way leaves nothing open."""

    followed: frozenset[Channel] = frozenset({Channel.VOICE})

    @abstractmethod
    def follow(
        self, account: Account, reference: str, provider_reference: str, now: datetime, *, over: bool
    ) -> Receipt | None:
        """What is known of it now; None when nothing is. `over`: it is of no use any more, and is called off if it has
        not been answered yet. Raises `NotNow`, `NeedsReconnect`."""


class Seeks(ABC):
    """A provider that keeps no reference of ours, and lists what it took: a message in doubt is known again by its
    number, its words and its moment. Asked instead of `look_up`; such a provider says `can_look_up`."""

    @abstractmethod
    def seek(self, account: Account, message: Outgoing, now: datetime, *, asked: datetime) -> Receipt | None:
        """The state of `message`, handed over at `asked` or within a sender's lease (2 minutes) after it; None when it
        cannot be told yet. Raises `Gone` when it surely was never taken, `NotNow`, `NeedsReconnect`."""


class Gone(Exception):
    """The answer of `look_up` and `seek`: the provider surely does not have it."""
