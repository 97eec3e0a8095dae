"""A message moves forwards by what its provider says of it; once, it goes back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, update

from core.domain.messages import FOLLOWS, State, may_follow
from core.domain.reasons import Reason
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

_m = t.messages.c


def advance(
    tx: Transaction,
    message_id: str,
    workspace: str,
    then: State,
    reason: Reason | None,
    now: datetime,
    *,
    owner: str | None = None,
    step: int | None = None,
    **values: Any,
) -> bool:
    """Moves a message forwards to `then`, if its present state allows; False (and nothing written) if not. `owner`:
    only if it is still that owner's, for a word that may have grown old on its way; `step`: only if it is still by that
    one of its channels."""
    allowed = [str(state) for state in FOLLOWS if may_follow(state, then)]
    done = tx.connection.execute(
        update(t.messages)
        .where(
            _m.id == message_id,
            _m.workspace == workspace,
            _m.state.in_(allowed),
            *([_m.owner == owner] if owner else []),
            *([_m.channel_step == step] if step is not None else []),
        )
        .values(
            state=str(then),
            reason=reason_row(reason),
            changed_at=now,
            **{
                "lease": None,
                "owner": None,
                # A receipt that overtakes the answer is the first that we hear of its leaving.
                **({"left_at": func.coalesce(_m.left_at, literal(now, t.Moment))} if then in _OUT_THERE else {}),
                **values,
            },
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, workspace, then, reason)], now)
    return bool(done.rowcount)


def advance_all(
    tx: Transaction, ids: Sequence[str], then: State, reason: Reason | None, now: datetime, *, step: int
) -> set[str]:
    """`advance` of many messages that hear the same, and are by the same one of their channels; those that moved."""
    allowed = [str(state) for state in FOLLOWS if may_follow(state, then)]
    left = {"left_at": func.coalesce(_m.left_at, literal(now, t.Moment))} if then in _OUT_THERE else {}
    moved: list[str] = []
    for chunk in chunks(sorted(ids)):
        done = tx.connection.execute(
            update(t.messages)
            .where(
                _m.id.in_(chunk), _m.workspace == tx.owned, _m.state.in_(allowed), _m.channel_step == step
            )
            .values(
                state=str(then), reason=reason_row(reason), changed_at=now, lease=None, owner=None, **left
            )
            .returning(_m.id)
        )
        moved += done.scalars()
    write_steps(tx, [(one, tx.owned, then, reason) for one in moved], now)
    return set(moved)


_OUT_THERE = frozenset({State.SENT, State.DELIVERED, State.READ})


def put_back(tx: Transaction, message_id: str, reason: Reason | None, due_at: datetime, now: datetime) -> bool:
    """Taken by the provider and then refused for the account's sake, without reaching anybody: it waits again. The one
    step backwards, since what "sent" said has turned out not to be so."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message_id, _m.workspace == tx.owned, _m.state.in_(["sending", "sent", "uncertain"]))
        .values(
            state="scheduled",
            reason=reason_row(reason),
            due_at=due_at,
            lease=None,
            owner=None,
            fence=_m.fence + 1,
            left_at=None,
            provider_ref=None,
            changed_at=now,
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, tx.owned, State.SCHEDULED, reason)], now)
    return bool(done.rowcount)
