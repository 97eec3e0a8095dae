"""What no database keeps and no network carries (a NUL, half of a surrogate pair) is marked where texts from outside
are stored, so that one odd title neither stops a whole calendar nor comes back with each retry."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from core.domain.events import Event, Wish
from core.domain.reasons import Reason

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
_LONGEST_NAME = 200
_LONGEST_ZONE = 64
_ODD = re.compile("[\x00\ud800-\udfff]")
T = TypeVar("T")


def clean(given: T) -> T:
    """`given` (a text, or JSON that holds texts) with each such character replaced; the same object if it has none."""
    cleaned: Any = given
    if isinstance(given, str):
        cleaned = _ODD.sub(UNREADABLE, given) if _ODD.search(given) else given
    elif isinstance(given, Mapping):
        cleaned = {clean(key): clean(value) for key, value in given.items()}
    elif isinstance(given, list | tuple):
        cleaned = type(given)(clean(one) for one in given)
    result: T = cleaned
    return result


def short(given: str | None) -> str | None:
    """A platform's name of something (a record, a workflow) as it is kept: one of more than 200 characters is cut, with
    a mark of all of it at its end, so that two of them stay two."""
    if given is None or len(given) <= _LONGEST_NAME:
        return given
    mark = hashlib.blake2b(given.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return f"{given[: _LONGEST_NAME - 1 - len(mark)]}~{mark}"


def clean_event(event: Event) -> Event:
    """`event` as it can be stored. Done before its digest is taken: the same event is the same afterwards too."""
    trouble, evidence = event.trouble, event.evidence
    return replace(
        event,
        key=clean(event.key),
        values=clean(event.values),
        private=clean(event.private),
        candidates=clean(event.candidates),
        trouble=trouble and Reason(trouble.code, clean(trouble.values)),
        evidence=evidence and replace(evidence, text=clean(evidence.text)),
        wish=event.wish and _clean_wish(event.wish),
        subject=short(clean(event.subject)),
        # No zone of the world has so long a name: what is none does not keep the rest from being stored.
        zone=None if event.zone is not None and len(event.zone) > _LONGEST_ZONE else event.zone,
        email=event.email and clean(event.email).strip().lower(),
    )


def _clean_wish(wish: Wish) -> Wish:
    cleaned = Wish.from_json(clean(wish.as_json()))
    return replace(cleaned, campaign=short(cleaned.campaign))
