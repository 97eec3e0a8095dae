"""Whose phone a cart means, and what shops write for a sum, an address, a language."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.shoppers import Written, email_of, language_of, line_of, rounded_sum, sum_of, whose

ZOE, ANA = "+33639980001", "+33639980008"


def test_the_first_phone_that_takes_messages_wins_and_a_fixed_line_only_without_another() -> None:
    found = whose([Written("a", ""), Written("b", None), Written("c", "01 40 00 00 00"), Written("d", ZOE),
                   Written("e", ANA)], "FR")
    alone = whose([Written("c", "01 40 00 00 00")], "FR")

    assert found.recipient is not None
    assert found.recipient.number == ZOE
    assert found.evidence is not None
    assert (found.evidence.field, found.evidence.text) == ("d", ZOE)
    assert alone.recipient is not None
    assert alone.recipient.number == "+33140000000"


def test_a_number_is_read_in_its_addresss_country_and_else_in_the_shops() -> None:
    belgian = whose([Written("a", "0470 12 34 56", "be")], "FR").recipient
    french = whose([Written("a", "06 39 98 00 01")], "FR").recipient

    assert belgian is not None
    assert belgian.number == "+32470123456"
    assert french is not None
    assert french.number == ZOE


def test_a_shops_own_number_is_nobodys_and_the_trouble_is_that_of_what_was_written() -> None:
    assert whose([Written("a", ZOE), Written("b", ANA)], "FR", frozenset({ZOE})).recipient is not None
    assert whose([Written("a", ZOE)], "FR", frozenset({ZOE})).trouble is not None
    nobody, unreadable = whose([], "FR").trouble, whose([Written("a", "at work"), Written("b", "x")], "FR").trouble
    assert nobody is not None
    assert nobody.code == "shop_no_phone"
    assert unreadable is not None
    assert (unreadable.code, unreadable.values["text"]) == ("number_unreadable", "at work")


@given(st.lists(st.builds(Written, st.just("f"), st.text(max_size=50), st.sampled_from([None, "FR", "BE", "ZZ", ""]))))
def test_whatever_is_written_there_is_a_person_or_a_reason(written: list[Written]) -> None:
    found = whose(written, "FR")

    assert (found.recipient is None) == (found.trouble is not None)


@pytest.mark.parametrize("amount, currency, wanted", [
    ("84.70", "EUR", 84_700_000), (84.7, "eur", 84_700_000), (12, "EUR", 12_000_000), ("1250", "JPY", 1_250_000_000),
    ("84.705", "EUR", None), ("", "EUR", None), (None, "EUR", None), (True, "EUR", None), ("x", "EUR", None),
    ("-1", "EUR", None), ("1", "EURO", None), ("1", "", None), (float("nan"), "EUR", None), ([], "EUR", None)])
def test_a_sum_is_exact_or_none(amount: Any, currency: str, wanted: int | None) -> None:
    said = sum_of(amount, currency)

    assert (said and said["amount"]) == wanted


@pytest.mark.parametrize("amount, currency, wanted", [
    ("84.699997", "EUR", 84_700_000), (84.6999, "EUR", 84_700_000), ("1250.4", "JPY", 1_250_000_000),
    ("3.1249", "KWD", 3_125_000), (None, "EUR", None), ("x", "EUR", None), ("1e999", "EUR", None)])
def test_more_decimals_than_people_see_are_rounded(amount: Any, currency: str, wanted: int | None) -> None:
    said = rounded_sum(amount, currency)

    assert (said and said["amount"]) == wanted


@pytest.mark.parametrize("said, wanted", [
    ("Zoe@Example.net ", "zoe@example.net"), ("", None), ("nobody", None), (None, None), (7, None),
    ("a@" + "b" * 300, None), ("a@b\n", "a@b"), ("a\x00@b", None)])
def test_an_address_is_in_lower_case_or_none(said: Any, wanted: str | None) -> None:
    assert email_of(said) == wanted


@pytest.mark.parametrize("said, wanted", [("fr-FR", "fr"), ("FR", "fr"), ("pt_BR", "pt"), ("", None), (None, None),
                                          ("français", None), ("x", None)])
def test_a_language_is_two_letters(said: str | None, wanted: str | None) -> None:
    assert language_of(said) == wanted


@pytest.mark.parametrize("quantity, wanted", [
    (2, 2), ("2", 2), ("2.0000", 2), (1.5, 1), (None, 1), ("many", 1), (-1, 0)])
def test_a_line_has_a_name_and_a_count(quantity: Any, wanted: int) -> None:
    line = line_of("  Théière \n émaillée ", quantity, None, "bleue")

    assert line == {"name": "Théière émaillée", "quantity": wanted, "variant": "bleue"}
    assert line_of(" ", quantity) is None
