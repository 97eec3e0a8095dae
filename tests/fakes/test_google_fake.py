"""The fake Google holds to the contract: what the discovery documents do not know is refused and remembered."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.google import SCOPE, FakeGoogle

EVENTS = "/calendar/v3/calendars/cabinet%40x/events"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.calendar("cabinet@x", "Cabinet")
        yield fake


def call(google: FakeGoogle, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(google.url + path, data, method=method, headers={
        "Authorization": "Bearer token-1", "Content-Type": "application/json", **headers})
    try:
        with _DIRECT.open(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize(("method", "path", "body", "problem"), [
    ("GET", "/calendar/v3/calendars", None, "no such method"),
    ("GET", "/calendar/v2/users/me/calendarList", None, "no such method"),
    ("GET", EVENTS + "?syncTokn=1", None, "no parameter syncTokn"),
    ("GET", EVENTS + "?singleEvents=True", None, "is no boolean"),
    ("GET", EVENTS + "?maxResults=many", None, "is no whole number"),
    ("GET", EVENTS + "?eventTypes=lunch", None, "is none of its words"),
    ("GET", EVENTS + "?timeMin=2026-12-01T09:00:00", None, "is no moment with an offset"),
    ("GET", EVENTS + "?pageToken=1&pageToken=2", None, "came more than once"),
    ("GET", EVENTS + "?syncToken=sync-1&timeMin=2026-12-01T09:00:00Z", None, "beside a sync token"),
    ("GET", EVENTS + "?orderBy=startTime", None, "needs singleEvents"),
    ("PATCH", EVENTS + "/e1", {"sumary": "x"}, "no field sumary"),
    ("PATCH", EVENTS + "/e1", {"start": {"datetime": "x"}}, "no field datetime"),
    ("PATCH", EVENTS + "/e1", {"extendedProperties": {"private": {"a": 1}}}, "is no string"),
    ("POST", EVENTS + "/watch", {"id": "1", "url": "https://x"}, "no field url"),
    ("GET", "/v1/people/me/connections?personField=names", None, "no parameter personField"),
])
def test_what_the_contract_does_not_know_is_refused(google, method, path, body, problem):
    code, said = call(google, method, path, body)

    assert code == 400
    assert [problem in violation for violation in google.violations] == [True]
    assert said["error"]["errors"][0]["reason"] == "badRequest"


def test_changes_deletions_and_pages(google):
    google.page_size = 2
    ids = [google.add("cabinet@x", f"Visite {day}", f"2026-12-0{day}T09:00:00+01:00") for day in (1, 2, 3)]
    _, first = call(google, "GET", EVENTS + "?singleEvents=true")
    _, last = call(google, "GET", f"{EVENTS}?singleEvents=true&pageToken={first['nextPageToken']}")
    assert "nextSyncToken" not in first
    google.delete("cabinet@x", ids[1])

    _, changes = call(google, "GET", f"{EVENTS}?singleEvents=true&syncToken={last['nextSyncToken']}")

    assert [event["id"] for event in first["items"] + last["items"]] == ids
    assert [(event["id"], event["status"]) for event in changes["items"]] == [(ids[1], "cancelled")]
    google.expire_tokens()
    assert call(google, "GET", f"{EVENTS}?syncToken={changes['nextSyncToken']}")[0] == 410
    assert google.violations == []


def test_a_token_opens_what_its_scopes_say(google):
    google.tokens["token-1"] = frozenset({SCOPE + "calendar.events"})

    assert call(google, "GET", EVENTS)[0] == 200
    assert call(google, "GET", "/calendar/v3/users/me/calendarList")[0] == 403
    assert call(google, "GET", EVENTS, Authorization="Bearer other")[0] == 401


def test_a_patch_keeps_what_it_does_not_name_and_minds_the_etag(google):
    visit = google.add("cabinet@x", "Mme Roux", "2026-12-01T09:00:00+01:00", colorId="5")
    _, event = call(google, "GET", f"{EVENTS}/{visit}")

    known = {"If-Match": event["etag"]}

    code, patched = call(google, "PATCH", f"{EVENTS}/{visit}", {"summary": "x", "colorId": None}, **known)

    assert (code, patched["summary"], patched.get("colorId"), patched["start"]) == (200, "x", None, event["start"])
    assert call(google, "PATCH", f"{EVENTS}/{visit}", {"summary": "y"}, **known)[0] == 412
