"""The parts of a long reply, put together again. Bounded: who sends parts without end fills nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.domain.smpp.texts import Place

PATIENCE = 300.0
"""Seconds after which what has come of a reply is passed on without the rest."""
MOST = 500
"""Replies that may be incomplete at a time; the oldest is passed on when there is one more."""
GAP = "…"


@dataclass(slots=True)
class Unfinished:
    """A long reply of which parts are missing. `began` is on the monotonic clock; `answer` is left to who joins."""

    sender: str
    to: str
    total: int
    began: float
    texts: dict[int, str] = field(default_factory=dict)
    answer: Any = None

    @property
    def is_whole(self) -> bool:
        return len(self.texts) == self.total

    @property
    def text(self) -> str:
        """What has come, in order; a gap in place of what has not."""
        said = [self.texts.get(number) for number in range(1, self.total + 1)]
        return "".join(GAP if one is None and (at == 0 or said[at - 1] is not None) else one or ""
                       for at, one in enumerate(said))


class Joiner:
    """Of one account."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, int, int], Unfinished] = {}

    def add(self, sender: str, to: str, place: Place, text: str, now: float) -> Unfinished:
        """The reply with this part in it; whole, it is no longer kept here. Parts come in any order; one that came
        before changes nothing."""
        key = (sender, to, place.reference, place.total)
        reply = self._open.setdefault(key, Unfinished(sender, to, place.total, now))
        reply.texts.setdefault(place.number, text)
        if reply.is_whole:
            del self._open[key]
        return reply

    def put_back(self, reply: Unfinished, place: Place) -> None:
        """A whole reply that could not be passed on: any of its parts that comes again completes it again."""
        self._open[(reply.sender, reply.to, place.reference, place.total)] = reply

    def overdue(self, now: float) -> list[Unfinished]:
        """Those that have waited long enough, and the oldest of those that are too many."""
        keys = list(self._open)
        crowd = max(0, len(keys) - MOST)
        late = [key for at, key in enumerate(keys) if at < crowd or self._open[key].began + PATIENCE <= now]
        return [self._open.pop(key) for key in late]

    def rest(self) -> list[Unfinished]:
        """All of them: the connection ends."""
        rest = list(self._open.values())
        self._open.clear()
        return rest
