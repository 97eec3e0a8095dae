"""From an appointment in a calendar to the event that core hears: whose phone, what texts may name, and why silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.contract import Installation
from core.domain.events import Closed, Event, Evidence, Kind
from core.domain.nothing import NOTHING
from gcal_reminders.appointments import Appointment
from gcal_reminders.marks import unmarked
from gcal_reminders.names import name_in
from gcal_reminders.phones import Found, Unsure, find_phone, fingerprints, silenced

AddressBook = Callable[[str, str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the appointments of one calendar of one installation. `calendar` is its name; `where` finds it again."""

    installation: Installation
    now: datetime
    calendar: str = ""
    where: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    contacts: AddressBook | None = None

    def event(self, appointment: Appointment, key: str, link: str = "") -> Event:
        """The event of `appointment`. The description stays here: texts cannot name it, and nothing keeps it."""
        # Our own mark must not change what we read, or each answer would look like a change of the appointment.
        appointment = replace(appointment, title=unmarked(appointment.title, appointment.private))
        config = self.installation.config
        silence = silenced(appointment, skip_free=config.get("skip_free", False) is True)
        if appointment.status == "cancelled" and appointment.start is None:
            return Event(Kind.APPOINTMENT, key, self.now, closed=Closed.DELETED)
        seen = Event(
            Kind.APPOINTMENT, key, self.now, start=appointment.start, end=appointment.end, zone=appointment.zone,
            all_day=appointment.all_day, values=self._values(appointment), private=self._private(appointment, link),
            booked_at=appointment.created)
        if silence is not None:
            closed = Closed.CANCELLED if appointment.status == "cancelled" else Closed.SILENCED
            return replace(seen, closed=closed, trouble=silence)
        finding = find_phone(
            appointment, country=self.installation.country, place=config.get("place", "anywhere"),
            own_numbers=self.installation.own_numbers | frozenset(config.get("own_numbers", ())),
            learnt=self.installation.learnt, contacts=self.contacts)
        if isinstance(finding, Found):
            proof = finding.evidence
            return replace(seen, recipient=finding.recipient,
                           evidence=Evidence(proof.field, proof.text, proof.start, proof.end))
        if isinstance(finding, Unsure):
            return replace(seen, trouble=finding.reason,
                           candidates=tuple(one.recipient.number for one in finding.candidates))
        return replace(seen, trouble=finding.reason)

    def _values(self, appointment: Appointment) -> Mapping[str, Any]:
        name, first_name = name_in(appointment.title)
        said = {"title": appointment.title, "name": name, "first_name": first_name, "location": appointment.location,
                "calendar": self.calendar, "language": appointment.private.get("relanceLanguage")}
        return {label: value for label, value in said.items() if value}

    def _private(self, appointment: Appointment, link: str) -> Mapping[str, Any]:
        # No etag: our own write-back changes it, and it is asked again before each writing.
        known = {**self.where, "uid": appointment.uid, "recurrence_id": appointment.recurrence_id,
                 "event_id": appointment.identity, "html_link": link,
                 "fingerprints": list(fingerprints(appointment))}
        return {name: value for name, value in known.items() if value}
