"""The daily pages in a real browser: both languages, wide and small, for eyes, keyboards and screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.contract import Account, PhoneReply
from core.domain.messages import Channel
from core.engine import conversing, exporting, feedback
from core.storage import access, conversations, outbox, rules
from tests.support.browser import PICTURES, SMALL, WIDE, assert_good, browser, open_page, sign_in, tab_to
from tests.support.clinic import DIARY, Clinic
from tests.support.running import EMAIL, PASSWORD, Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TUESDAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
PAGES = (
    "today", "appointments", "upcoming", "messages", "message", "why", "rules", "rule", "rule-difference", "templates",
    "template", "phone", "conversations", "conversation", "exports",
)  # fmt: skip


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Clinic]]:
    """One busy Wednesday, for all the pictures."""
    with Running(tmp_path_factory.mktemp("pages"), adapters=DIARY, start=TUESDAY) as running:
        clinic = Clinic.inside(running)
        clinic.busy_day()
        talked(clinic)
        yield running, clinic


def talked(clinic: Clinic) -> None:
    """Two conversations: one was answered, one goes on by WhatsApp; and a file that was asked for."""
    suite, workspace = clinic.suite, clinic.workspace
    with suite.database.write(workspace) as tx:
        [late] = conversations.listed(tx, conversations.Filter(state=("open",)))
        who = access.members(tx)[0]["id"]
        access.change_user(tx, who, name="Sophie Bernard")
        conversing.change(tx, late["id"], suite.now(), who=who, assigned=who)
        conversing.note(tx, late["id"], "Prévenir le docteur : la salle 2 reste libre.", suite.now(), who=who)
        account = Account("acc_wa", workspace, "simulator", {}, {}, "", "")
        said = PhoneReply("+33639980014", "1", "Et je peux venir avec ma fille ?", suite.now(), "w1",
                          channel=Channel.WHATSAPP)  # fmt: skip
        answer = conversing.Answer(body="Pas de souci, nous vous attendons.", channel=Channel.SMS)
        conversing.answer(suite, tx, late["id"], answer, who=who)
        rules.save_template(tx, "answer.retard", "fr", "{{ name }}, pas de souci, a tout de suite.", suite.now())
        exporting.ask(tx, "contacts", "csv", {}, suite.now(), language="fr", who=who)
        filters = {"state": ["delivered", "read"]}
        exporting.ask(tx, "messages", "csv", filters, suite.now(), language="fr", who=who)
    clinic.settle()
    with suite.database.write(workspace) as tx:
        feedback.take_reply(suite, tx, account, said)


def opened(page: Page, name: str, clinic: Clinic) -> None:
    """Goes to a page, as its links lead there."""
    begins = {"rule-difference": "rules", "message": "messages", "rule": "rules", "conversation": "conversations"}
    page.goto(f"/{begins.get(name, name)}")
    match name:
        case "message":
            with clinic.suite.database.read(clinic.workspace) as tx:
                told = outbox.listed(tx, outbox.Filter(to="+33639980001"), limit=50)
            page.goto(f"/messages/{told[-1]['id']}")
        case "why":
            page.goto("/why?q=David")
            page.locator(".line a, .ladder strong").first.wait_for()
            if page.locator(".ladder").count() == 0:
                page.locator(".line a").first.click()
        case "rule":
            page.goto(f"/rules/{clinic.rule}")
        case "rule-difference":
            page.goto(f"/rules/{clinic.rule}")
            page.locator("#when-wall").check()
            page.locator("input[name=at]").fill("17:00")
            page.locator(f"form[action='/rules/{clinic.rule}'] .button-primary").click()
            page.locator("button[name=confirm]").wait_for()
        case "conversation":
            page.goto("/conversations")
            page.locator(".talk-link").first.click()
            page.locator(".said-list").wait_for()
        case "template":
            page.goto("/templates/new?from=clinic.reminder")


def kept(page: Page, name: str) -> None:
    """A picture for the documentation: the page from its top, two windows high at most."""
    size = page.viewport_size or WIDE
    high = min(page.evaluate("document.documentElement.scrollHeight"), 2 * size["height"])
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(
        path=PICTURES / f"{name}.png",
        animations="disabled",
        full_page=True,
        clip={"x": 0, "y": 0, "width": size["width"], "height": high},
    )


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, clinic, language, size):
    running, house = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language=language)
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for name in PAGES:
        opened(page, name, house)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and (size is WIDE or name in ("today", "message", "why")):
            kept(page, f"page-{name}{'' if size is WIDE else '-small'}")
    page.context.close()


def test_the_editor_counts_while_somebody_types(chrome, clinic):
    running, _ = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language="fr")
    page = open_page(chrome, running.url)
    sign_in(page)
    page.goto("/templates/new")
    page.get_by_label("Texte").fill("Bonjour 😀 à demain")
    expect(page.locator("[data-draft-encoding]")).to_have_text("UCS-2")
    expect(page.locator("[data-draft-notes]")).to_contain_text("fait passer tout le message en Unicode")
    page.get_by_label("Texte").fill("Votre échographie est {{ start }}")
    expect(page.locator("[data-draft-notes]")).to_contain_text("écran verrouillé")
    assert_good(page)
    page.context.close()


def test_the_phone_shows_what_arrives_without_being_asked(chrome, clinic):
    running, house = clinic
    page = open_page(chrome, running.url)
    sign_in(page)
    page.goto("/phone?number=%2B33639980014")
    house.answer("+33639980014", "Finalement je suis a l'heure")
    expect(page.locator(".bubble-mine").last).to_contain_text("Finalement je suis a l'heure")
    page.context.close()


def test_a_correction_can_be_sent_by_keyboard_and_without_scripts(chrome, tmp_path: Path):
    with Running(tmp_path, adapters=DIARY, start=TUESDAY) as running:
        house = Clinic.inside(running)
        house.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
        house.at("2026-12-01T18:01:00+01:00")
        house.write("ana", "2026-12-04T10:00:00+01:00", name="Ana Martin")
        page = open_page(chrome, running.url, scripts=False)
        sign_in(page, EMAIL, PASSWORD)
        page.goto("/today")
        button = page.get_by_role("button", name="Envoyer la correction")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("La correction part maintenant")
        page.context.close()


def test_the_buttons_of_a_planned_message_are_reached_with_the_tab_key(chrome, clinic):
    running, _ = clinic
    page = open_page(chrome, running.url)
    sign_in(page)
    page.goto("/upcoming")
    tab_to(page, "Retenir")
    page.context.close()
