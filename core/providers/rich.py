"""What ways out with buttons have in common: each button bears its message, and commercial messages a way out. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from core.contract import Outgoing, Refused
from core.domain.content import STOP, answered, tagged
from core.domain.messages import MessageClass
from core.domain.reasons import Reason
from core.providers.lines import names_stop

STOP_LABEL = "STOP"


def own_text(message: Outgoing) -> str:
    """What the channel shows as text."""
    return str(message.content.get("text") or message.text)


def buttons(message: Outgoing, field: str, label: str, most: int) -> list[Mapping[str, Any]]:
    """The content's buttons in its `field` with their message's reference, and STOP where the message needs one and
    `most` leaves room. `label` is the name of what a button shows."""
    found = [_tagged(one, message.reference) for one in message.content.get(field, ())]
    if message.stop_mention and len(found) < most and not any(_is_stop(one) for one in found):
        button = {label: STOP_LABEL, "postback": tagged(STOP, message.reference)}
        found.append({"kind": "reply", **button} if field == "suggestions" else button)
    return found


def cards(message: Outgoing) -> list[Mapping[str, Any]]:
    """The card, or the cards of the carousel, their buttons with the message's reference."""
    content = message.content
    shown = [content["card"]] if "card" in content else content.get("carousel", {}).get("cards", ())
    return [{**card, "suggestions": [_tagged(one, message.reference) for one in card.get("suggestions", ())]}
            for card in shown]


def without_way_out(provider: str, message: Outgoing, shown: Sequence[Mapping[str, Any]]) -> Refused | None:
    """A commercial message must not leave in France without saying how to hear no more."""
    if not message.stop_mention or any(_is_stop(one) for one in shown) or names_stop(own_text(message)):
        return None
    if message.message_class is MessageClass.MARKETING and message.country == "FR":
        return Refused(Reason("provider_no_way_out", {"provider": provider}))
    return None


def heard(postback: object) -> tuple[str, str | None] | None:
    """What one of our buttons says ("OUI", "NON", "STOP") and the reference of its message; None for anything else.
    Postbacks come back in base64 or decoded, depending on the way that they took."""
    if not isinstance(postback, str) or len(postback) > 4096:
        return None
    return answered(postback) or answered(_decoded(postback))


def encoded(postback: str) -> str:
    """In base64, as RCS asks for."""
    return base64.b64encode(postback.encode("utf-8", "replace")).decode()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _tagged(button: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    return {**button, "postback": tagged(button["postback"], reference)} if "postback" in button else button


def _is_stop(button: Mapping[str, Any]) -> bool:
    said = answered(str(button.get("postback", "")))
    return said is not None and said[0] == "STOP"
