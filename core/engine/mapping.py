"""Which fields over there are read for what: offered by label, seen on a real record, then kept and read anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.contract import Installation, Maps, Pulls, Record, Slot
from core.domain.errors import BadInput, NotFound
from core.engine.tokens import with_token
from core.storage import house, installations
from core.suite import Suite


def adapter_of(suite: Suite, row: installations.Row) -> Maps:
    """The platform's adapter, if fields can be chosen there. Raises `NotFound`."""
    adapter = suite.adapters.get(row.installation.adapter)
    if not isinstance(adapter, Maps):
        raise NotFound("page")
    return adapter


def slots(suite: Suite, workspace: str, installation_id: str, chosen: Mapping[str, Sequence[str]]) -> tuple[Slot, ...]:
    """The questions as they stand; `chosen`, not kept yet, stands in for what is kept. Network. Raises `BadInput`,
    `NotFound`, `NeedsReconnect`, `NotNow`."""

    def ask(row: installations.Row) -> tuple[Slot, ...]:
        adapter = adapter_of(suite, row)
        return adapter.slots(as_if(adapter, row.installation, chosen), suite.now())

    return with_token(suite, workspace, installation_id, ask)


def samples(
    suite: Suite, workspace: str, installation_id: str, search: str, chosen: Mapping[str, Sequence[str]]
) -> tuple[Record, ...]:
    """Records as they would be read with `chosen`. Nothing is kept. Network; raises what `slots` raises."""

    def ask(row: installations.Row) -> tuple[Record, ...]:
        adapter = adapter_of(suite, row)
        return adapter.samples(as_if(adapter, row.installation, chosen), search.strip()[:100], suite.now())

    return with_token(suite, workspace, installation_id, ask)


def save(
    suite: Suite, workspace: str, installation_id: str, chosen: Mapping[str, Sequence[str]], *, who: str
) -> None:
    """Keeps the choice, and reads everything over there anew with it. Raises `BadInput`, `NotFound`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation_id, suite.public_url)
        if row is None or row.state == "disconnected":
            raise NotFound("installation")
        adapter = adapter_of(suite, row)
        config = dict(adapter.mapped(row.installation, chosen))
        if config == dict(row.installation.config):
            return
        again: dict[str, Any] = {}
        if isinstance(adapter, Pulls):
            # As on the first day: a date that was there before is nobody's news.
            again = {"cursor": None, "pulled_at": None, "next_pull_at": now}
        installations.change(tx, installation_id, config=config, maintain_at=now, **again)
        house.note(tx, who, "fields_mapped", installation_id, {"fields": sorted(chosen)}, now)
    suite.wake()


def as_if(adapter: Maps, installation: Installation, chosen: Mapping[str, Sequence[str]]) -> Installation:
    """`installation` with `chosen` in place of what is kept. Raises `BadInput`."""
    return replace(installation, config=adapter.mapped(installation, chosen)) if chosen else installation


def readable(adapter: Maps, installation: Installation, chosen: Mapping[str, Sequence[str]]) -> BadInput | None:
    """What is wrong with `chosen`, if anything is."""
    try:
        adapter.mapped(installation, chosen)
    except BadInput as error:
        return error
    return None
