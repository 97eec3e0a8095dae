"""What a rule may promise each person, and the code that stands for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.domain.discounts import IN_LINK, LENGTH, Discount, code_for, in_link
from core.domain.errors import BadInput
from core.domain.text.price import Money

KEY = bytes(range(32))


@given(some.binary(min_size=1, max_size=64), some.text(max_size=40), some.text(max_size=40))
def test_a_code_can_be_typed_and_has_the_length_that_was_measured(key: bytes, occasion: str, rule: str) -> None:
    code = code_for(key, *(one.encode("utf-8", "ignore").decode() for one in (occasion, rule)))
    assert len(code) == LENGTH
    assert not set(code) - set("23456789BCDFGHJKLMNPQRSTVWXZ")


def test_a_code_is_the_same_each_time_and_another_for_each_cart_rule_and_workspace() -> None:
    code = code_for(KEY, "occ_1", "rul_1")
    assert code == code_for(KEY, "occ_1", "rul_1")
    assert len({code, code_for(KEY, "occ_2", "rul_1"), code_for(KEY, "occ_1", "rul_2"),
                code_for(KEY[::-1], "occ_1", "rul_1")}) == 4  # fmt: skip
    assert len({code_for(KEY, f"occ_{n}", "rul_1") for n in range(20_000)}) == 20_000


@pytest.mark.parametrize("said", [
    {"percent": 10, "days": 7}, {"amount": 5_500_000, "currency": "EUR", "days": 1},
    {"amount": 500_000_000, "currency": "JPY", "days": 90},
])  # fmt: skip
def test_what_is_read_is_what_is_kept(said: dict[str, Any]) -> None:
    assert Discount.read(said).as_json() == said


@pytest.mark.parametrize(("said", "code", "pointer"), [
    ({"percent": 10, "days": 0}, "discount_days", "/discount/days"),
    ({"percent": 10, "days": True}, "discount_days", "/discount/days"),
    ({"percent": 10, "days": 91}, "discount_days", "/discount/days"),
    ({"days": 7}, "discount_one_of", "/discount/percent"),
    ({"percent": 10, "amount": 1_000_000, "currency": "EUR", "days": 7}, "discount_one_of", "/discount/percent"),
    ({"percent": 101, "days": 7}, "discount_percent", "/discount/percent"),
    ({"percent": 12.5, "days": 7}, "discount_percent", "/discount/percent"),
    ({"amount": 0, "currency": "EUR", "days": 7}, "discount_amount", "/discount/amount"),
    ({"amount": 5_001, "currency": "EUR", "days": 7}, "discount_amount", "/discount/amount"),
    ({"amount": 500_000, "currency": "JPY", "days": 7}, "discount_amount", "/discount/amount"),
    ({"amount": 5_000_000, "currency": "euro", "days": 7}, "currency_unknown", "/discount/currency"),
    ({"amount": 5_000_000, "days": 7}, "currency_unknown", "/discount/currency"),
])  # fmt: skip
def test_what_is_no_discount_is_refused_with_its_place(said: dict[str, Any], code: str, pointer: str) -> None:
    with pytest.raises(BadInput) as error:
        Discount.read(said)
    assert (error.value.reason.code, error.value.pointer) == (code, pointer)


@pytest.mark.parametrize(("link", "brought"), [
    ("https://shop.example/c/1", "https://shop.example/c/1?coupon=7KXQ4MBD"),
    ("https://shop.example/c?key=a%2Fb&x#y", "https://shop.example/c?key=a%2Fb&x&coupon=7KXQ4MBD#y"),
    ("https://shop.example/c?coupon=OLD&k=1", "https://shop.example/c?k=1&coupon=7KXQ4MBD"),
])  # fmt: skip
def test_a_link_that_takes_a_code_brings_it_along(link: str, brought: str) -> None:
    assert in_link(link, {IN_LINK: "coupon"}, "7KXQ4MBD") == brought
    assert in_link(link, {}, "7KXQ4MBD") == link


def test_a_code_is_good_to_the_end_of_its_last_day_on_the_shops_wall() -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # already the first of December in Paris
    ends = Discount(7, amount=Money(5_000_000, "EUR")).ends_at(late, "Europe/Paris")
    assert ends.isoformat() == "2026-12-08T23:59:59+01:00"
