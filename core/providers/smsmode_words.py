"""smsmode's vocabulary, translated once: a message resource read as a receipt or a reply. Pure, no line is opened here.

Facts come from the vendor's own RCS client and from integrations that run against the live service; the traps seen
there are named where they are avoided.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import orjson

from core.contract import PhoneReply, Receipt
from core.domain.errors import Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.providers.rich import heard

NAME = "smsmode"
LARGEST_BODY = 1_000_000
DEEPEST = 100
LONGEST_TEXT = 10_000

STATES: Mapping[str, State] = MappingProxyType({
    # We never ask for a later moment, so that a message which waits over there has left here.
    "SCHEDULED": State.SENT,
    "ENROUTE": State.SENT,
    "DELIVERED": State.DELIVERED,
    "READ": State.READ,
    "UNDELIVERABLE": State.FAILED,
    "UNDELIVERED": State.FAILED,
})


@dataclass(frozen=True, slots=True)
class Failure:
    """What `status.detail` means for a message that was not delivered."""

    code: str
    opt_out: bool = False
    dead_number: bool = False
    retry: bool = False
    account_trouble: bool = False


FAILURES: Mapping[str, Failure] = MappingProxyType({
    "INVALID_PHONE_NUMBER": Failure("provider_number_dead", dead_number=True),
    "BLACKLISTED": Failure("provider_number_silent", opt_out=True),
    "SPAM": Failure("provider_spam"),
    "PHONE_NOT_SUITABLE": Failure("provider_not_suitable"),
    "NETWORK_NOT_SUITABLE": Failure("provider_not_suitable"),
    "ROUTE_NOT_AVAILABLE": Failure("provider_not_suitable"),
    "MEDIA_INVALID": Failure("provider_media_invalid"),
    # Without credit a message is taken (201, ENROUTE) all the same: the refusal comes later, as a receipt.
    "INSUFFICIENT_CREDIT": Failure("provider_no_credit", account_trouble=True),
    "DAILY_LIMIT_EXCEEDED": Failure("provider_limit_reached", account_trouble=True),
    "ORGANISATION_MONTHLY_LIMIT_EXCEEDED": Failure("provider_limit_reached", account_trouble=True),
    "EXPIRED": Failure("provider_expired", retry=True),
    "INTERNAL_ERROR": Failure("provider_internal_error", retry=True),
    "CANCELLED": Failure("provider_cancelled"),
})

RCS = "RCS"
RCS_FAILURES: Mapping[str, Failure] = MappingProxyType({
    # Past its validity nothing is shown any more: the next channel's turn, not another try of this one.
    "EXPIRED": Failure("channel_expired"),
    "UNDELIVERED": Failure("channel_expired"),
    "UNDELIVERABLE": Failure("channel_unreachable"),
})
"""What differs for RCS; by `status.detail`, or by `status.value` when there is no detail that we know."""

Resource = Mapping[str, Any]


def resource(body: bytes) -> Resource:
    """The JSON object that a callback brings. Raises `Unreadable`."""
    if len(body) > LARGEST_BODY:
        raise Unreadable("unreadable", detail="longer than 1 MB")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("unreadable", detail="not JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("unreadable", detail="not a JSON object")
    if _is_deeper_than(found, DEEPEST):
        raise Unreadable("unreadable", detail=f"nested deeper than {DEEPEST}")
    return found


def channel_of(message: Resource) -> str | None:
    """The id of the channel, which belongs to one customer."""
    return _identifier(_object(message, "channel").get("channelId"))


def is_rcs(message: Resource) -> bool:
    """Whether it is a message of RCS."""
    return RCS in (message.get("type"), _object(message, "channel").get("type"))


def read(message: Resource, now: datetime) -> Receipt | PhoneReply:
    """What a callback says; one address may get both kinds. Raises `Unreadable`.

    An explicit `MO` wins. `direction` is missing on real reports, so that a status makes a report, too.
    """
    direction = message.get("direction")
    if isinstance(direction, str) and direction.upper() == "MO":
        return read_reply(message, now)
    if _status(message) or direction is not None:
        return read_receipt(message, now)
    return read_reply(message, now)


def read_receipt(message: Resource, now: datetime) -> Receipt:
    """The state of one of our messages, as of `now` at the latest. Raises `Unreadable`."""
    message_id, reference = _identifier(message.get("messageId")), _identifier(message.get("refClient"))
    value = _status(message)
    if message_id is None or value is None:
        raise Unreadable("unreadable", detail="neither a report nor a reply")
    said = _object(message, "status")
    at = moment((said.get("deliveryDate"), message.get("sentDate")), now)
    price, currency = price_of(message)
    state = STATES.get(value.upper())
    if state is not State.FAILED:
        return Receipt(message_id, state, value, at, reference, price_micros=price, currency=currency)
    detail = words(said.get("detail"), 60)
    failure = FAILURES.get(detail.upper(), Failure("provider_undelivered"))
    values = {"provider": NAME, "status": value, "detail": detail}
    if is_rcs(message):
        unknown = RCS_FAILURES.get(value.upper(), failure) if detail.upper() not in FAILURES else failure
        failure, values = RCS_FAILURES.get(detail.upper(), unknown), {**values, "channel": RCS}
    reason = Reason(failure.code, values)
    return Receipt(message_id, state, value, at, reference, reason, failure.account_trouble, failure.retry,
                   failure.opt_out, failure.dead_number, price, currency)


def read_reply(message: Resource, now: datetime) -> PhoneReply:
    """What a person wrote. Raises `Unreadable`."""
    message_id = _identifier(message.get("messageId"))
    ends = (message.get("from"), _object(message, "recipient").get("to"))
    # On real RCS replies the two are the wrong way round: `from` is the agent's name, `recipient.to` the person.
    sender, to = (number(ends[0]), ends[1]) if number(ends[0]) else (number(ends[1]), ends[0])
    body = _object(message, "body")
    own, text = heard(body.get("postbackData")), _said(body)
    answers = _identifier(message.get("originMessageId"))
    if own is not None:
        text, answers = own[0], _identifier(own[1]) or answers
    if message_id is None or sender is None or text is None:
        raise Unreadable("unreadable", detail="neither a report nor a reply")
    called = number(to) or (words(str(to), 20) if isinstance(to, str | int) else "")
    at = moment((message.get("sentDate"),), now)
    channel = Channel.RCS if is_rcs(message) else Channel.SMS
    return PhoneReply(sender, called, text, at, message_id, answers, channel)


def number(value: object) -> str | None:
    """`33600000001`, with or without + and spaces, as E.164; None for names and short codes."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value) if isinstance(value, str) or abs(value) < 10**16 else ""
    digits = re.sub(r"[ .\-()]", "", text).removeprefix("+").removeprefix("00")
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{6,14}", digits, re.ASCII) else None


