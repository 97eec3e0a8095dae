"""A stand-in for Google Calendar (and contacts) on loopback that knows the contract: Google's own discovery documents.

    with FakeGoogle() as google:
        google.calendar("cabinet@x", "Cabinet")
        visit = google.add("cabinet@x", "Mme Roux 06 39 98 00 01", "2026-12-01T09:00:00+01:00")
        google.move("cabinet@x", visit, "2026-12-02T09:00:00+01:00")
        ...                                        # an adapter whose `google` address is google.url
    assert google.violations == []

A request whose method, path, query parameter or body field the discovery documents do not know is answered with 400
and noted in `violations`, and so is what the contract forbids beside a sync token. Pages hold `page_size` entries. Sync
tokens are versions; `expire_tokens()` makes every one of them 410. `fail(...)` plays a step of `tests.faults.server`
instead of the next request, `before` calls a function before it. Series are kept as their occurrences (`series`): what
`singleEvents=true` shows of them.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

SPECS = Path(__file__).parents[1] / "data" / "specs"
SCOPE = "https://www.googleapis.com/auth/"
EVERYTHING = frozenset({SCOPE + "calendar", SCOPE + "contacts.readonly"})
_NOT_WITH_SYNC_TOKEN = {"iCalUID", "orderBy", "privateExtendedProperty", "sharedExtendedProperty", "q", "timeMin",
                        "timeMax", "updatedMin"}
_WRITERS = ("owner", "writer", "writerWithoutPrivateAccess")


class Refusal(Exception):
    """An answer that is no success, in Google's form."""

    def __init__(self, number: int, reason: str, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.step = refused(number, reason, message, headers)


def refused(number: int, reason: str, message: str = "", headers: Mapping[str, str] | None = None) -> Step:
    """A step that answers as Google words its errors."""
    error = {"code": number, "message": message or reason,
             "errors": [{"domain": "global", "reason": reason, "message": message or reason}]}
    return status(number, {"error": error}, headers or {})


class FakeGoogle(Vendor):
    """`events[calendar][id]` is what is in the calendars, `channels` what is watched, `grants` the live refresh tokens,
    `tokens` the access tokens with their scopes (`scopes`: those of new ones), `consent` the query of the last consent
    page that a test saw, `grant_lives` the seconds that grants of a project in testing live. `asked` is each request by
    its method's name, in order, `queries` what its query held, `subjects` whom service accounts acted for."""

    def __init__(self, *, page_size: int = 250, zone: str = "Europe/Paris",
                 now: datetime = datetime(2026, 11, 25, 8, tzinfo=UTC)) -> None:
        super().__init__()
        self.page_size, self.zone, self.now = page_size, zone, now
        self.entries: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, dict[str, Any]]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.contacts: list[dict[str, Any]] = []
        self.grants: set[str] = {"refresh-1"}
        self.tokens: dict[str, frozenset[str]] = {"token-1": EVERYTHING}
        self.scopes = EVERYTHING
        self.violations: list[str] = []
        self.asked: list[str] = []
        self.subjects: list[str] = []
        self.consent: dict[str, list[str]] = {}
        self.grant_lives: int | None = None
        self.queries: list[dict[str, list[str]]] = []
        self.watch_refused: tuple[int, str] | None = None
        self.before: deque[Any] = deque()
        self._changed: dict[str, dict[str, int]] = {}
        self._version = 1
        self._oldest = 0
        self._ids = itertools.count(1)
        self._methods = [
            *_methods("google_calendar_v3_discovery.json"), *_methods("google_people_v1_discovery_cut.json")]

    @property
    def urls(self) -> dict[str, str]:
        """As the operator would set them: `RELANCE_GOOGLE_URL`, `RELANCE_GOOGLE_TOKEN_URL`."""
        people = "https://people.googleapis.com"
        return {"google": self.url, "google_people": people, "google_token": f"{self.url}/token"}

    # What people do in their calendars ----------------------------------------------------------------------------

    def calendar(self, calendar: str, name: str = "", *, role: str = "owner", **more: Any) -> str:
        """A calendar in the account's list."""
        self.entries[calendar] = {
            "kind": "calendar#calendarListEntry", "etag": '"1"', "id": calendar, "summary": name or calendar,
            "timeZone": self.zone, "accessRole": role, "backgroundColor": "#42d692", "selected": True, **more}
        self.events.setdefault(calendar, {})
        self._changed.setdefault(calendar, {})
        return calendar

    def add(self, calendar: str, title: str, start: str, *, minutes: int = 30, id: str = "", zone: str | None = None,
            **more: Any) -> str:
        """An event; `start` is a moment with its offset, or a date for a whole day; `zone` "" states none. Its id."""
        identity = id or f"ev{next(self._ids):05d}"
        event = {
            "kind": "calendar#event", "id": identity, "status": "confirmed", "summary": title, "eventType": "default",
            "htmlLink": f"https://www.google.com/calendar/event?eid={identity}", "created": "2026-11-01T09:00:00.000Z",
            "iCalUID": f"{identity}@google.com", "organizer": {"email": calendar, "self": True}, "sequence": 0,
            **_times(start, minutes, self.zone if zone is None else zone), **more}
        with self._lock:
            self.events[calendar][identity] = event
            self._touch(calendar, identity)
        return identity

    def series(self, calendar: str, title: str, starts: list[str], *, master: str = "", **more: Any) -> list[str]:
        """The occurrences of a series, as `singleEvents=true` shows them."""
        series = master or f"series{next(self._ids):04d}"
        ids = []
        for start in starts:
            stamp = datetime.fromisoformat(start).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            ids.append(self.add(calendar, title, start, id=f"{series}_{stamp}", recurringEventId=series,
                                originalStartTime=_times(start, 0, self.zone)["start"], **more))
        return ids

    def move(self, calendar: str, event: str, start: str, *, minutes: int = 30) -> None:
        self.change(calendar, event, **_times(start, minutes, self.zone))

    def change(self, calendar: str, event: str, **fields: Any) -> None:
        with self._lock:
            self.events[calendar][event] |= fields
            self._touch(calendar, event)

    def delete(self, calendar: str, event: str) -> None:
        """What is left of it is an entry with its id, and of an occurrence what names it."""
        with self._lock:
            known = self.events[calendar][event]
            kept = {name: known[name] for name in ("id", "recurringEventId", "originalStartTime") if name in known}
            self.events[calendar][event] = {"kind": "calendar#event", **kept, "status": "cancelled"}
            self._touch(calendar, event)

    def vanish(self, calendar: str, event: str) -> None:
        """Gone without a trace: what a lost sync token hides."""
        with self._lock:
            del self.events[calendar][event]
            self._changed[calendar].pop(event, None)

    def expire_tokens(self) -> None:
        """Every sync token of before is too old from now on."""
        with self._lock:
            self._version += 1
            self._oldest = self._version

    def unshare(self, calendar: str) -> None:
        del self.entries[calendar], self.events[calendar]

    # What Google does ---------------------------------------------------------------------------------------------

    def revoke(self) -> None:
        """The person takes the access back."""
        self.grants.clear()
        self.tokens.clear()

    def notification(self, channel: str, state: str = "exists", number: int = 2) -> tuple[tuple[str, str], ...]:
        """The headers of a push notification of that channel; its body is empty."""
        known = self.channels[channel]
        return (("X-Goog-Channel-ID", channel), ("X-Goog-Channel-Token", known.get("token", "")),
                ("X-Goog-Channel-Expiration", "Wed, 02 Dec 2026 08:00:00 GMT"),
                ("X-Goog-Resource-ID", known["resourceId"]), ("X-Goog-Resource-URI", known["resourceUri"]),
                ("X-Goog-Resource-State", state),
                ("X-Goog-Message-Number", str(number)), ("Content-Length", "0"))

    def count(self, name: str) -> int:
        return self.asked.count(name)

    # The line -----------------------------------------------------------------------------------------------------

    def _answer(self, seen: Seen) -> Step:
        with self._lock:
            try:
                return self._answered(seen)
            except Refusal as refusal:
                return refusal.step

    def _answered(self, seen: Seen) -> Step:
        parts = urlsplit(seen.path)
        if parts.path == "/token":
            return self._token(seen)
        if parts.path == "/revoke":
            return self._revoked(seen)
        if self._faults:
            self.asked.append(f"{seen.method} fault")
            return self._faults.popleft()[0]
        method, path = self._known(seen.method, parts.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        body = self._checked(method, query, seen)
        self.asked.append(method["id"].split(".", 1)[1])
        self.queries.append(query)
        self._authorized(method, seen)
        if self.before:
            self.before.popleft()()
        one = {name: values[0] for name, values in query.items()}
        match method["id"]:
            case "calendar.calendarList.list":
                entries = sorted(self.entries.values(), key=lambda entry: str(entry["id"]))
                return ok(self._page(entries, one, "calendar#calendarList"))
            case "calendar.events.list":
                return ok(self._events(path["calendarId"], query, one))
            case "calendar.events.get":
                return ok(self._event(path["calendarId"], path["eventId"]))
            case "calendar.events.patch":
                return ok(self._patched(path["calendarId"], path["eventId"], body, seen))
            case "calendar.events.insert":
                return ok(self._inserted(path["calendarId"], body))
            case "calendar.events.delete":
                return self._deleted(path["calendarId"], path["eventId"])
            case "calendar.events.watch":
                return ok(self._watched(path["calendarId"], body))
            case "calendar.channels.stop":
                return self._ended(body)
            case "people.people.connections.list":
                page = self._page(self.contacts, one, "people")
                return ok({"connections": page.pop("items"), **page})
        raise Refusal(404, "notFound")

    def _known(self, verb: str, path: str) -> tuple[Mapping[str, Any], dict[str, str]]:
        for method in self._methods:
            if method["httpMethod"] == verb and (match := method["pattern"].fullmatch(path)):
                return method, {name: unquote(value) for name, value in match.groupdict().items()}
        raise self._violation(f"{verb} {path}: no such method")

    def _checked(self, method: Mapping[str, Any], query: Mapping[str, list[str]], seen: Seen) -> dict[str, Any]:
        known = method["known"]
        for name, values in query.items():
            if name not in known:
                raise self._violation(f"{method['id']}: no parameter {name}")
            for value in values:
                if (problem := _wrong_parameter(known[name], value, len(values))) is not None:
                    raise self._violation(f"{method['id']}: {name}={value} {problem}")
        missing = [name for name, one in known.items()
                   if one.get("required") and one["location"] == "query" and name not in query]
        if missing:
            raise self._violation(f"{method['id']}: {missing[0]} is required")
        if "syncToken" in query and (clash := _NOT_WITH_SYNC_TOKEN & set(query)):
            raise self._violation(f"{method['id']}: {sorted(clash)[0]} beside a sync token")
        if query.get("orderBy") == ["startTime"] and query.get("singleEvents") != ["true"]:
            raise self._violation(f"{method['id']}: orderBy=startTime needs singleEvents")
        if "request" not in method:
            if seen.body:
                raise self._violation(f"{method['id']}: takes no body")
            return {}
        body = json.loads(seen.body or b"{}")
        if (problem := _wrong_body(method["schemas"], method["request"]["$ref"], body)) is not None:
            raise self._violation(f"{method['id']}: {problem}")
        return dict(body)

    def _violation(self, what: str) -> Refusal:
        self.violations.append(what)
        return Refusal(400, "badRequest", what)

    def _authorized(self, method: Mapping[str, Any], seen: Seen) -> None:
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise Refusal(401, "authError", "Invalid Credentials")
        if not self.tokens[token] & set(method.get("scopes", ())):
            raise Refusal(403, "insufficientPermissions", "Insufficient Permission")

    # The methods --------------------------------------------------------------------------------------------------

    def _page(self, items: list[Any], one: Mapping[str, str], kind: str, after: str = "") -> dict[str, Any]:
        start = int(one["pageToken"].rpartition("/")[2]) if "pageToken" in one else 0
        size = min(self.page_size, int(one.get("maxResults", one.get("pageSize", "250"))))
        page: dict[str, Any] = {"kind": kind, "items": deepcopy(items[start:start + size])}
        if start + size < len(items):
            page["nextPageToken"] = f"{after}/{start + size}"
        return page

    def _events(self, calendar: str, query: Mapping[str, list[str]], one: Mapping[str, str]) -> dict[str, Any]:
        if calendar not in self.events:
            raise Refusal(404, "notFound", "Not Found")
        since, upto = 0, self._version
        if "pageToken" in one:
            since, upto = (int(part) for part in one["pageToken"].split("/")[:2])
        elif "syncToken" in one:
            since = int(one["syncToken"].removeprefix("sync-"))
        changes = "syncToken" in one
        if (changes or "pageToken" in one) and (since if changes else upto) < self._oldest:
            raise Refusal(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
        changed = self._changed[calendar]
        found = []
        for identity, event in self.events[calendar].items():
            if changes and not since < changed[identity] <= upto:
                continue
            if event["status"] == "cancelled" and not changes and one.get("showDeleted") != "true":
                continue
            if event["status"] != "cancelled":
                wanted = query.get("eventTypes", [event["eventType"]])
                if event["eventType"] not in wanted or not self._within(event, one):
                    continue
            found.append(event)
        entry = self.entries[calendar]
        page = self._page(found, one, "calendar#events", f"{since}/{upto}")
        page |= {"summary": entry["summary"], "timeZone": entry["timeZone"], "accessRole": entry["accessRole"]}
        if "nextPageToken" not in page:
            page["nextSyncToken"] = f"sync-{upto}"
        return page

    def _within(self, event: Mapping[str, Any], one: Mapping[str, str]) -> bool:
        start, end = self._instant(event["start"]), self._instant(event["end"])
        return ((("timeMin" not in one) or end > datetime.fromisoformat(one["timeMin"]))
                and (("timeMax" not in one) or start < datetime.fromisoformat(one["timeMax"])))

    def _instant(self, when: Mapping[str, str]) -> datetime:
        if "date" in when:
            return datetime.fromisoformat(when["date"]).replace(tzinfo=ZoneInfo(self.zone))
        return datetime.fromisoformat(when["dateTime"])

    def _event(self, calendar: str, identity: str) -> dict[str, Any]:
        if identity not in self.events.get(calendar, {}):
            raise Refusal(404, "notFound", "Not Found")
        return deepcopy(self.events[calendar][identity])

    def _patched(self, calendar: str, identity: str, body: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
        event = self._event(calendar, identity)
        if self.entries[calendar]["accessRole"] not in _WRITERS:
            raise Refusal(403, "requiredAccessLevel", "You need to have writer access to this calendar.")
        if not event.get("organizer", {}).get("self", False) and {"summary", "start", "end", "location"} & body.keys():
            raise Refusal(403, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer.")
        if event["status"] == "cancelled":
            raise Refusal(410, "deleted", "Resource has been deleted")
        if (expected := seen.headers.get("if-match")) and expected != event["etag"]:
            raise Refusal(412, "conditionNotMet", "Precondition Failed")
        self.events[calendar][identity] = _merged(event, body)
        self._touch(calendar, identity)
        return self._event(calendar, identity)

    def _inserted(self, calendar: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._writable(calendar)
        identity = body.get("id") or f"ev{next(self._ids):05d}"
        if not re.fullmatch(r"[a-v0-9]{5,1024}", identity):
            raise Refusal(400, "invalid", "Invalid resource id value.")
        if identity in self.events[calendar]:
            raise Refusal(409, "duplicate", "The requested identifier already exists.")
        self.events[calendar][identity] = {
            "kind": "calendar#event", "status": "confirmed", "eventType": "default", "sequence": 0,
            "htmlLink": f"https://www.google.com/calendar/event?eid={identity}", "iCalUID": f"{identity}@google.com",
            "created": self.now.isoformat().replace("+00:00", "Z"), "organizer": {"email": calendar, "self": True},
            **deepcopy(dict(body)), "id": identity}
        self._touch(calendar, identity)
        return self._event(calendar, identity)

    def _deleted(self, calendar: str, identity: str) -> Step:
        event = self._event(calendar, identity)
        self._writable(calendar)
        if event["status"] == "cancelled":
            raise Refusal(410, "deleted", "Resource has been deleted")
        self.delete(calendar, identity)
        return status(204)

    def _writable(self, calendar: str) -> None:
        if calendar not in self.entries:
            raise Refusal(404, "notFound", "Not Found")
        if self.entries[calendar]["accessRole"] not in _WRITERS:
            raise Refusal(403, "requiredAccessLevel", "You need to have writer access to this calendar.")

    def _watched(self, calendar: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.watch_refused is not None:
            raise Refusal(self.watch_refused[0], self.watch_refused[1])
        if calendar not in self.events:
            raise Refusal(404, "notFound", "Not Found")
        if not body["address"].startswith("https://"):
            raise Refusal(400, "push.webhookUrlNotHttps")
        if body["id"] in self.channels:
            raise Refusal(400, "channelIdNotUnique")
        ttl = int(body.get("params", {}).get("ttl", "604800"))
        ends = self.now + timedelta(seconds=min(ttl, 604_800))
        self.channels[body["id"]] = {
            "kind": "api#channel", **body, "resourceId": f"res-{calendar}",
            "expiration": str(int(ends.timestamp() * 1000)), "resourceUri": f"{self.url}/calendar/v3/{calendar}"}
        return dict(self.channels[body["id"]])

    def _ended(self, body: Mapping[str, Any]) -> Step:
        known = self.channels.get(body["id"])
        if known is None or known["resourceId"] != body["resourceId"]:
            raise Refusal(404, "channelUnknown", "Channel not found")
        del self.channels[body["id"]]
        self.stopped.append(body["id"])
        return ok(b"", 204)

    def _token(self, seen: Seen) -> Step:
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        self.asked.append(f"token {form.get('grant_type')}")
        scopes = self.scopes
        more: dict[str, Any] = {}
        if form.get("grant_type") == "authorization_code":
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if [base64.urlsafe_b64encode(digest).decode().rstrip("=")] != self.consent.get("code_challenge"):
                return status(400, {"error": "invalid_grant", "error_description": "Invalid code verifier."})
            self.grants.add("refresh-1")
            more = {"refresh_token": "refresh-1"}
            if self.grant_lives:
                more["refresh_token_expires_in"] = self.grant_lives
        if form.get("grant_type") == "refresh_token" and form.get("refresh_token") not in self.grants:
            return status(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
        if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            claims = json.loads(base64.urlsafe_b64decode(form["assertion"].split(".")[1] + "=="))
            scopes = frozenset(claims["scope"].split())
            self.subjects.append(claims.get("sub", ""))
        token = f"token-{len(self.tokens) + 1}"
        self.tokens[token] = scopes
        granted = " ".join(sorted(scopes))
        return ok({"access_token": token, "expires_in": 3599, "scope": granted, "token_type": "Bearer", **more})

    def _revoked(self, seen: Seen) -> Step:
        self.asked.append("revoke")
        token = parse_qs(seen.body.decode()).get("token", [""])[0]
        known = token in self.grants or token in self.tokens
        if known:
            self.revoke()
        return status(200 if known else 400, {})

    def _touch(self, calendar: str, identity: str) -> None:
        self._version += 1
        self._changed[calendar][identity] = self._version
        event = self.events[calendar][identity]
        event["etag"] = f'"{3_580_000_000_000_000 + self._version}"'
        event["updated"] = (self.now + timedelta(seconds=self._version)).isoformat().replace("+00:00", "Z")


# The contract -----------------------------------------------------------------------------------------------------

def _methods(name: str) -> Iterator[Mapping[str, Any]]:
    """Every method of a discovery document, with a pattern for its path and all that its query may hold."""
    document = json.loads((SPECS / name).read_text(encoding="utf-8"))
    stack = [document]
    while stack:
        place = stack.pop()
        stack.extend(place.get("resources", {}).values())
        for method in place.get("methods", {}).values():
            own = method.get("parameters", {})
            path = re.escape("/" + document["servicePath"] + method["path"])
            for key, one in own.items():
                # `{+name}` may hold slashes, as its own pattern says.
                path = path.replace(rf"\{{{key}\}}", rf"(?P<{key}>[^/]+)")
                path = path.replace(rf"\{{\+{key}\}}", rf"(?P<{key}>{one.get('pattern', '.+').strip('^$')})")
            yield {**method, "pattern": re.compile(path), "schemas": document["schemas"],
                   "known": {**document["parameters"], **own}}


def _wrong_parameter(known: Mapping[str, Any], value: str, times: int) -> str | None:
    if known["location"] != "query":
        return "belongs into the path"
    if times > 1 and not known.get("repeated"):
        return "came more than once"
    if known["type"] == "boolean" and value not in ("true", "false"):
        return "is no boolean"
    if known["type"] == "integer":
        if not re.fullmatch(r"-?\d+", value):
            return "is no whole number"
        if not int(known.get("minimum", value)) <= int(value) <= int(known.get("maximum", value)):
            return "is out of bounds"
    if "enum" in known and value not in known["enum"]:
        return "is none of its words"
    if known.get("format") == "date-time" and not re.fullmatch(r"[\d-]{10}T[\d:.]+(?:Z|[+-]\d\d:\d\d)", value):
        return "is no moment with an offset"
    return None


_TYPES = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}


def _wrong_body(schemas: Mapping[str, Any], name: str, value: Any) -> str | None:
    return _wrong_value(schemas, schemas[name], value, name)


def _wrong_value(schemas: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str) -> str | None:
    if "$ref" in schema:
        return _wrong_value(schemas, schemas[schema["$ref"]], value, where)
    if value is None:        # patch semantics: null takes a field away
        return None
    kind = schema.get("type", "any")
    if kind != "any" and not isinstance(value, _TYPES[kind]):
        return f"{where} is no {kind}"
    if kind == "array":
        problems = (_wrong_value(schemas, schema["items"], one, f"{where}[]") for one in value)
        return next((problem for problem in problems if problem), None)
    if kind == "object":
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, one in value.items():
            if key not in known and others is None:
                return f"{where} has no field {key}"
            if problem := _wrong_value(schemas, known.get(key) or others or {}, one, f"{where}.{key}"):
                return problem
    return None


def _merged(known: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            merged[name] = _merged(merged.get(name, {}), value)
        else:
            merged[name] = value
    return merged


def _times(start: str, minutes: int, zone: str) -> dict[str, Any]:
    if len(start) == 10:
        following = datetime.fromisoformat(start) + timedelta(days=1)
        return {"start": {"date": start}, "end": {"date": following.date().isoformat()}}
    begins = datetime.fromisoformat(start)
    there = {"timeZone": zone} if zone else {}
    return {"start": {"dateTime": begins.isoformat(), **there},
            "end": {"dateTime": (begins + timedelta(minutes=minutes)).isoformat(), **there}}
