"""The cheap spelling of a text: typographic quotes, dashes and the accents that GSM-7 lacks are not worth double."""

from __future__ import annotations

import re
import unicodedata

from core.domain.text.alphabet import CHEAP, GSM7

_CHEAP = str.maketrans(dict(CHEAP))

# A link ends before the quote or the ellipsis that closes the sentence around it.
_LINK = re.compile(r"(https?://[^\s<>\"«»“”„]*[^\s<>\"«»“”„‘’‹›…–—\u200b\ufeff])", re.IGNORECASE)


def to_gsm7(text: str) -> str:
    """`text` respelled so that it is wholly GSM-7; if that is impossible, `text` as it was given.

    Quotes are not degraded for nothing: when an emoji forces UCS-2 anyway, the text stays as its author wrote it.
    """
    if GSM7.fullmatch(text):
        return text
    spelled = raw_map(text)
    return spelled if GSM7.fullmatch(spelled) else text


def raw_map(text: str) -> str:
    """`text` composed (NFC) and respelled wherever we know a cheap spelling, GSM-7 or not. Links stay as they are."""
    pieces = _LINK.split(text)                  # links are the odd ones
    pieces[::2] = [unicodedata.normalize("NFC", piece).translate(_CHEAP) for piece in pieces[::2]]
    return "".join(pieces)
