"""Journey (a) by the button: consent at Google, calendars to tick, what was found; what is said when Google refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from core.storage import installations
from tests.fakes.google import FakeGoogle
from tests.support.browser import assert_good, browser, open_page, picture, sign_in
from tests.support.running import Running

pytestmark = pytest.mark.browser
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle(now=NOW) as fake:
        fake.calendar("cabinet@x", "Cabinet")
        fake.calendar("famille@x", "Anniversaires de la famille", role="reader", backgroundColor="#a47ae2")
        fake.add("cabinet@x", "Mme Roux 06 39 98 00 01", "2026-12-02T09:30:00+01:00")
        fake.add("cabinet@x", "Visioconférence équipe", "2026-12-03T09:30:00+01:00")
        yield fake


@pytest.fixture
def relance(tmp_path: Path, google: FakeGoogle) -> Iterator[Running]:
    with Running(
        tmp_path,
        vendor_urls={"google": google.url},
        vendor_auth_urls={"google": "http://127.0.0.1:9/consent"},
        vendor_token_urls={"google": f"{google.url}/token"},
        vendor_revoke_urls={"google": f"{google.url}/revoke"},
        vendor_clients={"google": ("an-id", "a-secret")},
    ) as running:
        yield running


def at_google(page: Page, google: FakeGoogle, **answer: str) -> None:
    """Google's consent page: it answers at once, as the person would by a click."""

    def consent(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        google.consent = asked
        google.scopes = frozenset(asked["scope"][0].split())
        back = {"state": asked["state"][0], **(answer or {"code": "a-code"})}
        route.fulfill(status=302, headers={"Location": f"{asked['redirect_uri'][0]}?{urlencode(back)}"})

    page.route("http://127.0.0.1:9/**", consent)


def test_two_clicks_and_the_calendars_are_there(chrome: Browser, relance: Running, google: FakeGoogle) -> None:
    page = open_page(chrome, relance.url)
    at_google(page, google)
    sign_in(page)
    page.goto("/start/calendar")
    assert_good(page)
    picture(page, "clinic-google")
    page.get_by_role("link", name="Continuer avec Google").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Choisir les agendas")
    page.complaints.clear()  # type: ignore[attr-defined]  # the consent page is elsewhere, on purpose
    expect(page.get_by_label("Cabinet")).to_be_checked()
    expect(page.get_by_label("Anniversaires de la famille")).not_to_be_checked()
    expect(page.locator(".choice").first).to_contain_text("rendez-vous dans les 7 jours")
    assert_good(page)
    picture(page, "clinic-calendars")
    page.get_by_role("button", name="Continuer").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Voici ce que nous avons trouvé")
    expect(page.locator("tr.found-ready")).to_contain_text("Mme Roux")
    page.goto("/connections")
    page.get_by_text("Réglages de cette connexion").click()
    expect(page.get_by_role("button", name="Écrire les réponses dans l’agenda")).to_be_visible()
    assert_good(page)
    assert google.violations == []


def test_no_calendar_ticked_is_said(chrome: Browser, relance: Running, google: FakeGoogle) -> None:
    page = open_page(chrome, relance.url)
    at_google(page, google)
    sign_in(page)
    page.goto("/start/calendar")
    page.get_by_role("link", name="Continuer avec Google").click()
    page.get_by_label("Cabinet").uncheck()
    page.get_by_role("button", name="Continuer").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choisir les agendas")


def test_a_refused_consent_offers_to_try_again(chrome: Browser, relance: Running, google: FakeGoogle) -> None:
    page = open_page(chrome, relance.url)
    at_google(page, google, error="access_denied")
    sign_in(page)
    page.goto("/start/calendar")
    page.get_by_role("link", name="Continuer avec Google").click()

    expect(page.get_by_role("alert")).to_contain_text("La connexion n’a pas abouti")
    expect(page.get_by_role("link", name="Réessayer")).to_be_visible()


def test_a_grant_that_was_taken_back_is_a_card_with_one_button(
    chrome: Browser, relance: Running, google: FakeGoogle
) -> None:
    google.grant_lives = 6 * 24 * 3600
    page = open_page(chrome, relance.url)
    at_google(page, google)
    sign_in(page)
    page.goto("/start/calendar")
    page.get_by_role("link", name="Continuer avec Google").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choisir les agendas")
    page.goto("/connections")
    expect(page.locator(".connection").first).to_contain_text("La connexion s’arrête le dimanche 6 décembre")

    google.revoke()
    with relance.suite.database.write(relance.workspace) as tx:
        row = installations.listed(tx, relance.suite.vault, "")[0]
        installations.change(tx, row.installation.id, token_expires_at=relance.suite.now())
    page.get_by_role("button", name="Lire maintenant").click()

    expect(page.locator(".connection").first).to_contain_text("à reconnecter")
    page.complaints.clear()  # type: ignore[attr-defined]
    assert_good(page)
    picture(page, "connection-lost")
    google.grants.add("refresh-1")
    page.get_by_role("link", name="Reconnecter").first.click()
    expect(page.locator(".connection").first).to_contain_text("connecté")
