"""Salesforce's ways of writing a moment, a date and a time, as ours."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET = re.compile(r"([+-]\d{2})(\d{2})\Z")


def moment(text: str) -> datetime:
    """`2026-12-01T17:00:00.000+0000`, `…Z`, `…+01:00`, or naive where nothing says the offset. Raises `ValueError`."""
    written = _OFFSET.sub(r"\1:\2", text.strip())
    if "T" not in written and " " not in written:
        raise ValueError("a date is no moment")
    found = _sure(datetime.fromisoformat(written))
    return found.astimezone(UTC) if found.tzinfo else found


def day(text: str) -> date:
    """`2026-12-01`. Raises `ValueError`."""
    found = date.fromisoformat(text.strip())
    _sure(datetime.combine(found, time()))
    return found


def clock(text: str) -> time:
    """`18:00`, `18:00:00`, or Salesforce's `18:00:00.000Z`, which is a local time all the same. Raises `ValueError`."""
    return time.fromisoformat(text.strip().removesuffix("Z")).replace(second=0, microsecond=0, tzinfo=None)


def zone(name: str) -> ZoneInfo:
    """The zone; UTC for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def aware(found: datetime, at_home: ZoneInfo) -> datetime:
    """The instant of what may be local time of `at_home`."""
    return (found if found.tzinfo else found.replace(tzinfo=at_home)).astimezone(UTC)


def first_of(found: date, at_home: ZoneInfo) -> datetime:
    """The first instant of that day there."""
    return datetime.combine(found, time(), at_home).astimezone(UTC)


def _sure(found: datetime) -> datetime:
    # Far enough from both ends of the calendar to be moved by days and into any zone.
    if not 1900 <= found.year <= 9000:
        raise ValueError("not a year that people mean")
    return found
