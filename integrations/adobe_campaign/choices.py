"""What a person chooses of a connection: who it is over there, which law its messages come under, how much it may send.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from core.contract import Asked, Configured
from core.domain.errors import BadInput

PASSWORD_LENGTH = 8
"""The field of a bind holds eight characters and their end."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_PASSWORD = re.compile(r"[A-Za-z0-9]{8}\Z", re.ASCII)
_SYSTEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,14}\Z", re.ASCII)
_REPLY_TO = re.compile(r"\+?[0-9]{3,15}\Z", re.ASCII)

CLASSES = ("marketing", "transactional")
CONSENTS = ("here", "campaign")
SENDERS = ("campaign", "here")
NUMBERS = ("digits", "plus")
_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "class": CLASSES, "consent": CONSENTS, "sender": SENDERS, "numbers": NUMBERS,
}  # fmt: skip
_LIMITS: Mapping[str, tuple[int, int, int]] = {
    "connections": (20, 1, 200), "window": (50, 1, 500), "rate": (100, 1, 2000),
}  # fmt: skip
"""name → what counts when nothing is said, the least and the most."""
MOST_NETWORKS = 50
KNOWN = ("system_id", "password", *_ONE_OF, "reply_to", "networks", *_LIMITS)

ASKED = (
    Asked("class", {"fr": "Ce que Campaign envoie", "en": "What Campaign sends"},
          {"fr": "Un message commercial attend les heures permises, et ne part qu'avec un accord.",
           "en": "A marketing message waits for the hours in which it may be sent, and needs a consent."},
          options={"marketing": {"fr": "Des messages commerciaux", "en": "Marketing messages"},
                   "transactional": {"fr": "Des messages de service", "en": "Service messages"}}),
    Asked("consent", {"fr": "Où se trouve l'accord des personnes", "en": "Where people's consent is kept"},
          {"fr": "« Dans Campaign » : vous déclarez n'y cibler que des personnes qui ont dit oui. Un STOP reçu ici "
                 "l'emporte toujours.",
           "en": "“In Campaign”: you declare that you target only people who agreed there. A STOP that came here "
                 "always wins."},
          options={"here": {"fr": "Ici, dans Relance", "en": "Here, in Relance"},
                   "campaign": {"fr": "Dans Campaign", "en": "In Campaign"}}),
    Asked("sender", {"fr": "Expéditeur", "en": "Sender"}, {},
          options={"campaign": {"fr": "Celui de la diffusion dans Campaign", "en": "That of the delivery in Campaign"},
                   "here": {"fr": "Celui de Relance", "en": "That of Relance"}}),
    Asked("reply_to", {"fr": "Numéro court pour les réponses", "en": "Short code for replies"},
          {"fr": "Celui du compte externe dans Campaign : les réponses lui sont remises sous ce numéro.",
           "en": "That of the external account in Campaign: replies are handed over under this number."},
          example="36180", required=False),
    Asked("networks", {"fr": "Adresses autorisées", "en": "Allowed addresses"},
          {"fr": "Les adresses de sortie de Campaign, séparées par des virgules. Vide : toutes.",
           "en": "The addresses that Campaign calls from, with commas between them. Empty: all."},
          example="192.0.2.0/24, 198.51.100.7", required=False),
)  # fmt: skip


def new_password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(PASSWORD_LENGTH))


def configured(given: Mapping[str, Any]) -> Configured:
    """What a person gave, checked. A password is made here unless one is given; `new_code` makes another one.
    Raises `BadInput` with a JSON pointer."""
    anew = bool(given.get("new_code"))
    for name in given:
        if name not in (*KNOWN, "new_code"):
            raise BadInput("adobe_campaign_unknown_field", pointer=f"/{name}", name=name[:40], known=", ".join(KNOWN))
    said: dict[str, Any] = {name: _one_of(name, given.get(name)) for name in _ONE_OF}
    said |= {name: _number(name, given.get(name)) for name in _LIMITS}
    reply_to, networks = given.get("reply_to"), _networks(given.get("networks"))
    if reply_to not in (None, ""):
        if not isinstance(reply_to, str) or not _REPLY_TO.match(reply_to):
            raise BadInput("adobe_campaign_reply_to", pointer="/reply_to", text=str(reply_to)[:30])
        said["reply_to"] = reply_to
    if networks:
        said["networks"] = networks
    system_id = given.get("system_id") or f"relance{secrets.randbelow(90_000_000) + 10_000_000}"
    if not isinstance(system_id, str) or not _SYSTEM_ID.match(system_id):
        raise BadInput("adobe_campaign_system_id", pointer="/system_id", text=str(system_id)[:30])
    password = None if anew else given.get("password")
    if password is None:
        password = new_password()
    if not isinstance(password, str) or not _PASSWORD.match(password):
        raise BadInput("adobe_campaign_password", pointer="/password")
    return Configured({"system_id": system_id, **said}, {"password": password}, account=system_id)


def _one_of(name: str, value: Any) -> str:
    known = _ONE_OF[name]
    if value in (None, ""):
        return known[0]
    if value not in known:
        raise BadInput("adobe_campaign_choice", pointer=f"/{name}", text=str(value)[:30], known=", ".join(known))
    return str(value)


def _number(name: str, value: Any) -> int:
    usual, least, most = _LIMITS[name]
    if value in (None, ""):
        return usual
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 6:
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise BadInput("adobe_campaign_number", pointer=f"/{name}", text=str(value)[:30], least=least, most=most)
    return value


def _networks(value: Any) -> list[str]:
    if value in (None, ""):
        return []
    listed = [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or len(listed) > MOST_NETWORKS:
        raise BadInput("adobe_campaign_networks", pointer="/networks", text=str(value)[:40])
    found = []
    for one in listed:
        try:
            if not isinstance(one, str):
                raise ValueError(one)
            found.append(str(ipaddress.ip_network(one.strip(), strict=False)))
        except ValueError as error:
            raise BadInput("adobe_campaign_networks", pointer="/networks", text=str(one)[:40]) from error
    return found


def may_call(config: Mapping[str, Any], address: str) -> bool:
    """Whether a call from `address` is let in."""
    networks = config.get("networks") or ()
    if not networks:
        return True
    try:
        caller = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None)
    return any(one in ipaddress.ip_network(network) for network in networks for one in (caller, mapped) if one)
