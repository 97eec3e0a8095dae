"""Why, and why not: what the ledger says about a message, an occasion or a number, and about what never left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.domain.errors import NotFound, from_reason
from core.domain.recipients import mask
from core.engine import shown
from core.engine.waitlist import shown as waitlist_shown
from core.storage import answers, campaigns, feedback, ledger, links, occasions, outbox, people, rules, waitlist
from core.storage.database import Transaction

MOST = 50
"""Messages and occasions that one explanation lists."""


def with_history(tx: Transaction, message_id: str, language: str = "en") -> dict[str, Any]:
    """A message and everything that happened to it, oldest first. Raises `NotFound`."""
    row = outbox.get(tx, message_id)
    if row is None:
        raise NotFound("message")
    steps, attempts = ledger.history(tx, message_id)
    receipts, clicks = feedback.receipts_of(tx, message_id), links.clicks_of(tx, message_id)
    history = shown.history(row, steps, attempts, receipts, language, clicks)
    return {**shown.message(row, language), "history": history, "template": _written_from(tx, row["template"])}


def _written_from(tx: Transaction, template_id: str | None) -> dict[str, Any] | None:
    """The version of a template whose words a message bears."""
    version = rules.written_from(tx, template_id) if template_id else None
    return {name: version[name] for name in ("id", "key", "language", "version")} if version else None


def message(tx: Transaction, message_id: str, now: datetime, language: str = "en") -> dict[str, Any]:
    """Why this message is as it is. Raises `NotFound`."""
    found = with_history(tx, message_id, language)
    occasion = occasions.get(tx, found["occasion"]) if found["occasion"] else None
    rule = rules.row(tx, found["rule"]) if found["rule"] else None
    return {
        "about": {"message": message_id},
        "summary": _summary(found, language),
        "messages": [found],
        "occasions": [_occasion(tx, occasion, language)] if occasion else [],
        "rules": [shown.rule(rule)] if rule else [],
        "campaigns": [one for one in _campaigns(tx, found["to"], language) if one["message"] == message_id],
        "slots": [],
        "standing": standing(tx, found["to"], language),
    }


def occasion(tx: Transaction, occasion_id: str, now: datetime, language: str = "en") -> dict[str, Any]:
    """What every rule answers about this occasion, and what became of its messages. Raises `NotFound`."""
    found = occasions.get(tx, occasion_id)
    if found is None:
        raise NotFound("occasion")
    rows = outbox.listed(tx, outbox.Filter(occasion=occasion_id), limit=MOST)
    messages = [with_history(tx, row["id"], language) for row in rows]
    explained = _occasion(tx, found, language)
    reasons = [f"{one['name']}: {one['sentence']}" for one in explained["answers"]]
    return {
        "about": {"occasion": occasion_id},
        "summary": reasons or [_words("no_rule", language)],
        "messages": messages,
        "occasions": [explained],
        "rules": [],
        "campaigns": [],
        "slots": [
            _step(row, language)
            for slot in waitlist.of_occasion(tx, occasion_id)
            for row in waitlist.steps(tx, slot["id"])
        ],
        "standing": standing(tx, found.recipient.number, language) if found.recipient else None,
    }


def number(tx: Transaction, to: str, now: datetime, language: str = "en") -> dict[str, Any]:
    """Everything about one telephone number (E.164): what it may get, what it got, what it did not get and why."""
    rows = outbox.listed(tx, outbox.Filter(to=to), limit=MOST)
    messages = [with_history(tx, row["id"], language) for row in rows]
    about = occasions.listed(tx, recipient=to, limit=MOST)
    return {
        "about": {"to": to},
        "summary": [line for one in messages[:10] for line in _summary(one, language)] or [_words("nothing", language)],
        "messages": messages,
        "occasions": [_occasion(tx, one, language) for one in about],
        "rules": [],
        "campaigns": _campaigns(tx, to, language),
        "slots": [_step(row, language) for row in waitlist.steps_of(tx, to, MOST)],
        "standing": standing(tx, to, language),
    }


def standing(tx: Transaction, to: str, language: str = "en") -> dict[str, Any]:
    """What this number allowed and stopped, with the proof of each."""
    found = people.standings(tx, tx.owned, [to])[0].get(to)
    contact = people.contact_of(tx, to)
    return {
        "to": to,
        "opted_out": sorted(found.opted_out) if found else [],
        "marketing_consent": bool(found and found.marketing_consent),
        "quarantine": shown.reason(contact["quarantine"], language) if contact else None,
        "consents": [shown_consent(row) for row in people.consents(tx, to=to, limit=MOST)],
    }


def _campaigns(tx: Transaction, to: str, language: str) -> list[dict[str, Any]]:
    """The campaigns that meant this number: also those of which it got nothing, and why."""
    return [
        {
            "campaign": row["campaign"],
            "name": row["name"],
            "state": row["state"],
            "variant": row["variant"],
            "message": row["message"],
            "reason": shown.reason(row["reason"], language),
            "at": shown.moment(row["at"]),
        }
        for row in campaigns.of_number(tx, to, MOST)
    ]


def _step(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What the waiting list's ledger says: whom a free time was offered to, and whom it was not."""
    return {"slot": row["slot"], **waitlist_shown.step(row, language)}


