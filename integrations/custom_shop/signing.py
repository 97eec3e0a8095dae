"""How a shop proves that it is the shop: HMAC-SHA256 over the moment and the raw body, good for five minutes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from core.contract import Inbound
from core.domain.errors import NotAuthentic

SIGNATURE, TIMESTAMP = "Relance-Signature", "Relance-Timestamp"
FRESH = timedelta(minutes=5)
LEAST_SECRET = 32
"""Characters of a secret that a shop brings itself."""
_SECONDS = re.compile(r"[0-9]{9,12}\Z", re.ASCII)
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})\Z", re.ASCII)
_MOST_SIGNATURES = 4


def new_secret() -> str:
    return "rsec_" + secrets.token_urlsafe(32)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `Relance-Signature` for `body`, sent at `timestamp` (seconds since 1970)."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def check(secret: str, request: Inbound) -> None:
    """Raises `NotAuthentic` unless `request` was signed with `secret` within five minutes of being received.

    Several signatures, with commas between them, are allowed while a secret is being changed: one must be right.
    """
    stamp = request.header(TIMESTAMP)
    if not _SECONDS.match(stamp):
        raise NotAuthentic(f"{TIMESTAMP} is not a number of seconds since 1970")
    sent = datetime.fromtimestamp(int(stamp), UTC) if int(stamp) < 10**11 else datetime.max.replace(tzinfo=UTC)
    if abs(request.received_at - sent) > FRESH:
        raise NotAuthentic(f"{TIMESTAMP} is more than five minutes away from our clock")
    given = [one.strip() for one in request.header(SIGNATURE).split(",")]
    expected = sign(secret, int(stamp), request.body)
    if stamp != str(int(stamp)) or len(given) > _MOST_SIGNATURES or not all(map(_SIGNATURE.match, given)):
        raise NotAuthentic(f"{SIGNATURE} is not of the form v1=<64 hexadecimal digits>")
    # All are compared, so that the time says nothing about which.
    if not sum(hmac.compare_digest(expected, one) for one in given):
        raise NotAuthentic("the signature does not match")
