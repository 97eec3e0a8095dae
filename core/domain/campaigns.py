"""A campaign: one occasion for each of many people. Who comes first, who gets which text, who is left out to measure.

Everybody has a place of their own in a campaign, drawn from their number: the same whenever it is asked for, and
another one in the next campaign. Shares are cut from the row of those places. Pure.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.messages import Channel, MessageClass
from core.domain.policy.walltime import at_wall
from core.domain.reasons import Reason

END = 2**62
"""Beyond every place."""
MOST_HOLDOUT = 50
MOST_VARIANTS = 5
CLASSES = (MessageClass.MARKETING, MessageClass.TRANSACTIONAL)
RECIPIENT = "recipient"
"""Stands for a zone: each person's own."""
USEFUL = timedelta(hours=72)
"""Over a Sunday and a holiday: a message waits for a lawful hour rather than being dropped."""
LEAST_TO_JUDGE = 10
"""Of fewer messages that left, shares say nothing; two bad ones of them are still two."""
WINDOW = timedelta(days=3)
"""For so long after the message an order counts as having followed it."""


class Phase(StrEnum):
    """Where a campaign is in its life."""

    DRAFT = "draft"
    GATHERING = "gathering"  # its people are written down
    SENDING = "sending"  # messages are made, batch by batch, and leave at their time
    WAITING = "waiting"  # the first part has been made; a person, or its figures, let the rest follow
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


RUNNING = frozenset({Phase.GATHERING, Phase.SENDING, Phase.WAITING})
OVER = frozenset({Phase.DONE, Phase.CANCELLED})


class By(StrEnum):
    """By what the better one of several texts is known."""

    CLICKS = "clicks"
    REPLIES = "replies"
    ORDERS = "orders"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the texts, and its share (percent; those of a campaign are 100 together)."""

    name: str
    share: int
    body: str | None = None
    template: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staged:
    """`percent` go first. After `after` (with None: when a person says so) the rest follows, unless more than
    `most_failed` or `most_stopped` percent of what left failed or earned a STOP: then all that waits is held."""

    percent: int
    after: timedelta | None = None
    most_failed: float = 10.0
    most_stopped: float = 2.0


@dataclass(frozen=True, slots=True)
class Time:
    """When it is to leave: at once, at an instant, or at a `wall` time of each person's own place."""

    at: datetime | None = None
    wall: datetime | None = None
    zone: str | None = None
    useful: timedelta = USEFUL

    def due(self, there: ZoneInfo | None, now: datetime) -> datetime:
        """For a person in the zone `there`; a moment that is over is now."""
        if self.wall is not None and there is not None:
            return max(at_wall(self.wall.date(), self.wall.time(), there), now)
        return now if self.at is None else max(self.at, now)


@dataclass(frozen=True, slots=True)
class Campaign:
    """All that its author decided."""

    id: str
    name: str
    message_class: MessageClass
    variants: tuple[Variant, ...]
    channels: tuple[Channel, ...] = (Channel.SMS,)
    budgets: Mapping[str, int] | None = None
    sender: str | None = None
    shorten: bool = True
    fallbacks: Mapping[str, str] = field(default_factory=dict)
    time: Time = field(default_factory=Time)
    staged: Staged | None = None
    winner: By | None = None
    holdout: int = 0
    test: bool = False
    survey: str | None = None
    """Whose first question is its text."""

    @property
    def first_percent(self) -> int | None:
        """How many go first; None where all go at once."""
        return None if self.staged is None else self.staged.percent


# ---------------------------------------------------------------------------------------------- shares


def draw(campaign: str, number: str) -> int:
    """The person's place in that campaign, from 0 to below `END`: the same each time."""
    drawn = hashlib.blake2b(number.encode(), key=campaign.encode()[:64], digest_size=8, person=b"campaign place")
    return int.from_bytes(drawn.digest()) >> 2


@dataclass(frozen=True, slots=True)
class Cut:
    """How many of the row of places are left out (its head), and how many come first after them."""

    left_out: int
    first: int


