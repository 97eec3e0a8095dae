"""Words that a lock screen must not show: the specialty, the act or the result that a reminder would betray.

That somebody has an appointment can itself be health data (GDPR, article 9), and a text message is read by whoever
holds the phone. This is a linter: it finds words and says where, a person decides. The lists are our own selection.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

# A word may be written with combining accents.
_LETTERS = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*")


@dataclass(frozen=True, slots=True)
class Found:
    """`word` as the text spells it, and where it begins (in code points)."""

    word: str
    index: int


@dataclass(frozen=True, slots=True)
class _Lists:
    """`health_words.toml`; `phrases` are sequences of words."""

    stems: frozenset[str]
    endings: frozenset[str]
    words: frozenset[str]
    capitals: frozenset[str]
    phrases: tuple[tuple[str, ...], ...]


def health_words(text: str) -> tuple[Found, ...]:
    """Every word of `text` that would tell why somebody sees a doctor, in order. Accents and capitals do not matter."""
    lists = _lists()
    words = list(_LETTERS.finditer(text))
    folded = [_fold(word.group()) for word in words]
    found: list[Found] = []
    place = 0
    while place < len(words):
        length = _phrase_at(folded, place, lists) or int(_tells(words[place].group(), folded[place], lists))
        if length:
            start, end = words[place].start(), words[place + length - 1].end()
            found.append(Found(text[start:end], start))
        place += length or 1
    return tuple(found)


def _phrase_at(folded: list[str], place: int, lists: _Lists) -> int:
    """How many words the phrase that begins at `place` has; 0 if none begins there."""
    return next((len(phrase) for phrase in lists.phrases if tuple(folded[place:place + len(phrase)]) == phrase), 0)


def _tells(word: str, folded: str, lists: _Lists) -> bool:
    if folded in lists.words or word in lists.capitals:
        return True
    shortest = max(len(folded) - max(map(len, lists.endings)), 1)
    return any(folded[:cut] in lists.stems and folded[cut:] in lists.endings for cut in range(shortest, len(folded)))


def _fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@lru_cache(maxsize=1)
def _lists() -> _Lists:
    lists = tomllib.loads(resources.files(__package__).joinpath("health_words.toml").read_text("utf-8"))
    stems, endings, words, capitals = (frozenset(lists[name].split())
                                       for name in ("stems", "endings", "words", "capitals"))
    return _Lists(stems, endings, words, capitals, tuple(tuple(phrase.split()) for phrase in lists["phrases"]))
