"""One-time codes in words: what the message says in our languages, and how a code is hidden afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

DIGITS = 6
HIDDEN = "•"
FALLBACK = "en"
"""Spoken to those whose language we do not know, unless the house has one of its own."""

WORDS: Mapping[str, str] = MappingProxyType({
    "fr": "{{ code }} est votre code {{ name }}. Il est valable {{ minutes }} minutes. Ne le donnez à personne.",
    "en": "{{ code }} is your {{ name }} code. It is valid for {{ minutes }} minutes. Do not give it to anyone.",
    "es": "{{ code }} es su código {{ name }}. Es válido durante {{ minutes }} minutos. No se lo dé a nadie.",
    "it": "{{ code }} è il suo codice {{ name }}. È valido per {{ minutes }} minuti. Non lo dia a nessuno.",
    "de": "{{ code }} ist Ihr Code für {{ name }}. Er gilt {{ minutes }} Minuten. Geben Sie ihn niemandem weiter.",
})  # fmt: skip
"""The code comes first: it is read in the notification without opening the message."""

_CODE = re.compile(r"(?<![\w+])\d(?:[ -]?\d){3,9}(?!\w)")
_DIGIT = re.compile(r"\d")


def language_of(asked: str | None, house: str) -> str:
    """In which of our languages somebody is spoken to: theirs, else that of the house, else English."""
    for one in (asked, house):
        spoken = (one or "").replace("_", "-").partition("-")[0].lower()
        if spoken in WORDS:
            return spoken
    return FALLBACK


def hidden(text: str) -> str:
    """A message's text as it may be shown later: every figure in it that may be a code is made of dots."""
    return _CODE.sub(lambda found: _DIGIT.sub(HIDDEN, found[0]), text)


def typed(given: str) -> str:
    """The digits that a person meant: spaces and dashes between them do not count, and digits of any script do."""
    kept = [letter for letter in given[:40] if letter not in " -.\u00a0\u202f\t"]
    return "".join(str(int(letter)) if letter.isdecimal() else letter for letter in kept)


def readable(code: str) -> bool:
    """Whether it has the form of a code at all."""
    return len(code) == DIGITS and code.isascii() and code.isdecimal()
