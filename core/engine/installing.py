"""Connect, renew, disconnect: the OAuth dance and what must be set up over there, written once for all platforms."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests
import structlog

from core.contract import Chooses, Configured, Installs, OAuth, Pulls
from core.domain.errors import BadInput, Conflict, NeedsReconnect, NotFound, NotNow
from core.domain.messages import State
from core.domain.reasons import Reason
from core.engine import presets
from core.engine.singly import singly
from core.ids import new_id
from core.secrets import hashed, same
from core.storage import house, installations, oauth, outbox
from core.storage import tables as t
from core.storage.database import Transaction
from core.suite import Suite

STATE_LIVES = timedelta(minutes=10)
REFRESH_EARLY = timedelta(minutes=5)
REFRESH_LEASE = timedelta(seconds=30)
_TIMEOUT = 15
_T = TypeVar("_T")
log = structlog.get_logger(__name__)


# ---------------------------------------------------------------------------------------------- without OAuth


def add(
    suite: Suite,
    workspace: str,
    slug: str,
    name: str,
    config: Mapping[str, Any],
    *,
    who: str,
    tx: Transaction | None = None,
) -> str:
    """A new installation by the ways in that need no redirect (`POST /v1/installations`). Its id. In the caller's
    transaction if one is given.

    Raises `BadInput` with a JSON pointer, `Conflict` when the outside account is connected elsewhere.
    """
    adapter = suite.adapters.get(slug)
    if adapter is None:
        raise BadInput("unknown_adapter", pointer="/adapter", text=slug[:40], known=", ".join(sorted(suite.adapters)))
    return _connected(suite, workspace, slug, name, adapter.configured(config), who=who, tx=tx)


def _connected(
    suite: Suite,
    workspace: str,
    slug: str,
    name: str,
    configured: Configured,
    *,
    who: str,
    token_expires_at: datetime | None = None,
    grant_expires_at: datetime | None = None,
    reconnect: str | None = None,
    tx: Transaction | None = None,
) -> str:
    now = suite.now()
    adapter = suite.adapters[slug]
    with nullcontext(tx) if tx is not None else suite.database.write(workspace) as tx:
        if configured.account:
            known = installations.by_account(tx, slug, configured.account)
            if known is not None and known[1] != workspace:
                raise Conflict("connected_elsewhere")
            if known is not None and reconnect is None:
                reconnect = known[0]
        if reconnect is not None:
            row = installations.get(tx, suite.vault, reconnect, suite.public_url)
            if row is None or row.installation.adapter != slug:
                raise NotFound("installation")
            if row.account and configured.account and row.account != configured.account:
                raise Conflict("another_account", known=row.account, given=configured.account)
            # A later consent may come without a refresh token: the one that is kept still lives.
            merged = {**row.installation.secrets, **{key: value for key, value in configured.secrets.items() if value}}
            installations.keep_secrets(
                tx,
                suite.vault,
                reconnect,
                merged,
                state="connected",
                trouble=None,
                failures=0,
                next_pull_at=now,
                maintain_at=now,
                token_expires_at=token_expires_at,
                grant_expires_at=grant_expires_at,
                account=configured.account or row.account,
                config={**row.installation.config, **configured.config},
            )
            outbox.release(tx, f"installation:{reconnect}", Reason("connected_again"), now)
            house.note(tx, who, "installation_reconnected", reconnect, {}, now)
            installation_id = reconnect
        else:
            known_settings = house.workspace(tx, workspace)
            settings = known_settings["settings"] if known_settings else house.DEFAULTS
            installation_id = installations.add(
                tx,
                suite.vault,
                slug,
                name or adapter.manifest.name,
                configured,
                now,
                zone=settings["zone"],
                country=settings["country"],
                token_expires_at=token_expires_at,
                grant_expires_at=grant_expires_at,
                pulls=isinstance(adapter, Pulls),
            )
            presets.add(tx, adapter, installation_id, now)
            house.note(tx, who, "installation_connected", installation_id, {"adapter": slug}, now)
    suite.wake()
    return installation_id


def disconnect(suite: Suite, workspace: str, installation_id: str, *, who: str) -> tuple[Reason, ...]:
    """Calls off what waits, takes down what was set up, revokes, deletes the secrets. Harmless when done twice. Returns
    what could not be undone over there."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        if row is None:
            raise NotFound("installation")
        installations.change(tx, installation_id, state="disconnected", next_pull_at=None, maintain_at=None)
        outbox.end_waiting(
            tx, now, State.CANCELLED, Reason("disconnected"), t.messages.c.installation == installation_id
        )
    left: tuple[Reason, ...] = ()
    adapter = suite.adapters.get(row.installation.adapter)
    if row.state != "disconnected" and adapter is not None:
        if isinstance(adapter, Installs):
            left = adapter.uninstall(row.installation)
        if adapter.manifest.oauth is not None and row.installation.secrets.get("refresh_token"):
            left += _revoked(suite, adapter.manifest.oauth, row.installation.secrets["refresh_token"])
    with suite.database.write(workspace) as tx:
        installations.keep_secrets(tx, suite.vault, installation_id, {}, memory={}, cursor=None)
        house.note(tx, who, "installation_disconnected", installation_id, {}, now)
    return left


