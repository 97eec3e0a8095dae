"""Salesforce's ids: 15 characters in which case counts, or 18 whose last three say the case again."""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PERSONS = {"003": "Contact", "00Q": "Lead", "001": "Account"}
ORGANIZATION = "00D"


def long_id(text: str) -> str | None:
    """The form of 18 characters of an id of 15 or 18; None for what is no id, or whose last three characters are
    wrong."""
    text = text.strip()
    if not _ID.fullmatch(text):
        return None
    whole = text[:15] + "".join(_SUFFIX[_upper(text[start:start + 5])] for start in (0, 5, 10))
    return whole if len(text) == 15 or text[15:].upper() == whole[15:] else None


def organization(text: str) -> str | None:
    """The org's id of 18 characters; None for what is none."""
    whole = long_id(text)
    return whole if whole is not None and whole.startswith(ORGANIZATION) else None


def object_of(record: str) -> str | None:
    """The object that the id is one of, for the three that can be a person; None for any other."""
    return _PERSONS.get(record[:3])


def _upper(piece: str) -> int:
    return sum(1 << place for place, character in enumerate(piece) if "A" <= character <= "Z")
