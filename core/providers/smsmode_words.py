"""smsmode's vocabulary, translated once: a message resource read as a receipt or a reply. Pure, no line is opened here.

Facts come from the vendor's own RCS client and from integrations that run against the live service; the traps seen
there are named where they are avoided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from core.contract import PhoneReply, Receipt
from core.domain.errors import Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.providers.callbacks import Resource, identifier, micros, moment, number, words
from core.providers.callbacks import said as written
from core.providers.rich import heard

NAME = "smsmode"

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


def channel_of(message: Resource) -> str | None:
    """The id of the channel, which belongs to one customer."""
    return identifier(_object(message, "channel").get("channelId"))


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
    message_id, reference = identifier(message.get("messageId")), identifier(message.get("refClient"))
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
    message_id = identifier(message.get("messageId"))
    ends = (message.get("from"), _object(message, "recipient").get("to"))
    # On real RCS replies the two are the wrong way round: `from` is the agent's name, `recipient.to` the person.
    sender, to = (number(ends[0]), ends[1]) if number(ends[0]) else (number(ends[1]), ends[0])
    body = _object(message, "body")
    own, text = heard(body.get("postbackData")), _said(body)
    answers = identifier(message.get("originMessageId"))
    if own is not None:
        text, answers = own[0], identifier(own[1]) or answers
    if message_id is None or sender is None or text is None:
        raise Unreadable("unreadable", detail="neither a report nor a reply")
    called = number(to) or (words(str(to), 20) if isinstance(to, str | int) else "")
    at = moment((message.get("sentDate"),), now)
    channel = Channel.RCS if is_rcs(message) else Channel.SMS
    return PhoneReply(sender, called, text, at, message_id, answers, channel)


def price_of(message: Resource) -> tuple[int | None, str | None]:
    """`price` in micro-units and its currency. The amount is a number for one of the vendor's clients, else a text."""
    price = _object(message, "price")
    return micros(price.get("amount"), price.get("currency"), signed=False)


def _said(body: Resource) -> str | None:
    """What the person meant to say, whatever kind of answer it is."""
    for field in ("text", "postbackData", "fileUrl", "filename"):
        if isinstance(found := body.get(field), str):
            return written(found)
    place = body.get("latitude"), body.get("longitude")
    if all(isinstance(part, int | float | str) and not isinstance(part, bool) for part in place):
        return f"{str(place[0])[:20]},{str(place[1])[:20]}".replace("\x00", "")
    return None


def _status(message: Resource) -> str | None:
    return words(_object(message, "status").get("value"), 60) or None


def _object(message: Resource, field: str) -> Resource:
    found = message.get(field)
    return found if isinstance(found, dict) else {}
