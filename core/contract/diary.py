"""Calendars in which appointments can be entered, where their people allowed that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.contract.adapter import Installation
from core.domain.nothing import NOTHING


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment that somebody took. `id` is ours and the same at each try; `start` and `end` are aware instants,
    `zone` is where people speak of them; `number` is E.164. `beside` is what the adapter kept of the appointment whose
    place it takes (`Event.private`), so that it stands in the same calendar."""

    id: str
    start: datetime
    end: datetime
    zone: str
    name: str
    number: str
    beside: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


class EntersAppointments(ABC):
    """A calendar that takes appointments from us."""

    @abstractmethod
    def may_enter(self, installation: Installation) -> bool:
        """Pure: whether its people have given the right to write."""

    @abstractmethod
    def enter(self, installation: Installation, booking: Booking, now: datetime) -> str:
        """Network. Puts it into the calendar, once however often it is asked; the key of its occasion. Raises
        `NeedsReconnect`, `NotNow`; anything that will never work is `BadInput`."""

    @abstractmethod
    def call_off(self, installation: Installation, key: str, now: datetime) -> None:
        """Network. Takes the appointment of the occasion `key` out of the calendar, and tells nobody. Harmless when it
        is gone. Errors as `enter`."""
