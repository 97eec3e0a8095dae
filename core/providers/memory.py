"""Keeps what it is given in a list: for tests and rehearsals, with outcomes by script."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from core.contract import (
    Accepted,
    Account,
    Gone,
    Outcome,
    Outgoing,
    Provider,
    ProviderTools,
    Receipt,
    TryLater,
    Uncertain,
)
from core.domain.messages import Channel, State
from core.domain.reasons import Reason


class Memory(Provider):
    """`sent` holds what was taken, in order, doubles included; with `idempotent` a reference is taken once.

    `can_look_up` and `idempotent` may be set on an object, to try the engine with providers of each kind.
    """

    slug = "memory"
    name = "Memory"
    channels = frozenset(Channel)
    can_look_up = True
    for_tests = True

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self.sent: list[Outgoing] = []
        self._scripts: dict[str, deque[tuple[Outcome, bool]]] = {}
        self._lock = threading.Lock()

    def script(self, key: str, *outcomes: Outcome, takes: bool = True) -> None:
        """The next outcomes for the message whose reference or number is `key`; afterwards it is accepted as usual.

        `takes`: whether a message with the outcome `Uncertain` was taken before the line broke.
        """
        with self._lock:
            self._scripts.setdefault(key, deque()).extend((outcome, takes) for outcome in outcomes)

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        return [self._send(message, begun) for message in messages]

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        """Sent, or `Gone`; this provider always knows."""
        with self._lock:
            known = any(message.reference == reference for message in self.sent)
        if not known:
            raise Gone(reference)
        return Receipt(f"mem_{reference}", State.SENT, "SENT", now, reference)

    def _send(self, message: Outgoing, begun: Callable[[str], None]) -> Outcome:
        try:
            begun(message.reference)
        except Exception as error:  # noqa: BLE001 - whoever holds the message takes it back: it becomes its outcome
            return TryLater(timedelta(seconds=5), Reason("provider_not_begun", {"detail": type(error).__name__}))
        with self._lock:
            outcome, takes = self._next(message)
            if isinstance(outcome, Accepted) or (isinstance(outcome, Uncertain) and takes):
                self._take(message)
            return outcome

    def _next(self, message: Outgoing) -> tuple[Outcome, bool]:
        for key in (message.reference, message.to):
            if script := self._scripts.get(key):
                return script.popleft()
        return Accepted(f"mem_{message.reference}"), True

    def _take(self, message: Outgoing) -> None:
        if not self.idempotent or all(kept.reference != message.reference for kept in self.sent):
            self.sent.append(message)
