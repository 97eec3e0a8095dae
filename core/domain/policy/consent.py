"""May this person get this class of message at all? What they allowed, what they stopped, what their number proved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from core.domain.messages import MessageClass
from core.domain.reasons import Reason

ALL = "all"
MARKETING = "marketing"
TRANSACTIONAL = "transactional"
VOICE = "voice"
"""Being called: a yes to prospecting by telephone, or a no to calls of any kind that were not asked for."""


def series(name: str) -> str:
    """The scope of a partial STOP: one series of messages, and nothing else."""
    return f"series:{name}"


def overtaken(granted: bool, at: datetime, heard: Iterable[tuple[datetime, bool]]) -> bool:
    """Whether a yes (`granted`) or no of `at` is no news after what was `heard`: (moment, whether it was a yes). The
    newest word wins; of two at the same moment, which some platforms know to the day only, the no does."""
    return any(when > at or (when == at and (granted or not yes)) for when, yes in heard)


@dataclass(frozen=True, slots=True)
class Standing:
    """One person on one kind of channel, as far as sending is concerned.

    `opted_out` holds scopes: `ALL`, `MARKETING`, `TRANSACTIONAL` or a `series(…)`. `soft_opt_in` says that the
    workspace declared an existing customer (a sale took place) who was told about similar offers and did not object.
    `calls`: the person allowed to be called for prospecting, which a yes to messages does not mean.
    `quarantined`: the number is dead, cannot take texts, or belongs to somebody else.
    """

    opted_out: frozenset[str] = field(default_factory=frozenset)
    marketing_consent: bool = False
    soft_opt_in: bool = False
    quarantined: bool = False
    calls: bool = False


def may_send(
    klass: MessageClass, standing: Standing, *, in_series: str | None = None, confirms_stop: bool = False
) -> Reason | None:
    """`None` when the message may leave, or why it may not.

    Marketing needs an opt-in, or a declared soft opt-in. A STOP ends the marketing and leaves appointments, one-time
    codes and answers possible; one for everything ends everything. Its confirmation is the one message that may follow.
    """
    if standing.quarantined:
        return Reason("quarantined")
    if confirms_stop:
        return None
    if ALL in standing.opted_out:
        return Reason("opted_out", {"scope": ALL})
    if in_series is not None and series(in_series) in standing.opted_out:
        return Reason("opted_out", {"scope": series(in_series)})
    if klass is MessageClass.TRANSACTIONAL and TRANSACTIONAL in standing.opted_out:
        return Reason("opted_out", {"scope": TRANSACTIONAL})
    if klass is MessageClass.MARKETING:
        if MARKETING in standing.opted_out:
            return Reason("opted_out", {"scope": MARKETING})
        if not (standing.marketing_consent or standing.soft_opt_in):
            return Reason("no_marketing_consent")
    return None
