"""Structured logs: one JSON event each, numbers masked, without bodies, tokens or e-mail addresses."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog

_NUMBER = re.compile(r"(?<![\w.])(?:\+|00|0)[1-9](?:[ .\-]?\d){6,13}(?!\w)")
_EMAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[A-Za-z]{2,}")
_KEY = re.compile(r"\brk_(?:live|test)_[A-Za-z0-9_\-]+")
_SECRET_NAMES = re.compile(
    r"code|state|token|secret|password|key|signature|hmac|authorization|cookie|verifier|body|text", re.IGNORECASE
)
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
        if name.startswith("_"):
            continue
        if _SECRET_NAMES.search(name) and name not in _OURS:
            event[name] = "…"
        elif isinstance(value, str):
            event[name] = without_people(value)
    return event


def without_people(text: str) -> str:
    """`text` with numbers, e-mail addresses and keys masked: `+33612345678` is `…78`."""
    text = _KEY.sub("rk_…", text)
    text = _EMAIL.sub("…@…", text)
    return _NUMBER.sub(lambda found: f"…{found.group()[-2:]}", text)


def query_shown(query: str) -> str:
    """A query string for the access log: only the values of names that hold no secret and no person."""
    pairs = parse_qsl(query[:2000], keep_blank_values=True, max_num_fields=None)
    shown = ((quote(name[:40]), quote(value[:80]) if name in _PUBLIC_QUERY else "…") for name, value in pairs[:30])
    return "&".join(f"{name}={value}" for name, value in shown)
