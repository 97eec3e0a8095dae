"""What Campaign hears from us: one receipt for each part that asked, and what people wrote back. Pure.

It takes the id (at most ten characters), the status and the error out of the text by its own patterns: so the text is
that of SMPP 3.4, appendix B, to the letter. What does not begin with DELIV, UNDELIV or REJECTD counts as intermediate
over there, and would never be final.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.contract import Installation, Report, Word
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.smpp.pdu import Address, ShortMessage, Tag
from core.domain.text.alphabet import GSM7
from core.domain.text.segments import gsm7_octets

RECEIPT = 0x04
FINAL = frozenset({
    State.DELIVERED, State.READ, State.FAILED, State.SUPPRESSED, State.CANCELLED, State.SUPERSEDED, State.EXPIRED,
})  # fmt: skip
SUCCESS_AND_FAILURE, FAILURE_ONLY, SUCCESS_ONLY = 1, 2, 3
REPLY_SEPTETS, REPLY_UNITS, MOST_REPLIES = 160, 70, 5
_DELIVERED, _UNDELIVERED, _REJECTED = ("DELIVRD", 2), ("UNDELIV", 5), ("REJECTD", 8)
_GSM_NETWORK = 3
_CODES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "001": ("hard", ("dead_number", "provider_number_dead", "simulator_undeliverable")),
    "002": ("soft", ("provider_phone_unreachable",)),
    "003": ("soft", ("provider_not_suitable", "provider_undelivered")),
    "004": ("hard", ("provider_blocked", "provider_number_silent", "quarantined")),
    "005": ("hard", ("opted_out", "no_marketing_consent")),
    "006": ("hard", ("not_a_mobile", "no_account_for", "provider_region_closed")),
    "007": ("soft", ("provider_spam", "provider_fraud_guard")),
    "008": ("soft", ("provider_expired", "stale", "too_late", "moment_over", "never_useful", "no_longer_useful")),
    "009": ("hard", ("number_invalid", "number_unreadable", "no_number")),
    "010": ("soft", ("provider_no_credit", "account_trouble", "account_held", "no_account")),
    "011": ("soft", ("outside_hours", "no_window", "no_window_before_deadline", "past_useful", "cap_refused",
                     "late_skipped", "late_refused")),
    "012": ("soft", ("in_rehearsal",)),
    "013": ("soft", ("cancelled_by_person", "called_off_there", "disconnected", "rule_gone")),
    "014": ("soft", ("adobe_campaign_parts_missing",)),
    "015": ("soft", ("provider_sender_wrong", "provider_sender_missing", "provider_sender_unregistered",
                     "sender_bad_name", "sender_cannot_be_answered", "sender_no_names_there", "sender_not_a_number",
                     "sender_personal_number")),
    "099": ("soft", ()),
}  # fmt: skip
_CODE_OF = {reason: code for code, (_, reasons) in _CODES.items() for reason in reasons}
UNKNOWN = "099"
_BY_STATE: Mapping[State, str] = {State.EXPIRED: "008", State.CANCELLED: "013", State.SUPERSEDED: "013"}


@dataclass(frozen=True, slots=True)
class Saying:
    """One deliver_sm. `name` is that of the submit that it is about: it may not leave before that was answered."""

    message: ShortMessage
    name: str = ""


def words() -> tuple[Word, ...]:
    """For the error table of the external account."""
    return tuple(Word(code, weight, Reason(f"adobe_campaign_err_{code}")) for code, (weight, _) in _CODES.items())


def sayings(installation: Installation, report: Report) -> tuple[Saying, ...]:
    """What the report comes to over there; nothing where it is of no interest."""
    if report.kind == "reply" and report.text:
        return _replies(installation, report)
    if report.kind != "state" or report.state not in FINAL or report.before in FINAL:
        # One final word on each message: a second one would be taken for another message's.
        return ()
    wanting: Mapping[str, int] = report.private.get("receipts") or {}
    return tuple(_receipt(installation, report, name) for name, wish in wanting.items() if _wanted(wish, report.state))


def _wanted(wish: int, state: State) -> bool:
    arrived = state in (State.DELIVERED, State.READ)
    return wish == SUCCESS_AND_FAILURE or (wish == SUCCESS_ONLY if arrived else wish == FAILURE_ONLY)


def code_of(state: State, reason: Reason | None) -> str:
    """Three figures that stay the same for the same cause."""
    if state in (State.DELIVERED, State.READ):
        return "000"
    own = _CODE_OF.get(reason.code) if reason else None
    return own or _BY_STATE.get(state, UNKNOWN)


def _receipt(installation: Installation, report: Report, name: str) -> Saying:
    state = report.state
    assert state is not None
    arrived = state in (State.DELIVERED, State.READ)
    said, number = _DELIVERED if arrived else _REJECTED if state is State.SUPPRESSED else _UNDELIVERED
    code = code_of(state, report.reason)
    text = (f"id:{name} sub:001 dlvrd:{1 if arrived else 0:03} submit date:{_minute(_submitted(report))}"
            f" done date:{_minute(report.at)} stat:{said} err:{code} text:{_beginning(report.body or '')}")  # fmt: skip
    source = Address(1, 1, _spelled(installation, report).encode())
    return Saying(ShortMessage(
        source, _address(str(report.private.get("from") or "")), text.encode("ascii"), RECEIPT,
        tlvs={Tag.RECEIPTED_MESSAGE_ID: name.encode() + b"\0", Tag.MESSAGE_STATE: bytes((number,)),
              Tag.NETWORK_ERROR_CODE: bytes((_GSM_NETWORK,)) + int(code).to_bytes(2)},
    ), name)  # fmt: skip


def _submitted(report: Report) -> datetime:
    written = report.private.get("at")
    return datetime.fromisoformat(written) if isinstance(written, str) else report.at


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%y%m%d%H%M}"


def _beginning(text: str) -> str:
    """The first twenty characters: with signs that every alphabet writes alike, and without what ends a line."""
    return re.sub(r"[^ -~]", ".", text[:20], flags=re.ASCII).strip()


def _spelled(installation: Installation, report: Report) -> str:
    """The number as it was given to us, so that it is found again over there."""
    return str(report.private.get("spelled") or _figures(installation, report.to or ""))


def _figures(installation: Installation, number: str) -> str:
    return number if installation.config.get("numbers") == "plus" else number.removeprefix("+")


def _address(written: str) -> Address:
    figures = written.removeprefix("+")
    if written and not (figures.isascii() and figures.isdecimal()):
        return Address(5, 0, written[:20].encode("latin-1", "replace"))
    return Address(1 if len(figures) > 8 else 3 if figures else 0, 1 if len(figures) > 8 else 0, written.encode())


def _replies(installation: Installation, report: Report) -> tuple[Saying, ...]:
    """What a person wrote. Campaign joins no parts: a long text is several, each read for itself."""
    config: Mapping[str, Any] = installation.config
    to = _address(str(config.get("reply_to") or report.private.get("from") or ""))
    source = Address(1, 1, _figures(installation, report.to or "").encode())
    text = (report.text or "").replace("\0", "")
    cheap = bool(GSM7.fullmatch(text))
    pieces = _cut(text, REPLY_SEPTETS if cheap else REPLY_UNITS, cheap=cheap)[:MOST_REPLIES]
    return tuple(
        Saying(ShortMessage(source, to, gsm7_octets(one) if cheap else one.encode("utf-16-be", "replace"),
                            data_coding=0 if cheap else 8))
        for one in pieces
    )  # fmt: skip


def _cut(text: str, room: int, *, cheap: bool) -> Sequence[str]:
    """No character is cut in two."""
    found, piece, filled = [], "", 0
    for c in text:
        size = len(gsm7_octets(c)) if cheap else len(c.encode("utf-16-be", "replace")) // 2
        if filled + size > room:
            found.append(piece)
            piece, filled = "", 0
        piece += c
        filled += size
    return [*found, piece] if piece else found
