"""What a centre says: the status of an answer, a receipt in its text form or in its fields, and how it spells ids.

A vocabulary that every centre speaks in its own accent: unknown words change nothing, and are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from types import MappingProxyType

from core.contract import KnownPart, PartWord
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.smpp.pdu import ShortMessage, Status, Tag, c_string

NAME = "SMPP"

# ---------------------------------------------------------------------------------------------- answers


class Fate(Enum):
    """What a status of submit_sm_resp means for the message."""

    THROTTLED = auto()
    LATER = auto()
    REFUSED = auto()
    NUMBER = auto()
    ACCOUNT = auto()
    UNCLEAR = auto()


_FATES: Mapping[int, Fate] = MappingProxyType({
    Status.QUEUE_FULL: Fate.THROTTLED,
    Status.THROTTLED: Fate.THROTTLED,
    Status.SYSTEM_ERROR: Fate.LATER,
    Status.TEMPORARY: Fate.LATER,
    Status.SUBMIT_FAILED: Fate.LATER,
    Status.WRONG_STATE: Fate.LATER,
    Status.ALREADY_BOUND: Fate.LATER,
    0x0A: Fate.ACCOUNT, 0x48: Fate.ACCOUNT, 0x49: Fate.ACCOUNT,         # the sender, its type, its plan
    0x15: Fate.ACCOUNT, Status.BIND_FAILED: Fate.ACCOUNT, Status.BAD_PASSWORD: Fate.ACCOUNT,
    Status.BAD_SYSTEM_ID: Fate.ACCOUNT, Status.BAD_SYSTEM_TYPE: Fate.ACCOUNT,
    0x0B: Fate.NUMBER,
    0xFE: Fate.UNCLEAR, 0xFF: Fate.UNCLEAR,         # a delivery failed, or nobody knows what
})
# A sender that a centre does not allow is a setting to correct, and the message waits for it.


def fate(status: int) -> Fate:
    """What `status` (not 0) means; vendors' own ones (0x400 and above) refuse the message."""
    return _FATES.get(status, Fate.REFUSED)


BIND_REFUSED = frozenset({Status.BIND_FAILED, Status.BAD_PASSWORD, Status.BAD_SYSTEM_ID, Status.BAD_SYSTEM_TYPE})
"""The account is at fault: asking again soon changes nothing."""


def named(status: int) -> str:
    """A status as an operator's documents write it."""
    return f"0x{status:08X}"


# ---------------------------------------------------------------------------------------------- receipts

_STATES: Mapping[str, State | None] = MappingProxyType({
    "ENROU": State.SENT, "ACCEP": State.SENT, "SCHED": State.SENT, "BUFFE": State.SENT,
    "DELIV": State.DELIVERED,
    "EXPIR": State.FAILED, "DELET": State.FAILED, "UNDEL": State.FAILED, "REJEC": State.FAILED, "FAILE": State.FAILED,
    "UNKNO": None,
})
_BY_NUMBER: Mapping[int, str] = MappingProxyType({
    0: "SCHEDULED", 1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN",
    8: "REJECTD",
})
_FIELD = re.compile(r"(?:^|\s)(id|stat|err)\s*:\s*((?!\w+:)\S*)", re.IGNORECASE)
_THE_TEXT = re.compile(r"(?:^|\s)text\s*:", re.IGNORECASE)
LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Said:
    """A receipt as it came. `id` is as the centre spelled it."""

    id: str
    status: str
    state: State | None
    error: str


def is_receipt(message: ShortMessage) -> bool:
    """Whether a deliver_sm is about a message of ours, rather than from a person."""
    return message.esm_class & 0x3C in (0x04, 0x20) or Tag.RECEIPTED_MESSAGE_ID in message.tlvs


def read_receipt(message: ShortMessage) -> Said | None:
    """The receipt of a deliver_sm, its optional fields before its text; None when it names no message."""
    octets = message.content
    text = octets.decode("utf-16-be", "replace") if message.data_coding in (8, 9) else octets.decode("latin-1")
    # What the person's text says comes last, and may look like a field.
    fields = {name.lower(): value for name, value in reversed(_FIELD.findall(_THE_TEXT.split(text)[0]))}
    message_id = c_string(message.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"")).strip() or fields.get("id", "")
    message_id = "".join(c for c in message_id if c.isprintable())
    if not message_id or len(message_id) > LONGEST_ID:
        return None
    number = message.tlvs.get(Tag.MESSAGE_STATE, b"")
    status = _BY_NUMBER.get(number[0], f"state {number[0]}") if len(number) == 1 else fields.get("stat", "")
    status = "".join(c for c in status if c.isprintable())[:40]
    error = "".join(c for c in fields.get("err", "") if c.isprintable())[:20]
    return Said(message_id, status, _STATES.get(status.upper()[:5]), error)


