"""The days of a month as somebody plans with them: when what may leave there, whether it is a holiday, and which
campaigns fall on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.domain.messages import Channel, MessageClass
from core.domain.policy.countries import rules_for
from core.domain.policy.decision import Policy
from core.domain.policy.holidays import calendar
from core.domain.policy.hours import open_between
from core.domain.policy.walltime import at_wall, local
from core.engine.overview import bounds
from core.storage import campaigns, overview, series
from core.storage.database import Transaction

CLASSES = (MessageClass.MARKETING, MessageClass.TRANSACTIONAL)
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Falls:
    """A campaign on one day: `messages` that wait there (None before they are made), and when it begins."""

    id: str
    name: str
    state: str
    messages: int | None
    at: datetime
    repeats: bool = False
    """It is the coming run of a series, whose id it bears."""


@dataclass(frozen=True, slots=True)
class SendingDay:
    """`open` (by class): when messages may leave, in the workspace's country and zone; nothing for a closed day."""

    day: date
    holiday: str | None
    open: Mapping[str, Sequence[Span]]
    campaigns: tuple[Falls, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether no marketing leaves."""
        return not self.open[MessageClass.MARKETING]


def days_of(tx: Transaction, first: date, count: int, policy: Policy, language: str) -> dict[date, SendingDay]:
    """`count` days from `first` on."""
    falls = _campaigns(tx, first, count, policy.zone)
    return {
        day: SendingDay(
            day,
            calendar(policy.country, policy.subdivision).holiday_name(day, language),
            {klass: _open(day, klass, policy) for klass in CLASSES},
            tuple(sorted(falls.get(day, ()), key=lambda one: (one.at, one.id))),
        )
        for day in (first + timedelta(days=index) for index in range(count))
    }


def _open(day: date, klass: MessageClass, policy: Policy) -> Sequence[Span]:
    start, end = bounds(day, policy.zone)
    rules = rules_for(policy.country, Channel.SMS, klass, day, widened=policy.widened)
    return open_between(start, end, rules, [policy.zone], calendar(policy.country, policy.subdivision),
                        policy.own_hours)  # fmt: skip


def _campaigns(tx: Transaction, first: date, count: int, zone: ZoneInfo) -> dict[date, list[Falls]]:
    """Those with messages that wait for one of these days, and those that are to begin on it."""
    start, end = bounds(first, zone)[0], bounds(first + timedelta(days=count - 1), zone)[1]
    waiting: dict[tuple[str, date], tuple[int, datetime]] = {}
    for hour, campaign, messages in overview.campaigns_by_hour(tx, start, end):
        at = start + timedelta(hours=hour)
        key = (campaign, local(at, zone).date())
        known, since = waiting.get(key, (0, at))
        waiting[key] = (known + messages, min(since, at))
    rows = {row["id"]: row for row in campaigns.known(tx, {campaign for campaign, _ in waiting})}
    found: dict[date, list[Falls]] = {}
    for (campaign, day), (messages, at) in waiting.items():
        if campaign in rows:
            row = rows[campaign]
            found.setdefault(day, []).append(Falls(campaign, row["name"], row["state"], messages, at))
    for row in campaigns.to_begin(tx, start, end):
        at = row["send_at"] if row["wall"] is None else _wall(row["wall"], zone)
        day = local(at, zone).date()
        if (row["id"], day) not in waiting and start <= at < end:
            found.setdefault(day, []).append(Falls(row["id"], row["name"], row["state"], None, at))
    for row in series.rows(tx, state=series.ACTIVE, limit=100):
        for at in series.coming(row, start, end):
            found.setdefault(local(at, zone).date(), []).append(
                Falls(row["id"], row["name"], row["state"], None, at, repeats=True)
            )
    return found


def _wall(written: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(written)
    return at_wall(at.date(), at.time(), zone)
