"""What the law says of calling somebody for one's own sake: consent to calls, the number that is shown, and how often.

The rules are data (`countries.toml`); what is counted is counted elsewhere. Nothing here concerns reminders, one-time
codes or answers: no rule of theirs names any of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.domain.messages import MessageClass
from core.domain.policy.consent import VOICE, Standing
from core.domain.policy.countries import SendingRule
from core.domain.reasons import Reason

_ASKED_FOR = frozenset({MessageClass.OTP, MessageClass.CONVERSATIONAL})


def may_be_called(klass: MessageClass, standing: Standing, rules: Sequence[SendingRule]) -> Reason | None:
    """`None` when the person may be called at all, or why not. Consent is never inferred from another channel: where
    the law asks for one, a yes to text messages is none."""
    if VOICE in standing.opted_out and klass not in _ASKED_FOR:
        return Reason("voice_refused")
    if any(rule.consent == VOICE for rule in rules) and not standing.calls:
        return Reason("voice_no_consent")
    return None


def check_caller(number: str, rules: Sequence[SendingRule]) -> Reason | None:
    """`None` when `number` (E.164) may be shown on such a call, or why not."""
    for rule in rules:
        if rule.callers and not number.startswith(rule.callers):
            return Reason("voice_caller_not_for_prospecting", {"sender": number[:40]})
    return None


def once_more(
    rules: Sequence[SendingRule], made: Sequence[datetime], refused_at: datetime | None, now: datetime
) -> tuple[Reason, datetime] | None:
    """Why somebody who was called at the moments `made`, answered or not, may not be called once more `now`, and when
    again; None when it may. `refused_at`: the last time that the person said no."""
    found: list[tuple[Reason, datetime]] = []
    for rule in rules:
        if rule.silence_days and refused_at is not None:
            again = refused_at + timedelta(days=rule.silence_days)
            if now < again:
                found.append((Reason("voice_refused_lately", {"days": rule.silence_days}), again))
        if rule.attempts is not None:
            span = timedelta(days=rule.attempts.days)
            counted = sorted(moment for moment in made if moment > now - span)
            if len(counted) >= rule.attempts.most:
                values: Mapping[str, Any] = {"most": rule.attempts.most, "days": rule.attempts.days}
                found.append((Reason("voice_attempts", values), counted[-rule.attempts.most] + span))
    return max(found, key=lambda one: one[1], default=None)
