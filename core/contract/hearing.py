"""How what happens over there reaches us: it is pushed, announced, asked for, or looked at again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.contract.adapter import Adapter, Installation
from core.contract.inbound import Inbound, Reply
from core.contract.reading import Batch, Reading
from core.domain.events import Kind
from core.domain.messages import State
from core.domain.reasons import Reason


class Pushes(Adapter):
    """The request carries what happened."""

    @abstractmethod
    def parse(self, request: Inbound, installation: Installation) -> Reading:
        """Pure. Raises `Unreadable` (kept, can be replayed) or `Unsupported` (2xx, counted)."""


class Shared(Pushes):
    """A platform that calls `/hooks/<slug>` for all accounts (`Manifest.single_address`): who signed is known before
    whose it is."""

    @abstractmethod
    def verify_shared(self, request: Inbound) -> None:
        """Pure. Raises `NotAuthentic` unless the request is surely the platform's, by the application's own secret
        (`tools.clients`). Called instead of `verify` on the shared address."""

    def portions(self, request: Inbound) -> Sequence[tuple[str, Inbound]]:
        """The outside accounts that the (verified) request is about, each with its part of it as a request of its own:
        that part is what is parsed, kept and replayed. Raises `Unreadable`."""
        return ((self.account(request), request),)

    def stranger(self, request: Inbound) -> Reply:
        """The answer when the (verified) request is about an account that is not connected."""
        return Reply(200)


class Answers(Pushes):
    """The platform's answer names what became of each event. A repeated request is answered the same way, from what
    is known now."""

    @abstractmethod
    def answer(self, request: Inbound, reading: Reading, results: Sequence[Result]) -> Reply:
        """`results` in the order of `reading.events`. Pure."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one pushed event by the time it is answered, for platforms whose answer says it.

    `state` is the message's; without a message `reason` says why there is none. `message_id` is the first one's.
    """

    event_key: str
    state: State
    message_id: str | None = None
    reason: Reason | None = None
    due_at: datetime | None = None
    segments: int | None = None
    price_micros: int | None = None
    currency: str | None = None


class Notifies(Adapter):
    """The request only says that something changed: core then pulls."""

    @abstractmethod
    def heard(self, request: Inbound, installation: Installation) -> bool:
        """Pure, after `verify`. Whether the (authentic) request asks for a pull."""


class Pulls(Adapter):
    """We ask the platform."""

    @abstractmethod
    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """What changed since `cursor`; everything when it is None. Raises `NeedsReconnect`, `NotNow`, `Unreadable`."""


class LooksAgain(Adapter):
    """What we know must be checked with the platform just before a message leaves: is the cart still open, does the
    record still allow it?"""

    looks_again_at: frozenset[Kind]
    """The kinds of occasions for which it is asked."""
    look_again_size: int = 100
    """How many occasions one call may hold."""

    @abstractmethod
    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """`keys`: occasion key → its `private`. What of them changed, as events and consents (an unchanged one needs no
        event; what is gone is an event that closes it). Network. Raises `NeedsReconnect`, `NotNow`."""


class Demonstrates(Adapter):
    """Can play a made-up fortnight as its platform would tell it, for `relance demo`: no account is needed."""

    @abstractmethod
    def played(self, installation: Installation, now: datetime) -> Sequence[Deed]:
        """Pure. What happened in the fortnight before `now`, oldest first. The same day tells the same again."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing of a made-up story, at the aware moment `at`: a request as the platform would send it, or that a person
    follows the newest link that was sent to the number `follows` (E.164)."""

    at: datetime
    request: Inbound | None = None
    follows: str | None = None
