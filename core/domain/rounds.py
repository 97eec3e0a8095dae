"""Rounds of questions to a platform that tells nothing by itself: what changed since the last round began, part by part
and page by page, however often it is interrupted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta


class Round:
    """How far a round has come: `part` of `parts` (from 0), `page` of it (from 1), and `since` when it asks."""

    def __init__(self, began: datetime, since: datetime, parts: int, part: int = 0, page: int = 1) -> None:
        self.began, self.since, self.parts, self.part, self.page = began, since, parts, part, page

    @classmethod
    def read(
        cls, cursor: str | None, now: datetime, *, at_first: timedelta, overlap: timedelta, parts: int = 1
    ) -> Round:
        """Where the last page left off; a new round when that one was finished. `at_first` is how far back the first
        round looks, `overlap` what each round asks for again: a change while the last one was under way."""
        if not cursor:
            return cls(now, now - at_first, parts)
        kept = json.loads(cursor)
        began = datetime.fromisoformat(kept["began"])
        if kept["part"] is None:
            return cls(now, began - overlap, parts)
        return cls(began, datetime.fromisoformat(kept["since"]), parts, kept["part"], kept["page"])

    @property
    def begins(self) -> bool:
        """Nothing was asked yet."""
        return (self.part, self.page) == (0, 1)

    def turn(self, more: bool) -> bool:
        """To the next page, the next part, or the end of the round (False)."""
        self.part, self.page = (self.part, self.page + 1) if more else (self.part + 1, 1)
        return self.part < self.parts

    def written(self) -> str:
        """For `read`, next time."""
        return json.dumps({"began": self.began.isoformat(), "since": self.since.isoformat(), "page": self.page,
                           "part": self.part if self.part < self.parts else None})
