"""An account of HubSpot as core would lend it, and HubSpot's requests as our hook would hand them on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.contract import Inbound, Installation, Tools
from integrations.hubspot import HubSpot
from tests.fakes.hubspot import PORTAL, SECRET, FakeHubSpot

NOW = datetime.fromisoformat("2026-11-30T10:00:00+01:00")
"""A Monday morning in Lyon."""
PUBLIC = "https://relance.example"
ANA, BOB = "+33639980001", "+33639980008"


def adapter(hubspot: FakeHubSpot | None = None, *, timeout: float = 5.0) -> HubSpot:
    urls = {"hubspot": hubspot.url} if hubspot else {}
    return HubSpot(Tools(urls=urls, clients={"hubspot": ("client-1", SECRET)}, fetch=_nothing, timeout=timeout))


def installation(config: Mapping[str, Any] | None = None, **given: Any) -> Installation:
    values: dict[str, Any] = {
        "id": "ins_1", "workspace": "wsp_1", "adapter": "hubspot", "name": "HubSpot", "zone": "Europe/Paris",
        "config": {"portal_id": str(PORTAL), **(config or {})}, "memory": {"opt_out": "relance_sms_optout"},
        "secrets": {"access_token": "token-1", "refresh_token": "refresh-1"}, "country": "FR", "language": "fr",
        "hook_url": f"{PUBLIC}/hooks/hubspot/ins_1"}
    return Installation(**{**values, **given})


def inbound(topic: str, body: Any, *, headers: Mapping[str, str] | None = None, at: datetime = NOW) -> Inbound:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("POST", f"{PUBLIC}/hooks/hubspot/{topic}", tuple((headers or {}).items()), written, at)


def step(inputs: Mapping[str, str] | None = None, *, properties: Mapping[str, str] | None = None,
         callback: str = "ap-4242-1001-3-0", at: datetime = NOW, **more: Any) -> Inbound:
    """One contact at our action."""
    given = {"message_type": "service", "message": "Bonjour", **(inputs or {})}
    known = {"mobilephone": ANA, "firstname": "Ana"} if properties is None else properties
    return inbound("actions/send", {
        "callbackId": callback, "origin": {"portalId": PORTAL, "actionDefinitionId": 55, "actionDefinitionVersion": 2},
        "context": {"source": "WORKFLOWS", "workflowId": 1001},
        "object": {"objectId": 901, "objectType": "CONTACT", "properties": dict(known)}, "inputFields": given,
        **more}, at=at)


def outputs(body: bytes) -> dict[str, str]:
    found: dict[str, str] = json.loads(body)["outputFields"]
    return found


def webhook(events: Sequence[Any], *, at: datetime = NOW) -> Inbound:
    return inbound("webhooks", list(events), at=at)


def _nothing(*_: Any, **__: Any) -> Any:
    raise AssertionError("nothing is fetched")
