"""A book of parts in this process's memory, for where core lends none: it forgets when the process ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.contract import Account, KnownPart, Part, PartWord
from core.domain.messages import State, may_follow


class Notes:
    """A `core.contract.PartsBook`. It adopts no receipt: which messages are in doubt, only core knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._parts: dict[str, dict[str, tuple[str, KnownPart]]] = {}
        self._waiting: dict[str, list[PartWord]] = {}
        self._untold: dict[str, dict[str, None]] = {}

    def take(self, account: Account, parts: Sequence[Part], now: datetime) -> None:
        with self._lock:
            waiting = self._waiting.setdefault(account.id, [])
            for part in parts:
                row = f"note{next(self._numbers)}"
                known = KnownPart(row, part.reference, part.number, part.total, part.id, None, "", None)
                self._parts.setdefault(account.id, {})[row] = part.tail, known
                for word in [one for one in waiting if one.id in part.forms and one.tail == part.tail]:
                    waiting.remove(word)
                    self._moved(account, row, word)

    def hear(self, account: Account, words: Sequence[PartWord], now: datetime) -> None:
        with self._lock:
            for word in words:
                newest = reversed(self._parts.get(account.id, {}).items())
                found = next((row for row, (tail, part) in newest if part.id in word.forms and tail == word.tail), None)
                if found is not None:
                    self._moved(account, found, word)
                elif word not in self._waiting.setdefault(account.id, []):
                    self._waiting[account.id].append(word)

    def news(self, account: Account, heard_before: datetime) -> list[list[KnownPart]]:
        with self._lock:
            parts = self._parts.get(account.id, {})
            references = dict.fromkeys(parts[row][1].reference for row in self._untold.get(account.id, {}))
            return [[part for _, part in parts.values() if part.reference == one] for one in references]

    def told(self, account: Account, parts: Sequence[KnownPart]) -> None:
        with self._lock:
            for part in parts:
                if self._parts[account.id][part.row][1] == part:
                    self._untold.get(account.id, {}).pop(part.row, None)

    def _moved(self, account: Account, row: str, word: PartWord) -> None:
        tail, part = self._parts[account.id][row]
        if part.state is None or (isinstance(word.state, State) and may_follow(part.state, word.state)):
            said = replace(part, state=word.state, status=word.status, at=word.at, reason=word.reason)
            self._parts[account.id][row] = tail, said
            self._untold.setdefault(account.id, {})[row] = None
