"""The message centre alone, in front of a keeper that does what a test tells it: order, silence, a database away."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from core.contract import Gate, Installation, Slip
from core.domain.errors import NotNow
from core.domain.smpp.pdu import Address, Command, ShortMessage, Status
from integrations.adobe_campaign.listener import Listener
from integrations.adobe_campaign.receipts import Saying
from integrations.adobe_campaign.session import Pace
from tests.fakes.esme import Esme, message

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
CAMPAIGN = Installation("ins_1", "wsp_1", "adobe_campaign", "C", {"system_id": "acme", "class": "transactional"},
                        {"password": "secret12"}, {}, "Europe/Paris", "FR", "fr", "")  # fmt: skip
RECEIPT = ShortMessage(Address(1, 1, b"33639980001"), Address(5, 0, b"ACME"), b"id:1 stat:DELIVRD", 0x04)


class Keeps:
    """Keeps nothing. `goes` is what holds a commit up, `away` says that the database is."""

    def __init__(self) -> None:
        self.goes, self.kept, self.away = threading.Event(), threading.Event(), False
        self.goes.set()
        self.count = 0

    def now(self) -> datetime:
        return NOW

    def who(self, account: str) -> Installation | None:
        return CAMPAIGN if account == "acme" else None

    def take(self, installation: str, slips: Sequence[Slip], doubtful: Collection[str]) -> list[str]:
        if self.away:
            raise OSError("the database is away")
        self.kept.set()
        self.goes.wait(10)
        self.count += len(slips)
        return [str(self.count)] * len(slips)


@pytest.fixture
def keeper() -> Keeps:
    return Keeps()


@pytest.fixture
def centre(keeper: Keeps) -> Iterator[Listener]:
    listener = Listener(Gate("127.0.0.1", 0), keeper, Pace(bind=2, idle=0.2, dead=0.3, unbind=0.2, answer=1, turn=5))
    yield listener
    keeper.goes.set()
    listener.stop()


def test_a_line_that_is_silent_is_asked_and_one_that_is_dead_is_ended(centre: Listener) -> None:
    with Esme(centre.port, "acme", "secret12") as line:
        # Reading answers the question; nobody reads, nobody answers.
        assert line.ask(Command.ENQUIRE_LINK).status == Status.OK
        assert line.is_over()


def test_a_database_that_is_away_puts_off_and_loses_nobody(centre: Listener, keeper: Keeps) -> None:
    with Esme(centre.port, "acme", "secret12") as line:
        keeper.away = True
        asked = line.write(Command.SUBMIT_SM, message("33639980001", "Bonjour").written())
        assert line.answer_to(asked).status == Status.THROTTLED
        keeper.away = False
        assert line.submit("33639980001", "Bonjour") == "1"


def test_a_receipt_never_overtakes_the_answer(centre: Listener, keeper: Keeps) -> None:
    with Esme(centre.port, "acme", "secret12", Command.BIND_TRANSCEIVER) as line, ThreadPoolExecutor(1) as pool:
        keeper.goes.clear()
        asked = line.write(Command.SUBMIT_SM, message("33639980001", "Bonjour").written())
        assert keeper.kept.wait(5)
        told = pool.submit(centre.tell, CAMPAIGN.id, [[Saying(RECEIPT, "1")]])
        # Something else that is asked and answered meanwhile: so it had its turn.
        assert line.ask(Command.ENQUIRE_LINK).status == Status.OK
        keeper.goes.set()
        assert line.read().sequence == asked
        line.heard()
        assert told.result(10) == [None]


def test_what_nobody_can_be_told_or_nobody_answers_is_told_later(centre: Listener) -> None:
    with Esme(centre.port, "acme", "secret12"):
        (trouble,) = centre.tell(CAMPAIGN.id, [[Saying(RECEIPT)]])
        assert isinstance(trouble, NotNow)
    with Esme(centre.port, "acme", "secret12", Command.BIND_RECEIVER):
        (trouble,) = centre.tell(CAMPAIGN.id, [[Saying(RECEIPT)]])
        assert isinstance(trouble, NotNow)
