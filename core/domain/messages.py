"""A message: one text for one recipient. Its class, its channels, its states and which state may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class MessageClass(StrEnum):
    """What the law and the person call this message. Mandatory: nothing is sent without one."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"
    OTP = "otp"
    CONVERSATIONAL = "conversational"

    @property
    def priority(self) -> int:
        """0 leaves first: a campaign never delays a reminder, a reminder never delays a one-time code."""
        return _PRIORITIES[self]


_PRIORITIES: Mapping[MessageClass, int] = MappingProxyType(
    {
        MessageClass.OTP: 0,
        MessageClass.TRANSACTIONAL: 1,
        MessageClass.CONVERSATIONAL: 2,
        MessageClass.MARKETING: 3,
    }
)


class Channel(StrEnum):
    """By what the message reaches the phone."""

    SMS = "sms"
    RCS = "rcs"
    WHATSAPP = "whatsapp"
    VOICE = "voice"


class State(StrEnum):
    """Where a message is in its life. It only moves forwards, see `FOLLOWS`."""

    SCHEDULED = "scheduled"
    HELD = "held"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


_OVER = frozenset({State.SUPPRESSED, State.CANCELLED, State.SUPERSEDED, State.EXPIRED})
WAITING = frozenset({State.SCHEDULED, State.HELD})
LEFT = frozenset({State.SENDING, State.UNCERTAIN, State.SENT, State.DELIVERED, State.READ})

FOLLOWS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.SCHEDULED: frozenset({State.HELD, State.SENDING}) | _OVER,
        State.HELD: frozenset({State.SCHEDULED}) | _OVER,
        State.SENDING: frozenset(
            {State.SENT, State.DELIVERED, State.READ, State.SCHEDULED, State.HELD, State.FAILED, State.UNCERTAIN}
        )
        | _OVER,
        State.UNCERTAIN: frozenset(
            {State.SENT, State.DELIVERED, State.READ, State.FAILED, State.SCHEDULED, State.EXPIRED}
        ),
        State.SENT: frozenset({State.DELIVERED, State.READ, State.FAILED}),
        State.DELIVERED: frozenset({State.READ}),
        # A network's "failed" can be contradicted by the phone itself, and the phone is right.
        State.FAILED: frozenset({State.DELIVERED, State.READ}),
        State.READ: frozenset(),
        State.SUPPRESSED: frozenset(),
        State.CANCELLED: frozenset(),
        State.SUPERSEDED: frozenset(),
        State.EXPIRED: frozenset(),
    }
)


def may_follow(now: State, then: State) -> bool:
    """Whether a message in state `now` may move to `then`. A state never follows itself."""
    return then in FOLLOWS[now]


def is_stale(expires_at: datetime | None, now: datetime) -> bool:
    """A reminder that arrives after its appointment is worse than none. The last useful moment is still useful."""
    return expires_at is not None and now > expires_at
