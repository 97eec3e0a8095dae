"""Journey (e) by one click: the site's own page grants a password, the plugin gets its code, the password goes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.browser import browser, open_page, sign_in
from tests.support.running import Running
from tests.support.wordpress import ADMIN, PASSWORD, Site

pytestmark = [pytest.mark.browser, pytest.mark.php]


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as one:
        yield one


def test_a_site_is_connected_by_one_click(
    chrome: Browser, wordpress: Path, php: str, mariadb: str, tmp_path: Path
) -> None:
    with Site(tmp_path, wordpress, php) as site, Running(tmp_path, start=None) as relance:
        site.php("return activate_plugin( 'relance/relance.php' );")
        page = open_page(chrome, relance.url)
        sign_in(page)
        page.goto("/connections/new/wordpress_bridge")
        page.get_by_label("Adresse du site").fill(site.url)
        page.get_by_role("button", name="Continuer avec WordPress").click()

        page.wait_for_url("**/wp-login.php**")
        page.get_by_label("Username or Email Address").fill(ADMIN)
        page.locator("#user_pass").fill(PASSWORD)
        page.get_by_role("button", name="Log In").click()
        page.get_by_role("button", name="Yes, I approve of this connection").click()

        page.wait_for_url(f"{relance.url}/**")
        assert "password" not in page.url
        relance.settle()
        made = relance.client.get("/v1/installations").json()["data"]
        assert [(one["adapter"], one["state"], one["config"]["url"]) for one in made] == [
            ("wordpress_bridge", "connected", site.url)]
        assert site.php("return Relance_Store::connected();") is True
        # It was good for one call, and is gone.
        assert site.php("return WP_Application_Passwords::get_user_application_passwords( 1 );") in ([], "")
        page.goto(f"/connections/{made[0]['id']}/code")
        expect(page.get_by_text("Le site est relié")).to_be_visible()

        # A visitor opts in without leaving the page.
        site.php("Relance_Store::change( array( 'on' => array( 'optin' => true ) ) ); return wp_insert_post( array("
                 "'post_title' => 'SMS', 'post_name' => 'sms', 'post_type' => 'page', 'post_status' => 'publish',"
                 "'post_content' => '[relance_optin title=\"Offers\"]' ) );")
        visitor = chrome.new_page()
        visitor.goto(f"{site.url}/sms/")
        assert Axe().run(visitor, context=".relance-optin").violations_count == 0
        visitor.get_by_label("Mobile number").fill("06 39 98 12 00")
        visitor.get_by_role("checkbox").check()
        visitor.get_by_role("button", name="Send me a code").click()
        typed = visitor.get_by_label("The code we have just sent you")
        expect(typed).to_be_focused()
        relance.settle()
        typed.fill(re.search(r"\d{6}", relance.phones()[0]["text"]).group())  # type: ignore[union-attr]
        visitor.get_by_role("button", name="Confirm").click()
        expect(visitor.get_by_role("status")).to_contain_text("your number is confirmed")
        assert visitor.url == f"{site.url}/sms/"
        assert site.notices() == []
