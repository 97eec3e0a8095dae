"""An occasion: what we now know of one visit, cart, order or request. An older event never undoes a newer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core.domain.events import Closed, Event, Evidence, Kind, Wish
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason
from core.domain.recipients import Recipient


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
    `muted` is set by a person: no message on this occasion. `content_at` and `content_digest` say which event the
    content came from where that is not the newest one: a bare "it is gone" closes, and tells nothing.
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
    values: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    private: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    first_seen: datetime | None = None
    backlog: bool = False
    told: datetime | None = None
    answer: Answer | None = None
    own_recipient: Recipient | None = None
    muted: bool = False
    content_at: datetime | None = None
    content_digest: str | None = None
    id: str = ""
    installation: str = ""
    wish: Wish | None = None
    subject: str | None = None
    email: str | None = None

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
    end with the same occasion: closed as the newest event says, with the content of the newest one that has any.
    """
    place = (event.at, event.digest)
    if _bare(event):
        return _gone(known, event, place)
    if known is None:
        first = Occasion(key=event.key, kind=event.kind, at=event.at, digest=event.digest, first_seen=event.at)
        return _told(replace(first, closed=event.closed), event)
    if place > (known.at, known.digest):
        newest = replace(known, at=event.at, digest=event.digest, closed=event.closed)
        return _told(replace(newest, content_at=None, content_digest=None), event)
    if known.content_at is not None and place > (known.content_at, known.content_digest or ""):
        # It was gone before we heard of this; what it was is what people will ask about.
        return _told(replace(known, content_at=event.at, content_digest=event.digest), event)
    return None


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _bare(event: Event) -> bool:
    """Whether `event` only says that the occasion is over, as platforms do of what was deleted."""
    if event.closed is None or event.start is not None:
        return False
    return event.kind is Kind.APPOINTMENT or (event.recipient is None and not event.values)


def _gone(known: Occasion | None, event: Event, place: tuple[datetime, str]) -> Occasion | None:
    if known is None:
        return Occasion(event.key, event.kind, event.at, event.digest, event.closed, first_seen=event.at,
                        content_at=_NEVER)  # fmt: skip
    if place <= (known.at, known.digest):
        return None
    if known.content_at is None:
        known = replace(known, content_at=known.at, content_digest=known.digest)
    return replace(known, at=event.at, digest=event.digest, closed=event.closed)


def _told(base: Occasion, event: Event) -> Occasion:
    """`base` with the content of `event`."""
    return replace(
        base,
        kind=event.kind,
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
        wish=event.wish,
        subject=event.subject,
        email=event.email,
        answer=None if event.start != base.start else base.answer,
    )
