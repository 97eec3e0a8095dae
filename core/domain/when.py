"""When a rule's message leaves, and until when it is useful: few forms, each with one reading.

    {"before": "PT48H"}, {"after": "PT1H"}                           so long before or after the occasion's moment
    {"days": -1, "at": "18:00", "working_days": false, "zone": …}  at that wall time, so many days before or after
    {"change": "booked" | "moved" | "cancelled"}                     as soon as that happens

Hours and minutes are elapsed time; days ("P2D", "days") mean the same clock time on another day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.policy.walltime import Duration, at_wall, duration, format_duration, shift_days

ZoneOf = Literal["occasion", "recipient", "workspace"]
Change = Literal["booked", "moved", "cancelled"]


@dataclass(frozen=True, slots=True)
class Before:
    """`span` before the occasion's moment."""

    span: Duration

    def as_json(self) -> dict[str, Any]:
        return {"before": format_duration(self.span)}


@dataclass(frozen=True, slots=True)
class After:
    """`span` after the occasion's moment (for a cart: its last change)."""

    span: Duration

    def as_json(self) -> dict[str, Any]:
        return {"after": format_duration(self.span)}


@dataclass(frozen=True, slots=True)
class AtWall:
    """At the wall-clock time `at`, `days` (working) days after the occasion's day; negative is before."""

    days: int
    at: time
    working_days: bool = False
    zone: ZoneOf = "occasion"

    def as_json(self) -> dict[str, Any]:
        return {
            "days": self.days,
            "at": self.at.strftime("%H:%M"),
            "working_days": self.working_days,
            "zone": self.zone,
        }


@dataclass(frozen=True, slots=True)
class OnChange:
    """As soon as we learn that the appointment was booked, moved after the person was told, or cancelled after that."""

    change: Change

    def as_json(self) -> dict[str, Any]:
        return {"change": self.change}


@dataclass(frozen=True, slots=True)
class Asked:
    """When a platform's own wish is to leave: at the instant `at`, or at the local time `wall` where the occasion is;
    without both as soon as it may. No rule has this form."""

    at: datetime | None = None
    wall: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        moment = self.at or self.wall
        return {"asked": moment.isoformat() if moment else None}


When = Before | After | AtWall | OnChange | Asked


def parse_when(given: Any, pointer: str = "/when") -> When:
    """The form that `given` (JSON) is. Raises `BadInput` with a JSON pointer below `pointer`."""
    if isinstance(given, Mapping):
        names = set(given)
        if names == {"before"}:
            return Before(duration(given["before"], f"{pointer}/before"))
        if names == {"after"}:
            return After(duration(given["after"], f"{pointer}/after"))
        if {"days", "at"} <= names <= {"days", "at", "working_days", "zone"}:
            return _at_wall(given, pointer)
        if names == {"change"} and given["change"] in ("booked", "moved", "cancelled"):
            return OnChange(given["change"])
    raise BadInput("bad_when", pointer=pointer)


def parse_short(text: str) -> When:
    """The command line's short form: `-1d@18:00`, `-48h`, `+2h`, `-90m`. Raises `BadInput`."""
    body = text.strip().lower()
    sign, rest = (body[0], body[1:]) if body[:1] in "+-" and body else ("+", body)
    if "@" in rest:
        days, _, at = rest.partition("@")
        number = days.removesuffix("d")
        if number.isdecimal() and len(number) < 4:
            return parse_when({"days": -int(number) if sign == "-" else int(number), "at": at})
    elif rest[-1:] in ("h", "m", "d") and rest[:-1].isdecimal() and len(rest) < 7:
        span = f"P{rest[:-1]}D" if rest.endswith("d") else f"PT{rest[:-1]}{rest[-1].upper()}"
        return parse_when({"before" if sign == "-" else "after": span})
    raise BadInput("bad_short_when", text=text)


def wall_moment(when: AtWall, day: date, zone: ZoneInfo, working: Callable[[date], bool]) -> datetime:
    """The instant of `when` for an occasion on `day` in `zone`."""
    return at_wall(shift_days(day, when.days, working if when.working_days else None), when.at, zone)


def _at_wall(given: Mapping[str, Any], pointer: str) -> AtWall:
    days, at, working = given["days"], given["at"], given.get("working_days", False)
    if not isinstance(days, int) or isinstance(days, bool) or abs(days) > 400:
        raise BadInput("bad_days", pointer=f"{pointer}/days")
    if not isinstance(working, bool):
        raise BadInput("bad_when", pointer=f"{pointer}/working_days")
    if given.get("zone", "occasion") not in ("occasion", "recipient", "workspace"):
        raise BadInput("bad_zone_of", pointer=f"{pointer}/zone")
    try:
        if not isinstance(at, str) or len(at) != 5:
            raise ValueError(at)
        moment = time.fromisoformat(at)
    except ValueError as error:
        raise BadInput("bad_time", pointer=f"{pointer}/at", text=str(at)[:40]) from error
    return AtWall(days, moment, working, given.get("zone", "occasion"))
