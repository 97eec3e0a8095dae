"""What comes back: receipts, replies, and reports that wait for a platform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, select, text, update

from core.contract import PhoneReply, Receipt
from core.domain.channels import message_of
from core.domain.messages import LEFT, Channel, State
from core.domain.reasons import Reason
from core.ids import new_id, new_ids
from core.storage import bulk
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_r, _m, _p = t.receipts.c, t.messages.c, t.replies.c
_ALSO = ("account_trouble", "retry", "opt_out", "dead_number", "price_micros", "currency")
"""What a receipt may say of the person, the account and the price; kept for one that comes before its message is
known."""


def keep_receipts(
    tx: Transaction, account: str, receipts: Sequence[Receipt], now: datetime
) -> list[tuple[str, Receipt]]:
    """Keeps those that are new (same reference, status and moment is the same receipt). Returns (row id, receipt)."""
    receipts = [_cleaned(one) for one in receipts]
    # Two requests with the same receipt at the same time: the second one waits, and finds it kept.
    tx.alone(f"receipts:{account}")
    digests = {receipt_digest(one): one for one in receipts}
    known = {
        row.digest
        for row in tx.connection.execute(select(_r.digest).where(_r.account == account, _r.digest.in_(list(digests))))
    }
    fresh = [(digest, one) for digest, one in digests.items() if digest not in known]
    if not fresh:
        return []
    ids = new_ids("rct", len(fresh))
    tx.connection.execute(
        insert(t.receipts),
        [
            {
                "id": row_id,
                "workspace": tx.owned,
                "account": account,
                "message": None,
                "provider_ref": one.provider_reference,
                "status": one.status[:200],
                "state": one.state and str(one.state),
                "reason": reason_row(one.reason),
                "also": {name: value for name in _ALSO if (value := getattr(one, name))} or None,
                "at": one.at,
                "received_at": now,
                "digest": digest,
            }
            for row_id, (digest, one) in zip(ids, fresh, strict=True)
        ],
    )
    return [(row_id, one) for row_id, (_, one) in zip(ids, fresh, strict=True)]


def messages_of(tx: Transaction, account: str, receipts: Iterable[Receipt]) -> dict[str, tuple[Mapping[str, Any], int]]:
    """The messages that receipts speak of, and by which of its channels: by our own reference and by the provider's,
    keyed by either."""
    receipts = list(receipts)
    ours = {one.reference: message_of(one.reference) for one in receipts if one.reference}
    theirs = {one.provider_reference for one in receipts if one.provider_reference}
    found: dict[str, tuple[Mapping[str, Any], int]] = {}
    if theirs:
        for row in tx.rows(tx.mine(t.messages).where(_m.account == account, _m.provider_ref.in_(sorted(theirs)))):
            found[row["provider_ref"]] = row, row["channel_step"]
        # A message that went on by another channel is known by what its attempts were called.
        if missing := theirs - set(found):
            found |= _by_attempt(tx, account, missing)
    if ours:
        names = {name for name, _ in ours.values()}
        rows = {row["id"]: row for row in tx.rows(tx.mine(t.messages).where(_m.id.in_(names)))}
        for reference, (name, step) in ours.items():
            if (one := rows.get(name)) is None:
                continue
            # A well-signed body may still name a message that another account sent: not its to speak of.
            present = step == one["channel_step"]
            if one["account"] in (None, account) if present else _attempted(tx, name, step, account):
                found[reference] = one, step
    return found


def _by_attempt(tx: Transaction, account: str, references: set[str]) -> dict[str, tuple[Mapping[str, Any], int]]:
    a = t.attempts.c
    steps = {
        row.provider_ref: (row.message, row.step)
        for row in tx.connection.execute(
            select(a.provider_ref, a.message, a.step).where(
                a.account == account, a.provider_ref.in_(sorted(references)), a.step.is_not(None)
            )
        )
    }
    if not steps:
        return {}
    names = {name for name, _ in steps.values()}
    rows = {row["id"]: row for row in tx.rows(tx.mine(t.messages).where(_m.id.in_(names)))}
    return {reference: (rows[name], step) for reference, (name, step) in steps.items() if name in rows}


def _attempted(tx: Transaction, message: str, step: int, account: str) -> bool:
    a = t.attempts.c
    query = select(a.id).where(a.message == message, a.step == step, a.account == account).limit(1)
    return tx.connection.execute(query).first() is not None


def belongs(tx: Transaction, receipt_rows: Sequence[tuple[str, str]]) -> None:
    """(receipt row, message): which message a kept receipt was about."""
    bulk.update(tx, t.receipts, ("id",), [{"id": row_id, "message": message} for row_id, message in receipt_rows])


def missed(tx: Transaction, since: datetime, limit: int = 500) -> list[Mapping[str, Any]]:
    """Receipts since then that belong to no message although there is one that they name: workspace, account,
    provider_ref and that message."""
    query = (
        select(_r.workspace, _r.account, _r.provider_ref, _m.id.label("message"))
        .join(
            t.messages,
            and_(_m.account == _r.account, _m.provider_ref == _r.provider_ref, _m.workspace == _r.workspace),
        )
        .where(_r.message.is_(None), _r.received_at >= since)
        .limit(limit)
    )
    return tx.rows(query)


_EARLY = (
    t.receipts.select()
    .where(_r.provider_ref.in_(bindparam("b_wanted", expanding=True)), _r.message.is_(None))
    .order_by(_r.id)
)


def early(tx: Transaction, references: Mapping[tuple[str, str], str]) -> list[Mapping[str, Any]]:
    """Receipts that came too early to be known. `references`: (account, provider reference) → message."""
    wanted = sorted({reference for _, reference in references})
    if not wanted:
        return []
    rows = tx.connection.execute(_EARLY, {"b_wanted": wanted}).mappings()
    return [dict(row) for row in rows if (row["account"], row["provider_ref"]) in references]


def early_receipt(row: Mapping[str, Any]) -> Receipt:
    """A receipt of `early`, as it came."""
    return Receipt(
        row["provider_ref"],
        State(row["state"]) if row["state"] else None,
        row["status"],
        row["at"],
        reason=Reason(row["reason"]["code"], row["reason"]["values"]) if row["reason"] else None,
        **(row["also"] or {}),
    )


def receipts_of(tx: Transaction, message_id: str) -> list[Mapping[str, Any]]:
    return tx.rows(tx.mine(t.receipts).where(_r.message == message_id).order_by(_r.id))


def _cleaned(one: Receipt) -> Receipt:
    return replace(
        one,
        provider_reference=clean(one.provider_reference),
        reference=clean(one.reference),
        status=clean(one.status),
        reason=one.reason and Reason(one.reason.code, clean(one.reason.values)),
    )


def receipt_digest(one: Receipt) -> str:
    said = "\0".join(
        (
            one.provider_reference or "",
            one.reference or "",
            one.status,
            one.at.isoformat(),
            one.reason.code if one.reason else "",
        )
    )
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# ---------------------------------------------------------------------------------------------- replies


def keep_reply(
    tx: Transaction, account: str, reply: PhoneReply, now: datetime, *, channel: Channel | None = None
) -> str | None:
    """Keeps a reply, and by which channel it came where that is known; its id, or None when it came before."""
    tx.alone(f"replies:{account}")
    known = tx.connection.execute(
        select(_p.id).where(_p.account == account, _p.provider_ref == reply.provider_reference)
    ).first()
    if known is not None:
        return None
    reply_id = new_id("rep")
    tx.connection.execute(
        insert(t.replies).values(
            id=reply_id,
            workspace=tx.owned,
            account=account,
            number=reply.sender,
            to=reply.to[:20],
            channel=channel and str(channel),
            text=clean(reply.text),
            at=reply.at,
            received_at=now,
            provider_ref=reply.provider_reference,
            meaning="other",
        )
    )
    return reply_id


def written_lately(tx: Transaction, channel: Channel, numbers: set[str], since: datetime) -> frozenset[tuple[str, str]]:
    """(account, number) of those who wrote by `channel` after `since`."""
    query = select(_p.account, _p.number).where(
        _p.number.in_(sorted(numbers)), _p.channel == str(channel), _p.at > since
    )
    return frozenset((row.account, row.number) for row in tx.connection.execute(query))


def understood(
    tx: Transaction,
    reply_id: str,
    *,
    meaning: str,
    outcome: Reason,
    message: str | None = None,
    occasion: str | None = None,
    handled: datetime | None = None,
) -> None:
    """What we made of a reply. Without `handled` it waits for a person."""
    tx.connection.execute(
        update(t.replies)
        .where(_p.id == reply_id, _p.workspace == tx.owned)
        .values(meaning=meaning, outcome=reason_row(outcome), message=message, occasion=occasion, handled_at=handled)
    )


def questions(tx: Transaction, number: str, now: datetime) -> list[Mapping[str, Any]]:
    """The messages to `number` that asked for an answer and left in the last 30 days, newest first."""
    return tx.rows(
        tx.mine(t.messages)
        .where(
            _m.to == number,
            _m.asks.is_(True),
            _m.occasion.is_not(None),
            _m.state.in_([str(state) for state in LEFT]),
            _m.left_at >= now - timedelta(days=30),
        )
        .order_by(_m.left_at.desc(), _m.id.desc())
        .limit(20)
    )


def last_to(tx: Transaction, number: str, *, but: str | None = None) -> Mapping[str, Any] | None:
    """The last message that left for `number`, those of the class `but` left out."""
    return tx.row(
        tx.mine(t.messages)
        .where(_m.to == number, _m.state.in_([str(state) for state in LEFT]), *([_m["class"] != but] if but else []))
        .order_by(_m.left_at.desc().nulls_last(), _m.id.desc())
        .limit(1)
    )


def asked_which(tx: Transaction, number: str, since: datetime, *, but: str) -> Mapping[str, Any] | None:
    """The last reply of `number` (before the reply `but`) if we answered it with "which one?"."""
    rows = tx.rows(
        tx.mine(t.replies)
        .where(_p.number == number, _p.received_at >= since, _p.id != but)
        .order_by(_p.received_at.desc(), _p.id.desc())
        .limit(1)
    )
    return next((row for row in rows if row["outcome"] and row["outcome"]["code"] == "asked_which"), None)


def answered_lately(tx: Transaction, number: str, since: datetime) -> int:
    """How many automatic answers `number` got since then: two machines must not talk to each other for ever."""
    rows = tx.connection.execute(
        tx.mine(t.messages, _m.id)
        .where(
            _m.to == number,
            _m["class"] == "conversational",
            _m.reference.in_((AUTOMATIC, STOP_CONFIRMED)),
            _m.created_at >= since,
        )
        .limit(10)
    ).all()
    return len(rows)


AUTOMATIC = "relance:answer"
STOP_CONFIRMED = "relance:stop"
"""The reference of the one message that may follow a STOP; nobody outside can give a message such a reference."""


def replies(
    tx: Transaction, *, number: str | None = None, waiting: bool = False, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Newest first; `waiting` for those that a person has to read."""
    query = tx.mine(t.replies).order_by(_p.id.desc()).limit(limit)
    if number:
        query = query.where(_p.number == number)
    if waiting:
        query = query.where(_p.handled_at.is_(None))
    if after:
        query = query.where(_p.id < after)
    return tx.rows(query)


