"""How a campaign looks from outside: as its author wrote it, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine import shown


def campaign(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    """A campaign as the API and the command line show it; of the numbers of its audience only how many."""
    said = as_given(row)
    if "numbers" in said["audience"]:
        said["audience"] = {"numbers": len(said["audience"]["numbers"])}
    return {
        "id": row["id"],
        **said,
        "state": row["state"],
        "survey": row["survey"],
        "first_only": row["first_only"],
        "chosen": row["won"],
        "trouble": shown.reason(row["trouble"], language),
        "test": row["test"],
        "created_at": shown.moment(row["created_at"]),
        "started_at": shown.moment(row["started_at"]),
        "ended_at": shown.moment(row["ended_at"]),
    }


def as_given(row: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign as its author wrote it."""
    message, staged, audience = row["message"], row["staged"], row["audience"]
    if "segment" in audience:
        audience = {"segment": audience["segment"]}
    known = message.get("budgets") or {}
    return {
        "name": row["name"],
        "class": row["class"],
        "audience": audience,
        "channels": [
            {"channel": name, "within": f"PT{known[name]}S"} if name in known else name for name in message["channels"]
        ],
        "variants": message["variants"],
        "sender": message["sender"],
        "shorten": message["shorten"],
        "fallbacks": message["fallbacks"],
        "send_at": row["wall"] or shown.moment(row["send_at"]),
        "zone": row["zone"],
        "useful_for": f"PT{row['useful'] // 60}M",
        "staged": staged and {**staged, "after": None if staged["after"] is None else f"PT{staged['after'] // 60}M"},
        "winner": row["winner"],
        "holdout": row["holdout"],
        "open_until": shown.moment(row["open_until"]),
    }
