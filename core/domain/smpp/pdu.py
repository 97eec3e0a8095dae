"""SMPP 3.4 on the wire: frames, bodies and optional fields, both ways. Pure, and nothing that comes in breaks it.

Figures are those of the SMPP 3.4 specification. What is read is bounded by the frame, which `LONGEST` bounds.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

LONGEST = 70_000
"""Octets of a frame: the largest optional field, and all else. A longer one is not read."""
HEADER = 16
RESPONSE = 0x8000_0000
LAST_SEQUENCE = 0x7FFF_FFFF
VERSION = 0x34
UDHI = 0x40


class Command(IntEnum):
    """What is asked; its answer has the same number with `RESPONSE` set."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    QUERY_SM = 0x03
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    OUTBIND = 0x0B
    ENQUIRE_LINK = 0x15
    ALERT_NOTIFICATION = 0x102


GENERIC_NACK = 0x8000_0000


class Status(IntEnum):
    """Those that we say or listen for; any other number may come too."""

    OK = 0x00
    BAD_MESSAGE_LENGTH = 0x01
    BAD_LENGTH = 0x02
    BAD_COMMAND = 0x03
    WRONG_STATE = 0x04
    ALREADY_BOUND = 0x05
    SYSTEM_ERROR = 0x08
    BAD_SOURCE = 0x0A
    BAD_DESTINATION = 0x0B
    BAD_MESSAGE_ID = 0x0C
    BIND_FAILED = 0x0D
    BAD_PASSWORD = 0x0E
    BAD_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    BAD_CLASS = 0x43
    SUBMIT_FAILED = 0x45
    BAD_SYSTEM_TYPE = 0x53
    THROTTLED = 0x58
    BAD_SCHEDULE = 0x61
    BAD_VALIDITY = 0x62
    TEMPORARY = 0x64


class Tag(IntEnum):
    """Optional fields that we write or read."""

    RECEIPTED_MESSAGE_ID = 0x001E
    NETWORK_ERROR_CODE = 0x0423
    SAR_REFERENCE = 0x020C
    SAR_TOTAL = 0x020E
    SAR_NUMBER = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class Malformed(Exception):
    """What came is not SMPP. `status` is what the other side is told."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status 0x{status:02x}")
        self.status = status


# ---------------------------------------------------------------------------------------------- frames


@dataclass(frozen=True, slots=True)
class Pdu:
    """A frame. `status` is 0 in what asks."""

    command: int
    sequence: int
    status: int = 0
    body: bytes = b""

    @property
    def is_response(self) -> bool:
        return self.command >= RESPONSE

    def written(self) -> bytes:
        """The octets of the frame."""
        return struct.pack(">IIII", HEADER + len(self.body), self.command, self.status, self.sequence) + self.body


def head(octets: bytes) -> tuple[int, Pdu]:
    """How many octets of body follow the 16 of a header, and the frame without them. Raises `Malformed` when the length
    is less than a header, or more than `LONGEST`: what follows cannot be found any more."""
    length, command, status, sequence = struct.unpack(">IIII", octets)
    if not HEADER <= length <= LONGEST:
        raise Malformed(Status.BAD_LENGTH)
    return length - HEADER, Pdu(command, sequence, status)


# ---------------------------------------------------------------------------------------------- fields


class _Reader:
    """Takes fields off the front of a body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def text(self, longest: int) -> bytes:
        """A C string, without its NUL; `longest` counts the NUL. Raises `Malformed`."""
        end = self._body.find(b"\0", self._at, self._at + longest)
        if end < 0:
            raise Malformed(Status.BAD_LENGTH)
        found = self._body[self._at : end]
        self._at = end + 1
        return found

    def number(self) -> int:
        """One octet. Raises `Malformed`."""
        if self._at >= len(self._body):
            raise Malformed(Status.BAD_LENGTH)
        self._at += 1
        return self._body[self._at - 1]

    def octets(self, count: int) -> bytes:
        found = self._body[self._at : self._at + count]
        if len(found) < count:
            raise Malformed(Status.BAD_LENGTH)
        self._at += count
        return found

    def rest(self) -> bytes:
        return self._body[self._at :]


def _text(value: bytes, longest: int) -> bytes:
    """`value` as a C string. Raises `ValueError` when it does not fit: what we write is checked before."""
    if len(value) >= longest or b"\0" in value:
        raise ValueError(f"a field of {longest - 1} octets at most, without NUL")
    return value + b"\0"


