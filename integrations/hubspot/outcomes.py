"""What became of a message, in the words that a workflow can branch on. Our states are translated once, here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.contract import Reply, Report, Result
from core.domain.messages import State
from core.domain.reasons import Reason

SUCCESS, FAILURE, WAITS = "SUCCESS", "FAIL_CONTINUE", "BLOCK"
_WORDS: Mapping[State, str] = {
    State.SENT: "sent", State.DELIVERED: "delivered", State.READ: "read", State.FAILED: "failed",
    State.SUPPRESSED: "skipped", State.CANCELLED: "cancelled", State.SUPERSEDED: "cancelled", State.EXPIRED: "too_late",
}  # fmt: skip
_GOOD = frozenset({State.SENT, State.DELIVERED, State.READ})
# Beyond the message's last useful moment: by then it is known whether it left, or whether it arrived.
_MARGIN = {"sent": timedelta(hours=6), "delivered": timedelta(days=3)}


def ends_step(state: State | None, wait_for: str) -> bool:
    """Whether the workflow may go on."""
    return state in _WORDS and not (state is State.SENT and wait_for == "delivered")


def of_result(result: Result, reason: Reason | None, language: str, at: datetime) -> dict[str, str]:
    """The outputs of a step that ends as it is answered."""
    return _outputs(result.state, reason, language, message_id=result.message_id, segments=result.segments,
                    price=result.price_micros, currency=result.currency,
                    sent_at=at if result.state in _GOOD else None)


def of_report(report: Report, language: str) -> dict[str, str]:
    """The outputs of a step that waited."""
    assert report.state is not None
    sent_at = report.sent_at or (report.at if report.state in _GOOD else None)
    return _outputs(report.state, report.reason, language, message_id=report.message_id, segments=report.segments,
                    price=report.price_micros, currency=report.currency, sent_at=sent_at)


def waits(wait_for: str, until: datetime | None, now: datetime) -> dict[str, str]:
    """The workflow waits for us; if we never came back, it would go on by itself after this."""
    rest = max((until or now + timedelta(days=1)) - now, timedelta()) + _MARGIN.get(wait_for, _MARGIN["sent"])
    return {"hs_execution_state": WAITS, "hs_expiration_duration": f"PT{-(-int(rest.total_seconds()) // 3600)}H"}


def refused(code: str, sentence: str, word: str = "skipped") -> dict[str, str]:
    """A business refusal: for HubSpot the step failed, and the workflow goes on."""
    return {"message_status": word, "error_code": code, "reason": sentence, "hs_execution_state": FAILURE}


def said(outputs: Mapping[str, str]) -> Reply:
    """The answer to an execution."""
    body = json.dumps({"outputFields": dict(outputs)}, ensure_ascii=False)
    return Reply(200, body.encode("utf-8", "replace"), "application/json; charset=utf-8")


def money(micros: int) -> str:
    """`52000` → `0.052`."""
    return f"{Decimal(micros) / 1_000_000:f}".rstrip("0").rstrip(".") if micros else "0"


def _outputs(state: State, reason: Reason | None, language: str, *, message_id: str | None, segments: int | None,
             price: int | None, currency: str | None, sent_at: datetime | None) -> dict[str, str]:
    good = state in _GOOD
    outputs: dict[str, Any] = {
        "message_status": _WORDS[state],
        "message_id": message_id,
        "segments": segments,
        "cost": money(price) if price is not None and (good or state is State.FAILED) else None,
        "currency": currency if price is not None and (good or state is State.FAILED) else None,
        "sent_at": str(int(sent_at.timestamp() * 1000)) if sent_at else None,
        "error_code": None if good else (reason.code if reason else _WORDS[state]),
        "reason": None if good or reason is None else reason.sentence(language),
        "hs_execution_state": SUCCESS if good else FAILURE,
    }
    return {name: str(value) for name, value in outputs.items() if value is not None}
