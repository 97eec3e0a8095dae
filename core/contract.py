"""The two plugs. A platform's author implements `Adapter` (inwards), a way out's author `Provider` (outwards).

An adapter's first line lists what it can do: `class GoogleCalendar(Pulls, Notifies, Installs, Reports)`. Each
ability is a class without behaviour, so that Python refuses an adapter that forgot a method.

What an author may rely on:

* `Inbound` is the request as the sender made it. `verify` and `parse` are pure: no socket, no clock (the moment is
  `request.received_at`), the same answer each time. A recording is an `Inbound` written to a file.
* Secrets come decrypted in `Installation.secrets`; an OAuth access token in it is fresh. Nobody but core refreshes it.
* Errors say what is to be done next, see `core.domain.errors`: `NotAuthentic`, `Unreadable`, `Unsupported`,
  `NeedsReconnect`, `NotNow`.
* A provider never raises for a message: it answers an outcome for each. What it cannot know is `Uncertain`.

`tests/contract` runs every adapter and provider, those of other packages too, through the same conformance suite.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from core.domain.discounts import Discount
from core.domain.errors import BadInput, NotAuthentic, RelanceError
from core.domain.events import Closed, Event, Kind
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason

_NOTHING: Mapping[str, Any] = MappingProxyType({})


# ---------------------------------------------------------------------------------------------- what comes in


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request from outside. `url` is the public address that the sender used, with its query."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: datetime

    def header(self, name: str) -> str:
        """The one value of header `name`. Raises `NotAuthentic` when it is missing or came more than once."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(values) != 1:
            raise NotAuthentic(f"header {name} {'is missing' if not values else 'came more than once'}")
        return values[0]

    def optional_header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def query(self) -> dict[str, str]:
        """The query's parameters, decoded once; of one that came more than once, the first value. A proof over *all*
        parameters reads `url` itself."""
        pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        return dict(reversed(pairs))

    def written(self) -> bytes:
        """As bytes that `Inbound.read` reads back: how the inbox and recordings keep it."""
        return json.dumps(
            {
                "method": self.method,
                "url": self.url,
                "headers": [list(pair) for pair in self.headers],
                "body": base64.b64encode(self.body).decode(),
                "received_at": self.received_at.isoformat(),
            }
        ).encode()

    @classmethod
    def read(cls, written: bytes) -> Inbound:
        """The request that `written` kept."""
        kept = json.loads(written)
        return cls(
            kept["method"],
            kept["url"],
            tuple((key, value) for key, value in kept["headers"]),
            base64.b64decode(kept["body"]),
            datetime.fromisoformat(kept["received_at"]),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """The words that a platform wants to hear back."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ConsentWord:
    """A person's yes or no that was said on a platform, or that a platform is told of. The newest word wins, wherever
    it was said. `scope`: "marketing", or "all" for a no to everything. `subject`: the platform's record of a person, if
    it names one (core then knows which occasions are that person's); `number` is E.164, None where only the record is
    known. `proof` holds text, place and whatever else shows it (JSON)."""

    granted: bool
    at: datetime
    scope: str = "marketing"
    number: str | None = None
    subject: str | None = None
    proof: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class CallOff:
    """Waiting messages that the platform no longer wants: all of the person `subject`, or of the number; of one
    `campaign` (a workflow, a flow) or of all. Closed occasions and other installations are not touched."""

    subject: str | None = None
    number: str | None = None
    campaign: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person whose data must go (a privacy request): by record, number or address, whichever are given; with none of
    them everybody whom this account brought. What this installation brought is erased, and all else about the number
    unless another connection knows it too; that the number said no stays, as a hash. The audit shows a receipt."""

    subject: str | None = None
    number: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """Two records over there became one: `old` is `new` from now on, occasions and refusals with it."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pushed request says. `delivery` is the platform's own id of it, if it has one.

    All of it is applied in one transaction: events, then merges, consents, what is called off, what is erased. `gone`
    says that the platform has disconnected us (an uninstall over there): waiting work is called off, secrets are wiped.
    """

    events: tuple[Event, ...] = ()
    reply: Reply = Reply()
    delivery: str | None = None
    consents: tuple[ConsentWord, ...] = ()
    calls_off: tuple[CallOff, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    merges: tuple[Merge, ...] = ()
    gone: bool = False
    wakes: bool = False
    """True when the request (also) says that something changed that must be asked for: core then pulls."""
    memory: Mapping[str, Any] | None = None
    """If given, replaces `Installation.memory`."""
    once: bool = False
    """True for what may happen a single time (a code is exchanged): the same `delivery` again is `NotAuthentic`, also
    when both came at the same moment."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Everything alive under the key prefix `prefix` between `start` and `end` (by the occasion's start, aware UTC) is
    listed in `keys`: what we know in that range and do not find there is gone."""

    prefix: str
    start: datetime
    end: datetime
    keys: frozenset[str]
    closed: Closed = Closed.DELETED
    """How what is gone is closed: `SILENCED` for what a person no longer wants to hear of, so that no rule speaks."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One answer to `pull`: applied and committed together with `cursor`. `more` asks to be pulled again at once."""

    events: tuple[Event, ...] = ()
    cursor: str | None = None
    sweeps: tuple[Sweep, ...] = ()
    more: bool = False
    problems: tuple[Reason, ...] = ()
    """What could not be read and what a person should know: shown on the connection's page. Of several pages, what each
    of them says is shown with the last one."""
    memory: Mapping[str, Any] | None = None
    """If given, replaces `Installation.memory`."""
    consents: tuple[ConsentWord, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    merges: tuple[Merge, ...] = ()


# ---------------------------------------------------------------------------------------------- who is connected


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
    learnt: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    own_numbers: frozenset[str] = frozenset()
    contacts: Callable[[str], tuple[str, ...]] | None = None
    """The numbers of our contacts whose e-mail address or full name is the given one."""


@dataclass(frozen=True, slots=True)
class OAuth:
    """Constants of a vendor's OAuth 2 (authorization code). Addresses are settings: `RELANCE_<VENDOR>_AUTH_URL`, …"""

    vendor: str
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
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
class Manifest:
    """What an adapter is. `vendors`: vendor → real address, the default of `RELANCE_<VENDOR>_URL`."""

    slug: str
    name: str
    auth: tuple[OAuth | SharedSecret | Url, ...]
    kinds: frozenset[Kind]
    vendors: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
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


# ---------------------------------------------------------------------------------------------- adapters


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


# ---------------------------------------------------------------------------------------------- one click


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
    help: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    example: str = ""
    options: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NOTHING)
    only_with: tuple[str, str] | None = None
    required: bool = True


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
    parameters: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
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
    kept: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Posted:
    """A grant that the platform's server brought. `state` is `Start.state` as it came back; `secrets` are the keys."""

    state: str
    secrets: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the browser's return brought: a `code` to be exchanged, or `secrets` that are the grant already."""

    code: str | None = None
    secrets: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Door:
    """The token address of one account. `form` is added to each request for a token (`expiring=1`). It is called
    through the guarded client, or at `RELANCE_<VENDOR>_TOKEN_URL` (…_REVOKE_URL) where the operator has set that."""

    token_url: str
    form: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
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
class Check:
    """One thing that must be well over there. `result` is "ok", "warning" (works, not everything) or "problem".

    `reason` (None when ok) says what is wrong; its remedy (`core.domain.remedies`) names the click that mends it, and
    `link` is the page over there that has it. `name` is a stable word: "app_installed", "scopes", "token", "version",
    "plan", "hooks", …
    """

    name: str
    result: str = "ok"
    reason: Reason | None = None
    link: str | None = None


class Checks(Adapter):
    """The adapter can say what is missing over there: for `relance doctor` and for the connection's page."""

    @abstractmethod
    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        """Network, a few quick calls that change nothing: is our application installed there and allowed, are all
        scopes granted, does the token live long enough, how long is our version of the API supported, does the plan
        have what we need, do the platform's calls reach us? Raises `NeedsReconnect`, `NotNow`."""


# ---------------------------------------------------------------------------------------------- abilities


class Pushes(Adapter):
    """The request carries what happened."""

    @abstractmethod
    def parse(self, request: Inbound, installation: Installation) -> Reading:
        """Pure. Raises `Unreadable` (kept, can be replayed) or `Unsupported` (2xx, counted)."""


class Shared(Pushes):
    """A platform that calls `/hooks/<slug>` for all accounts (`Manifest.single_address`): who signed is known before
    whose it is."""

    @abstractmethod
    def verify_shared(self, request: Inbound) -> None:
        """Pure. Raises `NotAuthentic` unless the request is surely the platform's, by the application's own secret
        (`tools.clients`). Called instead of `verify` on the shared address."""

    def portions(self, request: Inbound) -> Sequence[tuple[str, Inbound]]:
        """The outside accounts that the (verified) request is about, each with its part of it as a request of its own:
        that part is what is parsed, kept and replayed. Raises `Unreadable`."""
        return ((self.account(request), request),)

    def stranger(self, request: Inbound) -> Reply:
        """The answer when the (verified) request is about an account that is not connected."""
        return Reply(200)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one pushed event by the time it is answered, for platforms whose answer says it.

    `state` is the message's; without a message `reason` says why there is none. `message_id` is the first one's.
    """

    event_key: str
    state: State
    message_id: str | None = None
    reason: Reason | None = None
    due_at: datetime | None = None
    segments: int | None = None
    price_micros: int | None = None
    currency: str | None = None


class Answers(Pushes):
    """The platform's answer names what became of each event. A repeated request is answered the same way, from what
    is known now."""

    @abstractmethod
    def answer(self, request: Inbound, reading: Reading, results: Sequence[Result]) -> Reply:
        """`results` in the order of `reading.events`. Pure."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a platform asks while a person waits: the options of a drop-down, a code to be sent or checked.

    `what`: "templates", "senders", "channels" (answered with `Option`s); "start_code" (`arguments`: number, country,
    ip, language, purpose; signed_in when the person has proven something already, a password) and "check_code"
    (`arguments`: verification, code), answered with one option whose `id` is the verification's and whose `label` is
    its state. `search` narrows, `after` pages, `limit` is the most per page.
    """

    what: str
    search: str = ""
    after: str | None = None
    limit: int = 50
    arguments: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a `Question`."""

    id: str
    label: str
    description: str = ""


class Asks(Adapter):
    """The platform asks questions on its hook; the adapter only translates both ways. Nothing of it is kept."""

    @abstractmethod
    def question(self, request: Inbound, installation: Installation) -> Question | None:
        """What the (verified) request asks; None when it is no question. Pure. Raises `Unreadable`."""

    @abstractmethod
    def options(
        self, request: Inbound, question: Question, found: Sequence[Option], after: str | None, trouble: Reason | None
    ) -> Reply:
        """The answer: this page, the cursor of the next one, or why there is none. Pure."""


class LooksAgain(Adapter):
    """What we know must be checked with the platform just before a message leaves: is the cart still open, does the
    record still allow it?"""

    looks_again_at: frozenset[Kind]
    """The kinds of occasions for which it is asked."""
    look_again_size: int = 100
    """How many occasions one call may hold."""

    @abstractmethod
    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """`keys`: occasion key → its `private`. What of them changed, as events and consents (an unchanged one needs no
        event; what is gone is an event that closes it). Network. Raises `NeedsReconnect`, `NotNow`."""


class Notifies(Adapter):
    """The request only says that something changed: core then pulls."""

    @abstractmethod
    def heard(self, request: Inbound, installation: Installation) -> bool:
        """Pure, after `verify`. Whether the (authentic) request asks for a pull."""


class Pulls(Adapter):
    """We ask the platform."""

    @abstractmethod
    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """What changed since `cursor`; everything when it is None. Raises `NeedsReconnect`, `NotNow`, `Unreadable`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a person ticks while connecting: a calendar, a shop, a form."""

    id: str
    name: str
    ticked: bool
    color: str | None = None
    count: int | None = None
    note: Reason | None = None


class Chooses(Adapter):
    """The account holds several things, of which a person chooses some."""

    @abstractmethod
    def choices(self, installation: Installation, now: datetime) -> tuple[Choice, ...]:
        """What there is to choose from; network."""

    @abstractmethod
    def chosen(self, installation: Installation, ids: Sequence[str]) -> Mapping[str, Any]:
        """The installation's new `config`. Pure."""


class HandsOver(Adapter):
    """A person carries something from here to the other side: a code to paste, a secret."""

    typed: tuple[Asked, ...] = ()
    """What a person must say before there is such a connection: the names of `configured`'s config."""

    @abstractmethod
    def handed(self, installation: Installation) -> Mapping[str, str]:
        """Pure. "connection_code", "signing_secret": what is to be carried, as long as it is of use. The answer to
        `POST /v1/installations` holds it, and the connection's page shows it to whoever may connect."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that people take over there (a plugin). `path` is its name in our address ("plugin.zip"), `filename` the
    one that it is saved under."""

    path: str
    filename: str
    content_type: str
    read: Callable[[], bytes]


class Offers(Adapter):
    """Something of ours must be installed over there by hand: signed-in people download it."""

    @abstractmethod
    def downloads(self) -> tuple[Download, ...]:
        """Pure. The files, the first being the one that people look for."""


@dataclass(frozen=True, slots=True)
class Property:
    """A field of records over there. `id` is its name for programs, `label` the one that people know it by."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One question about the fields over there: what is to be read from where. `name` is unique on the page.

    `label`, `help` and `group` (a heading: which kind of record) are words by language. `offered` are the plausible
    properties only, the likeliest first, those that are chosen among them. `most` is how many may be chosen; of an
    `ordered` one the first that holds something counts. `chosen` is what counts now, `usual` whether that is so
    because nobody has chosen yet.
    """

    name: str
    label: Mapping[str, str]
    offered: tuple[Property, ...]
    chosen: tuple[str, ...] = ()
    help: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    group: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    most: int = 1
    ordered: bool = False
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A person's record over there, and what we read in it. `reference` finds it again.

    `event` holds the number found (its `evidence` names the property) or the `trouble`, and the values that texts may
    name; nothing is planned from it. `shown` are the properties that were read, with what they hold. `consents` is what
    the record itself says; with `asked_later` the platform is asked for the person's yes just before a message leaves.
    `dates` are the occasions of its dates.
    """

    reference: str
    title: str
    event: Event
    shown: tuple[tuple[Property, str], ...] = ()
    consents: tuple[ConsentWord, ...] = ()
    asked_later: bool = False
    dates: tuple[Event, ...] = ()
    link: str | None = None


class Maps(Adapter):
    """A person says which fields over there hold the number, the refusal, the dates, and sees it on a real record."""

    @abstractmethod
    def slots(self, installation: Installation, now: datetime) -> tuple[Slot, ...]:
        """The questions, with what there is to choose from. Network. Raises `NeedsReconnect`, `NotNow`."""

    @abstractmethod
    def mapped(self, installation: Installation, chosen: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
        """Pure. The installation's whole new `config`: slot name → chosen ids, in order; what is not named stays.
        Raises `BadInput` with the slot as its pointer ("/phones")."""

    @abstractmethod
    def samples(self, installation: Installation, search: str, now: datetime) -> tuple[Record, ...]:
        """Five records at the most: those of that name, address, number or reference; without `search` the ones that
        changed last. Read as `installation.config` says. Network. Raises `NeedsReconnect`, `NotNow`."""


@dataclass(frozen=True, slots=True)
class Records:
    """A page of records. `after` asks for the next one; None after the last."""

    records: tuple[Record, ...]
    after: str | None = None


class Counts(Adapter):
    """All people over there can be walked through, to say beforehand who is reachable and what it would cost."""

    @abstractmethod
    def records(self, installation: Installation, after: str | None, now: datetime) -> Records:
        """The next page, a few hundred records; the first without `after`. Network. Raises `NeedsReconnect`,
        `NotNow`."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Something over there that has an end. `label` and `text` are words by language. Of what is counted `used` of
    `most`; a moment is `at`."""

    label: Mapping[str, str]
    text: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    used: int | None = None
    most: int | None = None
    at: datetime | None = None


class Limits(Adapter):
    """What the platform lets us do, and how much of it is used; and what stays over there when we leave."""

    removed: tuple[Mapping[str, str], ...] = ()
    """What is taken down over there when the connection ends, as words by language."""
    stays: tuple[Mapping[str, str], ...] = ()
    """What is not, and why."""

    @abstractmethod
    def limits(self, installation: Installation, now: datetime) -> tuple[Limit, ...]:
        """A quick call or two that change nothing. Raises `NeedsReconnect`, `NotNow`."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box that people tick to allow messages; all are words by language. `sentence` stands beside it and is kept as
    proof; empty where the platform keeps other words. `place` says where people see it, `how` what must be done over
    there so that they do. It is never ticked beforehand."""

    sentence: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    place: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    how: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


class ShowsBox(Adapter):
    """The box by which people allow messages stands over there: in the shop's checkout, on the site's form."""

    box: Box


class NamesCodes(Adapter):
    """A cart may bring a discount code for its person alone: `code` in its values, which texts may name."""

    codes: Mapping[str, str] = _NOTHING
    """What the shop must do for that, as words by language."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A discount code that one person is promised. `code` is ours: the same for each attempt at one message, and no
    other message's. `cart` is the key of the cart, `private` what the adapter keeps of it, `email` the person's, where
    it is known. Good until `ends_at` (aware, the end of a day on the shop's wall), for one order."""

    code: str
    discount: Discount
    ends_at: datetime
    cart: str
    private: Mapping[str, Any]
    email: str | None = None


class Rewards(Adapter):
    """A shop that makes discount codes for one person alone. It is asked just before the message leaves, and not for
    carts that were bought in the meantime."""

    @abstractmethod
    def reward(self, installation: Installation, wanted: Reward, now: datetime) -> None:
        """Makes the code over there. Network. Harmless when repeated: a code of ours that is there already is made
        what is wanted now, its end never an earlier one. Raises `NeedsReconnect`, `NotNow`; anything that will never
        work is `BadInput`, then the message does not leave and says why."""

    def withdraw(self, installation: Installation, now: datetime) -> int:
        """Takes away codes of ours that are over and were not used, a few hundred at most; how many. Network. Asked
        with each `Installs.maintain` where a rule gives discounts. Raises `NeedsReconnect`, `NotNow`; 0 from a shop
        that cannot."""
        return 0


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing of a made-up story, at the aware moment `at`: a request as the platform would send it, or that a person
    follows the newest link that was sent to the number `follows` (E.164)."""

    at: datetime
    request: Inbound | None = None
    follows: str | None = None


class Demonstrates(Adapter):
    """Can play a made-up fortnight as its platform would tell it, for `relance demo`: no account is needed."""

    @abstractmethod
    def played(self, installation: Installation, now: datetime) -> Sequence[Deed]:
        """Pure. What happened in the fortnight before `now`, oldest first. The same day tells the same again."""


class Installs(ABC):
    """Something must be set up over there (a watch channel, a workflow action), renewed, and taken down.

    Each is harmless when done twice. `remember` stores new `memory` durably before the platform is called, because a
    platform may call back before it has answered us.
    """

    @abstractmethod
    def maintain(
        self, installation: Installation, now: datetime, remember: Callable[[Mapping[str, Any]], None]
    ) -> timedelta:
        """Sets up what is missing and renews what ends soon. Returns after how long to be called again."""

    @abstractmethod
    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """Takes everything down, as far as the platform lets us; what could not be is said in the answer."""


@dataclass(frozen=True, slots=True)
class Published:
    """One thing that an operator's application has over there. `change`: "created", "changed", "unchanged"."""

    name: str
    change: str
    id: str = ""
    detail: str = ""


class Publishes(Adapter):
    """Something is set up once for the operator's whole application (workflow actions, webhooks), and not for each
    account. `needs` are the names of what only the operator has: given as `RELANCE_<VENDOR>_<NAME>`."""

    needs: tuple[str, ...] = ()

    @abstractmethod
    def publish(
        self, credentials: Mapping[str, str], public_url: str, now: datetime, *, dry_run: bool = False
    ) -> Sequence[Published]:
        """Network. Creates what is missing and updates what differs, so that twice is harmless; never renames what
        people's workflows hold on to. `dry_run` only asks. Raises `BadInput`, `Conflict`, `NotNow`."""

    def files(self, public_url: str) -> Mapping[str, str]:
        """Pure. The same as files (path → content), for platforms that take them in that form."""
        return {}


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message, for the platform. `answer` is "confirmed" or "declined" when the person replied."""

    occasion_key: str
    state: State | None
    answer: str | None
    text: str | None
    at: datetime
    private: Mapping[str, Any]
    message_id: str | None = None
    kind: str = "state"
    """"state" (`state` is new, `reason` says why), "reply" (`text`, `answer`), "click" (`link`) or "consent"."""
    reason: Reason | None = None
    to: str | None = None
    channel: Channel | None = None
    sent_at: datetime | None = None
    price_micros: int | None = None
    currency: str | None = None
    segments: int | None = None
    link: str | None = None
    consent: ConsentWord | None = None
    subject: str | None = None
    body: str | None = None
    """The message's own words."""
    before: State | None = None
    """The state of which the platform was told before, if there was one."""


class Reports(ABC):
    """The platform wants to know what became of its message."""

    @abstractmethod
    def wants(self, installation: Installation) -> bool:
        """Pure: whether reporting is switched on. It is off until a person switches it on."""

    @abstractmethod
    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        """Tells the platform. Raises `NeedsReconnect`, `NotNow`; anything that will never work is `BadInput`."""


class ReportsInBatches(Reports):
    """A platform that takes many reports in one call."""

    report_size: int = 100

    @abstractmethod
    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        """Tells the platform all of them; for each None when it knows, else the error that `report` would raise.
        Raises `NeedsReconnect`, `NotNow` when nothing was told."""


class KeepsConsent(Reports):
    """A platform that keeps people's yes and no itself. What was said elsewhere (a STOP by SMS) reaches it as a report
    of kind "consent", one for each of its records with that number, whether `wants` or not."""


# ---------------------------------------------------------------------------------------------- providers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for a provider. `reference` is our id: given to the provider, unique for ever."""

    reference: str
    to: str
    text: str
    channel: Channel
    message_class: MessageClass
    encoding: str
    """"GSM-7" or "UCS-2", as measured."""
    sender: str | None = None
    country: str = ""
    expires_at: datetime | None = None
    stop_mention: bool = False
    test: bool = False
    asks: bool = False
    """The text asks for OUI or NON: a channel with buttons offers them."""
    content: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """What the channel shows beyond `text`, as `core.domain.content` made it; empty for plain text."""
    within_window: bool = False
    """The person wrote to us on this channel less than 24 hours ago (WhatsApp takes free text only then)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it. `reference` is the provider's own id."""

    reference: str
    price_micros: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """It was surely not taken. Try again, not before `after`."""

    after: timedelta
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be taken. `opt_out`: the number wants silence. `dead_number`: never try it again."""

    reason: Reason
    opt_out: bool = False
    dead_number: bool = False


@dataclass(frozen=True, slots=True)
class AccountTrouble:
    """The account is at fault (key, credit, rights), not the message: hold all of the account, tell a person."""

    reason: Reason
    after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """We spoke, and cannot know whether it was taken."""

    reason: Reason


Outcome = Accepted | TryLater | Refused | AccountTrouble | Uncertain


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account of one workspace. `receipts_url`, `replies_url` bear its secret in the path."""

    id: str
    workspace: str
    provider: str
    config: Mapping[str, Any]
    secrets: Mapping[str, Any]
    receipts_url: str
    replies_url: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's word on a message that it took. An unknown word has no `state`: it is kept, and changes nothing."""

    provider_reference: str | None
    state: State | None
    status: str
    """The provider's own word, as it came."""
    at: datetime
    reference: str | None = None
    reason: Reason | None = None
    account_trouble: bool = False
    """Refused late for the account's sake (no credit): the message waits, the account is held."""
    retry: bool = False
    opt_out: bool = False
    dead_number: bool = False
    price_micros: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class PhoneReply:
    """What a person wrote back. `answers` is the provider's id of the message that it answers, if it says so."""

    sender: str
    to: str
    text: str
    at: datetime
    provider_reference: str
    answers: str | None = None
    channel: Channel | None = None
    """By which it came, from a provider that has several."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A message on a simulated phone. At `next_at` it becomes `next` (a state, or "reply:STOP"), if at all."""

    workspace: str
    account: str
    reference: str
    to: str
    sender: str | None
    text: str
    channel: Channel
    received_at: datetime
    state: State
    next_at: datetime | None = None
    next: str | None = None


class Book(Protocol):
    """Where the simulator keeps what its phones received: durable, so that it knows after a crash what it had taken."""

    def write(self, messages: Sequence[Simulated]) -> list[bool]:
        """Keeps them, committed on return; False for each whose reference was there already (it is kept once)."""

    def find(self, reference: str) -> Simulated | None:
        """The message of that reference."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of message `reference` as a provider took it under the id `id`: `number` (from 1) of `total`.

    `forms` are the ids by which a receipt may name it, the likeliest first; `tail` the last digits of the number.
    """

    reference: str
    number: int
    total: int
    id: str
    forms: tuple[str, ...]
    tail: str


@dataclass(frozen=True, slots=True)
class PartWord:
    """A receipt about one part. `forms` are the ids under which it may have been taken, the likeliest first."""

    id: str
    forms: tuple[str, ...]
    tail: str
    state: State | None
    status: str
    at: datetime
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class KnownPart:
    """What is kept of a part. `reference` is None for a receipt that belongs to no message that we know."""

    row: str
    reference: str | None
    number: int
    total: int
    id: str
    state: State | None
    status: str
    at: datetime | None
    reason: Reason | None = None


class PartsBook(Protocol):
    """Where a provider keeps the ids of the parts of its messages, and what their receipts said: durable, so that a
    receipt finds its message whichever of the two comes first, and after a restart. Each call is committed on return.
    """

    def take(self, account: Account, parts: Sequence[Part], now: datetime) -> None:
        """Parts that the provider has. Receipts that came before them are bound to them."""

    def hear(self, account: Account, words: Sequence[PartWord], now: datetime) -> None:
        """Receipts. One whose part is not known yet waits for it; none moves a part backwards."""

    def news(self, account: Account, heard_before: datetime) -> list[list[KnownPart]]:
        """All parts of each message of which something was heard and not told yet; and alone, receipts from before
        `heard_before` that found no part, or, if exactly one message to that number is in doubt, as a part of it."""

    def told(self, account: Account, parts: Sequence[KnownPart]) -> None:
        """Core knows what these say."""


@dataclass(frozen=True, slots=True)
class ProviderTools:
    """What core lends to providers: the vendors' addresses as the operator set them, the simulator's book, the book of
    parts, and the gate to addresses that a person gave (`reach(host, port)` gives those that may be connected to)."""

    urls: Mapping[str, str]
    book: Book | None = None
    timeout: float = 15.0
    connections: int = 32
    parts: PartsBook | None = None
    reach: Callable[[str, int], Sequence[str]] | None = None


class Listens(ABC):
    """A provider whose receipts and replies come over a connection that we keep, not to an address of ours."""

    @abstractmethod
    def listen(
        self, account: Account, deliver: Callable[[Sequence[Receipt | PhoneReply]], None], now: Callable[[], datetime]
    ) -> None:
        """Keeps a connection for `account` until `fall_silent`, and returns at once; again with a changed account, the
        connection is a new one. What comes is answered as received only after `deliver` returned, which means that it
        is committed; when that raises, the other side is asked to say it again."""

    @abstractmethod
    def fall_silent(self, account_id: str) -> None:
        """Ends the connection in good order, what is in the air first. Harmless when there is none."""


class Revokes(ABC):
    """A provider that can take a message back before it reaches the phone (RCS): then another channel may follow."""

    @abstractmethod
    def revoke(
        self, account: Account, reference: str, provider_reference: str, now: datetime, *, to: str
    ) -> bool | None:
        """Takes back what was sent to the number `to`. True: it will surely not be shown any more. False: too late, it
        was delivered. None: the provider cannot tell now, ask again. Raises `NotNow`, `NeedsReconnect`."""


class Seeks(ABC):
    """A provider that keeps no reference of ours, and lists what it took: a message in doubt is known again by its
    number, its words and its moment. Asked instead of `look_up`; such a provider says `can_look_up`."""

    @abstractmethod
    def seek(self, account: Account, message: Outgoing, now: datetime, *, asked: datetime) -> Receipt | None:
        """The state of `message`, handed over at `asked` or within a sender's lease (2 minutes) after it; None when it
        cannot be told yet. Raises `Gone` when it surely was never taken, `NotNow`, `NeedsReconnect`."""


class Gone(Exception):
    """The answer of `look_up` and `seek`: the provider surely does not have it."""


class Provider(ABC):
    """A way out. One object per process and kind; `account` says for whom. Thread-safe."""

    slug: str
    name: str
    channels: frozenset[Channel]
    batch_size: int = 64
    idempotent: bool = False
    """True when the same `Outgoing.reference` twice is one message for the provider."""
    can_look_up: bool = False
    for_tests: bool = False
    """True for providers that reach no real phone; test keys (`rk_test_`) use no other."""
    confirms_stop: bool = False
    """True when the provider itself answers a person's STOP; where it does not, we do, once."""
    vendors: Mapping[str, str] = MappingProxyType({})

    def __init__(self, tools: ProviderTools) -> None:
        self.tools = tools

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Checks what a person gave, see `Adapter.configured`."""
        return Configured(config=config, secrets={})

    @abstractmethod
    def send(
        self, account: Account, messages: Sequence[Outgoing], now: datetime, begun: Callable[[str], None]
    ) -> list[Outcome]:
        """Hands the batch over; an outcome for each, in order. Calls `begun(reference)` just before the first byte of a
        message is written: what had not begun when the process died is surely not sent. Never raises."""

    def handshake(self, request: Inbound, account: Account) -> Reply | None:
        """The answer to a request by which the provider only makes sure that the address is ours; None for any other,
        which is then verified and read. Pure. Raises `NotAuthentic`."""
        return None

    def verify(self, request: Inbound, account: Account) -> None:  # noqa: B027 - nothing to check is an answer
        """Pure. Raises `NotAuthentic`. The secret in the path was checked before, in constant time."""

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply, ...]:
        """What the (verified) request says. Raises `Unreadable`; an unknown status is a `Receipt` without a state."""
        raise NotAuthentic("this provider does not call us")

    def confirm(self, account: Account, receipt: Receipt, now: datetime) -> Receipt | None:
        """What the provider itself says of the message of `receipt`, asked before a person or an account bears the
        consequences; None when it does not say now. A provider that signs what it posts gives `receipt` back."""
        return receipt

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        """The state of our message `reference`, handed over at `asked`; None when it cannot be told yet.
        Raises `Gone` when it surely never had it, `NotNow`, `NeedsReconnect`."""
        return None

    def check(self, account: Account, now: datetime) -> Reason | None:
        """For `relance doctor`: what is wrong with the account, without sending; None when all is well."""
        return None
