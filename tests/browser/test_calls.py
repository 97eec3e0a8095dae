"""A call on the phones' page and on its message's page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from core.domain.content import checked, contents
from core.domain.messages import Channel, MessageClass
from core.storage import outbox
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, picture, sign_in
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TEXT = "Bonjour Madame Roux, le cabinet vous attend demain, mardi 1er décembre, à 9 heures."
KEYS = {"1": "confirm", "2": "decline", "9": "stop"}


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """A person who was called, and a voicemail on which the message was left."""
    with Running(tmp_path_factory.mktemp("calls"), start=datetime(2026, 11, 30, 9, 0, tzinfo=UTC)) as running:
        given = checked({"voice": {"text": TEXT, "keys": KEYS, "voicemail": "leave_message"}})
        content = contents((Channel.VOICE,), "RDV demain", False, given, {}, ZoneInfo("Europe/Paris"))
        with running.suite.database.write(running.workspace) as tx:
            [_, left] = outbox.accept(tx, [
                outbox.New(number, "FR", "RDV demain", "GSM-7", 1, MessageClass.TRANSACTIONAL, (Channel.VOICE,),
                           running.suite.now(), content=content, test=True)
                for number in ("+33639980001", "+33639980009")], running.suite.now())
        running.settle()
        running.forward(timedelta(seconds=5))
        yield running, left


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_a_call_is_heard_answered_by_a_key_and_told(chrome, house, size):
    running, left = house
    page = open_page(chrome, running.url, size=size)
    sign_in(page)
    page.goto("/phone?number=%2B33639980001")
    expect(page.get_by_text("Appel vocal").first).to_be_visible()
    page.get_by_role("button", name="1 : confirmer").click()
    expect(page.get_by_text("Touche 1").first).to_be_visible()
    assert_good(page)
    if size is WIDE:
        picture(page, "page-phone-call")
    page.goto(f"/messages/{left}")
    expect(page.get_by_text("Personne ne l’a confirmé").first).to_be_visible()
    assert_good(page)
    if size is WIDE:
        picture(page, "page-message-call")
    page.context.close()
