"""What platforms grant: tokens asked for at the token address, and given back. OAuth 2 (RFC 6749, 7009) where an
adapter says nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import structlog

from core.contract import Adapter, Configured, Connects, Door, Grant, Installation, OAuth
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.reasons import Reason
from core.suite import Suite

_TIMEOUT = 15
_MAX_ANSWER = 200_000
_DRIFT = timedelta(minutes=1)
_GONE = frozenset({"invalid_grant", "BAD_REFRESH_TOKEN"})
_APPLICATION = frozenset({"invalid_client", "unauthorized_client", "invalid_client_id"})
_LATER = timedelta(minutes=1)
log = structlog.get_logger(__name__)


class PlainOAuth(Connects):
    """The one click of an adapter that only has `OAuth`'s constants."""

    def __init__(self, adapter: Adapter) -> None:
        self.manifest = adapter.manifest
        self._adapter = adapter

    def granted(self, grant: Grant, now: datetime) -> Configured:
        return self._adapter.configured(
            {
                "refresh_token": grant.refresh_token,
                "access_token": grant.access_token,
                "scopes": sorted(grant.scopes),
                "oauth": True,
            }
        )


def one_click(adapter: Adapter | None) -> Connects | None:
    """How the platform is connected by a click; None for one that is not."""
    if isinstance(adapter, Connects):
        return adapter
    return PlainOAuth(adapter) if adapter is not None and adapter.manifest.oauth is not None else None


def vendor_of(adapter: Adapter) -> str:
    """Under which name the operator's settings hold its application and its addresses."""
    return adapter.manifest.oauth.vendor if adapter.manifest.oauth else adapter.manifest.slug


def client_of(suite: Suite, dance: OAuth) -> tuple[str, str]:
    """The operator's application (id, secret). Raises `BadInput` naming the setting that is missing."""
    client = suite.settings.vendor_clients.get(dance.vendor)
    if client is None or not client[0]:
        raise BadInput("no_oauth_application", vendor=dance.vendor, setting=f"RELANCE_{dance.vendor.upper()}_CLIENT_ID")
    return client


