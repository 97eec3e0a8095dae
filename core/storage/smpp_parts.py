"""The book of parts: under which ids a provider took the parts of a message, and what their receipts said.

Ids and receipts come in either order, from either side of a restart, and from several processes at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, text, update

from core.contract import Account, KnownPart, Part, PartWord
from core.domain.channels import message_of, reference_of
from core.domain.messages import State, may_follow
from core.domain.reasons import Reason
from core.ids import new_ids
from core.storage.chunks import chunks
from core.storage.database import Database, Transaction
from core.storage.ledger import reason_row
from core.storage.tables import messages, smpp_parts

IN_DOUBT_FOR = timedelta(hours=72)
"""A receipt without a part is taken for one of a message in doubt that left so long ago at most."""
RECORDED_WITHIN = timedelta(minutes=5)
"""A receipt can come before we have written down that its message left."""
MOST_NEWS = 200
_c = smpp_parts.c
# Word for word as in the partial index: neither database concludes it from another spelling.
_UNTOLD = text("NOT told")


class DatabaseParts:
    """A `core.contract.PartsBook` in the database. Each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, account: Account, parts: Sequence[Part], now: datetime) -> None:
        """Parts that the provider has. Receipts that came before them are bound to them."""
        if not parts:
            return
        with self._database.write(account.workspace) as tx:
            tx.alone(f"parts:{account.id}")
            waiting = _rows(tx, account, {form for part in parts for form in part.forms}, known=False)
            rows: list[dict[str, Any]] = []
            bound: list[str] = []
            for row_id, part in zip(new_ids("prt", len(parts)), parts, strict=True):
                row: dict[str, Any] = {
                    "id": row_id, "workspace": tx.owned, "account": account.id, "part": part.id,
                    "reference": part.reference, "number": part.number, "total": part.total, "tail": part.tail,
                    "state": None, "status": "", "reason": None, "heard_at": None, "told": True, "created_at": now,
                }  # fmt: skip
                for word in [one for form in part.forms for one in waiting.get(form, ()) if one["tail"] == part.tail]:
                    bound.append(word["id"])
                    if _is_further(row["state"], word["state"]):
                        row |= {name: word[name] for name in ("state", "status", "reason", "heard_at")}
                        row["told"] = False
                rows.append(row)
            tx.connection.execute(insert(smpp_parts), rows)
            if bound:
                tx.connection.execute(delete(smpp_parts).where(_c.id.in_(bound)))

    def hear(self, account: Account, words: Sequence[PartWord], now: datetime) -> None:
        """Receipts. One whose part is not known yet waits for it; none moves a part backwards."""
        if not words:
            return
        with self._database.write(account.workspace) as tx:
            tx.alone(f"parts:{account.id}")
            known = _rows(tx, account, {form for word in words for form in word.forms}, known=True)
            waiting = _rows(tx, account, {word.id for word in words}, known=False)
            new: list[dict[str, Any]] = []
            for word in words:
                part = _of(known, word)
                if part is None:
                    said = (word.id, word.tail, word.state and str(word.state))
                    if any((one["part"], one["tail"], one["state"]) == said
                           for one in (*waiting.get(word.id, ()), *new)):  # fmt: skip
                        continue
                    new.append(_waiting(tx, account, word, now))
                elif _is_further(part["state"], word.state and str(word.state)):
                    said_now = {"state": word.state and str(word.state), "status": word.status,
                                "reason": reason_row(word.reason), "heard_at": word.at, "told": False}  # fmt: skip
                    part |= said_now
                    tx.connection.execute(update(smpp_parts).where(_c.id == part["id"]).values(**said_now))
            for row, row_id in zip(new, new_ids("prt", len(new)), strict=True):
                row["id"] = row_id
            if new:
                tx.connection.execute(insert(smpp_parts), new)

    def news(self, account: Account, heard_before: datetime) -> list[list[KnownPart]]:
        """What was heard and not told yet, by message; and receipts from before `heard_before` that found no part."""
        mine = (_c.account == account.id, _UNTOLD)
        with self._database.read(account.workspace) as tx:
            orphan = or_(_c.reference.is_not(None), _c.heard_at < heard_before)
            found = tx.rows(tx.mine(smpp_parts).where(*mine, orphan).order_by(_c.id).limit(MOST_NEWS))
        if any(row["reference"] is None for row in found):
            with self._database.write(account.workspace) as tx:
                tx.alone(f"parts:{account.id}")
                for row in found:
                    if row["reference"] is None:
                        _adopt(tx, account, row)
                found = tx.rows(tx.mine(smpp_parts).where(_c.id.in_([row["id"] for row in found])).order_by(_c.id))
        references = sorted({row["reference"] for row in found if row["reference"]})
        news = [[_known(row)] for row in found if row["reference"] is None]
        with self._database.read(account.workspace) as tx:
            for some in chunks(references):
                rows = tx.rows(
                    tx.mine(smpp_parts)
                    .where(_c.account == account.id, _c.reference.in_(some))
                    .order_by(_c.reference, _c.number, _c.id)
                )
                grouped: dict[str, list[KnownPart]] = {}
                for row in rows:
                    grouped.setdefault(row["reference"], []).append(_known(row))
                news += grouped.values()
        return news

    def told(self, account: Account, parts: Sequence[KnownPart]) -> None:
        """Core knows what these say; what was heard meanwhile stays news."""
        with self._database.write(account.workspace) as tx:
            for part in parts:
                tx.connection.execute(
                    update(smpp_parts)
                    .where(
                        _c.id == part.row,
                        _c.workspace == tx.owned,
                        _c.status == part.status,
                        _c.state.is_not_distinct_from(part.state and str(part.state)),
                    )
                    .values(told=True)
                )


