"""People's records over there: which of their fields hold what, and how many of them can be reached."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.contract.adapter import Adapter, Installation
from core.contract.reading import ConsentWord
from core.domain.events import Event
from core.domain.nothing import NOTHING


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
    help: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    group: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    most: int = 1
    ordered: bool = False
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """A field of records over there. `id` is its name for programs, `label` the one that people know it by."""

    id: str
    label: str


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


class Counts(Adapter):
    """All people over there can be walked through, to say beforehand who is reachable and what it would cost."""

    @abstractmethod
    def records(self, installation: Installation, after: str | None, now: datetime) -> Records:
        """The next page, a few hundred records; the first without `after`. Network. Raises `NeedsReconnect`,
        `NotNow`."""


class CountsLists(Counts):
    """The same for the lists that people made over there (a segment, a list view)."""

    @abstractmethod
    def lists(self, installation: Installation, now: datetime) -> tuple[PeopleList, ...]:
        """The lists of people, a few hundred at the most, by name. Network. Raises `BadInput` where this connection may
        not read them, `NeedsReconnect`, `NotNow`."""

    @abstractmethod
    def records_of(self, installation: Installation, name: str, after: str | None, now: datetime) -> Records:
        """As `records`, of the list with the id `name`. Raises `BadInput` for one that is not there."""


@dataclass(frozen=True, slots=True)
class PeopleList:
    """A list over there. `count` is how many records it has, if the platform says so."""

    id: str
    name: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """A page of records. `after` asks for the next one; None after the last."""

    records: tuple[Record, ...]
    after: str | None = None
