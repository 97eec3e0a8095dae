"""What Shopify signs, and how: the query of a browser that it sends back, and the body of what it posts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from core.domain.errors import NotAuthentic

SHOP = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com")
# Who comes from Shopify's admin may have to sign in here first. It is the state, good once and for ten minutes, that
# keeps a return from being used again; an invitation only leads back to Shopify.
CALLBACK_LIVES = timedelta(days=1)
CLOCKS_DIFFER = timedelta(seconds=90)


def is_shop(host: str) -> bool:
    """Whether `host` is the whole canonical name of a shop; nothing else becomes part of an address."""
    return len(host) <= 200 and SHOP.fullmatch(host) is not None


def signed_query(pairs: Iterable[tuple[str, str]]) -> bytes:
    """What is signed of a query, given decoded: sorted `name=value`, without `hmac` and its forerunner `signature`.

    A name that came as a list (`ids[]`) is signed once, as `ids=["1", "2"]`.
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in ("hmac", "signature"):
            values.setdefault(name, []).append(value)
    lines = []
    for name, given in values.items():
        listed = name.endswith("[]")
        value = "[" + ", ".join(f'"{one}"' for one in given) + "]" if listed else given[-1]
        plain = name.removesuffix("[]")
        lines.append(f"{_escaped(plain).replace('=', '%3D')}={_escaped(value)}")
    return "&".join(sorted(lines)).encode("utf-8", "surrogatepass")


def check_query(pairs: Sequence[tuple[str, str]], secrets: Sequence[str], now: datetime) -> str:
    """The shop that a genuine query names, in lower case. Raises `NotAuthentic`: signature first, then the shop's name,
    then the age of the moment that it bears."""
    named = dict(pairs)
    if len(named) != len([name for name, _ in pairs if not name.endswith("[]")]) + len(
        {name for name, _ in pairs if name.endswith("[]")}
    ):
        raise NotAuthentic("a parameter came twice")
    said = named.get("hmac", "")
    message = signed_query(pairs)
    if not said or not _any(
        hmac.compare_digest(hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode(), said.encode())
        for secret in secrets
    ):
        raise NotAuthentic("the signature of the address does not match")
    shop = named.get("shop", "")
    if not is_shop(shop):
        raise NotAuthentic("not the name of a shop")
    stamp = named.get("timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise NotAuthentic("the address bears no moment")
    age = now.timestamp() - int(stamp)
    if not -CLOCKS_DIFFER.total_seconds() <= age <= CALLBACK_LIVES.total_seconds():
        raise NotAuthentic("the address is not of this moment")
    return shop.lower()


def check_body(body: bytes, said: str, secrets: Sequence[str]) -> None:
    """Raises `NotAuthentic` unless `said` is the base64 signature of the bytes as they came, by one of `secrets`: after
    a change of secret the old one still signs for up to an hour. An empty body is never genuine."""
    if not body:
        raise NotAuthentic("an empty body")
    if not _any(hmac.compare_digest(body_signature(body, secret).encode(), said.encode()) for secret in secrets):
        raise NotAuthentic("the signature does not match")


def body_signature(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def _any(answers: Iterable[bool]) -> bool:
    # All of them are tried, so that the time taken does not say which secret it was.
    return sum(answers) > 0


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")
