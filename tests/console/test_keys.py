"""A shop that is connected by keys: made over there, copied here, tried before they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from core.storage import installations
from tests.fakes.adobe_commerce import FakeAdobeCommerce
from tests.fakes.prestashop import KEY, FakePrestaShop
from tests.support.console import Visitor
from tests.support.running import Running


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def owner(relance: Running) -> Visitor:
    return Visitor(relance)


@pytest.fixture
def shop() -> Iterator[FakePrestaShop]:
    with FakePrestaShop() as one:
        yield one


def connections(relance: Running) -> list[installations.Row]:
    with relance.suite.database.read(relance.workspace) as tx:
        return installations.listed(tx, relance.suite.vault, relance.suite.public_url)


PAGE = "/connections/new/prestashop/keys"


def test_the_page_is_found_from_both_beginnings_and_says_where_keys_are_made(relance: Running, owner: Visitor) -> None:
    for beginning in ("/connections/new", "/start/shop"):
        for slug in ("prestashop", "adobe_commerce"):
            assert f"/connections/new/{slug}/keys" in owner.get(beginning)
    page = unescape(owner.get(PAGE))
    assert "Paramètres avancés → Webservice" in page
    assert re.search(r'<input id="f-key" name="key" type="password"', page)
    assert "(facultatif)" in page
    english = unescape(Visitor(relance, language="en").get("/connections/new/adobe_commerce/keys"))
    assert "System → Extensions → Integrations" in english


def test_a_good_key_is_a_connection_whose_next_page_says_what_is_missing(
    relance: Running, owner: Visitor, shop: FakePrestaShop
) -> None:
    answer = owner.post(PAGE, url=shop.url, key=f" {KEY} ", shop_id="")

    assert answer.status_code == 200
    assert answer.request.path.endswith("/checks")
    (row,) = connections(relance)
    assert (row.installation.adapter, row.installation.secrets["key"]) == ("prestashop", KEY)
    assert "https" in answer.text, "the shop of this test is asked in the clear"
    relance.settle()
    assert connections(relance)[0].pulled_at is not None


def test_a_key_that_the_shop_does_not_take_is_not_kept_and_not_shown(
    relance: Running, owner: Visitor, shop: FakePrestaShop
) -> None:
    shop.key = "Z" * 32

    answer = owner.post(PAGE, url=shop.url, key=KEY)

    assert answer.status_code == 422
    assert "PrestaShop n’accepte pas ces clés" in unescape(answer.text)
    assert KEY not in answer.text
    assert shop.url in answer.text, "the address is not typed twice"
    assert connections(relance) == []


@pytest.mark.parametrize(("changed", "field"), [
    ({"key": "short"}, "key"), ({"url": "ftp://x"}, "url"), ({"shop_id": "deux"}, "shop_id")])  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field(owner: Visitor, changed: dict[str, str], field: str) -> None:
    answer = owner.post(PAGE, **{"url": "https://boutique.example", "key": KEY, **changed})

    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text


def test_a_shop_that_is_away_is_said_to_be(relance: Running, owner: Visitor) -> None:
    with FakePrestaShop() as gone:
        address = gone.url

    answer = owner.post(PAGE, url=address, key=KEY)

    assert answer.status_code == 422
    assert connections(relance) == []


def test_the_same_shop_again_is_the_same_connection_with_a_new_key(
    relance: Running, owner: Visitor, shop: FakePrestaShop
) -> None:
    owner.post(PAGE, url=shop.url, key=KEY)
    shop.key = "Y" * 32
    assert f'href="{PAGE}"' in owner.get(f"/connections/{connections(relance)[0].installation.id}/checks")

    answer = owner.post(PAGE, url=shop.url, key=shop.key)

    assert "ses règles et son historique restent" in unescape(answer.text)
    (row,) = connections(relance)
    assert row.installation.secrets["key"] == shop.key


def test_the_four_keys_of_adobe_commerce(relance: Running, owner: Visitor) -> None:
    page = "/connections/new/adobe_commerce/keys"
    with FakeAdobeCommerce() as commerce:
        given = {"url": commerce.url, **commerce.keys}
        for name in commerce.keys:
            assert f'id="e-{name}"' in owner.post(page, **{**given, name: ""}).text
        refused = owner.post(page, **{**given, "consumer_secret": "w" * 32})
        assert "Adobe Commerce n’accepte pas ces clés" in unescape(refused.text)
        assert connections(relance) == []

        assert owner.post(page, **given).status_code == 200
    (row,) = connections(relance)
    assert {name: row.installation.secrets[name] for name in commerce.keys} == commerce.keys


def test_who_may_not_connect_sees_no_page(relance: Running, owner: Visitor, shop: FakePrestaShop) -> None:
    viewer = Visitor(relance, "viewer")

    assert viewer.browser.get(PAGE).status_code == 403
    assert viewer.post(PAGE, url=shop.url, key=KEY).status_code == 403
    assert owner.browser.get("/connections/new/custom_shop/keys").status_code == 404
    assert connections(relance) == []