def word(said: Said, tail: str, ids: str, now: datetime) -> PartWord:
    """The receipt as core's book keeps it. The moment is when we heard it: a centre does not say its zone."""
    status = f"{said.status} {said.error}".strip()
    return PartWord(spelled(said.id), taken_as(said.id, ids), tail, said.state, status, now, _reason(said))


def _reason(said: Said) -> Reason | None:
    if said.state is not State.FAILED:
        return None
    if said.status.upper().startswith("EXPIR"):
        return Reason("provider_expired")
    if said.status.upper().startswith("DELET"):
        return Reason("provider_cancelled", {"provider": NAME})
    detail = f"err:{said.error}" if said.error else ""
    return Reason("provider_undelivered", {"provider": NAME, "status": said.status, "detail": detail})


_ORDER = {None: 0, State.SENT: 1, State.DELIVERED: 2, State.FAILED: 3}


def whole(parts: Sequence[KnownPart], policy: str) -> tuple[State | None, KnownPart]:
    """The state of a message of which `parts` are known, and the part that decides it.

    A part that failed fails the message; it is delivered when all its parts are, or (`policy` "first") when one is,
    for centres that send one receipt for all. While it is not known that the centre has all of it, a part alone says
    nothing of the whole: None.
    """
    worst = max(parts, key=lambda part: (_ORDER.get(part.state, 0), part.at is not None and part.at.timestamp()))
    done = {part.number for part in parts if part.state is State.DELIVERED}
    if worst.state is State.FAILED:
        return State.FAILED, worst
    if worst.state is State.DELIVERED and (policy == "first" or len(done) >= worst.total):
        return State.DELIVERED, worst
    has_all = len({part.number for part in parts}) >= worst.total
    return (State.SENT if worst.state is not None and has_all else None), worst


def progress(parts: Sequence[KnownPart], deciding: KnownPart) -> str:
    """The centre's word on a message; of several parts, with how many of them are delivered."""
    if deciding.total <= 1:
        return deciding.status
    done = {part.number for part in parts if part.state is State.DELIVERED}
    return f"{deciding.status} {len(done)}/{deciding.total}"


# ---------------------------------------------------------------------------------------------- ids

IDS = ("auto", "same", "hex_answer", "decimal_answer")
"""How a receipt spells the id of the answer: as it was; or in decimal when the answer had it in hexadecimal; or the
other way round. "auto" tries all of it, and the number must agree."""
_DECIMAL = re.compile(r"[0-9]{1,20}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{1,20}", re.ASCII)


def spelled(message_id: str) -> str:
    """An id in the one spelling that is compared: small letters, no zeros in front."""
    bare = message_id.strip().lower().removeprefix("0x")[:LONGEST_ID]
    return bare.lstrip("0") or bare[:1]


def heard_as(message_id: str, ids: str) -> tuple[str, ...]:
    """The ids by which a receipt may name what was answered as `message_id`, the likeliest first."""
    return _forms(message_id, ids, to_decimal=ids == "hex_answer", to_hex=ids == "decimal_answer")


def taken_as(message_id: str, ids: str) -> tuple[str, ...]:
    """The ids that the answer may have had for what a receipt calls `message_id`, the likeliest first."""
    return _forms(message_id, ids, to_decimal=ids == "decimal_answer", to_hex=ids == "hex_answer")


def _forms(message_id: str, ids: str, *, to_decimal: bool, to_hex: bool) -> tuple[str, ...]:
    bare = spelled(message_id)
    decimal = str(int(bare, 16)) if _HEX.fullmatch(bare) else None
    hexadecimal = f"{int(bare):x}" if _DECIMAL.fullmatch(bare) else None
    if ids == "auto":
        found: tuple[str | None, ...] = (bare, decimal, hexadecimal)
    else:
        found = (decimal if to_decimal else hexadecimal if to_hex else bare,)
    return tuple(dict.fromkeys(form for form in found if form)) or (bare,)


def tail_of(number: str) -> str:
    """The last six digits of a number, by which two spellings of it agree."""
    return "".join(c for c in number if c in "0123456789")[-6:]
