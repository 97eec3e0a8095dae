"""Journey (a): the clinic's secretary, from signing in to reminders in service, in at most seven screens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import SMALL, assert_good, browser, open_page, picture, sign_in, tab_to
from tests.support.calendar import Calendar
from tests.support.running import EMAIL, PASSWORD, Running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with Calendar() as one:
        yield one


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def test_from_signing_in_to_reminders_in_service(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url)
    screens = 0

    def screen(name: str, words: str) -> None:
        nonlocal screens
        screens += 1
        heading(page, words)
        assert_good(page)
        picture(page, name)

    page.goto("/")
    heading(page, "Connexion")
    assert_good(page)
    picture(page, "sign-in")
    sign_in(page)

    screen("clinic-1-welcome", "Que voulez-vous faire\u202f?")
    page.get_by_role("link", name="Rappeler des rendez-vous").click()

    screen("clinic-2-calendar", "Connecter l’agenda")
    page.get_by_label("Adresse iCal de l’agenda").fill(calendar.url)
    page.get_by_role("button", name="Connecter cet agenda").click()

    screen("clinic-3-found", "Voici ce que nous avons trouvé")
    ready = page.locator("tr.found-ready")
    expect(ready.first).to_contain_text("06 39 98 00 01".replace(" ", "\u00a0"))
    expect(ready.first.locator("mark")).to_have_text("06 39 98 00 01")
    expect(page.locator("tr.found-choose")).to_contain_text("Plusieurs numéros")
    expect(page.locator("tr.found-silent")).to_contain_text("#norappel")
    page.get_by_label("06\u00a039\u00a098\u00a000\u00a003").check()
    page.get_by_label("Ajouter un numéro (Contrôle annuel").fill("06 39 98 00 06")
    page.get_by_role("button", name="Continuer").click()

    screen("clinic-4-reminders", "Choisir les rappels")
    expect(page.get_by_label("Demander confirmation")).to_be_checked()
    expect(page.locator(".bubble")).to_contain_text("Répondez OUI pour confirmer")
    expect(page.locator(".segments")).to_contain_text("1\u00a0SMS")
    page.get_by_role("button", name="Continuer").click()

    screen("clinic-5-rehearsal", "Répétition\u00a0: voici ce qui partirait")
    expect(page.locator(".counter", has_text="messages partiraient")).to_contain_text("5")
    expect(page.get_by_text("Ce qui ne partirait pas, et pourquoi")).to_be_visible()
    page.get_by_role("button", name="Mettre en service maintenant").click()

    screen("clinic-6-live", "Aujourd’hui")
    assert screens <= 7
    expect(page.get_by_role("status")).to_contain_text("C’est en service")


def test_a_reminder_leaves_after_going_live(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url, scripts=False)
    sign_in(page)
    page.goto("/start/calendar")
    page.get_by_label("Adresse iCal de l’agenda").fill(calendar.url)
    page.get_by_role("button", name="Connecter cet agenda").click()
    for _ in range(2):
        page.get_by_role("button", name="Continuer").click()
    page.get_by_role("button", name="Mettre en service maintenant").click()
    heading(page, "Aujourd’hui")

    relance.forward(timedelta(days=1, hours=9))

    assert "+33639980001" in {one["to"] for one in relance.phones()}


def test_by_keyboard_alone(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url)
    page.goto("/sign-in")
    tab_to(page, "Adresse e-mail")
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/start")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Rappeler des rendez-vous")
    page.keyboard.press("Enter")
    page.wait_for_url("**/calendar")
    tab_to(page, "Adresse iCal de l’agenda")
    page.keyboard.type(calendar.url)
    page.keyboard.press("Enter")
    page.wait_for_url("**/found")
    tab_to(page, "06")
    page.keyboard.press("Space")
    tab_to(page, "Continuer")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reminders")
    tab_to(page, "48")
    page.keyboard.press("Space")
    tab_to(page, "Continuer")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rehearsal")
    tab_to(page, "Mettre en service maintenant")
    page.keyboard.press("Enter")
    page.wait_for_url("**/today")


def test_on_a_small_phone_nothing_is_cut(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url, size=SMALL)
    sign_in(page)
    for path in ("/start", "/start/calendar"):
        page.goto(path)
        assert_good(page)
    page.get_by_label("Adresse iCal de l’agenda").fill(calendar.url)
    page.get_by_role("button", name="Connecter cet agenda").click()
    assert_good(page)
    picture(page, "small-found")
    page.get_by_role("button", name="Continuer").click()
    assert_good(page)
    page.get_by_role("button", name="Continuer").click()
    assert_good(page)
    for path in ("/connections", "/settings"):
        page.goto(path)
        assert_good(page)
    page.get_by_text("Menu", exact=True).click()
    assert_good(page)
    picture(page, "small-menu")


def test_an_address_that_is_no_calendar_says_what_to_do(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url)
    sign_in(page)
    page.goto("/start/calendar")
    page.get_by_label("Adresse iCal de l’agenda").fill(calendar.url.replace("basic", "gone"))
    page.get_by_role("button", name="Connecter cet agenda").click()

    expect(page.get_by_role("alert")).to_contain_text("L’agenda n’a pas pu être connecté")
    expect(page.get_by_label("Adresse iCal de l’agenda")).to_have_value(calendar.url.replace("basic", "gone"))
    assert_good(page)


def test_connections_and_settings(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url)
    sign_in(page)
    page.goto("/start/calendar")
    page.get_by_label("Adresse iCal de l’agenda").fill(calendar.url)
    page.get_by_role("button", name="Connecter cet agenda").click()

    page.goto("/connections")
    expect(page.locator(".connection").first).to_contain_text("répétition")
    page.get_by_text("Réglages de cette connexion").click()
    assert_good(page)
    page.get_by_text("Réglages de cette connexion").click()
    picture(page, "connections")
    page.get_by_role("button", name="Lire maintenant").click()
    expect(page.get_by_role("status")).to_contain_text("Lecture terminée")
    page.get_by_role("button", name="Mettre en pause").click()
    expect(page.locator(".connection").first).to_contain_text("en pause")
    page.get_by_role("button", name="Reprendre").click()
    page.get_by_text("Réglages de cette connexion").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Déconnecter", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Déconnecté")

    page.goto("/settings")
    for more in page.locator("details.more > summary").all():
        more.click()
    assert_good(page)
    page.goto("/settings")
    picture(page, "settings")
    page.locator("#f-sender").fill("MON CABINET")
    page.locator("#sending").get_by_role("button", name="Enregistrer").click()
    expect(page.locator("#e-sender")).to_be_visible()
    assert_good(page)
    page.goto("/developers")
    page.get_by_text("Créer une clé").click()
    page.get_by_label("Nom de la clé").fill("Logiciel du cabinet")
    page.get_by_role("button", name="Créer et afficher la clé").click()
    assert (page.locator("#once").inner_text()).startswith("rk_test_")
    assert_good(page)


def test_the_same_in_english(chrome: Browser, relance: Running, calendar: Calendar) -> None:
    page = open_page(chrome, relance.url)
    page.goto("/sign-in?lang=en")
    heading(page, "Sign in")
    sign_in_in_english(page)
    page.goto("/settings#me")
    page.locator("#me-language").select_option("en")
    page.locator("#me-language").locator("xpath=ancestor::form").get_by_role("button").click()
    heading(page, "Settings")
    for path in ("/start", "/start/calendar", "/connections", "/settings"):
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == "en"
        assert_good(page)


def sign_in_in_english(page: Page) -> None:
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
