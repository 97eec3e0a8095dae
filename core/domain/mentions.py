"""Whether a kept request speaks of one person: by the id of their record, an e-mail address or a number, each exactly.

An id is a short word in most shops: `55` also stands in prices, dates and other ids, and whoever asks to be forgotten
takes nothing along that is another's. So an id counts only where an id stands, and never in the name of something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from core.domain.spellings import Spellings

# What platforms call a record without saying of what kind it is.
_ANYTHING = frozenset({"", "object", "record", "subject", "person", "user", "member", "primaryobject", "newobject",
                       "mergedobject", "who", "from", "to", "key"})
_ID = re.compile(r"(?:^|_|(?<=[a-z]))ids?$", re.IGNORECASE)
_DEEPEST = 100


class Mentions:
    """`subject` is "<kind>/<id>" or an id alone, `email` an address, `numbers` are E.164; what is not given is not
    looked for."""

    def __init__(self, subject: str | None = None, email: str | None = None, numbers: Iterable[str] = ()) -> None:
        kind, _, identity = (subject or "").rpartition("/")
        self._kind, self._identity = _plain(kind.rpartition("/")[2]), identity.casefold()
        self._email = _alone(email.strip(), r"\w.+-") if email and email.strip() else None
        self._word = _alone(identity, r"\w-") if identity else None
        self._numbers = [Spellings(one) for one in numbers]

    def within(self, body: bytes) -> bool:
        """Whether `body` (JSON, or any other text) speaks of the person."""
        text = body.decode("utf-8", "replace")
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            # Nobody knows what stands where: a whole word is enough.
            return self._in_text(text) or bool(self._word and self._word.search(text))
        return any(self._is(kind, name, value) for kind, name, value in _leaves(said, "", "", 0))

    def _is(self, kind: str, name: str, value: str) -> bool:
        return self._in_text(value) or self._is_id(kind, name, value)

    def _in_text(self, text: str) -> bool:
        return bool(self._email and self._email.search(text)) or any(one.within(text) for one in self._numbers)

    def _is_id(self, kind: str, name: str, value: str) -> bool:
        """`value` stands under `name`, in something that is called `kind`."""
        if not self._identity:
            return False
        # "gid://shop/Customer/55" and "customer/55" say of what kind it is themselves.
        path, _, last = value.casefold().rpartition("/")
        if last != self._identity:
            return False
        if path:
            return _plain(path.rpartition("/")[2]) in (self._kind, "") or not self._kind
        found = _ID.search(name)
        if found is None:
            return bool(self._kind) and _plain(name) == self._kind
        # `customer_id` says of whom; a bare `id` is that of what it stands in.
        of = _plain(name[:found.start()]) or kind
        return of in _ANYTHING or not self._kind or of == self._kind


def _leaves(said: Any, kind: str, name: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """(what it stands in, under which name, the value as text)."""
    if depth > _DEEPEST:
        return
    if isinstance(said, dict):
        for key, value in said.items():
            yield from _leaves(value, _plain(name), str(key), depth + 1)
            yield "", "key", str(key)
    elif isinstance(said, list):
        for value in said:
            if isinstance(value, dict | list):
                # The things of a list are called like the list.
                yield from _leaves(value, kind, name, depth + 1)
            else:
                yield from _leaves(value, kind, name, depth)
    elif said is not None and not isinstance(said, bool):
        yield kind, name, str(said)


def _plain(word: str) -> str:
    """`Customers`, `customer_` and `customer` are one word."""
    return word.casefold().strip("_-").removesuffix("s")


def _alone(word: str, of: str) -> re.Pattern[str]:
    """`word` where it is not a piece of a longer one."""
    after = rf"(?![{of.replace('.', '')}]|\.\w)"
    return re.compile(rf"(?<![{of}]){re.escape(word)}{after}", re.IGNORECASE)
