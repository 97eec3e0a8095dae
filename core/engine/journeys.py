"""One click: to the platform and back, written once for all platforms. What is particular about one is its adapter's
(`core.contract.Connects`)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from core.contract import Asked, Configured, Connects, Door, Grant, Inbound, Leaving, Start
from core.domain.errors import BadInput, NotAuthentic, NotFound
from core.engine import connecting, grants
from core.secrets import hashed, same
from core.storage import installations, oauth
from core.suite import Suite

STATE_LIVES = timedelta(minutes=10)
_LONGEST_ANSWER = 500


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and the value of the cookie that binds it."""

    redirect: str
    browser: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A journey that came to its end: the installation, whether it was there before, and which scopes are missing
    because somebody unticked them."""

    installation: str
    return_to: str
    missing: tuple[str, ...]
    renewed: bool = False


def clickable(suite: Suite, slug: str) -> Connects:
    """How the platform is connected by a click. Raises `NotFound` for one that is not."""
    dance = grants.one_click(suite.adapters.get(slug))
    if dance is None:
        raise NotFound("adapter")
    return dance


def questions(
    suite: Suite, workspace: str, slug: str, answers: Mapping[str, str], *, reconnect: str | None = None
) -> tuple[Asked, ...]:
    """What a person must still say before leaving; nothing when `answers` hold all of it, or when the installation that
    is connected again knows it. Raises `NotFound`."""
    said = {**_known(suite, workspace, slug, reconnect), **answers}
    return tuple(
        one
        for one in clickable(suite, slug).asked
        if one.required
        and not said.get(one.name, "").strip()
        and (one.only_with is None or said.get(one.only_with[0]) == one.only_with[1])
    )


def begin(
    suite: Suite,
    workspace: str,
    user: str,
    slug: str,
    *,
    return_to: str,
    reconnect: str | None = None,
    optional: bool = False,
    answers: Mapping[str, str] | None = None,
    language: str = "fr",
) -> Begun:
    """Starts a one-click install: state once, ten minutes, bound to browser, person, workspace and platform; PKCE S256.

    Raises `NotFound`, `BadInput` (what was answered is wrong, with a pointer to the field; the operator has set no
    OAuth application), `NotNow` when a site that must be asked first is away. """
    dance = clickable(suite, slug)
    oauth_constants = dance.manifest.oauth
    client_id = grants.client_of(suite, oauth_constants)[0] if oauth_constants else ""
    said = {**_known(suite, workspace, slug, reconnect), **(answers or {})}
    asked = {one.name: said.get(one.name, "").strip()[:_LONGEST_ANSWER] for one in dance.asked}
    given = dance.discover(dance.given({name: value for name, value in asked.items() if value}))
    state, verifier, browser = secrets.token_hex(32), secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    scopes: tuple[str, ...] = ()
    start = Start(state, redirect_uri(suite, slug), language=language)
    if oauth_constants is not None:
        scopes = oauth_constants.scopes + (oauth_constants.optional_scopes if optional else ())
        start = Start(
            state,
            start.redirect_uri,
            client_id,
            challenge(verifier) if oauth_constants.pkce else "",
            scopes,
            oauth_constants.scope_separator,
            oauth_constants.parameters,
            language,
        )
    leaving = dance.leave(given, start)
    address = _at_the_operators(suite, dance, leaving)
    with suite.database.write(workspace) as tx:
        oauth.begin(
            tx,
            state_hash=hashed(state),
            adapter=slug,
            user=user,
            browser_hash=hashed(browser),
            kept={
                "verifier": verifier,
                "return_to": return_to,
                "reconnect": reconnect,
                "scopes": list(scopes),
                "place": dict(leaving.kept),
                "issuers": sorted({urlsplit(one).netloc for one in (leaving.url, address)}),
            },
            vault=suite.vault,
            expires_at=suite.now() + STATE_LIVES,
        )
    return Begun(address, browser)


def bring(suite: Suite, slug: str, request: Inbound) -> None:
    """A platform's server brings the grant of a journey under way. It is kept, and counts when the browser has come
    back and the keys have been proven; a second one is refused. Raises `NotFound`, `NotAuthentic`, `Unreadable`."""
    posted = clickable(suite, slug).posted(request)
    with suite.database.write() as tx:
        if not oauth.bring(tx, slug, hashed(posted.state), suite.vault, dict(posted.secrets), suite.now()):
            raise NotAuthentic("nobody is waiting for this grant", code="state_unknown")


def finish(
    suite: Suite, slug: str, callback: Inbound, *, user: str, workspace: str, browser: str | None
) -> Finished:
    """The platform sent the browser back. The state is used up first, whatever else is wrong.

    Raises `BadInput` (`state_unknown`, `access_denied`, …), `NotAuthentic`, `NeedsReconnect`, `NotNow`, `Conflict`.
    """
    dance = clickable(suite, slug)
    query = callback.query()
    with suite.database.write(workspace) as tx:
        begun = oauth.use(tx, hashed(query.get("state", "")), suite.vault, suite.now())
    if (
        begun is None
        or begun.adapter != slug
        or begun.user != user
        or not browser
        or not same(hashed(browser), begun.browser_hash)
    ):
        raise BadInput("state_unknown")
    kept, place = begun.kept, begun.kept["place"]
    door = dance.door(place) if dance.manifest.oauth is not None else None
    if not _right_issuer(suite, dance, query.get("iss"), kept["issuers"], door):
        # The code of another issuer is never handed to this one (RFC 9207).
        raise BadInput("vendor_refused", text="wrong_issuer")
    arrived = dance.arrived(callback, place, begun.posted)
    token: grants.Token | None = None
    if arrived.code is not None:
        if door is None:
            raise BadInput("code_missing")
        form = {"grant_type": "authorization_code", "code": arrived.code, "redirect_uri": redirect_uri(suite, slug)}
        if dance.manifest.oauth is not None and dance.manifest.oauth.pkce:
            form["code_verifier"] = kept["verifier"]
        token = grants.ask(suite, dance, door, form)
    configured, missing = _proven(dance, token, arrived.secrets, place, tuple(kept["scopes"]), suite.now())
    installed = connecting.connected(
        suite,
        workspace,
        slug,
        dance.manifest.name,
        configured,
        who=user,
        token_expires_at=token.expires_at if token else None,
        grant_expires_at=token.grant_expires_at if token else None,
        reconnect=kept.get("reconnect"),
    )
    return Finished(installed.id, kept["return_to"], missing, installed.renewed)


def lacking(dance: Connects, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The needed scopes that an installation with `config` was not granted, as far as it is known."""
    said = config.get("scopes")
    if dance.manifest.oauth is None or not isinstance(said, list | tuple):
        return ()
    granted = frozenset(one for one in said if isinstance(one, str))
    return tuple(scope for scope in dance.manifest.oauth.scopes if not dance.covers(granted, scope))


