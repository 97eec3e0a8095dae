"""How our nouns look from outside, in one place: the API, webhooks and the command line all show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.approved import places, standing
from core.domain.channels import ways
from core.domain.errors import from_reason
from core.domain.messages import Channel, MessageClass
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.text.codes import hidden
from core.storage import accounts, approved, installations, ledger, outbox
from core.storage.cleaning import clean


@lru_cache(maxsize=512)
def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC: `2026-12-01T17:00:00Z`."""
    if at is None:
        return None
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()[:-6] + "Z"


def reason(kept: Mapping[str, Any] | Reason | None, language: str = "en") -> dict[str, Any] | None:
    """A reason of the ledger: `{"code", "detail", "values"}`."""
    if kept is None:
        return None
    return (kept if isinstance(kept, Reason) else from_reason(kept)).as_json(language)


def checks(kept: Sequence[Mapping[str, Any]], language: str = "en") -> list[dict[str, Any]]:
    return [
        {
            "check": one["check"],
            "result": one["result"],
            **(
                {"reason": from_reason(one["reason"]).sentence(language), "code": one["reason"]["code"]}
                if one.get("reason")
                else {}
            ),
        }
        for one in kept
    ]


def words(row: Mapping[str, Any]) -> str:
    """What a message says, for anybody but the phone itself: a one-time code is for its owner alone."""
    text: str = row["text"]
    return hidden(text) if row["class"] == MessageClass.OTP else text


def message(row: Mapping[str, Any], language: str = "en") -> dict[str, Any]:
    """A message from its row."""
    price = {"amount": row["price_micros"], "currency": row["currency"]} if row["price_micros"] is not None else None
    return {
        "id": row["id"],
        "state": row["state"],
        "reason": reason(row["reason"], language),
        "to": row["to"],
        "class": row["class"],
        "channels": _ways(row),
        "channel": row["channel"],
        "text": words(row),
        "due_at": moment(row["due_at"]),
        "expires_at": moment(row["expires_at"]),
        "zone": row["zone"],
        "reference": row["reference"],
        "sender": row["sender"],
        "installation": row["installation"],
        "occasion": row["occasion"],
        "rule": row["rule"],
        "campaign": row["campaign"],
        "test": row["test"],
        "created_at": moment(row["created_at"]),
        "left_at": moment(row["left_at"]),
        "provider_account": row["account"],
        "provider_reference": row["provider_ref"],
        "estimate": {"encoding": row["encoding"], "segments": row["segments"], "price": price},
        "checks": checks(row["checks"], language),
    }


