"""One appointment in our words, whoever gave it: Google's JSON or an iCal file.

What a calendar calls an event is an appointment here, and each occurrence of a series is one of its own.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.loose import mapping
from core.domain.nothing import NOTHING

# Google keeps 8,192 characters of a description; an iCal file may hold any number.
_LONGEST = 50_000
STATUSES = frozenset({"confirmed", "tentative", "cancelled"})


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody invited. `self` is the calendar's owner; `resource` is a room; `response` is Google's word for it:
    needsAction, declined, tentative or accepted."""

    email: str
    name: str = ""
    response: str = "needsAction"
    self: bool = False
    resource: bool = False
    organizer: bool = False


@dataclass(frozen=True, slots=True)
class Appointment:
    """One occurrence.

    `uid` names the appointment, or the whole series of a recurring one; `recurrence_id` is then the original start
    (ISO, with its offset), which stays when the occurrence is moved. `start` and `end` (exclusive) are aware, in UTC,
    and None only where the calendar told nothing but a cancellation. A whole day has `all_day`, `day`, and the
    midnights of `zone` as start and end. `zone` (IANA) is where people think in wall time. `description` is plain
    text. `conference_text` holds what the calendar says about dialling in: never a patient's number.
    """

    uid: str
    recurrence_id: str | None = None
    status: str = "confirmed"
    start: datetime | None = None
    end: datetime | None = None
    zone: str = "UTC"
    all_day: bool = False
    day: date | None = None
    title: str = ""
    description: str = ""
    location: str = ""
    guests: tuple[Guest, ...] = ()
    private: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    transparent: bool = False
    created: datetime | None = None
    updated: datetime | None = None
    sequence: int = 0
    event_type: str = "default"
    color: str | None = None
    conference_text: str = ""
    identity: str = ""

    @property
    def key(self) -> str:
        """Stable name of this occurrence within its calendar: the giver's own (Google's `id`, kept in `identity`),
        else the uid, and the original start behind it when recurring."""
        if self.identity:
            return self.identity
        return f"{self.uid}/{self.recurrence_id}" if self.recurrence_id else self.uid

    @property
    def local_start(self) -> datetime | None:
        """The start as the clock on the wall of `zone` shows it."""
        return None if self.start is None else self.start.astimezone(ZoneInfo(self.zone))


def from_google(event: Mapping[str, Any], calendar_zone: str) -> Appointment:
    """An entry of `events.list`. Nothing but the id is sure to be there: a cancelled entry often has no more.

    `calendar_zone` (IANA) is the calendar's own, for whole days and entries that state none. Fields of a wrong type
    count as absent, so this never raises on JSON.
    """
    identity = _text(event.get("id"))
    status = _text(event.get("status"))
    start, end = mapping(event.get("start")), mapping(event.get("end"))
    zone = next(
        (name for name in (_text(start.get("timeZone")), calendar_zone) if is_zone(name)),
        "UTC",
    )
    day = _date(start.get("date"))
    # A whole day has no zone: it means the calendar's.
    if day is not None:
        zone = calendar_zone if is_zone(calendar_zone) else "UTC"
        last = _date(end.get("date"))
        begins = midnight(day, zone)
        ends = midnight(last if last is not None and last > day else day + timedelta(days=1), zone)
    else:
        begins = _moment(start.get("dateTime"), zone)
        ends = _moment(end.get("dateTime"), zone)
    original = mapping(event.get("originalStartTime"))
    return Appointment(
        uid=_text(event.get("recurringEventId")) or identity,
        recurrence_id=_text(original.get("dateTime")) or _text(original.get("date")) or None,
        status=status if status in STATUSES else "confirmed",
        start=begins,
        end=ends if begins is None or ends is None or ends >= begins else begins,
        zone=zone,
        all_day=day is not None,
        day=day,
        title=_text(event.get("summary")).strip(),
        description=plain(_text(event.get("description"))),
        location=_text(event.get("location")).strip(),
        guests=tuple(_guests(event)),
        private=MappingProxyType({
            name: value
            for name, value in mapping(mapping(event.get("extendedProperties")).get("private")).items()
            if isinstance(value, str)
        }),
        transparent=event.get("transparency") == "transparent",
        created=_moment(event.get("created"), "UTC"),
        updated=_moment(event.get("updated"), "UTC"),
        sequence=_number(event.get("sequence")),
        event_type=_text(event.get("eventType")) or "default",
        color=_text(event.get("eventLabelId")) or _text(event.get("colorId")) or None,
        conference_text=_conference(event),
        identity=identity,
    )


