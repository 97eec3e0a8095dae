"""What the daily pages read: bounded by a day or a list, never a count over everything that was ever sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, or_, select, type_coerce, update

from core.domain.messages import LEFT, State
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps
from core.storage.outbox import Filter

_m, _o = t.messages.c, t.occasions.c
_HOUR = 3_600_000_000
# Named one by one, so that the index over (workspace, state, due_at) is used.
_ALL = [str(state) for state in State]


def by_hour(
    tx: Transaction, start: datetime, end: datetime, wanted: Filter | None = None
) -> list[tuple[int, str, int]]:
    """(whole hours since `start`, state, how many) of the messages due from `start` to `end`, end excluded: of `wanted`
    its states, number, rule and installation count."""
    wanted = wanted or Filter()
    first = t.Moment().process_bind_param(start, None)
    hour = ((type_coerce(_m.due_at, BigInteger) - first) // _HOUR).label("hour")
    query = (
        tx.mine(t.messages, hour, _m.state, func.count())
        .where(_m.state.in_(list(wanted.state) or _ALL), _m.due_at >= start, _m.due_at < end)
        .group_by(hour, _m.state)
    )
    for column, value in ((_m.to, wanted.to), (_m.rule, wanted.rule), (_m.installation, wanted.installation)):
        if value is not None:
            query = query.where(column == value)
    rows = tx.connection.execute(query).all()
    return [(int(row[0]), row[1], row[2]) for row in rows]


_CAMPAIGN = "cmp\\_%"
"""The ids of our own campaigns: a platform's have names of their own."""


def campaigns_by_hour(tx: Transaction, start: datetime, end: datetime) -> list[tuple[int, str, int]]:
    """(whole hours since `start`, campaign, how many of its messages) of what waits from `start` to `end`."""
    first = t.Moment().process_bind_param(start, None)
    hour = ((type_coerce(_m.due_at, BigInteger) - first) // _HOUR).label("hour")
    query = (
        tx.mine(t.messages, hour, _m.campaign, func.count())
        .where(_m.state.in_(["scheduled", "held"]), _m.due_at >= start, _m.due_at < end,
               _m.campaign.like(_CAMPAIGN, escape="\\"))
        .group_by(hour, _m.campaign)
    )  # fmt: skip
    return [(int(row[0]), str(row[1]), int(row[2])) for row in tx.connection.execute(query)]


def singly() -> tuple[ColumnElement[bool], ...]:
    """The condition that a message is not one of a campaign's many (`outbox.Filter.extra`)."""
    return (or_(_m.campaign.is_(None), _m.campaign.not_like(_CAMPAIGN, escape="\\")),)


def told_otherwise(tx: Transaction, start: datetime, end: datetime, limit: int) -> list[str]:
    """Open occasions between `start` and `end` about which some message that left named another start."""
    rows = tx.connection.execute(
        select(_o.id)
        .join(t.messages, _m.occasion == _o.id)
        .where(
            _o.workspace == tx.owned,
            _o.start >= start,
            _o.start < end,
            _o.closed.is_(None),
            _o.muted.is_(False),
            _m.state.in_([str(state) for state in LEFT]),
            _m.about.is_not(None),
            _m.about != _o.start,
        )
        .distinct()
        .limit(limit)
    ).all()
    return [row.id for row in rows]


def by_name(tx: Transaction, text: str, since: datetime, limit: int = 20) -> list[str]:
    """Occasions since then whose title or name holds `text` (letters of any case), soonest first."""
    wanted = text.casefold()
    found: list[str] = []
    rows = tx.connection.execute(
        tx.mine(t.occasions, _o.id, _o["values"]).where(_o.start >= since).order_by(_o.start).limit(5_000)
    )
    for row in rows:
        said = " ".join(str(value) for value in row[1].values() if isinstance(value, str))
        if wanted in said.casefold():
            found.append(row.id)
            if len(found) == limit:
                break
    return found


def decide(
    tx: Transaction, message_id: str, before: Sequence[State], then: State, reason: Reason, now: datetime, **values: Any
) -> bool:
    """A person's word on one message: from one of the states `before` to `then`. False when it is elsewhere by now."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message_id, _m.workspace == tx.owned, _m.state.in_([str(state) for state in before]))
        .values(
            state=str(then),
            reason=reason_row(reason),
            changed_at=now,
            lease=None,
            owner=None,
            fence=_m.fence + 1,
            **values,
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, tx.owned, then, reason)], now)
    return bool(done.rowcount)


def versions(tx: Transaction, rule_id: str) -> list[Mapping[str, Any]]:
    """What was noted about a rule in the audit log, newest first."""
    c = t.audit.c
    return tx.rows(tx.mine(t.audit).where(c.on == rule_id).order_by(c.id.desc()).limit(30))


def template_versions(tx: Transaction, key: str, language: str) -> list[Mapping[str, Any]]:
    """All versions of a template's text, newest first."""
    c = t.templates.c
    return tx.rows(
        tx.mine(t.templates).where(c.key == key, c.language == language).order_by(c.version.desc()).limit(30)
    )
