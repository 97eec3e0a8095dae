"""The key under which a house hashes numbers that it must know again without keeping them: who wants no more messages,
whom forms wrote to. All numbers of a country can be tried one after the other, so that a hash hides nothing without it.

It is made once, with the schema, and lies in the database sealed with the keys of `RELANCE_SECRET_KEYS`: a copy of the
database alone does not tell a number, and every process, every later secret key and every restored copy have the same.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import orjson

from core.domain.errors import RelanceError
from core.secrets import Undecryptable, Vault

if TYPE_CHECKING:
    from core.storage.database import Transaction

NAME = "number_key"
_PLACE = {"workspace": "house", "owner": NAME, "field": "key"}
_SIZE = 32
_KEPT = "SELECT value FROM house WHERE name = ?"


class KeysWrong(RelanceError):
    """None of the secret keys opens this database's: whoever said no would not be known again. Nothing may be sent."""

    status = 503

    def __init__(self) -> None:
        super().__init__("secret_keys_wrong")


class NumberKey:
    """Of one database, opened when it is first asked for."""

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault
        self._key: bytes | None = None

    @property
    def can_be_made(self) -> bool:
        """Whether this process has secret keys to seal it with: a look at the schema needs none."""
        return self._vault is not None

    def opened(self, tx: Transaction) -> bytes:
        """32 bytes. Raises `KeysWrong`."""
        if self._key is None:
            rows = tx.quick(_KEPT, (NAME,))
            if not rows:
                raise RuntimeError("the schema was brought up to date by somebody without secret keys")
            self._key = unsealed(self._lent(), orjson.loads(rows[0][0]))
        return self._key

    def fresh(self) -> str:
        """A new one, sealed."""
        return self._lent().seal({"key": secrets.token_hex(_SIZE)}, **_PLACE)

    def forget(self) -> None:
        """The database may be another one when it is opened next."""
        self._key = None

    def _lent(self) -> Vault:
        if self._vault is None:
            raise RuntimeError("this database was opened without secret keys")
        return self._vault


def unsealed(vault: Vault, sealed: str) -> bytes:
    """The key. Raises `KeysWrong`."""
    try:
        return bytes.fromhex(vault.open(sealed, **_PLACE)["key"])
    except Undecryptable as error:
        raise KeysWrong from error
