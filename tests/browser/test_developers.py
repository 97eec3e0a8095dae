"""The developers' pages, the list before production and the year of hours in a real browser, wide and small."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from core.contract import Inbound
from core.domain.reasons import Reason
from core.storage import access, inbox, webhooks
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, picture, sign_in, tab_to
from tests.support.clinic import DIARY, Clinic
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Mapping[str, str]]]:
    """A day of calls, an endpoint that heard one thing and missed another, two received requests."""
    with Running(tmp_path_factory.mktemp("developers"), adapters=DIARY) as running:
        Clinic.inside(running).busy_day()
        suite, now = running.suite, running.suite.now()
        for _ in range(12):
            running.client.get("/v1/messages")
        running.client.post("/v1/messages", {"to": "12", "class": "transactional", "body": "x"})
        body = json.dumps({"type": "reply.received", "timestamp": "2026-11-30T09:00:00Z",
                           "data": {"number": "+33639980001", "text": "OUI, à demain"}})  # fmt: skip
        with suite.database.write(running.workspace) as tx:
            access.add_key(tx, "Logiciel de cabinet", now, test=False, expires_at=now + timedelta(days=3))
            hook = webhooks.add(tx, suite.vault, "https://programme.example.fr/relance", ["reply.received"],
                                "whsec_eA==", now)  # fmt: skip
            webhooks.queue(tx, [(tx.owned, hook, "reply.received", body)] * 2, now)
            heard, missed = webhooks.deliveries(tx, hook)
            webhooks.delivered(tx, heard["id"], "delivered", status=200, trouble=None, due_at=None, now=now,
                               answer='{"ok": true}')  # fmt: skip
            webhooks.delivered(tx, missed["id"], "failed", status=500, due_at=None, now=now, answer="en panne",
                               trouble=Reason("endpoint_answered", {"status": 500}))  # fmt: skip
            raw = Inbound("POST", f"{running.url}/hooks/diary/x", (("x-signature", "abc"),),
                          b'{"phone": "+33639980001"}', now)  # fmt: skip
            received = inbox.keep(tx, raw, "diary", "read", delivery="evt_1")
        yield running, {
            "overview": "/developers", "webhooks": "/developers/webhooks", "webhook": f"/developers/webhooks/{hook}",
            "inbox": "/developers/inbox", "received": f"/developers/inbox/{received}",
            "requests": "/developers/requests", "production": "/settings/production",
            "hours-of-year": "/settings/hours/year?year=2027", "errors": "/errors",
        }  # fmt: skip


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_every_page_is_good_for_eyes_and_screen_readers(chrome: Browser, house, size: Mapping[str, int]) -> None:
    running, pages = house
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    for name, path in pages.items():
        page.goto(path)
        for one in page.locator("main details summary").all():
            one.click()
        assert_good(page)
        if size is WIDE and name in ("overview", "webhook", "production", "hours-of-year"):
            page.goto(path)
            picture(page, f"developers-{name}")


def test_a_delivery_is_sent_again_by_keyboard_alone(chrome: Browser, house) -> None:
    running, pages = house
    page = open_page(chrome, running.url)
    sign_in(page)
    page.goto(pages["webhook"])
    tab_to(page, "Renvoyer")
    page.keyboard.press("Enter")
    page.get_by_text("L’envoi repart").wait_for()
