"""Providers that keep a connection: who is listened to, and when what they say is safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from core.contract import Account, Configured, Listens, Outcome, Outgoing, PhoneReply, Provider, ProviderTools, Receipt
from core.domain.messages import Channel, MessageClass, State
from core.engine.listening import Listening
from core.providers.memory import Memory
from core.settings import Settings
from core.storage import accounts, feedback, house, migrate, outbox
from core.storage.database import DatabaseAway
from core.suite import build_suite

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


class Telephone(Provider, Listens):
    """It says what a test says into it."""

    slug, name, channels = "telephone", "Telephone", frozenset({Channel.SMS})

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self.said: list[str] = []
        self.lines: dict[str, Callable[[Sequence[Receipt | PhoneReply]], None]] = {}

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        return []

    def listen(self, account: Account, deliver: Callable[[Sequence[Receipt | PhoneReply]], None],
               now: Callable[[], datetime]) -> None:
        self.said.append(f"listen {account.config['line']}")
        self.lines[account.id] = deliver

    def fall_silent(self, account_id: str) -> None:
        self.said.append("silent")
        self.lines.pop(account_id, None)


class Office:
    def __init__(self, folder: Path) -> None:
        self.telephone = Telephone(ProviderTools(urls={}))
        providers: Mapping[str, Provider] = {
            "telephone": self.telephone, "memory": Memory(ProviderTools(urls={}))}
        settings = Settings.read({"RELANCE_DATA_DIR": str(folder), "RELANCE_MODE": "test"})
        self.suite = build_suite(settings, clock=FixedClock(NOW), adapters={}, providers=providers)
        migrate.upgrade(self.suite.database)
        with self.suite.database.write() as tx:
            self.workspace = house.add_workspace(tx, "essai", {}, NOW)
        self.listening = Listening(self.suite)

    def add(self, provider: str, line: str) -> str:
        with self.suite.database.write(self.workspace) as tx:
            return accounts.add(tx, self.suite.vault, provider, line, Configured({"line": line}, {}), NOW,
                                public_url="").account.id

    def change(self, account_id: str, **values: Any) -> None:
        with self.suite.database.write(self.workspace) as tx:
            accounts.change(tx, self.suite.vault, account_id, **values)

    def refresh(self) -> int:
        return self.listening.refresh(self.suite)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_accounts_are_listened_to_as_they_come_change_and_go(office: Office) -> None:
    office.add("memory", "nobody listens to this")
    assert office.refresh() == 0
    account = office.add("telephone", "one")
    assert (office.refresh(), office.refresh()) == (1, 0)
    office.change(account, configured=Configured({"line": "two"}, {}))
    assert (office.refresh(), office.refresh()) == (1, 0)
    office.change(account, state="held")
    assert office.refresh() == 0, "what was sent before it was held still has its receipts"
    office.change(account, state="removed")
    assert (office.refresh(), office.refresh()) == (1, 0)
    assert office.telephone.said == ["listen one", "listen two", "silent"]


def test_all_fall_silent_at_the_end(office: Office) -> None:
    office.add("telephone", "one")
    office.refresh()
    office.listening.stop()
    assert office.telephone.lines == {}


def test_what_is_said_is_committed_when_it_returns(office: Office) -> None:
    account = office.add("telephone", "one")
    office.refresh()
    with office.suite.database.write(office.workspace) as tx:
        [message] = outbox.accept(tx, [outbox.New(
            to="+33639981001", country="FR", text="Bonjour", encoding="GSM-7", segments=1, due_at=NOW,
            message_class=MessageClass.CONVERSATIONAL, channels=(Channel.SMS,), expires_at=None)], NOW)
        outbox.claim(tx, NOW, 1, owner="me", lease=timedelta(minutes=1))
    deliver = office.telephone.lines[account]
    said = [Receipt(None, State.DELIVERED, "DELIVRD", NOW, message),
            PhoneReply("+33639981001", "36180", "merci", NOW, "mo-1")]
    office.suite.due.clear()
    deliver(said)
    deliver(said)
    with office.suite.database.read(office.workspace) as tx:
        row = outbox.get(tx, message)
        assert row
        assert row["state"] == "delivered"
        assert [one["text"] for one in feedback.replies(tx)] == ["merci"]
        assert len(feedback.receipts_of(tx, message)) == 1
    assert office.suite.due.is_set()


def test_what_cannot_be_committed_raises(office: Office) -> None:
    account = office.add("telephone", "one")
    office.refresh()
    deliver = office.telephone.lines[account]
    with office.suite.database.write() as tx:
        tx.connection.exec_driver_sql("DROP TABLE replies")
    with pytest.raises(DatabaseAway):
        deliver([PhoneReply("+33639981001", "36180", "merci", NOW, "mo-1")])