def redirect_uri(suite: Suite, slug: str) -> str:
    """Exact and constant for each platform: it is registered with the vendor."""
    return f"{suite.public_url}/connect/{slug}/callback"


def challenge(verifier: str) -> str:
    """PKCE's S256 (RFC 7636) of `verifier`."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _proven(
    dance: Connects,
    token: grants.Token | None,
    came: Mapping[str, Any],
    place: Mapping[str, Any],
    asked: tuple[str, ...],
    now: datetime,
) -> tuple[Configured, tuple[str, ...]]:
    """Who it is, as the platform itself says; and the scopes that are missing."""
    grant = Grant(
        answer=token.answer if token else {},
        secrets=came,
        kept=place,
        scopes=(token.scopes if token else None) or frozenset(asked),
        asked=asked,
        access_token=token.access_token if token else None,
        refresh_token=token.refresh_token if token else None,
    )
    configured = dance.granted(grant, now)
    config = dict(configured.config)
    if dance.manifest.oauth is not None:
        config.setdefault("scopes", sorted(grant.scopes))
    tokens = {"access_token": grant.access_token, "refresh_token": grant.refresh_token}
    kept = {**{name: value for name, value in tokens.items() if value}, **configured.secrets}
    whole = Configured(config, kept, configured.account, configured.zone, configured.country)
    return whole, lacking(dance, config)


def _known(suite: Suite, workspace: str, slug: str, reconnect: str | None) -> Mapping[str, str]:
    """The answers that an installation bears already."""
    if reconnect is None:
        return {}
    with suite.database.read(workspace) as tx:
        row = installations.get(tx, suite.vault, reconnect, suite.public_url)
    if row is None or row.installation.adapter != slug or row.state == "disconnected":
        raise NotFound("installation")
    config = row.installation.config
    names = [one.name for one in clickable(suite, slug).asked]
    return {name: config[name] for name in names if isinstance(config.get(name), str)}


def _at_the_operators(suite: Suite, dance: Connects, leaving: Leaving) -> str:
    """The address for the browser, at the operator's `RELANCE_<VENDOR>_AUTH_URL` where that is set."""
    if urlsplit(leaving.url).scheme not in ("https", "http"):
        raise BadInput("address_not_allowed", host=urlsplit(leaving.url).netloc[:100], why="scheme")
    own = suite.settings.vendor_auth_urls.get(grants.vendor_of(dance))
    if own is None:
        return leaving.url
    query = urlsplit(leaving.url).query
    return f"{own}{'&' if '?' in own else '?'}{query}"


def _right_issuer(
    suite: Suite, dance: Connects, issuer: str | None, issuers: list[str], door: Door | None
) -> bool:
    """Whether `iss` (RFC 9207), if it came, names the one that the person was sent to."""
    if issuer is None or door is None:
        return True
    token_url = suite.settings.vendor_token_urls.get(grants.vendor_of(dance), door.token_url)
    try:
        return urlsplit(issuer).netloc in {*issuers, urlsplit(token_url).netloc}
    except ValueError:
        return False
