"""An engine without platforms: one workspace, accounts of the memory provider, a clock that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import select

from core.clock import FixedClock
from core.contract import Account, Adapter, Configured, Provider, ProviderTools
from core.domain.messages import Channel, MessageClass
from core.engine import dispatch, doubting
from core.providers.memory import Memory
from core.settings import Settings
from core.storage import accounts, house, ledger, outbox
from core.storage import tables as t
from core.suite import Suite, build_suite
from tests.support.schema import bring_up

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA, BOB = "+33639980001", "+33639980008"


class EngineRoom:
    """`memory` keeps what is handed over; `account` is the workspace's first way out."""

    def __init__(
        self,
        folder: Path,
        *,
        adapters: Mapping[str, Adapter] | None = None,
        providers: Mapping[str, Provider] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = FixedClock(NOW)
        self.memory = Memory(ProviderTools(urls={}))
        self.suite: Suite = build_suite(
            Settings(
                data_dir=folder,
                database_url=settings.pop("database_url", f"sqlite:///{folder / 'engine.db'}"),
                secret_keys=(Fernet.generate_key().decode(),),
                mode="test",
                **settings,
            ),
            clock=self.clock,
            adapters=adapters or {},
            providers={"memory": self.memory, **(providers or {})},
        )
        bring_up(self.suite.database)
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(tx, "Cabinet", {}, NOW)
        self.account = self.connect()

    def connect(self, provider: str = "memory", **given: Any) -> Account:
        """One more account, asked after the others."""
        with self.suite.database.write(self.workspace) as tx:
            return accounts.add(
                tx, self.suite.vault, provider, provider.capitalize(), Configured({}, {}), self.suite.now(),
                public_url=self.suite.public_url, **given,
            ).account

    def accept(self, to: str = ANA, klass: MessageClass = MessageClass.TRANSACTIONAL, **given: Any) -> str:
        """A message that is due now; its id."""
        now = self.suite.now()
        one = outbox.New(
            **{"to": to, "country": "FR", "text": "Rappel", "encoding": "GSM-7", "segments": 1, "message_class": klass,
               "channels": (Channel.SMS,), "due_at": now, **given}
        )
        with self.suite.database.write(self.workspace) as tx:
            return outbox.accept(tx, [one], now)[0]

    def message(self, name: str) -> dict[str, Any]:
        with self.suite.database.read(self.workspace) as tx:
            found = outbox.get(tx, name)
        assert found is not None
        return dict(found)

    def state(self, name: str) -> str:
        return str(self.message(name)["state"])

    def steps(self, name: str) -> list[tuple[str, str | None]]:
        """(state, reason) of each step in the ledger."""
        with self.suite.database.read(self.workspace) as tx:
            return [(one["state"], one["reason"] and one["reason"]["code"]) for one in ledger.history(tx, name)[0]]

    def account_row(self) -> accounts.Row:
        with self.suite.database.read(self.workspace) as tx:
            found = accounts.get(tx, self.suite.vault, self.account.id, self.suite.public_url)
        assert found is not None
        return found

    def notes(self) -> list[str]:
        """What the audit log says happened."""
        with self.suite.database.read(self.workspace) as tx:
            return [row.what for row in tx.connection.execute(select(t.audit.c.what).order_by(t.audit.c.id))]

    def later(self, **by: float) -> int:
        """So much time goes by, and what is due then is sent."""
        self.clock.forward(timedelta(**by))
        return dispatch.run_due(self.suite)

    def look_up(self) -> int:
        return doubting.look_up_due(self.suite)
