"""After a standstill: which messages are too late to leave as if nothing had happened, by class. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from core.domain.messages import MessageClass
from core.domain.reasons import Reason

AWAY_AFTER = timedelta(minutes=10)
"""A longer gap between two ticks is a standstill: shorter ones are restarts."""
SORTED_FOR = timedelta(hours=6)
"""So long after a standstill what it kept back is still being sorted; later, something else has kept it."""


class Then(StrEnum):
    """What becomes of a message that is too late."""

    SEND = "send"
    SKIP = "skip"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """So late a message of its class may still leave by itself; after that, `then`."""

    after: timedelta
    then: Then


DEFAULTS: Mapping[MessageClass, Tolerance] = MappingProxyType(
    {
        MessageClass.OTP: Tolerance(timedelta(seconds=60), Then.SKIP),
        # A reminder is useful until its deadline, which the last look knows: late is better than never.
        MessageClass.TRANSACTIONAL: Tolerance(timedelta(hours=12), Then.SEND),
        MessageClass.CONVERSATIONAL: Tolerance(timedelta(minutes=10), Then.ASK),
        MessageClass.MARKETING: Tolerance(timedelta(hours=2), Then.ASK),
    }
)


def tolerances(settings: Mapping[str, Any]) -> Mapping[MessageClass, Tolerance]:
    """Those of a workspace: the defaults, and what its settings say instead (`{class: {"seconds", "then"}}`)."""
    own = settings.get("late") or {}
    return {
        klass: Tolerance(timedelta(seconds=own[klass]["seconds"]), Then(own[klass]["then"])) if klass in own else usual
        for klass, usual in DEFAULTS.items()
    }


@dataclass(frozen=True, slots=True)
class Away:
    """The engine stood still from `since` to `until`."""

    since: datetime
    until: datetime

    def kept_back(self, due_at: datetime, now: datetime) -> bool:
        """Whether a message that was due then, and could leave `now`, waited because of it."""
        return due_at < self.until <= now <= self.until + SORTED_FOR


def away_between(last: datetime | None, now: datetime) -> Away | None:
    """The standstill between two ticks; None for an ordinary pause, or before the first tick ever."""
    return Away(last, now) if last is not None and now - last > AWAY_AFTER else None


def judge(tolerance: Tolerance, due_at: datetime, away: Away | None, now: datetime) -> tuple[Then, Reason] | None:
    """What becomes of a message that was due at `due_at` and could leave `now`; None when it just leaves.

    Late without a standstill (a long queue, an account that was paused) is not ours to sort.
    """
    late = now - due_at
    if away is None or late <= tolerance.after or tolerance.then is Then.SEND or not away.kept_back(due_at, now):
        return None
    code = "late_skipped" if tolerance.then is Then.SKIP else "late_asked"
    return tolerance.then, Reason(code, {"minutes": int(late.total_seconds() // 60)})
