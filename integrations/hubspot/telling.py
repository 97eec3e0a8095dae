"""HubSpot is told: steps that wait go on, the contact's page shows what was said, a no reaches its property."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import Installation, Report
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.messages import Channel, State
from integrations.hubspot import consents, outcomes
from integrations.hubspot.client import Account, HubSpotSaysNo, Over

COMMUNICATION_TO_CONTACT = 81
MAYBE_AGAIN = 25.0
"""Seconds after which a report may be a second try: HubSpot's page is looked at before anything is written to it."""
_CHANNELS = {Channel.SMS: "SMS", Channel.RCS: "SMS", Channel.WHATSAPP: "WHATS_APP", Channel.VOICE: "SMS"}
_LEFT = frozenset({State.SENT, State.DELIVERED, State.READ})
TOO_FAST = timedelta(seconds=20)
Outcome = Exception | None


def tell(installation: Installation, account: Account, reports: Sequence[Report], now: datetime) -> list[Outcome]:
    """For each report None when HubSpot knows, else why it does not. Raises `NeedsReconnect`, `NotNow` when nothing was
    told."""
    outcomes_: dict[int, Outcome] = dict.fromkeys(range(len(reports)))
    begun = False
    for step in (_go_on, _agree, _show):
        waiting = {place: one for place, one in enumerate(reports) if outcomes_[place] is None}
        try:
            for place, outcome in step(installation, account, waiting, now).items():
                outcomes_[place] = outcome
        except (NeedsReconnect, NotNow) as error:
            if not begun:
                raise
            for place in waiting:
                outcomes_[place] = error
        begun = begun or bool(waiting)
    _in_order(reports, outcomes_)
    return [outcomes_[place] for place in range(len(reports))]


def _in_order(reports: Sequence[Report], outcomes_: dict[int, Outcome]) -> None:
    """What waits keeps the later states of its message waiting with it: it would not be told after them any more."""
    waits: dict[str, Exception] = {}
    for place, one in enumerate(reports):
        if one.kind != "state" or not one.message_id:
            continue
        outcome = outcomes_[place]
        if outcome is None and one.message_id in waits:
            outcomes_[place] = waits[one.message_id]
        elif isinstance(outcome, NotNow | NeedsReconnect):
            waits[one.message_id] = outcome


# A step that waits goes on ----------------------------------------------------------------------------------------

def _go_on(_: Installation, account: Account, reports: Mapping[int, Report], now: datetime) -> dict[int, Outcome]:
    inputs = {place: _completion(one) for place, one in reports.items() if _ends_step(one)}
    if not inputs:
        return {}
    try:
        account.complete(list(inputs.values()))
    except HubSpotSaysNo:
        # One of them does not wait any more, and HubSpot does not say which.
        return _each(inputs, account.complete_one, {place: now - reports[place].at for place in inputs})
    return dict.fromkeys(inputs)


def _ends_step(report: Report) -> bool:
    wait_for = str(report.private.get("wait_for", "sent"))
    return (report.kind == "state" and bool(report.private.get("callback"))
            and outcomes.ends_step(report.state, wait_for)
            and not outcomes.ends_step(report.before, wait_for))


def _completion(report: Report) -> dict[str, Any]:
    outputs = outcomes.of_report(report, str(report.private.get("language", "fr")))
    return {"callbackId": report.private["callback"], "outputFields": outputs, "typedOutputs": {}}


def _each(
    inputs: Mapping[int, Any], call: Callable[[Any], None], ages: Mapping[int, timedelta]
) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    for place, given in inputs.items():
        try:
            call(given)
        except Over as error:
            # Completed before, expired, or gone: there is nobody left to be told. Unless we were so fast that HubSpot
            # has not read our answer yet: a step that nobody completes stands still for days.
            early = error.http_status == 404 and ages[place] < TOO_FAST
            found[place] = NotNow("hubspot_step_not_waiting", TOO_FAST) if early else None
        except HubSpotSaysNo as error:
            found[place] = BadInput(error.reason.code, **error.reason.values)
        except (NotNow, NeedsReconnect) as error:
            return {**found, **{other: error for other in inputs if other not in found}}
        else:
            found[place] = None
    return found


# A no is a no on both sides ---------------------------------------------------------------------------------------

def _agree(installation: Installation, account: Account, reports: Mapping[int, Report],
           now: datetime) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    words = {place: one for place, one in reports.items() if one.kind == "consent" and one.consent is not None}
    for place, report in words.items():
        assert report.consent is not None
        try:
            consents.write(installation, account, report.consent)
        except HubSpotSaysNo as error:
            found[place] = BadInput(error.reason.code, **error.reason.values)
        except BadInput as error:
            found[place] = error
        except (NotNow, NeedsReconnect) as stop:
            if not found:
                raise
            return {**found, **{other: stop for other in words if other not in found}}
        else:
            found[place] = None
    return found


# The contact's page -----------------------------------------------------------------------------------------------

