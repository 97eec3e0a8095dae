"""What platforms are to hear, until they have heard it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, select, text, update

from core.domain.reasons import Reason
from core.ids import new_ids
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import reason_row


def queue_report(
    tx: Transaction,
    installation: str,
    *,
    occasion: str | None,
    message: str | None,
    kind: str,
    content: Mapping[str, Any],
    now: datetime,
) -> None:
    """`kind`: delivery | reply (an answer to our question) | text (any other words) | state | click | consent."""
    row = {"workspace": tx.owned, "installation": installation, "occasion": occasion, "message": message}
    queue_reports(tx, [{**row, "kind": kind, "content": dict(content)}], now)


def queue_reports(tx: Transaction, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Many at once: workspace, installation, occasion, message, kind, content."""
    if rows:
        waiting = {"due_at": now, "tries": 0, "state": "waiting", "created_at": now}
        ids = new_ids("rpt", len(rows))
        tx.connection.execute(
            insert(t.reports), [{"id": one, **row, **waiting} for one, row in zip(ids, rows, strict=True)]
        )


def any_due(tx: Transaction, now: datetime) -> bool:
    """Whether any platform is to be told something now."""
    return tx.any("reports", "state = 'waiting' AND due_at <= ?", t.micros(now))


def waiting_reports(tx: Transaction, installation: str) -> int:
    """How many reports the platform has not taken yet."""
    c = t.reports.c
    query = tx.mine(t.reports, func.count()).where(c.installation == installation, c.state == text("'waiting'"))
    return int(tx.connection.execute(query).scalar_one())


def take_reports(
    tx: Transaction,
    now: datetime,
    lease: timedelta,
    limit: int = 50,
    *,
    adapters: Sequence[str] | None = None,
    but: Sequence[str] = (),
    installation: str | None = None,
    consents: bool | None = None,
) -> list[Mapping[str, Any]]:
    """Reports that are due, oldest first, put off by `lease` so that nobody else tells them meanwhile: of these
    `adapters`, of all `but` some, of one `installation`. `consents`: only people's yes and no, or all but those."""
    if not any_due(tx, now):
        return []
    c = t.reports.c
    due = select(c.id).where(c.state == text("'waiting'"), c.due_at <= now).order_by(c.due_at).limit(limit)
    if adapters is not None:
        theirs = select(t.installations.c.id).where(t.installations.c.adapter.in_(adapters))
        due = due.where(c.installation.in_(theirs))
    if but:
        theirs = select(t.installations.c.id).where(t.installations.c.adapter.in_(but))
        due = due.where(c.installation.not_in(theirs))
    if installation is not None:
        due = due.where(c.installation == installation)
    if consents is not None:
        due = due.where(c.kind == "consent" if consents else c.kind != "consent")
    rows = tx.rows(update(t.reports).where(c.id.in_(tx.chosen(due))).values(due_at=now + lease).returning(*c))
    return sorted(rows, key=lambda row: row["id"])


def overtaken(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Of these reports those of a state after which the platform was told a later one of the same message: a report
    that had to wait moves nothing backwards over there."""
    c, found = t.reports.c, set[str]()
    states = [row for row in rows if row["kind"] == "state" and row["message"]]
    for chunk in chunks(states):
        query = (
            tx.mine(t.reports, c.message, func.max(c.id).label("last"))
            .where(c.message.in_({row["message"] for row in chunk}), c.kind == "state", c.state == "told")
            .group_by(c.message)
        )
        last = {row.message: row.last for row in tx.connection.execute(query)}
        found |= {row["id"] for row in chunk if row["id"] < last.get(row["message"], "")}
    return found


def told_before(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Of these reports of states: the last state that the platform had truly been told of the same message before, as
    (its report, the state). Not what was queued before it: that may wait still, or never have been told."""
    c, found = t.reports.c, dict[str, tuple[str, str]]()
    states = [row for row in rows if row["kind"] == "state" and row["message"]]
    for chunk in chunks(states):
        query = tx.mine(t.reports, c.id, c.message, c.content).where(
            c.message.in_({row["message"] for row in chunk}), c.kind == "state", c.state == "told"
        )
        told = sorted(tx.rows(query), key=lambda one: str(one["id"]))
        for row in chunk:
            before = [one for one in told if one["message"] == row["message"] and one["id"] < row["id"]]
            if before:
                found[row["id"]] = before[-1]["id"], before[-1]["content"]["state"]
    return found


def put_off_reports(
    tx: Transaction,
    until: datetime,
    *,
    ids: Sequence[str] = (),
    installation: str | None = None,
    due_before: datetime | None = None,
) -> None:
    """These reports, or those of an installation that are due, wait until then without having been tried."""
    c = t.reports.c
    those = c.id.in_(ids) if installation is None else and_(c.installation == installation, c.due_at <= due_before)
    tx.connection.execute(
        update(t.reports)
        .where(c.workspace == tx.owned, c.state == text("'waiting'"), those)
        .values(due_at=until)
    )


def report_done(
    tx: Transaction, report_id: str, state: str, *, trouble: Reason | None = None, due_at: datetime | None = None
) -> None:
    """`state`: told | failed | waiting (again at `due_at`)."""
    reports_done(tx, [report_id], state, trouble=trouble, due_at=due_at)


def reports_done(
    tx: Transaction, ids: Sequence[str], state: str, *, trouble: Reason | None = None, due_at: datetime | None = None
) -> None:
    """`report_done` of many."""
    c = t.reports.c
    values: dict[str, Any] = {"state": state, "trouble": reason_row(trouble), "tries": c.tries + 1}
    if due_at is not None:
        values["due_at"] = due_at
    for some in chunks(ids):
        # One that was called off meanwhile stays so: its platform has parted from us.
        tx.connection.execute(
            update(t.reports).where(c.id.in_(some), c.state == "waiting").values(**values)
        )


def call_off_reports(tx: Transaction, installation: str, why: Reason) -> int:
    """What the platform was still to be told is told to nobody: it has parted from us. Returns how many."""
    c = t.reports.c
    mine = (c.workspace == tx.owned, c.installation == installation, c.state == "waiting")
    return tx.connection.execute(
        update(t.reports).where(*mine).values(state="failed", trouble=reason_row(why))
    ).rowcount


def newer_report(tx: Transaction, occasion: str | None, report_id: str) -> bool:
    """Whether a later answer about the same occasion waits: the older one need not be told any more."""
    c = t.reports.c
    return (
        occasion is not None
        and tx.connection.execute(
            tx.mine(t.reports, c.id)
            .where(and_(c.occasion == occasion, c.kind == "reply", c.state == "waiting", c.id > report_id))
            .limit(1)
        ).first()
        is not None
    )
