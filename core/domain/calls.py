"""A telephone call as a message: what is said, which key means what, and what follows when nobody picks up. Pure.

The words that we add to a message's own (the keys, the thanks) are here, in each language that a voice speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from core.domain.messages import MessageClass
from core.domain.nothing import NOTHING

HANG_UP, LEAVE_MESSAGE = "hang_up", "leave_message"
CONFIRM, DECLINE, STOP = "confirm", "decline", "stop"
"""What a key may mean."""
ASKING: Mapping[str, str] = MappingProxyType({"1": CONFIRM, "2": DECLINE, "9": STOP})
"""The keys of a call that asks for an answer and names none itself."""
MOST_KEYS = 9
STOP_KEYS = "9087654321"
"""The key that ends commercial calls, where a message gives it to nothing else: one is always free."""
SAID: Mapping[str, str] = MappingProxyType({CONFIRM: "OUI", DECLINE: "NON", STOP: "STOP"})
"""What a person says with a key: the same as by text message."""
TIMES, MOST_TIMES = 2, 4
"""How often a number is called for one message when nobody picks up, and at most: the law of the strictest country we
know counts four attempts in thirty days."""
AGAIN_AFTER, SOONEST_AGAIN, LATEST_AGAIN = timedelta(minutes=10), timedelta(minutes=2), timedelta(hours=24)

UNANSWERED = frozenset({"call_busy", "call_no_answer", "call_cut_short"})
"""Reasons after which the same number may be called again: surely nothing of the message was heard."""
UNHEARD = UNANSWERED | {"call_voicemail", "call_fax", "call_failed", "call_cancelled"}
"""Reasons after which the message was surely not said, and the next channel's turn has come."""
ENDED, CUT_SHORT = "call_ended", "call_cut_short"
"""A call is over that somebody had answered; and what that means when nothing had been said by then."""
ANSWERED, UNSURE, LEFT, PRESSED = "call_answered", "call_answered_unsure", "call_message_left", "call_key_pressed"
"""Reasons of a call that somebody or something took: a person; nobody can tell who; a voicemail; a key was pressed."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a phone says next. With `keys` it then waits for one of them, after saying `menu`; without, it hangs up.

    `language` is a BCP 47 tag ("fr-FR"), `voicemail` `HANG_UP` or `LEAVE_MESSAGE`; a voicemail hears `text` alone.
    """

    text: str
    language: str
    keys: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    menu: str = ""
    voicemail: str = HANG_UP


def spoken(content: Mapping[str, Any], text: str, klass: MessageClass, language: str = "fr") -> Spoken:
    """The call of a message with `text`. `content` is what `core.domain.content` made of its voice part, or empty."""
    tongue = content.get("language") or default_voice(language)
    keys = keys_of(content, klass)
    return Spoken(content.get("text") or text, tongue, keys, menu(keys, tongue), content.get("voicemail", HANG_UP))


def keys_of(content: Mapping[str, Any], klass: MessageClass) -> Mapping[str, str]:
    """key → what it means. A commercial call always has one that ends all of them."""
    keys = dict(content.get("keys") or {})
    if klass is MessageClass.MARKETING and STOP not in keys.values():
        keys[next(key for key in STOP_KEYS if key not in keys)] = STOP
    return keys


def menu(keys: Mapping[str, str], language: str) -> str:
    """The keys in words: « Pour confirmer, tapez 1. »"""
    words = _words(language)
    return " ".join(words[meaning].format(key=key) for key, meaning in sorted(keys.items()))


def thanks(what: str, language: str) -> str:
    """What is said after a key. `what` became of it: `confirmed`, `declined`, `stopped`, `noted` or `unknown`."""
    return _words(language)[what]


def after_key(now: Spoken, what: str) -> Spoken:
    """What is said once a key was pressed. After one that means nothing, the keys are said again."""
    said = thanks(what, now.language)
    if what == "unknown":
        return replace(now, text=said)
    return replace(now, text=said, keys={}, menu="")


def times(content: Mapping[str, Any]) -> int:
    """How often the number is called at most, answered or not."""
    return int(content.get("calls", TIMES))


def again_after(content: Mapping[str, Any]) -> timedelta:
    """How long to wait before calling again."""
    return timedelta(seconds=content["again_after"]) if content.get("again_after") else AGAIN_AFTER


def default_voice(language: str) -> str:
    """`fr` → `fr-FR`; French for a language that has no voice here."""
    return _VOICES.get(language.partition("-")[0].lower(), _VOICES["fr"])


def _words(language: str) -> Mapping[str, str]:
    return _WORDS.get(language.partition("-")[0].lower(), _WORDS["en"])


_VOICES: Mapping[str, str] = MappingProxyType({
    "fr": "fr-FR", "en": "en-GB", "es": "es-ES", "de": "de-DE", "it": "it-IT"})
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "fr": {
        CONFIRM: "Pour confirmer, tapez {key}.", DECLINE: "Pour annuler, tapez {key}.",
        STOP: "Pour ne plus recevoir ces messages, tapez {key}.",
        "confirmed": "Merci, c'est confirmé. Au revoir.", "declined": "C'est noté, merci de nous prévenir. Au revoir.",
        "stopped": "C'est noté, vous ne recevrez plus ces messages. Au revoir.",
        "noted": "Merci, votre réponse est transmise. Au revoir.", "unknown": "Cette touche ne correspond à rien."},
    "en": {
        CONFIRM: "To confirm, press {key}.", DECLINE: "To cancel, press {key}.",
        STOP: "To receive no more of these messages, press {key}.",
        "confirmed": "Thank you, it is confirmed. Goodbye.", "declined": "Noted, thank you for telling us. Goodbye.",
        "stopped": "Noted, you will receive no more of these messages. Goodbye.",
        "noted": "Thank you, your answer is passed on. Goodbye.", "unknown": "This key has no meaning here."},
    "es": {
        CONFIRM: "Para confirmar, pulse {key}.", DECLINE: "Para anular, pulse {key}.",
        STOP: "Para no recibir más estos mensajes, pulse {key}.",
        "confirmed": "Gracias, queda confirmado. Adiós.", "declined": "Anotado, gracias por avisarnos. Adiós.",
        "stopped": "Anotado, no recibirá más estos mensajes. Adiós.",
        "noted": "Gracias, su respuesta ha sido transmitida. Adiós.", "unknown": "Esta tecla no tiene función."},
    "de": {
        CONFIRM: "Zum Bestätigen drücken Sie die {key}.", DECLINE: "Zum Absagen drücken Sie die {key}.",
        STOP: "Um diese Nachrichten nicht mehr zu erhalten, drücken Sie die {key}.",
        "confirmed": "Danke, das ist bestätigt. Auf Wiederhören.",
        "declined": "Das ist notiert, danke für Ihre Nachricht. Auf Wiederhören.",
        "stopped": "Das ist notiert, Sie erhalten diese Nachrichten nicht mehr. Auf Wiederhören.",
        "noted": "Danke, Ihre Antwort wird weitergegeben. Auf Wiederhören.",
        "unknown": "Diese Taste ist nicht belegt."},
    "it": {
        CONFIRM: "Per confermare, prema {key}.", DECLINE: "Per annullare, prema {key}.",
        STOP: "Per non ricevere più questi messaggi, prema {key}.",
        "confirmed": "Grazie, è confermato. Arrivederci.", "declined": "Annotato, grazie dell'avviso. Arrivederci.",
        "stopped": "Annotato, non riceverà più questi messaggi. Arrivederci.",
        "noted": "Grazie, la sua risposta è trasmessa. Arrivederci.", "unknown": "Questo tasto non ha funzione."},
})
