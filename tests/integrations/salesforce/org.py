"""What the tests of Salesforce share: an adapter that knows the fake, an installation, a Flow's call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import Inbound, Installation, Tools
from core.guarded import Guarded
from integrations.salesforce import Salesforce
from tests.fakes.salesforce import CLIENT, ORG, FakeSalesforce

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SECRET = "s" * 43
HOOK = "https://relance.example.org/hooks/salesforce/ins_1"
ANA = "0035g00000AbCdEAAV"


class Quick(Salesforce):
    """As it is, but for the five seconds between two looks at a bulk job."""

    bulk_pause = 0.0


def adapter(org: FakeSalesforce | None = None) -> Quick:
    urls = {"salesforce": org.url} if org else {"salesforce": "https://login.salesforce.com"}
    return Quick(Tools(urls=urls, clients={"salesforce": CLIENT}, fetch=Guarded(allow_private=True).get, timeout=20))


def installation(config: Mapping[str, Any] | None = None, **more: Any) -> Installation:
    given = {
        "id": "ins_1", "workspace": "wsp_1", "adapter": "salesforce", "name": "Acme", "memory": {}, "language": "fr",
        "config": {"way": "refresh_token", "organization_id": ORG, "instance_url": "https://acme.my.salesforce.com",
                   "login_url": "https://login.salesforce.com", **(config or {})},
        "secrets": {"signing_secret": SECRET, "access_token": "token-1", "refresh_token": "refresh-1"},
        "zone": "Europe/Paris", "country": "FR", "hook_url": HOOK, **more,
    }  # fmt: skip
    return Installation(**given)


def call(topic: str, body: Any, *, secret: str = SECRET, at: datetime = NOW) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (("Authorization", f"Bearer {secret}"), ("Content-Type", "application/json"))
    return Inbound("POST", f"{HOOK}/{topic}", headers, raw, at)


def soap(body: bytes, *, secret: str = SECRET, at: datetime = NOW) -> Inbound:
    headers = (("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '""'))
    return Inbound("POST", f"{HOOK}/outbound/{secret}", headers, body, at)


def message(**fields: Any) -> dict[str, Any]:
    return {"key": "k1", "recordId": ANA, "phone": "06 39 98 00 01", "body": "Bonjour", **fields}


def sent(*messages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"organizationId": ORG, "messages": list(messages), **more}


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
