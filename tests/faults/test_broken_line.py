"""The table of broken lines, row by row, through the whole engine: what each fault means, and what follows from it.

The faults are played in front of smsmode, which is no idempotent provider and can be asked by our reference: whatever
the line did, the phone gets the message once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Account, Configured, ProviderTools
from core.engine import dispatch
from core.providers.smsmode import Smsmode
from core.storage import accounts, ledger
from tests.fakes.smsmode import FakeSmsmode
from tests.faults.server import (
    FaultServer,
    Step,
    badjson,
    cut_after,
    cut_before,
    delay,
    drip,
    empty,
    garbage,
    hang,
    hang_before,
    oversize,
    status,
    through,
    truncate,
)
from tests.support.engine_room import ANA, NOW, EngineRoom

TIMEOUT = 0.7


class Room(EngineRoom):
    """Its only way out is smsmode, behind a proxy that breaks."""

    def __init__(self, folder: Path, fake: FakeSmsmode, proxy: FaultServer) -> None:
        self.fake, self.proxy = fake, proxy
        tools = ProviderTools(urls={"smsmode": proxy.url}, timeout=TIMEOUT)
        super().__init__(folder, providers={"smsmode": Smsmode(tools)})

    def connect(self, provider: str = "smsmode", **given: Any) -> Account:
        with self.suite.database.write(self.workspace) as tx:
            return accounts.add(tx, self.suite.vault, provider, "smsmode", Configured({}, {"api_key": "k"}), NOW,
                                public_url=self.suite.public_url, **given).account  # fmt: skip

    def leaves(self) -> str:
        name = self.accept(expires_at=NOW + timedelta(hours=6))
        dispatch.run_due(self.suite)
        return name

    def time_goes_by(self, minutes: int = 20) -> None:
        """Looked up and sent when due, minute by minute."""
        for _ in range(minutes):
            self.clock.forward(timedelta(minutes=1))
            self.fake.now += timedelta(minutes=1)
            self.look_up()
            dispatch.run_due(self.suite)

    def received(self) -> int:
        return len(self.fake.texts(ANA))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with FakeSmsmode() as fake, FaultServer(otherwise=through(fake.url)) as proxy:
        yield Room(tmp_path, fake, proxy)


def attempts(room: Room, name: str) -> list[str]:
    with room.suite.database.read(room.workspace) as tx:
        return [one["outcome"] for one in ledger.history(tx, name)[1]]


def test_refused_connections_took_nothing_and_it_leaves_when_they_are_over(room: Room) -> None:
    room.proxy.refuse()
    name = room.leaves()
    assert (room.state(name), attempts(room, name)) == ("scheduled", ["later"])
    room.proxy.listen()
    room.time_goes_by(5)
    assert (room.state(name), room.received()) == ("sent", 1)


@pytest.mark.parametrize("address", ["http://nowhere.invalid", "https://127.0.0.1:{port}"], ids=["no name", "no TLS"])
def test_without_a_name_or_tls_nothing_was_said(room: Room, address: str) -> None:
    room.suite.providers["smsmode"]._base = address.format(port=room.proxy.port)  # type: ignore[attr-defined]
    name = room.leaves()
    assert (room.state(name), attempts(room, name)) == ("scheduled", ["later"])
    assert room.received() == 0


@pytest.mark.parametrize("fault", [cut_before, hang_before])
def test_what_was_written_and_never_read_goes_again_once(room: Room, fault: Any) -> None:
    room.proxy.then(fault())
    name = room.leaves()
    assert (room.state(name), attempts(room, name)) == ("uncertain", ["uncertain"])
    room.time_goes_by()
    assert (room.state(name), attempts(room, name), room.received()) == ("sent", ["uncertain", "accepted"], 1)


AFTER: dict[str, Step] = {
    "cut after": cut_after(),
    "hang": hang(),
    "truncated": truncate(),
    "half a document": badjson(),
    "empty": empty(),
    "garbage": garbage(),
    "one byte a time": drip(),
    "without end": oversize(20_000_000),
    "500": status(500),
    "502": status(502),
    "504": status(504),
}


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "lost"])
@pytest.mark.parametrize("fault", AFTER.values(), ids=AFTER)
def test_a_broken_answer_is_a_doubt_that_a_look_up_ends(room: Room, fault: Step, taken: bool) -> None:
    room.proxy.then(through(room.fake.url, fault) if taken else fault)
    name = room.leaves()
    assert (room.state(name), attempts(room, name)) == ("uncertain", ["uncertain"])

    room.time_goes_by()

    assert (room.state(name), room.received()) == ("sent", 1)
    assert room.message(name)["provider_ref"] == room.fake.messages[0]["messageId"]
    assert attempts(room, name) == (["uncertain"] if taken else ["uncertain", "accepted"])
    found = ("sent", "looked_up_found") in room.steps(name)
    assert found is taken


def test_an_answer_that_is_late_and_in_time_is_an_answer(room: Room) -> None:
    room.proxy.then(delay(TIMEOUT / 2, through(room.fake.url)))
    name = room.leaves()
    room.time_goes_by(3)
    assert (room.state(name), attempts(room, name), room.received()) == ("sent", ["accepted"], 1)


def test_what_a_proxy_repeats_is_twice_at_a_provider_that_does_not_notice_and_never_more(room: Room) -> None:
    """Nothing of ours can prevent it, but the reference tells: both are the same message."""
    room.proxy.then(through(room.fake.url, times=2))
    name = room.leaves()
    room.time_goes_by()
    assert (room.state(name), attempts(room, name), room.received()) == ("sent", ["accepted"], 2)
    [asked] = [seen for seen in room.proxy.ledger if seen.method == "POST"]
    assert room.fake.times(asked.json["refClient"]) == 2


def test_what_a_proxy_repeats_after_it_lost_the_answer_is_found_and_not_sent_again(room: Room) -> None:
    room.proxy.then(through(room.fake.url, cut_after(), times=2))
    name = room.leaves()
    room.time_goes_by()
    assert (room.state(name), attempts(room, name), room.received()) == ("sent", ["uncertain"], 2)


@pytest.mark.parametrize("number", [429, 503])
def test_asked_to_wait_is_not_spoken_to_before(room: Room, number: int) -> None:
    room.proxy.then(status(number, headers={"Retry-After": "90"}))
    name = room.leaves()
    assert (room.state(name), attempts(room, name)) == ("scheduled", ["later"])
    asked = len(room.proxy.ledger)
    room.later(seconds=89)
    assert len(room.proxy.ledger) == asked
    room.later(seconds=30)
    assert (room.state(name), room.received()) == ("sent", 1)


@pytest.mark.parametrize("number", [400, 404, 422, 302])
def test_refused_is_refused_and_nothing_is_followed(room: Room, number: int) -> None:
    with FaultServer() as elsewhere:
        room.proxy.then(status(number, {"message": "no", "errorCode": "400.029"}, {"Location": elsewhere.url}))
        name = room.leaves()
        room.time_goes_by(3)
        assert (room.state(name), attempts(room, name), room.received()) == ("failed", ["refused"], 0)
        assert elsewhere.ledger == []


@pytest.mark.parametrize("number", [401, 403])
def test_the_account_s_trouble_is_not_the_message_s(room: Room, number: int) -> None:
    room.proxy.then(status(number))
    first = room.leaves()
    second = room.accept("+33639980008")
    assert (room.state(first), attempts(room, first)) == ("scheduled", ["account"])
    assert room.account_row().state == "held"
    assert room.message(first)["tries"] == 0
    dispatch.run_due(room.suite)
    assert room.state(second) == "scheduled"
    room.time_goes_by(12)
    assert (room.state(first), room.state(second), room.received()) == ("sent", "sent", 1)
