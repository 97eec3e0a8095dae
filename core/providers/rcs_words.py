"""Google's RCS for Business, its vocabulary translated once: messages as it wants them, events as it posts them. Pure.

Facts come from Google's reference pages and its published samples.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from core.contract import Outgoing, PhoneReply, Receipt, Refused
from core.domain.content import RCS_SUGGESTIONS, RCS_TEXT
from core.domain.errors import NotAuthentic, Unreadable
from core.domain.messages import MessageClass, State
from core.domain.reach import CARD, CAROUSEL, Ability
from core.domain.reasons import Reason
from core.providers import callbacks as read_
from core.providers import rich
from core.providers.callbacks import Resource

NAME = "Google RCS"
CHANNEL = "RCS"
SHORTEST, LONGEST = 10, 15 * 86_400
"""Seconds that a message may ask to be kept for."""

TRAFFIC: Mapping[MessageClass, str] = MappingProxyType({
    MessageClass.OTP: "AUTHENTICATION",
    MessageClass.TRANSACTIONAL: "TRANSACTION",
    MessageClass.MARKETING: "PROMOTION",
    MessageClass.CONVERSATIONAL: "SERVICEREQUEST",
})

# ---------------------------------------------------------------------------------------- out


def message_id(reference: str) -> str:
    """Google's id of our message, the same each time: a repeated one is ignored, so that nothing is shown twice."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"relance:{reference}"))


def agent_message(message: Outgoing, now: datetime) -> dict[str, Any] | Refused:
    """The message as Google takes it, or why it cannot be written."""
    suggestions = rich.buttons(message, "suggestions", "text", RCS_SUGGESTIONS)
    if refused := rich.without_way_out(NAME, message, suggestions):
        return refused
    shown = _shown(message)
    if not isinstance(shown, dict):
        return shown
    if suggestions:
        shown["suggestions"] = [_suggestion(one) for one in suggestions]
    written: dict[str, Any] = {"contentMessage": shown, "messageTrafficType": TRAFFIC[message.message_class]}
    if (until := message.queued_until) is not None:
        left = int((until - now).total_seconds())
        written["ttl"] = f"{min(max(left, SHORTEST), LONGEST)}s"
    return written


def _shown(message: Outgoing) -> dict[str, Any] | Refused:
    content = message.content
    if "card" in content:
        [card] = rich.cards(message)
        horizontal = card.get("orientation") == "horizontal"
        standalone: dict[str, Any] = {"cardOrientation": "HORIZONTAL" if horizontal else "VERTICAL",
                                      "cardContent": _card(card)}
        if horizontal:
            standalone["thumbnailImageAlignment"] = str(card.get("alignment", "left")).upper()
        return {"richCard": {"standaloneCard": standalone}}
    if "carousel" in content:
        return {"richCard": {"carouselCard": {"cardWidth": str(content["carousel"].get("width", "medium")).upper(),
                                              "cardContents": [_card(card) for card in rich.cards(message)]}}}
    if "file" in content:
        return {"contentInfo": _media(content["file"])}
    text = rich.own_text(message)
    if len(text) > RCS_TEXT:
        return Refused(Reason("provider_text_too_long", {"provider": NAME, "limit": RCS_TEXT}))
    return {"text": text}


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: card[name] for name in ("title", "description") if name in card}
    if media := card.get("media"):
        found["media"] = {"height": str(media["height"]).upper(), "contentInfo": _media(media)}
    if suggestions := card.get("suggestions"):
        found["suggestions"] = [_suggestion(one) for one in suggestions]
    return found


def _media(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {"fileUrl": given["url"]}
    return found | ({"thumbnailUrl": given["thumbnail"]} if "thumbnail" in given else {})


def _suggestion(one: Mapping[str, Any]) -> dict[str, Any]:
    kind = one["kind"]
    if kind == "reply":
        return {"reply": {"text": one["text"], "postbackData": rich.encoded(one["postback"])}}
    action: dict[str, Any] = {"text": one["text"], "postbackData": rich.encoded(kind)}
    match kind:
        case "open":
            action["openUrlAction"] = {"url": one["url"]}
        case "dial":
            action["dialAction"] = {"phoneNumber": one["number"]}
        case "calendar":
            action["createCalendarEventAction"] = {
                "startTime": one["start"], "endTime": one["end"], "title": one["title"],
                "description": one.get("description", "")}
        case "location":
            place = {"latLong": {"latitude": one["latitude"], "longitude": one["longitude"]}}
            action["viewLocationAction"] = place | ({"label": one["label"]} if "label" in one else {})
        case "share_location":
            action["shareLocationAction"] = {}
    return {"action": action}


# ---------------------------------------------------------------------------------------- who is reached

FEWEST_AT_ONCE, MOST_AT_ONCE = 500, 10_000
"""Numbers that one question about many takes."""
FEATURES: Mapping[str, str] = MappingProxyType({
    "RICHCARD_STANDALONE": CARD,
    "RICHCARD_CAROUSEL": CAROUSEL,
    "ACTION_CREATE_CALENDAR_EVENT": "calendar",
    "ACTION_DIAL": "dial",
    "ACTION_OPEN_URL": "open",
    "ACTION_SHARE_LOCATION": "share_location",
    "ACTION_VIEW_LOCATION": "location",
})
"""Google's names of what a phone can show, and ours. Newer names stand for what is not sent."""


def ability(number: str, body: bytes) -> Ability | None:
    """What the phone can show; None when the answer cannot be read."""
    found = read_.json_or_none(body)
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list):
        # An answer without the field is the JSON of an empty list.
        return Ability(number, True) if isinstance(found, dict) and "features" not in found else None
    return Ability(number, True, frozenset(FEATURES[one] for one in features if one in FEATURES))


