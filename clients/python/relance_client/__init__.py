"""A client for Relance (API v1). `Relance(base, key)` is where everything begins; nothing but Python is needed."""

from __future__ import annotations

from relance_client.client import Noun, Relance
from relance_client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    RelanceError,
    ServerFault,
    TooFast,
    Unauthorized,
    Unreachable,
)
from relance_client.retries import Patience
from relance_client.webhooks import NotAuthentic, Signed, sign, verify

__all__ = [
    "ApiError", "BadRequest", "Conflict", "FieldError", "Forbidden", "Invalid", "NotAuthentic", "NotFound", "Noun",
    "Patience", "Relance", "RelanceError", "ServerFault", "Signed", "TooFast", "Unauthorized", "Unreachable", "sign",
    "verify",
]  # fmt: skip
__version__ = "0.1.0"
