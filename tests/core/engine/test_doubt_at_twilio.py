"""A line to Twilio that breaks, through the whole engine: what was taken is found by its words, the rest goes again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Accepted, Account, Configured, Inbound, ProviderTools
from core.engine import dispatch, doubting, feedback
from core.providers.twilio import Twilio
from core.storage import accounts, outbox
from tests.fakes.twilio import ACCOUNT, FakeTwilio, error, signature
from tests.faults.server import cut_after, cut_before
from tests.support.engine_room import ANA, NOW, EngineRoom


class Room(EngineRoom):
    """Its only way out is Twilio."""

    def __init__(self, folder: Path, fake: FakeTwilio) -> None:
        self.fake = fake
        super().__init__(folder, providers={"twilio": Twilio(ProviderTools(urls={"twilio": fake.url}, timeout=20))})

    def connect(self, provider: str = "twilio", **given: Any) -> Account:
        known = Configured({"account_sid": ACCOUNT, "sender": "+33700000001"}, {"auth_token": self.fake.token})
        with self.suite.database.write(self.workspace) as tx:
            return accounts.add(tx, self.suite.vault, provider, "Twilio", known, NOW,
                                public_url=self.suite.public_url, **given).account

    def later(self, **by: float) -> int:
        self.fake.now += timedelta(**by)
        return super().later(**by)

    def resolved(self) -> None:
        for _ in range(6):
            self.later(minutes=1)
            self.look_up()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with FakeTwilio() as fake:
        yield Room(tmp_path, fake)


def test_what_it_took_is_found_and_not_sent_again(room: Room) -> None:
    room.fake.fail(cut_after(), takes=True)
    name = room.accept()
    room.later(seconds=0)
    assert room.state(name) == "uncertain"

    room.resolved()

    assert room.state(name) == "sent"
    assert room.message(name)["provider_ref"] == room.fake.messages[0]["sid"]
    assert room.fake.texts(ANA) == ["Rappel"]


def test_what_it_never_took_goes_again_once(room: Room) -> None:
    room.fake.fail(cut_before())
    name = room.accept()
    room.later(seconds=0)
    assert room.state(name) == "uncertain"

    room.resolved()

    assert room.state(name) == "sent"
    assert room.fake.texts(ANA) == ["Rappel"]


def test_a_receipt_settles_a_doubt_before_anybody_looks_it_up(room: Room) -> None:
    room.fake.fail(cut_after(), takes=True)
    name = room.accept()
    room.later(seconds=0)
    [message] = room.fake.messages
    url = room.fake.callbacks[message["sid"]]
    fields = {"MessageSid": message["sid"], "MessageStatus": "delivered", "AccountSid": ACCOUNT}
    request = Inbound("POST", url, (("Content-Type", "application/x-www-form-urlencoded"),
                                    ("X-Twilio-Signature", signature(url, fields, room.fake.token))),
                      "&".join(f"{field}={value}" for field, value in fields.items()).encode(), NOW)

    secret = url.partition("?")[0].rpartition("/")[2]
    assert feedback.receive(room.suite, room.account.id, secret, "receipts", request).status == 200
    assert room.state(name) == "delivered"


def test_a_number_that_twilio_says_is_silent_is_silent_here(room: Room) -> None:
    room.fake.fail(error(400, 21610, "Attempt to send to unsubscribed recipient"))
    name = room.accept()
    room.later(seconds=0)

    assert (room.state(name), room.message(name)["reason"]["code"]) == ("failed", "provider_number_silent")


def test_a_sender_that_died_hours_ago_had_handed_it_over_then(room: Room) -> None:
    name = room.accept()
    with room.suite.database.write() as tx:
        [claimed] = outbox.claim(tx, NOW, 10, owner="dead", lease=dispatch.LEASE)
    outgoing = doubting.handed_over(name, claimed.to, claimed.text, claimed.message_class, test=False)
    [accepted] = room.suite.providers["twilio"].send(room.account, [outgoing], NOW, str)
    assert isinstance(accepted, Accepted)

    room.clock.forward(timedelta(hours=3))
    room.fake.now += timedelta(hours=3)
    doubting.recover(room.suite, None)
    assert room.state(name) == "uncertain"
    room.resolved()

    assert (room.state(name), room.message(name)["provider_ref"]) == ("sent", accepted.reference)
    assert room.fake.texts(ANA) == ["Rappel"]