def choose(suite: Suite, workspace: str, installation_id: str, ids: list[str]) -> None:
    """What a person ticked (calendars): the next pull begins anew with these."""
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        if row is None:
            raise NotFound("installation")
        adapter = suite.adapters[row.installation.adapter]
        if not isinstance(adapter, Chooses):
            raise BadInput("nothing_to_choose")
        installations.change(
            tx,
            installation_id,
            config=dict(adapter.chosen(row.installation, ids)),
            cursor=None,
            # As on the first day: what is found in it was booked before anybody could be told by us.
            pulled_at=None,
            next_pull_at=suite.now(),
            maintain_at=suite.now(),
        )


def maintain_due(suite: Suite) -> int:
    """Looks after what is set up over there (watch channels), before it ends."""
    with suite.database.write() as tx:
        taken = installations.to_maintain(tx, suite.now())

    def maintain(one: tuple[str, str]) -> None:
        _maintain(suite, one[1], one[0])

    return singly(maintain, taken)


def _maintain(suite: Suite, workspace: str, installation_id: str) -> None:
    def remember(memory: Mapping[str, Any]) -> None:
        with suite.database.write(workspace) as tx:
            installations.change(tx, installation_id, memory=dict(memory))

    def maintain(row: installations.Row) -> timedelta:
        adapter = suite.adapters[row.installation.adapter]
        if not isinstance(adapter, Installs):
            return timedelta(days=1)
        return adapter.maintain(row.installation, suite.now(), remember)

    try:
        again = with_token(suite, workspace, installation_id, maintain)
    except NeedsReconnect as error:
        with suite.database.write(workspace) as tx:
            installations.in_trouble(tx, installation_id, error.reason, state="reconnect")
        return
    except (NotNow, BadInput) as error:
        log.warning("set-up over there failed", installation=installation_id, code=error.reason.code)
        again = error.after if isinstance(error, NotNow) else timedelta(hours=1)
    with suite.database.write(workspace) as tx:
        installations.change(tx, installation_id, maintain_at=suite.now() + again)


# ---------------------------------------------------------------------------------------------- tokens


def fresh(suite: Suite, workspace: str, installation_id: str, *, refused: str | None = None) -> installations.Row:
    """The installation with an access token that lives at least five minutes more; one refresh at a time, on any number
    of threads and machines. `refused` is a token that the platform did not take any more.

    Raises `NotFound`, `NeedsReconnect` (the grant is gone), `NotNow` (the vendor is away, or somebody is refreshing).
    """
    row = _row(suite, workspace, installation_id)
    adapter = suite.adapters.get(row.installation.adapter)
    dance = adapter.manifest.oauth if adapter else None
    if row.state == "reconnect":
        raise NeedsReconnect(row.trouble.code if row.trouble else "grant_gone")
    if dance is None or not row.installation.secrets.get("refresh_token") or _lives(row, suite.now(), refused):
        return row
    owner = new_id("own")
    with suite.database.write(workspace) as tx:
        mine = installations.seize(tx, f"refresh:{installation_id}", owner, suite.now(), REFRESH_LEASE)
    if not mine:
        row = _row(suite, workspace, installation_id)
        if _lives(row, suite.now(), refused):
            return row
        raise NotNow("being_refreshed", timedelta(seconds=5))
    try:
        row = _row(suite, workspace, installation_id)  # another one may have done it while we waited for the lease
        if _lives(row, suite.now(), refused):
            return row
        answer = _token(
            suite, dance, {"grant_type": "refresh_token", "refresh_token": row.installation.secrets["refresh_token"]}
        )
        with suite.database.write(workspace) as tx:  # a rotated token is committed before anybody uses it
            now_known = installations.get(tx, suite.vault, installation_id, suite.public_url)
            if now_known is None or now_known.state == "disconnected":
                raise NotFound("installation")
            installations.keep_secrets(
                tx,
                suite.vault,
                installation_id,
                {
                    **row.installation.secrets,
                    "access_token": answer.access_token,
                    "refresh_token": answer.refresh_token or row.installation.secrets["refresh_token"],
                },
                token_expires_at=answer.expires_at,
            )
        return _row(suite, workspace, installation_id)
    finally:
        with suite.database.write(workspace) as tx:
            installations.let_go(tx, f"refresh:{installation_id}", owner)


