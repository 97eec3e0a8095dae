"""Every way in which people and programs write one telephone number: to find it in any text when it is to be erased."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote_plus

import phonenumbers

# Between two digits: what people type, what a mail program puts there, and what is left of a link's "tel:06-12".
_BETWEEN = r"(?:[\s.\-/()_·•\u00a0\u2000-\u200f\u2010-\u2015\u202a-\u202f\u2060\ufeff]|&nbsp;|\\[ntr]){0,4}"
_SHORT = 8
ERASED = "…"


class Spellings:
    """The spellings of `number` (E.164). Pure; compiled once."""

    def __init__(self, number: str) -> None:
        parsed = phonenumbers.parse(number)
        national = phonenumbers.national_significant_number(parsed)
        country = str(parsed.country_code)
        digits = _BETWEEN.join(national)
        # A short number is found only with what stands before it, or every price and date would be one.
        before = rf"(?:(?:\+|00)?{_BETWEEN}{_BETWEEN.join(country)}{_BETWEEN}(?:0{_BETWEEN})?|(?<!\d)0{_BETWEEN})"
        optional = "" if len(national) < _SHORT else "?"
        self._pattern = re.compile(rf"(?:{before}){optional}{digits}(?!\d)")
        self.like = "%" + "%".join(national) + "%"
        """A pattern for SQL's LIKE that matches every text with the number, and a few others."""

    def within(self, text: str) -> bool:
        """Whether `text` names the number, in itself or once its percent and HTML escapes are read."""
        if self._pattern.search(text):
            return True
        return any(self._pattern.search(read) is not None for read in _readings(text) if read != text)

    def erased(self, text: str) -> str:
        """`text` without the number."""
        return self._pattern.sub(ERASED, text)

    def erased_json(self, value: Any) -> Any:
        """A JSON value without the number, in texts, names and figures."""
        if isinstance(value, str):
            return self.erased(value)
        if isinstance(value, dict):
            return {self.erased(str(name)): self.erased_json(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.erased_json(one) for one in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return None if self._pattern.fullmatch(str(value)) else value
        return value


def _readings(text: str) -> tuple[str, ...]:
    unescaped = _ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), text)
    return unquote_plus(text), html.unescape(text), unescaped, unquote_plus(unescaped)


_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