def accepted(
    message_id: str,
    one: outbox.New,
    now: datetime,
    language: str = "en",
    told: dict[int, list[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """A message that was stored just now, as `message` shows its row. `told` remembers what checks read like, by the
    identity of those that many messages share."""
    known = told.get(id(one.checks)) if told is not None else None
    if known is None:
        known = checks(ledger.checks_row(one.checks), language)
        if told is not None:
            told[id(one.checks)] = known
    price = {"amount": one.price_micros, "currency": one.currency} if one.price_micros is not None else None
    text = clean(one.text)
    names = [channel.value for channel in one.channels]
    return {
        "id": message_id,
        "state": one.state.value,
        "reason": reason(ledger.reason_row(one.reason), language),
        "to": one.to,
        "class": one.message_class.value,
        "channels": [way.as_json() for way in ways(one.channels, one.budgets)] if one.budgets else names,
        "channel": None,
        "text": hidden(text) if one.message_class is MessageClass.OTP else text,
        "due_at": moment(one.due_at),
        "expires_at": moment(one.expires_at),
        "zone": one.zone,
        "reference": clean(one.reference),
        "sender": one.sender,
        "installation": one.installation,
        "occasion": one.occasion,
        "rule": one.rule,
        "campaign": one.campaign,
        "test": one.test,
        "created_at": moment(now),
        "left_at": None,
        "provider_account": None,
        "provider_reference": None,
        "estimate": {"encoding": one.encoding, "segments": one.segments, "price": price},
        "checks": known,
    }


def history(
    row: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]],
    attempts: Sequence[Mapping[str, Any]],
    receipts: Sequence[Mapping[str, Any]] = (),
    language: str = "en",
    clicks: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Every step of a message with its moment and reason, every attempt with its provider, oldest first."""
    lines: list[tuple[datetime, int, dict[str, Any]]] = [
        (
            row["created_at"],
            0,
            {"at": moment(row["created_at"]), "what": "accepted", "state": "scheduled", "reason": None},
        )
    ]
    lines += [
        (
            one["at"],
            2,
            {"at": moment(one["at"]), "what": "step", "state": one["state"], "reason": reason(one["reason"], language)},
        )
        for one in steps
    ]
    lines += [
        (
            one["at"],
            1,
            {
                "at": moment(one["at"]),
                "what": "attempt",
                "state": "sending",
                "provider": one["provider"],
                "provider_account": one["account"],
                "channel": one["channel"],
                "outcome": one["outcome"],
                "provider_reference": one["provider_ref"],
                "reason": reason(one["reason"], language),
            },
        )
        for one in attempts
    ]
    lines += [
        (
            one["received_at"],
            1,
            {
                "at": moment(one["received_at"]),
                "what": "receipt",
                "state": one["state"],
                "status": one["status"],
                "said_at": moment(one["at"]),
                "reason": reason(one["reason"], language),
            },
        )
        for one in receipts
    ]
    lines += [
        (
            one["at"],
            3,
            {"at": moment(one["at"]), "what": "click", "state": None, "reason": None, "link": one["link"],
             "target": one["target"]},
        )
        for one in clicks
    ]  # fmt: skip
    return [line for _, _, line in sorted(lines, key=lambda one: (one[0], one[1]))]


def contact(row: Mapping[str, Any], language: str = "en") -> dict[str, Any]:
    """A person whose number the workspace keeps."""
    return {
        **{name: row[name] for name in ("id", "number", "country", "name", "first_name", "email", "language", "zone")},
        "values": row["values"],
        "quarantine": reason(row["quarantine"], language),
        "created_at": moment(row["created_at"]),
    }


def reply(row: Mapping[str, Any], language: str = "en") -> dict[str, Any]:
    return {
        "id": row["id"],
        "from": row["number"],
        "to": row["to"],
        "text": row["text"],
        "at": moment(row["at"]),
        "meaning": row["meaning"],
        "outcome": reason(row["outcome"], language),
        "message": row["message"],
        "occasion": row["occasion"],
        "handled_at": moment(row["handled_at"]),
    }


def occasion(one: Occasion, language: str = "en") -> dict[str, Any]:
    """What we know of an appointment, cart, order."""
    zone = ZoneInfo(one.zone) if one.zone else None

    def there(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat() if at and zone else moment(at)

    return {
        "id": one.id,
        "installation": one.installation,
        "key": one.key,
        "kind": str(one.kind),
        "open": one.open,
        "closed": one.closed and str(one.closed),
        "muted": one.muted,
        "start": there(one.start),
        "end": there(one.end),
        "zone": one.zone,
        "all_day": one.all_day,
        "to": one.recipient.number if one.recipient else None,
        "chosen_by_person": one.own_recipient is not None,
        "trouble": reason(one.trouble, language),
        "phone_evidence": {"field": one.evidence.field, "text": one.evidence.text} if one.evidence else None,
        "candidates": list(one.candidates),
        "values": dict(one.values),
        "answer": one.answer and str(one.answer),
        "first_seen": moment(one.first_seen),
        "changed_at": moment(one.at),
    }


def installation(row: installations.Row, language: str = "en") -> dict[str, Any]:
    """A connected account. Its secrets are never shown."""
    one = row.installation
    return {
        "id": one.id,
        "adapter": one.adapter,
        "name": one.name,
        "mode": row.mode,
        "state": row.state,
        "account": row.account,
        "config": dict(one.config),
        "zone": one.zone,
        "country": one.country,
        "hook_url": one.hook_url,
        "pulled_at": moment(row.pulled_at),
        "next_pull_at": moment(row.next_pull_at),
        "live_since": moment(row.live_since),
        "heard_at": moment(row.heard_at),
        "control_group": row.control_group,
        "grant_expires_at": moment(row.grant_expires_at),
        "trouble": reason(row.trouble, language),
        "problems": [reason(problem, language) for problem in row.problems],
        "created_at": moment(row.created_at),
    }


def rule(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "installation": row["installation"],
        "name": row["name"],
        "on": row["on"],
        "class": row["class"],
        "when": row["when"],
        "until": row["until"],
        "channels": _ways(row),
        "content": row["content"],
        "body": row["body"],
        "template": row["template"],
        "survey": row["survey"],
        "sender": row["sender"],
        "asks": row["asks"],
        "late": row["late"],
        "only": row["only"],
        **_conditions(row),
        "active": row["active"],
        "preset": row["preset"],
        "version": row["version"],
        "created_at": moment(row["created_at"]),
    }


def _conditions(row: Mapping[str, Any]) -> dict[str, Any]:
    said = row["conditions"] or {}
    return {
        "at_least": said.get("at_least"),
        "countries": said.get("countries", []),
        "once_per_person": said.get("once_per_person"),
        "control_group": said.get("control_group"),
        "discount": said.get("discount"),
    }


def _ways(row: Mapping[str, Any]) -> list[Any]:
    """The order of channels, as it was given."""
    said = row["budgets"]
    if not said:
        found: list[Any] = row["channels"]
        return found
    return [way.as_json() for way in ways([Channel(name) for name in row["channels"]], said)]


def approved_template(row: approved.Row, rules: Sequence[str], language: str = "en") -> dict[str, Any]:
    """A template that a provider approved, or did not. `rules`: the ids of those that name it."""
    one = row.template
    return {
        "id": row.id,
        "account": row.account,
        "name": one.name,
        "language": one.language,
        "status": str(one.status),
        "category": one.category and str(one.category),
        "next_category": one.next_category and str(one.next_category),
        "next_category_at": moment(one.next_category_at),
        "quality": one.quality or None,
        "header": {"kind": one.header_kind, "text": one.header} if one.header_kind else None,
        "body": one.body,
        "footer": one.footer or None,
        "buttons": [{"kind": button.kind, "text": button.text, "value": button.value} for button in one.buttons],
        "values": places(one.body),
        "trouble": reason(standing(one), language),
        "rules": list(rules),
        "changed_at": moment(row.changed_at),
    }


def account(row: accounts.Row, language: str = "en") -> dict[str, Any]:
    """A provider account. Its secrets are never shown; its callback addresses are, for those who set it up."""
    one = row.account
    return {
        "id": one.id,
        "provider": one.provider,
        "name": row.name,
        "state": row.state,
        "position": row.position,
        "config": dict(one.config),
        "countries": list(row.countries),
        "channels": list(row.channels),
        "rate": row.rate,
        "denied": list(row.denied),
        "classes": list(row.classes),
        "prices": dict(row.prices),
        "weight": row.weight,
        "takes_replies": row.takes_replies,
        "rates": dict(row.rates),
        "receipts_url": one.receipts_url,
        "replies_url": one.replies_url,
        "trouble": reason(row.trouble, language),
        "held_until": moment(row.held_until),
        "created_at": moment(row.created_at),
    }
