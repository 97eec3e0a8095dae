"""One-time codes in words: one part in each language, and hidden wherever they are shown later."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text.alphabet import GSM7
from core.domain.text.codes import HIDDEN, WORDS, hidden, language_of, readable, typed
from core.domain.text.segments import measure
from core.domain.text.templates import render

CODES = st.integers(0, 999_999).map(lambda number: f"{number:06d}")
NAMES = st.text("ABCDEFGHIJKLMNOPabcdefghij éèàü'", min_size=1, max_size=40).filter(str.strip).filter(GSM7.fullmatch)


@given(st.sampled_from(sorted(WORDS)), CODES, NAMES)
def test_a_code_is_one_part_in_every_language_and_comes_first(language: str, code: str, name: str) -> None:
    text = render(WORDS[language], {"code": code, "name": name, "minutes": 10}, ZoneInfo("UTC"), language).text
    assert text.startswith(code)
    measured = measure(text)
    assert (measured.encoding, measured.segments) == ("GSM-7", 1)


@given(st.sampled_from(sorted(WORDS)), CODES)
def test_a_hidden_text_does_not_hold_the_code(language: str, code: str) -> None:
    text = render(WORDS[language], {"code": code, "name": "Cabinet", "minutes": 10}, ZoneInfo("UTC"), language).text
    shown = hidden(text)
    assert code not in shown
    assert shown == HIDDEN * 6 + text[6:]
    assert hidden(shown) == shown


@given(CODES, st.sampled_from(["{}", "{}.", "Code : {}", "#{}", "G-{}", "({})", "{}\n@shop.example #1"]))
def test_wherever_it_stands(code: str, around: str) -> None:
    for written in (code, f"{code[:3]} {code[3:]}", f"{code[:3]}-{code[3:]}", " ".join(code)):
        assert not any(digit.isdigit() for digit in hidden(around.format(written)).partition("@")[0])


def test_the_hour_stays_readable():
    assert hidden("Rendez-vous à 14h30, code 482913") == "Rendez-vous à 14h30, code ••••••"


@pytest.mark.parametrize("given, meant", [("123 456", "123456"), (" 123-456 ", "123456"), ("１２３４５６", "123456"),
                                          ("12345a", "12345a"), ("1" * 90, "1" * 40)])  # fmt: skip
def test_what_a_person_types(given, meant):
    assert typed(given) == meant


@given(st.text(max_size=50))
def test_whatever_is_typed(text: str) -> None:
    assert not readable(typed(text)) or len(typed(text)) == 6


@pytest.mark.parametrize("asked, house, spoken", [("de", "fr", "de"), ("pt-BR", "fr", "fr"), (None, "es", "es"),
                                                  ("EN_us", "fr", "en"), ("nl", "nl", "en")])  # fmt: skip
def test_the_fallback_is_declared(asked, house, spoken):
    assert language_of(asked, house) == spoken
