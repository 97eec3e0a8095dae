"""Codes of an authenticator app: six digits that a telephone and we compute from one secret and the time.

RFC 6238 (TOTP) over RFC 4226 (HOTP): HMAC-SHA-1, steps of 30 seconds, six digits, which is what every app takes when
nothing else is said. The address of a secret is the one that Google's authenticator has made common (`otpauth://totp/…`).
"""

from __future__ import annotations

import base64
import hmac
import struct
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

STEP = 30
"""Seconds."""
DIGITS = 6
SECRET_BYTES = 20
"""As long as the hash, as RFC 4226 asks."""
DRIFT = 1
"""So many steps may the telephone's clock be before or behind ours."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def step_at(now: datetime) -> int:
    """The step of that moment."""
    return int((now - _EPOCH).total_seconds()) // STEP


def code(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of that step."""
    mac = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    at = mac[-1] & 0x0F
    number = struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def digits_of(given: str) -> str:
    """What a person typed, without the blanks that apps show in the middle."""
    return "".join(given.split())


def step_of(secret: bytes, given: str, now: int, last: int) -> int | None:
    """To which step `given` belongs: one around `now` and after `last`, the one that was used last. None for none: a
    wrong code, one of another time, one that was used."""
    typed = digits_of(given)
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    # All of them are compared, so that it takes as long whichever it is.
    fits = [step for step in range(now - DRIFT, now + DRIFT + 1) if hmac.compare_digest(code(secret, step), typed)]
    return next((step for step in fits if step > last), None)


def spelled(secret: bytes) -> str:
    """For those who type it: base 32, in groups of four."""
    letters = base64.b32encode(secret).decode()
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def address(secret: bytes, account: str, issuer: str) -> str:
    """What the picture for the telephone holds. `account` and `issuer` are shown there."""
    issuer = issuer.replace(":", " ").strip()
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    letters = base64.b32encode(secret).decode().rstrip("=")
    how = {"secret": letters, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP}
    return f"otpauth://totp/{label}?{urlencode(how, quote_via=quote)}"
