"""A house whose people connect shops of the bazaar (`tests.fakes.installable`), with the vendor on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.contract import Inbound
from core.engine import installing, journeys
from core.storage import house, installations
from tests.fakes.installable import Bazaar, signed
from tests.fakes.oauth import CLIENT, FakeVendor
from tests.support.engine_room import NOW, EngineRoom

SHOP, ANA = "acme.bazaar.example", "usr_ana"


class Market(EngineRoom):
    """A house whose people connect shops of the bazaar."""

    def __init__(self, folder: Path, vendor: FakeVendor, **settings: Any) -> None:
        self.vendor, self.bazaar = vendor, Bazaar(vendor.url)
        super().__init__(
            folder, adapters={"bazaar": self.bazaar}, vendor_clients={"bazaar": CLIENT}, allow_private_addresses=True,
            **settings,
        )  # fmt: skip

    def begin(self, shop: str = SHOP, workspace: str | None = None, **given: Any) -> journeys.Begun:
        return installing.begin(
            self.suite, workspace or self.workspace, ANA, "bazaar", return_to="/", answers={"shop": shop}, **given)

    def back(self, address: str, shop: str = SHOP, **changed: str) -> Inbound:
        """What the platform sends the browser back with: signed, with the shop and the moment."""
        query = {**dict(parse_qsl(urlsplit(address).query)), "shop": shop, **changed}
        query.setdefault("timestamp", str(int(self.suite.now().timestamp())))
        return self.inbound(f"{address.partition('?')[0]}?{signed(query)}")

    def inbound(self, url: str) -> Inbound:
        return Inbound("GET", url, (), b"", self.suite.now())

    def finish(
        self, begun: journeys.Begun, callback: Inbound, *, workspace: str | None = None, user: str = ANA
    ) -> journeys.Finished:
        return installing.finish(
            self.suite, "bazaar", callback, user=user, workspace=workspace or self.workspace, browser=begun.browser)

    def join(self, shop: str = SHOP, workspace: str | None = None, **given: Any) -> str:
        begun = self.begin(shop, workspace, **given)
        back = self.back(self.vendor.consent(begun.redirect), shop)
        return self.finish(begun, back, workspace=workspace).installation

    def row(self, name: str, workspace: str | None = None) -> installations.Row:
        with self.suite.database.read(workspace or self.workspace) as tx:
            found = installations.get(tx, self.suite.vault, name, self.suite.public_url)
        assert found is not None
        return found

    def token(self, name: str, **given: Any) -> str:
        row = installing.fresh(self.suite, self.workspace, name, **given)
        return str(row.installation.secrets["access_token"])

    def rows(self) -> list[installations.Row]:
        """What this workspace has connected."""
        with self.suite.database.read(self.workspace) as tx:
            return installations.listed(tx, self.suite.vault, self.suite.public_url)

    def another(self) -> str:
        with self.suite.database.write() as tx:
            return house.add_workspace(tx, "Boutique Nord", {}, NOW)


def at_once(jobs: Sequence[Callable[[], None]]) -> None:
    """All jobs, each in a thread; waits for them."""
    threads = [threading.Thread(target=job) for job in jobs]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
