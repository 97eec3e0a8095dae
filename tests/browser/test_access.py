"""The second factor and the audit log in a real browser: within reach of everybody, on a small screen too."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain import second_factor
from core.storage import second_factors
from tests.support.browser import SMALL, WIDE, assert_good, browser, open_page, sign_in
from tests.support.running import Running


@pytest.mark.browser
@pytest.mark.slow
def test_a_second_factor_is_set_up_and_asked_for(chromium: str, tmp_path: Path) -> None:
    with Running(tmp_path) as relance, browser(chromium) as one:
        page = open_page(one, relance.url, size=SMALL)
        sign_in(page)
        page.goto("/settings/second-factor")
        assert_good(page)
        page.get_by_role("button", name="Commencer").click()
        assert_good(page)
        with relance.suite.database.read() as tx:
            factor = second_factors.known(tx, relance.suite.vault, relance.user, relance.suite.now())
        assert factor is not None
        assert factor.secret is not None
        step = second_factor.step_at(relance.suite.clock.outside())
        page.get_by_label("Code affiché").fill(second_factor.code(factor.secret, step))
        page.get_by_role("button", name="Activer").click()
        page.get_by_role("heading", name="Vos codes de secours").wait_for()
        assert_good(page)
        codes = page.locator("#codes").inner_text().split()
        page.goto("/settings/audit?check=1")
        assert_good(page)

        page = open_page(one, relance.url, size=WIDE)
        sign_in(page)
        assert_good(page)
        page.get_by_label("Code à 6 chiffres").fill(codes[0])
        page.get_by_role("button", name="Continuer").click()
        page.wait_for_url(f"{relance.url}/start")
