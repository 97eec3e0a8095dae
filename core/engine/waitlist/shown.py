"""How the waiting list looks from outside: the API, webhooks and the command line all show the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.domain.waitlist import Ask, SlotState
from core.engine import shown
from core.storage import waitlist
from core.storage.database import Transaction


def entry(row: waitlist.Row, language: str = "en") -> dict[str, Any]:
    """Somebody on the list."""
    return {
        "id": row["id"], "to": row["number"], "name": row["name"], "installation": row["installation"],
        "kind": row["kind"], "wishes": row["wishes"], "moves": row["moves"], "position": row["position"],
        "state": row["state"], "reason": shown.reason(row["reason"], language), "proof": row["proof"],
        "agreed_at": shown.moment(row["agreed_at"]), "created_at": shown.moment(row["created_at"]),
        "changed_at": shown.moment(row["changed_at"]),
    }  # fmt: skip


def slot(tx: Transaction, row: waitlist.Row, language: str = "en") -> dict[str, Any]:
    """A time that became free, and what became of it."""
    offer_row = waitlist.offer(tx, row["offer"]) if row["offer"] else None
    taker = waitlist.entry(tx, offer_row["entry"]) if offer_row else None
    return {
        "id": row["id"], "installation": row["installation"], "occasion": row["occasion"], "cause": row["cause"],
        "start": shown.moment(row["start"]), "end": shown.moment(row["end"]), "zone": row["zone"],
        "title": row["title"], "state": row["state"], "reason": shown.reason(row["reason"], language),
        "deadline": shown.moment(row["deadline"]), "next_at": shown.moment(row["next_at"]),
        "taken_by": {"entry": taker["id"], "to": taker["number"], "name": taker["name"]} if taker else None,
        "taken_at": shown.moment(row["taken_at"]), "moves": row["moves"],
        "calendar": {"state": row["writing"], "key": row["written"], "reason": shown.reason(row["trouble"], language)},
        "settled_at": shown.moment(row["settled_at"]), "created_at": shown.moment(row["created_at"]),
    }  # fmt: skip


def offer(row: waitlist.Row, language: str = "en") -> dict[str, Any]:
    """Who was asked, till when, and what they said."""
    return {
        "id": row["id"], "slot": row["slot"], "entry": row["entry"], "to": row["number"], "message": row["message"],
        "state": row["state"], "reason": shown.reason(row["reason"], language),
        "asked_at": shown.moment(row["asked_at"]), "until": shown.moment(row["until"]),
        "answered_at": shown.moment(row["answered_at"]),
    }  # fmt: skip


def story(tx: Transaction, row: waitlist.Row, now: datetime, language: str = "en") -> dict[str, Any]:
    """A slot with its offers, its ledger, and who would be asked from now on if everybody were silent."""
    from core.engine.waitlist import offering

    offers = waitlist.offers(tx, slots=[row["id"]])
    coming: list[dict[str, Any]] = []
    possible = 0
    if row["state"] in (SlotState.OPEN, SlotState.REHEARSED):
        about, steps = offering.plan(tx, row, offers, now)
        possible = offering.still_possible(about, offers, now)
        coming = [
            {"entry": one.candidate.id, "to": one.candidate.number, "until": shown.moment(one.until)}
            for one in steps if isinstance(one, Ask)
        ]  # fmt: skip
    return {
        **slot(tx, row, language),
        "offers": [offer(one, language) for one in offers],
        "steps": [step(one, language) for one in waitlist.steps(tx, row["id"])],
        "coming": coming,
        "can_still_ask": possible,
    }


def step(row: waitlist.Row, language: str = "en") -> dict[str, Any]:
    """A step of a slot's ledger."""
    return {
        "at": shown.moment(row["at"]), "what": row["what"], "to": row["number"], "entry": row["entry"],
        "reason": shown.reason(row["reason"], language),
    }  # fmt: skip


def terms(installation: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """How a connection's slots are offered."""
    return {"installation": installation, **found}
