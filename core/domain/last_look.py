"""The last look before a message leaves: pure, on what is known at that moment. What fails here does not leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.domain.messages import Channel, MessageClass, State, is_stale
from core.domain.policy.decision import Never, Policy
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a claimed message's surroundings: `installation_state` is None for messages without one."""

    policy: Policy
    installation_state: str | None = None
    confirms_stop: bool = False


@dataclass(frozen=True, slots=True)
class Go:
    """It may leave now."""


@dataclass(frozen=True, slots=True)
class Stay:
    """It does not leave now: it becomes `state`, perhaps `due_at` later, perhaps `held_by` something."""

    state: State
    reason: Reason
    due_at: datetime | None = None
    held_by: str | None = None


_HOLDING: Mapping[str, str] = {"reconnect": "installation_reconnect", "paused": "installation_paused"}


def last_look(
    to: str,
    country: str,
    channel: Channel,
    klass: MessageClass,
    *,
    expires_at: datetime | None,
    sender: str | None,
    asks: bool,
    installation: str | None,
    facts: Facts,
    now: datetime,
) -> Go | Stay:
    """Whether a claimed message may leave at `now`."""
    if is_stale(expires_at, now):
        return Stay(State.EXPIRED, Reason("stale"))
    if installation is not None:
        if facts.installation_state in (None, "disconnected"):
            return Stay(State.CANCELLED, Reason("disconnected"))
        if facts.installation_state in _HOLDING:
            return Stay(State.HELD, Reason(_HOLDING[facts.installation_state]), held_by=f"installation:{installation}")
    verdict = facts.policy.decide(
        Recipient(to, country, Line.MOBILE),
        channel,
        klass,
        wanted=now,
        until=expires_at,
        now=now,
        sender=sender,
        asks=asks,
        confirms_stop=facts.confirms_stop,
    )
    if isinstance(verdict, Never):
        return Stay(verdict.state, verdict.reason)
    if verdict.at > now:
        reason = next(
            (check.reason for check in verdict.checks if check.result == "moved" and check.reason),
            Reason("outside_hours"),
        )
        return Stay(State.SCHEDULED, reason, due_at=verdict.at)
    return Go()
