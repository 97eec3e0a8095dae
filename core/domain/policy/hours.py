"""May it leave at this moment, and if not, when? Exact to the second, whatever clocks do that day.

The hours must be right in every zone that the recipient may be in, under every rule, and within the workspace's own
hours. Nothing here steps through minutes: open times are computed from the boundaries of the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.policy.countries import SendingRule
from core.domain.policy.holidays import Calendar
from core.domain.policy.walltime import change_between, local, offset
from core.domain.policy.week import ALL_DAY, Hours, Weekdays, Windows, as_text, overlap
from core.domain.reasons import Reason

Span = tuple[datetime, datetime]

HORIZON = timedelta(days=14)
# A message that is moved forwards in time must still have the time to leave before the window closes.
MARGIN = timedelta(minutes=5)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Settled:
    """It leaves at `at` (UTC). `moved` says that the hours chose another moment than the wanted one; `reason`, why."""

    at: datetime
    moved: bool = False
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """No allowed moment is left before the message stops being useful."""

    reason: Reason


def settle(
    wanted: datetime,
    until: datetime | None,
    now: datetime,
    rules: Sequence[SendingRule],
    zones: Sequence[ZoneInfo],
    calendar: Calendar,
    own: Hours | None = None,
) -> Settled | Never:
    """When a message leaves that was wanted at `wanted`, is useful until `until` (included) and is asked about `now`.

    Outside the hours it waits for the next opening. If it would then be useless, it leaves in the last window before
    the wanted moment; if that has passed too, never. A wanted moment that has passed is now.
    """
    wanted = max(wanted, now).astimezone(UTC)
    if until is not None and wanted > until:
        return Never(Reason("past_useful", {"from": _shown(wanted, zones), "until": _shown(until, zones)}))
    blocker = _blocker(wanted, rules, zones, calendar, own)
    if blocker is None:
        return Settled(wanted)
    values: dict[str, Any] = {**blocker.as_values(), "from": _shown(wanted, zones)}
    later = next_open(wanted, rules, zones, calendar, own)
    if later is not None and (until is None or later <= until):
        return Settled(later, True, Reason("outside_hours", {**values, "to": _shown(later, zones)}))
    if until is None:
        return Never(Reason("no_window", values))
    values["until"] = _shown(until, zones)
    earlier = last_open_before(wanted, rules, zones, calendar, own, not_before=now)
    if earlier is not None:
        return Settled(earlier, True, Reason("moved_earlier", {**values, "to": _shown(earlier, zones)}))
    return Never(Reason("no_window_before_deadline", values))


def is_open(
    moment: datetime,
    rules: Sequence[SendingRule],
    zones: Sequence[ZoneInfo],
    calendar: Calendar,
    own: Hours | None = None,
) -> bool:
    """Whether a message may leave at `moment`."""
    return _blocker(moment, rules, zones, calendar, own) is None


def next_open(
    moment: datetime,
    rules: Sequence[SendingRule],
    zones: Sequence[ZoneInfo],
    calendar: Calendar,
    own: Hours | None = None,
    limit: timedelta = HORIZON,
) -> datetime | None:
    """The first allowed moment that is not before `moment`, in UTC; `None` when nothing opens within `limit`."""
    start = moment.astimezone(UTC)
    end = start + limit
    while start < end:
        stop = min(start + _DAY, end)
        for opening, _ in open_between(start, stop, rules, zones, calendar, own):
            return opening
        start = stop
    return None


def last_open_before(
    moment: datetime,
    rules: Sequence[SendingRule],
    zones: Sequence[ZoneInfo],
    calendar: Calendar,
    own: Hours | None = None,
    *,
    not_before: datetime | None = None,
) -> datetime | None:
    """A good moment, in UTC, in the last open time before `moment`; `None` when there is none after `not_before`.

    It is five minutes before that open time ends (or before `moment`, if it is still open then), or its start if it is
    shorter. Without `not_before` the search goes back fourteen days.
    """
    end = moment.astimezone(UTC)
    floor = not_before.astimezone(UTC) if not_before is not None else end - HORIZON
    while end > floor:
        start = max(end - _DAY, floor)
        for opening, closing in reversed(open_between(start, end, rules, zones, calendar, own)):
            # What ends this close to `start` may have begun before it: the next round sees all of it.
            if start == floor or closing > start + MARGIN:
                return max(opening, closing - MARGIN)
        end = start + MARGIN if start > floor else floor
    return None


def open_between(
    start: datetime,
    end: datetime,
    rules: Sequence[SendingRule],
    zones: Sequence[ZoneInfo],
    calendar: Calendar,
    own: Hours | None = None,
) -> list[Span]:
    """The open times from `start` to `end`, in UTC and in order: each start is allowed, each end is not."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    weeks = _Weeks(rules, calendar, own)
    spans = [(start, end)] if start < end else []
    for zone in zones:
        here = _joined(_open_in(zone, start, end, weeks))
        both = ((max(a[0], b[0]), min(a[1], b[1])) for a in spans for b in here)
        spans = sorted(span for span in both if span[0] < span[1])
    return spans


