"""Names for rows: a prefix that says what it is, then time-ordered and random characters (as RFC 9562's version 7)."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """`msg_` and 20 characters: 48 bits of milliseconds (new rows are neighbours on disk), and 52 random ones."""
    number = (time.time_ns() // 1_000_000) << 52 | secrets.randbits(52)
    return f"{prefix}_{_base32(number, 20)}"


def new_ids(prefix: str, count: int) -> list[str]:
    """`count` ids in rising order, cheaper than one call each: one random start, then steps of a random size."""
    first = (time.time_ns() // 1_000_000) << 52 | secrets.randbits(51)
    step = 1 + secrets.randbits(24)
    return [f"{prefix}_{_base32(first + index * step, 20)}" for index in range(count)]


def _base32(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters))
