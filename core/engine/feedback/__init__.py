"""It comes back: receipts move messages forwards, replies are bound to the question that they answer."""

from __future__ import annotations

from core.engine.feedback.door import receive, replay_in
from core.engine.feedback.receipts import refused, settle_early_receipts, settle_missed, take_receipts
from core.engine.feedback.replies import AUTOMATIC_AT_MOST, take_reply

__all__ = [
    "receive", "replay_in",
    "take_receipts", "refused", "settle_early_receipts", "settle_missed",
    "AUTOMATIC_AT_MOST", "take_reply",
]
