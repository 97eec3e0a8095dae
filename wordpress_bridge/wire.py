"""How the plugin and Relance speak: the connection code, the signature over the raw body, the topic in the path.

    code       "RLC-" + base64url(<hook address> "#" <key>): one field to paste. The key signs one request, `connect`.
    signature  hex HMAC-SHA256(secret, timestamp "." body) in X-Relance-Signature, the timestamp in X-Relance-Timestamp.
               It is made at the moment of sending, however long an event waited in the site's queue.
    topics     connect, events, code/start, code/check below the installation's hook address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from core.contract import Inbound, Installation
from core.domain.errors import NotAuthentic, Unreadable

AGE = timedelta(minutes=5)
CODE = "RLC-"
_STAMP = re.compile(r"\d{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DELIVERY = re.compile(r"[0-9A-Za-z_-]{8,64}", re.ASCII)


def new_key() -> str:
    """A secret of 32 bytes that needs no escaping anywhere."""
    return secrets.token_urlsafe(32)


def code(hook_url: str, key: str) -> str:
    """The connection code: one field to paste."""
    return CODE + base64.urlsafe_b64encode(f"{hook_url}#{key}".encode()).decode().rstrip("=")


def mark(key: str) -> str:
    """By what a used key is remembered."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def topic(request: Inbound, installation: Installation) -> str:
    """What follows the installation's hook address in the path: "events" when nothing does."""
    path, hook = urlsplit(request.url).path, urlsplit(installation.hook_url).path
    rest = path[len(hook):] if path.startswith(hook) else ""
    return rest.strip("/") or "events"


def signed(secret: str, stamp: str, body: bytes) -> str:
    """The signature of `body` sent at `stamp` (Unix seconds, as text)."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def farewell(secret: str) -> str:
    """What proves to the plugin that we part: it may hear it late, and hears it once, since the secret is gone then."""
    return hmac.new(secret.encode(), b"gone", hashlib.sha256).hexdigest()


def verify(request: Inbound, secret: str) -> None:
    """Pure. Raises `NotAuthentic`: unsigned, wrongly signed, or not from within five minutes of now."""
    stamp, given = request.header("X-Relance-Timestamp"), request.header("X-Relance-Signature")
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(given):
        raise NotAuthentic("the timestamp or the signature has not its form")
    if not secret or not hmac.compare_digest(signed(secret, stamp, request.body), given):
        raise NotAuthentic("the signature does not match")
    if abs(request.received_at - datetime.fromtimestamp(int(stamp), UTC)) > AGE:
        raise NotAuthentic("not sent within five minutes of now: a clock is wrong, or it is a repetition")


def delivery(request: Inbound) -> str | None:
    """The sender's own name of this delivery; the same words sent again bear the same."""
    given = request.optional_header("X-Relance-Delivery") or ""
    return given if _DELIVERY.fullmatch(given) else None


def document(request: Inbound) -> Mapping[str, Any]:
    """The body as an object. Raises `Unreadable`."""
    try:
        known = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Unreadable("wordpress_unreadable", what="JSON") from None
    if not isinstance(known, dict):
        raise Unreadable("wordpress_unreadable", what="JSON")
    return known


def moment(value: Any, otherwise: datetime) -> datetime:
    """Unix seconds as an aware moment; `otherwise` for what is none, or lies in the future."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return otherwise
    if not 0 < value < otherwise.timestamp():
        return otherwise
    return datetime.fromtimestamp(value, UTC)
