"""Spending, catching up and the guard of public doors in a real browser: both languages, wide and small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.domain.messages import Channel, MessageClass
from core.domain.policy.caps import Measure, Period
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import capping, dispatch, sending, ticking
from core.storage import access, outbox, people
from tests.support.browser import PICTURES, SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.clinic import DIARY, Clinic
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TUESDAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
PAGES = ("spending", "catch-up", "anti-fraud", "today")


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Clinic]]:
    """A day on which everything happened: a cap was reached, the engine stood still, a robot found the form."""
    with Running(tmp_path_factory.mktemp("guards"), adapters=DIARY, start=TUESDAY) as running:
        clinic = Clinic.inside(running)
        suite, workspace = clinic.suite, clinic.workspace
        robots = [f"+3361234{place:04d}" for place in range(6)]
        with suite.database.write(workspace) as tx:
            now = suite.now()
            for place in range(30):
                people.start(tx, f"+336399800{place:02d}", "marketing", "test", {}, now)
            people.quarantine(tx, Recipient.parse("+33639980099"), Reason("dead_number"), now)
            wanted = [
                sending.Wanted(Recipient.parse(to), MessageClass.OTP, body="Code 1234", origin=Origin.PUBLIC_FORM)
                for to in (*robots, "+21620123456")
            ]
            drafts = sending.drafts(tx, wanted, now)
            sending.accept(suite, tx, [one for one in drafts if isinstance(one, outbox.New)])
        for most, period in ((600_000, Period.DAY), (20_000_000, Period.MONTH)):
            capping.add(suite, workspace, measure=Measure.MONEY, most=most, period=period, currency="EUR", who="x")
        accept(clinic, MessageClass.TRANSACTIONAL, range(8), suite.now())
        dispatch.run_due(suite)
        accept(clinic, MessageClass.MARKETING, range(10, 13), suite.now())
        ticking.ticked(suite)
        running.forward(timedelta(hours=4))
        ticking.ticked(suite)
        accept(clinic, MessageClass.MARKETING, range(20, 26), suite.now())
        dispatch.run_due(suite)
        yield running, clinic


def accept(clinic: Clinic, klass: MessageClass, places: range, at: datetime) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        outbox.accept(tx, [
            outbox.New(f"+336399800{place:02d}", "FR", "Rappel de votre rendez-vous.", "GSM-7", 1, klass,
                       (Channel.SMS,), at, price_micros=52_000, currency="EUR")
            for place in places
        ], at)  # fmt: skip


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_each_page_is_good_in_both_languages_and_sizes(chrome, clinic, language, size):
    running, _ = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language=language)
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for name in PAGES:
        page.goto(f"/{name}")
        expect(page.locator("html")).to_have_attribute("lang", language)
        for more in page.locator("details.more > summary").all():
            more.click()
        assert_good(page)
        if language == "fr" and name != "today":
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(
                path=PICTURES / f"page-{name}{'' if size is WIDE else '-small'}.png", animations="disabled",
                full_page=True,
            )  # fmt: skip
    page.context.close()


def test_a_cap_is_decided_about_by_keyboard_and_without_scripts(chrome, clinic):
    running, house = clinic
    with running.suite.database.write() as tx:
        access.change_user(tx, running.user, language="fr")
    page = open_page(chrome, running.url, scripts=False)
    sign_in(page)
    page.goto("/today")
    page.get_by_role("link", name="Relever, laisser partir ou refuser").click()
    button = page.get_by_role("button", name="Laisser partir")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Les messages retenus partent")
    dispatch.run_due(house.suite)
    page.goto("/spending")
    expect(page.get_by_role("button", name="Laisser partir")).to_have_count(0)
    page.context.close()
