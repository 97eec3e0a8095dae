"""A small clinic for tests of the daily pages: appointments come in by the engine's own door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from core.clock import FixedClock
from core.contract import Adapter, Configured, Manifest, ProviderTools, SharedSecret
from core.domain.events import Closed, Event, Kind
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import applying, dispatch, simulation, ticking
from core.providers.simulator import Simulator
from core.settings import Settings
from core.storage import house, installations, occasions, rules
from core.storage.database import Database
from core.storage.simulated import DatabaseBook
from core.suite import Suite, build_suite
from tests.support.schema import bring_up

NOW = datetime.fromisoformat("2026-11-30T09:00:00+01:00")
"""A Monday morning in Lyon."""

ANA, BOB, CHLOE = "+33639980001", "+33639980008", "+33639980009"
DAY_BEFORE = {
    "name": "La veille à 18 h",
    "on": "appointment",
    "class": "transactional",
    "when": {"days": -1, "at": "18:00"},
    "body": "Rappel : rendez-vous {{ start }}. Répondez OUI ou NON.",
    "asks": True,
    "sender": "38555",
}


class PaperDiary(Adapter):
    """An adapter without a platform: what a test writes in it is known at once."""

    manifest = Manifest(
        slug="diary", name="Agenda papier", auth=(SharedSecret("x-diary"),), kinds=frozenset({Kind.APPOINTMENT})
    )


DIARY = {"diary": PaperDiary(None)}  # type: ignore[arg-type]
TWO_HOURS = {
    **DAY_BEFORE,
    "name": "Deux heures avant",
    "when": {"before": "PT2H"},
    "body": "A tout a l'heure : rendez-vous {{ start }}.",
    "asks": False,
}


class Clinic:
    """A workspace with one live connection, one rule for the day before, and a clock that stands still.

    `Clinic.inside(running)` puts the same into a whole Relance with a server, whose clock is turned instead.
    """

    suite: Suite
    workspace: str
    installation: str
    rule: str

    def __init__(
        self,
        folder: Path,
        *,
        mode: str = "test",
        live: bool = True,
        settings: Mapping[str, Any] | None = None,
        now: datetime = NOW,
        database_url: str = "",
    ) -> None:
        url = database_url or f"sqlite:///{folder / 'clinic.db'}"
        self.clock = FixedClock(now)
        self.suite = build_suite(
            Settings(data_dir=folder, database_url=url, secret_keys=(Fernet.generate_key().decode(),), mode=mode),
            clock=self.clock,
            adapters=DIARY,
            providers={"simulator": Simulator(ProviderTools(urls={}, book=DatabaseBook(Database(url))))},
        )
        bring_up(self.suite.database)
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(
                tx, "Cabinet Lyon", {"language": "fr", "zone": "Europe/Paris", "country": "FR", **(settings or {})}, now
            )
        self._connect(live)

    @classmethod
    def inside(cls, running: Any) -> Clinic:
        """The same clinic in a `tests.support.running.Running` that was made with `adapters=DIARY`."""
        clinic = cls.__new__(cls)
        clinic.suite, clinic.workspace, clinic.clock = running.suite, running.workspace, running
        clinic._connect(live=True)
        return clinic

    def _connect(self, live: bool) -> None:
        now = self.suite.now()
        with self.suite.database.write(self.workspace) as tx:
            self.installation = installations.add(
                tx, self.suite.vault, "diary", "Agenda du cabinet", Configured({}, {}), now,
                zone="Europe/Paris", country="FR", pulls=False,
            )  # fmt: skip
            if live:
                installations.change(tx, self.installation, mode="live", live_since=now)
            self.rule = rules.add(tx, {**DAY_BEFORE, "installation": self.installation}, now)

    def write(
        self,
        key: str,
        start: str | None,
        number: str | None = ANA,
        title: str = "Consultation",
        *,
        closed: Closed | None = None,
        trouble: Reason | None = None,
        candidates: tuple[str, ...] = (),
        **values: Any,
    ) -> str:
        """Writes an appointment into the diary (`start` as ISO 8601); the occasion's id."""
        begins = datetime.fromisoformat(start) if start else None
        event = Event(
            kind=Kind.APPOINTMENT,
            key=key,
            at=self.suite.now(),
            closed=closed,
            start=begins,
            end=begins + timedelta(minutes=30) if begins else None,
            zone="Europe/Paris",
            recipient=Recipient.parse(number) if number else None,
            trouble=trouble,
            candidates=candidates,
            values={"title": title, **values},
        )
        with self.suite.database.write(self.workspace) as tx:
            row = installations.get(tx, self.suite.vault, self.installation, self.suite.public_url)
            assert row is not None
            applying.accept(tx, row, [event], self.suite.now())
            return occasions.by_keys(tx, self.installation, [key])[0].id

    def at(self, moment: str) -> None:
        """It is `moment` (ISO 8601), and all that is due by then has happened."""
        there = datetime.fromisoformat(moment)
        if isinstance(self.clock, FixedClock):
            self.clock.moment = there
        else:
            self.clock.set_clock(there)
        self.settle()

    def settle(self) -> None:
        """Sends and receives what is due now."""
        for _ in range(20):
            if dispatch.run_due(self.suite) + ticking.tick(self.suite) == 0:
                return
        raise AssertionError("the engine does not come to rest")

    def answer(self, number: str, text: str) -> None:
        """A person answers from their (simulated) phone."""
        simulation.answer(self.suite, self.workspace, number, text)

    def busy_day(self) -> None:
        """A Wednesday afternoon with something of everything: told, confirmed, moved, unclear, in doubt."""
        with self.suite.database.write(self.workspace) as tx:
            rules.add(tx, {**TWO_HOURS, "installation": self.installation}, self.suite.now())
        self.at("2026-12-01T10:00:00+01:00")
        people = (
            ("08:30", "Ana Martin", "+33639980001"), ("09:00", "Bilal Haddad", "+33639980011"),
            ("09:30", "Chloé Dubois", "+33639980012"), ("10:30", "David Nguyen", "+33639980002"),
            ("11:00", "Emma Leroy", "+33639980013"), ("14:30", "Farid Benali", "+33639980014"),
            ("16:30", "Gaëlle Petit", "+33639980015"), ("17:00", "Hugo Moreau", "+33639980006"),
            ("17:30", "Inès Garcia", "+33639980016"), ("18:00", "Jules Robert", "+33639980017"),
        )  # fmt: skip
        for clock, name, number in people:
            self.write(f"wed-{clock}", f"2026-12-02T{clock}:00+01:00", number, name, name=name)
        self.write("wed-none", "2026-12-02T15:30:00+01:00", None, "Mme Lopez", trouble=Reason("no_number"))
        for clock, name, number in people[:6]:
            self.write(f"thu-{clock}", f"2026-12-03T{clock}:00+01:00", number, name, name=name)
        self.write(
            "thu-two", "2026-12-03T15:00:00+01:00", None, "Karim Amrani",
            trouble=Reason("two_numbers", {"numbers": "06 39 98 00 18, 06 39 98 00 19"}),
            candidates=("+33639980018", "+33639980019"),
        )  # fmt: skip
        for hour in range(18, 20):
            self.at(f"2026-12-01T{hour}:00:30+01:00")
        self.answer("+33639980001", "Oui merci")
        self.answer("+33639980013", "Non")
        self.answer("+33639980014", "Je serai en retard de dix minutes, est-ce que ça ira ?")
        for hour in (8, 9, 10, 12, 13):
            self.at(f"2026-12-02T{hour:02d}:31:00+01:00")
        self.write("wed-17:30", "2026-12-04T10:00:00+01:00", "+33639980016", "Inès Garcia", name="Inès Garcia")
        self.at("2026-12-02T14:12:00+01:00")
