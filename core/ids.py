"""Names for rows: a prefix that says what it is, then time-ordered and random characters (as RFC 9562's version 7)."""

from __future__ import annotations

import secrets
import threading
import time

_lock = threading.Lock()
_last = 0
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_PLACES = range(90, -1, -10)
_LETTERS = frozenset(_ALPHABET)


def new_id(prefix: str) -> str:
    """`msg_` and 20 characters: 48 bits of milliseconds (new rows are neighbours on disk), and 52 random ones. The
    ids of one process rise: what was accepted first comes first, within the same millisecond too."""
    return new_ids(prefix, 1)[0]


def new_ids(prefix: str, count: int) -> list[str]:
    """`count` ids in rising order, cheaper than one call each: one random start, then steps of a random size."""
    global _last
    step = 1 + secrets.randbits(24)
    with _lock:
        first = max((time.time_ns() // 1_000_000) << 52 | secrets.randbits(51), _last + step)
        _last = first + max(count - 1, 0) * step
    return [f"{prefix}_{_base32(first + index * step)}" for index in range(count)]


def _base32(number: int) -> str:
    """The lowest 100 bits, in 20 characters."""
    return "".join([_PAIRS[number >> place & 1023] for place in _PLACES])


def is_id(given: str) -> bool:
    """Whether it looks like a name that we gave: it is no number, no address and no word of anybody's."""
    prefix, _, rest = given.partition("_")
    return len(prefix) == 3 and prefix.isalpha() and len(rest) == 20 and set(rest) <= _LETTERS
