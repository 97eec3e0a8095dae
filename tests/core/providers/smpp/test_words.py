"""What centres say: receipts in their many accents, ids in either base, and what several parts come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import KnownPart
from core.domain.messages import State
from core.domain.sentences import SENTENCES
from core.domain.smpp.pdu import Address, ShortMessage, Tag
from core.providers.smpp.words import (
    Fate,
    fate,
    heard_as,
    is_receipt,
    progress,
    read_receipt,
    spelled,
    tail_of,
    taken_as,
    whole,
    word,
)

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
PHONE, ACME = Address(1, 1, b"33600000001"), Address(5, 0, b"ACME")
USUAL = ("id:1A2B3C sub:001 dlvrd:001 submit date:2612010900 done date:2612010901 stat:{} err:000 text:Hello")


def receipt(text: str = "", esm_class: int = 0x04, coding: int = 0, **tlvs: bytes) -> ShortMessage:
    octets = text.encode("utf-16-be" if coding == 8 else "latin-1")
    return ShortMessage(PHONE, ACME, octets, esm_class, coding, tlvs={Tag[name]: value for name, value in tlvs.items()})


@pytest.mark.parametrize(("stat", "state"), [
    ("DELIVRD", State.DELIVERED), ("delivrd", State.DELIVERED), ("DELIVERED", State.DELIVERED),
    ("ENROUTE", State.SENT), ("ACCEPTD", State.SENT), ("EXPIRED", State.FAILED), ("DELETED", State.FAILED),
    ("UNDELIV", State.FAILED), ("REJECTD", State.FAILED), ("UNKNOWN", None), ("PENDING", None), ("", None)])
def test_each_word_of_a_receipt(stat: str, state: State | None) -> None:
    said = read_receipt(receipt(USUAL.format(stat)))
    assert said
    assert (said.id, said.status, said.state, said.error) == ("1A2B3C", stat, state, "000")
    reason = word(said, "000001", "auto", NOW).reason
    assert (reason is not None) == (state is State.FAILED)
    assert reason is None or reason.code in SENTENCES


@pytest.mark.parametrize("text", [
    "ID:77 SUB:1 STAT:UNDELIV ERR:001", "stat:UNDELIV err:001 id:77", "id: 77 stat: UNDELIV err: 001",
    "id:77 stat:UNDELIV err:001 Text:id:99 stat:DELIVRD", "id:77 sub:001 done date:261201090100 stat:UNDELIV err:001"])
def test_fields_in_any_case_and_order_and_never_out_of_the_person_s_text(text: str) -> None:
    said = read_receipt(receipt(text))
    assert said
    assert (said.id, said.status, said.error) == ("77", "UNDELIV", "001")


def test_fields_beside_the_text_come_before_it() -> None:
    said = read_receipt(receipt(USUAL.format("ENROUTE"), RECEIPTED_MESSAGE_ID=b"abc\0", MESSAGE_STATE=b"\x02"))
    assert said
    assert (said.id, said.status, said.state) == ("abc", "DELIVRD", State.DELIVERED)
    alone = read_receipt(receipt(RECEIPTED_MESSAGE_ID=b"abc", MESSAGE_STATE=b"\x63"))
    assert alone
    assert (alone.id, alone.status, alone.state) == ("abc", "state 99", None)


def test_a_receipt_in_ucs2() -> None:
    said = read_receipt(receipt(USUAL.format("DELIVRD"), coding=8))
    assert said
    assert said.state is State.DELIVERED


def test_what_is_a_receipt_and_what_a_person_wrote() -> None:
    assert is_receipt(receipt("", 0x04))
    assert is_receipt(receipt("", 0x44))
    assert is_receipt(receipt("", 0x20))
    assert is_receipt(receipt("", 0, RECEIPTED_MESSAGE_ID=b"1\0"))
    assert not is_receipt(receipt("id:1 stat:DELIVRD", 0))
    assert not is_receipt(receipt("", 0x40))


@pytest.mark.parametrize("text", ["", "hello", "id:", "stat:DELIVRD", f"id:{'9' * 65}"])
def test_a_receipt_that_names_no_message_is_none(text: str) -> None:
    assert read_receipt(receipt(text)) is None


@given(st.binary(max_size=254), st.integers(0, 255),
       st.dictionaries(st.sampled_from(list(Tag)), st.binary(max_size=80)))
def test_whatever_a_receipt_holds_it_is_read_or_none(octets: bytes, coding: int, tlvs: dict[int, bytes]) -> None:
    said = read_receipt(ShortMessage(PHONE, ACME, octets, 4, coding, tlvs=tlvs))
    if said:
        found = word(said, "000001", "auto", NOW)
        assert found.forms
        assert all(0 < len(one) <= 65 and "\0" not in one for one in (found.id, *found.forms))


@pytest.mark.parametrize(("answered", "received", "ids"), [
    ("1A2B3C", "1A2B3C", "same"), ("1A2B3C", "1a2b3c", "same"), ("0000012345", "12345", "same"),
    ("1A2B3C", "1715004", "hex_answer"), ("001a2b3c", "0001715004", "hex_answer"),
    ("1715004", "1A2B3C", "decimal_answer"),
    ("1A2B3C", "1715004", "auto"), ("1715004", "001A2B3C", "auto"), ("77", "77", "auto"), ("u-7e", "U-7E", "auto")])
def test_an_id_is_found_again_however_it_is_spelled(answered: str, received: str, ids: str) -> None:
    assert spelled(received) in heard_as(answered, ids)
    assert spelled(answered) in taken_as(received, ids)


def test_an_id_is_no_other_s() -> None:
    assert spelled("1715004") not in heard_as("1A2B3C", "same")
    assert spelled("1000") not in heard_as("1000", "hex_answer")
    assert taken_as("0", "auto") == ("0",)


@given(st.text(min_size=1, max_size=64), st.sampled_from(["auto", "same", "hex_answer", "decimal_answer"]))
def test_whatever_an_id_is_it_has_a_form(message_id: str, ids: str) -> None:
    assert all(len(form) <= 64 for form in heard_as(message_id, ids) + taken_as(message_id, ids))


def test_numbers_agree_by_their_end() -> None:
    assert tail_of("+33600000001") == tail_of("0600000001") == tail_of("0033600000001") == "000001"
    assert tail_of("ACME") == ""


def part(number: int, state: State | None, total: int = 3) -> KnownPart:
    return KnownPart(f"r{number}", "msg_1", number, total, str(number), state, str(state), NOW if state else None)


D, F, S = State.DELIVERED, State.FAILED, State.SENT


@pytest.mark.parametrize(("states", "each", "first"), [
    ([D, D, D], D, D), ([D, None, None], S, D), ([D, D, None], S, D), ([D, F, D], F, F), ([F, None, None], F, F),
    ([S, None, None], S, S), ([D, S, D], S, D), ([None, None, None], None, None)])
def test_a_message_is_what_its_worst_part_is(states: list[State | None], each: State, first: State) -> None:
    parts = [part(number, state) for number, state in enumerate(states, start=1)]
    assert whole(parts, "each")[0] is each
    assert whole(parts, "first")[0] is first


def test_of_a_message_that_may_not_be_there_as_a_whole_a_part_alone_says_nothing() -> None:
    assert whole([part(1, D), part(2, D)], "each")[0] is None
    assert whole([part(1, D), part(1, D), part(1, D)], "each")[0] is None
    assert whole([part(1, S), part(2, F)], "each")[0] is F
    assert whole([part(1, D)], "first")[0] is D


def test_the_word_on_a_long_message_says_how_far_it_is() -> None:
    parts = [part(1, D), part(2, D), part(3, None)]
    assert progress(parts, parts[0]) == "delivered 2/3"
    assert progress([replace(parts[0], total=1)], replace(parts[0], total=1)) == "delivered"


@pytest.mark.parametrize(("status", "meaning"), [
    (0x58, Fate.THROTTLED), (0x14, Fate.THROTTLED), (0x08, Fate.LATER), (0x64, Fate.LATER), (0x45, Fate.LATER),
    (0x0B, Fate.NUMBER), (0x0A, Fate.ACCOUNT), (0x15, Fate.ACCOUNT), (0x0E, Fate.ACCOUNT), (0x01, Fate.REFUSED),
    (0x65, Fate.REFUSED), (0x400, Fate.REFUSED), (0xFFFFFFFF, Fate.REFUSED), (0xFF, Fate.UNCLEAR)])
def test_what_a_status_means(status: int, meaning: Fate) -> None:
    assert fate(status) is meaning
