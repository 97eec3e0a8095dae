"""Long texts: cut where the network cuts them, never inside a character, and read back as they were written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.smpp.pdu import UDHI, Address, ShortMessage
from core.domain.smpp.texts import LONG, Piece, Place, TooLong, Writing, pieces, read
from core.domain.text.alphabet import OCTETS
from core.domain.text.segments import measure

NOBODY = Address()
VECTORS = json.loads((Path(__file__).parents[3] / "data" / "sms_segments.json").read_text())["vectors"]


def heard(piece: Piece, alphabet: str = "gsm7") -> tuple[str, Place | None]:
    message = ShortMessage(NOBODY, NOBODY, piece.octets, piece.esm_class, piece.data_coding, tlvs=piece.tlvs)
    return read(ShortMessage.read(message.written()), alphabet)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
@pytest.mark.parametrize("long", ["udh8", "sar"])
def test_the_parts_are_those_that_were_measured(vector: dict[str, str], long: str) -> None:
    found, measured = pieces(vector["text"], Writing(long), 1), measure(vector["text"])
    assert len(found) == max(1, measured.segments)
    assert {one.data_coding for one in found} == {0 if measured.encoding == "GSM-7" else 8}


def test_a_header_of_eight_bits() -> None:
    first, second = pieces("a" * 200, Writing("udh8"), 0x12A)
    assert first == Piece(b"\x05\x00\x03\x2a\x02\x01" + b"a" * 153, UDHI, 0)
    assert second.octets == b"\x05\x00\x03\x2a\x02\x02" + b"a" * 47


def test_a_header_of_sixteen_bits_costs_one_septet_or_one_unit_more() -> None:
    first, _ = pieces("a" * 200, Writing("udh16"), 0x1234)
    assert first == Piece(b"\x06\x08\x04\x12\x34\x02\x01" + b"a" * 152, UDHI, 0)
    assert len(pieces("ê" * 132, Writing("udh16"), 1)) == 2
    assert len(pieces("ê" * 133, Writing("udh16"), 1)) == 3


def test_a_payload_is_one_whatever_its_length() -> None:
    [one] = pieces("a" * 2_000, Writing("payload"), 1)
    assert (one.octets, one.tlvs[0x0424]) == (b"", b"a" * 2_000)
    assert heard(one) == ("a" * 2_000, None)


def test_a_centre_whose_alphabet_is_latin1() -> None:
    how = Writing("udh8", "latin1", 3)
    assert pieces("déjà [9]", how, 1) == (Piece("déjà [9]".encode("latin-1"), 0, 3),)
    assert pieces("5 €", how, 1)[0].data_coding == 8
    assert heard(pieces("déjà", how, 1)[0], "latin1") == ("déjà", None)


def test_more_than_255_parts_are_too_many() -> None:
    assert len(pieces("a" * 153 * 255, Writing(), 1)) == 255
    with pytest.raises(TooLong):
        pieces("a" * (153 * 255 + 1), Writing(), 1)
    with pytest.raises(TooLong):
        pieces("a" * 65_000, Writing("payload"), 1)


def test_half_a_character_has_no_octets() -> None:
    with pytest.raises(ValueError):
        pieces("\ud800", Writing(), 1)


texts = st.text(st.sampled_from(list(OCTETS)), max_size=700) | st.text(max_size=300)


@settings(max_examples=120)
@given(text=texts, long=st.sampled_from(LONG), reference=st.integers(0, 0xFFFF))
def test_every_text_is_read_back_as_it_was_written(text: str, long: str, reference: int) -> None:
    found = [heard(piece) for piece in pieces(text, Writing(long), reference)]
    assert "".join(said for said, _ in found) == text.replace("\0", "")
    if len(found) > 1:
        places = [place for _, place in found]
        assert [place and place.number for place in places] == list(range(1, len(found) + 1))
        assert {place and place.reference for place in places} == {reference % (0x100 if long == "udh8" else 0x10000)}


@pytest.mark.parametrize(("octets", "coding", "text"), [
    (b"a@b_c", 1, "a@b_c"), (b"D\x05j\x7f", 1, "Déjà"), (b"D\x05j\x7f", 0, "Déjà"),
    ("Déjà".encode("latin-1"), 3, "Déjà"),
    ("Prêt".encode("utf-16-be"), 8, "Prêt"), ("Prêt".encode("utf-16-be"), 9, "Prêt"),
    ("Prêt".encode("utf-16-be"), 0x18, "Prêt"), (b"OUI\0", 0, "OUI@"), (b"\x1b\x65\x1b", 0, "€"), (b"", 0, "")])
def test_the_alphabets_in_which_people_s_words_come(octets: bytes, coding: int, text: str) -> None:
    assert read(ShortMessage(NOBODY, NOBODY, octets, 0, coding), "gsm7") == (text, None)


@given(st.binary(max_size=254), st.integers(0, 255), st.integers(0, 255), st.dictionaries(
    st.sampled_from([0x020C, 0x020E, 0x020F, 0x0424]), st.binary(max_size=5)))
def test_whatever_octets_come_they_have_some_text(octets: bytes, esm: int, coding: int, tlvs: dict[int, bytes]) -> None:
    text, place = read(ShortMessage(NOBODY, NOBODY, octets, esm, coding, tlvs=tlvs), "gsm7")
    assert "\0" not in text
    text.encode("utf-8")
    assert place is None or 1 <= place.number <= place.total