def cut(count: int, holdout: int, first: int | None) -> Cut:
    """The parts of `count` people: `holdout` percent are left out, rounded; `first` percent of the others go first,
    rounded up so that there is somebody; all of them where nothing is said."""
    left_out = (count * holdout + 50) // 100
    rest = count - left_out
    return Cut(left_out, rest if first is None else math.ceil(rest * first / 100))


@cache
def pattern(shares: tuple[int, ...]) -> tuple[int, ...]:
    """Which variant each of a hundred places in a row gets: exact over all of them, and nearly so from any beginning.
    Raises `ValueError` unless the shares are 100 together."""
    if sum(shares) != 100 or any(share < 0 for share in shares):
        raise ValueError("shares are a hundred together")
    given, said = [0] * len(shares), []
    for place in range(100):
        lack = [share * (place + 1) - 100 * had for share, had in zip(shares, given, strict=True)]
        chosen = lack.index(max(lack))
        given[chosen] += 1
        said.append(chosen)
    return tuple(said)


def variant_of(variants: Sequence[Variant], place: int) -> int:
    """Which of the variants the one at that place (from 0) among those who are written to gets."""
    if len(variants) == 1:
        return 0
    return pattern(tuple(one.share for one in variants))[place % 100]


# ---------------------------------------------------------------------------------------------- judging


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a campaign's messages, or of those of one variant. `waiting` have not left yet."""

    waiting: int = 0
    left: int = 0
    delivered: int = 0
    failed: int = 0
    clicked: int = 0
    replied: int = 0
    stopped: int = 0
    ordered: int = 0

    def share(self, count: int) -> float:
        """Percent of what left."""
        return 100 * count / self.left if self.left else 0.0


def too_bad(staged: Staged, figures: Figures) -> Reason | None:
    """Why the rest must not follow by itself, or go on."""
    if figures.left < LEAST_TO_JUDGE and figures.failed + figures.stopped < 2:
        return None
    for count, most, code in (
        (figures.stopped, staged.most_stopped, "campaign_many_stops"),
        (figures.failed, staged.most_failed, "campaign_many_failures"),
    ):
        if figures.share(count) > most:
            said = {"percent": round(figures.share(count), 1), "most": most, "count": count, "left": figures.left}
            return Reason(code, said)
    return None


def did_best(by: By, variants: Sequence[tuple[str, Figures]]) -> str:
    """The name of the one that did best; of two that did alike, the one that comes first."""

    def score(one: Figures) -> float:
        count = {By.CLICKS: one.clicked, By.REPLIES: one.replied, By.ORDERS: one.ordered, By.DELIVERED: one.delivered}
        return one.share(count[by])

    return max(variants, key=lambda pair: score(pair[1]))[0]


# ---------------------------------------------------------------------------------------------- the funnel

STEPS = ("consent", "number", "text", "hours", "holdout", "cap", "sent")
"""Where people are lost, in the order in which the funnel shows it."""
_OF_CHECKS: Mapping[str, str] = {"consent": "consent", "number": "number", "hours": "hours", "deadline": "hours"}
_OF_CODES: Mapping[str, str] = {
    "opted_out": "consent", "no_marketing_consent": "consent", "record_opted_out": "consent",
    "quarantined": "number", "dead_number": "number", "not_a_mobile": "number", "number_invalid": "number",
    "number_unreadable": "number", "number_needs_country": "number", "erased": "number",
    "missing_value": "text", "text_too_long": "text", "empty_text": "text",
    "outside_hours": "hours", "no_window": "hours", "no_window_before_deadline": "hours", "past_useful": "hours",
    "stale": "hours",
    "campaign_control": "holdout",
    "survey_open_elsewhere": "cap", "survey_asked_lately": "cap",
    "over_person_cap": "cap", "over_messages_cap": "cap", "over_money_cap": "cap",
}  # fmt: skip


def step_of(code: str, check: str | None = None) -> str:
    """At which of `STEPS` somebody was lost for that reason; `check`: the question that was answered with it. A number
    that is dead is found by the question of consent, and is no consent."""
    if code in _OF_CODES:
        return _OF_CODES[code]
    if code.startswith(("template_", "value_", "unknown_")):
        return "text"
    return _OF_CHECKS.get(check or "", "sent")
