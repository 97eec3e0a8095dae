"""How far the round of questions has come: carts, then orders, then people, each page by page."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from core.domain.reasons import Reason

AT_FIRST = timedelta(days=30)
# What changed while the last round was under way, and what Shopify's search had not yet seen then.
OVERLAP = timedelta(minutes=10)
ROUND = ("carts", "orders", "people")


class Progress:
    """`about` is what is asked for now, `after` the page, `since` from when on."""

    def __init__(self, began: datetime, since: datetime, about: str = "carts", after: str | None = None,
                 hidden: frozenset[str] = frozenset(), closed: tuple[str, ...] = ()) -> None:
        self.began, self.since, self.about, self.after = began, since, about, after
        self.hidden: set[str] = set(hidden)
        self.closed = list(closed)

    @classmethod
    def read(cls, cursor: str | None, now: datetime) -> Progress:
        """Where the last page left off; a new round when that one was finished."""
        if not cursor:
            return cls(now, now - AT_FIRST)
        kept = json.loads(cursor)
        began = datetime.fromisoformat(kept["began"])
        if kept["about"] is None:
            return cls(now, began - OVERLAP)
        return cls(began, datetime.fromisoformat(kept["since"]), kept["about"], kept["after"],
                   frozenset(kept["hidden"]), tuple(kept["closed"]))

    def denied(self, fields: tuple[str, ...]) -> None:
        """The shop gives nothing of what this part of the round asks for."""
        self.closed.append(self.about)

    def turn(self, after: str | None) -> bool:
        """To the next page, the next part, or the end of the round (False)."""
        self.after = after
        if after is not None:
            return True
        place = ROUND.index(self.about) + 1
        self.about = ROUND[place] if place < len(ROUND) else ""
        return bool(self.about)

    def problems(self) -> list[Reason]:
        found = [Reason("shopify_part_closed", {"part": part}) for part in self.closed]
        return [*found, Reason("shopify_phones_hidden")] if self.hidden else found

    def written(self) -> str:
        return json.dumps({
            "began": self.began.isoformat(), "since": self.since.isoformat(), "about": self.about or None,
            "after": self.after, "hidden": sorted(self.hidden), "closed": self.closed})
