"""What core keeps for providers: the simulated phones' messages, the ids of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.contract.sending import Account
from core.domain.messages import Channel, State
from core.domain.reasons import Reason


class Book(Protocol):
    """Where the simulator keeps what its phones received: durable, so that it knows after a crash what it had taken."""

    def write(self, messages: Sequence[Simulated]) -> list[bool]:
        """Keeps them, committed on return; False for each whose reference was there already (it is kept once)."""

    def find(self, reference: str) -> Simulated | None:
        """The message of that reference."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A message on a simulated phone. At `next_at` it becomes `next` (a state, or "reply:STOP"), if at all."""

    workspace: str
    account: str
    reference: str
    to: str
    sender: str | None
    text: str
    channel: Channel
    received_at: datetime
    state: State
    next_at: datetime | None = None
    next: str | None = None


class PartsBook(Protocol):
    """Where a provider keeps the ids of the parts of its messages, and what their receipts said: durable, so that a
    receipt finds its message whichever of the two comes first, and after a restart. Each call is committed on return.
    """

    def take(self, account: Account, parts: Sequence[Part], now: datetime) -> None:
        """Parts that the provider has. Receipts that came before them are bound to them."""

    def hear(self, account: Account, words: Sequence[PartWord], now: datetime) -> None:
        """Receipts. One whose part is not known yet waits for it; none moves a part backwards."""

    def news(self, account: Account, heard_before: datetime) -> list[list[KnownPart]]:
        """All parts of each message of which something was heard and not told yet; and alone, receipts from before
        `heard_before` that found no part, or, if exactly one message to that number is in doubt, as a part of it."""

    def told(self, account: Account, parts: Sequence[KnownPart]) -> None:
        """Core knows what these say."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of message `reference` as a provider took it under the id `id`: `number` (from 1) of `total`.

    `forms` are the ids by which a receipt may name it, the likeliest first; `tail` the last digits of the number.
    """

    reference: str
    number: int
    total: int
    id: str
    forms: tuple[str, ...]
    tail: str


@dataclass(frozen=True, slots=True)
class PartWord:
    """A receipt about one part. `forms` are the ids under which it may have been taken, the likeliest first."""

    id: str
    forms: tuple[str, ...]
    tail: str
    state: State | None
    status: str
    at: datetime
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class KnownPart:
    """What is kept of a part. `reference` is None for a receipt that belongs to no message that we know."""

    row: str
    reference: str | None
    number: int
    total: int
    id: str
    state: State | None
    status: str
    at: datetime | None
    reason: Reason | None = None
