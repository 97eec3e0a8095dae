"""What became of a message, told to the platform."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.contract.adapter import Installation
from core.contract.reading import ConsentWord
from core.domain.messages import Channel, State
from core.domain.reasons import Reason


class Reports(ABC):
    """The platform wants to know what became of its message."""

    @abstractmethod
    def wants(self, installation: Installation) -> bool:
        """Pure: whether reporting is switched on. It is off until a person switches it on."""

    @abstractmethod
    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        """Tells the platform. Raises `NeedsReconnect`, `NotNow`; anything that will never work is `BadInput`."""


class ReportsInBatches(Reports):
    """A platform that takes many reports in one call."""

    report_size: int = 100

    @abstractmethod
    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        """Tells the platform all of them; for each None when it knows, else the error that `report` would raise.
        Raises `NeedsReconnect`, `NotNow` when nothing was told."""


class KeepsConsent(Reports):
    """A platform that keeps people's yes and no itself. What was said elsewhere (a STOP by SMS) reaches it as a report
    of kind "consent", one for each of its records with that number, whether `wants` or not."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message, for the platform. `answer` is "confirmed" or "declined" when the person replied."""

    occasion_key: str
    state: State | None
    answer: str | None
    text: str | None
    at: datetime
    private: Mapping[str, Any]
    message_id: str | None = None
    kind: str = "state"
    """"state" (`state` is new, `reason` says why), "reply" (`text`, `answer`), "click" (`link`) or "consent"."""
    reason: Reason | None = None
    to: str | None = None
    channel: Channel | None = None
    sent_at: datetime | None = None
    price_micros: int | None = None
    currency: str | None = None
    segments: int | None = None
    link: str | None = None
    consent: ConsentWord | None = None
    subject: str | None = None
    body: str | None = None
    """The message's own words."""
    before: State | None = None
    """The state of which the platform was told before, if there was one."""
