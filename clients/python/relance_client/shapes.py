"""What answers look like, for type checkers. At run time they are plain mappings: a field that a newer server adds is
there too."""

from __future__ import annotations

from typing import Any, TypedDict


class Money(TypedDict):
    """Millionths of `currency`."""

    amount: int
    currency: str


class Reason(TypedDict):
    code: str
    detail: str
    values: dict[str, Any]


class Estimate(TypedDict):
    encoding: str
    segments: int
    price: Money | None


Message = TypedDict(
    "Message",
    {
        "id": str, "state": str, "reason": "Reason | None", "to": str, "class": str, "channels": "list[Any]",
        "channel": "str | None", "text": str, "due_at": str, "expires_at": "str | None", "zone": "str | None",
        "reference": "str | None", "sender": "str | None", "installation": "str | None", "occasion": "str | None",
        "rule": "str | None", "campaign": "str | None", "test": bool, "created_at": str, "left_at": "str | None",
        "provider_account": "str | None", "provider_reference": "str | None", "estimate": Estimate,
        "checks": "list[dict[str, Any]]",
    },
)  # fmt: skip
"""`state`: scheduled held sending uncertain sent delivered read failed suppressed cancelled superseded expired."""


class Contact(TypedDict):
    id: str
    number: str
    country: str
    name: str | None
    first_name: str | None
    email: str | None
    language: str | None
    zone: str | None
    values: dict[str, Any]
    quarantine: Reason | None
    created_at: str


class Consent(TypedDict):
    id: str
    to: str
    scope: str
    state: str
    at: str
    source: str
    proof: dict[str, Any]


class Verification(TypedDict):
    """`state`: pending approved failed expired."""

    id: str
    state: str
    to: str
    channel: str
    purpose: str
    language: str
    created_at: str
    expires_at: str
    tries_left: int


class Webhook(TypedDict):
    id: str
    url: str
    events: list[str]
    state: str
    secrets: int
    trouble: Reason | None
    failing_since: str | None
    created_at: str


class Delivery(TypedDict):
    id: str
    event: str
    state: str
    tries: int
    status: int | None
    answer: str | None
    trouble: Reason | None
    due_at: str
    created_at: str
    delivered_at: str | None
    body: dict[str, Any]
