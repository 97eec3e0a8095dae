"""The suite: settings, database, adapters, providers, the clock. The single place of assembly."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.clock import Clock
from core.contract import Adapter, Provider, ProviderTools, Tools
from core.guarded import Guarded
from core.plugins import load_adapters, load_providers, urls
from core.secrets import Vault
from core.settings import Settings
from core.storage import house
from core.storage.database import Database
from core.storage.simulated import DatabaseBook
from core.storage.smpp_parts import DatabaseParts


@dataclass(slots=True)
class Suite:
    """All that a walk through the engine needs. `due` is set when something may be due at once."""

    settings: Settings
    database: Database
    vault: Vault
    clock: Clock
    guarded: Guarded
    adapters: Mapping[str, Adapter]
    providers: Mapping[str, Provider]
    due: threading.Event = field(default_factory=threading.Event)

    def now(self) -> datetime:
        """This moment, aware and in UTC, as the (perhaps turned) clock tells it."""
        return self.clock.now()

    @property
    def public_url(self) -> str:
        return self.settings.public_url

    def for_tests(self, provider: str) -> bool:
        """Whether test keys may use this provider: it reaches no phone, or the operator of a test house has pointed it
        at an address of his own."""
        one = self.providers[provider]
        if one.for_tests:
            return True
        own = self.settings.vendor_urls
        return self.settings.clock_may_turn and bool(one.vendors) and all(
            own.get(vendor, real) != real for vendor, real in one.vendors.items()
        )

    def wake(self) -> None:
        """Something may be due now: do not wait for the next tick."""
        self.due.set()


def build_suite(
    settings: Settings,
    *,
    clock: Clock | None = None,
    adapters: Mapping[str, Adapter] | None = None,
    providers: Mapping[str, Provider] | None = None,
) -> Suite:
    """Assembles the suite; `adapters` and `providers` replace the registered ones. No socket but the database's."""
    database = Database(settings.database_url, public_url=settings.public_url, shared=settings.shares_sqlite)
    guarded = Guarded(allow_private=settings.allow_private_addresses)
    addresses = urls(settings)
    if adapters is None:
        lent_in = Tools(addresses, settings.vendor_clients, guarded.get, call=guarded.request)
        adapters = load_adapters(lent_in)
    if providers is None:
        lent = ProviderTools(addresses, DatabaseBook(database), parts=DatabaseParts(database), reach=guarded.addresses)
        providers = load_providers(lent)
    return Suite(settings, database, Vault(settings.secret_keys), clock or Clock(), guarded, adapters, providers)


def read_clock(suite: Suite) -> None:
    """Turns this process's clock as far as the house's was turned (`relance clock`), in demo and test mode only."""
    if suite.settings.clock_may_turn:
        with suite.database.read() as tx:
            turned = house.value(tx, "clock_turned_seconds") or 0
        suite.clock.turned = timedelta(seconds=turned)


def turn_clock(suite: Suite, turned: timedelta) -> None:
    """Turns the house's clock: other processes follow at their next tick."""
    with suite.database.write() as tx:
        house.set_value(tx, "clock_turned_seconds", turned.total_seconds(), suite.now() - suite.clock.turned)
    suite.clock.turned = turned
