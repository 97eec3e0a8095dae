"""What the tests of all shops lend to an adapter: addresses, the guarded client, an installation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.contract import Inbound, Installation, Tools
from core.domain.errors import RelanceError
from core.domain.sentences import SENTENCES
from core.guarded import Guarded

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def tools(urls: Mapping[str, str] | None = None, clients: Mapping[str, tuple[str, str]] | None = None, *,
          ca_file: str | None = None, timeout: float = 20) -> Tools:
    guarded = Guarded(allow_private=True, timeout=timeout, ca_file=ca_file)
    return Tools(urls=dict(urls or {}), clients=dict(clients or {}), fetch=guarded.get, call=guarded.request,
                 timeout=timeout)


def installation(adapter: str, config: Mapping[str, Any], secrets: Mapping[str, Any], **given: Any) -> Installation:
    """An installation as core would lend it."""
    values: dict[str, Any] = {
        "id": "ins_1", "workspace": "wsp_1", "adapter": adapter, "name": "Thé & Co", "config": dict(config),
        "secrets": dict(secrets), "memory": {}, "zone": "Europe/Paris", "country": "FR", "language": "fr",
        "hook_url": f"https://relance.example/hooks/{adapter}/ins_1"}
    return Installation(**{**values, **given})


def inbound(url: str, headers: Mapping[str, str], body: bytes, at: datetime = NOW, method: str = "POST") -> Inbound:
    return Inbound(method, url, tuple(headers.items()), body, at)


def has_words(error: RelanceError) -> bool:
    """Whether both languages have a sentence for it."""
    return {"fr", "en"} <= set(SENTENCES.get(error.reason.code, {}))
