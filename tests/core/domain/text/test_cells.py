"""Cells of a file for spreadsheets: none is a formula, and numbers stay numbers."""

from __future__ import annotations

import pytest

from core.domain.text.cells import decimal, line, safe_cell


@pytest.mark.parametrize("value", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "  =1", "＝1", "＋1", "\r=1", "-"])
def test_a_cell_that_looks_like_a_formula_is_defused(value: str) -> None:
    assert safe_cell(value) == f"'{value}"


@pytest.mark.parametrize("value", ["Bonjour", "-5", "+3,5", "12.50", "a=b", "", "+33612345678"])
def test_plain_texts_and_signed_numbers_stay_as_they_are(value: str) -> None:
    assert safe_cell(value) == value


def test_a_line_is_separated_as_the_language_s_spreadsheets_expect() -> None:
    assert line(["a;b", 'dit "oui"', "=1"], "fr") == '"a;b";"dit ""oui""";\'=1\r\n'
    assert line(["a,b", "c"], "en") == '"a,b",c\r\n'


@pytest.mark.parametrize(
    "micros, french, english",
    [(52_000, "0,052", "0.052"), (-1_500_000, "-1,5", "-1.5"), (3_000_000, "3", "3"), (0, "0", "0"), (1, "0,000001",
     "0.000001")],
)  # fmt: skip
def test_money_is_a_number_that_can_be_added_up(micros: int, french: str, english: str) -> None:
    assert (decimal(micros, "fr"), decimal(micros, "en")) == (french, english)
