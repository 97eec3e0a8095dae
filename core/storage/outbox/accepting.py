"""A message is accepted: it becomes a row, which waits until it is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.domain.text.links import Link
from core.ids import new_ids
from core.storage import bulk, links
from core.storage import tables as t
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import checks_row, reason_row, write_steps


# Not frozen: that costs a third of a microsecond a field, for every message.
@dataclass(slots=True)
class New:
    """A message as it is accepted, whoever wants it: a rule, the API, a campaign."""

    to: str
    country: str
    text: str
    encoding: str
    segments: int
    message_class: MessageClass
    channels: tuple[Channel, ...]
    due_at: datetime
    expires_at: datetime | None = None
    price_micros: int | None = None
    currency: str | None = None
    sender: str | None = None
    asks: bool = False
    reference: str | None = None
    zone: str | None = None
    checks: tuple[Check, ...] = ()
    installation: str | None = None
    occasion: str | None = None
    rule: str | None = None
    campaign: str | None = None
    key: str | None = None
    step: int = 1
    about: datetime | None = None
    test: bool = False
    state: State = State.SCHEDULED
    reason: Reason | None = None
    wanted_at: datetime | None = None
    """When its rule wanted it."""
    budgets: Mapping[str, int] | None = None
    """channel → seconds."""
    content: Mapping[str, Any] | None = None
    """channel → what it shows beyond the text, filled."""
    tells: bool = False
    """The platform wants to know what becomes of it."""
    links: tuple[Link, ...] = ()
    """The short links in its text, which lead somewhere once it is stored."""
    template: str | None = None
    """The version of the template that it was written from."""
    bulk: bool = False
    """One of very many of its kind: whatever is not leaves first, of its own class too."""


def accept(tx: Transaction, messages: Sequence[New], now: datetime) -> list[str]:
    """Stores the messages; their ids, in order. What is due now is found by the next claim."""
    if not messages:
        return []
    ids = new_ids("msg", len(messages))
    workspace = tx.owned
    bearing = [
        links.Bearing(message_id, one.links, one.due_at, one.test)
        for message_id, one in zip(ids, messages, strict=True)
        if one.links and one.state is State.SCHEDULED
    ]
    if bearing and (instead := links.keep(tx, bearing, now)):
        messages = [_instead(one, instead) for one in messages]
    bulk.insert_tuples(tx, t.messages, _ACCEPTED, _rows(ids, workspace, messages, now))
    ended = [
        (message_id, one) for message_id, one in zip(ids, messages, strict=True) if one.state is not State.SCHEDULED
    ]
    if ended:
        write_steps(tx, [(message_id, workspace, one.state, one.reason) for message_id, one in ended], now)
    return ids


def _instead(one: New, instead: Mapping[str, str]) -> New:
    text, content = links.instead_of(instead, one.text, one.content)
    return replace(one, text=text, content=content)


_ACCEPTED = (
    "id", "workspace", "installation", "occasion", "rule", "campaign", "key", "step", "about", "class", "priority",
    "channels", "budgets", "content", "to", "country", "text", "encoding", "segments", "price_micros", "currency",
    "sender", "asks", "reference", "zone", "test", "state", "reason", "checks", "by_person", "due_at", "wanted_at",
    "expires_at", "told", "created_at", "changed_at",
    "template",
)  # fmt: skip


def _rows(ids: Sequence[str], workspace: str, messages: Sequence[New], now: datetime) -> list[tuple[Any, ...]]:
    """The rows of messages that are accepted now, as the driver takes them, in the order of `_ACCEPTED`.

    What many messages share (the order of channels, the checks that one decision for all of them has passed) is put
    into JSON once.
    """
    at = t.micros(now)
    channels: dict[tuple[Channel, ...], str] = {}
    checks: dict[int, str] = {}
    rows = []
    for message_id, one in zip(ids, messages, strict=True):
        order = channels.get(one.channels)
        if order is None:
            channels[one.channels] = order = t.as_json([channel.value for channel in one.channels])
        # By identity: the messages, which keep them alive, are all at hand until the end.
        passed = checks.get(id(one.checks))
        if passed is None:
            checks[id(one.checks)] = passed = t.as_json(checks_row(one.checks))
        klass = one.message_class
        priority = MessageClass.MARKETING.priority if one.bulk else klass.priority
        rows.append(
            (
                message_id, workspace, one.installation, one.occasion, one.rule, one.campaign, one.key, one.step,
                _at(one.about), klass.value, priority, order, _json(one.budgets), _json(clean(one.content)),
                one.to, one.country, clean(one.text), one.encoding, one.segments, one.price_micros, one.currency,
                one.sender, one.asks, clean(one.reference), one.zone, one.test, one.state.value,
                _json(reason_row(one.reason)), passed, False, t.micros(one.due_at), _at(one.wanted_at),
                _at(one.expires_at), "" if one.tells else None, at, at,
                one.template,
            )
        )  # fmt: skip
    return rows


def _at(moment: datetime | None) -> int | None:
    return None if moment is None else t.micros(moment)


def _json(value: Any) -> str | None:
    return None if value is None else t.as_json(value)
