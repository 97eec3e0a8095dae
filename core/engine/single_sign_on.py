"""The company's own sign-in: OpenID Connect, by code with PKCE, bound to the browser that began.

OpenID Connect Core 1.0 and Discovery 1.0; RFC 7636 (PKCE), RFC 9207 (`iss` in the answer), RFC 9700 (what is refused).
What comes from the company's server is read like anything from outside: limits, schemas, its own addresses only. Those
of its own origin may lie in the operator's network; any other must be a public one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import structlog

from core.domain.errors import BadInput, Forbidden, NotNow, RelanceError
from core.guarded import Answer, Guarded, check_address
from core.secrets import hashed, same
from core.settings import SingleSignOn
from core.storage import access, house, identities, sign_ins
from core.storage.database import Transaction
from core.suite import Suite

SSO = "sso"
BACK = "/sign-in/sso/back"
LIVES = timedelta(minutes=10)
DRIFT = timedelta(seconds=60)
OLDEST = timedelta(minutes=10)
"""An ID token that was made longer ago than a sign-in lives is not the answer to one."""
KNOWN_FOR, ASKED_AGAIN_AFTER = 3600.0, 30.0
MOST_BYTES = 300_000
# None with a shared secret: a client that also takes HMAC can be shown a token signed with the public key.
_SIGNED = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
log = structlog.get_logger(__name__)


class SignInRefused(Forbidden):
    """The company's sign-in did not prove who somebody is, or they may not come in here. `code` says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """The company's server, as its own page says (`/.well-known/openid-configuration`)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    posts_secret: bool
    says_issuer: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it must bring back in a cookie."""

    redirect: str
    browser: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody whom the company vouches for. `second`: it says that they used more than a password."""

    user: str
    next: str
    second: bool


def begin(suite: Suite, wanted: str, *, again: str | None = None) -> Begun:
    """A sign-in begins; it leads back to `wanted`. `again`: the id of somebody who is here already and is to prove
    themselves anew. Raises `NotNow` when the server is away, `SignInRefused` when it makes no sense."""
    oidc = _settings(suite)
    server = _server(suite, oidc)
    verifier, nonce, browser = (secrets.token_urlsafe(32) for _ in range(3))
    kept = {"verifier": verifier, "nonce": nonce, "browser": hashed(browser), "next": wanted, "again": again,
            "issuer": server.issuer, "began": suite.clock.outside().timestamp()}  # fmt: skip
    with suite.database.write() as tx:
        state = sign_ins.begin(tx, suite.vault, SSO, None, kept, suite.now() + LIVES)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code", "client_id": oidc.client_id, "redirect_uri": suite.public_url + BACK,
        "scope": "openid email profile", "state": state, "nonce": nonce, "code_challenge": challenge,
        "code_challenge_method": "S256", **({"prompt": "login", "max_age": "0"} if again else {}),
    }  # fmt: skip
    return Begun(_with_query(server.authorization, asked), browser)


def finish(suite: Suite, given: Mapping[str, str], browser: str) -> Arrived:
    """What the browser brought back, and its cookie. The state is used up, however it ends. Raises `SignInRefused`,
    `NotNow`."""
    oidc = _settings(suite)
    with suite.database.write() as tx:
        begun = sign_ins.use(tx, suite.vault, SSO, given.get("state", "")[:200], suite.now())
    if begun is None or not browser or not same(hashed(browser), begun.kept["browser"]):
        raise SignInRefused("sso_state")
    server = _server(suite, oidc)
    if server.issuer != begun.kept["issuer"] or given.get("iss", server.issuer) != server.issuer:
        raise SignInRefused("sso_issuer")
    if server.says_issuer and "iss" not in given:
        raise SignInRefused("sso_issuer")
    if "error" in given or not given.get("code"):
        raise SignInRefused("sso_denied")
    token, bearer = _exchanged(suite, oidc, server, given["code"][:4000], begun.kept["verifier"])
    claims = _proven(suite, oidc, server, token, begun.kept["nonce"])
    if begun.kept["again"]:
        told = claims.get("auth_time")
        if not isinstance(told, int | float) or told < begun.kept["began"] - DRIFT.total_seconds():
            raise SignInRefused("sso_not_again")
    if "email" not in claims and server.userinfo and bearer:
        claims = {**_userinfo(suite, oidc, server, bearer, claims["sub"]), **claims}
    user = _person(suite, oidc, server.issuer, claims)
    if begun.kept["again"] not in (None, user):
        raise SignInRefused("sso_other_person")
    methods = claims.get("amr")
    return Arrived(user, begun.kept["next"], isinstance(methods, list) and "mfa" in methods)


def sign_out_address(suite: Suite) -> str | None:
    """Where somebody is signed out over there too, and sent back here; None when the server has no such page."""
    oidc = _settings(suite)
    server = _server(suite, oidc)
    if server.end_session is None:
        return None
    asked = {"client_id": oidc.client_id, "post_logout_redirect_uri": f"{suite.public_url}/sign-in"}
    return _with_query(server.end_session, asked)


