"""How long a text is for the network: its encoding, its units, and the parts it is cut into. The bill is by part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.domain.text.alphabet import CHEAP, EXTENSION, GSM7, OCTETS, one_of

Encoding = Literal["GSM-7", "UCS-2"]

# One part alone has no header; of several, each gives six octets to it.
_ALONE: dict[Encoding, int] = {"GSM-7": 160, "UCS-2": 70}
_JOINED: dict[Encoding, int] = {"GSM-7": 153, "UCS-2": 67}

_EXTENSION = re.compile(one_of("".join(EXTENSION)))
_BEYOND_THE_PLANE = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Measure:
    """`units` are septets in GSM-7 and 16-bit units in UCS-2; `segment_units` says them for each part, in order."""

    encoding: Encoding
    units: int
    segments: int
    segment_units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Guilty:
    """A character that makes the message UCS-2. `index` counts code points; `replacement` is its cheap spelling
    (empty: it can be left out), `None` when there is none."""

    index: int
    character: str
    replacement: str | None


def measure(text: str) -> Measure:
    """The length of `text` exactly as it would be sent: nothing is normalised here. An empty text has no part.

    A pair of units that makes one character (an escaped one, a surrogate pair) is never cut: the part is closed one
    unit short, so the number of parts can exceed the units divided by the room of a part.
    """
    encoding: Encoding = "GSM-7" if GSM7.fullmatch(text) else "UCS-2"
    double = _EXTENSION if encoding == "GSM-7" else _BEYOND_THE_PLANE
    pairs = len(double.findall(text))
    units = len(text) + pairs
    if units == 0:
        return Measure(encoding, 0, 0, ())
    if units <= _ALONE[encoding]:
        return Measure(encoding, units, 1, (units,))
    room = _JOINED[encoding]
    if pairs:
        parts = _cut((match.start() for match in double.finditer(text)), units, room)
    else:
        whole, rest = divmod(units, room)
        parts = (room,) * whole + ((rest,) if rest else ())
    return Measure(encoding, units, len(parts), parts)


def _cut(pairs: Iterable[int], units: int, room: int) -> tuple[int, ...]:
    """The parts of a text in which the characters at the indexes `pairs` take two units."""
    parts: list[int] = []
    begun = 0                                   # the unit at which the part that we fill begins
    for seen, index in enumerate(pairs):
        first = index + seen
        while first - begun >= room:
            parts.append(room)
            begun += room
        if first - begun == room - 1:
            parts.append(room - 1)
            begun = first
    while units - begun > room:
        parts.append(room)
        begun += room
    return (*parts, units - begun)


def guilty(text: str) -> tuple[Guilty, ...]:
    """Every character that forces UCS-2, in order: what an editor underlines."""
    if GSM7.fullmatch(text):
        return ()
    return tuple(Guilty(i, c, CHEAP.get(c)) for i, c in enumerate(text) if c not in OCTETS)


def gsm7_octets(text: str) -> bytes:
    """`text` in GSM-7, one septet an octet and not packed, as SMPP carries it. `ValueError` if it is not GSM-7."""
    try:
        return b"".join([OCTETS[character] for character in text])
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is not in the GSM-7 alphabet") from None


def pack(septets: bytes) -> bytes:
    """Eight septets in seven octets, least significant bit first, as a raw PDU carries them."""
    bits = sum(septet << 7 * place for place, septet in enumerate(septets))
    return bits.to_bytes((len(septets) * 7 + 7) // 8, "little")
