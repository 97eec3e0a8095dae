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
from core.engine import dispatch, intake, ticking
from core.providers.simulator import Simulator
from core.settings import Settings
from core.storage import house, installations, occasions, rules
from core.storage.database import Database
from core.storage.migrate import upgrade
from core.storage.simulated import DatabaseBook
from core.suite import Suite, build_suite

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


class Clinic:
    """A workspace with one live connection, one rule for the day before, and a clock that stands still."""

    def __init__(
        self,
        folder: Path,
        *,
        mode: str = "test",
        live: bool = True,
        settings: Mapping[str, Any] | None = None,
        now: datetime = NOW,
    ) -> None:
        url = f"sqlite:///{folder / 'clinic.db'}"
        self.clock = FixedClock(now)
        self.suite: Suite = build_suite(
            Settings(data_dir=folder, database_url=url, secret_keys=(Fernet.generate_key().decode(),), mode=mode),
            clock=self.clock,
            adapters={"diary": PaperDiary(None)},  # type: ignore[arg-type]
            providers={"simulator": Simulator(ProviderTools(urls={}, book=DatabaseBook(Database(url))))},
        )
        upgrade(self.suite.database)
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(
                tx, "Cabinet Lyon", {"language": "fr", "zone": "Europe/Paris", "country": "FR", **(settings or {})}, now
            )
        with self.suite.database.write(self.workspace) as tx:
            self.installation = installations.add(
                tx, self.suite.vault, "diary", "Agenda du cabinet", Configured({}, {}), now,
                zone="Europe/Paris", country="FR", pulls=False,
            )
            if live:
                installations.change(tx, self.installation, mode="live", live_since=now)
            self.rule = rules.add(tx, {**DAY_BEFORE, "installation": self.installation}, now)

    def write(self, key: str, start: str | None, number: str | None = ANA, title: str = "Consultation", *,
              closed: Closed | None = None, trouble: Reason | None = None, candidates: tuple[str, ...] = (),
              **values: Any) -> str:
        """Writes an appointment into the diary (`start` as ISO 8601); the occasion's id."""
        begins = datetime.fromisoformat(start) if start else None
        event = Event(
            kind=Kind.APPOINTMENT, key=key, at=self.suite.now(), closed=closed, start=begins,
            end=begins + timedelta(minutes=30) if begins else None, zone="Europe/Paris",
            recipient=Recipient.parse(number) if number else None, trouble=trouble, candidates=candidates,
            values={"title": title, **values},
        )
        with self.suite.database.write(self.workspace) as tx:
            row = installations.get(tx, self.suite.vault, self.installation, self.suite.public_url)
            assert row is not None
            intake.accept(tx, row, [event], self.suite.now())
            return occasions.by_keys(tx, self.installation, [key])[0].id

    def at(self, moment: str) -> None:
        """It is `moment` (ISO 8601), and all that is due by then has happened."""
        self.clock.moment = datetime.fromisoformat(moment)
        self.settle()

    def settle(self) -> None:
        """Sends and receives what is due now."""
        for _ in range(20):
            if dispatch.run_due(self.suite) + ticking.tick(self.suite) == 0:
                return
        raise AssertionError("the engine does not come to rest")