def read_tlvs(octets: bytes) -> dict[int, bytes]:
    """The optional fields, the first of each tag. Reading ends at what is no field any more: the mandatory fields
    before it are good all the same."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(octets):
        tag, length = struct.unpack_from(">HH", octets, at)
        value = octets[at + 4 : at + 4 + length]
        if len(value) < length:
            break
        found.setdefault(tag, value)
        at += 4 + length
    return found


def write_tlvs(fields: Mapping[int, bytes]) -> bytes:
    """The octets of optional fields, in their order."""
    return b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in fields.items())


def c_string(octets: bytes) -> str:
    """The text before the first NUL, as Latin-1, control characters left out."""
    return "".join(c for c in octets.partition(b"\0")[0].decode("latin-1") if c.isprintable())


# ---------------------------------------------------------------------------------------------- bodies


@dataclass(frozen=True, slots=True)
class Bind:
    """Body of the three binds. `password` is kept out of pictures of the object."""

    system_id: bytes
    password: bytes = field(repr=False)
    system_type: bytes = b""
    version: int = VERSION
    ton: int = 0
    npi: int = 0
    address_range: bytes = b""

    LONGEST_PASSWORD = 64
    """The specification says 8; many centres give longer ones and read them."""

    def written(self) -> bytes:
        """The body's octets. Raises `ValueError` when a field is too long."""
        return (_text(self.system_id, 64) + _text(self.password, self.LONGEST_PASSWORD + 1)
                + _text(self.system_type, 13) + bytes((self.version, self.ton, self.npi))
                + _text(self.address_range, 41))

    @classmethod
    def read(cls, body: bytes) -> Bind:
        """Raises `Malformed`."""
        r = _Reader(body)
        return cls(r.text(64), r.text(cls.LONGEST_PASSWORD + 1), r.text(13), r.number(), r.number(), r.number(),
                   r.text(41))


_NO_TLVS: Mapping[int, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Address:
    """`ton` 1 international, 3 network specific, 5 alphanumeric; `npi` 1 E.164."""

    ton: int = 0
    npi: int = 0
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """Body of submit_sm and of deliver_sm, which have the same fields."""

    source: Address
    destination: Address
    octets: bytes = b""
    esm_class: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    service_type: bytes = b""
    protocol_id: int = 0
    priority: int = 0
    schedule: bytes = b""
    validity: bytes = b""
    replace: int = 0
    default_message: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=lambda: _NO_TLVS)

    def written(self) -> bytes:
        """The body's octets. Raises `ValueError` when a field is too long."""
        if len(self.octets) > 254:
            raise ValueError("a short message has 254 octets at most")
        return b"".join((
            _text(self.service_type, 6),
            bytes((self.source.ton, self.source.npi)), _text(self.source.text, 21),
            bytes((self.destination.ton, self.destination.npi)), _text(self.destination.text, 21),
            bytes((self.esm_class, self.protocol_id, self.priority)),
            _text(self.schedule, 17), _text(self.validity, 17),
            bytes((self.registered_delivery, self.replace, self.data_coding, self.default_message, len(self.octets))),
            self.octets, write_tlvs(self.tlvs)))

    @classmethod
    def read(cls, body: bytes) -> ShortMessage:
        """Raises `Malformed` when a mandatory field is missing or too long."""
        r = _Reader(body)
        service = r.text(6)
        source = Address(r.number(), r.number(), r.text(21))
        destination = Address(r.number(), r.number(), r.text(21))
        esm_class, protocol_id, priority = r.number(), r.number(), r.number()
        schedule, validity = r.text(17), r.text(17)
        registered, replace, coding, default = r.number(), r.number(), r.number(), r.number()
        octets = r.octets(r.number())
        return cls(source, destination, octets, esm_class, coding, registered, service, protocol_id, priority, schedule,
                   validity, replace, default, MappingProxyType(read_tlvs(r.rest())))

    @property
    def content(self) -> bytes:
        """What it says, wherever it says it: in the short message, or in the payload field."""
        return self.octets or self.tlvs.get(Tag.MESSAGE_PAYLOAD, b"")


def read_message_id(body: bytes) -> str:
    """The id in a submit_sm_resp; empty when there is none. Some centres leave out its NUL."""
    return c_string(body[:65])
