"""What a platform said, in our words: what a pushed request or one answer to a pull amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.contract.inbound import Reply
from core.domain.events import Closed, Event
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pushed request says. `delivery` is the platform's own id of it, if it has one.

    All of it is applied in one transaction: events, then merges, consents, what is called off, what is erased. `gone`
    says that the platform has disconnected us (an uninstall over there): waiting work is called off, secrets are wiped.
    """

    events: tuple[Event, ...] = ()
    reply: Reply = field(default_factory=Reply)
    delivery: str | None = None
    consents: tuple[ConsentWord, ...] = ()
    calls_off: tuple[CallOff, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    merges: tuple[Merge, ...] = ()
    gone: bool = False
    wakes: bool = False
    """True when the request (also) says that something changed that must be asked for: core then pulls."""
    memory: Mapping[str, Any] | None = None
    """If given, the new `Installation.memory`. The names count in which it differs: what somebody else has kept
    meanwhile under other names stays."""
    once: bool = False
    """True for what may happen a single time (a code is exchanged): the same `delivery` again is `NotAuthentic`, also
    when both came at the same moment."""


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
    """If given, the new `Installation.memory`. The names count in which it differs: what somebody else has kept
    meanwhile under other names stays."""
    consents: tuple[ConsentWord, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    merges: tuple[Merge, ...] = ()


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
    proof: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class CallOff:
    """Waiting messages that the platform no longer wants: all of the person `subject`, or of the number; of one
    `campaign` (a workflow, a flow) or of all. Closed occasions and other installations are not touched. With `at`, the
    platform's own moment of it, a wish that reaches us later and is not newer (`Event.at`) is called off too, for three
    days."""

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