# ---------------------------------------------------------------------------------------------- who it is


def _person(suite: Suite, oidc: SingleSignOn, issuer: str, claims: Mapping[str, Any]) -> str:
    """The person of that `sub`; the first time, of that verified address."""
    now = suite.now()
    with suite.database.write() as tx:
        tx.alone("identities")
        user = identities.user_of(tx, issuer, claims["sub"])
        if user is None:
            email = _verified_address(claims)
            user = access.by_email(tx, email)
            if user is None:
                user = _newcomer(suite, tx, oidc, email, claims, now)
            elif identities.has_one(tx, issuer, user):
                # Somebody else over there has been given the address.
                raise SignInRefused("sso_other_account")
            identities.bind(tx, issuer, claims["sub"], user, now)
            for one in access.workspaces_of(tx, user):
                house.note(Transaction(tx.connection, one["id"]), user, "sso_bound", user, {}, now)
        if not access.workspaces_of(tx, user):
            raise SignInRefused("sso_nobody")
    return user


def _verified_address(claims: Mapping[str, Any]) -> str:
    email, verified = claims.get("email"), claims.get("email_verified")
    if not isinstance(email, str) or not 3 <= len(email) <= 200 or "@" not in email[1:-1] or not email.isprintable():
        raise SignInRefused("sso_no_address")
    # Some servers write their booleans as text.
    if verified is not True and verified != "true":
        raise SignInRefused("sso_unverified")
    return email.strip().lower()


def _newcomer(
    suite: Suite, tx: Transaction, oidc: SingleSignOn, email: str, claims: Mapping[str, Any], now: datetime
) -> str:
    if email.rpartition("@")[2] not in oidc.domains:
        raise SignInRefused("sso_nobody")
    places = [one for one in house.workspaces(tx) if oidc.workspace in ("", one["id"], one["name"])]
    if not places:
        raise SignInRefused("sso_nobody")
    name = claims.get("name")
    mine = Transaction(tx.connection, places[0]["id"])
    user = access.add_person(
        mine, email, name[:100] if isinstance(name, str) else "", oidc.role, places[0]["settings"]["language"], now
    )
    house.note(mine, "system", "person_came_by_sso", user, {"role": oidc.role}, now)
    return user


# ---------------------------------------------------------------------------------------------- what was brought


def _exchanged(
    suite: Suite, oidc: SingleSignOn, server: Server, code: str, verifier: str
) -> tuple[str, str | None]:
    """The ID token for the code, and the access token."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": suite.public_url + BACK,
            "code_verifier": verifier}  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if not oidc.client_secret:
        form["client_id"] = oidc.client_id
    elif server.posts_secret:
        form |= {"client_id": oidc.client_id, "client_secret": oidc.client_secret}
    else:
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote(oidc.client_id, safe='')}:{quote(oidc.client_secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    answer = _called(suite, oidc, "POST", server.token, headers, urlencode(form).encode())
    if answer.status in (400, 401, 403):
        log.warning("code not taken", status=answer.status)
        raise SignInRefused("sso_code")
    told = _object(answer)
    token, bearer = told.get("id_token"), told.get("access_token")
    if not isinstance(token, str) or len(token) > 50_000:
        raise SignInRefused("sso_token")
    return token, bearer if isinstance(bearer, str) and bearer.isascii() and bearer.isprintable() else None


def _proven(suite: Suite, oidc: SingleSignOn, server: Server, token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that is signed by the server, for us, now, and for this sign-in (Core, 3.1.3.7)."""
    import jwt  # nobody but who comes in this way needs it

    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in _SIGNED:
            raise SignInRefused("sso_token")
        key = jwt.PyJWK(_key(suite, oidc, server, header.get("kid"), str(algorithm)), algorithm=str(algorithm))
        # Moments are compared here, with a clock that is the house's.
        unasked = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[str(algorithm)], options=unasked)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise SignInRefused("sso_token") from error
    now, drift = suite.clock.outside().timestamp(), DRIFT.total_seconds()
    aud = claims.get("aud")
    audience = aud if isinstance(aud, list) else [aud]
    moments = [claims.get(name) for name in ("exp", "iat")]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in moments):
        raise SignInRefused("sso_token")
    ends, made = (float(one) for one in moments if one is not None)
    good = (
        claims.get("iss") == server.issuer
        and oidc.client_id in audience
        and (len(audience) == 1 or "azp" in claims)
        and claims.get("azp", oidc.client_id) == oidc.client_id
        and isinstance(claims.get("sub"), str)
        and 0 < len(claims["sub"]) <= 255
        and ends > now - drift
        and now - OLDEST.total_seconds() < made < now + drift
    )
    if not good or not isinstance(claims.get("nonce"), str) or not same(claims["nonce"], nonce):
        raise SignInRefused("sso_token")
    return claims


