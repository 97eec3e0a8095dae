"""One click: the journey of a person to the platform and back, for what `OAuth`'s constants do not say."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from core.contract.adapter import Adapter, Configured, Installation
from core.contract.inbound import Inbound
from core.domain.errors import BadInput, NotAuthentic, RelanceError
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason


class Connects(Adapter):
    """One click, for platforms that `OAuth`'s constants do not describe: their address depends on the account, they
    sign what they send back, they bring the keys by themselves, they must be asked who it is.

    The journey, of which core does what is the same everywhere (state, cookie, PKCE, exchange, encryption, refresh one
    at a time, reconnection, redaction of logs):

        GET /connect/<slug>    `invited` (did the platform send the person?), else the page that asks for `asked`
                               `given` (strict) → `discover` (network, if need be) → `leave`: the browser goes
        POST …/callback        `posted`: a grant that the platform's server brings (kept; it counts after the return)
        GET …/callback         the state is used up; `arrived` → exchange at `door`, if there is a code → `granted`
        later                  `renewal` at `door` → `refreshed`; `refusal` reads an answer that is no success
        parting                `Installs.uninstall` (take down), then `revoke`, then the secrets are deleted

    With `Manifest.oauth` (whose two addresses may be those of an example account) everything below has a default that
    is plain OAuth 2: HubSpot needs `granted` and `revoke` only. Without it (keys or passwords instead of tokens)
    `leave`, `arrived` and `granted` must be written. Errors of all: `BadInput` with a code and a sentence (a pointer
    to the field, as "/shop", from `given` and `discover`), `NotAuthentic` when a proof is wrong, `NotNow` when the
    platform is away. """

    asked: tuple[Asked, ...] = ()

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        """Pure. What a person typed, checked strictly and in its normal form, before any use of it: a host by an
        anchored pattern or an allow-list, a site's address by `core.guarded.check_address`. Raises `BadInput`."""
        return {}

    def invited(self, request: Inbound) -> Mapping[str, str] | None:
        """Pure. The answers, if the platform itself sent the person to `/connect/<slug>` and signed that; None for
        everybody else. Raises `NotAuthentic` for a wrong or old signature."""
        return None

    def discover(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Network, through `tools.fetch` alone: what must be asked before leaving (WordPress: its authorization
        address). Returns `given`, with what was found. Raises `BadInput` (not there, switched off), `NotNow`."""
        return given

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        """Pure. `given` is `discover`'s answer. Raises `BadInput` where we cannot be reached (`needs_https`)."""
        oauth = self.manifest.oauth
        if oauth is None:
            raise NotImplementedError("without OAuth an adapter says where to go")
        return Leaving(start.address(oauth.authorize_url), given)

    def posted(self, request: Inbound) -> Posted:
        """Pure. The grant in a POST to the callback address, by the platform's server. It is accepted once, and only
        for a journey under way; it counts only after `granted` has proven it. The answer is an empty 200. Raises
        `Unreadable`, `NotAuthentic`."""
        raise NotAuthentic("this platform brings no grant by itself")

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        """Pure: the moment is `callback.received_at`. The browser's return, whose state was checked and is used up:
        verifies all else (signature, age, same shop as `kept`). `posted` are the secrets that a POST brought before.
        Raises `BadInput("access_denied")` when the person said no (nothing is stored), `NotAuthentic`."""
        answer = callback.query()
        if error := answer.get("error"):
            raise BadInput("access_denied" if error == "access_denied" else "vendor_refused", text=error[:60])
        if not answer.get("code"):
            raise BadInput("code_missing")
        return Arrived(code=answer["code"])

    def door(self, place: Mapping[str, Any]) -> Door:
        """Pure. The token address of the account: `place` is `Leaving.kept`, and after the installation its `config`.
        Must check again what it builds an address of."""
        oauth = self.manifest.oauth
        if oauth is None:
            raise NotImplementedError("without OAuth there is no token to ask for")
        return Door(oauth.token_url, revoke_url=oauth.revoke_url)

    @abstractmethod
    def granted(self, grant: Grant, now: datetime) -> Configured:
        """Network. Who it is, asked of the platform (or proven by its signature), and that the grant works, called at
        the address in `grant.kept` and never at one out of the callback. `Configured.account` is the platform's own
        name of the account (portal, organisation, shop, site), without which one account could be connected twice.
        `config` holds what `door` needs, and `scopes` (a list) when the platform says them only here. Core adds
        `access_token` and `refresh_token` to the secrets. Raises `BadInput`, `NotAuthentic`, `NeedsReconnect`,
        `NotNow`."""

    def covers(self, granted: frozenset[str], scope: str) -> bool:
        """Pure. Whether `scope` is among the granted ones, or implied by one (Shopify: `write_x` means `read_x`)."""
        return scope in granted

    def renewal(self, installation: Installation, now: datetime) -> Mapping[str, str] | None:
        """Pure. The form that asks `door` for the next access token; None when there is nothing to renew (tokens that
        do not end). Core adds the application's id and secret unless the form holds an `assertion` (JWT bearer)."""
        token = installation.secrets.get("refresh_token")
        return {"grant_type": "refresh_token", "refresh_token": token} if token else None

    def refreshed(self, installation: Installation, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Pure. What of `config` the token address's new answer changes (Salesforce: `instance_url`, checked)."""
        return {}

    def refusal(self, status: int, answer: Mapping[str, Any]) -> RelanceError | None:
        """Pure. What an answer of the token address that is no success means, where it is not plain OAuth: `NotNow`
        (asked again), `NeedsReconnect` or `BadInput` with a code whose remedy names the click. None: core's own
        reading (`invalid_grant`, `BAD_REFRESH_TOKEN`: the grant is gone; 5xx and 429: later)."""
        return None

    def revoke(self, installation: Installation) -> tuple[Reason, ...] | None:
        """Network, best effort, within `tools.timeout`: gives the grant back, after everything else was taken down.
        What could not be done, or what the person must still do over there, is said in the answer. None: core calls
        the `revoke_url` of `door` with the refresh token, as RFC 7009 says. Never raises for what a platform
        answers."""
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person must say before leaving for the platform: a field of the page before the journey. What is also in
    the installation's `config`, under the same `name`, is not asked again when somebody reconnects.

    `label` and `help` are words by language ({"fr": …, "en": …}); `example` stands grey in the empty field. With
    `options` (value → words by language) it is a choice of one, the first being chosen already. `only_with` names
    another field and the value of it with which this one is asked (Salesforce's own domain, only with the option
    "domain"). """

    name: str
    label: Mapping[str, str]
    help: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    example: str = ""
    options: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: NOTHING)
    only_with: tuple[str, str] | None = None
    required: bool = True
    secret: bool = False
    """Typed unseen, and never shown again."""


@dataclass(frozen=True, slots=True)
class Start:
    """What core made for one journey. `state` is 64 hexadecimal digits, used once within ten minutes; it is also the
    value for platforms that bring back only a "user id" of ours. `redirect_uri` is `…/connect/<slug>/callback`, where
    the browser comes back (GET) and where a platform's server may bring its grant (POST). `challenge` is PKCE's,
    S256. `client_id` and `scopes` are empty without `Manifest.oauth`; `parameters` and `separator` are those of it.
    """

    state: str
    redirect_uri: str
    client_id: str = ""
    challenge: str = ""
    scopes: tuple[str, ...] = ()
    separator: str = " "
    parameters: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    language: str = "fr"

    @property
    def back(self) -> str:
        """`redirect_uri` with the state in it: where to come back to from a platform that knows no state of its own.
        Core reads the state there, under the name `state`."""
        return f"{self.redirect_uri}?state={self.state}"

    def address(self, authorize_url: str, **more: str) -> str:
        """The browser's way: OAuth 2's authorization request at `authorize_url`, with `more` parameters. PKCE is in it
        if there is a `challenge`."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.separator.join(self.scopes),
            "state": self.state,
            **self.parameters,
            **({"code_challenge": self.challenge, "code_challenge_method": "S256"} if self.challenge else {}),
            **more,
        }
        return f"{authorize_url}{'&' if '?' in authorize_url else '?'}{urlencode(query, quote_via=quote)}"


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where the browser goes, and what must be known when it comes back (JSON; kept encrypted, for this journey only).
    The names in `kept` that `Connects.door` reads are the same as in the installation's `config`: it is asked with
    either."""

    url: str
    kept: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Posted:
    """A grant that the platform's server brought. `state` is `Start.state` as it came back; `secrets` are the keys."""

    state: str
    secrets: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the browser's return brought: a `code` to be exchanged, or `secrets` that are the grant already."""

    code: str | None = None
    secrets: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Door:
    """The token address of one account. `form` is added to each request for a token (`expiring=1`). It is called
    through the guarded client, or at `RELANCE_<VENDOR>_TOKEN_URL` (…_REVOKE_URL) where the operator has set that."""

    token_url: str
    form: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    revoke_url: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What the platform granted, before it counts. `answer` is the token address's whole answer ({} without an
    exchange), `secrets` what came without one (`Arrived.secrets`), `kept` is `Leaving.kept`. `scopes` are those
    granted; those asked for when the answer does not say. `asked` are those asked for."""

    answer: Mapping[str, Any]
    secrets: Mapping[str, Any]
    kept: Mapping[str, Any]
    scopes: frozenset[str]
    asked: tuple[str, ...]
    access_token: str | None = None
    refresh_token: str | None = None
