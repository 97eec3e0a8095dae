"""A new code for a connection whose other side lost the old one, or must be connected again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.contract import HandsOver
from core.domain.errors import NotFound
from core.storage import house, installations
from core.suite import Suite


def choose(suite: Suite, workspace: str, installation_id: str, wanted: Mapping[str, Any], *, who: str) -> None:
    """What a person chose of the connection anew, over what is known of it. Raises `BadInput`, `NotFound`."""
    with suite.database.write(workspace) as tx:
        installations.hold(tx, installation_id)
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        adapter = suite.adapters.get(row.installation.adapter) if row else None
        if row is None or row.state == "disconnected" or not isinstance(adapter, HandsOver):
            raise NotFound("installation")
        known = row.installation
        chosen = adapter.configured({**known.config, **known.secrets, **wanted})
        installations.keep_secrets(tx, suite.vault, installation_id, {**known.secrets, **chosen.secrets},
                                   config=dict(chosen.config))  # fmt: skip
        house.note(tx, who, "installation_configured", installation_id, {"fields": sorted(wanted)}, suite.now())


def new_code(suite: Suite, workspace: str, installation_id: str, *, who: str) -> None:
    """Makes the next code; the one before is of no use any more. What is signed with the secret stays good.

    Raises `NotFound`.
    """
    with suite.database.write(workspace) as tx:
        installations.hold(tx, installation_id)
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        adapter = suite.adapters.get(row.installation.adapter) if row else None
        if row is None or row.state == "disconnected" or not isinstance(adapter, HandsOver):
            raise NotFound("installation")
        known = row.installation
        again = adapter.configured({**known.config, **known.secrets, "new_code": True})
        installations.keep_secrets(tx, suite.vault, installation_id, {**known.secrets, **again.secrets})
        house.note(tx, who, "connection_code_made", installation_id, {}, suite.now())
