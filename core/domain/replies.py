"""What a person's answer means: STOP and its many spellings, and "yes" or "no" to an appointment.

Only what is certain is acted upon. "OUI mais plus tard" is no yes, and goes to a person. The words are data:
`reply_words.toml`.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Meaning(StrEnum):
    """What to do with a reply. `OTHER`: a person reads it."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    OTHER = "other"


def meaning(text: str, question_open: bool) -> Meaning:
    """What `text` asks for. `question_open`: our last message asked this person to confirm or cancel.

    STOP as the first word is an opt-out whatever follows; every other word must be the whole message. CANCEL and its
    kind are an opt-out only when no question is open, and an answer only when one is; a "yes" is never a new consent.
    """
    said, words = normalised(text), _words()
    if said.partition(" ")[0] in words.stop_first or said in words.stop:
        return Meaning.STOP
    if said in words.start:
        return Meaning.START
    if said in words.help:
        return Meaning.HELP
    if question_open:
        return _answer(said, words)
    return Meaning.STOP if said in words.stop_unless_asked else Meaning.OTHER


def normalised(text: str) -> str:
    """Capitals without accents; everything that is neither a letter nor a digit is one space: « Arrêt ! » → ARRET."""
    plain = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in "".join(plain).upper()).split())


def made_of(text: str, answers: Set[str], beside: Set[str] = frozenset()) -> bool:
    """Whether `text` says one of `answers` (as `normalised` spells them), and nothing else but politeness and what
    may stand `beside` it."""
    return _is_made_of(normalised(text), answers, _words().polite | beside)


def _answer(said: str, words: _Words) -> Meaning:
    if _is_made_of(said, words.confirm, words.polite | words.polite_confirm):
        return Meaning.CONFIRM
    if _is_made_of(said, words.cancel, words.polite | words.polite_cancel):
        return Meaning.CANCEL
    return Meaning.OTHER


def _is_made_of(said: str, answers: Set[str], additions: Set[str]) -> bool:
    """Whether the whole of `said` is answers (one at least) and additions, in any order."""
    tokens = said.split()
    if len(tokens) > 12:
        return False
    # reached[n]: the ways to read the first n words, by whether an answer was among them.
    reached: list[set[bool]] = [{False}] + [set() for _ in tokens]
    for start, ways in enumerate(reached):
        for end in range(start + 1, len(tokens) + 1):
            phrase = " ".join(tokens[start:end])
            if phrase in answers:
                reached[end] |= {True for _ in ways}
            if phrase in additions:
                reached[end] |= ways
    return True in reached[-1]


@dataclass(frozen=True, slots=True)
class _Words:
    stop_first: frozenset[str]
    stop: frozenset[str]
    stop_unless_asked: frozenset[str]
    start: frozenset[str]
    help: frozenset[str]
    confirm: frozenset[str]
    cancel: frozenset[str]
    polite: frozenset[str]
    polite_confirm: frozenset[str]
    polite_cancel: frozenset[str]


@cache
def _words() -> _Words:
    lists = tomllib.loads(files("core.domain").joinpath("reply_words.toml").read_text(encoding="utf-8"))
    return _Words(stop_first=frozenset(lists.pop("stop_first")), **{
        name: frozenset(word for words in by_language.values() for word in words)
        for name, by_language in lists.items()
    })