def _show(installation: Installation, account: Account, reports: Mapping[int, Report],
          now: datetime) -> dict[int, Outcome]:
    if installation.config.get("timeline") is False:
        return {}
    lines = {place: line for place, one in reports.items() if (line := _line(one, installation.language)) is not None}
    # A STOP that ends several kinds of messages is told as many times, and is one text.
    firsts: dict[str, int] = {}
    same = {place: firsts.setdefault(mark(reports[place]), place) for place in lines}
    found = _shown(installation, account, {place: lines[place] for place in firsts.values()}, reports, now)
    return {place: found[first] for place, first in same.items() if first in found}


def _shown(installation: Installation, account: Account, lines: Mapping[int, tuple[str, str]],
           reports: Mapping[int, Report], now: datetime) -> dict[int, Outcome]:
    if not lines:
        return {}
    try:
        if template := installation.config.get("event_template"):
            account.timeline([_event(reports[place], line, template) for place, line in lines.items()])
            return dict.fromkeys(lines)
        return _logged(account, {place: _entry(reports[place], line) for place, line in lines.items()}, reports, now)
    except HubSpotSaysNo as error:
        return {place: BadInput(error.reason.code, **error.reason.values) for place in lines}


def _logged(account: Account, entries: Mapping[int, Mapping[str, Any]], reports: Mapping[int, Report],
            now: datetime) -> dict[int, Outcome]:
    """Written in one call; what may have been written by an earlier try is looked for first."""
    fresh = dict(entries)
    found: dict[int, Outcome] = {}
    for place, entry in entries.items():
        if (now - reports[place].at).total_seconds() > MAYBE_AGAIN and _is_there(account, entry):
            found[place] = None
            del fresh[place]
    if not fresh:
        return found
    try:
        there = set(account.log(list(fresh.values())))
    except HubSpotSaysNo:
        # None was written; one of them is at fault.
        return {**found, **_each_logged(account, fresh)}
    rest = {place: entry for place, entry in fresh.items() if entry["objectWriteTraceId"] not in there}
    return {**found, **dict.fromkeys(fresh), **_each_logged(account, rest)}


def _each_logged(account: Account, entries: Mapping[int, Mapping[str, Any]]) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    for place, entry in entries.items():
        try:
            account.log_one(entry)
            found[place] = None
        except HubSpotSaysNo as error:
            found[place] = BadInput(error.reason.code, **error.reason.values)
        except (NotNow, NeedsReconnect) as error:
            found[place] = error
    return found


def _is_there(account: Account, entry: Mapping[str, Any]) -> bool:
    mark = entry["objectWriteTraceId"]
    return any(mark in str((one.get("properties") or {}).get("hs_communication_body", ""))
               for one in account.logged(mark))


def _line(report: Report, language: str) -> tuple[str, str] | None:
    """(what happened, the words) for the contact's page; None for what it does not show."""
    if not _contact(report):
        return None
    english = language == "en"
    match report.kind:
        case "state" if report.state in _LEFT and report.before not in _LEFT:
            return "Message sent" if english else "Message envoyé", report.body or ""
        case "reply":
            return "Reply" if english else "Réponse", report.text or ""
        case "click":
            return "Click" if english else "Clic", report.link or ""
        case "consent" if report.consent is not None and not report.consent.granted:
            return "STOP", str(report.consent.proof.get("text") or "")
        case "consent" if report.consent is not None:
            return "Agreed to messages" if english else "Accord pour recevoir des messages", ""
    return None


def _contact(report: Report) -> str:
    subject = report.subject or (report.consent.subject if report.consent else None) or ""
    return subject.removeprefix("contact/") if subject.startswith("contact/") else ""


def mark(report: Report) -> str:
    """Our own name of an entry, which says whether it is there already."""
    about = report.message_id or f"{_contact(report)}x{int(report.at.timestamp())}"
    what = report.kind if report.kind == "state" else f"{report.kind}{int(report.at.timestamp())}"
    return f"relance-{about}-{what}".replace("_", "-")


def _entry(report: Report, line: tuple[str, str]) -> dict[str, Any]:
    what, words = line
    number = f" · {report.to}" if report.to else ""
    body = (f"<p><strong>{html.escape(what)}</strong>{html.escape(number)}</p><p>{html.escape(words)}</p>"
            f"<p><small>{mark(report)}</small></p>")
    return {
        "objectWriteTraceId": mark(report),
        "properties": {
            "hs_communication_channel_type": _CHANNELS.get(report.channel or Channel.SMS, "SMS"),
            "hs_communication_logged_from": "CRM", "hs_communication_body": body, "hs_timestamp": _stamp(report)},
        "associations": [{"to": {"id": _contact(report)}, "types": [
            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": COMMUNICATION_TO_CONTACT}]}]}


def _event(report: Report, line: tuple[str, str], template: str) -> dict[str, Any]:
    what, words = line
    return {"eventTemplateId": template, "objectId": _contact(report), "id": mark(report), "timestamp": _stamp(report),
            "tokens": {"what": what, "text": words, "channel": str(report.channel or ""), "number": report.to or ""}}


def _stamp(report: Report) -> str:
    at = report.sent_at if report.kind == "state" and report.sent_at else report.at
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
