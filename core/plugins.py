"""Loads the adapters and providers that are registered as entry points, ours and other packages' alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import structlog

from core.contract import Adapter, Provider, ProviderTools, Tools
from core.settings import Settings

log = structlog.get_logger(__name__)


def load_adapters(tools: Tools) -> dict[str, Adapter]:
    """slug → adapter, of the entry point group `relance.adapters`."""
    return {kind.manifest.slug: kind(tools) for kind in _kinds("relance.adapters")}


def load_providers(tools: ProviderTools) -> dict[str, Provider]:
    """slug → provider, of the entry point group `relance.providers`."""
    return {kind.slug: kind(tools) for kind in _kinds("relance.providers")}


def urls(settings: Settings) -> Mapping[str, str]:
    """vendor → address: the operator's, else the vendor's real one as its adapter or provider declares it. Under
    `<vendor>_token` the token endpoint, where the operator set one."""
    declared: dict[str, str] = {}
    for kind in _kinds("relance.adapters"):
        declared.update(kind.manifest.vendors)
    for kind in _kinds("relance.providers"):
        declared.update(kind.vendors)
    tokens = {f"{vendor}_token": address for vendor, address in settings.vendor_token_urls.items()}
    return {**declared, **tokens, **settings.vendor_urls}


def _kinds(group: str) -> Iterator[Any]:
    for point in _points(group):
        try:
            yield point.load()
        except (ImportError, AttributeError) as error:
            # Another team's package that does not load must not stop everybody's reminders; `relance doctor` shows it.
            log.error("plugin does not load", group=group, plugin=point.name, problem=str(error))


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    """Asked once: the answer is in a file of each installed package."""
    return tuple(sorted(entry_points(group=group), key=lambda point: point.name))
