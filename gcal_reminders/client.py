"""Google's own library, and the only place that knows it: calls go out here, and every error comes back in our words.

`Google` is made for one walk and thrown away: its connection is not for several threads.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from http.client import HTTPException
from typing import Any, NoReturn

import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccountCredentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import Error as LibraryError
from googleapiclient.errors import HttpError

from core.domain.errors import NeedsReconnect, NotNow, RelanceError

SCOPE = "https://www.googleapis.com/auth/"
LIST_SCOPE = SCOPE + "calendar.calendarlist.readonly"
READ_SCOPE = SCOPE + "calendar.events.readonly"
WRITE_SCOPE = SCOPE + "calendar.events"
CONTACTS_SCOPE = SCOPE + "contacts.readonly"


class GoogleSaysNo(RelanceError):
    """An answer that the walk itself deals with. `why` is Google's own reason."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__("google_says_no", why=why, detail=detail[:200])
        self.why = why


class Wrong(GoogleSaysNo):
    """400: the request cannot be answered: a page or sync token that Google no longer understands."""


class Denied(GoogleSaysNo):
    """403, for this thing alone."""


class Missing(GoogleSaysNo):
    """404: no such thing, or no longer shared with us."""


class Gone(GoogleSaysNo):
    """410: a sync token too old, or an event deleted."""


class There(GoogleSaysNo):
    """409: an event with that id is there, or was."""


class Changed(GoogleSaysNo):
    """412: somebody else wrote in between."""


