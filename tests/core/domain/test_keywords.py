"""Which words may be keywords, and how people spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.keywords import Keyword, heard, parse_word, spelled
from core.domain.replies import Meaning, meaning

RDV = Keyword("kwd_1", frozenset({parse_word("Rdv"), parse_word("rendez-vous")}))
PROMO = Keyword("kwd_2", frozenset({parse_word("PROMO"), parse_word("code promo")}))
KNOWN = (RDV, PROMO)


@pytest.mark.parametrize("text", ["RDV", "rdv", " « Rdv » ! ", "R.D.V.", "r d v", "rdv svp", "Bonjour, RDV merci",
                                  "Rendez-vous", "rendez vous s'il vous plaît"])  # fmt: skip
def test_how_people_spell_a_word(text: str) -> None:
    assert heard(text, KNOWN) is RDV


@pytest.mark.parametrize("text", ["", "mon rdv de lundi", "annuler rdv", "rdvs", "RDV PROMO", "STOP RDV", "STOP",
                                  "oui"])  # fmt: skip
def test_what_is_not_certain_is_no_keyword(text: str) -> None:
    assert heard(text, KNOWN) is None


@pytest.mark.parametrize("word", ["STOP", "Stop pub", "arrêt", "START", "oui", "NON", "annuler", "ok", "désabonner",
                                  "1"])  # fmt: skip
def test_words_that_mean_something_already_are_nobodys(word: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_word(word)
    assert caught.value.reason.code in ("keyword_reserved", "keyword_length")


@pytest.mark.parametrize("word", ["INFO", "RDV", "PROMO10", "Été"])
def test_words_that_may_be_one(word: str) -> None:
    assert parse_word(word) == spelled(word)


@given(st.text(max_size=30))
def test_nothing_that_stops_starts_or_answers_is_ever_a_keyword(text: str) -> None:
    try:
        word = parse_word(text)
    except BadInput:
        return
    assert heard(text, [Keyword("kwd_3", frozenset({word}))]) is not None
    for asked in (False, True):
        assert meaning(text, asked) not in (Meaning.STOP, Meaning.START) or heard(text, KNOWN) is None
