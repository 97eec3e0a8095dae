"""A clinic whose freed times are offered to a waiting list, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.clock import FixedClock
from core.domain.events import Closed
from core.domain.messages import LEFT
from core.domain.recipients import Recipient
from core.domain.waitlist import Person, Wishes, read_terms
from core.engine import dispatch, simulation
from core.engine.waitlist import joining, offering
from core.storage import outbox, waitlist
from tests.support.clinic import Clinic

ROUX, PETIT, NOEL, DUPRE = "+33639980021", "+33639980022", "+33639980023", "+33639980024"
PATIENT = "+33639980008"
"""Whose appointment is called off."""
TUESDAY_NINE = "2026-12-01T09:00:00+01:00"
PROOF = {"source": "desk", "text": "A demandé au téléphone à être prévenue par SMS."}


class Waiting(Clinic):
    """Its times are offered at the latest three hours before; each person has half an hour."""

    def __init__(self, folder: Path, *, live: bool = True, database_url: str = "", **terms: Any) -> None:
        super().__init__(folder, live=live, database_url=database_url)
        self.offers(**terms)

    @classmethod
    def inside(cls, running: Any) -> Waiting:
        clinic: Any = super().inside(running)
        clinic.offers()
        return clinic  # type: ignore[no-any-return]

    def offers(self, **terms: Any) -> None:
        """How its free times are offered."""
        with self.suite.database.write(self.workspace) as tx:
            waitlist.set_terms(tx, self.installation, read_terms({"on": True, **terms}), self.suite.now())

    def settle(self) -> None:
        """What is due now, of all that concerns a waiting list: the whole tick of an engine takes its time."""
        for _ in range(50):
            if not sum(job(self.suite) for job in (offering.run_due, dispatch.run_due, simulation.run_due)):
                return
        raise AssertionError("the waiting list does not come to rest")

    def wants(self, number: str, name: str = "", wishes: Wishes | None = None, **more: Any) -> str:
        """Somebody waits; the entry's id."""
        person = Person(name or None, wishes=wishes or Wishes(), proof=PROOF, **more)
        with self.suite.database.write(self.workspace) as tx:
            now = self.suite.now()
            return joining.add(tx, Recipient.parse(number), person, now, "desk", now)

    def booked(self, key: str, start: str, number: str | None = PATIENT, **values: Any) -> str:
        """An appointment that was written a minute ago, so that what is said of it now is newer; the occasion's id."""
        if not isinstance(self.clock, FixedClock):
            return self.write(key, start, number, **values)
        self.clock.moment -= timedelta(minutes=1)
        occasion = self.write(key, start, number, **values)
        self.clock.moment += timedelta(minutes=1)
        return occasion

    def frees(self, start: str = TUESDAY_NINE, number: str = PATIENT, key: str = "visit") -> Mapping[str, Any]:
        """An appointment is called off in the calendar; the slot that it leaves."""
        occasion = self.booked(key, start, number)
        self.write(key, None, None, closed=Closed.DELETED)
        self.settle()
        with self.suite.database.read(self.workspace) as tx:
            return next(iter(waitlist.of_occasion(tx, occasion)), {})

    def slot(self) -> Mapping[str, Any]:
        """The only slot there is."""
        with self.suite.database.read(self.workspace) as tx:
            [slot] = waitlist.slots(tx)
            return slot

    def asked(self) -> list[tuple[str, str]]:
        """(number, state) of the offers, in the order in which they were made."""
        with self.suite.database.read(self.workspace) as tx:
            return [(one["number"], one["state"]) for one in waitlist.offers(tx)]

    def told(self, number: str) -> list[str]:
        """What left for that number, the newest last."""
        with self.suite.database.read(self.workspace) as tx:
            rows = outbox.listed(tx, outbox.Filter(to=number), limit=50)
        left = [row for row in rows if row["state"] in LEFT]
        return [row["text"] for row in sorted(left, key=lambda row: (row["left_at"], row["id"]))]

    def story(self) -> list[tuple[str, str | None]]:
        """The ledger of the only slot: what happened, and why."""
        with self.suite.database.read(self.workspace) as tx:
            steps = waitlist.steps(tx, self.slot()["id"])
            return [(step["what"], step["reason"] and step["reason"]["code"]) for step in steps]

    def waiting(self) -> list[str]:
        """The numbers of those who wait, in the list's order."""
        with self.suite.database.read(self.workspace) as tx:
            return [row["number"] for row in waitlist.entries(tx)]
