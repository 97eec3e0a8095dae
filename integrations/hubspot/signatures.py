"""Is it really HubSpot who calls? Its three ways of signing, over what the sender saw; the newest one that is there."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta

from core.contract import Inbound
from core.domain.errors import NotAuthentic

TOLERANCE = timedelta(minutes=5)
V3, STAMP, OLD, OLD_VERSION = (
    "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature", "X-HubSpot-Signature-Version")
# HubSpot decodes these in the address before it signs, and nothing else.
_DECODED = {"3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'", "28": "(", "29": ")",
            "2A": "*", "2C": ",", "3B": ";"}
_ESCAPE = re.compile("%(" + "|".join(_DECODED) + ")", re.IGNORECASE)
_TODAYS = re.compile(r"\d{13}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS = re.compile(r"\d{1,15}", re.ASCII)


def check(request: Inbound, secret: str, *, webhook: bool = False) -> None:
    """Raises `NotAuthentic` unless `request` is signed with the application's client secret.

    With a v3 header only v3 counts, whatever else is there; else v2; v1 (which signs neither method nor address) is
    taken on the `webhook` address alone.
    """
    if not secret:
        raise NotAuthentic("RELANCE_HUBSPOT_CLIENT_SECRET is not set")
    if request.optional_header(V3) is not None:
        return _check_v3(request, secret)
    given = request.header(OLD)
    version = (request.optional_header(OLD_VERSION) or "v2").strip().lower()
    if version == "v2":
        signed = secret.encode() + f"{request.method}{request.url}".encode() + request.body
    elif version == "v1" and webhook:
        signed = secret.encode() + request.body
    else:
        raise NotAuthentic("this version of the signature is not taken here")
    return _same(hashlib.sha256(signed).hexdigest(), given)


def moment(request: Inbound) -> datetime:
    """When HubSpot sent the (verified) request, by its own clock if it signed that: two that overtook each other on
    their way keep their order."""
    stamp = request.optional_header(STAMP)
    if request.optional_header(V3) is None or stamp is None or not _TODAYS.fullmatch(stamp):
        return request.received_at
    return _EPOCH + timedelta(milliseconds=int(stamp))


def decoded(url: str) -> str:
    """The address as v3 signs it."""
    return _ESCAPE.sub(lambda found: _DECODED[found.group(1).upper()], url)


def _check_v3(request: Inbound, secret: str) -> None:
    given, stamp = request.header(V3), request.header(STAMP)
    if not _MILLIS.fullmatch(stamp):
        raise NotAuthentic("the moment of the signature is no number")
    try:
        signed_at = datetime.fromtimestamp(int(stamp) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotAuthentic("the moment of the signature is no moment") from error
    if abs(request.received_at - signed_at) > TOLERANCE:
        raise NotAuthentic("not signed within the last five minutes")
    signed = f"{request.method}{decoded(request.url)}".encode() + request.body + stamp.encode()
    _same(b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode(), given)


def _same(expected: str, given: str) -> None:
    if not hmac.compare_digest(expected.encode(), given.strip().encode("utf-8", "surrogateescape")):
        raise NotAuthentic("the signature does not match")
