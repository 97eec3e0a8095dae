"""Any calendar by its iCal text (RFC 5545): every occurrence of a window, in our words.

The walk: bytes, logical lines, events, the newest version of each, occurrences. A broken event becomes a `Problem` and
takes no other with it. Repetition runs on wall time, so that nine o'clock stays nine o'clock across clock changes, and
on a budget, because an iCal address is a stranger's: RFC 5545 can say "every second, for ever" in twenty letters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Timezone
from icalendar.prop import vDuration
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from core.domain.errors import Unreadable
from core.domain.reasons import Reason
from gcal_reminders.appointments import Appointment, Guest, is_zone, plain

MAX_BYTES = 20_000_000
MAX_EVENTS = 50_000
MAX_OCCURRENCES = 50_000
# Steps of repetition that one reading may cost, and what a rule costs that never comes true.
MAX_STEPS = 2_000_000
MAX_STEPS_OF_ONE = 100_000
MAX_OCCURRENCES_OF_ONE = 2_000
_NEVER = 200_000
MAX_CUSTOM_ZONES = 40
_SHOWN_PROBLEMS = 200
_DEEPEST = 16
_LISTED = 5_000


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read: `where` ("line 12"), the event's `uid` and `title` where known, and `why`."""

    where: str
    why: Reason
    uid: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the calendar says of itself, and its occurrences in the order of their start."""

    name: str
    zone: str
    appointments: tuple[Appointment, ...]
    problems: tuple[Problem, ...]


def read(text: bytes | str, *, zone: str, start: datetime, end: datetime) -> Calendar:
    """Every occurrence that overlaps `start` (inclusive) to `end` (exclusive), both aware; cancelled ones included.

    `zone` (IANA) is where floating times and whole days are, unless the calendar names a zone of its own.
    Raises `Unreadable`: `not_a_calendar`, `calendar_too_large`, `calendar_too_many_events`.
    """
    if len(text) > MAX_BYTES:
        raise Unreadable("calendar_too_large", limit=MAX_BYTES // 1_000_000)
    problems: list[Problem] = []
    raw = _components(_logical_lines(text), problems)
    said = raw.zone.strip()
    # UTC is what a program says that does not know where people are.
    home = said if is_zone(said) and said not in _PLACELESS else zone
    zones = _Zones(home, raw.timezones, start, end, problems)
    events = [event for block in raw.events if (event := _event(block, zones, raw.name, problems)) is not None]
    budget = _Budget(MAX_STEPS, MAX_OCCURRENCES)
    found: list[Appointment] = []
    for series in _newest(events):
        found.extend(_occurrences(series, _Window(start.astimezone(UTC), end.astimezone(UTC)), budget, problems))
    found.sort(key=lambda appointment: (appointment.start or start, appointment.key))
    return Calendar(raw.name, home, tuple(found), tuple(problems[:_SHOWN_PROBLEMS]))


# Lines and components ---------------------------------------------------------------------------------------------

_PLACELESS = frozenset({
    "UTC", "UCT", "GMT", "Zulu", "Universal", "Etc/UTC", "Etc/UCT", "Etc/GMT", "Etc/Zulu", "Etc/Universal",
})
_LINE = re.compile(
    r"""([A-Za-z0-9_.-]+)((?:;[A-Za-z0-9_-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*)\s*:(.*)""", re.DOTALL
)
_PARAMETER = re.compile(r""";([A-Za-z0-9_-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)""")


@dataclass(frozen=True, slots=True)
class _Property:
    value: str
    parameters: Mapping[str, str]


@dataclass(slots=True)
class _Block:
    line: int
    properties: dict[str, list[_Property]] = field(default_factory=dict)

    def first(self, name: str) -> str:
        return self.properties[name][0].value if name in self.properties else ""

    def words(self, name: str) -> str:
        return _unescaped(self.first(name))


@dataclass(slots=True)
class _Raw:
    name: str = ""
    zone: str = ""
    events: list[_Block] = field(default_factory=list)
    timezones: dict[str, list[str]] = field(default_factory=dict)


def _logical_lines(text: bytes | str) -> Iterator[tuple[int, str]]:
    """Unfolded lines with the number of their first one. Bytes are joined before decoding: folding may cut a letter."""
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = text.decode("utf-16", "replace").encode()
    text = text.removeprefix(b"\xef\xbb\xbf")
    number, pieces = 0, [b""]
    for count, piece in enumerate(re.split(rb"\r\n|\n|\r", text), start=1):
        if piece[:1] in {b" ", b"\t"} and number:
            pieces.append(piece[1:])
            continue
        if any(pieces):
            yield number, _decoded(b"".join(pieces))
        number, pieces = count, [piece]
    if any(pieces):
        yield number, _decoded(b"".join(pieces))


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _components(lines: Iterator[tuple[int, str]], problems: list[Problem]) -> _Raw:
    raw = _Raw()
    stack: list[str] = []
    block: _Block | None = None
    zone_lines: list[str] = []
    seen_calendar = False
    for number, line in lines:
        upper = line[:40].upper().strip()
        if upper.startswith("BEGIN:"):
            name = upper[6:]
            if name == "VEVENT" and block is not None:
                problems.append(_problem(block, "event_unfinished"))
                stack = stack[: stack.index("VEVENT")] if "VEVENT" in stack else []
                block = None
            if len(stack) < _DEEPEST:
                stack.append(name)
            if name == "VCALENDAR":
                seen_calendar = True
            elif name == "VEVENT" and seen_calendar:
                block = _Block(number)
            elif name == "VTIMEZONE":
                zone_lines = []
        elif upper.startswith("END:"):
            name = upper[4:]
            if name in stack:
                stack = stack[: len(stack) - stack[::-1].index(name) - 1]
            if name == "VEVENT" and block is not None:
                raw.events.append(block)
                block = None
                if len(raw.events) > MAX_EVENTS:
                    raise Unreadable("calendar_too_many_events", limit=MAX_EVENTS)
            elif name == "VTIMEZONE":
                _keep_zone(raw, zone_lines)
        if not seen_calendar:
            if line.strip():
                raise Unreadable("not_a_calendar")
        elif "VTIMEZONE" in stack and len(zone_lines) < 1_000:
            zone_lines.append(line)
        elif stack and stack[-1] == "VEVENT" and block is not None and (match := _LINE.fullmatch(line)):
            block.properties.setdefault(match[1].upper(), []).append(_Property(match[3], _parameters(match[2])))
        elif stack == ["VCALENDAR"] and (match := _LINE.fullmatch(line)):
            if match[1].upper() == "X-WR-CALNAME":
                raw.name = _unescaped(match[3]).strip()
            elif match[1].upper() == "X-WR-TIMEZONE":
                raw.zone = match[3].strip()
    if not seen_calendar:
        raise Unreadable("not_a_calendar")
    if block is not None:
        problems.append(_problem(block, "event_unfinished"))
    return raw


def _parameters(text: str) -> Mapping[str, str]:
    return {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(text)} if text else {}


def _keep_zone(raw: _Raw, lines: list[str]) -> None:
    for line in lines:
        if (match := _LINE.fullmatch(line)) and match[1].upper() == "TZID":
            raw.timezones.setdefault(match[3].strip(), [*lines, "END:VTIMEZONE"])
            return


def _unescaped(text: str) -> str:
    return re.sub(r"\\([nN\\;,:\"])", lambda sign: "\n" if sign[1] in "nN" else sign[1], text) if "\\" in text else text


def _problem(block: _Block, code: str, **values: str | int) -> Problem:
    title = block.words("SUMMARY").strip()[:80]
    return Problem(f"line {block.line}", Reason(code, {"line": block.line, "title": title, **values}),
                   block.first("UID").strip()[:255], title)


# Zones ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Zone:
    """`name` (IANA) is what people are shown; `rules` compute."""

    name: str
    rules: tzinfo

    def instant(self, wall: datetime) -> datetime:
        """In UTC. Raises OverflowError or ValueError at the ends of the calendar."""
        return wall.replace(tzinfo=self.rules).astimezone(UTC)

    def wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self.rules).replace(tzinfo=None, fold=0)


# One city for each rule that Windows knows, Europe first: what a definition without a known name may mean.
_CITIES = sorted(set(WINDOWS_TO_OLSON.values()), key=lambda name: (not name.startswith("Europe"), name))
_SAFE_ZONE_RULE = re.compile(
    r"(?:RRULE:)(?=[^:]*FREQ=YEARLY)(?:(?:FREQ=YEARLY|BYMONTH=\d{1,2}|BYDAY=[-+]?\d?[A-Z]{2}|BYMONTHDAY=[-\d,]{1,40}|UNTIL=\w+|"
    r"COUNT=\d{1,4}|INTERVAL=[1-9]\d?|WKST=[A-Z]{2});?)+", re.IGNORECASE
)


class _Zones:
    """What a TZID means in this calendar. Each is settled once."""

    def __init__(self, home: str, definitions: Mapping[str, list[str]], start: datetime, end: datetime,
                 problems: list[Problem]) -> None:
        self.home = _Zone(home, ZoneInfo(home))
        self.utc = _Zone(home, UTC)
        self._definitions = definitions
        self._samples = _samples(start, end)
        self._problems = problems
        self._settled: dict[str, _Zone] = {}
        self._custom = 0

    def named(self, tzid: str, line: int) -> _Zone:
        """An IANA name, one of Windows' or Mozilla's, or the calendar's own definition; else home, with a problem."""
        if tzid not in self._settled:
            self._settled[tzid] = self._settle(tzid.strip(), line)
        return self._settled[tzid]

    def _settle(self, tzid: str, line: int) -> _Zone:
        for name in _iana_names(tzid):
            if is_zone(name):
                return self.utc if name in _PLACELESS else _Zone(name, ZoneInfo(name))
        lines = self._definitions.get(tzid, [])
        for stated in lines:
            key, _, value = stated.partition(":")
            if key.upper() == "X-LIC-LOCATION" and is_zone(value.strip()):
                return _Zone(value.strip(), ZoneInfo(value.strip()))
        rules = self._defined(lines)
        if rules is None:
            why = Reason("calendar_zone_unknown", {"zone": tzid[:80], "used": self.home.name, "line": line})
            self._problems.append(Problem(f"line {line}", why))
            return self.home
        for name in (self.home.name, *_CITIES):
            if is_zone(name) and all(ZoneInfo(name).utcoffset(wall) == offset for wall, offset in self._offsets(rules)):
                return _Zone(name, ZoneInfo(name))
        return _Zone(self.home.name, rules)

    def _offsets(self, rules: tzinfo) -> Iterator[tuple[datetime, timedelta | None]]:
        for wall in self._samples:
            yield wall, wall.replace(tzinfo=rules).utcoffset()

    def _defined(self, lines: list[str]) -> tzinfo | None:
        unsafe = [line for line in lines if line.upper().startswith("RRULE") and not _SAFE_ZONE_RULE.fullmatch(line)]
        self._custom += 1
        if not lines or unsafe or self._custom > MAX_CUSTOM_ZONES:
            return None
        try:
            component = Timezone.from_ical("\r\n".join(lines) + "\r\n")
            if not isinstance(component, Timezone):
                return None
            rules: tzinfo = component.to_tz(lookup_tzid=False)
            for wall in self._samples[:1]:
                wall.replace(tzinfo=rules).utcoffset()
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError):
            return None
        return rules


def _iana_names(tzid: str) -> Iterator[str]:
    bare = tzid.strip('"').strip()
    yield bare.lstrip("/")
    if bare in WINDOWS_TO_OLSON:
        yield WINDOWS_TO_OLSON[bare]
    # "/mozilla.org/20050126_1/Europe/Paris", "/freeassociation.sourceforge.net/America/Argentina/Salta"
    parts = bare.split("/")
    for last in (3, 2):
        if len(parts) > last:
            yield "/".join(parts[-last:])


def _samples(start: datetime, end: datetime) -> Sequence[datetime]:
    """Noons of a year or more around the window: near enough to each other to tell Europe's changes from America's."""
    first = datetime.combine(start.date(), time(12))
    days = min(max((end.date() - start.date()).days, 0), 800) + 366
    try:
        return [first + timedelta(days=day) for day in range(-7, days, 5)]
    except OverflowError:
        return [first]


# Events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _When:
    """A wall time and where the wall is; `whole_day` if only a date was written."""

    wall: datetime
    zone: _Zone
    whole_day: bool = False

    def seen_from(self, zone: _Zone) -> datetime:
        return self.wall if self.whole_day or self.zone == zone else zone.wall(self.zone.instant(self.wall))


@dataclass(frozen=True, slots=True)
class _Event:
    block: _Block
    uid: str
    starts: _When | None
    length: timedelta
    original: _When | None
    onwards: bool
    rank: tuple[int, datetime, int]
    words: Appointment


_PARTSTAT = {"NEEDS-ACTION": "needsAction", "ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}
_DAWN = datetime.min.replace(tzinfo=UTC)


def _event(block: _Block, zones: _Zones, calendar_name: str, problems: list[Problem]) -> _Event | None:
    uid = block.first("UID").strip()[:1_000]
    if not uid:
        made_of = f"{block.first('DTSTART')}|{block.first('SUMMARY')}"
        uid = hashlib.sha256(made_of.encode("utf-8", "replace")).hexdigest()[:24]
    try:
        original = _when(block, "RECURRENCE-ID", zones)
    except (ValueError, OverflowError):
        problems.append(_problem(block, "event_unreadable", detail="RECURRENCE-ID"))
        return None
    words = _words(block, uid, calendar_name)
    starts, length = None, timedelta()
    try:
        starts = _when(block, "DTSTART", zones)
        if starts is not None:
            length = _length(block, starts, zones)
            starts.zone.instant(starts.wall)
    except (ValueError, OverflowError) as error:
        problems.append(_problem(block, "event_unreadable", detail=str(error)[:80]))
        starts = None
        if original is None:
            return None
    else:
        if starts is None and words.status == "cancelled":
            starts = original
        if starts is None:
            problems.append(_problem(block, "event_without_start"))
            if original is None:
                return None
    onwards = original is not None and _range(block) == "THISANDFUTURE"
    rank = (words.sequence, words.updated or _DAWN, block.line)
    return _Event(block, uid, starts, length, original, onwards, rank, words)


def _range(block: _Block) -> str:
    return block.properties["RECURRENCE-ID"][0].parameters.get("RANGE", "").upper()


def _when(block: _Block, name: str, zones: _Zones) -> _When | None:
    if name not in block.properties:
        return None
    stated = block.properties[name][0]
    moment = _moment(stated.value, stated.parameters, zones, block.line)
    if (name == "DTSTART" and moment.wall.time() == time()
            and block.first("X-MICROSOFT-CDO-ALLDAYEVENT").strip().upper() == "TRUE"):
        return replace(moment, whole_day=True, zone=zones.home)
    return moment


def _moment(value: str, parameters: Mapping[str, str], zones: _Zones, line: int) -> _When:
    """`20261026`, `20261026T090000`, the same with Z or with an offset, which some programs write."""
    text = value.strip()
    if len(text) == 8 or parameters.get("VALUE", "").upper() == "DATE":
        return _When(datetime.combine(date.fromisoformat(text[:8]), time()), zones.home, whole_day=True)
    read = datetime.fromisoformat(text)
    if read.tzinfo is not None:
        return _When(read.astimezone(UTC).replace(tzinfo=None), zones.utc)
    tzid = parameters.get("TZID", "")
    return _When(read, zones.named(tzid, line) if tzid else zones.home)


def _length(block: _Block, starts: _When, zones: _Zones) -> timedelta:
    """How long it lasts on the wall. Without an end, a date lasts its day, a time nothing (RFC 5545, 3.6.1)."""
    default = timedelta(days=1) if starts.whole_day else timedelta()
    length = default
    if "DTEND" in block.properties:
        ends = _when(block, "DTEND", zones)
        if ends is not None:
            wall = ends.wall if starts.whole_day or ends.whole_day else ends.seen_from(starts.zone)
            length = wall - starts.wall
    elif "DURATION" in block.properties:
        read = vDuration.from_ical(block.first("DURATION").strip())  # type: ignore[no-untyped-call]
        length = read if isinstance(read, timedelta) else default
    if starts.whole_day:
        return max(timedelta(days=length.days), default)
    return max(length, timedelta())


def _words(block: _Block, uid: str, calendar_name: str) -> Appointment:
    status = block.first("STATUS").strip().lower()
    organizer = _address(block.first("ORGANIZER"))
    guests = []
    for attendee in block.properties.get("ATTENDEE", [])[:200]:
        email = _address(attendee.value)
        if not email:
            continue
        guests.append(Guest(
            email=email,
            name=_unescaped(attendee.parameters.get("CN", "")),
            response=_PARTSTAT.get(attendee.parameters.get("PARTSTAT", "").upper(), "needsAction"),
            # Google names a person's first calendar after the person's address.
            self=email.lower() == calendar_name.lower(),
            resource=attendee.parameters.get("CUTYPE", "").upper() in {"RESOURCE", "ROOM"},
            organizer=email.lower() == organizer.lower(),
        ))
    description = plain(block.words("DESCRIPTION")) or plain(block.words("X-ALT-DESC"))
    away = block.first("X-MICROSOFT-CDO-BUSYSTATUS").strip().upper()
    sequence = block.first("SEQUENCE").strip()
    return Appointment(
        uid=uid,
        status=status if status in {"tentative", "cancelled"} else "confirmed",
        title=block.words("SUMMARY").strip(),
        description=description,
        location=block.words("LOCATION").strip(),
        guests=tuple(guests),
        private=MappingProxyType(_private(block)),
        transparent=block.first("TRANSP").strip().upper() == "TRANSPARENT" or ("TRANSP" not in block.properties
                                                                               and away == "FREE"),
        created=_stamp(block, "CREATED"),
        updated=_stamp(block, "LAST-MODIFIED") or _stamp(block, "DTSTAMP"),
        sequence=int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 10 else 0,
        event_type="outOfOffice" if away == "OOF" else "default",
        color=block.words("COLOR").strip() or None,
        conference_text="\n".join(
            _unescaped(stated.value)
            for name, several in block.properties.items()
            if name == "CONFERENCE" or (name.startswith("X-") and re.search("CONF|MEETING|SKYPE|DIAL", name))
            for stated in several
        ),
    )


def _address(value: str) -> str:
    address = re.sub(r"(?i)^mailto:", "", value.strip())
    return address if "@" in address and len(address) <= 320 else ""


def _private(block: _Block) -> dict[str, str]:
    """`X-RELANCE-PHONE` → `relancePhone`: Google's private properties, as iCal would write them."""
    found = {}
    for name, several in block.properties.items():
        if name.startswith("X-") and name.endswith("-PHONE"):
            first, *rest = name[2:].lower().split("-")
            found[first + "".join(part.title() for part in rest)] = _unescaped(several[0].value).strip()
    return found


def _stamp(block: _Block, name: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(block.first(name).strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# Series and occurrences -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Series:
    """One UID: the newest master, if any, and the newest version of each exception."""

    master: _Event | None
    exceptions: Sequence[_Event]


@dataclass(frozen=True, slots=True)
class _Window:
    start: datetime
    end: datetime

    def has(self, begins: datetime, ends: datetime) -> bool:
        return begins < self.end and (ends > self.start or begins >= self.start)


@dataclass(slots=True)
class _Budget:
    steps: int
    occurrences: int


class _TooOften(Exception):
    """A rule, or the whole calendar, repeats more than we are ready to follow."""


def _newest(events: Sequence[_Event]) -> Iterator[_Series]:
    masters: dict[str, _Event] = {}
    exceptions: dict[str, dict[tuple[datetime, bool], _Event]] = {}
    for event in events:
        if event.original is None:
            known = masters.get(event.uid)
            if known is None or event.rank >= known.rank:
                masters[event.uid] = event
        else:
            original = event.original
            moment = original.wall if original.whole_day else original.zone.instant(original.wall).replace(tzinfo=None)
            versions = exceptions.setdefault(event.uid, {})
            of_this = versions.get((moment, original.whole_day))
            if of_this is None or event.rank >= of_this.rank:
                versions[moment, original.whole_day] = event
    for uid in {**masters, **exceptions}:
        yield _Series(masters.get(uid), list(exceptions.get(uid, {}).values()))


def _occurrences(series: _Series, window: _Window, budget: _Budget, problems: list[Problem]) -> Iterator[Appointment]:
    master = series.master
    for exception in series.exceptions:
        if exception.starts is not None and exception.original is not None:
            zone = master.starts.zone if master is not None and master.starts is not None else exception.original.zone
            whole_day = master.starts.whole_day if master is not None and master.starts is not None else (
                exception.original.whole_day)
            wall = exception.original.seen_from(zone)
            if master is not None and master.starts is not None and exception.original.whole_day and not whole_day:
                wall = datetime.combine(wall.date(), master.starts.wall.time())
            yield from _one(exception, exception.starts.wall, _written(wall, zone, whole_day), window, budget)
    if master is None or master.starts is None:
        return
    if not series.exceptions and not any(name in master.block.properties for name in ("RRULE", "RDATE")):
        yield from _one(master, master.starts.wall, None, window, budget)
        return
    yield from _repeated(master, series.exceptions, window, budget, problems)


def _repeated(master: _Event, exceptions: Sequence[_Event], window: _Window, budget: _Budget,
              problems: list[Problem]) -> Iterator[Appointment]:
    starts = master.starts
    assert starts is not None
    zones = _InEvent(master, problems)
    gone, gone_days = zones.listed("EXDATE")
    onwards: list[tuple[datetime, _Event]] = []
    for exception in exceptions:
        assert exception.original is not None
        wall = exception.original.seen_from(starts.zone)
        (gone_days if exception.original.whole_day else gone).add(wall)
        if exception.onwards and exception.starts is not None:
            onwards.append((wall, exception))
    onwards.sort(key=lambda change: change[0])
    added, added_days = zones.listed("RDATE")
    added |= {day if starts.whole_day else datetime.combine(day.date(), starts.wall.time()) for day in added_days}
    walls = {starts.wall, *added}
    longest = max([master.length, *(event.length for _, event in onwards)])
    for rule in master.block.properties.get("RRULE", [])[:10]:
        try:
            walls.update(list(_walls(rule.value, starts, window, longest, budget)))
        except _TooOften:
            # Not the first two thousand of them either: nobody wants that many reminders.
            problems.append(_problem(master.block, "repeats_too_often"))
        except (ValueError, TypeError, OverflowError, KeyError, IndexError):
            problems.append(_problem(master.block, "rule_unreadable", rule=rule.value[:120]))
    days = {wall.date() for wall in gone_days}
    for wall in sorted(walls):
        if wall in gone or wall.date() in days:
            continue
        changed = [(since, event) for since, event in onwards if since < wall]
        name = _written(wall, starts.zone, starts.whole_day)
        try:
            if changed:
                since, event = changed[-1]
                assert event.starts is not None
                yield from _one(event, event.starts.wall + (wall - since), name, window, budget)
            else:
                yield from _one(master, wall, name, window, budget)
        except _TooOften:
            problems.append(_problem(master.block, "repeats_too_often"))
            return


def _one(event: _Event, wall: datetime, recurrence_id: str | None, window: _Window,
         budget: _Budget) -> Iterator[Appointment]:
    assert event.starts is not None
    zone = event.starts.zone
    try:
        begins, ends = zone.instant(wall), zone.instant(wall + event.length)
    except (OverflowError, ValueError):
        return
    ends = max(begins, ends)
    if not window.has(begins, ends):
        return
    if budget.occurrences <= 0:
        if recurrence_id is None:
            return
        raise _TooOften
    budget.occurrences -= 1
    yield replace(event.words, recurrence_id=recurrence_id, start=begins, end=ends, zone=zone.name,
                  all_day=event.starts.whole_day, day=wall.date() if event.starts.whole_day else None)


def _written(wall: datetime, zone: _Zone, whole_day: bool) -> str:
    return wall.date().isoformat() if whole_day else wall.replace(tzinfo=zone.rules).isoformat()


class _InEvent:
    """The dates listed in an event (EXDATE, RDATE), as walls of its own zone: moments, and whole days apart."""

    def __init__(self, event: _Event, problems: list[Problem]) -> None:
        self._event = event
        self._problems = problems

    def listed(self, name: str) -> tuple[set[datetime], set[datetime]]:
        moments: set[datetime] = set()
        days: set[datetime] = set()
        starts = self._event.starts
        assert starts is not None
        for stated in self._event.block.properties.get(name, [])[:_LISTED]:
            for text in stated.value.split(",")[:_LISTED]:
                if not text.strip():
                    continue
                try:
                    moment = self._moment(text.partition("/")[0], stated.parameters, starts)
                except (ValueError, OverflowError):
                    self._problems.append(_problem(self._event.block, "event_unreadable", detail=f"{name} {text[:40]}"))
                    continue
                (days if moment.whole_day else moments).add(moment.seen_from(starts.zone))
        if starts.whole_day:
            return {datetime.combine(wall.date(), time()) for wall in moments | days}, set()
        return moments, days

    def _moment(self, text: str, parameters: Mapping[str, str], starts: _When) -> _When:
        text = text.strip()
        if len(text) == 8:
            return _When(datetime.combine(date.fromisoformat(text), time()), starts.zone, whole_day=True)
        read = datetime.fromisoformat(text)
        if read.tzinfo is not None:
            return _When(read.astimezone(UTC).replace(tzinfo=None), _Zone(starts.zone.name, UTC))
        tzid = next((name for name in _iana_names(parameters.get("TZID", "")) if is_zone(name)), "")
        return _When(read, _Zone(tzid, ZoneInfo(tzid)) if tzid else starts.zone)


_RULE_WORDS = frozenset({
    "FREQ", "INTERVAL", "WKST", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY", "BYHOUR", "BYMINUTE",
    "BYSECOND", "BYSETPOS",
})


def _walls(rule: str, starts: _When, window: _Window, length: timedelta, budget: _Budget) -> Iterator[datetime]:
    """The wall times of a rule that can matter in the window. Raises `_TooOften`, or ValueError for nonsense."""
    parts = dict(part.split("=", 1) for part in rule.upper().replace(" ", "").split(";") if part)
    count = int(parts.pop("COUNT", "0"))
    until = parts.pop("UNTIL", "")
    if not parts.keys() <= _RULE_WORDS or int(parts.get("INTERVAL", "1")) < 1:
        raise ValueError(rule)
    often = parts["FREQ"] == "HOURLY" and "BYSETPOS" in parts
    times_a_day = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times_a_day *= parts.get(name, "").count(",") + 1
    if often or times_a_day > 100 or parts["FREQ"] in {"MINUTELY", "SECONDLY"} or len(rule) > 2_000:
        raise _TooOften
    if starts.whole_day:
        parts = {name: value for name, value in parts.items() if name not in {"BYHOUR", "BYMINUTE", "BYSECOND"}}
    first = starts.zone.wall(max(window.start, _DAWN + timedelta(days=3))) - length - timedelta(days=2)
    last = starts.zone.wall(window.end) + timedelta(days=2)
    if starts.wall > last:
        return
    if budget.steps <= 0:
        raise _TooOften
    # A rule that never comes true is followed to the year 9999. The calendar repeats itself every 400 years to the day
    # of the week: near the end of time the search is short, and the answer is the same.
    ages = 400 * ((9_999 - max(last.year, starts.wall.year) - 1) // 400)
    dtstart = starts.wall.replace(year=starts.wall.year + ages)
    seen = useful = 0
    for future in rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=dtstart):
        wall = future.replace(year=future.year - ages)
        seen += 1
        budget.steps -= 1
        if wall > last or (count and seen > count) or (until and _after(wall, until, starts)):
            return
        if budget.steps < 0 or seen > MAX_STEPS_OF_ONE:
            raise _TooOften
        if wall >= first:
            useful += 1
            if useful > MAX_OCCURRENCES_OF_ONE:
                raise _TooOften
            yield wall
    if not seen:
        budget.steps -= _NEVER


def _after(wall: datetime, until: str, starts: _When) -> bool:
    """UNTIL is inclusive: an instant in UTC, a wall time of the event, or a day to its end."""
    if len(until) == 8:
        return wall.date() > date.fromisoformat(until)
    read = datetime.fromisoformat(until)
    if read.tzinfo is None:
        return wall > read
    if starts.whole_day:
        return wall.date() > starts.zone.wall(read).date()
    return starts.zone.instant(wall) > read
