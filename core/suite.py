"""The suite: settings, database, adapters, providers, the clock. The single place of assembly."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog

from core.clock import Clock
from core.contract import Adapter, Gate, Provider, ProviderTools, Tools
from core.guarded import Guarded
from core.plugins import load_adapters, load_providers, urls
from core.secrets import Vault
from core.settings import Settings
from core.storage import backups, house
from core.storage.database import Database, DatabaseAway
from core.storage.simulated import DatabaseBook
from core.storage.smpp_parts import DatabaseParts

log = structlog.get_logger(__name__)


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
    vault = Vault(settings.secret_keys)
    database = Database(
        settings.database_url, public_url=settings.public_url, shared=settings.shares_sqlite, vault=vault
    )
    guarded = Guarded(allow_private=settings.allow_private_addresses)
    addresses = urls(settings)
    if adapters is None:
        lent_in = Tools(
            addresses, settings.vendor_clients, guarded.get, call=guarded.request, gates=gates(settings)
        )
        adapters = load_adapters(lent_in)
    if providers is None:
        lent = ProviderTools(addresses, DatabaseBook(database), parts=DatabaseParts(database), reach=guarded.addresses)
        providers = load_providers(lent)
    return Suite(settings, database, vault, clock or Clock(), guarded, adapters, providers)


def gates(settings: Settings) -> Mapping[str, Gate]:
    """Where platforms call us in a protocol of their own. One that nobody set is open to this machine only."""
    host, _, port = (settings.smpp_listen or "127.0.0.1:2775").rpartition(":")
    name = urlsplit(settings.public_url).hostname or ""
    return {"smpp": Gate(host.strip("[]"), int(port), name, settings.smpp_certificate, settings.smpp_key,
                         chosen=bool(settings.smpp_listen))}  # fmt: skip


SAME = timedelta(milliseconds=500)
"""Two clocks that show so little difference show the same: an answer is under way for as long."""


def read_clock(suite: Suite) -> None:
    """Sets this process's clock by the house's: by that of the database's server, which all machines share, so that one
    whose clock is wrong sends nothing early. In demo and test mode it is also turned as far as `relance clock` says."""
    _set_by_the_house(suite)
    if suite.settings.clock_may_turn:
        with suite.database.read() as tx:
            turned = house.value(tx, "clock_turned_seconds") or 0
        suite.clock.turned = timedelta(seconds=turned)


def _set_by_the_house(suite: Suite) -> None:
    if suite.settings.is_sqlite:
        return
    asked, began = suite.clock.own(), time.monotonic()
    try:
        there = backups.clock(suite.database)
    except DatabaseAway:
        return
    took = timedelta(seconds=time.monotonic() - began)
    if took > 2 * SAME:
        return
    behind = there - (asked + took / 2)
    behind = timedelta() if abs(behind) <= SAME else behind
    if abs(behind - suite.clock.behind) > SAME:
        log.warning("clock differs from the database's", seconds=round(-behind.total_seconds(), 1))
    suite.clock.behind = behind


def turn_clock(suite: Suite, turned: timedelta) -> None:
    """Turns the house's clock: other processes follow at their next tick."""
    with suite.database.write() as tx:
        house.set_value(tx, "clock_turned_seconds", turned.total_seconds(), suite.now() - suite.clock.turned)
    suite.clock.turned = turned
