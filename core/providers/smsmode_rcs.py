"""smsmode's RCS messages as its REST interface takes them. Pure.

Names and limits come from the vendor's own RCS client 1.0.0; other names than these are a 400 there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from core.contract import Outgoing, Refused
from core.domain.content import RCS_SUGGESTIONS, RCS_TEXT
from core.domain.reasons import Reason
from core.providers import rich

LONGEST_URL = 255
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(hours=48)
MINUTES_FROM = timedelta(minutes=5)

_KINDS: Mapping[str, str] = MappingProxyType({
    "reply": "REPLY", "open": "OPEN_URL", "dial": "DIAL_PHONE", "calendar": "CREATE_CALENDAR_EVENT",
    "location": "SHOW_LOCATION", "share_location": "REQUEST_LOCATION"})
_FIELDS: Mapping[str, str] = MappingProxyType({
    "url": "url", "number": "phoneNumber", "start": "startTime", "end": "endTime", "title": "title",
    "description": "description", "latitude": "latitude", "longitude": "longitude", "label": "label"})


def body(provider: str, message: Outgoing) -> dict[str, Any] | Refused:
    """What is shown, or why it cannot be written."""
    suggestions = rich.buttons(message, "suggestions", "text", RCS_SUGGESTIONS)
    if refused := rich.without_way_out(provider, message, suggestions):
        return refused
    content = message.content
    written: dict[str, Any]
    if "card" in content:
        [card] = rich.cards(message)
        written = {"type": "CARD", "content": _card(card),
                   "orientation": str(card.get("orientation", "vertical")).upper()}
        if "alignment" in card:
            written["alignment"] = str(card["alignment"]).upper()
    elif "carousel" in content:
        written = {"type": "CAROUSEL", "contents": [_card(card) for card in rich.cards(message)],
                   "cardWidth": str(content["carousel"].get("width", "medium")).upper()}
    elif "file" in content:
        written = {"type": "FILE", **_media(content["file"])}
    else:
        text = rich.own_text(message)
        if len(text) > RCS_TEXT:
            return Refused(Reason("provider_text_too_long", {"provider": provider, "limit": RCS_TEXT}))
        written = {"type": "TEXT", "text": text}
    if suggestions:
        written["suggestions"] = [_suggestion(one) for one in suggestions]
    if any(len(url) > LONGEST_URL for url in _addresses(written)):
        detail = f"{provider} takes addresses of {LONGEST_URL} characters at most."
        return Refused(Reason("channel_unsuitable", {"channel": "RCS", "detail": detail}))
    return written


def validity(expires_at: datetime | None, now: datetime) -> dict[str, Any] | None:
    """How long smsmode tries, rounded down; afterwards the message is UNDELIVERED, and another channel may follow."""
    if expires_at is None:
        return None
    left = min(max(expires_at - now, SHORTEST), LONGEST)
    seconds = int(left.total_seconds())
    if left < MINUTES_FROM:
        return {"amount": seconds, "timeUnit": "SECONDS"}
    return {"amount": seconds // 60, "timeUnit": "MINUTES"}


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: card[name] for name in ("title", "description") if name in card}
    if media := card.get("media"):
        found["media"] = {**_media(media), "height": str(media["height"]).upper()}
    if suggestions := card.get("suggestions"):
        found["suggestions"] = [_suggestion(one) for one in suggestions]
    return found


def _media(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"fileUrl": given["url"]} | ({"thumbnailUrl": given["thumbnail"]} if "thumbnail" in given else {})


def _suggestion(one: Mapping[str, Any]) -> dict[str, Any]:
    kind = one["kind"]
    return {"type": _KINDS[kind], "text": one["text"], "postbackData": rich.encoded(one.get("postback", kind)),
            **{theirs: one[ours] for ours, theirs in _FIELDS.items() if ours in one}}


def _addresses(written: Any) -> list[str]:
    if isinstance(written, list):
        return [url for one in written for url in _addresses(one)]
    if not isinstance(written, dict):
        return []
    own = [value for name, value in written.items() if name in ("url", "fileUrl", "thumbnailUrl")]
    return own + [url for value in written.values() for url in _addresses(value)]
