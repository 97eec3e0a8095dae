"""Mesures, the simulator of gains and small pages in a real browser: readable, reachable, in both languages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.engine import landing
from core.ids import new_id, new_ids
from core.storage import access
from core.storage import tables as t
from tests.support.browser import PICTURES, SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
WORDS = {"title": "Journée portes ouvertes", "text": "Samedi 28 novembre, de 10 h à 17 h.\nVenez avec vos questions.",
         "button": "Y aller"}  # fmt: skip
SENTENCE = "J’accepte de recevoir vos offres par SMS. Je peux répondre STOP à tout moment."


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two months of messages on three channels in three countries, with clicks, answers and consents."""
    with Running(tmp_path_factory.mktemp("measures"), start=NOW) as running:
        lot = random.Random(4)
        with running.suite.database.write(running.workspace) as tx:
            messages, links, clicks, replies = [], [], [], []
            for index, name in enumerate(new_ids("msg", 900)):
                left = NOW - timedelta(days=lot.triangular(0, 60, 4))
                channel = lot.choices(["sms", "rcs", "whatsapp"], [8, 2, 1])[0]
                state = lot.choices(["delivered", "read" if channel != "sms" else "delivered", "failed", "sent"],
                                    [85, 20, 4, 3])[0]
                country = lot.choices(["FR", "BE", "CH"], [8, 1, 1])[0]
                asks = lot.random() < 0.4
                messages.append({
                    "id": name, "workspace": running.workspace, "class": "transactional" if asks else "marketing",
                    "priority": 2, "channels": [channel], "channel": channel, "to": f"+3363998{index:04d}",
                    "country": country, "text": "Bonjour", "encoding": "GSM-7", "segments": 1, "price_micros": 52_000,
                    "currency": "EUR", "asks": asks, "state": state, "checks": [], "due_at": left, "left_at": left,
                    "created_at": left, "changed_at": left})
                if not asks:
                    links.append({"id": new_id("lnk"), "workspace": running.workspace, "code": f"c{index}",
                                  "target": "https://a.example/", "track": False, "message": name, "test": False,
                                  "created_at": left})
                    if lot.random() < 0.2:
                        clicks.append({"id": new_id("clk"), "workspace": running.workspace, "link": "l",
                                       "message": name, "at": left})
                elif lot.random() < 0.7:
                    replies.append({
                        "id": new_id("rep"), "workspace": running.workspace, "number": f"+3363998{index:04d}",
                        "to": "38555", "text": "OUI", "at": left + timedelta(minutes=lot.expovariate(1 / 60)),
                        "received_at": left + timedelta(minutes=5), "provider_ref": f"r{index}", "message": name,
                        "meaning": "confirm"})
            for table, rows in ((t.messages, messages), (t.links, links), (t.clicks, clicks), (t.replies, replies)):
                tx.connection.execute(table.insert(), rows)
            tx.connection.execute(t.consents.insert(), [
                {"id": new_id("cst"), "workspace": running.workspace, "number": f"+3363998{index:04d}",
                 "scope": "marketing", "state": "in", "at": NOW - timedelta(days=lot.randrange(200)), "source": "form",
                 "proof": {}} for index in range(300)])
            landing.create(running.suite, tx, "", {"action": "route", "address": "1 rue de la Paix, Lyon",
                                                   "languages": {"fr": WORDS, "en": {**WORDS, "title": "Open day"}}})
            landing.create(running.suite, tx, "Offres", {"action": "join", "languages": {
                "fr": {**WORDS, "button": "Je m’inscris", "sentence": SENTENCE}}})
        yield running


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, relance, language, size):
    with relance.suite.database.write() as tx:
        access.change_user(tx, relance.user, language=language)
    page = open_page(chrome, relance.url, size=size)
    sign_in(page)
    for path in ("/measures", "/measures?days=90", "/measures/simulator", "/pages", "/pages/new"):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and path in ("/measures", "/measures/simulator"):
            name = "page-" + path.strip("/").replace("/", "-") + ("" if size is WIDE else "-small")
            page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", full_page=True)
    page.goto("/pages")
    page.locator("td a").first.click()
    assert_good(page)
    if language == "fr" and size is WIDE:
        page.screenshot(path=PICTURES / "page-landing-editor.png", animations="disabled", full_page=True)
    page.context.close()


def test_a_figure_opens_its_messages_and_a_slider_moves_the_range(chrome, relance):
    with relance.suite.database.write() as tx:
        access.change_user(tx, relance.user, language="fr")
    page = open_page(chrome, relance.url)
    sign_in(page)
    page.goto("/measures?days=7")
    tile = page.locator("a.kpi").filter(has_text="Échoués").first
    failed = tile.locator(".small").first.inner_text().split()[0]
    tile.click()
    expect(page.get_by_text("échoués après leur départ")).to_be_visible()
    assert page.locator("tbody tr").count() == int(failed)
    page.goto("/measures/simulator")
    before = page.locator(".range-big").first.inner_text()
    page.get_by_label("Manqués sans rappel").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_url("**/measures/simulator?*")
    assert page.locator(".range-big").first.inner_text() != before
    assert not page.complaints
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_a_small_page_on_a_small_phone(chrome, relance, scripts):
    page = open_page(chrome, relance.url, size=SMALL, scripts=True)
    sign_in(page)
    page.goto("/pages")
    addresses = page.locator("td code").all_inner_texts()
    page.context.close()
    page = open_page(chrome, relance.url, size=SMALL, scripts=scripts)
    for address in addresses:
        page.goto(address.removeprefix(relance.url))
        expect(page.locator("h1")).to_have_text("Journée portes ouvertes")
        if scripts:
            assert_good(page)
            page.screenshot(path=PICTURES / f"landing-{page.locator('input[type=checkbox]').count()}.png",
                            full_page=True)  # fmt: skip
    page.get_by_text("Y aller").or_(page.get_by_text("Je m’inscris")).first.wait_for()
    assert not page.complaints
    page.context.close()


def test_the_telephone_beside_the_words_follows_them(chrome, relance):
    page = open_page(chrome, relance.url)
    sign_in(page)
    page.goto("/pages/new")
    page.get_by_label("Ce que fait le bouton").select_option("join")
    page.get_by_label("Titre").first.fill("Bonjour <b>")
    page.get_by_label("Mot du bouton").first.fill("Oui merci")
    expect(page.locator(".landing-screen [data-part=title]")).to_have_text("Bonjour <b>")
    expect(page.locator(".landing-screen [data-part=button]")).to_have_text("Oui merci")
    expect(page.get_by_label("Numéro à appeler")).to_be_hidden()
    page.get_by_label("Phrase de l’accord").first.fill(SENTENCE)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("La page est en ligne.")).to_be_visible()
    page.context.close()
