"""Moments as SMPP writes them: `YYMMDDhhmmsstnnp`, sixteen characters, absolute or counted from now. Pure.

SMPP 3.4, section 7.1.1: tenths, then the distance from UTC in quarter hours and its direction; R for a relative one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MOMENT = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([-+R])\Z")
_YEAR, _MONTH = 365, 30
"""Days of a relative year and month: what a validity is counted in need not be finer."""
_FURTHEST = 56
"""Quarter hours: no wall on earth is further from UTC than fourteen hours."""


class NoMoment(ValueError):
    """Not a moment."""


def moment(written: bytes, now: datetime) -> datetime | None:
    """The moment, aware and in UTC; None when none is written. Raises `NoMoment`."""
    if not written:
        return None
    found = _MOMENT.match(written)
    if found is None:
        raise NoMoment(written)
    *fields, direction = found.groups()
    year, month, day, hour, minute, second, tenth, quarters = (int(one) for one in fields)
    try:
        if direction == b"R":
            # The eight figures that are left name nothing in a relative moment.
            return now + timedelta(days=_YEAR * year + _MONTH * month + day, hours=hour, minutes=minute, seconds=second)
        if quarters > _FURTHEST:
            raise NoMoment(written)
        away = timedelta(minutes=15 * quarters) * (1 if direction == b"+" else -1)
        there = datetime(2000 + year, month, day, hour, minute, second, tenth * 100_000, tzinfo=UTC)
        return there - away
    except (ValueError, OverflowError) as error:
        raise NoMoment(written) from error
