"""Keyword rules: a word that people send by themselves (RDV, PROMO) and what follows. How it is known again. Pure.

STOP and its kind, START, and the answers to "will you come?" are nobody's keyword: they mean what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.domain.errors import BadInput
from core.domain.replies import Meaning, made_of, meaning, normalised

LONGEST = 30
MOST_WORDS = 20
LEAST_LETTERS = 2
_SINGLE_LETTERS = re.compile(r"(?:[A-Z0-9] )+[A-Z0-9]")
_TAKEN = (Meaning.STOP, Meaning.START, Meaning.CONFIRM, Meaning.CANCEL)


@dataclass(frozen=True, slots=True)
class Keyword:
    """A rule's id, and its words as `spelled` writes them."""

    id: str
    words: frozenset[str]


def spelled(text: str) -> str:
    """One spelling for all of « rdv », "R.D.V." and « Rdv ! »: capitals, without accents or signs."""
    said = normalised(text)
    return said.replace(" ", "") if _SINGLE_LETTERS.fullmatch(said) else said


def parse_word(given: str, pointer: str = "/words") -> str:
    """A keyword as `spelled` writes it. Raises `BadInput` for one that means something already."""
    word = spelled(given)
    if not LEAST_LETTERS <= len(word) <= LONGEST:
        raise BadInput("keyword_length", pointer=pointer, least=LEAST_LETTERS, most=LONGEST)
    for asked in (False, True):
        if meaning(word, question_open=asked) in _TAKEN:
            raise BadInput("keyword_reserved", pointer=pointer, word=word)
    return word


def heard(text: str, known: Iterable[Keyword]) -> Keyword | None:
    """The keyword that `text` is, with or without politeness around it: « rdv svp » is RDV, "mon RDV de lundi" is not.
    None for two of them, and for anything that stops, starts or answers."""
    if meaning(text, question_open=False) in (Meaning.STOP, Meaning.START):
        return None
    said = spelled(text)
    found = [one for one in known if said in one.words or made_of(text, one.words)]
    return found[0] if len(found) == 1 else None
