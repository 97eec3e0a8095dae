"""Feedback: what comes back of messages, from providers and from people, and what platforms are told of it."""

from __future__ import annotations

from core.storage.feedback.receiving import (
    belongs,
    early,
    early_receipt,
    keep_receipts,
    messages_of,
    missed,
    receipt_digest,
    receipts_of,
)
from core.storage.feedback.replying import (
    AUTOMATIC,
    STOP_CONFIRMED,
    answered_lately,
    asked_which,
    handled,
    keep_reply,
    last_to,
    questions,
    replies,
    reply,
    reply_named,
    understood,
    written_lately,
)
from core.storage.feedback.reporting import (
    any_due,
    call_off_reports,
    newer_report,
    overtaken,
    put_off_reports,
    queue_report,
    queue_reports,
    report_done,
    reports_done,
    take_reports,
    told_before,
    waiting_reports,
)

__all__ = [
    "keep_receipts", "messages_of", "belongs", "missed", "early", "early_receipt", "receipts_of", "receipt_digest",
    "AUTOMATIC", "STOP_CONFIRMED", "keep_reply", "written_lately", "understood", "questions", "last_to",
    "asked_which", "answered_lately", "replies", "reply", "reply_named", "handled",
    "queue_report", "queue_reports", "any_due", "take_reports", "overtaken", "told_before", "put_off_reports",
    "report_done", "reports_done", "call_off_reports", "newer_report", "waiting_reports",
]
