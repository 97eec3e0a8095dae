"""When an account is left in peace, and how it comes back: one message first, then a tenth, then all. Pure.

An account that asks us to wait, or that is at fault itself (its key, its credit), is shut at once. One whose answers we
keep not getting, or that got slow, is shut when that is so for half of a minute's messages. Whatever was shut opens
carefully; who fails again while opening is shut for longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from core.domain.reasons import Reason

WINDOW = timedelta(seconds=60)
SLOT = timedelta(seconds=10)
FAILS = 5
"""So many of a minute's messages without an answer shut it, if they are half of all."""
SLOW_CALL = timedelta(seconds=8)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=1)
SHORT = timedelta(seconds=1)
TRIAL = timedelta(seconds=20)
"""How long one message may take to tell whether the others may follow; its sender may have died."""
EASES = timedelta(seconds=30)
_NO_SLOTS: tuple[tuple[int, int, int, int], ...] = ()


class Standing(StrEnum):
    """What an account may be given now."""

    WELL = "well"
    EASING = "easing"
    TRIAL = "trial"
    SHUT = "shut"


@dataclass(frozen=True, slots=True)
class Tally:
    """What one turn saw of an account. `waits` is the longest pause that it asked for."""

    good: int = 0
    bad: int = 0
    slow: int = 0
    waits: timedelta | None = None
    all_wait: bool = False
    reason: Reason | None = None
    at_fault: bool = False
    """The account itself: `waits` and `reason` say for how long and why."""

    def plus(self, other: Tally) -> Tally:
        """Both together; the longer pause and its reason."""
        later = other if other.waits is not None and (self.waits is None or other.waits >= self.waits) else self
        return Tally(
            self.good + other.good, self.bad + other.bad, self.slow + other.slow, later.waits,
            (self.all_wait or self.waits is None) and (other.all_wait or other.waits is None), later.reason,
            self.at_fault or other.at_fault,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Breaker:
    """`until`: shut till then; `reason`: what was the matter, until a message got through; `trying`: one is under way.

    `soft`: it is only slow, and still better than nothing. `slots`: (second, good, bad, slow) of the last minute.
    """

    until: datetime | None = None
    reason: Reason | None = None
    times: int = 0
    trying: bool = False
    soft: bool = False
    eases_until: datetime | None = None
    slots: tuple[tuple[int, int, int, int], ...] = _NO_SLOTS

    def standing(self, now: datetime) -> Standing:
        """What it may be given at `now`."""
        if self.until is not None and self.until > now:
            return Standing.SHUT
        if self.reason is not None or self.trying:
            return Standing.TRIAL
        return Standing.EASING if self.eases_until is not None and self.eases_until > now else Standing.WELL

    def back(self, now: datetime) -> datetime:
        """When to ask again whether it is back. While one message tries, soon: its answer is on its way."""
        if self.until is None:
            return now
        return min(self.until, now + SHORT) if self.trying else self.until

    def kept(self) -> dict[str, Any]:
        """What the account's row does not say in columns of its own."""
        found: dict[str, Any] = {"slots": [list(slot) for slot in self.slots]} if self.slots else {}
        if self.trying:
            found["trying"] = True
        if self.soft:
            found["soft"] = True
        if self.eases_until is not None:
            found["eases_until"] = self.eases_until.isoformat()
        return found


def read(
    until: datetime | None, reason: Reason | None, kept: Mapping[str, Any] = MappingProxyType({})
) -> Breaker:
    """The breaker that an account's row describes."""
    eases = kept.get("eases_until")
    return Breaker(
        until, reason, int(reason.values.get("times", 1)) if reason else 0, bool(kept.get("trying")),
        bool(kept.get("soft")), datetime.fromisoformat(eases).astimezone(UTC) if eases else None,
        tuple((slot[0], slot[1], slot[2], slot[3]) for slot in kept.get("slots", ())),
    )  # fmt: skip


def trying(breaker: Breaker, now: datetime) -> Breaker:
    """One message goes ahead; everybody else waits for what it says."""
    return replace(breaker, trying=True, until=now + TRIAL)


def judged(breaker: Breaker, seen: Tally, now: datetime, *, tried: bool = False, alone: bool = False) -> Breaker:
    """What to think of an account after a turn. `tried`: it was this turn that tried it. `alone`: there is no other, so
    that being slow changes nothing."""
    if seen.waits is not None and seen.reason is not None:
        return _shut(breaker, seen.reason, seen.waits, now, again=seen.all_wait, at_fault=seen.at_fault)
    if not seen.good and not seen.bad:
        return breaker
    standing = breaker.standing(now)
    if not tried and (breaker.trying or standing in (Standing.SHUT, Standing.TRIAL)):
        # What left before it was shut says nothing of how it is now.
        return breaker
    slots = _with(breaker.slots, seen, now)
    good, bad, slow = (sum(slot[at] for slot in slots) for at in (1, 2, 3))
    opening = standing is not Standing.WELL
    if (bad >= FAILS or (opening and seen.bad)) and bad * 2 >= good + bad:
        return _shut(breaker, Reason("account_failing", {"count": bad, "of": good + bad}), SHORT, now, again=True)
    if not alone and slow >= FAILS and slow * 2 >= good + bad:
        shut = _shut(breaker, Reason("account_slow", {"count": slow, "of": good + bad}), SHORT, now, again=True)
        return replace(shut, soft=True)
    if breaker.reason is not None or breaker.trying:
        return Breaker(eases_until=now + EASES, slots=slots)
    eases = breaker.eases_until if breaker.eases_until is not None and breaker.eases_until > now else None
    return Breaker(eases_until=eases, slots=slots)


def _shut(
    breaker: Breaker, why: Reason, least: timedelta, now: datetime, *, again: bool, at_fault: bool = False
) -> Breaker:
    # One that asks a few to wait is only busy; one that lets nobody through, or fails as it opens, is left for longer.
    times = breaker.times + 1 if again else 1
    if why.code in ("account_failing", "account_slow"):
        times = max(times, 2)
    if at_fault:
        own = least
    else:
        own = SHORT if times <= 1 else min(FIRST_PAUSE * 2 ** min(times - 2, 10), LONGEST_PAUSE)
    return Breaker(now + max(least, own), Reason(why.code, {**why.values, "times": times}), times)


def _with(
    slots: tuple[tuple[int, int, int, int], ...], seen: Tally, now: datetime
) -> tuple[tuple[int, int, int, int], ...]:
    second, width = int(now.timestamp()), int(SLOT.total_seconds())
    start, oldest = second - second % width, second - int(WINDOW.total_seconds())
    found = {slot[0]: slot for slot in slots if oldest < slot[0] <= start}
    _, good, bad, slow = found.get(start, (start, 0, 0, 0))
    found[start] = (start, good + seen.good, bad + seen.bad, slow + seen.slow)
    return tuple(found[at] for at in sorted(found))
