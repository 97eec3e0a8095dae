"""What all stand-ins for a vendor have in common: a server on loopback, what it was asked, and faults to order."""

from __future__ import annotations

import threading
from collections import deque
from typing import Self

from tests.faults.server import FaultServer, Seen, Step, ok


class Vendor:
    """A server at `url` for as long as the `with` lasts; `requests` are all that it read, whatever came of them."""

    def __init__(self, *, tls: bool = False) -> None:
        self._faults: deque[tuple[Step, bool]] = deque()
        self._lock = threading.RLock()
        self._server = FaultServer(otherwise=self._answer, tls=tls)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def ca_file(self) -> str:
        return self._server.ca_file

    @property
    def requests(self) -> list[Seen]:
        return self._server.ledger

    def fail(self, *steps: Step, takes: bool = False) -> None:
        """The next requests get these instead of an answer; with `takes` after they were carried out."""
        with self._lock:
            self._faults.extend((step, takes) for step in steps)

    def _answer(self, seen: Seen) -> Step:
        with self._lock:
            fault, takes = self._faults.popleft() if self._faults else (None, True)
            answer = self._carry_out(seen) if takes else None
        return fault or answer or ok()

    def _carry_out(self, seen: Seen) -> Step:
        """What the vendor does with a request, and answers."""
        raise NotImplementedError
