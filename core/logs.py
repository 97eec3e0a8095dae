"""Structured logs: one JSON event each, numbers masked, without bodies, tokens or e-mail addresses."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog

# Whatever looks like digits of a number, as people write them (+33 (0)6…, 06 12…) and as the wire bears them (bare
# digits, %2B33…). Each repetition begins with another kind of character, so that no text makes it slow.
_DIGITS = re.compile(
    r"(?<![\w.])(?:\(?\+|%2[Bb])?\(?\d(?:[ .\-()\u00a0\u202f]{0,2}\d){6,16}(?!\w|-\w)"
    r"|(?<=\w)\+[1-9]\d{6,14}(?!\w)"
)
_A_MOMENT = re.compile(r"1[5-9](?:\d{8}|\d{11})")
"""Seconds or milliseconds since 1970, of these decades."""
_EMAIL = re.compile(r"[^\s@\"'<>]{1,64}@[^\s@\"'<>]{1,200}\.[A-Za-z]{2,24}")
_KEY = re.compile(r"\brk_(?:live|test)_[A-Za-z0-9_\-]+")
# What libraries quote of a call that failed: a secret in an address, a header that proves who we are.
_IN_AN_ADDRESS = re.compile(
    r"(?<=[?&])([\w.\-]{0,40}(?:code|state|token|secret|passw|key|sig|hmac|verifier)[\w.\-]{0,40}=)[^&\s'\"]+",
    re.IGNORECASE,
)
_USER = re.compile(r"(?<=://)[^\s/@:]{0,200}:[^\s/@]{1,200}(?=@)")
_PROOF = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=\-]+", re.IGNORECASE)
_SECRET_NAMES = re.compile(
    r"code|state|token|secret|password|key|signature|hmac|authorization|cookie|verifier|body|text", re.IGNORECASE
)
_AN_ID = re.compile(r"[a-z]{3}_[0-9a-z]{8,32}")
"""One of our own: a line of a batch holds twenty, and nobody is in them."""
LONGEST = 20_000
"""Characters of one value: a trace fits, a body that somebody sent does not."""
_PERSON_NAMES = re.compile(r"^(?:to|from|sender|recipient|phone|msisdn|mobile|number|email)$", re.IGNORECASE)
# Names under which the house itself says harmless things.
_OURS = frozenset({"code", "state", "error_code", "event", "key_id"})
_PUBLIC_QUERY = frozenset(
    {"limit", "after", "dry_run", "wait", "installation", "campaign", "since", "until", "reference", "problem"}
)


def configure(level: str = "info") -> None:
    """One JSON line for each event, on standard error; ours and the libraries' alike."""
    number = getattr(logging, level.upper())
    handler = logging.StreamHandler(sys.stderr)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        masked,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for chatty in ("urllib3", "googleapiclient", "apscheduler", "waitress.queue", "alembic"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # A logger that was used before must follow a later setting; the way of a message logs once for each batch.
        cache_logger_on_first_use=False,
    )


def masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event without what a log must not hold; a processor for structlog."""
    for name, value in event.items():
        if not name.startswith("_"):
            event[name] = _shown(name, value)
    return event


def _shown(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name) and name not in _OURS:
        return "…"
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and not _PERSON_NAMES.match(name)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown("", inner) for inner in value]
    # An exception quotes what it failed on; so may anything else that is no text.
    text = value if isinstance(value, str) else str(value)
    if _AN_ID.fullmatch(text):
        return text
    return without_people(text if len(text) <= LONGEST else text[:LONGEST] + "…")


def without_people(text: str) -> str:
    """`text` with numbers, e-mail addresses, keys and the secrets of addresses masked: `+33612345678` is `…78`."""
    text = _KEY.sub("rk_…", text)
    text = _IN_AN_ADDRESS.sub(r"\1…", text)
    text = _PROOF.sub(r"\1 …", _USER.sub("…", text))
    text = _EMAIL.sub("…@…", text)
    return _DIGITS.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    said = found.group()
    bare = said.isdigit() and not said.startswith("0")
    if bare and (not 10 <= len(said) <= 15 or _A_MOMENT.fullmatch(said)):
        return said
    if said[0].isdigit() and not bare and not said.startswith("0"):
        # Dates, sums and versions have separators as well.
        return said
    return f"…{said[-2:]}"


def query_shown(query: str) -> str:
    """A query string for the access log: only the values of names that hold no secret and no person."""
    pairs = parse_qsl(query[:2000], keep_blank_values=True, max_num_fields=None)
    shown = ((quote(name[:40]), quote(value[:80]) if name in _PUBLIC_QUERY else "…") for name, value in pairs[:30])
    return "&".join(f"{name}={value}" for name, value in shown)
