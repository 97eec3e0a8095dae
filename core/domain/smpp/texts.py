"""A text as the parts that carry it over SMPP, and the text that a part carries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from core.domain.smpp.pdu import UDHI, ShortMessage, Tag
from core.domain.text.alphabet import EXTENSION, OCTETS
from core.domain.text.segments import gsm7_octets

MOST_PARTS = 255
_ALONE = {"GSM-7": 160, "UCS-2": 70}
_JOINED = {"GSM-7": 153, "UCS-2": 67}
_LONGEST_PAYLOAD = 64_000
_NO_TLVS: Mapping[int, bytes] = MappingProxyType({})

LONG = ("udh8", "udh16", "sar", "payload")
"""How a long text is cut: a header with a reference of 8 bits or of 16, fields beside the text, or not at all: the
centre cuts it."""
ALPHABETS = ("gsm7", "latin1")
"""What the centre reads as its default alphabet."""


class TooLong(ValueError):
    """More parts than one message may have."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a centre wants texts. `coding` and `coding_ucs2` are the values of data_coding."""

    long: str = "udh8"
    alphabet: str = "gsm7"
    coding: int = 0
    coding_ucs2: int = 8

    @property
    def widest_reference(self) -> int:
        """One more than the largest reference that parts can bear."""
        return 0x100 if self.long == "udh8" else 0x10000


@dataclass(frozen=True, slots=True)
class Piece:
    """What one submit_sm carries."""

    octets: bytes
    esm_class: int
    data_coding: int
    tlvs: Mapping[int, bytes] = field(default_factory=lambda: _NO_TLVS)


def pieces(text: str, how: Writing, reference: int) -> tuple[Piece, ...]:
    """`text` as the submits that carry it. `reference` binds the parts of a long one together (modulo its width).

    Raises `ValueError` for a text that no octets stand for (half of a surrogate pair), `TooLong` above 255 parts.
    """
    cheap = _is_cheap(text, how)
    encoding, coding = ("GSM-7", how.coding) if cheap else ("UCS-2", how.coding_ucs2)
    units = _units(text, how, cheap=cheap)
    total = sum(count for _, count in units)
    if total <= _ALONE[encoding]:
        return (Piece(b"".join(octets for octets, _ in units), 0, coding),)
    if how.long == "payload":
        whole = b"".join(octets for octets, _ in units)
        if len(whole) > _LONGEST_PAYLOAD:
            raise TooLong
        return (Piece(b"", 0, coding, {Tag.MESSAGE_PAYLOAD: whole}),)
    # A header with a wider reference takes one octet more, which costs a septet or a whole unit of 16 bits.
    parts = _cut(units, _JOINED[encoding] - (how.long == "udh16"))
    if len(parts) > MOST_PARTS:
        raise TooLong
    reference %= how.widest_reference
    return tuple(_piece(octets, coding, how.long, reference, len(parts), number)
                 for number, octets in enumerate(parts, start=1))


def _is_cheap(text: str, how: Writing) -> bool:
    """Whether the centre's default alphabet has every character of `text`."""
    return all(c in OCTETS for c in text) and (how.alphabet == "gsm7" or all(ord(c) < 0x100 for c in text))


def _units(text: str, how: Writing, *, cheap: bool) -> list[tuple[bytes, int]]:
    """Each character's octets, and how many units it counts."""
    if not cheap:
        return [((octets := c.encode("utf-16-be")), len(octets) // 2) for c in text]
    write = gsm7_octets if how.alphabet == "gsm7" else _latin1
    return [(write(c), 2 if c in EXTENSION else 1) for c in text]


def _latin1(text: str) -> bytes:
    return text.encode("latin-1")


def _cut(units: list[tuple[bytes, int]], room: int) -> list[bytes]:
    """The parts, each as full as it can be; a character is never cut."""
    parts: list[bytes] = []
    part, filled = bytearray(), 0
    for octets, count in units:
        if filled + count > room:
            parts.append(bytes(part))
            part, filled = bytearray(), 0
        part += octets
        filled += count
    return [*parts, bytes(part)]


def _piece(octets: bytes, coding: int, long: str, reference: int, total: int, number: int) -> Piece:
    if long == "sar":
        return Piece(octets, 0, coding, {Tag.SAR_REFERENCE: reference.to_bytes(2), Tag.SAR_TOTAL: bytes((total,)),
                                         Tag.SAR_NUMBER: bytes((number,))})
    header = bytes((5, 0, 3, reference, total, number)) if long == "udh8" else \
        bytes((6, 8, 4, *reference.to_bytes(2), total, number))
    return Piece(header + octets, UDHI, coding)


# ---------------------------------------------------------------------------------------------- read


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of which long text: `number` (from 1) of `total`."""

    reference: int
    total: int
    number: int


_CHARACTERS = {octets[0]: c for c, octets in OCTETS.items() if len(octets) == 1}
_ESCAPED = {octets[1]: c for c, octets in OCTETS.items() if len(octets) == 2}
_ESCAPE = 0x1B


def read(message: ShortMessage, alphabet: str) -> tuple[str, Place | None]:
    """The text of a deliver_sm, and its place in a longer one. What has no character is shown as U+FFFD."""
    place, octets = _unwrapped(message)
    return _decoded(octets, message.data_coding, alphabet).replace("\0", ""), place


def _unwrapped(message: ShortMessage) -> tuple[Place | None, bytes]:
    octets = message.content
    if message.esm_class & UDHI and octets and octets[0] < len(octets):
        end = octets[0] + 1
        return _place_in(octets[1:end]), octets[end:]
    number, total, reference = (int.from_bytes(message.tlvs.get(tag, b"")[:2])
                                for tag in (Tag.SAR_NUMBER, Tag.SAR_TOTAL, Tag.SAR_REFERENCE))
    return (Place(reference, total, number) if 1 <= number <= total <= MOST_PARTS else None), octets


def _place_in(header: bytes) -> Place | None:
    at = 0
    while at + 2 <= len(header):
        kind, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if (kind, length) in ((0, 3), (8, 4)) and len(value) == length and 1 <= value[-1] <= value[-2]:
            return Place(int.from_bytes(value[:-2]), value[-2], value[-1])
        at += 2 + length
    return None


def _decoded(octets: bytes, coding: int, alphabet: str) -> str:
    # 0x00-0x3f name an alphabet in bits 3 and 2; 9 is what one vendor writes for UCS-2.
    if coding < 0x40 and coding & 0x0C == 0x08:
        return octets.decode("utf-16-be", "replace")
    if coding == 1 and any((octet < 0x20 and octet not in b"\n\r\t") or octet == 0x7F for octet in octets):
        # Some write "ASCII" and mean the network's own alphabet, which has letters where ASCII has controls.
        return _from_gsm7(octets)
    if coding in (1, 2, 3, 4) or (coding == 0 and alphabet == "latin1") or (coding & 0xF4) == 0xF4:
        return octets.decode("latin-1")
    return _from_gsm7(octets)


def _from_gsm7(octets: bytes) -> str:
    said, escaped = [], False
    for octet in octets:
        if escaped:
            said.append(_ESCAPED.get(octet, _CHARACTERS.get(octet, "\ufffd")))
            escaped = False
        elif octet == _ESCAPE:
            escaped = True
        else:
            said.append(_CHARACTERS.get(octet, "\ufffd"))
    return "".join(said)
