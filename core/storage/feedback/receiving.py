"""Receipts as they came, and which message each of them belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, insert, select

from core.contract import Receipt
from core.domain.channels import message_of
from core.domain.messages import State
from core.domain.reasons import Reason
from core.ids import new_ids
from core.storage import bulk
from core.storage import tables as t
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_r, _m = t.receipts.c, t.messages.c
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
