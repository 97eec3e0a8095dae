"""What a person gave to connect an account and chose for it, checked; what may be shown, and what not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from core.contract import Configured
from core.domain.errors import BadInput

PHONES = ("mobilephone", "phone")
OPT_OUT = "relance_sms_optout"
"""The property that we make where a person chose none: ticked by a STOP, and read before each message."""
MOST_DATES = 5
"""HubSpot's search takes five groups of filters, one for each date."""
BASES = ("LEGITIMATE_INTEREST_PQL", "LEGITIMATE_INTEREST_CLIENT", "PERFORMANCE_OF_CONTRACT", "CONSENT_WITH_NOTICE",
         "NON_GDPR", "PROCESS_AND_STORE", "LEGITIMATE_INTEREST_OTHER")
KNOWN = ("portal_id", "refresh_token", "zone", "country", "phones", "opt_out", "opt_in", "subscription", "legal_basis",
         "dates", "timeline", "event_template")
_NOT_FOR_PEOPLE = frozenset({"access_token", "scopes", "oauth", "hub_domain"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_PORTAL = re.compile(r"[1-9]\d{0,15}", re.ASCII)


def configured(given: Mapping[str, Any]) -> Configured:
    """`given` as `POST /v1/installations` or the one-click way gives it. Raises `BadInput` with a JSON pointer.

    `phones`: properties with the number, the likeliest first. `opt_out`: a property that says no when it says yes;
    `opt_in`: one that says yes; `subscription`: the id of a subscription type. `dates`: date properties that rules
    speak of. `timeline`: whether messages are shown on the contact's page.
    """
    for name in given:
        if name not in KNOWN and name not in _NOT_FOR_PEOPLE:
            raise BadInput("hubspot_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                           known=", ".join(KNOWN))
    portal = str(given.get("portal_id", "")).strip()
    if not _PORTAL.fullmatch(portal):
        raise BadInput("hubspot_portal_wrong", pointer="/config/portal_id", text=portal[:40])
    config: dict[str, Any] = {"portal_id": portal}
    if isinstance(given.get("hub_domain"), str):
        config["hub_domain"] = given["hub_domain"][:200]
    if "scopes" in given:
        config["scopes"] = sorted(str(one) for one in given["scopes"])
    secrets = {name: _word(given, name) for name in ("refresh_token", "access_token") if given.get(name) is not None}
    # After a repeated consent the refresh token that is kept still lives.
    if "refresh_token" not in secrets and given.get("oauth") is not True:
        raise BadInput("hubspot_token_missing", pointer="/config/refresh_token")
    config |= wishes(given)
    zone, country = given.get("zone"), given.get("country")
    if zone is not None and zone not in available_timezones():
        raise BadInput("zone_unknown", pointer="/config/zone", zone=str(zone)[:40])
    if country is not None and not re.fullmatch("[A-Z]{2}", str(country)):
        raise BadInput("country_unknown", pointer="/config/country", text=str(country)[:20])
    return Configured(config, secrets, portal, zone, country)


def wishes(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a person may choose beside the way in. Raises `BadInput`."""
    wished: dict[str, Any] = {}
    for name, most in (("phones", 4), ("dates", MOST_DATES)):
        if given.get(name) is not None:
            wished[name] = _properties(given[name], f"/config/{name}", most)
    for name in ("opt_out", "opt_in"):
        if given.get(name) is not None:
            wished[name] = _property(given[name], f"/config/{name}")
    for name in ("subscription", "event_template"):
        if given.get(name) is not None:
            wished[name] = str(given[name]).strip()
            if not _PORTAL.fullmatch(wished[name]):
                raise BadInput("hubspot_number_expected", pointer=f"/config/{name}", text=wished[name][:40])
    if given.get("legal_basis") is not None:
        wished["legal_basis"] = given["legal_basis"]
        if given["legal_basis"] not in BASES:
            raise BadInput("hubspot_basis_unknown", pointer="/config/legal_basis", known=", ".join(BASES))
    if given.get("timeline") is not None:
        wished["timeline"] = given["timeline"]
        if not isinstance(given["timeline"], bool):
            raise BadInput("calendar_field_not_boolean", pointer="/config/timeline", field="timeline")
    return wished


def phones(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(config.get("phones") or PHONES)


def opt_out(installation_config: Mapping[str, Any], memory: Mapping[str, Any]) -> str | None:
    """The property that a STOP ticks: the chosen one, else ours where it could be made."""
    chosen = installation_config.get("opt_out") or memory.get("opt_out")
    return str(chosen) if chosen else None


def refusal(installation_config: Mapping[str, Any]) -> str:
    """The property in which a no is read: the chosen one, else ours, whether or not we know that it is there. It may be
    from an earlier connection, and hold what people said then. HubSpot leaves out what it does not have (HubSpot's
    description of the contacts API: properties that are not present are ignored)."""
    return str(installation_config.get("opt_out") or OPT_OUT)


def _properties(given: Any, pointer: str, most: int) -> list[str]:
    if not isinstance(given, list | tuple):
        raise BadInput("calendar_field_not_list", pointer=pointer, field=pointer.rpartition("/")[2])
    if len(given) > most:
        raise BadInput("hubspot_too_many", pointer=pointer, limit=most)
    return list(dict.fromkeys(_property(one, f"{pointer}/{place}") for place, one in enumerate(given)))


def _property(given: Any, pointer: str) -> str:
    name = given.strip() if isinstance(given, str) else ""
    if not _NAME.fullmatch(name):
        raise BadInput("hubspot_property_wrong", pointer=pointer, text=str(given)[:40])
    return name


def _word(given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value.strip() or len(value) > 4096:
        raise BadInput("hubspot_token_missing", pointer=f"/config/{name}")
    return value.strip()
