"""The made-up fortnight: signed, in order, the same for the same day, with every fate in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.contract import Installation, Reading
from core.domain.errors import Unreadable
from core.domain.events import Kind
from integrations.custom_shop.adapter import CustomShop
from tests.support.shops import NOW, installation, tools

SHOP = CustomShop(tools())


@pytest.fixture
def place() -> Installation:
    return installation("custom_shop", {}, {"signing_secret": "rsec_" + "a" * 43})


def test_each_request_is_one_that_the_shop_itself_would_send(place: Installation) -> None:
    read: list[Reading] = []
    mistakes = 0
    for deed in SHOP.played(place, NOW):
        if deed.request is None:
            assert deed.follows
            assert deed.follows.startswith("+3363998"), "a number for fiction"
            continue
        SHOP.verify(deed.request, place)
        try:
            read.append(SHOP.parse(deed.request, place))
        except Unreadable:
            mistakes += 1

    assert mistakes >= 1, "the page of what could not be read has something to show"
    kinds = [event.kind for one in read for event in one.events]
    assert kinds.count(Kind.CART) > 40
    assert kinds.count(Kind.ORDER) > 20
    assert any(one.events[0].closed for one in read if one.events), "one is emptied"
    assert any(one.events and one.events[0].recipient is None for one in read)
    assert any(one.consents for one in read)
    assert len({one.delivery for one in read}) == len(read)


def test_it_is_in_order_until_now_and_the_same_again(place: Installation) -> None:
    played = SHOP.played(place, NOW)

    assert [deed.at for deed in played] == sorted(deed.at for deed in played)
    assert all(NOW - timedelta(days=15) <= deed.at <= NOW for deed in played)
    assert list(SHOP.played(place, NOW)) == list(played)
    later = SHOP.played(place, NOW + timedelta(hours=6))
    assert [deed for deed in later if deed.at <= NOW] == list(played), "later tells more, and no other past"
