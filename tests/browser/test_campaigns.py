"""Campagnes and Contacts in a real browser: the five steps by hand, and each page for eyes, keyboards and readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.domain.recipients import Recipient
from core.storage import access, people, segments
from tests.browser.test_pages import kept
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.running import Client, Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TUESDAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"}
SHEETS = Path(__file__).resolve().parents[1] / "data" / "sheets"
NAMES = ("Ana", "Bob", "Chloé", "David", "Emma", "Farid", "Gaëlle", "Hugo")
SALES = {
    "name": "Soldes d'hiver", "class": "marketing", "holdout": 10, "winner": "clicks", "shorten": True,
    "staged": {"percent": 40, "after": "PT1H"}, "fallbacks": {"first_name": "Bonjour"},
    "variants": [
        {"name": "A", "share": 50, "body": "{{ first_name }}, -30 % jusqu'à samedi : https://boutique.example/soldes"},
        {"name": "B", "share": 50, "body": "{{ first_name }}, vos soldes vous attendent : https://boutique.example/s"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, dict[str, str]]]:
    """Sixty customers, a segment and a list, a campaign that is over and one that waits for a word."""
    with Running(tmp_path_factory.mktemp("campaigns"), start=TUESDAY) as relance:
        now = relance.suite.now()
        with relance.suite.database.write(relance.workspace) as tx:
            ids = []
            for index in range(60):
                known = {"first_name": NAMES[index % 8], "values": {"Ville": "Lyon" if index % 3 else "Paris"}}
                number = f"+3363998{1010 + index:04d}"
                ids.append(people.remember(tx, Recipient.parse(number), known, now))
                if index % 10:
                    people.start(tx, number, "marketing", "caisse", {"text": "Oui, vos offres."}, now)
            lyon = {"all": [{"consent": "in"}, {"value": "Ville", "is": "Lyon"}]}
            named = {"segment": segments.add(tx, "Clients de Lyon", lyon, now)}
            named["list"] = segments.add(tx, "Salon de mai", None, now)
            segments.put_on(tx, named["list"], ids[:12])
        named["over"] = sent(relance, {**SALES, "audience": {"conditions": {"all": []}}})
        relance.settle()
        visitor = Client(relance.url, None)
        for one in relance.phones():
            if (link := re.search(r"/s/\w+", one["text"])) and one["text"].endswith(tuple("abcdefghijklmnABCD0123")):
                visitor.get(link[0], headers=PHONE)
        relance.forward(timedelta(minutes=5))
        relance.forward(timedelta(hours=1, minutes=1))
        relance.forward(timedelta(minutes=5))
        made = relance.client.post("/v1/campaigns", {
            "name": "Lettre du mois", "class": "marketing", "audience": {"segment": named["segment"]},
            "body": "{{ first_name }}, nos nouveautés : https://boutique.example/n"})  # fmt: skip
        named["draft"] = str(relance.client.post("/v1/campaigns", {
            "name": "Voeux", "class": "marketing", "audience": {"segment": named["segment"]},
            "send_at": "2026-12-28T10:00:00", "zone": "recipient", "body": "{{ first_name }}, bonne année !",
        }).json()["id"])  # fmt: skip
        named["series"] = relance.client.post(f"/v1/campaigns/{made.json()['id']}/repeat", {
            "every": "month", "first": "2026-12-15", "at": "10:00"}).json()["id"]  # fmt: skip
        for body in ("{{ first_name }}, votre rendez-vous est demain.", "{{ first_name }}, à demain {{ start }} !"):
            text = {"key": "rappel", "language": "fr", "body": body, "folder": "Cabinet"}
            assert relance.client.post("/v1/templates", text).status_code == 201
        named["waits"] = sent(relance, {
            "name": "Vente privée", "class": "marketing", "audience": {"segment": named["segment"]},
            "staged": {"percent": 10}, "body": "{{ first_name }}, vente privée jeudi : https://boutique.example/vp",
        })  # fmt: skip
        relance.settle()
        relance.forward(timedelta(minutes=1))
        yield relance, named


def sent(relance: Running, said: object) -> str:
    made = relance.client.post("/v1/campaigns", said)
    assert made.status_code == 201, made.text
    assert relance.client.post(f"/v1/campaigns/{made.json()['id']}/send").status_code == 200
    return str(made.json()["id"])


def speak(relance: Running, language: str) -> None:
    with relance.suite.database.write() as tx:
        access.change_user(tx, relance.user, language=language)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, shop, language, size):
    relance, named = shop
    speak(relance, language)
    page = open_page(chrome, relance.url, size=size)
    sign_in(page)
    for name, path in (
        ("campaigns", "/campaigns"), ("campaign", f"/campaigns/{named['over']}"),
        ("campaign-waits", f"/campaigns/{named['waits']}"), ("campaign-people", f"/campaigns/{named['over']}/people"),
        ("contacts", "/contacts"), ("segment", f"/contacts/segments/{named['segment']}"),
        ("segment-new", "/contacts/segments/new"), ("campaign-overlap", f"/campaigns/{named['draft']}/overlap"),
        ("campaign-check", f"/campaigns/{named['draft']}/check"),
        ("campaign-series", f"/campaigns/series/{named['series']}"),
        ("upcoming-month", "/upcoming"), ("upcoming-day", "/upcoming?day=2026-12-25"),
        ("templates", "/templates"), ("template", "/templates/rappel"),
        ("template-history", "/templates/rappel/history"),
    ):  # fmt: skip
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and (size is WIDE or name in ("campaign", "contacts", "upcoming-month")):
            kept(page, f"page-{name}{'' if size is WIDE else '-small'}")
    page.context.close()


def test_a_campaign_by_hand_without_any_script(chrome, shop):
    relance, named = shop
    speak(relance, "fr")
    page = open_page(chrome, relance.url, scripts=False)
    sign_in(page)
    steps(page, named, pictures=True)
    expect(page.locator("[role=status]")).to_contain_text("La campagne est lancée")
    page.context.close()


def test_the_steps_are_good_on_a_small_screen(chrome, shop):
    relance, named = shop
    speak(relance, "en")
    page = open_page(chrome, relance.url, size=SMALL)
    sign_in(page)
    steps(page, named, pictures=False)
    page.context.close()


def steps(page: Page, named: dict[str, str], *, pictures: bool) -> None:
    """The five steps, as somebody fills them in; each page is looked at on the way."""

    def seen(name: str) -> None:
        if pictures:
            kept(page, f"campaign-{name}")
        else:
            assert_good(page)

    page.goto("/campaigns/new")
    page.locator("#f-name").fill("Invitation d'hiver")
    page.locator("#c-who-segment").check()
    page.locator("#f-segment").select_option(named["segment"])
    seen("1-audience")
    page.locator(".button-primary").click()
    page.locator("#f-body").fill("{{ first_name }}, votre invitation : https://boutique.example/invitation")
    page.locator("button[name=edit]").click()
    seen("2-message")
    page.locator("#f-second").fill("{{ first_name }}, venez jeudi : https://boutique.example/jeudi")
    page.locator(".button-primary").click()
    page.locator("#c-when-later").check()
    page.locator("#f-date").fill("2026-12-03")
    page.locator("#f-first").fill("10")
    page.locator("#f-winner").select_option("clicks")
    seen("3-time")
    page.locator(".button-primary").click()
    seen("4-check")
    page.locator(".button-primary").click()
    seen("5-send")
    page.locator(".button-primary").click()
    page.locator(".campaign-progress").wait_for()


def test_a_file_is_seen_as_three_piles(chrome, shop, tmp_path: Path):
    relance, _ = shop
    speak(relance, "fr")
    page = open_page(chrome, relance.url)
    sign_in(page)
    file = tmp_path / "salon.csv"
    file.write_text("prénom;téléphone\nLéa;06 39 98 20 50\nTom;0639982051/0639982052\nZoé;123\n", encoding="utf-8")
    page.goto("/contacts")
    page.locator("#f-file").set_input_files(file)
    page.locator("form[action='/contacts/import'] button").click()
    page.locator("#f-list").wait_for()
    assert_good(page)
    kept(page, "page-contacts-import")
    page.context.close()


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_a_large_file_comes_in_parts_and_its_sheets_are_chosen(chrome, shop, tmp_path: Path, size):
    relance, _ = shop
    speak(relance, "fr")
    page = open_page(chrome, relance.url, size=size)
    sign_in(page)
    large = tmp_path / "grand.csv"
    rows = "".join(f"Ana;06 39 98 {index // 100:02d} {index % 100:02d};{'x' * 190}\n" for index in range(9000))
    large.write_text(f"prénom;téléphone;note\n{rows}", encoding="utf-8")
    page.goto("/contacts")
    page.locator("#f-file").set_input_files(large)
    page.locator("form[action='/contacts/import'] button").click()
    page.locator("#f-list").wait_for()
    expect(page.locator(".counters")).to_contain_text("9 000".replace(" ", "\u202f"))
    page.goto("/contacts")
    page.locator("#f-file").set_input_files(SHEETS / "salon.xlsx")
    page.locator("form[action='/contacts/import'] button").click()
    page.locator("#f-list").wait_for()
    assert_good(page)
    kept(page, f"page-contacts-workbook{'' if size is WIDE else '-small'}")
    page.context.close()


def test_the_count_follows_while_conditions_are_chosen(chrome, shop):
    relance, _ = shop
    speak(relance, "fr")
    page = open_page(chrome, relance.url, size=SMALL)
    sign_in(page)
    page.goto("/contacts/segments/new")
    expect(page.locator("[data-count]")).to_contain_text("en font partie")
    expect(page.locator("#f-word-0")).to_be_hidden()
    page.locator("#f-kind-0").select_option("value")
    page.locator("#f-name-0").fill("Ville")
    page.locator("#f-word-0").fill("Paris")
    expect(page.locator("[data-count]")).to_contain_text("20 personnes en font partie")
    page.locator(".conditions-group summary").first.click()
    page.locator("#f-kind-4").select_option("last_ordered")
    page.locator("#f-word-4").fill("30")
    expect(page.locator("[data-count]")).to_contain_text("0 personne")
    assert_good(page)
    kept(page, "page-segment-groups-small")
    page.context.close()
