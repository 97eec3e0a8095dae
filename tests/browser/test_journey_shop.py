"""A shop is connected in a real browser, under our own policy: one question, away to the shop, and back."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from core.contract import Check, Configured
from core.domain.reasons import Reason
from core.engine import installing
from tests.fakes.installable import Bazaar, Stall
from tests.faults.server import FaultServer, Seen, Step, ok, status
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


@pytest.fixture
def shop() -> Iterator[FaultServer]:
    """A shop whose owner says yes: its server posts the keys first, then the browser goes back."""

    def answer(seen: Seen) -> Step:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}
        if not seen.path.startswith("/authorize"):
            return ok({})
        keys = json.dumps({"user_id": asked["user_id"], "key": "ck"}).encode()
        with urllib.request.urlopen(urllib.request.Request(asked["callback_url"], keys), timeout=10) as said:
            assert said.status == 200
        return status(302, headers={"Location": f"{asked['return_url']}&success=1&user_id={asked['user_id']}"})

    with FaultServer(otherwise=answer) as server:
        yield server


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    adapters = {"stall": Stall(), "bazaar": Bazaar("http://127.0.0.1:9")}
    with Running(tmp_path, adapters=adapters) as running:
        yield running


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_a_shop_is_connected(
    chrome: Browser, relance: Running, shop: FaultServer, size: dict[str, int], scripts: bool
) -> None:
    page = open_page(chrome, relance.url, size=size, scripts=scripts)
    sign_in(page)
    page.goto("/connections")
    page.get_by_role("link", name="Ajouter une connexion").first.click()
    if scripts:
        assert_good(page)
    page.get_by_role("link", name="Connecter Stall").click()
    page.get_by_label("Adresse").fill("ftp://nowhere")
    page.get_by_role("button", name="Continuer avec Stall").click()
    expect(page.get_by_label("Adresse")).to_have_attribute("aria-invalid", "true")
    if scripts:
        assert_good(page)

    page.get_by_label("Adresse").fill(shop.url)
    page.get_by_role("button", name="Continuer avec Stall").click()

    expect(page.get_by_text("La connexion est établie.")).to_be_visible()
    assert page.url.startswith(f"{relance.url}/connections?connected=ins_")


def test_what_is_missing_is_shown_with_the_click_that_mends(chrome: Browser, relance: Running) -> None:
    made = relance.suite.adapters["bazaar"]
    assert isinstance(made, Bazaar)
    made.checks = (Check("app_installed", "problem", Reason("vendor_refused", {"text": "x"}), "https://x.example/apps"),
                   Check("hooks"), Check("odd_one"))  # fmt: skip
    kept = installing.connected(
        relance.suite, relance.workspace, "bazaar", "Ma boutique", Configured({"shop": "x"}, {}), who="x")
    page = open_page(chrome, relance.url, size=SMALL)
    sign_in(page)
    page.goto(f"/connections/{kept.id}/checks")

    expect(page.get_by_role("link", name="Ouvrir la page qui le règle")).to_have_attribute(
        "href", "https://x.example/apps")
    assert_good(page)
