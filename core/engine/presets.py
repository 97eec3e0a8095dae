"""The rules that a new installation brings, switched off until a person chooses them: its `presets.toml`."""

from __future__ import annotations

import inspect
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from core.contract import Adapter
from core.domain.carts import conditions
from core.storage import house, rules
from core.storage.database import Transaction


def of(adapter: Adapter) -> list[dict[str, Any]]:
    """The presets beside the adapter's module; none when it has no `presets.toml`."""
    source = Path(inspect.getfile(type(adapter))).with_name("presets.toml")
    if not source.is_file():
        return []
    return list(tomllib.loads(source.read_text(encoding="utf-8")).get("rule", []))


def add(tx: Transaction, adapter: Adapter, installation: str, now: datetime) -> None:
    """Adds the presets in the workspace's language, once for each installation."""
    known = house.workspace(tx, tx.owned)
    language = known["settings"]["language"] if known else "fr"
    there = {row["preset"] for row in rules.rows(tx, installation=installation)}
    for preset in of(adapter):
        if preset["key"] in there:
            continue
        rules.add(
            tx,
            {
                "installation": installation,
                "name": preset["name"].get(language, preset["name"]["en"]),
                "on": preset["on"],
                "class": preset["class"],
                "when": preset["when"],
                "until": preset.get("until"),
                "channels": preset.get("channels", ["sms"]),
                "body": preset["body"].get(language, preset["body"]["en"]),
                "asks": preset.get("asks", False),
                "late": preset.get("late", "skip"),
                "only": preset.get("only", {}),
                "conditions": conditions({**preset, **preset.get("conditions", {})}) or None,
                "active": False,
                "preset": preset["key"],
            },
            now,
        )
