"""HubSpot's own library, and the only place that knows it: calls go out here, and every error comes back in our words.

An account's line is made for one walk. The library's own silent retries are off, each call has a timeout, and what
HubSpot says of its limits is followed: it counts the calls of all our processes together, so its word is shared.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from core.domain.errors import NeedsReconnect, NotNow, RelanceError

SEARCHES, SEARCH_WINDOW = 5, 1.0
RESERVE = 5
"""So many calls of each window are left to others who use the account's allowance at the same time."""
MOST_LISTS = 100
CONNECT_TIMEOUT = 3.0
MOST_PAGES = 100
Json = Mapping[str, Any]


class HubSpotSaysNo(RelanceError):
    """An answer that the walk itself deals with."""

    def __init__(self, status: int, category: str = "", detail: str = "") -> None:
        super().__init__("hubspot_says_no", status=status, why=category or str(status), detail=detail[:200])
        self.http_status, self.category = status, category


class Over(HubSpotSaysNo):
    """400, 404, 409, 410: no such thing, not any more, or not in this form. Asking again changes nothing."""


class Pace:
    """What HubSpot said of each account's allowance, in this process. `clock` and `pause` in seconds."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], object] | None = None
    ) -> None:
        self._clock, self._wait = clock, pause or threading.Event().wait
        self._lock = threading.Lock()
        self._held: dict[str, float] = {}
        self._said: dict[str, dict[str, int]] = {}
        self._searches: dict[str, deque[float]] = {}

    def ask(self, portal: str) -> None:
        """Raises `NotNow` while the account's allowance is used up."""
        with self._lock:
            left = self._held.get(portal, 0.0) - self._clock()
        if left > 0:
            raise NotNow("hubspot_slow_down", timedelta(seconds=left))

    def ask_search(self, portal: str) -> None:
        """Waits, a second at the most, until the account may search again."""
        with self._lock:
            past = self._searches.setdefault(portal, deque(maxlen=SEARCHES))
            now = self._clock()
            at = max(now, past[0] + SEARCH_WINDOW) if len(past) == SEARCHES else now
            past.append(at)
        if at > now:
            self._wait(at - now)

    def heard(self, portal: str, headers: Mapping[str, str]) -> None:
        """Notes what an answer says of the allowance."""
        said = {name: value for name in ("Max", "Remaining", "Interval-Milliseconds", "Daily", "Daily-Remaining")
                if (value := _count(headers.get(f"X-HubSpot-RateLimit-{name}"))) is not None}
        if not said:
            return
        with self._lock:
            self._said[portal] = said
            remaining, most = said.get("Remaining"), said.get("Max", 0)
            if remaining is not None and remaining <= min(RESERVE, most // 4):
                window = said.get("Interval-Milliseconds", 10_000) / 1000
                self._held[portal] = self._clock() + min(window, 60.0)

    def hold(self, portal: str, after: timedelta) -> None:
        """HubSpot asked for a pause."""
        with self._lock:
            self._held[portal] = max(self._held.get(portal, 0.0), self._clock() + after.total_seconds())

    def allowance(self, portal: str) -> Mapping[str, int]:
        """The last word on the account's limits (`Max`, `Remaining`, `Daily`, …), as far as this process heard one."""
        with self._lock:
            return dict(self._said.get(portal, {}))


class _Line:
    """A library object, and how its answers and errors are read."""

    def __init__(
        self, *, host: str, timeout: float, now: datetime | None, zone: str, pace: Pace, who: str, **login: str
    ) -> None:
        # Loaded when the first call is made: the library costs a process time and memory that most commands never need.
        from hubspot import HubSpot
        from urllib3.util.retry import Retry

        self._hubspot: Any = HubSpot(host=host, retry=Retry(total=0), **login)
        self._timeout, self._now, self._zone = (CONNECT_TIMEOUT, timeout), now, zone
        self._pace, self._who = pace, who

    def _said(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, Any]:
        """The status and the JSON of the answer. Raises `NeedsReconnect`, `NotNow`, `HubSpotSaysNo`."""
        self._pace.ask(self._who)
        # Each of the library's packages has an exception class of its own.
        package = sys.modules[type(method.__self__).__module__.partition(".api.")[0]]  # type: ignore[attr-defined]
        with _line_errors():
            try:
                # Not into the library's models, which lag behind the API.
                answer = method(*arguments, _preload_content=False, _request_timeout=self._timeout, **named)
                status, headers, body = answer.status, answer.headers, answer.data
            except package.ApiException as error:
                if not error.status:
                    raise _away(0) from error
                status, headers, body = error.status, error.headers or {}, error.body or b""
        self._pace.heard(self._who, headers)
        if status >= 300:
            self._refused(status, headers, _json_or_nothing(body))
        if not body:
            return status, {}
        try:
            return status, json.loads(body)
        except (ValueError, RecursionError) as error:
            # Half an answer, or something on the way that is not HubSpot.
            raise _away(status) from error

    def _object(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Json:
        """The same, for an answer that is an object."""
        _, said = self._said(method, *arguments, **named)
        if not isinstance(said, Mapping):
            raise _away(200)
        return said

    def _rows(self, said: Json) -> list[Json]:
        """An answer without its list is no answer: it must not look like an empty account."""
        rows = said.get("results")
        if not isinstance(rows, list):
            raise _away(200)
        return [one for one in rows if isinstance(one, Mapping)]

    def _refused(self, status: int, headers: Mapping[str, str], said: Json) -> NoReturn:
        category = str(said.get("category") or said.get("errorType") or said.get("status") or "")[:60]
        message = said.get("message")
        detail = message if isinstance(message, str) else ""
        if status == 401:
            raise NeedsReconnect("token_refused", detail=category)
        if status == 403 and category == "MISSING_SCOPES":
            raise NeedsReconnect("hubspot_scope_missing", scope=_scopes_in(said))
        if status == 429:
            pause = self._pause(headers, str(said.get("policyName") or ""))
            self._pace.hold(self._who, pause[1])
            raise NotNow(*pause)
        if status == 477:
            raise NotNow("hubspot_migrating", _asked(headers) or timedelta(hours=1))
        if status == 423:
            raise NotNow("hubspot_slow_down", _asked(headers) or timedelta(seconds=5))
        if status >= 500 or 300 <= status < 400 or status in (408, 414):
            raise _away(status, _asked(headers) or timedelta(minutes=1))
        raise (Over if status in (400, 404, 409, 410) else HubSpotSaysNo)(status, category, detail)

    def _pause(self, headers: Mapping[str, str], policy: str) -> tuple[str, timedelta]:
        """How long to be silent: as HubSpot asks, else until the window that is full has passed."""
        if policy == "DAILY":
            if self._now is None:
                return "hubspot_daily_limit", timedelta(hours=12)
            here = self._now.astimezone(ZoneInfo(self._zone))
            midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            return "hubspot_daily_limit", midnight - here + _spread(60)
        asked = _asked(headers)
        if asked is None:
            asked = timedelta(seconds=1 if policy == "SECONDLY" else 10) + _spread(2)
        return "hubspot_slow_down", asked


class Account(_Line):
    """One connected account, by an access token that core keeps fresh."""

    def __init__(self, access_token: str, portal: str, **how: Any) -> None:
        super().__init__(who=portal, access_token=access_token, **how)
        self._token = access_token

    # Workflows ---------------------------------------------------------------------------------------------------

    def complete(self, inputs: Sequence[Json]) -> None:
        """Lets steps go on that wait for us, up to 100: `{"callbackId", "outputFields", "typedOutputs"}`."""
        self._said(self._callbacks.complete_batch, {"inputs": [dict(one) for one in inputs]})

    def complete_one(self, given: Json) -> None:
        """The same for one. Raises `Over` when it does not wait (any more)."""
        body = {name: value for name, value in given.items() if name != "callbackId"}
        self._said(self._callbacks.complete, given["callbackId"], body)

    # Contacts ----------------------------------------------------------------------------------------------------

    def contacts(self, ids: Sequence[str], properties: Sequence[str], history: Sequence[str] = ()) -> list[Json]:
        """Up to 100 records by id (50 with history); what is not there is left out, a merged one has its new id."""
        body = {"inputs": [{"id": one} for one in ids], "properties": list(properties),
                "propertiesWithHistory": list(history)}
        return self._rows(self._object(self._batch.read, body))

    def contact(self, id: str, properties: Sequence[str]) -> Json | None:
        """One record; None when there is none. A merged record answers under its winner's id."""
        try:
            return self._object(self._hubspot.crm.contacts.basic_api.get_by_id, id, properties=list(properties))
        except Over as error:
            if error.http_status not in (404, 410):
                raise
            return None

    def search(self, groups: Sequence[Json], properties: Sequence[str], *, sort: str | None = None,
               limit: int = 100) -> list[Json]:
        """Records that match one of the groups of filters: the first page."""
        self._pace.ask_search(self._who)
        body = {"filterGroups": [dict(one) for one in groups], "properties": list(properties),
                "sorts": [sort] if sort else [], "limit": limit, "after": "0"}
        return self._rows(self._object(self._search.do_search, body))

    def update(self, properties: Mapping[str, Mapping[str, str]]) -> None:
        """Writes properties (values are text) to records, by id."""
        inputs = [{"id": id, "properties": dict(values)} for id, values in properties.items()]
        status, said = self._said(self._batch.update, {"inputs": inputs})
        if status == 207 and isinstance(said, Mapping) and said.get("errors"):
            first = next((one for one in said["errors"] if isinstance(one, Mapping)), {})
            raise Over(400, str(first.get("category", "")), str(first.get("message", "")))

    def properties(self) -> list[Json]:
        """What a contact can have: `name`, `label`, `type`, `fieldType`, …"""
        return self._rows(self._object(self._properties.get_all, "contacts"))

    def create_property(self, definition: Json) -> None:
        """A property of contacts. One of that name is what we wanted."""
        try:
            self._said(self._properties.create, "contacts", dict(definition))
        except Over as error:
            if error.http_status != 409:
                raise

    # The contact's page ------------------------------------------------------------------------------------------

    def log(self, entries: Sequence[Json]) -> list[str]:
        """Writes up to 100 messages on contacts' pages. The `objectWriteTraceId` of those that are there."""
        status, said = self._said(self._communications_batch.create, {"inputs": [dict(one) for one in entries]})
        if status != 207:
            return [str(one.get("objectWriteTraceId", "")) for one in entries]
        return [str(one.get("objectWriteTraceId", "")) for one in self._rows(said)]

    def log_one(self, entry: Json) -> None:
        body = {name: value for name, value in entry.items() if name != "objectWriteTraceId"}
        self._said(self._hubspot.crm.objects.communications.basic_api.create, body)

    def logged(self, word: str) -> list[Json]:
        """The entries whose text holds `word`."""
        self._pace.ask_search(self._who)
        body = {"filterGroups": [{"filters": [{"propertyName": "hs_communication_body", "operator": "CONTAINS_TOKEN",
                                               "value": word}]}],
                "properties": ["hs_communication_body"], "sorts": [], "limit": 20, "after": "0"}
        return self._rows(self._object(self._hubspot.crm.objects.communications.search_api.do_search, body))

    def timeline(self, events: Sequence[Json]) -> None:
        """Events on contacts' timelines; the same `id` again is the same event."""
        self._said(self._hubspot.crm.timeline.events_api.create_batch, {"inputs": [dict(one) for one in events]})

    # Consent -----------------------------------------------------------------------------------------------------

    def subscriptions(self, email: str) -> list[Json]:
        """What the person of this address said to each kind of subscription."""
        said = self._object(self._preferences.get_email_status, email)
        rows = said.get("subscriptionStatuses")
        if not isinstance(rows, list):
            raise _away(200)
        return [one for one in rows if isinstance(one, Mapping)]

    def set_subscription(self, email: str, subscription: str, granted: bool, why: str, basis: str | None) -> None:
        """Writes a yes or a no. Raises `Over` when it is so already, or when HubSpot keeps the person's own no."""
        body = {"emailAddress": email, "subscriptionId": subscription, "legalBasisExplanation": why}
        if basis:
            body["legalBasis"] = basis
        self._said(self._preferences.subscribe if granted else self._preferences.unsubscribe, body)

    def kinds_of_subscription(self) -> list[Json]:
        said = self._object(self._hubspot.communication_preferences.definition_api.get_page)
        rows = said.get("subscriptionDefinitions")
        return [one for one in rows if isinstance(one, Mapping)] if isinstance(rows, list) else []

    # Lists ---------------------------------------------------------------------------------------------------------

    def lists(self, start: int) -> tuple[list[Json], bool]:
        """A hundred lists from the one at `start` on, by name, and whether there are more (Lists v3, search)."""
        said = self._object(self._lists.do_search, {
            "query": "", "offset": start, "count": MOST_LISTS, "sort": "NAME",
            "additionalProperties": ["hs_list_size"]})
        rows = said.get("lists")
        if not isinstance(rows, list):
            raise _away(200)
        return [one for one in rows if isinstance(one, Mapping)], said.get("hasMore") is True

    def members(self, name: str, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """The records of a list by number, at most 250 at a time, and after which the next ones come (Lists v3,
        memberships)."""
        how = {"after": after} if after else {}
        said = self._object(self._memberships.get_page, name, limit=limit, **how)
        paging = said.get("paging")
        following = paging.get("next") if isinstance(paging, Mapping) else None
        onward = following.get("after") if isinstance(following, Mapping) else None
        ids = [str(one.get("recordId", "")) for one in self._rows(said)]
        return [one for one in ids if one.isdecimal()], str(onward) if onward else None

    # The account -------------------------------------------------------------------------------------------------

    def who(self) -> Json:
        """Whose token it is: `hub_id`, `hub_domain`, `scopes`, `user`, …"""
        try:
            return self._object(self._hubspot.oauth.access_tokens_api.get, self._token)
        except Over as error:
            # Of a token that is dead HubSpot says here that there is none.
            raise NeedsReconnect("token_refused", detail=error.category) from error

    def uninstall(self) -> None:
        """Takes our application out of the account. Gone already is what we wanted."""
        api = self._callbacks

        def call(**how: Any) -> Any:
            address = "/appinstalls/v3/external-install"
            return api.api_client.call_api(address, "DELETE", auth_settings=["oauth2"], **how)

        try:
            self._said(_OfPackage(api, call))
        except Over:
            return

    @cached_property
    def _callbacks(self) -> Any:
        # Each property access of the library makes new connections, so each object is asked for once.
        return self._hubspot.automation.actions.callbacks_api

    @cached_property
    def _batch(self) -> Any:
        return self._hubspot.crm.contacts.batch_api

    @cached_property
    def _lists(self) -> Any:
        return self._hubspot.crm.lists.lists_api

    @cached_property
    def _memberships(self) -> Any:
        return self._hubspot.crm.lists.memberships_api

    @cached_property
    def _search(self) -> Any:
        return self._hubspot.crm.contacts.search_api

    @cached_property
    def _properties(self) -> Any:
        return self._hubspot.crm.properties.core_api

    @cached_property
    def _communications_batch(self) -> Any:
        return self._hubspot.crm.objects.communications.batch_api

    @cached_property
    def _preferences(self) -> Any:
        return self._hubspot.communication_preferences.status_api


class Developer(_Line):
    """The application's own side, by the developer key: action definitions and webhooks."""

    def __init__(self, developer_key: str, app_id: int, **how: Any) -> None:
        super().__init__(who=f"app/{app_id}", api_key=developer_key, **how)
        self._app = app_id

    def definitions(self) -> Iterator[Json]:
        """Every action definition of the application that is not archived."""
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = self._object(self._actions.get_page, self._app, limit=100, **({"after": after} if after else {}))
            yield from self._rows(page)
            following = page.get("paging")
            following = following.get("next") if isinstance(following, Mapping) else None
            after = str(following.get("after")) if isinstance(following, Mapping) and following.get("after") else None
            if after is None:
                return
        # Pages without an end are no list.
        raise _away(200)

    def create_definition(self, definition: Json) -> str:
        """The new definition's id."""
        return str(self._object(self._actions.create, self._app, dict(definition)).get("id", ""))

    def change_definition(self, id: str, definition: Json) -> None:
        self._said(self._actions.update, id, self._app, dict(definition))

    def webhook_settings(self) -> Json | None:
        try:
            return self._object(self._hubspot.webhooks.settings_api.get_all, self._app)
        except Over as error:
            if error.http_status != 404:
                raise
            return None

    def set_webhook_settings(self, settings: Json) -> None:
        self._said(self._hubspot.webhooks.settings_api.configure, self._app, dict(settings))

    def subscriptions(self) -> list[Json]:
        return self._rows(self._object(self._subscriptions.get_all, self._app))

    def subscribe(self, subscription: Json) -> None:
        self._said(self._subscriptions.create, self._app, dict(subscription))

    def switch_on(self, id: str) -> None:
        self._said(self._subscriptions.update, id, self._app, {"active": True})

    @cached_property
    def _actions(self) -> Any:
        return self._hubspot.automation.actions.definitions_api

    @cached_property
    def _subscriptions(self) -> Any:
        return self._hubspot.webhooks.subscriptions_api


class _OfPackage:
    """A call that the library has no method for, told apart by the object whose connection it uses."""

    def __init__(self, api: Any, call: Callable[..., Any]) -> None:
        self.__self__, self._call = api, call

    def __call__(self, **how: Any) -> Any:
        return self._call(**how)


# What HubSpot's words ask of us -----------------------------------------------------------------------------------

@contextmanager
def _line_errors() -> Iterator[None]:
    """What the line, and not HubSpot, has to say."""
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, OSError, UnicodeDecodeError) as error:
        raise _away(0) from error
    except AttributeError as error:
        # The library stumbles over its own answer to a failed TLS handshake, which has no body to decode.
        if error.name != "decode":
            raise
        raise _away(0) from error


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("hubspot_away", after, status=status)


def _asked(headers: Mapping[str, str]) -> timedelta | None:
    """`Retry-After` in seconds, as far as it is a number; a day at the most."""
    seconds = _count(headers.get("Retry-After"))
    return timedelta(seconds=min(max(seconds, 1), 86_400)) if seconds is not None else None


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 12 else None


def _spread(seconds: float) -> timedelta:
    """Not the same moment for everybody."""
    return timedelta(seconds=random.uniform(0, seconds))  # noqa: S311 only spreads calls


def _scopes_in(said: Json) -> str:
    """The scopes that an error names, wherever it names them."""
    places: list[Any] = [said, *(said.get("errors") or [])]
    for place in places:
        context = place.get("context") if isinstance(place, Mapping) else None
        if isinstance(context, Mapping):
            for name in ("requiredGranularScopes", "requiredScopes"):
                if isinstance(context.get(name), list) and context[name]:
                    return ", ".join(str(one) for one in context[name])[:200]
    return "?"


def _json_or_nothing(body: Any) -> Json:
    try:
        said = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return {}
    return said if isinstance(said, Mapping) else {}
