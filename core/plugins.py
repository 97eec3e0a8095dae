"""Loads the adapters and providers that are registered as entry points, ours and other packages' alike."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from core.contract import Adapter, Provider, ProviderTools, Tools
from core.settings import Settings


def load_adapters(tools: Tools) -> dict[str, Adapter]:
    """slug → adapter, of the entry point group `relance.adapters`."""
    return {adapter.manifest.slug: adapter for adapter in (
        point.load()(tools) for point in sorted(entry_points(group="relance.adapters"), key=lambda point: point.name))}


def load_providers(tools: ProviderTools) -> dict[str, Provider]:
    """slug → provider, of the entry point group `relance.providers`."""
    return {provider.slug: provider for provider in (
        point.load()(tools) for point in sorted(entry_points(group="relance.providers"), key=lambda point: point.name))}


def urls(settings: Settings) -> Mapping[str, str]:
    """vendor → address: the operator's, else the vendor's real one as its adapter or provider declares it."""
    declared: dict[str, str] = {}
    for group in ("relance.adapters", "relance.providers"):
        for point in entry_points(group=group):
            kind = point.load()
            vendors = kind.manifest.vendors if group == "relance.adapters" else kind.vendors
            declared.update(vendors)
    return {**declared, **settings.vendor_urls}
