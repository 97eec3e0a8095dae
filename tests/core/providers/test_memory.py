"""The provider of tests and rehearsals does what its script says, then what it always does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.contract import Accepted, Account, Gone, Outgoing, ProviderTools, TryLater, Uncertain
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.providers.memory import Memory

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ACCOUNT = Account("acc_1", "ws_1", "memory", {}, {}, "", "")
ANA = Outgoing("msg_1", "+33639980001", "RDV", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7")
BUSY, BROKE = TryLater(timedelta(seconds=1), Reason("provider_busy")), Uncertain(Reason("provider_uncertain"))


@pytest.fixture
def memory() -> Memory:
    return Memory(ProviderTools(urls={}))


def send(memory: Memory, message: Outgoing = ANA) -> object:
    return memory.send(ACCOUNT, [message], NOW, str)[0]


def test_it_keeps_what_it_is_given_doubles_included(memory: Memory) -> None:
    assert send(memory) == send(memory) == Accepted("mem_msg_1")
    assert memory.sent == [ANA, ANA]


def test_idempotent_it_keeps_a_reference_once(memory: Memory) -> None:
    memory.idempotent = True
    send(memory)
    send(memory)

    assert memory.sent == [ANA]


@pytest.mark.parametrize("key", [ANA.reference, ANA.to])
def test_a_script_is_played_once_in_its_order(memory: Memory, key: str) -> None:
    memory.script(key, BUSY, BROKE)

    assert [send(memory), send(memory), send(memory)] == [BUSY, BROKE, Accepted("mem_msg_1")]
    assert memory.sent == [ANA, ANA], "an uncertain message was taken, one that is put off was not"


def test_a_line_may_break_before_the_message_was_taken(memory: Memory) -> None:
    memory.script(ANA.to, BROKE, takes=False)

    assert send(memory) == BROKE
    with pytest.raises(Gone):
        memory.look_up(ACCOUNT, "msg_1", NOW, asked=NOW)