def plain(text: str) -> str:
    """HTML as a calendar's description carries it, as the text that a person sees. Plain text stays as it is."""
    text = text[:_LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    if "<" in text:
        text = _HIDDEN.sub("", text)
        text = _LINK.sub(_link_text, text)
        text = _BREAK.sub("\n", text)
        text = _TAG.sub("", text)
    return html.unescape(text).strip()


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether the zone database knows `name`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)


def midnight(day: date, zone: str) -> datetime | None:
    """The first instant of `day` in `zone`, in UTC; None at the ends of the calendar, where there is none."""
    return instant(datetime.combine(day, time()), zone)


def instant(wall: datetime, zone: str) -> datetime | None:
    """A naive wall time in `zone`, in UTC. In the hour that occurs twice the first one counts; one that does not exist
    is read with the offset from before the change (RFC 5545, 3.3.5)."""
    try:
        return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        return None


def _moment(value: Any, zone: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(_text(value))
        return instant(read, zone) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _guests(event: Mapping[str, Any]) -> Iterator[Guest]:
    for entry in _sequence(event.get("attendees")):
        guest = mapping(entry)
        if email := _text(guest.get("email")):
            yield Guest(
                email=email,
                name=_text(guest.get("displayName")),
                response=_text(guest.get("responseStatus")) or "needsAction",
                self=guest.get("self") is True,
                resource=guest.get("resource") is True,
                organizer=guest.get("organizer") is True,
            )


def _conference(event: Mapping[str, Any]) -> str:
    data = mapping(event.get("conferenceData"))
    lines = [_text(event.get("hangoutLink")), plain(_text(data.get("notes")))]
    for entry in _sequence(data.get("entryPoints")):
        point = mapping(entry)
        lines.extend(_text(point.get(name)) for name in ("label", "uri", "pin", "accessCode", "passcode"))
    return "\n".join(line for line in lines if line)


# Only what HTML knows is a tag: "<tel:0612345678>" is how Outlook writes a link in plain text, and stays.
_TAGS = (
    "a|abbr|b|big|blockquote|body|br|center|cite|code|dd|del|div|dl|dt|em|font|footer|h[1-6]|head|header|hr|html|html-blob|"
    "i|img|ins|label|li|link|meta|o:p|ol|p|pre|s|section|small|span|strike|strong|style|sub|sup|table|tbody|td|tfoot|th|"
    "thead|title|tr|tt|u|ul|wbr|xml"
)
_HIDDEN = re.compile(r"<(script|style|head)\b[^<>]*>.{0,5000}?</\1\s*>|<!--.{0,5000}?-->", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"<a\b[^<>]*?\bhref\s*=\s*[\"']?\s*(?:tel|sms|callto):([^\"'<>]*)[^<>]*>(.{0,1000}?)</a\s*>",
                   re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<(?:br|hr|/?p|/?div|/?li|/?tr|/?ul|/?ol|/?table|/?h[1-6]|/?blockquote|/?html-blob)\b[^<>]*>",
                    re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_TAGS})(?=[\s/>])[^<>]*>|<!doctype[^<>]*>", re.IGNORECASE)


def _link_text(link: re.Match[str]) -> str:
    """The number of a link is seen on a click: it joins the text, unless the text says it already."""
    number, shown = link.group(1).strip(), link.group(2)
    digits, seen = re.sub(r"\D", "", number), re.sub(r"\D", "", shown)
    return shown if not digits or digits[-8:] in seen else f"{shown} tel:{number}"
