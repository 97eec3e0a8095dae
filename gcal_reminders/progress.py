"""How far we are with each of Google's calendars: what the cursor of a pull holds, and what is to be asked next.

    a round        every chosen calendar once, a page at a time; each page is committed with the cursor that follows it
    changes        what changed since the sync token
    a full sync    all that is in the window; ends with a sweep (what is not listed is gone) and a sync token. While
                   there is a token, changes come first: what moved out of the window must not look as if it were gone
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.reasons import Reason

BEHIND, AHEAD = timedelta(days=1), timedelta(days=60)
# After a lost token nobody tells us what was moved out of the window: it is looked for further ahead.
AHEAD_WHEN_LOST = timedelta(days=400)
# However often Google takes a sync token back: a full sync is dear, for us and for the quota.
BETWEEN_FULL_SYNCS = timedelta(hours=1)
NIGHT = time(3)


@dataclass(slots=True)
class Calendar:
    """Where we are with one calendar. `page` is set in the middle of a sync, `start` and `end` in that of a full one,
    whose keys so far are in `seen`. `caught_up`: the changes before a full sync were read. `lost`: the token was taken
    back. `stale`: a person's wishes or corrections changed what we read in every event. `unticked`: it is read for the
    last time, to silence what we know of it."""

    sync: str | None = None
    page: str | None = None
    full: bool = False
    caught_up: bool = False
    lost: bool = False
    stale: bool = False
    unticked: bool = False
    full_at: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    seen: list[str] = field(default_factory=list)
    problem: Reason | None = None

    def begin(self, now: datetime, zone: str) -> bool:
        """Decides what to ask, at the start of a sync. False when a full one is due and it is too soon for it."""
        if self.page is not None:
            return True
        self.full = self._full_is_due(now, zone) and (self.sync is None or self.caught_up)
        if not self.full:
            return self.sync is not None
        # Google is asked in whole seconds: a sweep must not reach a moment further than the question did.
        second = now.replace(microsecond=0)
        self.start, self.end = second - BEHIND, second + (AHEAD_WHEN_LOST if self.lost else AHEAD)
        self.full_at, self.seen, self.stale = now, [], False
        return True

    def ended(self, sync: str | None, now: datetime, zone: str) -> bool:
        """The last page was read and gave the token `sync`. False when a full sync comes next."""
        was_full = self.full
        self.sync, self.page, self.full, self.seen = sync, None, False, []
        if was_full:
            self.lost, self.caught_up = False, False
            return True
        self.caught_up = self._full_is_due(now, zone)
        return not self.caught_up

    def forget(self) -> None:
        """The token is worth nothing any more: the next sync is a full one."""
        self.sync, self.page, self.full, self.seen, self.lost = None, None, False, [], True

    def _full_is_due(self, now: datetime, zone: str) -> bool:
        if self.full_at is None:
            return True
        wanted = self.sync is None or self.stale or self.full_at < _last_night(now, zone)
        return wanted and now - self.full_at >= BETWEEN_FULL_SYNCS

    def parameters(self) -> dict[str, Any]:
        """Of `events.list`. All but the window are the same in every request, or the answers mean nothing."""
        asked: dict[str, Any] = {"singleEvents": True, "eventTypes": ["default"], "maxResults": 1000}
        if self.full and self.start is not None and self.end is not None:
            asked |= {"timeMin": rfc3339(self.start), "timeMax": rfc3339(self.end)}
        else:
            asked["syncToken"] = self.sync
        return asked | ({"pageToken": self.page} if self.page else {})

    def as_json(self) -> dict[str, Any]:
        kept: dict[str, Any] = {name: getattr(self, name) for name in ("sync", "page", *_FLAGS)}
        kept["seen"] = packed(self.seen)
        for name in _MOMENTS:
            moment = getattr(self, name)
            kept[name] = moment.isoformat() if moment else None
        kept["problem"] = [self.problem.code, dict(self.problem.values)] if self.problem else None
        return {name: value for name, value in kept.items() if value}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Calendar:
        problem = kept.get("problem")
        one = cls(kept.get("sync"), kept.get("page"), seen=unpacked(kept.get("seen", "")),
                  problem=Reason(problem[0], problem[1]) if problem else None)
        for name in _FLAGS:
            setattr(one, name, kept.get(name) is True)
        for name in _MOMENTS:
            setattr(one, name, datetime.fromisoformat(kept[name]) if kept.get(name) else None)
        return one


_FLAGS, _MOMENTS = ("full", "caught_up", "lost", "stale", "unticked"), ("full_at", "start", "end")


@dataclass(slots=True)
class Progress:
    """Of an installation. `left` are the calendars that this round has still to ask, the next one first. `swept` are
    those that a person unticked, and of which nothing is left. `sight` stands for how events are read."""

    calendars: dict[str, Calendar]
    left: list[str]
    swept: list[str]
    sight: str = ""

    @classmethod
    def read(cls, cursor: str | None, chosen: Sequence[str], once: Sequence[str] = (), sight: str = "") -> Progress:
        """From a cursor, for the calendars that are chosen now, and those that `once` were. A cursor that is not ours
        begins anew."""
        try:
            kept = json.loads(cursor) if cursor else {}
            known = {name: Calendar.read(one) for name, one in kept.get("calendars", {}).items()}
            swept = [name for name in kept.get("swept", ()) if isinstance(name, str) and name not in chosen]
            pending = [name for name in kept.get("left", ()) if isinstance(name, str)]
            stale = kept.get("sight") != sight
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, zlib.error):
            known, swept, pending, stale = {}, [], [], False
        calendars: dict[str, Calendar] = {}
        fresh = []
        for name in [*(one for one in once if one not in chosen and one not in swept), *chosen]:
            unticked = name not in chosen
            one = known.get(name)
            if one is None or one.unticked is not unticked:
                one = Calendar(unticked=unticked, lost=unticked)
                fresh.append(name)
            one.stale = one.stale or stale
            calendars[name] = one
        left = [name for name in pending if name in calendars and name not in fresh]
        return cls(calendars, [*fresh, *left] if left else list(calendars), swept, sight)

    def done(self) -> None:
        """The next calendar of the round was read to its end."""
        name = self.left.pop(0)
        if self.calendars[name].unticked:
            del self.calendars[name]
            self.swept.append(name)

    def skip(self) -> None:
        """The next calendar of the round cannot be read; what we know of it stays."""
        one = self.calendars[self.left[0]]
        one.page, one.full, one.seen = None, False, []
        self.done()

    def written(self) -> str:
        calendars = {name: one.as_json() for name, one in self.calendars.items()}
        return json.dumps({"left": self.left, "swept": self.swept, "sight": self.sight, "calendars": calendars},
                          separators=(",", ":"))

    @property
    def problems(self) -> tuple[Reason, ...]:
        return tuple(one.problem for one in self.calendars.values() if one.problem is not None)


def _last_night(now: datetime, zone: str) -> datetime:
    """The last three o'clock in the morning over there."""
    there = now.astimezone(ZoneInfo(zone))
    night = datetime.combine(there.date(), NIGHT, ZoneInfo(zone))
    return (night if night <= there else night - timedelta(days=1)).astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """In whole seconds of UTC, as Google is asked."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def packed(ids: Sequence[str]) -> str:
    """Thousands of ids in a cursor that is written with each page: those of a series are nearly the same."""
    return base64.b64encode(zlib.compress("\n".join(ids).encode())).decode() if ids else ""


def unpacked(text: str) -> list[str]:
    """What `packed` wrote. Raises ValueError or zlib.error for anything else."""
    return zlib.decompress(base64.b64decode(text)).decode().split("\n") if text else []
