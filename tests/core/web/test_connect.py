"""One-click installs over HTTP: to the vendor and back, and every way in which somebody else may try to get between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from core.storage import access
from core.web.access import SESSION_COOKIE
from core.web.connect import BROWSER_COOKIE
from tests.fakes.google import FakeGoogle
from tests.support.running import Running


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as fake:
        fake.calendar("cabinet@x", "Cabinet")
        yield fake


@pytest.fixture
def relance(tmp_path: Path, google: FakeGoogle) -> Iterator[Running]:
    with Running(
        tmp_path,
        start=None,
        vendor_urls={"google": google.url},
        vendor_auth_urls={"google": f"{google.url}/auth"},
        vendor_token_urls={"google": f"{google.url}/token"},
        vendor_revoke_urls={"google": f"{google.url}/revoke"},
        vendor_clients={"google": ("an-id", "a-secret")},
    ) as running:
        yield running


class Browser:
    """A person's browser, signed in."""

    def __init__(self, relance: Running, user: str | None = None, workspace: str | None = None) -> None:
        self.url = relance.url
        self.session = requests.Session()
        with relance.suite.database.write() as tx:
            secret = access.begin_session(tx, user or relance.user, workspace or relance.workspace, relance.suite.now())
        self.session.cookies.set(SESSION_COOKIE, secret)

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, allow_redirects=False, timeout=20)

    def leave(self, google: FakeGoogle, path: str = "/connect/gcal_reminders") -> dict[str, list[str]]:
        """To the vendor's consent page: what its address asked for."""
        answer = self.get(path)
        assert answer.status_code == 303, answer.text
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
        google.consent = asked
        google.scopes = frozenset(asked["scope"][0].split())
        return asked


def callback(**query: str) -> str:
    return f"/connect/gcal_reminders/callback?{urlencode(query)}"


def problem_of(answer: requests.Response) -> str:
    assert answer.status_code == 303
    return parse_qs(urlsplit(answer.headers["Location"]).query).get("problem", [""])[0]


def test_there_and_back(relance: Running, google: FakeGoogle) -> None:
    browser = Browser(relance)
    left = browser.get("/connect/gcal_reminders?return_to=/start/connected")
    cookie = left.headers["Set-Cookie"]
    assert all(word in cookie for word in (BROWSER_COOKIE, "HttpOnly", "SameSite=Lax", "Path=/connect/"))
    asked = google.consent = parse_qs(urlsplit(left.headers["Location"]).query)
    assert asked["redirect_uri"] == [f"{relance.url}/connect/gcal_reminders/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) >= 43

    back = browser.get(callback(code="a-code", state=asked["state"][0]))

    assert back.status_code == 303
    assert back.headers["Location"].startswith("/start/connected?connected=ins_")
    assert "code" not in back.headers["Location"].replace("connected", "")
    assert back.headers["Cache-Control"] == "no-store"
    assert back.headers["Referrer-Policy"] == "no-referrer"
    (installation,) = relance.client.get("/v1/installations").json()["data"]
    assert (installation["adapter"], installation["mode"]) == ("gcal_reminders", "rehearsal")
    kept = str(installation)
    assert not any(token in kept for token in (*google.grants, *google.tokens)), "tokens are never shown"


def test_a_state_is_good_once_and_for_ten_minutes(relance: Running, google: FakeGoogle) -> None:
    browser = Browser(relance)
    state = browser.leave(google)["state"][0]
    assert problem_of(browser.get(callback(code="c", state=state))) == ""
    assert problem_of(browser.get(callback(code="c", state=state))) == "state_unknown"

    unticked = browser.leave(google)["state"][0]
    google.scopes = frozenset({"https://www.googleapis.com/auth/contacts.readonly"})
    assert problem_of(browser.get(callback(code="c", state=unticked))) == "scope_missing"

    late = browser.leave(google)["state"][0]
    relance.suite.clock.turned += timedelta(minutes=10, seconds=1)
    assert problem_of(browser.get(callback(code="c", state=late))) == "state_unknown"


def test_a_state_is_bound_to_browser_person_and_workspace(relance: Running, google: FakeGoogle) -> None:
    browser = Browser(relance)
    other, _ = relance.another_workspace()
    with relance.suite.database.write(other) as tx:
        bob = access.add_user(tx, "bob@example.org", "un-autre-mot-de-passe", "owner", "fr", relance.suite.now())

    stolen = browser.leave(google)["state"][0]
    assert problem_of(Browser(relance, bob, other).get(callback(code="c", state=stolen))) == "state_unknown"

    another = browser.leave(google)["state"][0]
    assert problem_of(Browser(relance).get(callback(code="c", state=another))) == "state_unknown"

    assert relance.client.get("/v1/installations").json()["data"] == []


def test_nobody_and_those_without_the_role_are_led_elsewhere(relance: Running) -> None:
    with relance.suite.database.write(relance.workspace) as tx:
        reader = access.add_user(tx, "eve@example.org", "encore-un-mot-de-passe", "viewer", "fr", relance.suite.now())

    nobody = requests.get(f"{relance.url}/connect/gcal_reminders", allow_redirects=False, timeout=20)
    assert nobody.headers["Location"].startswith("/sign-in?next=%2Fconnect")
    assert problem_of(Browser(relance, reader).get("/connect/gcal_reminders")) == "forbidden"
    assert Browser(relance).get("/connect/nothing").status_code == 404


@pytest.mark.parametrize("error, code", [("access_denied", "access_denied"), ("<script>", "vendor_refused")])
def test_a_refusal_uses_the_state_up_and_is_said_on_a_clean_page(
    relance: Running, google: FakeGoogle, error: str, code: str
) -> None:
    browser = Browser(relance)
    state = browser.leave(google)["state"][0]

    refused = browser.get(callback(error=error, state=state))

    assert problem_of(refused) == code
    assert "script" not in refused.headers["Location"]
    assert problem_of(browser.get(callback(code="c", state=state))) == "state_unknown"


def test_another_issuers_code_is_not_taken(relance: Running, google: FakeGoogle) -> None:
    browser = Browser(relance)
    state = browser.leave(google)["state"][0]

    assert problem_of(browser.get(callback(code="c", state=state, iss="https://evil.example"))) == "vendor_refused"
    assert google.asked == []


OUTSIDE = ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:1"]


@pytest.mark.parametrize("target", OUTSIDE)
def test_one_only_returns_to_a_page_of_ours(relance: Running, google: FakeGoogle, target: str) -> None:
    browser = Browser(relance)
    asked = browser.leave(google, f"/connect/gcal_reminders?{urlencode({'return_to': target})}")

    back = browser.get(callback(code="c", state=asked["state"][0]))

    assert back.headers["Location"].startswith("/connections?connected=")


def test_without_an_application_the_page_says_so(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        assert problem_of(Browser(relance).get("/connect/gcal_reminders")) == "no_oauth_application"