def moment(candidates: Iterable[object], now: datetime) -> datetime:
    """The first of the dates that can be read, in UTC. Never later than `now`, which is the answer without any.

    Dates come with and without an offset, and nobody says which zone the latter are in. They are taken for UTC: what
    was written in Paris time then lies ahead, and is `now`.
    """
    for given in candidates:
        if not isinstance(given, str) or not 10 < len(given) < 40:
            continue
        try:
            read_ = datetime.fromisoformat(given)
            return min(read_.astimezone(UTC) if read_.tzinfo else read_.replace(tzinfo=UTC), now)
        except (ValueError, OverflowError):
            continue
    return now


def price_of(message: Resource) -> tuple[int | None, str | None]:
    """`price` in micro-units and its currency. The amount is a number for one of the vendor's clients, else a text."""
    price = _object(message, "price")
    amount, currency = price.get("amount"), price.get("currency")
    if isinstance(amount, bool) or not isinstance(amount, int | float | str) or not isinstance(currency, str):
        return None, None
    try:
        micros = Decimal(str(amount)[:40]) * 1_000_000
    except ArithmeticError:     # no number at all, or one without end
        return None, None
    if not re.fullmatch(r"[A-Z]{3}", currency) or not micros.is_finite() or not 0 <= micros < 10**12:
        return None, None
    return round(micros), currency


def words(value: object, longest: int = 300) -> str:
    """Text from outside on one line, without control characters; empty for anything that is not text."""
    if not isinstance(value, str):
        return ""
    text = value[:longest]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def _said(body: Resource) -> str | None:
    """What the person meant to say, whatever kind of answer it is."""
    for field in ("text", "postbackData", "fileUrl", "filename"):
        if isinstance(found := body.get(field), str):
            # PostgreSQL keeps no NUL.
            return found[:LONGEST_TEXT].replace("\x00", "")
    place = body.get("latitude"), body.get("longitude")
    if all(isinstance(part, int | float | str) and not isinstance(part, bool) for part in place):
        return f"{str(place[0])[:20]},{str(place[1])[:20]}".replace("\x00", "")
    return None


def _status(message: Resource) -> str | None:
    return words(_object(message, "status").get("value"), 60) or None


def _object(message: Resource, field: str) -> Resource:
    found = message.get(field)
    return found if isinstance(found, dict) else {}


_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,140}")


def _identifier(value: object) -> str | None:
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def _is_deeper_than(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [inner for one in level if isinstance(one, dict | list)
                 for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return True
