"""The ways in: what a person gave to connect an org, checked, and sorted into what may be shown and what not."""

from __future__ import annotations

import re
import secrets as random
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Configured
from core.domain.errors import BadInput
from integrations.salesforce import fields, hosts, tokens
from integrations.salesforce.client import DEFAULT_VERSION
from integrations.salesforce.ids import organization

WAYS = ("refresh_token", "jwt")
_WISHES = frozenset({"zone", "country", "objects", "write_back", "api_version", "login"})
_DERIVED = frozenset({"way", "username", "scopes", "user_id", "login_url", "where", "domain"})
_SECRET = frozenset({"access_token", "signing_secret"})
_KNOWN = frozenset({"organization_id", "instance_url", *WAYS}) | _WISHES
WRITES = ("messages", "status", "tasks")
_VERSION = re.compile(r"[4-9]\d\.0|1\d\d\.0")


def configured(given: Mapping[str, Any], *, own: str | None = None) -> Configured:
    """`given` as `POST /v1/installations` gives it: the org, one way in, and wishes beside it. `own` is the operator's
    address for Salesforce, if it was set. Raises `BadInput` with a JSON pointer."""
    for name in given:
        if name not in _KNOWN | _DERIVED | _SECRET:
            raise BadInput("salesforce_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                           known=", ".join(sorted(_KNOWN)))  # fmt: skip
    ways = [way for way in WAYS if given.get(way) is not None]
    if len(ways) != 1:
        raise BadInput("salesforce_one_way_in", pointer=f"/config/{ways[1]}" if ways else "/config",
                       known=", ".join(WAYS))  # fmt: skip
    org = organization(_word(given, "organization_id"))
    if org is None:
        raise BadInput("salesforce_org_wrong", pointer="/config/organization_id")
    config: dict[str, Any] = {"way": ways[0], "organization_id": org, **wishes(given)}
    config |= {name: given[name] for name in ("scopes", "user_id", "where", "domain") if name in given}
    kept: dict[str, Any] = {"signing_secret": _secret(given)}
    if isinstance(given.get("access_token"), str):
        kept["access_token"] = given["access_token"]
    login = given.get("login_url") or given.get("login") or ""
    config["login_url"] = hosts.login_address(login, "/config/login", own=own)
    if ways[0] == "refresh_token":
        kept["refresh_token"] = _word(given, "refresh_token", 2_000)
        config["instance_url"] = hosts.address(given.get("instance_url"), "/config/instance_url", own=own)
    else:
        kept["jwt"] = _jwt(given["jwt"])
        config["username"] = kept["jwt"]["username"]
        if given.get("instance_url"):
            config["instance_url"] = hosts.address(given["instance_url"], "/config/instance_url", own=own)
    return Configured(config, kept, org, config.pop("zone", None), config.pop("country", None))


def wishes(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a person may choose beside the way in. Raises `BadInput`."""
    wished: dict[str, Any] = {}
    if given.get("zone") is not None:
        wished["zone"] = _word(given, "zone")
        try:
            ZoneInfo(wished["zone"])
        except (ValueError, OSError, KeyError) as error:
            raise BadInput("zone_unknown", pointer="/config/zone", zone=wished["zone"][:40]) from error
    if given.get("country") is not None:
        wished["country"] = _word(given, "country")
        if not re.fullmatch("[A-Z]{2}", wished["country"]):
            raise BadInput("country_unknown", pointer="/config/country", text=wished["country"][:20])
    if given.get("objects") is not None:
        wished["objects"] = fields.read(given["objects"])
    if given.get("api_version") is not None:
        wished["api_version"] = _word(given, "api_version")
        if not _VERSION.fullmatch(wished["api_version"]):
            raise BadInput("salesforce_version_wrong", pointer="/config/api_version", example=DEFAULT_VERSION)
    if given.get("write_back") is not None:
        wished["write_back"] = _write_back(given["write_back"])
    return wished


def new_secret() -> str:
    """What the org's named credential proves itself with."""
    return random.token_urlsafe(32)


def _secret(given: Mapping[str, Any]) -> str:
    known = given.get("signing_secret")
    return known if isinstance(known, str) and len(known) >= 32 else new_secret()


def _write_back(given: Any) -> dict[str, bool]:
    if isinstance(given, bool):
        return dict.fromkeys(WRITES, given)
    if not isinstance(given, Mapping) or not set(given) <= set(WRITES) or not all(
        isinstance(one, bool) for one in given.values()
    ):
        raise BadInput("salesforce_write_back_wrong", pointer="/config/write_back", known=", ".join(WRITES))
    return {name: bool(given.get(name, False)) for name in WRITES}


def _jwt(given: Any) -> dict[str, str]:
    pointer = "/config/jwt"
    if not isinstance(given, Mapping) or not set(given) <= {"username", "private_key", "consumer_key"}:
        raise BadInput("salesforce_jwt_wrong", pointer=pointer, field="jwt")
    for name in ("username", "private_key"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            raise BadInput("salesforce_jwt_wrong", pointer=f"{pointer}/{name}", field=name)
    try:
        tokens.private_key(given["private_key"])
    except ValueError as error:
        raise BadInput("salesforce_key_wrong", pointer=f"{pointer}/private_key") from error
    return {name: str(given[name]).strip() for name in ("username", "private_key", "consumer_key") if given.get(name)}


def _word(given: Mapping[str, Any], name: str, most: int = 255) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > most or not value.isprintable():
        raise BadInput("salesforce_field_needed", pointer=f"/config/{name}", field=name)
    return value.strip()
