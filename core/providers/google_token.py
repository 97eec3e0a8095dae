"""The bearer token of a Google service account: an assertion signed with its key, exchanged at the token endpoint.

A token lives for an hour and is asked for once, not for each message. No Google library is needed for these two steps,
and the address that a key file names for them is not believed: it comes from a person.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from core.contract import AccountTrouble, TryLater
from core.domain.reasons import Reason
from core.providers.callbacks import json_or_none, words
from core.providers.http import Http, Request
from core.providers.lines import AGAIN, BUSY, reason_of
from core.providers.outcomes import Fate, classify

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
LIVES = timedelta(hours=1)
EARLY = timedelta(minutes=5)
"""A token that ends soon is renewed: a message that waits for its turn must not outlive it."""
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The three fields of a key file that matter. `repr` hides the key."""

    email: str
    key: rsa.RSAPrivateKey
    key_id: str | None

    def __repr__(self) -> str:
        return f"ServiceAccount({self.email!r})"

    @classmethod
    def read(cls, given: object) -> ServiceAccount:
        """A key file as JSON, or parsed. Raises `ValueError`."""
        if isinstance(given, str):
            given = json_or_none(given.encode("utf-8", "replace"))
        if not isinstance(given, Mapping):
            raise ValueError("not a service account's key file")
        email, pem, key_id = given.get("client_email"), given.get("private_key"), given.get("private_key_id")
        if not isinstance(email, str) or not isinstance(pem, str) or not 3 < len(email) < 300 or "@" not in email:
            raise ValueError("client_email or private_key is missing")
        try:
            key = load_pem_private_key(pem.encode("utf-8", "replace"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("private_key cannot be read") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("private_key is not an RSA key")
        return cls(email, key, key_id if isinstance(key_id, str) else None)

    @staticmethod
    def kept(given: object) -> Mapping[str, str]:
        """What is worth keeping of a key file that `read` took."""
        found = json_or_none(given.encode("utf-8", "replace")) if isinstance(given, str) else given
        assert isinstance(found, Mapping)
        return {name: found[name] for name in ("client_email", "private_key", "private_key_id")
                if isinstance(found.get(name), str)}

    def assertion(self, scope: str, audience: str, now: datetime) -> str:
        """The signed claim (RFC 7523) that this account asks for `scope`."""
        head = {"alg": "RS256", "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        issued = int(now.timestamp())
        claims: dict[str, Any] = {"iss": self.email, "scope": scope, "aud": audience, "iat": issued,
                                  "exp": issued + int(LIVES.total_seconds())}
        signed = f"{_part(orjson.dumps(head))}.{_part(orjson.dumps(claims))}"
        return f"{signed}.{_part(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Tokens:
    """The tokens of this process. Thread-safe; one thread asks while the others wait for what it gets."""

    def __init__(self, http: Http, url: str, scope: str, provider: str) -> None:
        self._http, self._url, self._scope, self._provider = http, url, scope, provider
        self._known: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def bearer(self, given: object, now: datetime) -> str | TryLater | AccountTrouble:
        """A token for the service account `given`, or why there is none: nothing was sent then."""
        # By what it looks like: reading an RSA key takes longer than sending many messages.
        fingerprint = hashlib.sha256(repr(given).encode("utf-8", "replace")).hexdigest()
        with self._lock:
            known = self._known.get(fingerprint)
            if known is not None and now < known[1] - EARLY:
                return known[0]
            try:
                account = ServiceAccount.read(given)
            except ValueError as error:
                return _refused(self._provider, str(error))
            return self._ask(account, fingerprint, now)

    def forget(self, token: str) -> None:
        """It was refused: the next message asks for another."""
        with self._lock:
            self._known = {name: known for name, known in self._known.items() if known[0] != token}

    def _ask(self, account: ServiceAccount, fingerprint: str, now: datetime) -> str | TryLater | AccountTrouble:
        form = urlencode({"grant_type": GRANT, "assertion": account.assertion(self._scope, self._url, now)})
        answer = self._http.request(Request(
            "POST", self._url, (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
            form.encode()))
        verdict = classify(answer, now)
        found = json_or_none(getattr(answer, "body", b""))
        said = found if isinstance(found, dict) else {}
        token, lives = said.get("access_token"), said.get("expires_in")
        if verdict.fate is Fate.OK and isinstance(token, str) and token.isascii() and token.isprintable() and token:
            good = isinstance(lives, int) and not isinstance(lives, bool) and 0 < lives <= 86_400
            self._known[fingerprint] = token, now + (timedelta(seconds=lives) if good and lives else LIVES)
            return token
        if verdict.fate in (Fate.REFUSED, Fate.ACCOUNT):
            return _refused(self._provider, " ".join(filter(None, (words(said.get("error"), 60),
                                                                   words(said.get("error_description"), 120)))))
        # Whatever became of this question, no message was spoken of.
        return TryLater(verdict.after or (BUSY if verdict.status else AGAIN), reason_of(self._provider, verdict))


def _refused(provider: str, detail: str) -> AccountTrouble:
    return AccountTrouble(Reason("provider_key_refused", {"provider": provider, "detail": detail}))


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
