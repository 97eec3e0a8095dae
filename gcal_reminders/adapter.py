"""Google Calendar, and any calendar by its iCal address: the whole story, from the click to the mark on the event."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit
from zlib import error as ZlibError

from core.contract import (
    Batch,
    Booking,
    Choice,
    Chooses,
    Configured,
    Connects,
    EntersAppointments,
    Grant,
    Inbound,
    Installation,
    Installs,
    Manifest,
    Notifies,
    OAuth,
    Pulls,
    Report,
    Reports,
    Sweep,
    Url,
)
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, RelanceError
from core.domain.events import Closed, Event, Kind
from core.domain.loose import mapping, mappings
from core.domain.reasons import Reason
from gcal_reminders import ical, marks, ways
from gcal_reminders.appointments import from_google, is_zone
from gcal_reminders.client import (
    CONTACTS_SCOPE,
    LIST_SCOPE,
    READ_SCOPE,
    SCOPE,
    WRITE_SCOPE,
    Changed,
    Denied,
    Gone,
    Google,
    GoogleSaysNo,
    Missing,
    There,
    Wrong,
)
from gcal_reminders.progress import (
    AHEAD,
    AHEAD_WHEN_LOST,
    BEHIND,
    BETWEEN_FULL_SYNCS,
    Calendar,
    Progress,
    packed,
    rfc3339,
    unpacked,
)
from gcal_reminders.visits import AddressBook, Reader

GOOGLE, PEOPLE = "https://www.googleapis.com", "https://people.googleapis.com"
CHANNEL_LIVES = timedelta(days=7)
RENEW_BEFORE = timedelta(days=1)
ASK_PUSH_AGAIN = timedelta(days=1)
WRITE_TRIES = 3
# Each costs a call while a person waits.
MOST_COUNTED = 30
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_FAR = timedelta(days=3650)


class GoogleCalendar(Connects, Pulls, Notifies, Chooses, Installs, Reports, EntersAppointments):
    """Appointments of Google calendars (one click, or a service account), of an iCal address, of an .ics file."""

    manifest = Manifest(
        slug="gcal_reminders", name="Google Calendar", kinds=frozenset({Kind.APPOINTMENT}),
        vendors={"google": GOOGLE, "google_people": PEOPLE}, poll_every=timedelta(minutes=5),
        auth=(
            OAuth(
                vendor="google", authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
                token_url=ways.TOKEN_URL, revoke_url="https://oauth2.googleapis.com/revoke",
                scopes=(LIST_SCOPE, READ_SCOPE), optional_scopes=(WRITE_SCOPE, CONTACTS_SCOPE),
                parameters={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"}),
            Url("ical_url"),
        ))

    # Connecting ---------------------------------------------------------------------------------------------------

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """One way in, see `gcal_reminders.ways`. Raises `BadInput` with a JSON pointer."""
        return ways.configured(config, token_url=self.tools.urls.get("google_token"))

    def granted(self, grant: Grant, now: datetime) -> Configured:
        """The account is the address of its own calendar, so that it is not connected twice; without the right to the
        list, which somebody may have unticked, it is not known."""
        account = self._own_calendar(grant.access_token) if grant.access_token else None
        given = {"refresh_token": grant.refresh_token, "access_token": grant.access_token, "oauth": True}
        return replace(self.configured({**given, "scopes": sorted(grant.scopes)}), account=account)

    def _own_calendar(self, token: str) -> str | None:
        google = Google.by_token(
            token, endpoint=self._endpoint, people_endpoint=self._people_endpoint, timeout=self.tools.timeout)
        try:
            own = next((one for one in google.calendars() if one.get("primary") is True), {})
        except (NeedsReconnect, NotNow, GoogleSaysNo):
            # Connected all the same: what is wrong is said when it is read.
            return None
        return _text(own.get("id")).lower() or None

    def choices(self, installation: Installation, now: datetime) -> tuple[Choice, ...]:
        """The account's calendars. What looks personal, or shows no titles, is not ticked; nor is somebody else's."""
        if not _is_google(installation):
            return ()
        google = self._google(installation, LIST_SCOPE, READ_SCOPE)
        chosen = installation.config.get("calendars")
        offered: list[Choice] = []
        for entry in islice(google.calendars(), 250):
            calendar = str(entry.get("id", ""))
            if not calendar or entry.get("deleted") is True:
                continue
            note = _note(entry)
            ours = entry.get("accessRole") in ("owner", "writer", "writerWithoutPrivateAccess")
            offered.append(Choice(
                id=calendar, name=_text(entry.get("summaryOverride")) or _text(entry.get("summary")) or calendar,
                ticked=calendar in chosen if chosen else ours and note is None,
                color=_text(entry.get("backgroundColor")) or None,
                count=self._next_week(google, calendar, now) if len(offered) < MOST_COUNTED else None, note=note))
        return tuple(offered)

    def _next_week(self, google: Google, calendar: str, now: datetime) -> int | None:
        try:
            page = google.events(
                calendar, singleEvents=True, eventTypes=["default"], maxResults=250,
                timeMin=rfc3339(now), timeMax=rfc3339(now + timedelta(days=7)))
        except GoogleSaysNo:
            return None
        return len(page["items"])

    def chosen(self, installation: Installation, ids: Sequence[str]) -> Mapping[str, Any]:
        """The config with these calendars. What was chosen before and is no longer is swept at the next pull."""
        if not _is_google(installation):
            raise BadInput("nothing_to_choose")
        calendars = ways.calendars(list(ids), "/calendars")
        config = installation.config
        once = [*config.get("once", ()), *config.get("calendars", ())]
        return {**config, "calendars": calendars, "once": ways.ever(once, calendars)}

    # What is in the calendar --------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """What changed; for iCal everything in the window. Each page of Google's is a batch of its own."""
        if _is_google(installation):
            return self._pull_google(installation, cursor, now)
        return self._pull_ical(installation, cursor, now)

    def _pull_ical(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        known = installation.memory if cursor else {}
        # The same file says something else on another day.
        sight = f"{_sight(installation)}/{now.date().isoformat()}"
        same_sight = known.get("sight") == sight
        source = installation.secrets.get("ics")
        memory: dict[str, Any] = {"sight": sight}
        if source is None:
            answer = self._fetched(installation, known if same_sight else {})
            if answer is None:
                return _unchanged(installation, cursor)
            source, validators = answer
            memory |= validators
        body = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
        memory["body"] = hashlib.blake2b(body, digest_size=12).hexdigest()
        if same_sight and known.get("body") == memory["body"]:
            return _unchanged(installation, cursor, memory)
        # `relance plan` looks at the whole of a file; a connected calendar is read again before its far end matters.
        start = now - timedelta(days=installation.config.get("behind_days", BEHIND.days))
        end = now + timedelta(days=installation.config.get("window_days", AHEAD.days))
        calendar = ical.read(body, zone=installation.zone, start=start, end=end)
        appointments = [*calendar.appointments]
        here = {one.key for one in appointments}
        if gone := set(_remembered(installation)) - here:
            # What was moved far ahead is not gone: the person is told the new time, and not that it was called off.
            further = ical.read(body, zone=installation.zone, start=end, end=now + AHEAD_WHEN_LOST)
            appointments += [one for one in further.appointments if one.key in gone]
        reader = Reader(installation, now, calendar.name, contacts=_own_contacts(installation))
        events = tuple(reader.event(one, one.key) for one in appointments)
        problems = tuple(problem.why for problem in calendar.problems)
        sweeps: tuple[Sweep, ...] = (Sweep("", start, end, frozenset(event.key for event in events)),)
        memory["keys"] = packed(sorted(here))
        if not _is_whole(body):
            # What is missing from a file that was cut off may be alive.
            sweeps, problems = (), (Reason("calendar_cut_off"), *problems)
        memory["problems"] = [[one.code, dict(one.values)] for one in problems]
        return Batch(events, now.date().isoformat(), sweeps, problems=problems, memory=memory)

    def _fetched(self, installation: Installation, known: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]] | None:
        """The file behind the address and what to ask with next time; None when it has not changed."""
        url = installation.secrets.get("ical_url")
        if not url:
            raise NeedsReconnect("ical_address_missing")
        host = urlsplit(url).hostname or ""
        headers = {name: known[kept] for name, kept in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
                   if isinstance(known.get(kept), str) and _HEADER.fullmatch(known[kept])}
        answer = self.tools.fetch(url, headers={"Accept": "text/calendar, */*;q=0.5", **headers},
                                  max_bytes=ical.MAX_BYTES)
        if answer.status == 304 and headers:
            return None
        if answer.status != 200:
            asked = answer.headers.get("retry-after", "")
            seconds = min(int(asked), 21_600) if asked.isascii() and asked.isdigit() else 300
            code = "ical_address_refused" if 400 <= answer.status < 500 and answer.status != 429 else "ical_away"
            raise NotNow(code, timedelta(seconds=max(seconds, 60)), host=host, status=answer.status)
        validators = {"etag": answer.headers.get("etag"), "modified": answer.headers.get("last-modified")}
        return answer.body, {name: value for name, value in validators.items() if value}

    def _pull_google(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        chosen = list(installation.config.get("calendars", ()))
        if not chosen:
            return Batch(cursor=None, problems=(Reason("no_calendar_chosen"),))
        progress = Progress.read(cursor, chosen, installation.config.get("once", ()), _sight(installation))
        zone = installation.zone if is_zone(installation.zone) else "UTC"
        while progress.left and not progress.calendars[progress.left[0]].begin(now, zone):
            waits = progress.calendars[progress.left.pop(0)]
            if waits.problem is not None and waits.problem.code != "google_full_sync_waits":
                continue
            waits.problem = Reason("google_full_sync_waits")
            if len(progress.calendars) == 1 and waits.full_at is not None:
                raise NotNow("google_full_sync_waits", waits.full_at + BETWEEN_FULL_SYNCS - now)
        events: tuple[Event, ...] = ()
        sweeps: tuple[Sweep, ...] = ()
        if progress.left:
            events, sweeps = self._page(installation, progress, now, zone)
        # Said once, with the last page: what one page has mended is no problem any more.
        problems = () if progress.left else progress.problems
        return Batch(events, progress.written(), sweeps, more=bool(progress.left), problems=problems)

    def _page(self, installation: Installation, progress: Progress, now: datetime,
              zone: str) -> tuple[tuple[Event, ...], tuple[Sweep, ...]]:
        """The next page of the round's next calendar, and the progress after it."""
        calendar = progress.left[0]
        one = progress.calendars[calendar]
        try:
            page = self._google(installation, READ_SCOPE).events(calendar, **one.parameters())
        except (Gone, Wrong) as error:
            if one.full and one.page is None:
                raise NotNow("google_says_no", timedelta(minutes=15), **error.reason.values) from error
            # 410, and 400 for a token of a page that is no more: nothing is lost, it is only asked for anew.
            one.forget()
            return (), ()
        except (Missing, Denied) as error:
            code = "calendar_gone" if isinstance(error, Missing) else "calendar_forbidden"
            one.problem = Reason(code, {"calendar": calendar, "why": error.why})
            progress.skip()
            everything = Sweep(f"{calendar}/", now - BEHIND, now + _FAR, frozenset(), Closed.SILENCED)
            return (), (everything,) if one.unticked else ()
        hidden = page.get("accessRole") == "freeBusyReader"
        one.problem = Reason("calendar_without_details", {"calendar": calendar}) if hidden else None
        book = self._address_book(installation, one)
        reader = Reader(installation, now, _text(page.get("summary")), {"calendar_id": calendar}, book)
        home = _text(page.get("timeZone"))
        events = []
        for item in page["items"]:
            if isinstance(item, Mapping) and (identity := _text(item.get("id"))):
                appointment = from_google(item, home if is_zone(home) else zone)
                event = reader.event(appointment, f"{calendar}/{identity}", _text(item.get("htmlLink")))
                # Nobody cancelled these: whoever was told of one is not to be told that it was called off.
                events.append(replace(event, closed=event.closed or Closed.SILENCED) if one.unticked else event)
                if one.full:
                    one.seen.append(identity)
        one.page = _text(page.get("nextPageToken")) or None
        if one.page is not None:
            return tuple(events), ()
        sweeps: tuple[Sweep, ...] = ()
        if one.full and one.start is not None and one.end is not None:
            keys = frozenset(f"{calendar}/{identity}" for identity in one.seen)
            sweeps = (Sweep(f"{calendar}/", one.start, now + _FAR if one.unticked else one.end, keys),)
        if one.ended(_text(page.get("nextSyncToken")) or None, now, zone):
            progress.done()
        return tuple(events), sweeps

    def _address_book(self, installation: Installation, one: Calendar) -> AddressBook | None:
        """Our own contacts, and if a person switched it on, those of the account, read at the first question."""
        own = _own_contacts(installation)
        if installation.config.get("contacts") is not True:
            return own
        read: dict[str, tuple[str, ...]] | None = None

        def found(how: str, what: str) -> tuple[str, ...]:
            nonlocal read
            ours = own(how, what) if own else ()
            if ours:
                return ours
            if read is None:
                try:
                    read = _numbers_by_label(self._google(installation, CONTACTS_SCOPE).contacts())
                except (NeedsReconnect, NotNow, GoogleSaysNo) as error:
                    # An outage is waited out: a number that is missed for a minute would call its reminder off.
                    if error.reason.code not in ("google_scope_missing", "google_api_off", "google_says_no"):
                        raise
                    read, one.problem = {}, Reason("contacts_not_readable")
            return read.get(what.casefold().strip(), ())
        return found

    # Hearing of changes -------------------------------------------------------------------------------------------

    def verify(self, request: Inbound, installation: Installation) -> None:
        """A push notification has no body and no signature: the channel, its token and its resource prove it."""
        name, token = request.header("X-Goog-Channel-ID"), request.header("X-Goog-Channel-Token")
        state = request.header("X-Goog-Resource-State")
        channel = next((one for rows in _channels(installation).values() for one in rows
                        if hmac.compare_digest(one["id"].encode(), name.encode())), None)
        if channel is None:
            raise NotAuthentic("no such channel")
        if not hmac.compare_digest(channel["token"].encode(), token.encode()):
            raise NotAuthentic("the channel's token does not match")
        # The first notification may come before `watch` has told us the resource.
        resource = channel.get("resource_id")
        if resource and not hmac.compare_digest(resource.encode(), request.header("X-Goog-Resource-ID").encode()):
            raise NotAuthentic("another resource")
        if state != "sync" and _ends(channel) <= request.received_at:
            raise NotAuthentic("the channel has expired")

    def heard(self, request: Inbound, installation: Installation) -> bool:
        """`sync` only says that the channel is open."""
        return request.header("X-Goog-Resource-State") != "sync"

    def maintain(self, installation: Installation, now: datetime,
                 remember: Callable[[Mapping[str, Any]], None]) -> timedelta:
        """A push channel for each calendar, renewed a day before its end; the new one hears before the old one stops.

        Where Google cannot reach us, or does not want to, polling goes on alone, and push is tried again in a day.
        """
        if not _is_google(installation) or not installation.hook_url.startswith("https://"):
            return ASK_PUSH_AGAIN
        refused_at = _moment(mapping(installation.memory.get("push")).get("refused_at"))
        if now - refused_at < ASK_PUSH_AGAIN:
            return refused_at + ASK_PUSH_AGAIN - now
        memory = {**installation.memory, "channels": _channels(installation)}
        try:
            self._renewed(installation, memory, now, remember)
        except NeedsReconnect as error:
            if error.reason.code != "token_refused":
                raise
            # The next pull renews the token, or finds that the grant is gone.
            return timedelta(minutes=10)
        if mapping(memory.get("push")).get("mode") == "polling":
            return ASK_PUSH_AGAIN
        ends = [_ends(one) for rows in memory["channels"].values() for one in rows]
        return min(max(min(ends, default=now) - RENEW_BEFORE - now, timedelta(minutes=30)), ASK_PUSH_AGAIN)

    def _renewed(self, installation: Installation, memory: dict[str, Any], now: datetime,
                 remember: Callable[[Mapping[str, Any]], None]) -> None:
        chosen = list(installation.config.get("calendars", ()))
        channels: dict[str, list[dict[str, Any]]] = memory["channels"]
        google = self._google(installation, READ_SCOPE)
        for calendar in [one for one in channels if one not in chosen]:
            self._stopped(google, channels.pop(calendar))
            remember(memory)
        for calendar in chosen:
            rows = channels.get(calendar, [])
            good = next((one for one in rows if one.get("resource_id") and _ends(one) - now > RENEW_BEFORE), None)
            if good is None:
                good = {"id": secrets.token_urlsafe(24), "token": secrets.token_urlsafe(32), "resource_id": None,
                        "expiration": _millis(now + CHANNEL_LIVES)}
                # Kept before the call: Google may call back before it has answered.
                channels[calendar] = [*rows, good]
                remember(memory)
                try:
                    answer = google.watch(calendar, {
                        "id": good["id"], "type": "web_hook", "address": installation.hook_url, "token": good["token"],
                        "params": {"ttl": str(int(CHANNEL_LIVES.total_seconds()))}})
                except GoogleSaysNo as error:
                    if error.why == "channelIdNotUnique":
                        # The line broke after Google had taken it. It may be heard; the next round makes one we know.
                        continue
                    channels[calendar] = rows
                    if isinstance(error, Missing | Gone):
                        remember(memory)
                        continue
                    memory["push"] = {"mode": "polling", "refused_at": now.isoformat(), "why": error.why}
                    remember(memory)
                    return
                good["resource_id"] = _text(answer.get("resourceId"))
                good["expiration"] = _expiration(answer.get("expiration"), good["expiration"])
                memory["push"] = {"mode": "push"}
                remember(memory)
            old = [one for one in channels[calendar] if one is not good]
            if old:
                self._stopped(google, old)
                channels[calendar] = [good]
                remember(memory)

    def _stopped(self, google: Google, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Stops these channels, as far as it can be; returns those that could not. They end by themselves in a week."""
        left = []
        for one in rows:
            if one.get("resource_id"):
                try:
                    google.stop(one["id"], one["resource_id"])
                except RelanceError:
                    left.append(one["id"])
        return left

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """Stops the channels. One that cannot be stopped ends by itself within a week, and nobody listens to it."""
        rows = [one for rows in _channels(installation).values() for one in rows]
        if not rows or not _is_google(installation):
            return ()
        try:
            google = self._google(installation, READ_SCOPE)
        except NeedsReconnect:
            return (Reason("channels_not_stopped", {"count": len(rows)}),)
        left = self._stopped(google, rows)
        return (Reason("channels_not_stopped", {"count": len(left)}),) if left else ()

    # The answer, back on the event --------------------------------------------------------------------------------

    def wants(self, installation: Installation) -> bool:
        """Only where a person switched it on, and only where there is somebody to write to."""
        return _is_google(installation) and any(_write_back(installation).values())

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        """Marks the event with the person's answer. Other news (sent, delivered) is core's to show."""
        if report.answer not in marks.MARKS:
            return
        wishes, answer = _write_back(installation), report.answer
        self._written(installation, report.occasion_key, lambda event: marks.marked(
            event, answer, title=wishes.get("title", False), color=wishes.get("color", False)))

    def undo(self, installation: Installation, key: str) -> None:
        """Takes our mark off the event of the occasion `key`. Harmless when done twice. Errors as `report`."""
        self._written(installation, key, marks.taken_off)

    def _written(self, installation: Installation, key: str,
                 change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        calendar, _, identity = key.rpartition("/")
        if not self._writes(installation):
            raise BadInput("write_scope_missing")
        google = self._google(installation, WRITE_SCOPE)
        try:
            for _ in range(1 + WRITE_TRIES):
                event = google.event(calendar, identity)
                if event.get("status") == "cancelled":
                    raise BadInput("appointment_gone")
                if event.get("recurrence"):
                    raise BadInput("series_not_written")
                try:
                    if body := change(event):
                        google.patch(calendar, identity, body, _text(event.get("etag")))
                except Changed:
                    continue
                return
        except (Missing, Gone) as error:
            raise BadInput("appointment_gone") from error
        except GoogleSaysNo as error:
            code = _WRITING_REFUSED.get(error.why, "write_refused")
            raise BadInput(code, why=error.why) from error
        except NeedsReconnect as error:
            if error.reason.code == "google_scope_missing":
                raise BadInput("write_scope_missing") from error
            raise
        raise NotNow("event_keeps_changing", timedelta(minutes=2))

    # Appointments that we enter ------------------------------------------------------------------------------------

    def may_enter(self, installation: Installation) -> bool:
        """Where Google knows us, unless the grant lacks the right; a service account has what its key was shared."""
        return _is_google(installation) and self._writes(installation)

    def enter(self, installation: Installation, booking: Booking, now: datetime) -> str:
        """An event in the calendar of the one whose place it takes, or in the first that is ticked. Google keeps ids of
        ours (its discovery document: 5 to 1,024 characters of base32hex, unique in the calendar), so that a repetition
        finds its own event; one that people have deleted since is not put there again."""
        if not _is_google(installation):
            raise BadInput("waitlist_not_written_here")
        chosen = list(installation.config.get("calendars", ()))
        calendar = _text(booking.beside.get("calendar_id")) or (chosen[0] if chosen else "")
        if not calendar:
            raise BadInput("no_calendar_chosen")
        identity = "relance" + hashlib.blake2b(booking.id.encode(), digest_size=16).hexdigest()
        key = f"{calendar}/{identity}"

        def write(google: Google) -> None:
            try:
                google.insert(calendar, {"id": identity, **_entered(booking, installation.config.get("place"))})
            except There:
                if google.event(calendar, identity).get("status") == "cancelled":
                    raise BadInput("appointment_gone") from None

        self._writing(installation, write)
        return key

    def call_off(self, installation: Installation, key: str, now: datetime) -> None:
        """Deletes the event. Of a series, that occurrence alone."""
        if not _is_google(installation):
            raise BadInput("waitlist_not_written_here")
        calendar, _, identity = key.rpartition("/")
        self._writing(installation, lambda google: google.delete(calendar, identity))

    def _writing(self, installation: Installation, write: Callable[[Google], None]) -> None:
        if not self._writes(installation):
            raise BadInput("write_scope_missing")
        try:
            write(self._google(installation, WRITE_SCOPE))
        except GoogleSaysNo as error:
            raise BadInput(_WRITING_REFUSED.get(error.why, "write_refused"), why=error.why) from error
        except NeedsReconnect as error:
            if error.reason.code == "google_scope_missing":
                raise BadInput("write_scope_missing") from error
            raise

    def _writes(self, installation: Installation) -> bool:
        granted = installation.config.get("scopes")
        return granted is None or bool({WRITE_SCOPE, SCOPE + "calendar"} & set(granted))

    # The line to Google -------------------------------------------------------------------------------------------

    def _google(self, installation: Installation, *scopes: str) -> Google:
        how = {"endpoint": self._endpoint, "people_endpoint": self._people_endpoint, "timeout": self.tools.timeout}
        key = installation.secrets.get("service_account")
        if key:
            key = {**key, "token_uri": self.tools.urls.get("google_token") or key.get("token_uri") or ways.TOKEN_URL}
            return Google.by_service_account(key, scopes, installation.config.get("subject"), **how)
        token = installation.secrets.get("access_token")
        if not token:
            raise NeedsReconnect("token_refused")
        return Google.by_token(token, **how)

    @property
    def _endpoint(self) -> str:
        url = self.tools.urls.get("google", GOOGLE).rstrip("/")
        return f"{url}/" if url.endswith("/calendar/v3") else f"{url}/calendar/v3/"

    @property
    def _people_endpoint(self) -> str:
        """Contacts are at an address of their own; an operator's stand-in serves both, unless told otherwise."""
        google, people = self.tools.urls.get("google", GOOGLE), self.tools.urls.get("google_people", PEOPLE)
        if google.rstrip("/") != GOOGLE and people.rstrip("/") == PEOPLE:
            people = google.rstrip("/").removesuffix("/calendar/v3")
        return people.rstrip("/") + "/"


_WRITING_REFUSED = {
    "forbiddenForNonOrganizer": "write_not_organizer",
    "requiredAccessLevel": "write_calendar_read_only",
}
_HEADER = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,500}")
_PERSONAL = re.compile(
    r"\b(?:perso|personnel|priv[ée]|private|famille|family|anniversaires?|birthdays?|contacts|vacances|f[ée]ri[ée]s|"
    r"holidays?)\b", re.IGNORECASE)
_NOT_OF_PEOPLE = ("@group.v.calendar.google.com", "@import.calendar.google.com")


def _entered(booking: Booking, place: Any) -> dict[str, Any]:
    """The event, with the number where this clinic's numbers are looked for."""
    line = re.fullmatch(r"line:(\d{1,2})", place) if isinstance(place, str) else None
    title, location = booking.name or booking.number, ""
    notes = "\n" * (int(line[1]) - 1 if line else 0) + booking.number
    if place == "title":
        title = f"{title} {booking.number}" if booking.name else title
    elif place == "location":
        location = booking.number
    body: dict[str, Any] = {
        "summary": title, "description": notes,
        "start": {"dateTime": booking.start.isoformat(), "timeZone": booking.zone},
        "end": {"dateTime": booking.end.isoformat(), "timeZone": booking.zone},
        "extendedProperties": {"private": {"relanceSlot": booking.id}},
    }
    return {**body, "location": location} if location else body


def _is_google(installation: Installation) -> bool:
    return not {"ical_url", "ics"} & installation.secrets.keys()


def _note(entry: Mapping[str, Any]) -> Reason | None:
    """Why a calendar is not ticked."""
    if entry.get("accessRole") == "freeBusyReader":
        return Reason("calendar_without_details", {"calendar": _text(entry.get("summary"))})
    names = f"{_text(entry.get('summaryOverride'))} {_text(entry.get('summary'))}"
    # Google's own: birthdays, holidays, phases of the moon.
    if _text(entry.get("id")).endswith(_NOT_OF_PEOPLE) or _PERSONAL.search(names):
        return Reason("calendar_looks_personal")
    return None


def _unchanged(installation: Installation, cursor: str | None, memory: Mapping[str, Any] | None = None) -> Batch:
    """Nothing new; what was wrong with the file still is."""
    known = list(installation.memory.get("problems") or ())
    problems = tuple(Reason(code, values) for code, values in known)
    kept = {"problems": known, "keys": installation.memory.get("keys", "")}
    return Batch(cursor=cursor, problems=problems, memory=None if memory is None else {**memory, **kept})


def _remembered(installation: Installation) -> list[str]:
    """The keys that the file held when it was last read."""
    try:
        return unpacked(installation.memory.get("keys", ""))
    except (ValueError, TypeError, AttributeError, ZlibError):
        return []


def _is_whole(body: bytes) -> bool:
    # UTF-16 has a zero byte beside each letter.
    return b"END:VCALENDAR" in body[-800:].replace(b"\0", b"").upper()


def _own_contacts(installation: Installation) -> AddressBook | None:
    look_up = installation.contacts
    return None if look_up is None else lambda how, what: look_up(what)


def _numbers_by_label(people: Any) -> dict[str, tuple[str, ...]]:
    """The address book by e-mail address and by full name."""
    book: dict[str, dict[str, None]] = {}
    for person in people:
        numbers = [_text(one.get("canonicalForm")) or _text(one.get("value"))
                   for one in mappings(person.get("phoneNumbers"))]
        labels = [_text(one.get("value")) for one in mappings(person.get("emailAddresses"))]
        for one in mappings(person.get("names")):
            labels += [_text(one.get("displayName")), _text(one.get("displayNameLastFirst"))]
        for label in labels:
            if label:
                book.setdefault(label.casefold().strip(), {}).update(dict.fromkeys(filter(None, numbers)))
    return {label: tuple(numbers) for label, numbers in book.items()}


def _write_back(installation: Installation) -> Mapping[str, bool]:
    wishes = installation.config.get("write_back")
    if isinstance(wishes, bool):
        return {"title": wishes, "color": wishes}
    return {name: wishes.get(name) is True for name in ("title", "color")} if isinstance(wishes, Mapping) else {}


def _channels(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    """calendar → its push channels: one, and two while one replaces the other. A copy."""
    known = mapping(installation.memory.get("channels"))
    return {calendar: [dict(one) for one in rows] for calendar, rows in known.items()}


def _ends(channel: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(channel["expiration"]) / 1000, UTC)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _expiration(said: Any, wished: int) -> int:
    """Google says it as a string of milliseconds; only what it says counts."""
    return int(said) if re.fullmatch(r"\d{1,14}", str(said), re.ASCII) else wished


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(_text(value))
    except ValueError:
        return _LONG_AGO


def _sight(installation: Installation) -> str:
    """Stands for all but the calendar that decides what is read in it: wishes, corrections, own numbers."""
    config = {name: installation.config.get(name) for name in ("place", "own_numbers", "skip_free", "contacts")}
    house = [installation.zone, installation.country, sorted(installation.own_numbers)]
    parts = [config, house, dict(installation.learnt)]
    written = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(written, digest_size=9).hexdigest()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