def with_token(
    suite: Suite, workspace: str, installation_id: str, call: Callable[[installations.Row], _T]
) -> _T:
    """`call` with a fresh installation. An access token can die before its time: then one new one, and after that the
    platform's word counts. Raises what `fresh` and `call` raise."""
    row = fresh(suite, workspace, installation_id)
    try:
        return call(row)
    except NeedsReconnect as error:
        if error.reason.code != "token_refused":
            raise
        refused = row.installation.secrets.get("access_token")
        return call(fresh(suite, workspace, installation_id, refused=refused))


def _lives(row: installations.Row, now: datetime, refused: str | None) -> bool:
    token = row.installation.secrets.get("access_token")
    return (
        bool(token)
        and token != refused
        and row.token_expires_at is not None
        and row.token_expires_at - now > REFRESH_EARLY
    )


def _row(suite: Suite, workspace: str, installation_id: str) -> installations.Row:
    with suite.database.read(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
    if row is None:
        raise NotFound("installation")
    return row


# ---------------------------------------------------------------------------------------------- the dance


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser, and the value of the cookie that binds it."""

    redirect: str
    browser: str


@dataclass(frozen=True, slots=True)
class Token:
    """The token endpoint's answer, in our words."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime
    scopes: frozenset[str]
    grant_expires_at: datetime | None


def begin(
    suite: Suite,
    workspace: str,
    user: str,
    slug: str,
    *,
    return_to: str,
    reconnect: str | None = None,
    optional: bool = False,
) -> Begun:
    """Starts a one-click install: state once, ten minutes, bound to browser, person, workspace and vendor; PKCE S256.

    Raises `NotFound`, `BadInput` when the operator has set no OAuth application for the vendor.
    """
    adapter = suite.adapters.get(slug)
    dance = adapter.manifest.oauth if adapter else None
    if dance is None:
        raise NotFound("adapter")
    client_id, _ = _client(suite, dance)
    state, verifier, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    scopes = dance.scopes + (dance.optional_scopes if optional else ())
    with suite.database.write(workspace) as tx:
        oauth.begin(
            tx,
            state_hash=hashed(state),
            adapter=slug,
            user=user,
            browser_hash=hashed(browser),
            kept={"verifier": verifier, "return_to": return_to, "reconnect": reconnect, "scopes": list(scopes)},
            vault=suite.vault,
            expires_at=suite.now() + STATE_LIVES,
        )
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri(suite, slug),
        "scope": dance.scope_separator.join(scopes),
        "state": state,
        **dance.parameters,
    }
    if dance.pkce:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    address = suite.settings.vendor_auth_urls.get(dance.vendor, dance.authorize_url)
    return Begun(f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", browser)


@dataclass(frozen=True, slots=True)
class Finished:
    """A dance that came to its end: the installation, and what is still missing (scopes that were unticked)."""

    installation: str
    return_to: str
    missing: tuple[str, ...]


def finish(
    suite: Suite, slug: str, query: Mapping[str, str], *, user: str, workspace: str, browser: str | None
) -> Finished:
    """The platform sent the browser back. The state is used up first, whatever else is wrong.

    Raises `BadInput` (`state_unknown`, `access_denied`, …), `NeedsReconnect`, `NotNow`, `Conflict`.
    """
    adapter = suite.adapters.get(slug)
    dance = adapter.manifest.oauth if adapter else None
    if adapter is None or dance is None:
        raise NotFound("adapter")
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
    if query.get("error"):
        raise BadInput(
            "access_denied" if query["error"] == "access_denied" else "vendor_refused", text=query["error"][:60]
        )
    if not query.get("code"):
        raise BadInput("code_missing")
    form = {"grant_type": "authorization_code", "code": query["code"], "redirect_uri": redirect_uri(suite, slug)}
    if dance.pkce:
        form["code_verifier"] = begun.kept["verifier"]
    token = _token(suite, dance, form)
    granted = token.scopes or frozenset(begun.kept["scopes"])
    missing = tuple(scope for scope in dance.scopes if scope not in granted)
    configured = adapter.configured(
        {
            "refresh_token": token.refresh_token,
            "access_token": token.access_token,
            "scopes": sorted(granted),
            "oauth": True,
        }
    )
    installation_id = _connected(
        suite,
        workspace,
        slug,
        adapter.manifest.name,
        configured,
        who=user,
        token_expires_at=token.expires_at,
        grant_expires_at=token.grant_expires_at,
        reconnect=begun.kept.get("reconnect"),
    )
    return Finished(installation_id, begun.kept["return_to"], missing)


def redirect_uri(suite: Suite, slug: str) -> str:
    """Exact and constant for each platform: it is registered with the vendor."""
    return f"{suite.public_url}/connect/{slug}/callback"


def _client(suite: Suite, dance: OAuth) -> tuple[str, str]:
    client = suite.settings.vendor_clients.get(dance.vendor)
    if client is None or not client[0]:
        raise BadInput("no_oauth_application", vendor=dance.vendor, setting=f"RELANCE_{dance.vendor.upper()}_CLIENT_ID")
    return client


def _token(suite: Suite, dance: OAuth, form: Mapping[str, str]) -> Token:
    client_id, client_secret = _client(suite, dance)
    address = suite.settings.vendor_token_urls.get(dance.vendor, dance.token_url)
    answer = _posted(address, {**form, "client_id": client_id, "client_secret": client_secret})
    body = _json(answer)
    if answer.status_code == 200 and isinstance(body.get("access_token"), str):
        now = suite.now()
        lives = body.get("expires_in")
        grant = body.get("refresh_token_expires_in")
        scope = body.get("scope")
        return Token(
            body["access_token"],
            body["refresh_token"] if isinstance(body.get("refresh_token"), str) else None,
            now + timedelta(seconds=lives if isinstance(lives, int) and 0 < lives < 10**8 else 1800),
            frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
            now + timedelta(seconds=grant) if isinstance(grant, int) and 0 < grant < 10**9 else None,
        )
    error = str(body.get("error", ""))[:60]
    if answer.status_code in (400, 401) and error in ("invalid_grant", "BAD_REFRESH_TOKEN"):
        raise NeedsReconnect("grant_gone")
    if error in ("invalid_client", "unauthorized_client"):
        raise NotNow("oauth_application_refused", timedelta(minutes=30), vendor=dance.vendor)
    if answer.status_code in (400, 401, 403):
        raise NeedsReconnect("vendor_refused", text=error)
    raise NotNow("vendor_away", timedelta(minutes=1), vendor=dance.vendor)


def _posted(address: str, form: Mapping[str, str]) -> requests.Response:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                address, data=form, timeout=_TIMEOUT, allow_redirects=False, headers={"Accept": "application/json"}
            )
    except requests.RequestException as error:
        raise NotNow(
            "vendor_away", timedelta(minutes=1), vendor=address.partition("://")[2].partition("/")[0]
        ) from error


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _revoked(suite: Suite, dance: OAuth, token: str) -> tuple[Reason, ...]:
    address = suite.settings.vendor_revoke_urls.get(dance.vendor)
    if address is None and (own := suite.settings.vendor_token_urls.get(dance.vendor)):
        address = own.removesuffix("/token") + "/revoke"
    address = address or dance.revoke_url
    if address is None:
        return ()
    try:
        answer = _posted(address, {"token": token})
    except NotNow:
        return (Reason("not_revoked", {"vendor": dance.vendor}),)
    # 400 says that the token was dead already, which is what we want.
    return () if answer.status_code in (200, 204, 400) else (Reason("not_revoked", {"vendor": dance.vendor}),)
