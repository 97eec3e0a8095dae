"""Numbers in any text, as people and programs write them; and what only looks like one."""

from __future__ import annotations

import pytest

from core.domain.veil import typed, veiled


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Rappelez-moi au 06.39.98.00.36 svp", "Rappelez-moi au 06••••••36 svp"),
        ("Zoé 0639980034", "Zoé 06••••••34"),
        ("06 39 98 00 36", "06••••••36"),
        ("06\u00a039\u00a098\u00a000\u00a036", "06••••••36"),
        ("+33 6 39 98 00 36.", "+33•••••••36."),
        ("+33 (0)6 39 98 00 36", "+33•••••••36"),
        ("/why?q=%2B33639980033", "/why?q=%2B33•••••••33"),
        ('"to":"+33639980001"', '"to":"+33•••••••01"'),
        ("0033639980001", "00•••••••••01"),
        ("00 33 6 39 98 00 33", "00•••••••••33"),
        ("tel:33639980001", "tel:33•••••••01"),
        ("tel=0639980001", "tel=06••••••01"),
        ("+44 7911 123456", "+44••••••••56"),
        ("0470 12 34 56", "04••••••56"),
        ("079 123 45 67", "07••••••67"),
        ("07911 123456", "07•••••••56"),
    ],
)  # fmt: skip
def test_a_number_shows_how_it_ends(text: str, seen: str) -> None:
    assert veiled(text, "33") == seen


@pytest.mark.parametrize(
    "text",
    ["RDV le 01/02/2026 09:00", "01-02-2026 08h30", "2026-11-30T09:00:00+01:00", "0,052 EUR", "1 234 567,89 EUR",
     "msg_06h19z2ftxdf69f2asvk", "38555", "+12 points", "?v=0a63998003", "12:00, 14:00-19:00", "0.0639980036", "75001",
     "usr_0639980036x"],
)  # fmt: skip
def test_what_is_no_number_stays(text: str) -> None:
    assert veiled(text, "33") == text


def test_what_the_reader_typed_is_shown_to_them() -> None:
    known = typed(["06 39 98 00 33", "Roux"])

    assert veiled('value="+33639980033" 0639980034', "33", known) == 'value="+33639980033" 06••••••34'
    assert typed(["12", "1234567"]) == frozenset(), "nobody finds a number out digit by digit"


def test_other_countries_write_without_a_zero() -> None:
    assert veiled("(415) 555-2671", "1") == "41••••••71"
    assert veiled("612 34 56 78", "34") == "61•••••78"
