"""Liste d'attente in a real browser: readable, reachable by key, in both languages and sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from core.domain.waitlist import read_wishes
from core.storage import access
from tests.support.browser import PICTURES, SMALL, WIDE, assert_good, browser, open_page, picture, sign_in
from tests.support.clinic import DIARY
from tests.support.running import Running
from tests.support.waiting import DUPRE, NOEL, PETIT, ROUX, Waiting

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Waiting]]:
    """Four people wait. One slot was taken by somebody who gives up a later one, another is being offered."""
    with Running(tmp_path_factory.mktemp("waitlist"), adapters=DIARY) as running:
        clinic = Waiting.inside(running)
        later = clinic.write("later", "2026-12-14T15:30:00+01:00", ROUX, "Mme Roux")
        clinic.wants(ROUX, "Mme Roux", moves=later)
        clinic.wants(PETIT, "M. Petit", read_wishes({"weekdays": ["thu", "fri"], "until": "12:00"}))
        clinic.wants(NOEL, "Mme Noël", read_wishes({"earliest": "2026-12-02"}))
        clinic.wants(DUPRE, "", read_wishes({"after": "12:00"}))
        clinic.frees("2026-12-01T09:00:00+01:00", key="first")
        clinic.answer(ROUX, "oui")
        clinic.settle()
        clinic.frees("2026-12-03T10:00:00+01:00", key="second")
        yield running, clinic


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_the_page_is_good_in_both_languages_and_sizes(chrome, clinic, language, size):
    running, _ = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language=language)
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for path in ("/waitlist", "/today"):
        page.goto(path)
        assert_good(page)
    page.goto("/waitlist")
    page.locator("#list a.strong").nth(1).click()
    assert_good(page)
    page.context.close()


def test_a_secretary_says_that_the_appointment_is_entered(chrome, clinic):
    running, _ = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language="fr")
    page = open_page(chrome, running.url)
    sign_in(page)
    page.goto("/today")
    expect(page.get_by_text("Mme Roux prend le créneau du mar. 1er déc.")).to_be_visible()
    page.get_by_role("link", name="Ouvrir la liste d’attente").first.click()
    expect(page.get_by_text("M. Petit a jusqu’à")).to_be_visible()
    if PICTURES.is_dir():
        picture(page, "waitlist")
    page.get_by_role("button", name="C’est inscrit").click()
    expect(page.get_by_text("C’est noté : le rendez-vous est dans l’agenda.")).to_be_visible()
    expect(page.get_by_text("Son rendez-vous du lun. 14 déc.")).to_be_visible()
    page.context.close()
