"""What a person carries to the other side: the code, until it is used, and the plugin."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from core.web.access import SESSION_COOKIE
from tests.support.console import Visitor
from tests.support.running import Running
from wordpress_bridge import archive


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def owner(clinic: Running) -> Visitor:
    return Visitor(clinic)


def code_on(page: str) -> str:
    found = re.search(r'<code id="connection-code"[^>]*>(RLC-[\w-]+)</code>', page)
    assert found is not None, page[:3000]
    return found[1]


def test_a_site_is_connected_by_a_code_that_the_page_shows_until_it_is_used(owner: Visitor) -> None:
    assert "/connections/new/wordpress_bridge/code" in owner.get("/connections/new")
    assert "Adresse du site" in owner.get("/connections/new/wordpress_bridge/code")

    shown = owner.post("/connections/new/wordpress_bridge/code", url="www.exemple.fr/blog/")

    assert shown.status_code == 200
    first = code_on(shown.text)
    missing = owner.get(shown.request.path.removesuffix("code") + "checks")
    assert "pas encore reliée sur ce site" in unescape(missing)
    again = owner.post(shown.request.path)
    assert code_on(again.text) != first
    assert f"{shown.request.path}\"" in owner.get("/connections")


def test_an_address_that_is_none_is_said_beside_its_field(owner: Visitor) -> None:
    answer = owner.post("/connections/new/wordpress_bridge/code", url="ftp://exemple.fr")

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text


def test_the_plugin_is_one_download_for_whoever_signed_in(clinic: Running, owner: Visitor) -> None:
    answer = owner.browser.get("/connections/wordpress_bridge/plugin.zip")

    assert answer.status_code == 200
    assert f'filename="relance-{archive.version()}.zip"' in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as plugin:
        assert "relance/relance.php" in plugin.namelist()
    owner.browser.delete_cookie(SESSION_COOKIE)
    assert owner.browser.get("/connections/wordpress_bridge/plugin.zip").status_code in (302, 303)


def test_who_only_looks_sees_no_code(clinic: Running, owner: Visitor) -> None:
    made = owner.post("/connections/new/wordpress_bridge/code", url="https://www.exemple.fr").request.path
    viewer = Visitor(clinic, "viewer")

    assert viewer.browser.get(made).status_code == 403
    assert viewer.browser.get("/connections/new/wordpress_bridge/code").status_code == 403
    assert owner.browser.get("/connections/new/gcal_reminders/code").status_code == 404
    assert owner.browser.get("/connections/wordpress_bridge/other.zip").status_code == 404
    assert owner.browser.get("/connections/gcal_reminders/plugin.zip").status_code == 404
