"""Proofs of who is who: the signature of an identity, and the assertion of an integration user (JWT bearer)."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from core.domain.errors import BadInput, NotAuthentic
from integrations.salesforce import hosts
from integrations.salesforce.ids import long_id, organization

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIVES = timedelta(minutes=3)
LEAST_KEY = 2048
_IDENTITY = re.compile(r"(https://[^/]+)/id/([A-Za-z0-9]{15,18})/([A-Za-z0-9]{15,18})")


def identity(answer: Mapping[str, Any], secret: str, *, own: str | None = None) -> tuple[str, str]:
    """(org, user), both of 18 characters, of a token address's answer whose identity URL is signed with the
    application's `secret`. Raises `NotAuthentic`."""
    url, issued, given = (answer.get(name) for name in ("id", "issued_at", "signature"))
    if not (isinstance(url, str) and isinstance(issued, str) and isinstance(given, str) and secret):
        raise NotAuthentic("the identity is not signed")
    expected = base64.b64encode(hmac.digest(secret.encode(), f"{url}{issued}".encode(), "sha256"))
    if not hmac.compare_digest(expected, given.encode("utf-8", "replace")):
        raise NotAuthentic("the identity's signature does not match")
    return named(url, own=own)


def named(url: object, *, own: str | None = None) -> tuple[str, str]:
    """(org, user) that an identity URL names. Raises `NotAuthentic`."""
    found = _IDENTITY.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise NotAuthentic("not an identity")
    try:
        hosts.address(found[1], "", own=own)
    except BadInput as error:
        raise NotAuthentic("not an identity of Salesforce's") from error
    org, user = organization(found[2]), long_id(found[3])
    if org is None or user is None:
        raise NotAuthentic("not an identity")
    return org, user


def private_key(text: str) -> RSAPrivateKey:
    """The key of a PEM text. Raises `ValueError`."""
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("a key without a password, please") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_KEY:
        raise ValueError("an RSA key of 2048 bits or more")
    return key


def assertion(key: str, *, issuer: str, subject: str, audience: str, now: datetime) -> str:
    """A JWT (RS256) by which the org gives a token to the user `subject`. Raises `ValueError` for a broken key."""
    claims = {"iss": issuer, "sub": subject, "aud": audience, "exp": int((now + ASSERTION_LIVES).timestamp())}
    signed = f"{_encoded({'alg': 'RS256'})}.{_encoded(claims)}"
    signature = private_key(key).sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_text(signature)}"


def _encoded(part: Mapping[str, Any]) -> str:
    return _text(json.dumps(part, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
