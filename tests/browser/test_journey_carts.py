"""Journey (d): the shop owner, from consent to a recipe in service and the board; and (e): the site's owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.cli import demo_shop
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, picture, sign_in, tab_to
from tests.support.running import Running
from tests.support.shop import ANA, BOB, Shop

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def shop(relance: Running) -> Shop:
    made = Shop(relance, live=False)
    made.cart("1", at=made.now() - 5 * HOUR)
    made.cart("2", phone=BOB, at=made.now() - 5 * HOUR, customer={"email": "bob@example.org"})
    made.order("9", phone=BOB, at=made.now() - 4 * HOUR, customer={"email": "bob@example.org"})
    return made


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def slide(page: Page, label: str, key: str, times: int) -> None:
    slider = page.get_by_label(label)
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def test_from_consent_to_a_recipe_in_service(chrome: Browser, relance: Running, shop: Shop) -> None:
    page = open_page(chrome, relance.url)
    sign_in(page)
    page.goto("/start")
    assert_good(page)
    page.get_by_role("link", name="Relancer les paniers abandonnés").click()
    heading(page, "Relancer les paniers abandonnés")
    assert_good(page)
    picture(page, "shop-1-start")
    page.get_by_role("link", name="Boutique").first.click()

    heading(page, "L’accord d’abord")
    expect(page.locator(".checkout-box")).to_contain_text("J'accepte de recevoir des offres par SMS.")
    assert_good(page)
    picture(page, "shop-2-consent")
    page.get_by_role("link", name="Préparer la recette").click()

    heading(page, "Relancer les paniers abandonnés")
    expect(page.locator(".bubble").first).to_contain_text("Robe longue en lin")
    slide(page, "Attendre après le dernier changement du panier", "ArrowRight", 1)
    expect(page.locator("output").first).to_have_text("1\u00a0h\u00a030")
    slide(page, "Groupe témoin", "Home", 1)
    body = page.get_by_label("Texte").first
    body.fill("Votre panier attend : ")
    body.focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="le lien court vers le panier").first.click()
    expect(body).to_have_value("Votre panier attend : {{ link }}")
    expect(page.locator("[data-draft-text]").first).to_contain_text("Votre panier attend : http")
    expect(page.locator("[data-draft-count]").first).to_have_text("1\u00a0SMS")
    assert_good(page)
    picture(page, "shop-3-recipe")
    page.get_by_text("Un deuxième message, si le panier attend toujours").click()
    assert_good(page)
    page.get_by_role("button", name="Enregistrer et rejouer les 30 derniers jours").click()

    heading(page, "Rejouer les 30 derniers jours")
    expect(page.locator(".replay-sentence")).to_contain_text("1 aurait été relancé")
    assert_good(page)
    page.get_by_role("link", name="1 a commandé avant").click()
    expect(page.locator("#carts h2")).to_have_text("Commandé avant le message")
    picture(page, "shop-4-replay")
    assert_good(page)
    page.get_by_role("button", name="Mettre en service").click()

    heading(page, "Paniers abandonnés")
    expect(page.get_by_role("status")).to_contain_text("C’est en service")
    assert_good(page)
    shop.cart("3", phone=ANA)
    relance.forward(2 * HOUR)
    assert shop.texts()[0].startswith("Votre panier attend : http")


def test_without_scripts_and_by_keyboard_the_recipe_is_saved_all_the_same(
    chrome: Browser, relance: Running, shop: Shop
) -> None:
    page = open_page(chrome, relance.url, scripts=False)
    sign_in(page)
    page.goto(f"/shops/{shop.id}/recipe")
    page.get_by_label("Attendre après le dernier changement du panier").select_option("120")
    page.get_by_label("Texte").first.fill("Toujours là ? {{ link }}")
    page.get_by_role("button", name="Actualiser").first.click()
    expect(page.locator(".bubble").first).to_contain_text("Toujours là ? http")
    page.get_by_role("button", name="Enregistrer et rejouer").focus()
    page.keyboard.press("Enter")
    heading(page, "Rejouer les 30 derniers jours")
    page.goto(f"/shops/{shop.id}/recipe")
    expect(page.get_by_label("Attendre après le dernier changement du panier")).to_have_value("120")
    page.context.close()

    page = open_page(chrome, relance.url)
    sign_in(page)
    page.goto(f"/shops/{shop.id}/recipe")
    for name in ("Relancer les paniers laissés", "Attendre après", "Texte", "le lien court", "Plus petit montant",
                 "Groupe témoin", "Enregistrer et rejouer"):  # fmt: skip
        tab_to(page, name)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, demo_shop.Played]]:
    """The sample shop with its fortnight, for all the pictures."""
    with Running(tmp_path_factory.mktemp("demo")) as running:
        yield running, demo_shop.load(running.suite)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_of_a_busy_shop_is_good(chrome, played, language, size):
    running, done = played
    page = open_page(chrome, running.url, size=size)
    sign_in(page, done.email, done.password)
    page.goto("/settings")
    if language == "en":
        page.locator("#me-language").select_option("en")
        page.locator("#me-language").locator("xpath=ancestor::form").get_by_role("button").click()
    base = f"/shops/{done.installation}"
    for name, path in (("board", ""), ("consent", "/consent"), ("recipe", "/recipe"), ("replay", "/replay"),
                       ("orders", "/orders"), ("health", "/health?look=1"), ("cart", "?fate=recovered")):  # fmt: skip
        page.goto(base + path)
        if name == "cart":
            page.locator("#carts .line a").first.click()
            page.locator(".story").wait_for()
        if name == "recipe":
            page.locator("details.card > summary").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and (size is WIDE or name in ("board", "cart")):
            picture(page, f"shop-{name}{'' if size is WIDE else '-small'}")
    if language == "en":
        page.goto("/settings")
        page.locator("#me-language").select_option("fr")
        page.locator("#me-language").locator("xpath=ancestor::form").get_by_role("button").click()
    page.context.close()


@pytest.mark.slow
def test_a_figure_opens_its_list_and_a_cart_its_story(chrome, played):
    running, done = played
    page = open_page(chrome, running.url)
    sign_in(page, done.email, done.password)
    page.goto(f"/shops/{done.installation}")
    counter = page.locator("a.counter", has_text="récupérée")
    count = int(counter.locator("strong").inner_text())
    assert count > 0
    counter.click()
    expect(page.locator("#carts .line")).to_have_count(count)
    page.locator("#carts .line a").first.click()
    expect(page.locator(".story")).to_contain_text("récupérée")
    page.context.close()


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_a_site_from_its_code_to_what_it_may_trigger(chrome: Browser, relance: Running, size: dict[str, int]) -> None:
    page = open_page(chrome, relance.url, size=size)
    sign_in(page)
    page.goto("/start")
    page.get_by_role("link", name="Connecter un site WordPress").click()
    page.get_by_label("Adresse du site").fill("www.exemple.fr")
    page.get_by_role("button", name="Obtenir le code").click()
    expect(page.locator("#connection-code")).to_have_text(re.compile("^RLC-"))
    expect(page.get_by_role("link", name="Télécharger l’extension")).to_be_visible()
    expect(page.get_by_role("button", name="Copier")).to_be_visible()
    assert_good(page)
    picture(page, "site-1-code") if size is WIDE else None
    page.get_by_role("link", name="Voir le site").click()

    heading(page, "Votre site")
    assert_good(page)
    page.get_by_label("Confirmation d'un formulaire").check()
    page.get_by_text("Bonjour, votre message est bien arrivé.").first.click()
    text = page.get_by_label("Texte").first
    text.fill("Votre demande est arrivée, merci !")
    expect(page.locator("[data-draft-text]").first).to_have_text("Votre demande est arrivée, merci !")
    assert_good(page)
    picture(page, "site-2-triggers" if size is WIDE else "site-2-triggers-small")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status")).to_contain_text("Vos choix sont enregistrés")
    expect(page.get_by_label("Confirmation d'un formulaire")).to_be_checked()

    page.get_by_label("Mon numéro de mobile").fill("06 39 98 00 10")
    page.get_by_role("button", name="Envoyer l’essai").click()
    heading(page, "Histoire d’un message")
    relance.settle()
    assert [one["to"] for one in relance.phones()] == ["+33639980010"]
