"""The pages about a CRM's records in a real browser: chosen, tried, estimated, followed; by key, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.storage import access, people, rules
from tests.support.browser import PICTURES, SMALL, WIDE, assert_good, browser, open_page, picture, sign_in, tab_to
from tests.support.crm import connect, crm, enrol
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NUMBERS = [f"+3363998{number:04}" for number in range(1, 40)]
PAGES = ("workflows", "workflows/wf-essai", "fields", "estimate", "test", "limits", "leaving")


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """Two workflows with a week behind them."""
    paper = crm()
    with Running(tmp_path_factory.mktemp("club"), adapters={"paper": paper}) as running:
        id = connect(running.suite, running.workspace, running.suite.now())
        with running.suite.database.write(running.workspace) as tx:
            rules.save_template(tx, "fin-essai", "fr", "Bonjour {{ first_name }}, votre essai finit jeudi.",
                                running.suite.now())  # fmt: skip
            people.stop(tx, NUMBERS[24], "all", "reply", {}, running.suite.now())
        enrol(running.suite, running.workspace, id, "wf-essai", [*NUMBERS[:25], None, None, "01 99 00 12 34"],
              label="Fin d'essai : rappel", body="Bonjour {{ first_name }}, votre essai finit jeudi.")  # fmt: skip
        enrol(running.suite, running.workspace, id, "wf-offres", NUMBERS[25:31], label="Offres de décembre",
              klass="marketing", body="Bonjour {{ first_name }}, -10 % cette semaine.")  # fmt: skip
        running.settle()
        running.forward(timedelta(minutes=2))
        sent = running.phones()
        for one in sent[:2]:
            running.client.post("/v1/simulator/replies", {"from": one["to"], "to": one["from"], "text": "STOP"})
        running.settle()
        yield running, id


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, club, language, size):
    running, id = club
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language=language)
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for path in PAGES:
        page.goto(f"/connections/{id}/{path}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("h1")).not_to_be_empty()
        assert_good(page)
        if language == "fr":
            name = f"crm-{path.partition('/')[0] + ('-one' if '/' in path else '')}{'' if size is WIDE else '-small'}"
            page.evaluate("for (const one of document.querySelectorAll('.ribbon')) one.hidden = true")
            page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", full_page=True)
    page.goto("/connections")
    assert_good(page)
    page.context.close()


def test_a_person_chooses_a_field_tries_it_and_sends_themselves_the_message(chrome, club):
    running, id = club
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language="fr")
    page = open_page(chrome, running.url)
    sign_in(page)
    page.goto(f"/connections/{id}/fields")
    page.get_by_label("Chercher une fiche").fill("David")
    page.get_by_label("Sinon", exact=True).select_option("office")
    tab_to(page, "Essayer sur une fiche")
    page.keyboard.press("Enter")
    expect(page.locator("mark")).to_have_text("06 39 98 00 09")
    assert_good(page)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("C’est enregistré.")).to_be_visible()

    page.get_by_role("link", name="Estimer").click()
    page.get_by_label("Modèle").select_option("fin-essai")
    page.get_by_label("Service").check()
    page.get_by_role("button", name="Estimer").click()
    expect(page.get_by_text("joignables", exact=True)).to_be_visible()
    assert_good(page)
    picture(page, "crm-estimated")

    page.get_by_role("link", name="Tester").first.click()
    page.get_by_label("Modèle").select_option("fin-essai")
    page.get_by_label("Ana Roux").check()
    page.get_by_label("Mon numéro").fill("06 39 98 00 42")
    page.get_by_role("button", name="Voir le texte et le prix").click()
    expect(page.locator(".bubble")).to_contain_text("Bonjour Ana, votre essai finit jeudi.")
    assert_good(page)
    picture(page, "crm-tried")
    page.get_by_role("button", name="Envoyer le test").click()
    expect(page.get_by_text("C’est parti.")).to_be_visible()
    running.settle()
    assert "+33639980042" in {one["to"] for one in running.phones()}

    page.goto(f"/connections/{id}/workflows")
    page.get_by_role("link", name="Fin d'essai").click()
    assert_good(page)
    page.get_by_role("link", name="envoyés").click()
    expect(page.locator("tbody tr")).to_have_count(22)
    assert_good(page)
    page.context.close()