def shown_consent(row: Mapping[str, Any]) -> dict[str, Any]:
    """A consent, with its proof."""
    return {
        "id": row["id"],
        "to": row["number"],
        "scope": row["scope"],
        "state": row["state"],
        "at": shown.moment(row["at"]),
        "source": row["source"],
        "proof": row["proof"],
    }


def _occasion(tx: Transaction, one: Any, language: str) -> dict[str, Any]:
    said = answers.about(tx, [one.id]).get(one.id, [])
    names = {row["id"]: row["name"] for row in rules.rows(tx, installation=one.installation)}
    live = answers.modes(tx).get(one.installation, False)
    return {
        **shown.occasion(one, language),
        "rehearsal": not live,
        "answers": [
            {
                "rule": row["rule"],
                "name": names.get(row["rule"], row["rule"]),
                "answer": row["answer"],
                "reason": shown.reason(row["reason"], language),
                "sentence": _answered(row, live, language),
                "wanted_at": shown.moment(row["wanted_at"]),
                "checks": shown.checks(row["checks"], language),
                "at": shown.moment(row["at"]),
            }
            for row in said
        ],
    }


def _answered(row: Mapping[str, Any], live: bool, language: str) -> str:
    if row["answer"] == "send":
        return _words("sends" if live else "would_send", language, at=shown.moment(row["wanted_at"]))
    return from_reason(row["reason"]).sentence(language)


def _summary(found: Mapping[str, Any], language: str) -> list[str]:
    state = _words(found["state"], language)
    why = f" {found['reason']['detail']}" if found["reason"] else ""
    return [f"{mask(found['to'])}: {state}.{why}"]


_WORDS: Mapping[str, Mapping[str, str]] = {
    "no_rule": {
        "fr": "Aucune règle active ne parle de cette occasion.",
        "en": "No active rule speaks about this occasion.",
    },
    "nothing": {"fr": "Rien n'est parti vers ce numéro, et rien n'attend.", "en": "Nothing left for it or waits."},
    "sends": {"fr": "Un message part le {at}.", "en": "A message leaves at {at}."},
    "would_send": {
        "fr": "En répétition : un message partirait le {at}.",
        "en": "In rehearsal: a message would leave at {at}.",
    },
    "scheduled": {"fr": "attend son heure", "en": "waits for its time"},
    "held": {"fr": "retenu", "en": "held"},
    "sending": {"fr": "en train de partir", "en": "leaving"},
    "uncertain": {"fr": "incertain", "en": "uncertain"},
    "sent": {"fr": "parti", "en": "sent"},
    "delivered": {"fr": "reçu", "en": "delivered"},
    "read": {"fr": "lu", "en": "read"},
    "failed": {"fr": "échoué", "en": "failed"},
    "suppressed": {"fr": "écarté", "en": "suppressed"},
    "cancelled": {"fr": "annulé", "en": "cancelled"},
    "superseded": {"fr": "remplacé", "en": "superseded"},
    "expired": {"fr": "périmé", "en": "expired"},
}


def _words(name: str, language: str, **values: Any) -> str:
    words = _WORDS[name]
    return words.get(language, words["en"]).format(**values)
