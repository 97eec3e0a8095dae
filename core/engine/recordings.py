"""A received request as a recording that may be shown: people and secrets masked, everything else as it came."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from core.contract import Inbound

_SECRET = re.compile(r"authorization|cookie|token|secret|password|api[-_]?key|access[-_]?key|\bsig\b|signature|hmac",
                     re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+%\-]+@[\w\-]+(?:\.[\w\-]+)+")
_NUMBER = re.compile(r"(?<![\w.])(\+|00)?\d(?:[\s.\-/()]?\d){7,14}(?![\w.])")
_PERSON = re.compile(r"name|nom|address|street|adresse|city|ville|zip|postal|birth|company|iban|note|comment",
                     re.IGNORECASE)
_KEPT = re.compile(r"id$|_id\b|event|topic|status|state|currency|type", re.IGNORECASE)
# Arcep keeps +33 6 39 98 00 00 to 99 for fiction: nobody owns them.
_FICTION = "+336399800"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def masked(request: Inbound, *, adapter: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The recording, a JSON object that `Inbound.read` reads back. The same number, address or name is masked the same
    way each time it occurs, so that what belongs together stays together. Signatures are masked and no longer match."""
    return {
        **json.loads(Inbound(request.method, _url(request.url), tuple(
            (name, "…" if _SECRET.search(name) else _text(value)) for name, value in request.headers),
            _body(request), request.received_at).written()),
        "adapter": adapter,
        "config": {name: value for name, value in config.items() if not _SECRET.search(name)},
        "masked": True,
    }


def masked_text(body: str) -> str:
    """A body that we sent or received, for people who may not see whom it is about."""
    return _body(Inbound("POST", "", (), body.encode("utf-8", "replace"), _NEVER)).decode()


def _url(url: str) -> str:
    parts = urlsplit(url)
    query = [(name, "…" if _SECRET.search(name) or name in ("code", "state") else _text(value))
             for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    return urlunsplit(parts._replace(netloc=parts.hostname or "", query=urlencode(query, safe="…")))


def _body(request: Inbound) -> bytes:
    text = request.body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        pass
    else:
        return json.dumps(_value("", value), ensure_ascii=False).encode()
    kind = request.optional_header("content-type") or ""
    if "urlencoded" in kind:
        pairs = [(name, str(_value(name, value))) for name, value in parse_qsl(text, keep_blank_values=True)]
        return urlencode(pairs).encode()
    return _text(text).encode()


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(str(key), one) for key, one in value.items()}
    if isinstance(value, list):
        return [_value(name, one) for one in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET.search(name):
        return "…"
    if _PERSON.search(name) and not _KEPT.search(name):
        return f"X{_mark(value, 4)}"
    return _text(value)


def _text(text: str) -> str:
    text = _EMAIL.sub(lambda found: f"x{_mark(found.group().lower(), 6)}@example.com", text)
    return _NUMBER.sub(lambda found: _number(found.group()), text)


def _number(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    # Ids of platforms and moments in seconds look like numbers too; only what is written like a telephone's is masked.
    if not text.startswith(("+", "0")) and len(digits) == len(text):
        return text
    return f"{_FICTION}{int(_mark(digits[-9:], 8), 16) % 100:02d}"


def _mark(text: str, length: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:length]
