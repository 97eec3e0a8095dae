"""The ways in: what a person gave to connect a calendar, checked, and sorted into what may be shown and what not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from core.contract import Configured
from core.domain.errors import BadInput
from core.domain.recipients import Recipient
from gcal_reminders.appointments import is_zone

WAYS = ("ical_url", "ics", "service_account", "refresh_token")
MAX_ICS = 5_000_000
MAX_CALENDARS = 50
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 an address, not a secret
# What key files of different years name as their token address; each is Google's.
_TOKEN_HOSTS = frozenset({"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"})
_PLACE = re.compile(r"anywhere|title|description|location|first_line|line:[1-9]\d?")
_COMMON = frozenset({"zone", "country", "place", "own_numbers", "skip_free"})
_GOOGLE = frozenset({"calendars", "write_back", "contacts"})
_OF_WAY = {
    "ical_url": frozenset({"ical_url"}),
    "ics": frozenset({"ics"}),
    "service_account": frozenset({"service_account", "subject", "once"}) | _GOOGLE,
    "refresh_token": frozenset({"refresh_token", "access_token", "scopes", "oauth", "once"}) | _GOOGLE,
}
# What core and we ourselves write, and no person.
_NOT_FOR_PEOPLE = frozenset({"access_token", "scopes", "oauth", "once"})


def configured(given: Mapping[str, Any], *, token_url: str | None) -> Configured:
    """`given` as `POST /v1/installations` or the OAuth dance gives it: exactly one way in, and wishes beside it.

    `token_url` is the operator's address for Google's token endpoint, if it was set: besides Google's own hosts, a key
    file may name no other, for we would call it. Raises `BadInput` with a JSON pointer.
    """
    # A repeated consent comes without a refresh token: the one that is kept still lives.
    consent = given.get("oauth") is True
    ways = [way for way in WAYS if given.get(way) is not None or (way == "refresh_token" and consent)]
    if len(ways) != 1:
        pointer = f"/config/{ways[1]}" if ways else "/config"
        raise BadInput("calendar_one_way_in", pointer=pointer, known=", ".join(WAYS))
    way = ways[0]
    for name in given:
        if name not in _COMMON | _OF_WAY[way]:
            raise BadInput("calendar_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                           known=", ".join(sorted(_COMMON | _OF_WAY[way] - _NOT_FOR_PEOPLE)))
    config: dict[str, Any] = {"way": way, **_wishes(given)}
    secrets: dict[str, Any] = {}
    account: str | None = None
    if way == "ical_url":
        url = _ical_url(given["ical_url"])
        secrets["ical_url"] = url
        config["host"] = urlsplit(url).hostname or ""
        account = "ical:" + hashlib.sha256(url.encode()).hexdigest()[:40]
    elif way == "ics":
        secrets["ics"] = _ics(given["ics"])
    elif way == "service_account":
        secrets["service_account"] = _service_account(given["service_account"], token_url)
        config["client_email"] = secrets["service_account"]["client_email"]
        if given.get("subject") is not None:
            config["subject"] = _word(given, "subject")
        config |= _calendars(given)
    else:
        secrets.update({name: _word(given, name) for name in ("refresh_token", "access_token")
                        if given.get(name) is not None})
        if "scopes" in given:
            config["scopes"] = sorted(str(scope) for scope in _list(given["scopes"], "/config/scopes"))
            _granted(config)
        # After the click the calendars are ticked on a page of their own, and a reconnection keeps those that were.
        if "calendars" in given or not (consent or "scopes" in given):
            config |= _calendars(given)
    return Configured(config, secrets, account, config.pop("zone", None), config.pop("country", None))


def calendars(given: Any, pointer: str) -> list[str]:
    """Calendar ids as a person chose them, each once. Raises `BadInput` when there is none."""
    ids = [one.strip() if isinstance(one, str) else "" for one in _list(given if given is not None else [], pointer)]
    for index, one in enumerate(ids):
        if not one or len(one) > 255 or "/" in one:
            raise BadInput("calendar_id_wrong", pointer=f"{pointer}/{index}", text=one[:60])
    if not ids:
        raise BadInput("no_calendar_chosen", pointer=pointer)
    if len(ids) > MAX_CALENDARS:
        raise BadInput("too_many_calendars", pointer=pointer, limit=MAX_CALENDARS)
    return list(dict.fromkeys(ids))


def _granted(config: Mapping[str, Any]) -> None:
    """Refuses a wish that the grant does not cover, at once and not at the first answer of a patient."""
    writes = any(config.get("write_back", {}).values())
    for wish, wanted, scopes, code in (
        ("write_back", writes, ("calendar", "calendar.events"), "write_scope_missing"),
        ("contacts", config.get("contacts"), ("contacts", "contacts.readonly"), "contacts_not_readable"),
    ):
        if wanted and not {f"https://www.googleapis.com/auth/{scope}" for scope in scopes} & set(config["scopes"]):
            raise BadInput(code, pointer=f"/config/{wish}")


def _calendars(given: Mapping[str, Any]) -> dict[str, list[str]]:
    chosen = calendars(given.get("calendars"), "/config/calendars")
    return {"calendars": chosen, "once": ever(given.get("once"), chosen)}


def ever(once: Any, chosen: Sequence[str]) -> list[str]:
    """Every calendar that was ever chosen: what is no longer among the chosen has to be called off."""
    known = [one for one in once if isinstance(one, str)] if isinstance(once, list | tuple) else []
    return list(dict.fromkeys([*known, *chosen]))[-4 * MAX_CALENDARS:]


def _wishes(given: Mapping[str, Any]) -> dict[str, Any]:
    wishes: dict[str, Any] = {}
    if given.get("zone") is not None:
        wishes["zone"] = _word(given, "zone")
        if not is_zone(wishes["zone"]):
            raise BadInput("zone_unknown", pointer="/config/zone", zone=wishes["zone"][:40])
    if given.get("country") is not None:
        wishes["country"] = _word(given, "country")
        if not re.fullmatch("[A-Z]{2}", wishes["country"]):
            raise BadInput("country_unknown", pointer="/config/country", text=wishes["country"][:20])
    if given.get("place") is not None:
        wishes["place"] = _word(given, "place")
        if not _PLACE.fullmatch(wishes["place"]):
            raise BadInput("calendar_place_wrong", pointer="/config/place", text=wishes["place"][:40])
    if given.get("own_numbers") is not None:
        wishes["own_numbers"] = _numbers(given["own_numbers"], wishes.get("country"))
    for name in ("contacts", "skip_free"):
        if given.get(name) is not None:
            wishes[name] = _yes(given[name], f"/config/{name}")
    if given.get("write_back") is not None:
        wishes["write_back"] = _write_back(given["write_back"])
    return wishes


def _write_back(given: Any) -> dict[str, bool]:
    if isinstance(given, bool):
        return {"title": given, "color": given}
    if not isinstance(given, Mapping) or not set(given) <= {"title", "color"}:
        raise BadInput("calendar_write_back_wrong", pointer="/config/write_back")
    return {name: _yes(given.get(name, False), f"/config/write_back/{name}") for name in ("title", "color")}


def _numbers(given: Any, country: str | None) -> list[str]:
    numbers = []
    for index, one in enumerate(_list(given, "/config/own_numbers")):
        try:
            numbers.append(Recipient.parse(str(one), country).number)
        except BadInput as error:
            error.pointer = f"/config/own_numbers/{index}"
            raise
    return numbers


def _ical_url(given: Any) -> str:
    url = given.strip() if isinstance(given, str) else ""
    # Apple and others hand out webcal://, which is https by another name.
    url = re.sub(r"\Awebcals?://", "https://", url, flags=re.IGNORECASE)
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 2_000
    except ValueError:
        good = False
    if not good:
        raise BadInput("ical_address_wrong", pointer="/config/ical_url")
    return url


def _ics(given: Any) -> str:
    if not isinstance(given, str) or "BEGIN:VCALENDAR" not in given[:10_000].upper():
        raise BadInput("not_a_calendar", pointer="/config/ics")
    if len(given.encode("utf-8", "surrogatepass")) > MAX_ICS:
        raise BadInput("calendar_too_large", pointer="/config/ics", limit=MAX_ICS // 1_000_000)
    return given


def _service_account(given: Any, token_url: str | None) -> dict[str, str]:
    pointer = "/config/service_account"
    if not isinstance(given, Mapping):
        raise BadInput("service_account_wrong", pointer=pointer, field="service_account")
    for name in ("client_email", "private_key"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            raise BadInput("service_account_wrong", pointer=f"{pointer}/{name}", field=name)
    if "BEGIN" not in given["private_key"] or given.get("type", "service_account") != "service_account":
        raise BadInput("service_account_wrong", pointer=f"{pointer}/private_key", field="private_key")
    address = given.get("token_uri") or TOKEN_URL
    if address != token_url and not _is_google(address):
        raise BadInput("service_account_token_address", pointer=f"{pointer}/token_uri")
    kept = {name: given[name] for name in ("client_email", "private_key", "private_key_id", "project_id")
            if isinstance(given.get(name), str)}
    return {**kept, "type": "service_account", "token_uri": address if _is_google(address) else TOKEN_URL}


def _is_google(address: Any) -> bool:
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
        return (parts is not None and parts.scheme == "https" and parts.hostname in _TOKEN_HOSTS
                and parts.port in (None, 443) and parts.username is None)
    except ValueError:
        return False


def _word(given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value.strip() or len(value) > 4_096:
        raise BadInput("calendar_field_not_text", pointer=f"/config/{name}", field=name)
    return value.strip()


def _yes(value: Any, pointer: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput("calendar_field_not_boolean", pointer=pointer, field=pointer.rpartition("/")[2])
    return value


def _list(value: Any, pointer: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise BadInput("calendar_field_not_list", pointer=pointer, field=pointer.rpartition("/")[2])
    return value