def _userinfo(suite: Suite, oidc: SingleSignOn, server: Server, bearer: str, subject: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    told = _object(_called(suite, oidc, "GET", server.userinfo or "", headers))
    if told.get("sub") != subject:
        raise SignInRefused("sso_token")
    return {name: told[name] for name in ("email", "email_verified", "name") if name in told}


# ---------------------------------------------------------------------------------------------- the server


_lock = threading.Lock()
_servers: dict[str, tuple[float, Server]] = {}
_keys: dict[str, tuple[float, list[dict[str, Any]]]] = {}


def _settings(suite: Suite) -> SingleSignOn:
    if suite.settings.oidc is None:
        raise SignInRefused("sso_off")
    return suite.settings.oidc


def _server(suite: Suite, oidc: SingleSignOn) -> Server:
    with _lock:
        kept = _servers.get(oidc.issuer)
    if kept and time.monotonic() - kept[0] < KNOWN_FOR:
        return kept[1]
    told = _object(_called(suite, oidc, "GET", oidc.issuer.rstrip("/") + "/.well-known/openid-configuration"))
    issuer = told.get("issuer")
    if not isinstance(issuer, str) or issuer.rstrip("/") != oidc.issuer.rstrip("/"):
        raise SignInRefused("sso_issuer")
    methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    found = Server(
        issuer=issuer,
        authorization=_address(oidc, told.get("authorization_endpoint")),
        token=_address(oidc, told.get("token_endpoint")),
        keys=_address(oidc, told.get("jwks_uri")),
        userinfo=_address(oidc, told["userinfo_endpoint"]) if told.get("userinfo_endpoint") else None,
        end_session=_address(oidc, told["end_session_endpoint"]) if told.get("end_session_endpoint") else None,
        posts_secret="client_secret_basic" not in methods and "client_secret_post" in methods,
        says_issuer=told.get("authorization_response_iss_parameter_supported") is True,
    )
    with _lock:
        _servers[oidc.issuer] = time.monotonic(), found
    return found


def _key(suite: Suite, oidc: SingleSignOn, server: Server, name: Any, algorithm: str) -> dict[str, Any]:
    """The server's key of that name. It is asked again for one that is new, but not for each token that names one."""
    with _lock:
        kept = _keys.get(server.keys)
    age = time.monotonic() - kept[0] if kept else KNOWN_FOR
    found = _among(kept[1], name, algorithm) if kept and age < KNOWN_FOR else None
    if found is None and age >= ASKED_AGAIN_AFTER:
        told = _object(_called(suite, oidc, "GET", server.keys)).get("keys")
        keys = [one for one in told if isinstance(one, dict)][:100] if isinstance(told, list) else []
        with _lock:
            _keys[server.keys] = time.monotonic(), keys
        found = _among(keys, name, algorithm)
    if found is None:
        raise SignInRefused("sso_token")
    return found


def _among(keys: list[dict[str, Any]], name: Any, algorithm: str) -> dict[str, Any] | None:
    kind = {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]] if algorithm != "EdDSA" else "OKP"
    fit = [one for one in keys if one.get("kty") == kind and one.get("use", "sig") == "sig"
           and one.get("alg", algorithm) == algorithm]  # fmt: skip
    if name is None:
        return fit[0] if len(fit) == 1 else None
    return next((one for one in fit if one.get("kid") == name), None)


def _address(oidc: SingleSignOn, given: Any) -> str:
    """An address that the server names of itself: as safe as the one that the operator gave."""
    try:
        address = check_address(given, allow_private=True)
    except BadInput as error:
        raise SignInRefused("sso_server") from error
    if address.scheme != "https" and urlsplit(oidc.issuer).scheme == "https":
        raise SignInRefused("sso_server")
    return str(given)


def _called(
    suite: Suite, oidc: SingleSignOn, method: str, url: str, headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:  # fmt: skip
    ours = check_address(oidc.issuer, allow_private=True).origin == check_address(url, allow_private=True).origin
    # The operator has named this origin: it may be in their own network. What it names elsewhere must be public.
    way = Guarded(allow_private=True, max_bytes=MOST_BYTES) if ours else suite.guarded
    try:
        return way.request(method, url, headers, body, max_bytes=MOST_BYTES)
    except RelanceError as error:
        log.warning("company's sign-in away", error_code=error.reason.code)
        raise NotNow("sso_away", timedelta(minutes=1)) from error


def _object(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        log.warning("company's sign-in away", status=answer.status)
        raise NotNow("sso_away", timedelta(minutes=1))
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise SignInRefused("sso_server") from error
    if not isinstance(told, dict):
        raise SignInRefused("sso_server")
    return told


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(asked))))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
