"""Answers become steps: what the outbox holds for an occasion is compared with what is wanted now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.domain.messages import LEFT, WAITING, Channel, MessageClass, State
from core.domain.planning import WISH, Send, Skip
from core.domain.reasons import Reason

Manner = tuple[
    MessageClass, tuple[Channel, ...], str | None, bool, Mapping[str, int] | None, Mapping[str, Any] | None
]
"""Class, channels, sender, whether it asks for an answer, the channels' times, and what they show beyond the text: what
a rule may change without changing the text."""


@dataclass(frozen=True, slots=True)
class Known:
    """A message that the outbox holds for an occasion."""

    id: str
    key: str
    step: int
    state: State
    to: str
    text: str
    send_at: datetime
    until: datetime | None
    about: datetime | None
    by_person: bool = False
    manner: Manner | None = None
    """How it would leave; None where nobody needs to compare it."""
    wanted_at: datetime | None = None
    """When its rule wanted it; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A new message; `step` counts the messages of one key (a visit that moved after its reminder earns a second)."""

    send: Send
    step: int


@dataclass(frozen=True, slots=True)
class Move:
    """A waiting message is to be as `send` says. `reason` tells what changed."""

    known: Known
    send: Send
    reason: Reason


@dataclass(frozen=True, slots=True)
class Cancel:
    """A waiting message is called off, and ends in `state`."""

    known: Known
    state: State
    reason: Reason


Step = Schedule | Move | Cancel


def reconcile(answers: Sequence[Send | Skip], known: Sequence[Known]) -> list[Step]:
    """The steps from what is known to what is wanted; none when they agree. Keys without an answer are called off."""
    by_key: dict[str, list[Known]] = {}
    for one in known:
        by_key.setdefault(one.key, []).append(one)
    steps: list[Step] = []
    for answer in answers:
        steps.extend(_steps(answer, by_key.pop(answer.key, [])))
    for orphans in by_key.values():
        steps.extend(Cancel(one, State.CANCELLED, Reason("rule_gone")) for one in orphans if one.state in WAITING)
    return steps


def _steps(answer: Send | Skip, known: list[Known]) -> Iterable[Step]:
    waiting = [one for one in known if one.state in WAITING]
    if isinstance(answer, Skip):
        for one in waiting:
            if _on_its_way(one, answer):
                yield from _corrected(one, answer.instead)
                continue
            yield Cancel(one, answer.state, answer.reason)
        return
    if any(_done(one, answer) for one in known):
        for one in waiting:
            yield Cancel(one, State.SUPERSEDED, Reason("already_told"))
        return
    if not waiting:
        yield Schedule(answer, 1 + max((one.step for one in known), default=0))
        return
    kept, *surplus = waiting
    for one in surplus:
        yield Cancel(one, State.SUPERSEDED, Reason("already_told"))
    if (change := _change(kept, answer)) is not None:
        if answer.at_once and kept.about == answer.about and kept.send_at < answer.send_at:
            answer = replace(answer, send_at=kept.send_at, until=kept.until)
        yield Move(kept, answer, change)


def _on_its_way(one: Known, answer: Skip) -> bool:
    """Whether its moment is over and it is still in the outbox, so that its own deadline decides. A message whose rule
    has since been given another moment, which is over too, is wanted no more."""
    if answer.reason.code != "moment_over":
        return False
    if answer.instead is not None and answer.instead.once:
        return True
    return one.about == answer.about and (one.about is None or one.wanted_at in (None, answer.wanted_at))


def _corrected(one: Known, instead: Send | None) -> Iterable[Step]:
    """A message on its way keeps its moment, but not a wrong number or a wrong word."""
    if instead is not None:
        same = replace(instead, send_at=one.send_at, until=one.until)
        if (change := _change(one, same)) is not None:
            yield Move(one, same, change)


def _done(one: Known, answer: Send) -> bool:
    """Whether `one` has already said what `answer` wants to say, or a person decided against it."""
    if answer.rule == WISH:
        # The platform was told what became of it, and has gone on.
        return one.state not in WAITING
    if one.about != answer.about and not answer.once:
        return False
    if answer.once and answer.about is None and one.state in LEFT:
        # A cart or an order: said once, whoever's number it has by now.
        return True
    if one.state is State.CANCELLED:
        return one.by_person
    return one.to == answer.recipient.number and (one.state in LEFT or one.state is State.FAILED)


def _change(kept: Known, answer: Send) -> Reason | None:
    if kept.to != answer.recipient.number:
        return Reason("recipient_changed")
    if kept.about != answer.about:
        return Reason("occasion_moved")
    if kept.text != answer.text:
        return Reason("text_changed")
    if kept.manner not in (None, manner_of(answer)):
        return Reason("plan_changed")
    # A message that leaves as soon as it may is not pushed forward by planning again a little later.
    if answer.at_once and kept.send_at < answer.send_at:
        return None
    same = (kept.send_at, kept.until) == (answer.send_at, answer.until)
    # Its rule was given another moment, from which the same hours lead: to be known when that moment is over.
    same = same and (answer.at_once or kept.wanted_at in (None, answer.wanted_at))
    return None if same else Reason("plan_changed")


def unfulfilled(answers: Sequence[Send | Skip], known: Sequence[Known]) -> list[Skip]:
    """The platform's wishes that come to nothing and of which the outbox knows nothing yet."""
    keys = {one.key for one in known}
    return [one for one in answers if isinstance(one, Skip) and one.wish is not None and one.key not in keys]


def manner_of(answer: Send) -> Manner:
    """How `answer` would leave."""
    return answer.message_class, answer.channels, answer.sender, answer.asks, answer.budgets, answer.content
