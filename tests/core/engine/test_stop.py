"""A STOP: what it ends, that it is confirmed once, and that nothing else follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contract import Account, PhoneReply, ProviderTools
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass
from core.domain.recipients import Recipient
from core.domain.text.segments import measure
from core.engine import dispatch, feedback, sending
from core.providers.memory import Memory
from core.storage import house, outbox, people
from tests.support.engine_room import ANA, EngineRoom


class SaysSo(Memory):
    """Answers a STOP itself."""

    confirms_stop = True


@pytest.fixture
def room(tmp_path: Path) -> EngineRoom:
    return EngineRoom(tmp_path)


def said(room: EngineRoom, text: str, reference: str, account: Account | None = None) -> None:
    reply = PhoneReply(ANA, "38555", text, room.suite.now(), reference)
    with room.suite.database.write(room.workspace) as tx:
        feedback.take_reply(room.suite, tx, account or room.account, reply)
    dispatch.run_due(room.suite)


def texts(room: EngineRoom) -> list[str]:
    return [one.text for one in room.memory.sent]


def told(room: EngineRoom, klass: MessageClass = MessageClass.TRANSACTIONAL) -> None:
    with room.suite.database.write(room.workspace) as tx:
        people.start(tx, ANA, "marketing", "form", {}, room.suite.now())
    room.accept(klass=klass, text="Bonjour")
    dispatch.run_due(room.suite)
    room.memory.sent.clear()


def test_it_is_confirmed_once_in_one_short_part_that_says_who_speaks(room: EngineRoom) -> None:
    told(room)
    said(room, "STOP", "r1")
    said(room, "Stop !", "r2")
    said(room, "STOP", "r1")

    [text] = texts(room)
    assert text == "Cabinet : c'est noté, vous ne recevrez plus ni rappel ni publicité de notre part."
    assert (measure(text).encoding, measure(text).segments) == ("GSM-7", 1)


NAMES = ["Cabinet “Le Cèdre” — Dr. Ève", "Ελλάδα" * 30, "牙科診所", "{choices}", "  Deux\n lignes "]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_company_is_called_the_confirmation_is_one_part(room: EngineRoom, name: str) -> None:
    with room.suite.database.write(room.workspace) as tx:
        house.rename(tx, name)
    told(room)
    said(room, "STOP", "r1")

    [text] = texts(room)
    assert measure(text).segments <= 2
    assert measure(text).segments == 1 or not text.isascii()


def test_said_to_an_offer_it_ends_offers_and_said_to_a_reminder_the_reminders_too(room: EngineRoom) -> None:
    told(room, MessageClass.MARKETING)
    said(room, "STOP", "r1")
    assert texts(room) == ["Cabinet : c'est noté, vous ne recevrez plus de publicité de notre part."]
    reminder = room.accept()
    dispatch.run_due(room.suite)
    assert room.state(reminder) == "sent"

    said(room, "STOP", "r2")
    assert texts(room)[-1].startswith("Cabinet : c'est noté, vous ne recevrez plus ni rappel")
    again = room.accept()
    dispatch.run_due(room.suite)
    assert room.steps(again) == [("suppressed", "opted_out")]


def test_what_waits_is_called_off_at_once_with_the_reason(room: EngineRoom) -> None:
    told(room)
    waiting = [room.accept(klass=klass, due_at=room.suite.now().replace(hour=15)) for klass in
               (MessageClass.TRANSACTIONAL, MessageClass.MARKETING, MessageClass.OTP)]
    said(room, "STOP", "r1")
    assert [room.state(name) for name in waiting] == ["suppressed", "suppressed", "scheduled"]


def test_where_the_provider_confirms_we_do_not(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path, providers={"memory": SaysSo(ProviderTools(urls={}))})
    room.memory = room.suite.providers["memory"]  # type: ignore[assignment]
    told(room)
    said(room, "STOP", "r1")
    assert texts(room) == []


def test_smsmode_confirms_and_the_simulated_phones_do_not(room: EngineRoom) -> None:
    from core.providers.simulator import Simulator
    from core.providers.smsmode import Smsmode

    assert Smsmode.confirms_stop
    assert not Simulator.confirms_stop


def test_two_machines_do_not_confirm_to_each_other_for_ever(room: EngineRoom) -> None:
    told(room)
    for turn in range(20):
        said(room, "STOP" if turn % 2 == 0 else "START", f"r{turn}")
    assert len(texts(room)) == feedback.AUTOMATIC_AT_MOST


def test_it_leaves_although_the_person_wants_nothing_at_all_any_more(room: EngineRoom) -> None:
    told(room)
    with room.suite.database.write(room.workspace) as tx:
        people.stop(tx, ANA, "all", "console", {}, room.suite.now())
    said(room, "STOP", "r1")
    assert len(texts(room)) == 1
    other = room.accept(klass=MessageClass.CONVERSATIONAL)
    dispatch.run_due(room.suite)
    assert room.steps(other) == [("suppressed", "opted_out")]


def test_nobody_outside_can_dress_a_message_as_the_confirmation(room: EngineRoom) -> None:
    wanted = sending.Wanted(Recipient.parse(ANA), MessageClass.CONVERSATIONAL, body="Achetez", reference="relance:stop",
                            channels=(Channel.SMS,))
    with room.suite.database.write(room.workspace) as tx:
        [draft] = sending.drafts(tx, [wanted], room.suite.now())
    assert isinstance(draft, BadInput)
    assert (draft.reason.code, draft.pointer) == ("reserved_reference", "/reference")


def test_start_takes_it_back(room: EngineRoom) -> None:
    told(room)
    said(room, "STOP", "r1")
    said(room, "START", "r2")
    name = room.accept()
    dispatch.run_due(room.suite)
    assert room.state(name) == "sent"
    with room.suite.database.read(room.workspace) as tx:
        assert [one["state"] for one in people.consents(tx)][:2] == ["in", "in"]
        assert outbox.get(tx, name) is not None
