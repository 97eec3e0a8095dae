"""What people on the waiting list are written: in French and English, short, and in letters that cost one part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.policy.walltime import local
from core.domain.text.spoken_time import hour, moment_in_words, short_date
from core.domain.text.templates import compile_template, render
from core.domain.text.transliteration import to_gsm7

KNOWN = frozenset({"clinic", "when", "until", "instead", "name"})
"""What an offer in the clinic's own words may name."""
NEEDED = frozenset({"when", "until"})


def own_text(text: str, pointer: str = "/text") -> str:
    """An offer in the clinic's own words, checked: it says which slot, and until when. Raises `BadInput`."""
    if not text:
        return text
    names = compile_template(text).variables
    if unknown := sorted(names - KNOWN):
        raise BadInput("waitlist_text_unknown", pointer=pointer, name=unknown[0], known=", ".join(sorted(KNOWN)))
    if missing := sorted(NEEDED - names):
        raise BadInput("waitlist_text_lacks", pointer=pointer, name=missing[0])
    return text


def offer(
    text: str, language: str, *, clinic: str, name: str | None, start: datetime, until: datetime,
    own: datetime | None, now: datetime, zone: ZoneInfo,
) -> str:  # fmt: skip
    """The offer itself. `own`: the later appointment that it would replace."""
    here, end = local(start, zone), local(until, zone)
    same_day = end.date() == local(now, zone).date()
    instead = _WORDS[language]["instead"].format(day=short_date(local(own, zone), language)) if own else ""
    # A value that is missing would refuse the whole text; what is not known is left out of it.
    values = {"clinic": clinic or "-", "when": moment_in_words(here, language), "name": name or "",
              "until": hour(end, language) if same_day else moment_in_words(end, language),
              "instead": instead}  # fmt: skip
    source = text or _WORDS[language]["offer"]
    for empty in [name for name, value in values.items() if not value]:
        source = source.replace("{{ " + empty + " }}", "").replace("{{" + empty + "}}", "")
    return render(source, values, zone, language).text


def said(
    what: str, language: str, *, clinic: str = "", start: datetime | None = None, own: datetime | None = None,
    zone: ZoneInfo,
) -> str:  # fmt: skip
    """One of our other sentences: `yours`, `reserve`, `late`, `gone`, `taken_back`, …"""
    words = _WORDS[language]
    text = words[what].format(
        clinic=clinic, when=moment_in_words(local(start, zone), language) if start else "",
        replaces=words["replaces"].format(when=moment_in_words(local(own, zone), language)) if own else "",
    )  # fmt: skip
    return to_gsm7(text)


def language_of(language: str) -> str:
    return language if language in _WORDS else "en"


_WORDS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "offer": "{{ clinic }} : un rendez-vous se libère {{ when }}{{ instead }}. Le voulez-vous ? Répondez OUI avant"
                 " {{ until }}, sinon NON. STOP : quitter la liste.",
        "instead": ", à la place du {day}",
        "yours": "{clinic} : c'est noté, le rendez-vous du {when} est à vous.{replaces} Nous vous attendons.",
        "replaces": " Il remplace celui du {when}.",
        "reserve": "Ce rendez-vous est proposé à une autre personne. Si elle n'en veut pas, il est à vous : nous vous"
                   " l'écrirons aussitôt.",
        "late": "Merci de votre réponse. Une autre personne vient de prendre ce rendez-vous ; vous restez sur la liste"
                " d'attente.",
        "gone": "Merci de votre réponse. Ce rendez-vous n'est plus disponible ; vous restez sur la liste d'attente.",
        "taken_back": "{clinic} : le rendez-vous du {when} n'est finalement plus disponible. Pardon pour ce message ;"
                      " vous restez sur la liste d'attente.",
        "given_back": "{clinic} : c'est noté, le rendez-vous du {when} est proposé à quelqu'un d'autre. Vous restez sur"
                      " la liste d'attente.",
        "cannot": "{clinic} : le rendez-vous du {when} n'est finalement pas possible. Toutes nos excuses : vous restez"
                  " sur la liste d'attente.",
        "joined": "{clinic} : c'est noté, votre place sur la liste d'attente est prise. Nous vous écrirons si un"
                  " rendez-vous se libère. STOP : quitter la liste.",
        "slot_choice": "le rendez-vous proposé le {when}",
    },
    "en": {
        "offer": "{{ clinic }}: an appointment is free on {{ when }}{{ instead }}. Would you like it? Answer YES before"
                 " {{ until }}, or NO. STOP: leave the list.",
        "instead": ", instead of {day}",
        "yours": "{clinic}: noted, the appointment of {when} is yours.{replaces} See you then!",
        "replaces": " It replaces the one of {when}.",
        "reserve": "This appointment is offered to somebody else just now. If they do not want it, it is yours: we will"
                   " tell you at once.",
        "late": "Thank you for your answer. Somebody else has just taken this appointment; you stay on the waiting"
                " list.",
        "gone": "Thank you for your answer. This appointment is no longer free; you stay on the waiting list.",
        "taken_back": "{clinic}: the appointment of {when} is not free after all. Sorry for the message; you stay on"
                      " the waiting list.",
        "given_back": "{clinic}: noted, the appointment of {when} is offered to somebody else. You stay on the waiting"
                      " list.",
        "cannot": "{clinic}: the appointment of {when} is not possible after all. We are sorry: you stay on the waiting"
                  " list.",
        "joined": "{clinic}: noted, you are on the waiting list. We will write to you when an appointment is free."
                  " STOP: leave the list.",
        "slot_choice": "the one offered on {when}",
    },
}
