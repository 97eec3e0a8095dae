"""One number, however it is written; and what only looks like it stays."""

from __future__ import annotations

import pytest

from core.domain.spellings import Spellings

ANA = Spellings("+33612345678")


@pytest.mark.parametrize("text", [
    "+33612345678", "0612345678", "0033612345678", "33612345678", "06 12 34 56 78", "06.12.34.56.78", "06-12-34-56-78",
    "+33 (0)6 12 34 56 78", "+33\u00a06\u00a012\u00a034\u00a056\u00a078", "06\u202f12\u202f34\u202f56\u202f78",
    "tel:06/12/34/56/78",
    "06&nbsp;12&nbsp;34&nbsp;56&nbsp;78", "%2B33612345678", "phone=06+12+34+56+78", "\\u002b33612345678",
    "appelez le 06 12 34 56 78, merci", "&#43;33612345678", "612345678", "06 12\n34 56 78",
])
def test_every_spelling_is_found(text: str) -> None:
    assert ANA.within(text)


@pytest.mark.parametrize("text", [
    "06 12 34 56 79", "0712345678", "061234567", "06123456789", "commande 61234 5", "", "le 06/12 à 34 € 56",
])
def test_what_is_another_number_is_left_alone(text: str) -> None:
    assert not ANA.within(text)
    assert ANA.erased(text) == text


def test_erasing_leaves_the_rest_of_the_text() -> None:
    assert ANA.erased("Mme Roux 06 12 34 56 78 (mère)") == "Mme Roux … (mère)"


def test_erasing_reaches_into_json() -> None:
    value = {"to": "+33612345678", "n": 612345678, "list": ["06.12.34.56.78", 3, None, True],
             "06 12 34 56 78": {"a": 1.5}}

    assert ANA.erased_json(value) == {"to": "…", "n": None, "list": ["…", 3, None, True], "…": {"a": 1.5}}


def test_a_short_national_number_is_found_only_with_its_country() -> None:
    iceland = Spellings("+3546112345")

    assert iceland.within("+354 611 2345")
    assert not iceland.within("total 6112345")
