"""A practice for the calendar's tests: a whole Relance on its own database, one rule, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet

from core.clock import FixedClock
from core.contract import Inbound, Installation, ProviderTools, Tools
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.engine import dispatch, installing, intake, pulling, ticking
from core.guarded import Guarded
from core.providers.simulator import Simulator
from core.settings import Settings
from core.storage import house, installations, occasions, outbox, rules
from core.storage.database import Database
from core.storage.simulated import DatabaseBook
from core.suite import build_suite
from gcal_reminders import GoogleCalendar
from tests.support.schema import bring_up

NOW = datetime.fromisoformat("2026-11-25T09:00:00+01:00")
"""A Wednesday morning in Lyon."""
LYON = ZoneInfo("Europe/Paris")
ANA, BOB, CHLOE = "06 39 98 00 01", "06 39 98 00 08", "06 39 98 00 09"
CABINET = "cabinet@example.org"
DAY_BEFORE = {
    "name": "veille", "on": "appointment", "class": "transactional", "when": {"days": -1, "at": "18:00"},
    "until": {"before": "PT2H"}, "body": "RDV le {{ start|date }} à {{ start|time }}"}


def tools(urls: Mapping[str, str] | None = None, *, timeout: float = 5) -> Tools:
    return Tools(urls=dict(urls or {}), clients={"google": ("id", "secret")}, fetch=Guarded(allow_private=True).get,
                 timeout=timeout)


def installation(**given: Any) -> Installation:
    """An installation as core would lend it, for tests of the adapter alone."""
    values: dict[str, Any] = {
        "id": "ins_1", "workspace": "wsp_1", "adapter": "gcal_reminders", "name": "Cabinet", "zone": "Europe/Paris",
        "config": {"calendars": [CABINET]}, "secrets": {"refresh_token": "refresh-1", "access_token": "token-1"},
        "memory": {}, "country": "FR", "language": "fr", "hook_url": "https://relance.example/hooks/gcal_reminders/ins_1"}
    return Installation(**{**values, **given})


class Practice:
    """`with_google(...)` connects by a refresh token, `connect(config)` in any other way."""

    def __init__(self, folder: Path, urls: Mapping[str, str] | None = None, *, now: datetime = NOW,
                 public_url: str = "https://relance.example", rule: Mapping[str, Any] = DAY_BEFORE) -> None:
        url = f"sqlite:///{folder / 'practice.db'}"
        self.clock = FixedClock(now)
        token = {"google": urls["google_token"]} if urls and "google_token" in urls else {}
        self.adapter = GoogleCalendar(tools(urls))
        self.suite = build_suite(
            Settings(data_dir=folder, database_url=url, secret_keys=(Fernet.generate_key().decode(),), mode="test",
                     public_url=public_url, vendor_token_urls=token, vendor_clients={"google": ("id", "secret")}),
            clock=self.clock, adapters={"gcal_reminders": self.adapter},
            providers={"simulator": Simulator(ProviderTools(urls={}, book=DatabaseBook(Database(url))))})
        bring_up(self.suite.database)
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(
                tx, "Cabinet Lyon", {"language": "fr", "zone": "Europe/Paris", "country": "FR"}, now)
        self._rule = rule
        self.id = ""

    def with_google(self, *calendars: str, **config: Any) -> Practice:
        return self.connect({"refresh_token": "refresh-1", "calendars": list(calendars or (CABINET,)), **config})

    def connect(self, config: Mapping[str, Any], *, live: bool = True) -> Practice:
        added = installing.add(self.suite, self.workspace, "gcal_reminders", "Cabinet", config, who="test")
        return self.follow(added, live=live)

    def follow(self, installation_id: str, *, live: bool = True) -> Practice:
        """This installation is the one that the test is about; it goes live with the practice's rule."""
        self.id = installation_id
        with self.suite.database.write(self.workspace) as tx:
            if live:
                installations.change(tx, self.id, mode="live", live_since=self.suite.now())
            rules.add(tx, {**self._rule, "installation": self.id}, self.suite.now())
        return self

    def pull(self, after: timedelta = timedelta(minutes=5)) -> Reason | None:
        """A little later, asks the calendar. What went wrong, if anything did."""
        self.clock.forward(after)
        return pulling.pull_now(self.suite, self.workspace, self.id).trouble

    def settle(self) -> None:
        """Sends, receives and reports what is due now."""
        for _ in range(20):
            if dispatch.run_due(self.suite) + ticking.tick(self.suite) == 0:
                return
        raise AssertionError("the engine does not come to rest")

    def hears(self, headers: tuple[tuple[str, str], ...], body: bytes = b"") -> int:
        request = Inbound("POST", f"{self.suite.public_url}/hooks/gcal_reminders/{self.id}", headers, body,
                          self.suite.now())
        return intake.receive(self.suite, "gcal_reminders", self.id, request).status

    @property
    def row(self) -> installations.Row:
        with self.suite.database.read(self.workspace) as tx:
            row = installations.get(tx, self.suite.vault, self.id, self.suite.public_url)
        assert row is not None
        return row

    @property
    def occasions(self) -> dict[str, Occasion]:
        """By key, without the calendar's name before it."""
        with self.suite.database.read(self.workspace) as tx:
            found = occasions.listed(tx, installation=self.id, limit=5000)
        return {one.key.rpartition("/")[2] if one.key.startswith(CABINET) else one.key: one for one in found}

    @property
    def waiting(self) -> dict[str, str]:
        """Of each open reminder: whose it is (the last four digits) → when it leaves, on the wall in Lyon."""
        return {to[-4:]: at for to, at, state in self.messages if state == "scheduled"}

    @property
    def messages(self) -> list[tuple[str, str, str]]:
        """(to, when on the wall in Lyon, state) of every message there ever was."""
        with self.suite.database.read(self.workspace) as tx:
            rows = outbox.listed(tx, outbox.Filter(), limit=5000)
        return sorted((row["to"], row["due_at"].astimezone(LYON).strftime("%m-%d %H:%M"), row["state"]) for row in rows)
