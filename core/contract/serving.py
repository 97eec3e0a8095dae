"""A platform that opens connections to us and speaks a protocol of its own there: the adapter answers, core keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from core.contract.adapter import Adapter, Installation
from core.contract.reading import Reading
from core.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Gate:
    """Where we are called in a protocol: the address that is listened on, and the `name` by which it is reached from
    outside. With `certificate` and `key` (PEM files) all of it is encrypted."""

    host: str
    port: int
    name: str = ""
    certificate: Path | None = None
    key: Path | None = None
    chosen: bool = False
    """The operator set it; otherwise it is opened only for a connection that needs it."""


@dataclass(frozen=True, slots=True)
class Slip:
    """One thing that was handed in. `mark` is the same when the very same is said again, and tells nothing about what.
    A part of something longer has `whole` (what only its parts have in common) and is `number` (from 1) of `total`.
    `content` is JSON: what `Serves.read` needs of it."""

    mark: str
    content: Mapping[str, Any]
    whole: str = ""
    number: int = 1
    total: int = 1


class Keeper(Protocol):
    """What core lends to whoever serves. Each call may wait for the database: call it in a thread. All of them raise
    what a database raises that is away."""

    def now(self) -> datetime:
        """This moment, aware and in UTC, by the house's clock. Waits for nobody."""

    def who(self, account: str) -> Installation | None:
        """The connection of that outside account, in whatever workspace; None when there is none."""

    def take(self, installation: str, slips: Sequence[Slip], doubtful: Collection[str]) -> list[str]:
        """Keeps them, committed on return, and gives each its name: at most ten digits, unique for that connection, the
        same again for what was taken before and is said once more because its answer may not have arrived: one of the
        names in `doubtful`, or one of a process that is no more. Raises `NotFound` when the connection has ended."""


class Served(ABC):
    """A listener that runs. Nothing here waits for the other side."""

    @property
    @abstractmethod
    def port(self) -> int:
        """On which it listens."""

    @abstractmethod
    def present(self) -> Mapping[str, Mapping[str, int]]:
        """installation → how many connections it has, by what they are for ("in", "out": those over which it can be
        told something now)."""

    @abstractmethod
    def look(self, known: Mapping[str, Installation]) -> None:
        """Who is connected now, by installation: whoever is no more, or has another secret, is sent away."""

    @abstractmethod
    def stop(self) -> Collection[str]:
        """Ends in good order, what is in the air first; the names whose answers may not have arrived."""


class Serves(Adapter):
    """The platform calls us, and keeps its connections. Its reports (`ReportsInBatches`) are told in the process that
    has them, and only while there is one over which it can be told something.

    `gate` names the protocol, and with it the settings `RELANCE_<GATE>_LISTEN`, `…_CERTIFICATE`, `…_KEY`."""

    gate: str

    @abstractmethod
    def serve(self, gate: Gate, keeper: Keeper) -> Served:
        """Opens the gate and returns. Raises `OSError` when it cannot be opened."""

    @abstractmethod
    def read(self, installation: Installation, slips: Sequence[tuple[str, Slip]], at: datetime) -> Reading:
        """Pure. What these say that were handed in, by their names: one thing, or all parts of one in their order.
        Fewer than their `total` when the others have not come in time."""

    @abstractmethod
    def sheet(self, installation: Installation) -> tuple[Entry, ...]:
        """Pure. What is filled in over there, in the order of their form."""

    @abstractmethod
    def words(self) -> tuple[Word, ...]:
        """Pure. What they hear from us when a message did not arrive, for their own tables."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A field over there, and what is written into it (words by language where it is a word). `label` and `note` are
    words by language. A `secret` is shown only when it was just made."""

    label: Mapping[str, str]
    value: str | Mapping[str, str]
    note: Mapping[str, str]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A code of ours, what it means, and whether it is final for that number ("hard") or for this message ("soft")."""

    code: str
    weight: str
    reason: Reason
