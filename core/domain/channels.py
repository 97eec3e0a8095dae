"""The order of channels that a message names, each with a time budget: the next one is tried when one surely failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from core.domain.calls import MOST_TIMES
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass
from core.domain.policy.walltime import duration

SHORTEST, LONGEST = timedelta(seconds=30), timedelta(hours=48)
# How long a channel may try when nobody said: a reminder has hours, a one-time code has the patience of a person.
_BUDGETS: Mapping[MessageClass, timedelta] = MappingProxyType({
    MessageClass.OTP: timedelta(seconds=45),
    MessageClass.TRANSACTIONAL: timedelta(hours=2),
    MessageClass.CONVERSATIONAL: timedelta(minutes=10),
    MessageClass.MARKETING: timedelta(hours=12),
})


@dataclass(frozen=True, slots=True)
class Way:
    """One channel, and for how long it is tried before the next one; None for what suits the message's class."""

    channel: Channel
    within: timedelta | None = None

    def as_json(self) -> Any:
        """`"sms"`, or `{"channel": "rcs", "within": "PT10M"}`."""
        if self.within is None:
            return str(self.channel)
        return {"channel": str(self.channel), "within": _written(self.within)}


def parse_ways(given: Any, pointer: str = "/channels") -> tuple[Way, ...]:
    """The ways that `given` (JSON: names, or objects with a time budget) lists, in their order. Raises `BadInput`."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= len(Channel):
        raise BadInput("bad_channels", pointer=pointer)
    ways = tuple(_way(one, f"{pointer}/{place}") for place, one in enumerate(given))
    if len({way.channel for way in ways}) < len(ways):
        raise BadInput("bad_channels", pointer=pointer)
    return ways


def budget(way: Way, klass: MessageClass, now: datetime, expires_at: datetime | None, left: int) -> timedelta:
    """How long `way` may try from `now` on. With `left` channels after it, a fair part of the time that the message is
    useful is kept for them: the last one must still have the time to arrive."""
    wanted = way.within or _BUDGETS[klass]
    if expires_at is not None:
        wanted = min(wanted, (expires_at - now) / (left + 1))
    return max(wanted, SHORTEST)


def reference_of(message: str, step: int, call: int = 0) -> str:
    """Our reference for a message by its channel number `step`: one of its own for each, so that a provider that knows
    references again takes the text message for what it is, and no repetition of the rich one. `call`: how many calls
    nobody answered; the next one is another call, and no repetition either."""
    named = f"{message}_{step}" if step else message
    return f"{named}.{call}" if call else named


def all_references(message: str) -> list[str]:
    """Every reference that a message may ever have had."""
    return [reference_of(message, step, call) for step in range(len(Channel)) for call in range(MOST_TIMES)]


def call_of(reference: str) -> int:
    """Which of a message's calls by the same channel a reference of ours names, from 0."""
    head, _, tail = reference.rpartition(".")
    return int(tail) if head and tail.isascii() and tail.isdigit() and len(tail) == 1 else 0


def message_of(reference: str) -> tuple[str, int]:
    """The message that a reference of ours names, and by which of its channels."""
    if call_of(reference):
        reference = reference.rpartition(".")[0]
    head, _, tail = reference.rpartition("_")
    if head.count("_") == 1 and tail.isascii() and tail.isdigit() and len(tail) == 1:
        return head, int(tail)
    return reference, 0


def budgets(ways: Sequence[Way]) -> dict[str, int] | None:
    """channel → seconds, for those of which the time was said; None when it was of none."""
    return {str(one.channel): int(one.within.total_seconds()) for one in ways if one.within is not None} or None


def ways(channels: Sequence[Channel], said: Mapping[str, int] | None) -> tuple[Way, ...]:
    """What `budgets` was made of."""
    known = said or {}
    return tuple(Way(one, timedelta(seconds=known[one]) if one in known else None) for one in channels)


def tries_until(
    channels: Sequence[Channel],
    said: Mapping[str, int] | None,
    step: int,
    klass: MessageClass,
    now: datetime,
    expires_at: datetime | None,
) -> datetime | None:
    """Till when channel number `step` is tried before the next one; None for the last, which has all the time left."""
    left = len(channels) - step - 1
    if left <= 0:
        return None
    channel = channels[step]
    within = timedelta(seconds=said[channel]) if said and channel in said else None
    return now + budget(Way(channel, within), klass, now, expires_at, left)


def _way(given: Any, pointer: str) -> Way:
    name, within = (given.get("channel"), given.get("within")) if isinstance(given, Mapping) else (given, None)
    if not isinstance(name, str) or name not in Channel.__members__.values():
        raise BadInput("bad_channel", pointer=pointer, text=str(name)[:20], known=", ".join(Channel))
    return Way(Channel(name), None if within is None else _span(within, f"{pointer}/within"))


def _span(given: Any, pointer: str) -> timedelta:
    span = duration(given, pointer).length
    if not SHORTEST <= span <= LONGEST:
        raise BadInput("bad_budget", pointer=pointer, least=_written(SHORTEST), most=_written(LONGEST))
    return span


def _written(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    hours, minutes = divmod(seconds // 60, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds % 60, "S"))
    return "PT" + "".join(f"{number}{unit}" for number, unit in parts if number)