def reply_named(tx: Transaction, account: str, provider_ref: str) -> Mapping[str, Any] | None:
    """The reply that the provider gave that id."""
    return tx.row(tx.mine(t.replies).where(_p.account == account, _p.provider_ref == provider_ref))


def handled(tx: Transaction, reply_id: str, now: datetime) -> bool:
    done = tx.connection.execute(
        update(t.replies)
        .where(_p.id == reply_id, _p.workspace == tx.owned, _p.handled_at.is_(None))
        .values(handled_at=now)
    )
    return bool(done.rowcount)


# ---------------------------------------------------------------------------------------------- reports


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


def take_reports(
    tx: Transaction,
    now: datetime,
    lease: timedelta,
    limit: int = 50,
    *,
    adapters: Sequence[str] | None = None,
    consents: bool | None = None,
) -> list[Mapping[str, Any]]:
    """Reports that are due, oldest first, put off by `lease` so that nobody else tells them meanwhile. `consents`: only
    people's yes and no, or all but those."""
    if not tx.any("reports", "state = 'waiting' AND due_at <= ?", t.micros(now)):
        return []
    c = t.reports.c
    due = select(c.id).where(c.state == text("'waiting'"), c.due_at <= now).order_by(c.due_at).limit(limit)
    if adapters is not None:
        theirs = select(t.installations.c.id).where(t.installations.c.adapter.in_(adapters))
        due = due.where(c.installation.in_(theirs))
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


def reply(tx: Transaction, reply_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.replies).where(_p.id == reply_id))
