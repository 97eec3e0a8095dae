"""Telephone numbers in any text, so that those who may only look see how they end: a net under what each page masks by
itself, for the names, titles and replies in which people write numbers too."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from core.domain.recipients import mask

_GAP = r"[ .\-/\u00a0\u202f]"
_PLUS = r"(?:\+|%2[Bb]|&\#43;|\\u002[bB])"
SHORTEST, LONGEST = 8, 15
_WITHOUT_ZERO = frozenset({"34", "351", "352", "377", "45", "47", "48"})
"""Calling codes of countries whose people write no zero before a number of nine digits or fewer."""


@cache
def _shapes(calling_code: str) -> re.Pattern[str]:
    shapes = [
        # +33 6 39 98 00 36, +33 (0)6…, %2B33…, 0033…
        rf"{_PLUS}[1-9]\d{{0,2}}{_GAP}?(?:\(0\){_GAP}?)?(?:\d{_GAP}?){{6,13}}\d(?!\d)",
        rf"(?<![\w.,:])00{_GAP}?[1-9]{_GAP}?(?:\d{_GAP}?){{7,12}}\d(?!\w)",
        # 06 39 98 00 36: pairs, with the same between each. A date with its hour has not.
        rf"(?<![\d.,:_])0[1-9](?P<gap>{_GAP}?)\d\d(?:(?P=gap)\d\d){{3}}(?!\d)",
        # 0470 12 34 56, 079 123 45 67, 07911 123456
        rf"(?<![\w.,:/\-])0[1-9]\d{{1,3}}(?:{_GAP}?\d{{2,6}}){{1,4}}(?!\w)",
        rf"(?<![\w.])(?:{re.escape(calling_code)})0?[1-9]\d{{7,9}}(?!\w)",
    ]
    if calling_code == "1":
        shapes.append(r"(?<![\w.])\(?[2-9]\d\d\)?[ .\-]{0,2}\d{3}[ .\-]?\d{4}(?!\w)")
    if calling_code in _WITHOUT_ZERO:
        shapes.append(rf"(?<![\w.,:/\-])[2-9]\d{{1,2}}(?:{_GAP}?\d{{2,3}}){{2,3}}(?!\w)")
    return re.compile("|".join(f"(?:{one})" for one in shapes))


def veiled(text: str, calling_code: str, known: Collection[str] = ()) -> str:
    """`text` with every number masked: `06 39 98 00 36` → `06••••••36`. `calling_code`: of the country whose people
    write here ("33"). `known`: digits of numbers that the reader has typed."""

    def masked(found: re.Match[str]) -> str:
        said = found.group()
        digits = "".join(re.findall(r"\d", said.replace("%2B", "").replace("%2b", "").replace("\\u002", "")
                                    .replace("&#43;", "").replace("(0)", "")))  # fmt: skip
        if not SHORTEST <= len(digits) <= LONGEST or any(digits.endswith(one) for one in known):
            return said
        sign = re.match(_PLUS, said)
        if sign:
            return sign.group() + mask("+" + digits)[1:]
        return digits[:2] + "•" * (len(digits) - 4) + digits[-2:]

    return _shapes(calling_code).sub(masked, text)


def typed(texts: Collection[str]) -> frozenset[str]:
    """The digits of what somebody typed that is as long as a number, without what stands before it."""
    digits = ("".join(one for one in text if one.isascii() and one.isdigit()) for text in texts)
    return frozenset(one[-SHORTEST:] for one in digits if len(one) >= SHORTEST)
