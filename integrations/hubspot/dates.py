"""Dates of contacts that rules speak of ("15 days before the contract ends"): one occasion for each record and date.

What changed since the last time is walked through by record number within a window of changes that stands still. So no
search goes beyond its first page, which HubSpot would end at 10,000; a record that changes meanwhile is in the next
window; and windows overlap, because a change can be found only some time after it was made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Batch, ConsentWord, Installation
from core.domain.events import Closed, Event, Kind
from integrations.hubspot import consents, people, schemas, ways
from integrations.hubspot.client import Account
from integrations.hubspot.consents import texts

PAGE = 200
OVERLAP = timedelta(minutes=10)
LOOKS_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Changes from `since` (None: everything that has a date) until `until`, after the record `last`; for `dates`."""

    dates: tuple[str, ...]
    since: datetime | None
    until: datetime
    last: int = 0

    def written(self) -> str:
        since = self.since.isoformat() if self.since else None
        return json.dumps([list(self.dates), since, self.until.isoformat(), self.last])

    @classmethod
    def read(cls, cursor: str | None, dates: tuple[str, ...], now: datetime) -> Window:
        """Where the last walk stopped; the whole anew when other dates were chosen or the cursor is not ours."""
        try:
            kept, since, until, last = json.loads(cursor or "")
            if tuple(kept) != dates:
                raise ValueError(cursor)
            if last < 0:
                return cls(dates, datetime.fromisoformat(until) - OVERLAP, now)
            return cls(dates, datetime.fromisoformat(since) if since else None, datetime.fromisoformat(until), last)
        except (ValueError, TypeError):
            return cls(dates, None, now)


def pull(installation: Installation, account: Account, cursor: str | None, now: datetime) -> Batch:
    """The next page of changes."""
    dates = tuple(installation.config.get("dates") or ())
    window = Window.read(cursor, dates, now)
    wanted = [*wanted_properties(installation)]
    page = account.search(_groups(window, now), wanted, sort="hs_object_id", limit=PAGE)
    events = tuple(event for record in page for event in occasions(installation, record))
    words = tuple(word for record in page for word in _words(installation, record))
    more = len(page) == PAGE
    last = max((int(str(one.get("id"))) for one in page if str(one.get("id", "")).isdecimal()), default=-1)
    if more and last <= window.last:
        # A page that does not move on would be asked for for ever.
        more = False
    following = Window(window.dates, window.since, window.until, last if more else -1)
    return Batch(events, following.written(), more=more, consents=words)


def _words(installation: Installation, record: Mapping[str, Any]) -> list[ConsentWord]:
    """With the number, for nothing may be known of this record yet."""
    said = texts(record)
    who, _ = people.found(said, ways.phones(installation.config), people.country_of(said, installation.country))
    if who is None:
        return []
    words = consents.read(installation, record, f"contact/{record.get('id')}")
    return [replace(word, number=who.number) for word in words]


def wanted_properties(installation: Installation) -> tuple[str, ...]:
    """What is read of a record."""
    return tuple(dict.fromkeys((*people.NAMES, *people.COUNTRY, *ways.phones(installation.config),
                                *(installation.config.get("dates") or ()), *consents.properties_of(installation),
                                "lastmodifieddate", "hs_object_id")))


def occasions(installation: Installation, record: Mapping[str, Any], *, closing: bool = False) -> list[Event]:
    """For each date property of the record its occasion. With `closing`, one that has no date (any more) is closed."""
    said = texts(record)
    identity = str(record.get("id", ""))
    changed = schemas.moment(said.get("lastmodifieddate")) or schemas.moment(record.get("updatedAt"))
    if not identity or changed is None:
        return []
    found: list[Event] = []
    for name in installation.config.get("dates") or ():
        placed = _placed(said.get(name), installation.zone)
        if placed is not None:
            found.append(_occasion(installation, identity, name, said, changed, *placed))
        elif closing:
            found.append(gone(identity, name, changed))
    return found


def gone(identity: str, name: str, at: datetime) -> Event:
    """The date of that property is no more; nobody is told so."""
    return Event(Kind.CONTACT, key(identity, name), at, closed=Closed.SILENCED, subject=f"contact/{identity}")


def key(identity: str, name: str) -> str:
    return f"contact/{identity}/{name}"


def _occasion(installation: Installation, identity: str, name: str, said: Mapping[str, str], changed: datetime,
              start: datetime, all_day: bool) -> Event:
    country = people.country_of(said, installation.country)
    who, trouble = people.found(said, ways.phones(installation.config), country)
    # `lastmodifieddate` moves with every visit of a page: what did not change is to look the same.
    shown = {field: value for field, value in said.items() if field not in ("lastmodifieddate", "hs_object_id")}
    return Event(
        Kind.CONTACT, key(identity, name), changed, start=start, zone=installation.zone, all_day=all_day,
        recipient=who, trouble=trouble, values={**people.values(shown), "title": name},
        private={"contact": identity, "date": name}, subject=f"contact/{identity}", email=people.email(said))


def _placed(value: str | None, zone: str) -> tuple[datetime, bool] | None:
    """When it is, and whether it is a whole day: a day begins when it begins for the account."""
    if not value:
        return None
    if (on := schemas.day(value)) is not None:
        return datetime.combine(on, time(), ZoneInfo(zone)).astimezone(UTC), True
    at = schemas.moment(value)
    return (at, False) if at is not None else None


def _groups(window: Window, now: datetime) -> list[dict[str, Any]]:
    after = {"propertyName": "hs_object_id", "operator": "GT", "value": str(window.last)}
    if window.since is not None:
        begins, ends = (_compared("lastmodifieddate", *pair) for pair in (("GTE", window.since), ("LT", window.until)))
        return [{"filters": [begins, ends, after]}]
    # The first time only what is still to come (in any zone), one group for each date.
    ahead = now - LOOKS_BACK - timedelta(hours=14)
    return [{"filters": [_compared(name, "GTE", ahead), after]} for name in window.dates]


def _compared(name: str, operator: str, at: datetime) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, "value": str(int(at.timestamp() * 1000))}
