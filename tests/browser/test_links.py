"""Liens and the figures of the anti-fraud page in a real browser: readable, reachable by key, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.domain.recipients import Recipient
from core.engine import linking, verifying
from core.storage import access, links
from tests.support.browser import PICTURES, SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.clinic import DIARY, Clinic
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TUESDAY_BEFORE = datetime(2026, 11, 24, 9, tzinfo=UTC)
PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"}


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Clinic]]:
    """A week of codes, and links that were followed."""
    with Running(tmp_path_factory.mktemp("links"), adapters=DIARY, start=TUESDAY_BEFORE) as running:
        clinic = Clinic.inside(running)
        for day in range(7):
            running.set_clock(TUESDAY_BEFORE + timedelta(days=day))
            for place in range(6):
                with running.suite.database.write(running.workspace) as tx:
                    asked = verifying.Asked(Recipient.parse(f"+336{30 + day}98{place}001"), ip=f"203.0.{place}.9")
                    started = verifying.begin(running.suite, tx, asked)
                    if place or day % 2:
                        verifying.check(running.suite, tx, started.id, started.draft.text[:6])
        with running.suite.database.write(running.workspace) as tx:
            for name in ("Affiche", None):
                linking.create(running.suite, tx, "https://cabinet.example/rendez-vous", name=name)
            made = links.listed(tx)
        linking.follow(running.suite, made[0]["code"], "GET", PHONE)
        linking.follow(running.suite, made[0]["code"], "HEAD", PHONE)
        running.forward(timedelta(minutes=15))
        yield running, clinic


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, clinic, language, size):
    running, _ = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language=language)
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for path in ("/links", "/anti-fraud"):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert_good(page)
        if language == "fr" and size is WIDE:
            page.screenshot(path=PICTURES / f"page-{path.strip('/')}.png", animations="disabled", full_page=True)
    expect(page.locator(".chart-line")).to_be_attached()
    page.goto("/links")
    page.locator("td a").first.click()
    expect(page.locator("h1")).not_to_be_empty()
    assert_good(page)
    page.context.close()