def reached(body: bytes, numbers: Sequence[str]) -> Sequence[Ability]:
    """Who of `numbers` is reached, as the answer about many says; nobody is known when it cannot be read."""
    found = read_.json_or_none(body)
    if not isinstance(found, dict) or not {"reachableUsers", "totalRandomSampleUserCount"} & set(found):
        return ()
    # When nobody is reached the list is left out.
    listed = found.get("reachableUsers", [])
    if not isinstance(listed, list):
        return ()
    there = {one for one in listed if isinstance(one, str)}
    return [Ability(number, number in there) for number in numbers]


# ---------------------------------------------------------------------------------------- back

RECEIPTS: Mapping[str, State | None] = MappingProxyType({
    "DELIVERED": State.DELIVERED,
    "READ": State.READ,
    # Revoked by its own deadline: it will not be shown, so that another channel may follow.
    "TTL_EXPIRATION_REVOKED": State.FAILED,
    # Not delivered and not taken back either: only a DELIVERED, if it comes, says more.
    "TTL_EXPIRATION_REVOKE_FAILED": None,
})
_ASKS: Mapping[str, str] = MappingProxyType({"UNSUBSCRIBE": "STOP", "SUBSCRIBE": "START"})


def envelope(body: bytes) -> bytes:
    """The event's own bytes, which are what is signed. Raises `Unreadable`."""
    message = read_.json_object(body).get("message")
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, str) or not data:
        raise Unreadable("unreadable", detail="no message.data")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("unreadable", detail="message.data is not base64") from error


def require_signature(data: bytes, given: str, client_token: str) -> None:
    """Raises `NotAuthentic` unless `given` (X-Goog-Signature) signs `data` with the agent's client token."""
    try:
        signature = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthentic("the signature is not base64") from error
    if not hmac.compare_digest(hmac.digest(client_token.encode(), data, "sha512"), signature):
        raise NotAuthentic("the signature does not match")


def read(data: bytes, agent: str, now: datetime) -> Sequence[Receipt | PhoneReply]:
    """What an event says; nothing for one of another agent, and for what needs no answer. Raises `Unreadable`."""
    event = read_.json_object(data)
    named = event.get("agentId")
    if isinstance(named, str) and _bare(named) != _bare(agent):
        return ()
    kind = read_.words(event.get("eventType"), 60).upper()
    at = read_.moment((event.get("sendTime"),), now)
    if kind in _ASKS:
        return (_reply(event, _ASKS[kind], at, read_.identifier(event.get("eventId"))),)
    if kind:
        return _receipt(event, kind, at)
    return _said(event, at)


def _receipt(event: Resource, kind: str, at: datetime) -> Sequence[Receipt]:
    if kind == "IS_TYPING":
        return ()
    named = read_.identifier(event.get("messageId"))
    if named is None:
        raise Unreadable("unreadable", detail="an event about no message")
    state = RECEIPTS.get(kind)
    reason = Reason("channel_expired", {"channel": CHANNEL}) if state is State.FAILED else None
    return (Receipt(named, state, kind, at, reason=reason),)


def _said(event: Resource, at: datetime) -> Sequence[PhoneReply]:
    tapped = event.get("suggestionResponse")
    if isinstance(tapped, dict):
        if (own := rich.heard(tapped.get("postbackData"))) is not None:
            return (_reply(event, own[0], at, answers=own[1]),)
        if tapped.get("type") == "ACTION":      # a map or an address was opened: nobody said anything
            return ()
        text = read_.said(tapped.get("text")) or read_.said(tapped.get("postbackData"))
        return (_reply(event, text, at),)
    text = read_.said(event.get("text"))
    if text is None:
        text = _place(event.get("location")) or _sent_file(event.get("userFile"))
    return (_reply(event, text, at),)


def _reply(event: Resource, text: str | None, at: datetime, named: str | None = None, *,
           answers: str | None = None) -> PhoneReply:
    # Google's server events call the same field otherwise.
    sender = read_.number(event.get("senderPhoneNumber") or event.get("phoneNumber"))
    named = named or read_.identifier(event.get("messageId"))
    if sender is None or text is None or named is None:
        raise Unreadable("unreadable", detail="neither an event nor a message")
    return PhoneReply(sender, read_.words(event.get("agentId"), 120), text, at, named, read_.identifier(answers))


def _place(given: object) -> str | None:
    if not isinstance(given, dict):
        return None
    place = given.get("latitude"), given.get("longitude")
    if not all(isinstance(part, int | float) and not isinstance(part, bool) for part in place):
        return None
    return f"{str(place[0])[:20]},{str(place[1])[:20]}"


def _sent_file(given: object) -> str | None:
    payload = given.get("payload") if isinstance(given, dict) else None
    if not isinstance(payload, dict):
        return None
    return read_.said(payload.get("fileUri")) or read_.said(payload.get("fileName"))


def _bare(agent: str) -> str:
    return agent.partition("@")[0]
