"""What goes out to a provider, and what comes back: outcomes, receipts, replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.domain.messages import Channel, MessageClass, State
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account of one workspace. `receipts_url`, `replies_url` bear its secret in the path."""

    id: str
    workspace: str
    provider: str
    config: Mapping[str, Any]
    secrets: Mapping[str, Any]
    receipts_url: str
    replies_url: str


# Nobody changes one. It is not frozen because that costs a third of a microsecond a field, for every message.
@dataclass(slots=True)
class Outgoing:
    """One message for a provider. `reference` is our id: given to the provider, unique for ever."""

    reference: str
    to: str
    text: str
    channel: Channel
    message_class: MessageClass
    encoding: str
    """"GSM-7" or "UCS-2", as measured."""
    sender: str | None = None
    country: str = ""
    expires_at: datetime | None = None
    stop_mention: bool = False
    test: bool = False
    asks: bool = False
    """The text asks for OUI or NON: a channel with buttons offers them."""
    content: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What the channel shows beyond `text`, as `core.domain.content` made it; empty for plain text."""
    within_window: bool = False
    """The person wrote to us on this channel less than 24 hours ago (WhatsApp takes free text only then)."""
    hours_end: datetime | None = None
    """When the hours end in which such a message may be sent, for advertising: what still waits in a provider's own
    queue then should be given up there. None where no hours are due to end."""

    @property
    def queued_until(self) -> datetime | None:
        """Till when it may wait in a provider's own queue; None for as long as it likes."""
        moments = [moment for moment in (self.expires_at, self.hours_end) if moment is not None]
        return min(moments, default=None)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it. `reference` is the provider's own id."""

    reference: str
    price_micros: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """It was surely not taken. Try again, not before `after`. `alone`: it is this message's person who must be left in
    peace for so long; everybody else's messages go on."""

    after: timedelta
    reason: Reason
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be taken. `opt_out`: the number wants silence. `dead_number`: never try it again."""

    reason: Reason
    opt_out: bool = False
    dead_number: bool = False


@dataclass(frozen=True, slots=True)
class AccountTrouble:
    """The account is at fault (key, credit, rights), not the message: hold all of the account, tell a person."""

    reason: Reason
    after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """We spoke, and cannot know whether it was taken."""

    reason: Reason


Outcome = Accepted | TryLater | Refused | AccountTrouble | Uncertain


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's word on a message that it took. An unknown word has no `state`: it is kept, and changes nothing."""

    provider_reference: str | None
    state: State | None
    status: str
    """The provider's own word, as it came."""
    at: datetime
    reference: str | None = None
    reason: Reason | None = None
    account_trouble: bool = False
    """Refused late for the account's sake (no credit): the message waits, the account is held."""
    retry: bool = False
    opt_out: bool = False
    dead_number: bool = False
    price_micros: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class PhoneReply:
    """What a person wrote back. `answers` is the provider's id of the message that it answers, if it says so."""

    sender: str
    to: str
    text: str
    at: datetime
    provider_reference: str
    answers: str | None = None
    channel: Channel | None = None
    """By which it came, from a provider that has several."""