@dataclass(frozen=True, slots=True)
class Token:
    """The token address's answer, in our words. `expires_at` is None for a token that only a refusal ends, `scopes` is
    None when nothing was said of them."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime | None
    scopes: frozenset[str] | None
    grant_expires_at: datetime | None
    answer: Mapping[str, Any] = field(repr=False)


def ask(suite: Suite, dance: Connects, door: Door, form: Mapping[str, str]) -> Token:
    """A token for `form`, from `door`. Raises `NeedsReconnect` (the grant is gone), `NotNow` (the platform is away, or
    refuses our application), and what `Connects.refusal` says."""
    vendor = vendor_of(dance)
    status, body, date = _posted(
        suite,
        suite.settings.vendor_token_urls.get(vendor),
        door.token_url,
        {**door.form, **form, **_application(suite, dance, form)},
        vendor,
    )
    if status == 200 and isinstance(body.get("access_token"), str) and body["access_token"]:
        _compared(date, suite.now() - suite.clock.turned, vendor)
        return _read(suite, dance, body)
    said = dance.refusal(status, body)
    if said is not None:
        raise said
    error = str(body.get("error") or body.get("status") or "")[:60]
    if status in (400, 401) and error in _GONE:
        raise NeedsReconnect("grant_gone")
    if error in _APPLICATION:
        raise NotNow("oauth_application_refused", timedelta(minutes=30), vendor=vendor)
    if status in (400, 401, 403):
        raise NeedsReconnect("vendor_refused", text=error)
    raise NotNow("vendor_away", _LATER, vendor=vendor)


def give_back(suite: Suite, adapter: Adapter, installation: Installation) -> tuple[Reason, ...]:
    """Revokes the grant, as the platform or RFC 7009 wants it. What could not be, or is left to the person."""
    dance = one_click(adapter)
    if dance is None:
        return ()
    own = dance.revoke(installation)
    if own is not None:
        return own
    token = installation.secrets.get("refresh_token") or installation.secrets.get("access_token")
    if dance.manifest.oauth is None or not token:
        return ()
    vendor = vendor_of(dance)
    address = suite.settings.vendor_revoke_urls.get(vendor)
    if address is None and (own_token := suite.settings.vendor_token_urls.get(vendor)):
        address = own_token.removesuffix("/token") + "/revoke"
    theirs = dance.door(installation.config).revoke_url
    if address is None and theirs is None:
        return ()
    try:
        status, _, _ = _posted(suite, address, theirs or "", {"token": token}, vendor)
    except NotNow:
        return (Reason("not_revoked", {"vendor": vendor}),)
    # 400 says that the token was dead already, which is what we want.
    return () if status in (200, 204, 400) else (Reason("not_revoked", {"vendor": vendor}),)


def _application(suite: Suite, dance: Connects, form: Mapping[str, str]) -> Mapping[str, str]:
    if "assertion" in form or "client_id" in form or dance.manifest.oauth is None:
        return {}
    client_id, client_secret = client_of(suite, dance.manifest.oauth)
    return {"client_id": client_id, "client_secret": client_secret}


def _read(suite: Suite, dance: Connects, body: Mapping[str, Any]) -> Token:
    now, oauth = suite.now(), dance.manifest.oauth
    lives = _seconds(body.get("expires_in")) or (oauth.token_lives if oauth else None)
    grant = _seconds(body.get("refresh_token_expires_in"))
    return Token(
        body["access_token"],
        body["refresh_token"] if isinstance(body.get("refresh_token"), str) and body["refresh_token"] else None,
        now + lives if lives else None,
        _scopes(body.get("scope", body.get("scopes")), oauth.scope_separator if oauth else " "),
        now + grant if grant else None,
        body,
    )


def _scopes(said: Any, separator: str) -> frozenset[str] | None:
    if isinstance(said, str):
        return frozenset(said.replace(separator, " ").split()) or None
    if isinstance(said, list):
        return frozenset(one for one in said if isinstance(one, str)) or None
    return None


def _seconds(said: Any) -> timedelta | None:
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 10:
        said = int(said)
    real = isinstance(said, int) and not isinstance(said, bool) and 0 < said < 10**9
    return timedelta(seconds=said) if real else None


def _posted(
    suite: Suite, operators: str | None, theirs: str, form: Mapping[str, str], vendor: str
) -> tuple[int, dict[str, Any], str | None]:
    """Status, JSON body and `Date` of the answer. The operator's own address is called as it is; one that depends on
    what a person typed goes through the guarded client."""
    headers = {"Accept": "application/json"}
    stand_in = suite.settings.vendor_urls.get(vendor)
    if operators is None and stand_in and urlsplit(stand_in).netloc == urlsplit(theirs).netloc:
        operators = theirs
    if operators is None:
        sent = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            said = suite.guarded.request("POST", theirs, sent, urlencode(form).encode(), max_bytes=_MAX_ANSWER)
        except NotNow as error:
            raise NotNow("vendor_away", _LATER, vendor=vendor) from error
        return said.status, _json(said.body), said.headers.get("date")
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(operators, data=form, timeout=_TIMEOUT, allow_redirects=False, headers=headers)
            return answer.status_code, _json(answer.content[:_MAX_ANSWER]), answer.headers.get("Date")
    except requests.RequestException as error:
        raise NotNow("vendor_away", _LATER, vendor=vendor) from error


def _json(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _compared(date: str | None, ours: datetime, vendor: str) -> None:
    """Tokens and signatures live by the clock: one that is wrong is said before they fail."""
    if not date:
        return
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return
    drift = abs(ours - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)))
    if drift > _DRIFT:
        log.warning("clock differs from the platform's", vendor=vendor, seconds=round(drift.total_seconds()))
