"""WhatsApp's templates in a real browser: as a phone shows them, in both languages, wide and small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.contract import Configured
from core.domain.approved import Button, Category, News, Status, Template
from core.domain.content import checked
from core.domain.reach import Ability
from core.engine import approving
from core.storage import access, accounts, approved, reach, rules
from tests.browser.test_pages import kept
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.clinic import DIARY, Clinic
from tests.support.running import START, Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TEMPLATES = (
    Template("rdv_rappel", "fr", Status.APPROVED, Category.UTILITY, footer="Cabinet Lyon", header_kind="text",
             header="Votre rendez-vous", body="Bonjour {{1}}, nous vous attendons le {{2}}.\nÀ bientôt !",
             buttons=(Button("reply", "Je confirme"), Button("url", "Voir le plan", "https://x.example/{{1}}"))),
    Template("soldes_hiver", "fr", Status.REJECTED, Category.MARKETING, rejected="PROMOTIONAL",
             header_kind="image", body="Les soldes commencent {{1}} !"),
    Template("avis_visite", "fr", Status.PAUSED, Category.UTILITY, body="Comment s'est passée votre visite ?",
             note="Paused for 3 hours until Dec 1 at 12:47 PM UTC."),
    Template("nouveau_creneau", "fr", Status.PENDING, Category.UTILITY, body="Un créneau s'est libéré le {{1}}."),
)  # fmt: skip


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Clinic]]:
    with Running(tmp_path_factory.mktemp("whatsapp"), adapters=DIARY) as running:
        clinic = Clinic.inside(running)
        now = running.suite.now()
        with running.suite.database.write(running.workspace) as tx:
            row = accounts.add(tx, running.suite.vault, "whatsapp_cloud", "WhatsApp du cabinet", Configured({}, {}),
                               now, public_url=running.url)  # fmt: skip
            approved.replaced(tx, row.account.id, TEMPLATES, now)
            approved.asked(tx, row.account.id, now, now + timedelta(hours=4), None)
            news = News("rdv_rappel", "fr", now + timedelta(seconds=1), category=Category.UTILITY,
                        next_category=Category.MARKETING, next_category_at=now + timedelta(days=1))  # fmt: skip
            approving.heard(tx, row.account, [news], now)
            content = checked({"whatsapp": {"template": {
                "name": "rdv_rappel", "language": "fr", "body": ["{{ name or 'vous' }}", "{{ start|date }}"]}}})
            rules.change(tx, clinic.rule, {"channels": ["whatsapp", "rcs", "sms"], "content": content})
            reach.learn(tx, "agent", [(Ability("+33639980001", False), now)])
        clinic.write("roux", f"{(START + timedelta(days=2)):%Y-%m-%d}T14:30:00+01:00", name="Mme Roux")
        yield running, clinic


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_the_templates_and_the_rule_that_uses_one_are_good_pages(
    chrome: Browser, house: tuple[Running, Clinic], language: str, size: dict[str, int]
) -> None:
    running, clinic = house
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language=language)
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for name, path in (("whatsapp", "/whatsapp"), ("whatsapp-rule", f"/rules/{clinic.rule}"),
                       ("whatsapp-today", "/today"), ("whatsapp-connections", "/connections")):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and size is WIDE and name in ("whatsapp", "whatsapp-rule"):
            kept(page, f"page-{name}")
    page.context.close()
