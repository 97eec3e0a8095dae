"""The GSM 03.38 alphabet and our cheap spellings: the two tables on which the length of a text depends.

One character outside the alphabet turns the whole message into UCS-2, 70 characters a part instead of 160.
Source of the alphabet: 3GPP TS 23.038. The spellings are our choice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_ESCAPE = 0x1B

# In code order, sixteen a line. The place of the escape holds a space here, which the code below skips.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40,
              "€": 0x65}

BASIC: Mapping[str, int] = MappingProxyType({c: code for code, c in enumerate(_BASIC) if code != _ESCAPE})
"""Character to its septet."""

EXTENSION: Mapping[str, int] = MappingProxyType(_EXTENSION)
"""Character to the septet that follows the escape: these cost two."""

OCTETS: Mapping[str, bytes] = MappingProxyType(
    {c: bytes((code,)) for c, code in BASIC.items()} | {c: bytes((_ESCAPE, code)) for c, code in EXTENSION.items()}
)
"""Character to its octets, one septet an octet, the escape included."""


def one_of(characters: str) -> str:
    """A pattern class that matches exactly `characters`."""
    return "[" + "".join(map(re.escape, characters)) + "]"


GSM7 = re.compile(one_of("".join(OCTETS)) + "*")
"""`fullmatch` says whether a text can be spelled in GSM-7."""


def _spellings(*rows: str) -> dict[str, str]:
    """Rows of cells, each `characters:replacement`."""
    table: dict[str, str] = {}
    for row in rows:
        for cell in row.split():
            characters, _, replacement = cell.partition(":")
            table |= dict.fromkeys(characters, replacement)
    return table


_INVISIBLE = {
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u2002": " ", "\u2003": " ", "\t": " ",
    "\u200b": "", "\u200c": "", "\u2060": "", "\ufeff": "", "\u00ad": "",
}

CHEAP: Mapping[str, str] = MappingProxyType(_INVISIBLE | _spellings(
    # quotes
    "‘’‚‛′´`ʼ‹›:'  “”„‟″«»:\"",
    # dashes and dots
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212•:-  ·:.  …:...",
    # letters
    "œ:oe Œ:OE  ç:c  âáã:a ÂÀÁÃ:A  êë:e ÊËÈ:E  îïí:i ÎÏÍÌ:I  ôóõ:o ÔÓÒÕ:O  ûú:u ÛÙÚ:U  ÿý:y ŸÝ:Y",
    # signs
    "°º:o ª:a ×:x ÷:/ ½:1/2 ¼:1/4 ¾:3/4 ™:TM ®:(R) ©:(C) µ:u →:-> ←:<- ✓:v ≤:<= ≥:>=",
))
"""A character outside GSM-7, and what we write instead when the message should stay cheap."""