def _rows(tx: Transaction, account: Account, ids: Iterable[str], *, known: bool) -> dict[str, list[dict[str, Any]]]:
    """The rows of parts that were taken (`known`) or of receipts that wait, by the id that they bear, newest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    with_reference = _c.reference.is_not(None) if known else _c.reference.is_(None)
    for some in chunks(sorted(ids)):
        query = tx.mine(smpp_parts).where(_c.account == account.id, _c.part.in_(some), with_reference)
        for row in tx.rows(query.order_by(_c.id.desc())):
            found.setdefault(row["part"], []).append(dict(row))
    return found


def _of(known: Mapping[str, Sequence[dict[str, Any]]], word: PartWord) -> dict[str, Any] | None:
    """The part that `word` is about. A centre that began to count anew gives an id twice: the newest counts."""
    return next((row for form in word.forms for row in known.get(form, ()) if row["tail"] == word.tail), None)


def _waiting(tx: Transaction, account: Account, word: PartWord, now: datetime) -> dict[str, Any]:
    return {
        "workspace": tx.owned, "account": account.id, "part": word.id, "reference": None, "number": 0, "total": 0,
        "tail": word.tail, "state": word.state and str(word.state), "status": word.status,
        "reason": reason_row(word.reason), "heard_at": word.at, "told": False, "created_at": now,
    }  # fmt: skip


def _adopt(tx: Transaction, account: Account, row: Mapping[str, Any]) -> None:
    """A receipt that found no part, while one message to that number is in doubt, says what became of that message: we
    never heard under which id it was taken."""
    doubtful = _in_doubt(tx, account, row["tail"], row["heard_at"])
    if len(doubtful) != 1:
        return
    [(reference, total)] = doubtful.items()
    numbers = select(_c.number).where(_c.account == account.id, _c.reference == reference)
    taken = set(tx.connection.execute(numbers).scalars())
    free = next((number for number in range(1, total + 1) if number not in taken), None)
    if free is not None:
        found = update(smpp_parts).where(_c.id == row["id"])
        tx.connection.execute(found.values(reference=reference, number=free, total=total))


def _in_doubt(tx: Transaction, account: Account, tail: str, heard_at: datetime) -> dict[str, int]:
    """Messages to that number of which we do not know all ids, with how many parts they have."""
    m = messages.c
    if not tail:
        return {}
    # One of which some receipts have come is not in doubt any more, but still lacks the others.
    begun = {
        message_of(reference)[0]
        for reference in tx.connection.execute(
            select(_c.reference).where(_c.account == account.id, _c.tail == tail, _c.reference.is_not(None))
        ).scalars()
    }
    mine = tx.mine(messages, m.id, m.segments, m.channel_step).where(m.left_at >= heard_at - IN_DOUBT_FOR,
                                                     m.left_at <= heard_at + RECORDED_WITHIN)  # fmt: skip
    rows = [
        *tx.rows(
            mine.where(
                m.state == str(State.UNCERTAIN),
                m.to.like(f"%{tail}"),
                or_(m.account == account.id, m.account.is_(None)),
            )
        ),
        *tx.rows(mine.where(m.id.in_(sorted(begun)), m.state == str(State.SENT), m.provider_ref.is_(None))),
    ]
    return {reference_of(row["id"], row["channel_step"]): row["segments"] for row in rows}


def _is_further(now: str | None, then: str | None) -> bool:
    """Whether a part goes forwards from `now` to `then`; a word without a state says something only at first."""
    if now is None or then is None:
        return now is None
    return may_follow(State(now), State(then))


def _known(row: Mapping[str, Any]) -> KnownPart:
    return KnownPart(
        row["id"],
        row["reference"],
        row["number"],
        row["total"],
        row["part"],
        State(row["state"]) if row["state"] else None,
        row["status"],
        row["heard_at"],
        Reason(row["reason"]["code"], row["reason"]["values"]) if row["reason"] else None,
    )
