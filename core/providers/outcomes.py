"""What an answer means for a message: the table that every provider begins with, and corrects by its own contract."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType

from core.guarded import Answer
from core.providers.http import Broken

LONGEST_PAUSE = timedelta(days=7)
"""A longer `Retry-After` is taken for this: a slip of somebody's pen must not be for ever."""


class Fate(StrEnum):
    """What became of a request, as far as its answer tells."""

    OK = "ok"
    """Taken, by its status. Whether the body can be read is the provider's to judge; if not, it is `UNCERTAIN`."""
    LATER = "later"
    """Surely not taken; asking again is harmless."""
    REFUSED = "refused"
    """Not taken, and never will be."""
    ACCOUNT = "account"
    """Not taken because of the account: its key, its rights, its credit."""
    UNCERTAIN = "uncertain"
    """Perhaps taken. Nothing may be repeated before it was looked up."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`after` is how long the other side asked us to wait, None if it did not say. `status` is 0 without an answer."""

    fate: Fate
    status: int
    after: timedelta | None
    detail: str


_BY_STATUS: Mapping[int, Fate] = MappingProxyType({
    401: Fate.ACCOUNT,
    402: Fate.ACCOUNT,
    403: Fate.ACCOUNT,
    407: Fate.ACCOUNT,
    # The server gave up waiting for the rest of a request that we had written: how much of it it used is not said.
    408: Fate.UNCERTAIN,
    425: Fate.LATER,
    429: Fate.LATER,
    503: Fate.LATER,
})


def classify(result: Answer | Broken, now: datetime, *, took_nothing_on_5xx: bool = False,
             statuses: Mapping[int, Fate] = MappingProxyType({})) -> Verdict:
    """The fate of a request that was answered `result` at `now` (aware).

    `took_nothing_on_5xx` is for a provider whose contract says that a 5xx means that nothing was taken; `statuses`
    holds what else its contract says of single statuses.
    """
    if isinstance(result, Broken):
        return Verdict(Fate.UNCERTAIN if result.spoken else Fate.LATER, 0, None, result.detail)
    after = retry_after(result.headers.get("retry-after"), now)
    status = result.status
    fate = statuses.get(status) or _BY_STATUS.get(status) or _by_hundred(status, took_nothing_on_5xx)
    return Verdict(fate, status, after, f"HTTP {status}")


def _by_hundred(status: int, took_nothing_on_5xx: bool) -> Fate:
    if 200 <= status <= 299:
        return Fate.OK
    if 300 <= status <= 499:        # a redirect is not followed: what was written went to the address that was set
        return Fate.REFUSED
    if 500 <= status <= 599 and took_nothing_on_5xx:
        return Fate.LATER
    return Fate.UNCERTAIN


_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long a `Retry-After` asks to wait from `now` (aware): whole or decimal seconds, or an HTTP date (RFC 9110).

    None when there is no such header, or when it says nothing that can be read. Rounded up to a second, never negative.
    """
    if value is None:
        return None
    text = value.strip()
    said = [part.strip() for part in text.split(",")]       # two proxies may each have added one: the longer counts
    if all(map(_SECONDS.fullmatch, said)):
        return timedelta(seconds=min(max(math.ceil(float(part)) for part in said), LONGEST_PAUSE.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return max(timedelta(0), min(timedelta(seconds=math.ceil(wait.total_seconds())), LONGEST_PAUSE))
