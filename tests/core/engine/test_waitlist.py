"""The waiting list: a free time is offered to one person after the other, and exactly one of them gets it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import BadInput, Conflict
from core.domain.events import Closed
from core.domain.messages import LEFT
from core.domain.recipients import Recipient
from core.domain.waitlist import Person, SlotState, Wishes, read_terms, read_wishes
from core.engine.waitlist import freeing, joining, offering
from core.storage import installations, outbox, people, waitlist
from tests.support.clinic import BOB, Clinic

ROUX, PETIT, NOEL = "+33639980021", "+33639980022", "+33639980023"
TUESDAY_NINE = "2026-12-01T09:00:00+01:00"
PROOF = {"source": "desk", "text": "Veut être prévenue si une heure se libère."}


class Waiting(Clinic):
    """A clinic whose freed times are offered: three hours before at the latest, half an hour for each person."""

    def __init__(self, folder: Path, *, live: bool = True, **terms: Any) -> None:
        super().__init__(folder, live=live)
        with self.suite.database.write(self.workspace) as tx:
            waitlist.set_terms(tx, self.installation, read_terms({"on": True, **terms}), self.suite.now())

    def wants(self, number: str, name: str = "", wishes: Wishes | None = None, **more: Any) -> str:
        person = Person(name or None, wishes=wishes or Wishes(), proof=PROOF, **more)
        with self.suite.database.write(self.workspace) as tx:
            now = self.suite.now()
            return joining.add(tx, Recipient.parse(number), person, now, "desk", now)

    def frees(self, start: str = TUESDAY_NINE, number: str = BOB, key: str = "visit") -> Mapping[str, Any]:
        """An appointment is called off; the slot."""
        self.write(key, start, number, "Consultation")
        self.write(key, None, None, closed=Closed.DELETED)
        self.settle()
        return self.slot()

    def slot(self) -> Mapping[str, Any]:
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
        return [row["text"] for row in sorted(rows, key=lambda row: row["id"]) if row["state"] in LEFT]

    def story(self) -> list[str]:
        with self.suite.database.read(self.workspace) as tx:
            return [step["what"] for step in waitlist.steps(tx, self.slot()["id"])]


def test_the_second_person_says_yes_and_gets_the_slot(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX, "Mme Roux")
    clinic.wants(PETIT, "M. Petit")

    clinic.frees()

    assert clinic.told(ROUX) == [
        "Cabinet Lyon : un rendez-vous se libère mardi 1er décembre à 9h00. Le voulez-vous ? Répondez OUI avant 9h30,"
        " sinon NON. STOP : quitter la liste."
    ]
    assert clinic.told(PETIT) == []

    clinic.answer(ROUX, "Non merci")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "no"), (PETIT, "asked")]

    clinic.answer(PETIT, "OUI")
    clinic.settle()
    assert clinic.slot()["state"] == "taken"
    assert clinic.told(PETIT)[-1] == (
        "Cabinet Lyon : c'est noté, le rendez-vous du mardi 1er décembre à 9h00 est à vous. Nous vous attendons."
    )
    assert clinic.story() == ["freed", "asked", "no", "asked", "taken"]
