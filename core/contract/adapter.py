"""A platform: what it is, who has connected it, and what every adapter answers for."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.contract.inbound import Inbound, Reply
from core.domain.errors import NotAuthentic
from core.domain.events import Kind
from core.domain.nothing import NOTHING

if TYPE_CHECKING:
    from core.contract.serving import Gate


class Adapter(ABC):
    """A platform. `urls` are the vendors' addresses as the operator set them (`{"google": "https://…"}`)."""

    manifest: Manifest

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Checks what `POST /v1/installations` gave. Raises `BadInput` with a JSON pointer. Opens no socket."""
        return Configured(config=config, secrets={})

    def handshake(self, request: Inbound, installation: Installation) -> Reply | None:
        """The answer to a request by which the platform only makes sure that the address is ours, and which it does not
        sign; None for any other. Pure. Nothing of it is kept, and nobody takes it for a sign of life."""
        return None

    def verify(self, request: Inbound, installation: Installation) -> None:
        """Pure. Raises `NotAuthentic` unless `request` surely comes from the platform."""
        raise NotAuthentic("this platform does not call us")

    def kept(self, request: Inbound) -> Inbound:
        """Pure. The (verified) request as it is kept in the inbox: without proofs and session ids that nobody needs
        again, and such that `parse` reads it as before."""
        return request

    def account(self, request: Inbound) -> str:
        """For `single_address` platforms: the outside account that the (verified) request is about."""
        raise NotAuthentic("this platform does not call one address for all accounts")


@dataclass(frozen=True, slots=True)
class Configured:
    """What a person gave, sorted into what may be shown and what must be kept secret. `account` names the outside
    account, so that one calendar or shop is not connected twice without asking."""

    config: Mapping[str, Any]
    secrets: Mapping[str, Any]
    account: str | None = None
    zone: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What core lends to adapters: addresses, the operator's OAuth application, the guarded client."""

    urls: Mapping[str, str]
    clients: Mapping[str, tuple[str, str]]
    """vendor → (client id, client secret) of the operator's OAuth application."""
    fetch: Callable[..., Any]
    """`fetch(url, headers=…, max_bytes=…) -> Answer`, through the guarded client (see `core.guarded.Guarded.get`)."""
    timeout: float = 20.0
    call: Callable[..., Any] | None = None
    """`call(method, url, headers=…, body=…) -> Answer`, any method, no redirects (`core.guarded.Guarded.request`)."""
    gates: Mapping[str, Gate] = field(default_factory=lambda: NOTHING)
    """Where platforms call us that speak a protocol of their own (`core.contract.serving`), by its name."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an adapter is. `vendors`: vendor → real address, the default of `RELANCE_<VENDOR>_URL`."""

    slug: str
    name: str
    auth: tuple[OAuth | SharedSecret | Url, ...]
    kinds: frozenset[Kind]
    vendors: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    poll_every: timedelta = timedelta(minutes=5)
    single_address: bool = False
    """True for platforms that call `/hooks/<slug>` for all accounts; then `account` names the account."""
    same_content: timedelta = timedelta(hours=48)
    """For how long the same words from this platform are the same delivery. Senders that mint a new id at each retry
    stop within about a day; with a `Reading.delivery` ten minutes are the most."""
    gives_up: bool = False
    """True for platforms that take our address down after a few failures: what is authentic and cannot be read is kept
    and shown to people, and the platform hears a 200."""

    @property
    def oauth(self) -> OAuth | None:
        return next((way for way in self.auth if isinstance(way, OAuth)), None)


@dataclass(frozen=True, slots=True)
class OAuth:
    """Constants of a vendor's OAuth 2 (authorization code). Addresses are settings: `RELANCE_<VENDOR>_AUTH_URL`, …"""

    vendor: str
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    pkce: bool = True
    scope_separator: str = " "
    revoke_url: str | None = None
    token_lives: timedelta | None = timedelta(minutes=30)
    """How long an access token lives when the platform's answer has no `expires_in`; None: until a 401 says so."""


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """Both sides know one secret, which signs what the platform sends."""

    header: str


@dataclass(frozen=True, slots=True)
class Url:
    """The way in is an address that a person pastes."""

    label: str = "url"


@dataclass(frozen=True, slots=True)
class Installation:
    """One account of a platform, connected to one workspace.

    `config` is what a person chose, `secrets` what must not be seen (decrypted here, encrypted at rest), `memory` what
    the adapter itself wants to find again, `learnt` corrections that people made (fingerprint → E.164 number).
    `own_numbers` are the business's own telephone numbers, which are never a patient's.
    """

    id: str
    workspace: str
    adapter: str
    name: str
    config: Mapping[str, Any]
    secrets: Mapping[str, Any]
    memory: Mapping[str, Any]
    zone: str
    country: str
    language: str
    hook_url: str
    learnt: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    own_numbers: frozenset[str] = frozenset()
    contacts: Callable[[str], tuple[str, ...]] | None = None
    """The numbers of our contacts whose e-mail address or full name is the given one."""
