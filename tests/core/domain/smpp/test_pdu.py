"""What SMPP looks like on the wire, against frames that an independent library reads the same."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.smpp.pdu import (
    HEADER,
    LONGEST,
    RESPONSE,
    Address,
    Bind,
    Command,
    Malformed,
    Pdu,
    ShortMessage,
    Tag,
    head,
    read_message_id,
    read_tlvs,
    write_tlvs,
)

FRAMES = {name: bytes.fromhex(text) for name, text in json.loads(
    (Path(__file__).parents[3] / "data" / "smpp_pdus.json").read_text())["pdus"].items()}
ACME, PHONE = Address(5, 0, b"ACME"), Address(1, 1, b"33600000001")


def read(octets: bytes) -> Pdu:
    length, pdu = head(octets[:HEADER])
    assert length == len(octets) - HEADER
    return Pdu(pdu.command, pdu.sequence, pdu.status, octets[HEADER:])


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_reads_and_is_written_the_same(name: str) -> None:
    pdu = read(FRAMES[name])
    assert pdu.written() == FRAMES[name]
    if pdu.command in (Command.SUBMIT_SM, Command.DELIVER_SM):
        assert ShortMessage.read(pdu.body).written() == pdu.body
    if pdu.command in (Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER):
        assert Bind.read(pdu.body).written() == pdu.body


def test_a_bind_says_who_we_are() -> None:
    assert Pdu(Command.BIND_TRANSCEIVER, 1, 0, Bind(b"acme", b"secret").written()).written() == \
        FRAMES["bind_transceiver"]
    assert "secret" not in repr(Bind(b"acme", b"secret"))


@pytest.mark.parametrize(("name", "message"), [
    ("submit_sm_gsm7", ShortMessage(ACME, PHONE, b"Hello \x1b\x65", registered_delivery=1)),
    ("submit_sm_ucs2", ShortMessage(ACME, PHONE, "Prêt".encode("utf-16-be"), 0, 8, 1)),
    ("submit_sm_udh_1of2", ShortMessage(ACME, PHONE, b"\x05\x00\x03\x2a\x02\x01" + b"a" * 10, 0x40, 0, 1)),
    ("submit_sm_sar_1of2", ShortMessage(ACME, PHONE, b"a" * 10, registered_delivery=1, tlvs={
        Tag.SAR_REFERENCE: b"\0\x2a", Tag.SAR_TOTAL: b"\x02", Tag.SAR_NUMBER: b"\x01"})),
    ("submit_sm_payload", ShortMessage(ACME, PHONE, registered_delivery=1, tlvs={Tag.MESSAGE_PAYLOAD: b"a" * 20})),
])
def test_a_submit_is_written_field_by_field(name: str, message: ShortMessage) -> None:
    sequence = read(FRAMES[name]).sequence
    assert Pdu(Command.SUBMIT_SM, sequence, 0, message.written()).written() == FRAMES[name]


def test_answers_bear_the_id_of_what_was_taken() -> None:
    taken, throttled = read(FRAMES["submit_sm_resp_ok"]), read(FRAMES["submit_sm_resp_throttled"])
    assert (taken.command, taken.status, read_message_id(taken.body)) == (Command.SUBMIT_SM | RESPONSE, 0, "1A2B3C")
    assert (throttled.status, throttled.body) == (0x58, b"")
    assert read_message_id(b"no-nul") == "no-nul"


@pytest.mark.parametrize("length", [0, 1, 15, LONGEST + 1, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_length_that_cannot_be_is_refused_before_anything_is_read(length: int) -> None:
    with pytest.raises(Malformed):
        head(length.to_bytes(4) + bytes(12))


def test_fields_that_do_not_fit_are_never_written() -> None:
    for wrong in (ShortMessage(Address(5, 0, b"x" * 21), PHONE), ShortMessage(ACME, Address(1, 1, b"1\0")),
                  ShortMessage(ACME, PHONE, b"x" * 255)):
        with pytest.raises(ValueError):
            wrong.written()


def test_optional_fields_end_where_they_are_no_fields_any_more() -> None:
    good = write_tlvs({Tag.RECEIPTED_MESSAGE_ID: b"7\0"})
    assert read_tlvs(good + b"\x04\x27\xff\xff\x02") == {Tag.RECEIPTED_MESSAGE_ID: b"7\0"}
    assert read_tlvs(good + write_tlvs({Tag.RECEIPTED_MESSAGE_ID: b"8\0", 0x1400: b""}) + b"\0\0\0") == {
        Tag.RECEIPTED_MESSAGE_ID: b"7\0", 0x1400: b""}


@given(st.binary(max_size=400))
def test_whatever_comes_as_a_body_is_read_or_malformed(body: bytes) -> None:
    for kind in (ShortMessage, Bind):
        with suppress(Malformed):
            kind.read(body)  # type: ignore[attr-defined]
    read_message_id(body)
    read_tlvs(body)


@given(st.integers(0, 200), st.binary(max_size=20))
def test_a_receipt_cut_or_scratched_anywhere_is_read_or_malformed(at: int, scratch: bytes) -> None:
    body = read(FRAMES["deliver_sm_receipt"]).body
    for hurt in (body[:at], body[:at] + scratch + body[at + len(scratch):]):
        with suppress(Malformed):
            ShortMessage.read(hurt)
