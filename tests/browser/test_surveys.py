"""Sondages in a real browser: written without any script, answered, and each page for eyes, keyboards and readers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.storage import access
from tests.browser.test_pages import kept
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TUESDAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
SURVEY = {
    "name": "Avis après la visite", "ending": "Merci, et à votre service !",
    "questions": [
        {"text": "Merci de votre visite ! De 0 à 10, nous recommanderiez-vous ?", "kind": "scale"},
        {"text": "Qu'est-ce qui compte le plus ?", "choices": ["L'accueil", "L'attente", "Les soins"]},
        {"text": "Un mot pour l'équipe ?", "kind": "text"},
    ],
}  # fmt: skip
SAID = (("10", "C", "Merci à toute l'équipe"), ("9", "A", "Très bon accueil"), ("8", "B", "Un peu long en salle"),
        ("3", "B", "Plus d'une heure d'attente"), ("10", "C", "Parfait"))  # fmt: skip


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, dict[str, str]]]:
    """A draft, a survey that six people answered over some hours, and two words."""
    with Running(tmp_path_factory.mktemp("surveys"), start=TUESDAY) as relance:
        client = relance.client
        named = {name: client.post("/v1/surveys", SURVEY).json()["id"] for name in ("draft", "open")}
        numbers = [f"+3363998{3010 + index}" for index in range(9)]
        client.post(f"/v1/surveys/{named['open']}/start", {"audience": {"numbers": numbers}})
        relance.settle()
        for index, number in enumerate(numbers[:6]):
            if index % 2 == 0:
                relance.forward(timedelta(minutes=50))
            for text in SAID[index % len(SAID)]:
                client.post("/v1/simulator/replies", {"from": number, "text": text})
                relance.settle()
        client.post("/v1/keywords", {"words": ["RDV", "RENDEZ-VOUS"], "body": "Pour un rendez-vous : 04 78 00 00 00."})
        consent = {"text": "Envoyez PROMO pour recevoir nos offres.", "place": "Affiche en vitrine"}
        client.post("/v1/keywords", {"words": ["PROMO"], "body": "Bienvenue !", "consent": consent})
        yield relance, named


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, clinic, language, size):
    relance, named = clinic
    with relance.suite.database.write() as tx:
        access.change_user(tx, relance.user, language=language)
    page = open_page(chrome, relance.url, size=size)
    sign_in(page)
    for name, path in (
        ("surveys", "/surveys"), ("survey", f"/surveys/{named['open']}"),
        ("survey-edit", f"/surveys/{named['draft']}/edit"), ("survey-answers", f"/surveys/{named['open']}/answers"),
        ("keywords", "/surveys/keywords"),
    ):  # fmt: skip
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and (size is WIDE or name == "survey"):
            kept(page, f"page-{name}{'' if size is WIDE else '-small'}")
    page.context.close()


def test_a_survey_by_hand_without_any_script(chrome, clinic):
    relance, _ = clinic
    with relance.suite.database.write() as tx:
        access.change_user(tx, relance.user, language="fr")
    page = open_page(chrome, relance.url, scripts=False)
    sign_in(page)
    page.goto("/surveys/new")
    page.locator("#f-name").fill("Accueil")
    page.get_by_role("button", name="Ajouter une question").click()
    page.locator("#f-text-2").fill("Pourquoi ?")
    page.locator("#f-choices-2").fill("L'attente\nAutre > fin")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator("[role=status]")).to_contain_text("Le sondage est enregistré")
    page.get_by_role("button", name="Choisir à qui l’envoyer").click()
    page.locator("#c-who-numbers").check()
    page.locator("#f-numbers").fill("06 39 98 30 90")
    page.locator("main .button-primary").click()
    page.locator("main .button-primary").click()
    expect(page.locator("main")).to_contain_text("Chaque réponse fait partir la suivante")
    assert_good(page)
    page.context.close()