class Google:
    """Calendar and contacts of one account. Raises `NeedsReconnect`, `NotNow`, and `GoogleSaysNo` with its kinds."""

    def __init__(self, credentials: Any, *, endpoint: str, people_endpoint: str, timeout: float,
                 refreshes: bool = False) -> None:
        # Without a proxy from the environment: an operator's proxy is an address of `RELANCE_GOOGLE_URL`.
        line = httplib2.Http(timeout=timeout, proxy_info=None)
        line.follow_redirects = False
        self._http = AuthorizedHttp(credentials, http=line, refresh_status_codes=(401,) if refreshes else ())
        self._endpoint, self._people_endpoint = endpoint, people_endpoint
        self._calendar = build("calendar", "v3", http=self._http, cache_discovery=False,
                               client_options={"api_endpoint": endpoint})
        self._refreshes = refreshes

    @classmethod
    def by_token(cls, access_token: str, **how: Any) -> Google:
        """With a token that core keeps fresh: this side never refreshes it."""
        return cls(Credentials(token=access_token), **how)  # type: ignore[no-untyped-call]

    @classmethod
    def by_service_account(cls, key: Mapping[str, str], scopes: Sequence[str], subject: str | None,
                           **how: Any) -> Google:
        """As a service account, or as the person `subject` in whose name it may act."""
        try:
            credentials = ServiceAccountCredentials.from_service_account_info(  # type: ignore[no-untyped-call]
                dict(key), scopes=list(scopes), **({"subject": subject} if subject else {}))
        except (ValueError, GoogleAuthError) as error:
            raise NeedsReconnect("service_account_refused", detail="private_key") from error
        return cls(credentials, refreshes=True, **how)

    def calendars(self) -> Iterator[Mapping[str, Any]]:
        """Every entry of the calendar list, page by page."""
        token = None
        while True:
            page = self._said(self._calendar.calendarList().list(maxResults=250, pageToken=token), LIST_SCOPE)
            yield from _items(page)
            token = page.get("nextPageToken")
            if not token:
                return

    def events(self, calendar: str, **parameters: Any) -> Mapping[str, Any]:
        """One page of a calendar's events. An answer without its list is no answer: it must not look like an empty
        calendar."""
        page = self._said(self._calendar.events().list(calendarId=calendar, **parameters), READ_SCOPE)
        if not isinstance(page.get("items"), list):
            raise _away(200)
        return page

    def event(self, calendar: str, event: str) -> Mapping[str, Any]:
        return self._said(self._calendar.events().get(calendarId=calendar, eventId=event), READ_SCOPE)

    def patch(self, calendar: str, event: str, body: Mapping[str, Any], etag: str | None) -> None:
        """Changes these fields and tells no guest. Raises `Changed` if the event is no longer as `etag` knew it."""
        request = self._calendar.events().patch(calendarId=calendar, eventId=event, body=dict(body), sendUpdates="none")
        if etag:
            request.headers["If-Match"] = etag
        self._said(request, WRITE_SCOPE)

    def insert(self, calendar: str, body: Mapping[str, Any]) -> None:
        """A new event, of which no guest is told. Raises `There` for an id that is, or was, in use."""
        request = self._calendar.events().insert(calendarId=calendar, body=dict(body), sendUpdates="none")
        self._said(request, WRITE_SCOPE)

    def delete(self, calendar: str, event: str) -> None:
        """Takes an event away, and tells no guest. One that is gone already is what we wanted."""
        try:
            self._said(self._calendar.events().delete(calendarId=calendar, eventId=event, sendUpdates="none"),
                       WRITE_SCOPE)
        except (Missing, Gone):
            return

    def watch(self, calendar: str, channel: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._said(self._calendar.events().watch(calendarId=calendar, body=dict(channel)), READ_SCOPE)

    def stop(self, channel: str, resource: str) -> None:
        """Ends a push channel. One that is gone already is what we wanted."""
        try:
            self._said(self._calendar.channels().stop(body={"id": channel, "resourceId": resource}), READ_SCOPE)
        except (Missing, Gone):
            return

    def contacts(self) -> Iterator[Mapping[str, Any]]:
        """Every person of the address book: names, addresses and numbers."""
        people = build("people", "v1", http=self._http, cache_discovery=False,
                       client_options={"api_endpoint": self._people_endpoint})
        token = None
        while True:
            page = self._said(people.people().connections().list(
                resourceName="people/me", personFields="names,emailAddresses,phoneNumbers", pageSize=1000,
                pageToken=token), CONTACTS_SCOPE)
            yield from _items(page, "connections")
            token = page.get("nextPageToken")
            if not token:
                return

    def _said(self, request: Any, scope: str) -> Mapping[str, Any]:
        try:
            answer = request.execute(num_retries=0)
        except HttpError as error:
            _refused(error, scope, refreshes=self._refreshes)
        except RefreshError as error:
            if getattr(error, "retryable", False):
                raise _away(0) from error
            raise NeedsReconnect("service_account_refused", detail=_refresh_reason(error)) from error
        except (TransportError, LibraryError, httplib2.HttpLib2Error, HTTPException, OSError, ValueError,
                RecursionError) as error:
            # A ValueError is half an answer, or one that is no JSON: the line, or something on it, is broken.
            raise _away(0) from error
        if isinstance(answer, Mapping):
            return answer
        # The library hands over what is no JSON as it came; only a 204 has nothing to say.
        if answer:
            raise _away(200)
        return {}


# What Google's words ask of us ------------------------------------------------------------------------------------

def _soon(headers: Mapping[str, str]) -> timedelta:
    """As Google asks; else about a minute, not the same for everybody."""
    try:
        asked = int(headers.get("retry-after", ""))
    except ValueError:
        asked = 0
    return timedelta(seconds=min(asked, 6 * 3600) if asked > 0 else random.uniform(45, 75))  # noqa: S311 only spreads calls


_PAUSES: Mapping[str, tuple[str, Callable[[Mapping[str, str]], timedelta]]] = {
    "rateLimitExceeded": ("google_slow_down", _soon),
    "userRateLimitExceeded": ("google_slow_down", _soon),
    "RATE_LIMIT_EXCEEDED": ("google_slow_down", _soon),
    "quotaExceeded": ("google_quota", lambda _: timedelta(hours=3)),
    "dailyLimitExceeded": ("google_daily_limit", lambda _: timedelta(hours=6)),
    "accessNotConfigured": ("google_api_off", lambda _: timedelta(hours=1)),
    "SERVICE_DISABLED": ("google_api_off", lambda _: timedelta(hours=1)),
}
_SCOPE_MISSING = frozenset({"insufficientPermissions", "insufficientScopes", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
_ANSWERS: Mapping[int, type[GoogleSaysNo]] = {403: Denied, 404: Missing, 409: There, 410: Gone, 412: Changed}


def _refused(error: HttpError, scope: str, *, refreshes: bool) -> NoReturn:
    status = int(error.resp.status)
    reasons = _reasons(error.content)
    why = reasons[0] if reasons else ""
    if why.startswith("push."):
        raise Denied(why) from error
    if status == 401:
        raise NeedsReconnect("service_account_refused" if refreshes else "token_refused", detail=why) from error
    if status in (403, 429):
        if any(one in _SCOPE_MISSING for one in reasons):
            raise NeedsReconnect("google_scope_missing", scope=scope.removeprefix(SCOPE)) from error
        for one in reasons:
            if one in _PAUSES:
                code, pause = _PAUSES[one]
                raise NotNow(code, pause(error.resp)) from error
        if status == 429:
            raise NotNow("google_slow_down", _soon(error.resp)) from error
    if status >= 500 or 300 <= status < 400:
        raise _away(status, _soon(error.resp)) from error
    raise _ANSWERS.get(status, Wrong)(why or str(status), _message(error.content)) from error


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("google_away", after, status=status)


def _refresh_reason(error: RefreshError) -> str:
    said = error.args[1] if len(error.args) > 1 else {}
    return str(said.get("error", ""))[:60] if isinstance(said, Mapping) else ""


def _reasons(content: Any) -> list[str]:
    """Google's reasons, in both forms that it writes them."""
    said = _error(content)
    found = []
    for name in ("errors", "details"):
        for one in said.get(name) or ():
            if isinstance(one, Mapping) and isinstance(one.get("reason"), str):
                found.append(one["reason"])
    return found


def _message(content: Any) -> str:
    message = _error(content).get("message")
    return message if isinstance(message, str) else ""


def _error(content: Any) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _items(page: Mapping[str, Any], name: str = "items") -> list[Mapping[str, Any]]:
    items = page.get(name)
    return [one for one in items if isinstance(one, Mapping)] if isinstance(items, list) else []
