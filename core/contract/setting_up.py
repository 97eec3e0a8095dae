"""What is chosen, carried, installed and watched over on the other side, from connecting until parting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.contract.adapter import Adapter, Installation
from core.contract.connecting import Asked
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason


class Chooses(Adapter):
    """The account holds several things, of which a person chooses some."""

    @abstractmethod
    def choices(self, installation: Installation, now: datetime) -> tuple[Choice, ...]:
        """What there is to choose from; network."""

    @abstractmethod
    def chosen(self, installation: Installation, ids: Sequence[str]) -> Mapping[str, Any]:
        """The installation's new `config`. Pure."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a person ticks while connecting: a calendar, a shop, a form."""

    id: str
    name: str
    ticked: bool
    color: str | None = None
    count: int | None = None
    note: Reason | None = None


class HandsOver(Adapter):
    """A person carries something from here to the other side: a code to paste, a secret."""

    typed: tuple[Asked, ...] = ()
    """What a person must say before there is such a connection: the names of `configured`'s config."""

    @abstractmethod
    def handed(self, installation: Installation) -> Mapping[str, str]:
        """Pure. "connection_code", "signing_secret": what is to be carried, as long as it is of use. The answer to
        `POST /v1/installations` holds it, and the connection's page shows it to whoever may connect."""


class Checks(Adapter):
    """The adapter can say what is missing over there: for `relance doctor` and for the connection's page."""

    @abstractmethod
    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        """Network, a few quick calls that change nothing: is our application installed there and allowed, are all
        scopes granted, does the token live long enough, how long is our version of the API supported, does the plan
        have what we need, do the platform's calls reach us? Raises `NeedsReconnect`, `NotNow`."""


class TakesKeys(Checks):
    """A person makes keys over there and copies them here. They are tried (`check`) before they are kept; the same
    account again is the same connection with new keys."""

    typed: tuple[Asked, ...] = ()
    """What is copied: names of `configured`'s config. What is left empty is not given to it."""
    made_there: Mapping[str, tuple[str, ...]] = NOTHING
    """Where and how the keys are made over there, step by step, by language."""


class Offers(Adapter):
    """Something of ours must be installed over there by hand: signed-in people download it."""

    @abstractmethod
    def downloads(self) -> tuple[Download, ...]:
        """Pure. The files, the first being the one that people look for."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that people take over there (a plugin). `path` is its name in our address ("plugin.zip"), `filename` the
    one that it is saved under."""

    path: str
    filename: str
    content_type: str
    read: Callable[[], bytes]


class Installs(ABC):
    """Something must be set up over there (a watch channel, a workflow action), renewed, and taken down.

    Each is harmless when done twice. `remember` stores new `memory` durably before the platform is called, because a
    platform may call back before it has answered us. Of `memory` the names count that it changes.
    """

    @abstractmethod
    def maintain(
        self, installation: Installation, now: datetime, remember: Callable[[Mapping[str, Any]], None]
    ) -> timedelta:
        """Sets up what is missing and renews what ends soon. Returns after how long to be called again."""

    @abstractmethod
    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """Takes everything down, as far as the platform lets us; what could not be is said in the answer."""


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
class Published:
    """One thing that an operator's application has over there. `change`: "created", "changed", "unchanged"."""

    name: str
    change: str
    id: str = ""
    detail: str = ""


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
class Limit:
    """Something over there that has an end. `label` and `text` are words by language. Of what is counted `used` of
    `most`; a moment is `at`."""

    label: Mapping[str, str]
    text: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    used: int | None = None
    most: int | None = None
    at: datetime | None = None
