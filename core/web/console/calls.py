"""A message that is a call, as the pages show it: its words, its keys and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.domain import calls
from core.domain.errors import from_reason
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.engine import shown
from core.storage import feedback, outbox
from core.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Call:
    """`keys`: key → what it means ("confirm", "decline", "stop"). `outcome`: why it is over, if it is."""

    words: str
    keys: Mapping[str, str]
    outcome: Reason | None = None


def of(row: Mapping[str, Any], told: Sequence[Mapping[str, Any]] = ()) -> Call | None:
    """The call that a message is by its present channel; None for any other. `told`: its steps or receipts, of which
    the last one that speaks of a call says how it ended."""
    if row["channels"][row["channel_step"]] != Channel.VOICE:
        return None
    return _shown(row, told)


def of_simulated(tx: Transaction, message: str, provider_ref: str) -> Call | None:
    """One call of a simulated phone; None when its message is gone."""
    row = outbox.get(tx, message)
    if row is None:
        return None
    told = [one for one in feedback.receipts_of(tx, message) if one["provider_ref"] == provider_ref]
    return _shown(row, told)


def _shown(row: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> Call:
    content = (row["content"] or {}).get(Channel.VOICE) or {}
    reasons = [one["reason"] for one in told if one["reason"] and one["reason"]["code"].startswith("call_")]
    words = shown.words({**row, "text": content.get("text") or row["text"]})
    return Call(
        words, dict(sorted(calls.keys_of(content, MessageClass(row["class"])).items())),
        from_reason(reasons[-1]) if reasons else None,
    )  # fmt: skip
