"""Secrets at rest: encrypted with MultiFernet, bound to their row, keys rotate without a stop.

Fernet knows no associated data, so that a row copied into another workspace would decrypt. Workspace, owner and field
are therefore inside the plaintext and compared on decryption.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Undecryptable(Exception):
    """No current key opens it, or it was written for another row."""


class Vault:
    """Encrypts with the first key, decrypts with all (`RELANCE_SECRET_KEYS`)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [Fernet(key) for key in keys]
        self._fernet = MultiFernet(self._keys)
        self._marks = [hashlib.blake2b(base64.urlsafe_b64decode(key), person=b"relance marks").digest() for key in keys]

    def seal(self, value: Mapping[str, Any], *, workspace: str, owner: str, field: str) -> str:
        """`value` (JSON) for the row `owner` and its `field`."""
        written = json.dumps({"w": workspace, "o": owner, "f": field, "v": value}, separators=(",", ":"))
        return self._fernet.encrypt(written.encode()).decode()

    def open(self, sealed: str, *, workspace: str, owner: str, field: str) -> dict[str, Any]:
        """Raises `Undecryptable`."""
        try:
            kept = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError) as error:
            raise Undecryptable(owner) from error
        if (kept["w"], kept["o"], kept["f"]) != (workspace, owner, field):
            raise Undecryptable(owner)
        value: dict[str, Any] = kept["v"]
        return value

    def mark(self, *said: str) -> str:
        """By which a secret that is short enough to be guessed is known again, and from which it cannot be read without
        the house's key. `said`: the secret, and what it belongs to."""
        return _marked(self._marks[0], said)

    def knows(self, mark: str, *said: str) -> bool:
        """Whether `mark` is that of `said` under any of the keys; takes as long either way."""
        return sum(hmac.compare_digest(mark, _marked(key, said)) for key in self._marks) > 0

    def rotated(self, sealed: str) -> str | None:
        """The same secret under the first key; None when it is under it already. Raises `Undecryptable`."""
        try:
            self._keys[0].decrypt(sealed.encode())
            return None
        except InvalidToken:
            pass
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except (InvalidToken, ValueError) as error:
            raise Undecryptable("row") from error


def _marked(key: bytes, said: Sequence[str]) -> str:
    written = json.dumps(said, separators=(",", ":")).encode()
    return hmac.new(key, written, hashlib.sha256).hexdigest()


def hashed(secret: str) -> str:
    """For secrets of 128 bits and more that are looked up (API keys, states, sessions): SHA-256, hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(given: str, expected: str) -> bool:
    """Constant-time comparison of two texts, whatever characters they hold."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))
