"""Webhooks that Relance sends: are they from it, and fresh? (Standard Webhooks, github.com/standard-webhooks: the
signature is HMAC-SHA256 over `id.timestamp.body`, in base64; several may stand there while secrets rotate.)"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 300
"""Seconds that a webhook may be old, or ahead of this machine's clock."""


class NotAuthentic(ValueError):
    """It is not from who knows the secret, was changed on the way, or is too old. Answer 401, and do nothing."""


@dataclass(frozen=True)
class Signed:
    """A webhook that is authentic. `id` is the same at each try: whoever has seen it is done."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: int = TOLERANCE,
    now: float | None = None,
) -> Signed:
    """What the webhook says. `body`: as it came, not read and written again. `secret`: `whsec_…`, or several while they
    rotate. `now`: seconds since 1970, the machine's clock without. Raises `NotAuthentic`."""
    said = {name.lower(): value for name, value in headers.items()}
    name, stamp, signatures = (said.get(f"webhook-{one}", "") for one in ("id", "timestamp", "signature"))
    if not (name and stamp.isascii() and stamp.isdigit() and signatures):
        raise NotAuthentic("the headers webhook-id, webhook-timestamp and webhook-signature are needed")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise NotAuthentic("it was signed too long ago, or a clock is wrong")
    raw = body.encode() if isinstance(body, str) else body
    given = [one.partition(",")[2].encode() for one in signatures.split(" ") if one.startswith("v1,")]
    secrets = [secret] if isinstance(secret, str) else list(secret)
    good = False
    for one in secrets:
        expected = sign(raw, name, int(stamp), one).partition(",")[2].encode()
        # Every one is compared: how long it takes tells nothing.
        for one_given in given:
            good = hmac.compare_digest(expected, one_given) or good
    if not good:
        raise NotAuthentic("no signature matches")
    try:
        event = json.loads(raw)
        return Signed(name, str(event["type"]), str(event["timestamp"]), dict(event["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NotAuthentic("it is signed, and no event of Relance's") from error


def sign(body: bytes, name: str, stamp: int, secret: str) -> str:
    """`v1,…`, as Relance signs: for tests of a receiver."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret looks like whsec_ and base64") from error
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