@dataclass(frozen=True, slots=True)
class _Weeks:
    """Everything that says which clock times are open on a day."""

    rules: Sequence[SendingRule]
    calendar: Calendar
    own: Hours | None

    def windows(self, day: date) -> Windows:
        if any(rule.holidays_blocked for rule in self.rules) and self.calendar.is_holiday(day):
            return ()
        windows = self.own.windows[day.weekday()] if self.own else ALL_DAY
        for rule in self.rules:
            windows = overlap(windows, rule.windows[day.weekday()])
        return windows


def _open_in(zone: ZoneInfo, start: datetime, end: datetime, weeks: _Weeks) -> Iterator[Span]:
    for since, till, ahead in _steady(zone, start, end):
        first, last = ((moment + ahead).date() for moment in (since, till))
        for day in (first + n * _DAY for n in range((last - first).days + 1)):
            midnight = datetime.combine(day, time(), UTC) - ahead
            for opening, closing in weeks.windows(day):
                span = (max(since, midnight + timedelta(minutes=opening)),
                        min(till, midnight + timedelta(minutes=closing)))
                if span[0] < span[1]:
                    yield span


def _steady(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The parts of a time during which the offset stays the same, with it: there, clock times are plain arithmetic."""
    since = at = start
    ahead = offset(start, zone)
    while at < end:
        following = min(at + _DAY / 2, end)
        if offset(following, zone) != ahead:
            following = change_between(at, following, zone)
            yield since, following, ahead
            since, ahead = following, offset(following, zone)
        at = following
    if since < end:
        yield since, end, ahead


def _joined(spans: Iterator[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


@dataclass(frozen=True, slots=True)
class _Blocker:
    """What forbids a moment: which rule, whether for the hour, the weekday or a public holiday, and who says so."""

    rule: str
    source: str
    closed: str
    window: str

    def as_values(self) -> dict[str, str]:
        return {"rule": self.rule, "source": self.source, "closed": self.closed, "window": self.window}


def _blocker(
    moment: datetime,
    rules: Sequence[SendingRule],
    zones: Sequence[ZoneInfo],
    calendar: Calendar,
    own: Hours | None,
) -> _Blocker | None:
    for zone in zones:
        wall = local(moment, zone)
        for rule in rules:
            if rule.holidays_blocked and calendar.is_holiday(wall.date()):
                return _Blocker(rule.id, rule.source, "holiday", _usual(rule.windows, wall.weekday()))
            if closed := _closed(wall, rule.windows):
                return _Blocker(rule.id, rule.source, closed, _usual(rule.windows, wall.weekday()))
        if own and (closed := _closed(wall, own.windows)):
            return _Blocker("workspace", "workspace", closed, _usual(own.windows, wall.weekday()))
    return None


def _closed(wall: datetime, week: Weekdays) -> str:
    windows = week[wall.weekday()]
    minute = wall.hour * 60 + wall.minute
    if any(start <= minute < end for start, end in windows):
        return ""
    return "hour" if windows else "weekday"


def _usual(week: Weekdays, weekday: int) -> str:
    """The hours of that weekday, or of the next one that has any: a closed day has none to show."""
    coming = (week[(weekday + n) % 7] for n in range(7))
    return next((as_text(windows) for windows in coming if windows), "–")


def _shown(moment: datetime, zones: Sequence[ZoneInfo]) -> str:
    """As the recipient's clock shows it, with its zone: `2026-12-05 20:30 Europe/Paris`."""
    return f"{local(moment, zones[0]):%Y-%m-%d %H:%M} {zones[0].key}"
