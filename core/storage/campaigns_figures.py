"""The figures of workflows: counted by the database in five questions, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, and_, cast, func, literal_column, select, type_coerce
from sqlalchemy.dialects import postgresql

from core.domain.errors import from_reason
from core.domain.messages import State
from core.domain.reasons import Reason
from core.storage import occasions
from core.storage import tables as t
from core.storage.database import Transaction

PLANNED = (State.SCHEDULED, State.HELD, State.SENDING)
SENT = (State.UNCERTAIN, State.SENT, State.DELIVERED, State.READ)
DELIVERED = (State.DELIVERED, State.READ)
NOT_SENT = (State.FAILED, State.SUPPRESSED, State.EXPIRED, State.CANCELLED)
_m = t.messages.c
Key = tuple[str, str]


@dataclass(slots=True)
class Figures:
    """Of one workflow. `costs`: currency → micro-units of what has left. `reasons`: code → (one such reason, how many)
    for what did not leave or did not arrive."""

    installation: str
    campaign: str
    label: str = ""
    enrolled: int = 0
    last: datetime | None = None
    states: Counter[str] = field(default_factory=Counter)
    clicked: int = 0
    stops: int = 0
    costs: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, tuple[Reason, int]] = field(default_factory=dict)

    def of(self, states: tuple[State, ...]) -> int:
        return sum(self.states[str(state)] for state in states)

    @property
    def planned(self) -> int:
        return self.of(PLANNED)

    @property
    def sent(self) -> int:
        return self.of(SENT)

    @property
    def delivered(self) -> int:
        return self.of(DELIVERED)

    @property
    def not_sent(self) -> int:
        return self.of(NOT_SENT)


def read(
    tx: Transaction,
    *,
    installation: str | None = None,
    campaign: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Figures]:
    """The workflows of which messages were due in that time, those that somebody came to last first."""
    mine = _where(tx, installation, campaign, since, until)
    found: dict[Key, Figures] = {}

    def of(row: Any) -> Figures:
        key = (str(row.installation), str(row.campaign))
        return found.setdefault(key, Figures(*key))

    newest: dict[str, Figures] = {}
    grouped = (_m.installation, _m.campaign)
    people = select(
        *grouped, func.count(func.distinct(func.coalesce(_m.occasion, _m.id))).label("people"),
        func.max(_m.created_at).label("last"), func.max(_m.occasion).label("occasion"),
    )  # fmt: skip
    for row in tx.connection.execute(people.where(*mine).group_by(*grouped)):
        figures = of(row)
        figures.enrolled, figures.last = row.people, row.last
        if row.occasion:
            newest[row.occasion] = figures
    for occasion in occasions.by_ids(tx, newest):
        newest[occasion.id].label = (occasion.wish.label if occasion.wish else None) or ""
    _count(tx, mine, of)
    return sorted(found.values(), key=lambda one: (one.last is None, -(one.last.timestamp() if one.last else 0)))


def _count(tx: Transaction, mine: tuple[ColumnElement[bool], ...], of: Any) -> None:
    grouped = (_m.installation, _m.campaign)
    left = _m.left_at.is_not(None)
    states = select(*grouped, _m.state, _m.currency, left.label("gone"), func.count().label("count"),
                    func.coalesce(func.sum(_m.price_micros), 0).label("cost"))  # fmt: skip
    for row in tx.connection.execute(states.where(*mine).group_by(*grouped, _m.state, _m.currency, left)):
        figures = of(row)
        figures.states[row.state] += row.count
        if row.gone and row.currency:
            figures.costs[row.currency] += int(row.cost)
    which = func.count(func.distinct(_m.id)).label("count")
    clicks = select(*grouped, which).join(t.clicks, t.clicks.c.message == _m.id).where(*mine).group_by(*grouped)
    for row in tx.connection.execute(clicks):
        of(row).clicked = row.count
    r = t.replies.c
    stopped = select(*grouped, which).join(t.replies, and_(r.message == _m.id, r.meaning == "stop"))
    for row in tx.connection.execute(stopped.where(*mine).group_by(*grouped)):
        of(row).stops = row.count
    code = _code(tx)
    why = select(*grouped, code.label("code"), func.count().label("count"), func.max(_text()).label("one")).where(
        *mine, _m.state.in_([str(state) for state in NOT_SENT]), _m.reason.is_not(None)
    )
    for row in tx.connection.execute(why.group_by(*grouped, code)):
        of(row).reasons[row.code] = (from_reason(orjson.loads(row.one)), row.count)


def as_json(one: Figures, language: str) -> dict[str, Any]:
    """A workflow's figures as the API shows them."""
    return {
        "campaign": one.campaign,
        "label": one.label or None,
        "enrolled": one.enrolled,
        "planned": one.planned,
        "sent": one.sent,
        "delivered": one.delivered,
        "clicked": one.clicked,
        "stops": one.stops,
        "cost": [{"amount": amount, "currency": currency} for currency, amount in sorted(one.costs.items())],
        "not_sent": one.not_sent,
        "reasons": [{**reason.as_json(language), "count": count} for reason, count in ordered(one.reasons)],
    }


def ordered(reasons: Mapping[str, tuple[Reason, int]]) -> Iterator[tuple[Reason, int]]:
    """The most frequent first."""
    yield from (reasons[code] for code in sorted(reasons, key=lambda code: (-reasons[code][1], code)))


def narrowed(
    *, reason: str | None = None, clicked: bool = False, stopped: bool = False
) -> tuple[ColumnElement[bool], ...]:
    """The conditions by which a list of messages shows what stands behind a figure (`outbox.Filter.extra`)."""
    conditions: list[ColumnElement[bool]] = []
    if reason is not None:
        begins = orjson.dumps({"code": reason}).decode().removesuffix("}")
        conditions.append(func.substr(_text(), 1, len(begins)) == begins)
    if clicked:
        conditions.append(select(t.clicks.c.id).where(t.clicks.c.message == _m.id).exists())
    if stopped:
        r = t.replies.c
        conditions.append(select(r.id).where(r.message == _m.id, r.meaning == "stop").exists())
    return tuple(conditions)


def _where(
    tx: Transaction, installation: str | None, campaign: str | None, since: datetime | None, until: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    conditions = [_m.workspace == tx.owned, _m.campaign.is_not(None), _m.installation.is_not(None)]
    if campaign is not None:
        conditions.append(_m.campaign == campaign)
    if installation is not None:
        conditions.append(_m.installation == installation)
    if since is not None:
        conditions.append(_m.due_at >= since)
    if until is not None:
        conditions.append(_m.due_at < until)
    return tuple(conditions)


def _text() -> Any:
    return type_coerce(_m.reason, Text)


def _code(tx: Transaction) -> Any:
    """The code of a message's reason, which is kept as JSON text."""
    if tx.is_sqlite:
        return func.json_extract(_text(), literal_column("'$.code'"))
    return func.json_extract_path_text(cast(_text(), postgresql.JSON), literal_column("'code'"))
