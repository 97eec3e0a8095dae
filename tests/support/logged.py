"""All that is logged, by us and by libraries, for a test to read; the process logs as before once that is over."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

import structlog

from core import logs


@contextlib.contextmanager
def logged(level: str = "debug") -> Iterator[io.StringIO]:
    """What was written until now, at that level and above."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    logs.configure(level)
    stream = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(before)
    structlog.reset_defaults()
