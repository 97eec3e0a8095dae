"""The whole policy of one workspace, asked in one place: when planning, and again at the last moment before sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from core.domain.approved import Shelf
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy import hours
from core.domain.policy.calling import may_be_called
from core.domain.policy.consent import Standing, may_send
from core.domain.policy.countries import rules_for
from core.domain.policy.holidays import calendar
from core.domain.policy.senders import check_sender, is_number
from core.domain.policy.walltime import local
from core.domain.policy.week import Hours
from core.domain.policy.zones import ONE_CLOCK, zones_of
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.text.links import Shortener

Result = Literal["passed", "moved", "refused"]
_NOBODY: Mapping[str, Standing] = MappingProxyType({})
_NO_ZONES: Mapping[str, str] = MappingProxyType({})
_STANDING = Standing()
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One question that was asked of a message, and the answer."""

    name: str
    result: Result
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """It may leave at `at`."""

    at: datetime
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Never:
    """It may not leave; a waiting one becomes `state`."""

    reason: Reason
    state: State
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a workspace decided, and what is known of the people in question.

    `standings` (by E.164 number) holds those who said or proved something; `zones_declared` the zones that are known
    of people themselves. `subdivision` is the department or part whose holidays count ("67", "974").
    """

    zone: ZoneInfo
    country: str
    language: str = "fr"
    own_hours: Hours | None = None
    widened: bool = False
    subdivision: str | None = None
    sender: str | None = None
    standings: Mapping[str, Standing] = field(default_factory=lambda: _NOBODY)
    zones_declared: Mapping[str, str] = field(default_factory=lambda: _NO_ZONES)
    links: Shortener | None = None
    """How addresses become short; None where they stay as they are."""
    codes: bytes = field(default=b"", repr=False)
    """The key under which discount codes are made."""
    templates: tuple[Shelf, ...] = ()
    """What each account has approved, for messages that name a template; empty where nothing is known."""

    def decide(
        self,
        recipient: Recipient,
        channel: Channel,
        klass: MessageClass,
        *,
        wanted: datetime,
        until: datetime | None,
        now: datetime,
        sender: str | None = None,
        asks: bool = False,
        confirms_stop: bool = False,
    ) -> Leave | Never:
        """Whether a message may leave, and when: consent, then the sender, then the hours."""
        checks = [Check("number", "passed")]
        standing = self.standings.get(recipient.number, _STANDING)
        if (why := may_send(klass, standing, confirms_stop=confirms_stop)) is not None:
            return Never(why, State.SUPPRESSED, (*checks, Check("consent", "refused", why)))
        rules = rules_for(recipient.country, channel, klass, wanted.date(), widened=self.widened)
        shown = sender or self.sender
        if channel is Channel.VOICE:
            if (why := may_be_called(klass, standing, rules)) is not None:
                return Never(why, State.SUPPRESSED, (*checks, Check("consent", "refused", why)))
            # A name cannot call, and the workspace's sender is one of texts: then the number is the account's own, and
            # is looked at when one is chosen.
            shown = sender if sender and is_number(sender) else None
        checks.append(Check("consent", "passed"))
        if shown and (why := check_sender(shown, recipient.country, channel, asks)) is not None:
            return Never(why, State.SUPPRESSED, (*checks, Check("sender", "refused", why)))
        settled = hours.settle(
            wanted,
            until,
            now,
            rules,
            self.zones(recipient),
            calendar(recipient.country, self._part(recipient)),
            self.own_hours if klass not in (MessageClass.OTP, MessageClass.CONVERSATIONAL) else None,
        )
        if isinstance(settled, hours.Never):
            return Never(settled.reason, State.EXPIRED, (*checks, Check("hours", "refused", settled.reason)))
        checks.append(Check("hours", "moved" if settled.moved else "passed", settled.reason))
        return Leave(settled.at, tuple(checks))

    def hours_end(self, recipient: Recipient, channel: Channel, klass: MessageClass, now: datetime) -> datetime | None:
        """Till when such a message may go on leaving that may leave `now`; None when that is a day or more."""
        spans = hours.open_between(
            now,
            now + _DAY,
            rules_for(recipient.country, channel, klass, now.date(), widened=self.widened),
            self.zones(recipient),
            calendar(recipient.country, self._part(recipient)),
            self.own_hours,
        )
        if not spans or spans[0][0] > now or spans[0][1] >= now + _DAY:
            return None
        return spans[0][1]

    def knows(self, country: str, number: str) -> bool:
        """Whether anything that is known of that person could make its decision another one than that for everybody
        else who is written to alike: what they said, where they are."""
        return country not in ONE_CLOCK or number in self.standings or number in self.zones_declared

    def opening(self, channels: Sequence[Channel], recipient: Recipient, klass: MessageClass, on: date) -> Channel:
        """The first of `channels` by which such a message may reach the person at all: nobody is called who must not
        be, where another channel follows."""
        standing = self.standings.get(recipient.number, _STANDING)
        for channel in channels[:-1]:
            rules = rules_for(recipient.country, channel, klass, on, widened=self.widened)
            if channel is not Channel.VOICE or may_be_called(klass, standing, rules) is None:
                return channel
        return channels[-1]

    def zones(self, recipient: Recipient) -> tuple[ZoneInfo, ...]:
        """Where the recipient may be; the window must be open in all of them."""
        return zones_of(recipient, self.zones_declared.get(recipient.number), self.zone.key)

    def working(self, zone: ZoneInfo) -> Callable[[date], bool]:
        """Whether a day is a working day for the workspace."""
        return calendar(self.country, self.subdivision).is_working_day

    def day(self, moment: datetime) -> date:
        """The workspace's day at `moment`."""
        return local(moment, self.zone).date()

    def _part(self, recipient: Recipient) -> str | None:
        return self.subdivision if recipient.country == self.country else None
