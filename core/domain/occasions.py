"""An occasion: what we now know of one visit, cart, order or request. An older event never undoes a newer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from core.domain.events import Closed, Event, Evidence, Kind
from core.domain.reasons import Reason
from core.domain.recipients import Recipient

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Answer(StrEnum):
    """What the person said about the occasion as it then was."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Occasion:
    """The last state of what an event is about. Fields as in `Event`, and what only we know.

    `first_seen` is when we learnt of it; `backlog` says that it was already there when the installation was
    connected, so that nobody is told "your appointment is booked" about last month's booking. `told` is the start
    that the person last read in a message of ours. `answer` is what the person replied about `start` as it is.
    `own_recipient` is a number that a person chose or typed for this occasion; it wins over what was found.
    `muted` is set by a person: no message on this occasion.
    """

    key: str
    kind: Kind
    at: datetime
    digest: str
    closed: Closed | None = None
    start: datetime | None = None
    end: datetime | None = None
    zone: str | None = None
    all_day: bool = False
    found: Recipient | None = None
    trouble: Reason | None = None
    evidence: Evidence | None = None
    candidates: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    private: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    first_seen: datetime | None = None
    backlog: bool = False
    told: datetime | None = None
    answer: Answer | None = None
    own_recipient: Recipient | None = None
    muted: bool = False
    id: str = ""
    installation: str = ""

    @property
    def recipient(self) -> Recipient | None:
        """Whom messages go to."""
        return self.own_recipient or self.found

    @property
    def open(self) -> bool:
        """Whether messages may be wanted."""
        return self.closed is None and not self.muted


def updated(known: Occasion | None, event: Event) -> Occasion | None:
    """The occasion after `event`; None when the event is older than, or the same as, what is known.

    Order is by (`at`, digest), so that any two readers who see the same events, in whatever order and however often,
    end with the same occasion.
    """
    digest = event.digest
    if known is not None and (event.at, digest) <= (known.at, known.digest):
        return None
    base = known or Occasion(key=event.key, kind=event.kind, at=event.at, digest=digest, first_seen=event.at)
    # A deleted event comes without its content; the last known content is what people will ask about.
    if event.closed is not None and known is not None and event.start is None and known.start is not None:
        return replace(base, at=event.at, digest=digest, closed=event.closed)
    moved = event.start != base.start
    return replace(
        base,
        kind=event.kind,
        at=event.at,
        digest=digest,
        closed=event.closed,
        start=event.start,
        end=event.end,
        zone=event.zone,
        all_day=event.all_day,
        found=event.recipient,
        trouble=event.trouble,
        evidence=event.evidence,
        candidates=event.candidates,
        values=event.values,
        private=event.private,
        answer=None if moved else base.answer,
    )
