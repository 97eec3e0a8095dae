"""What is known of a phone on a channel beside SMS: whether it is reached there, and what it can show. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain.content import RCS_SUGGESTIONS

CARD, CAROUSEL = "card", "carousel"
"""What a phone can show; the other features are the kinds of suggestions that it can carry out ("open", "dial", …)."""

REACHED_FOR, UNREACHED_FOR = timedelta(days=7), timedelta(days=3)
"""For so long what was learnt is believed. People change their phones; a yes that is old is corrected by the first
message, a no would keep them from the richer one, so that it is believed for a shorter time."""


@dataclass(frozen=True, slots=True)
class Ability:
    """A provider's word on one phone. `features` is None when it did not say what the phone can show."""

    number: str
    reachable: bool
    features: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a phone, learnt at `at`."""

    reachable: bool
    features: frozenset[str] | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of some people are known to be reached by a channel, how many are known not to be, and the rest."""

    reachable: int = 0
    unreachable: int = 0
    unknown: int = 0


def believed_until(reachable: bool, at: datetime) -> datetime:
    """Till when a word of `at` is believed."""
    return at + (REACHED_FOR if reachable else UNREACHED_FOR)


def plainer(content: Mapping[str, Any], text: str, features: Collection[str]) -> Mapping[str, Any]:
    """The filled RCS `content` as a phone that can show only `features` gets it: a card becomes the message's own
    `text` with the card's buttons, and buttons that do nothing there are left out. Answers stay, whatever the phone."""
    shown = next((name for name in (CARD, CAROUSEL) if name in content), None)
    folded = shown is not None and shown not in features
    suggestions = [*content.get("suggestions", ())]
    if folded and shown is not None:
        cards = [content[CARD]] if shown == CARD else content[CAROUSEL].get("cards", ())
        suggestions += [one for card in cards for one in card.get("suggestions", ())]
    able = [one for one in suggestions if _able(one, features)]
    # One stays free for STOP, which a commercial message needs.
    able = [one for place, one in enumerate(able) if one not in able[:place]][: RCS_SUGGESTIONS - 1] if folded else able
    found: dict[str, Any] = {name: value for name, value in content.items() if name not in ("suggestions", shown)}
    if folded:
        found["text"] = text
    elif shown is not None:
        found[shown] = _on_cards(shown, content[shown], features)
    return found | ({"suggestions": able} if able else {})


def _able(suggestion: Mapping[str, Any], features: Collection[str]) -> bool:
    return suggestion.get("kind", "reply") == "reply" or suggestion["kind"] in features


def _on_cards(shown: str, given: Mapping[str, Any], features: Collection[str]) -> Mapping[str, Any]:
    if shown == CAROUSEL:
        return {**given, "cards": [_on_cards(CARD, card, features) for card in given.get("cards", ())]}
    able = [one for one in given.get("suggestions", ()) if _able(one, features)]
    return {name: value for name, value in given.items() if name != "suggestions"} | (
        {"suggestions": able} if able else {}
    )
