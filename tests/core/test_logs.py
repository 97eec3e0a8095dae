"""A log tells what happened and to whom it may not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from core import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, with the logging of the process put back afterwards."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure("info")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "said, shown",
    [
        ("to +33612345678 it went", "to …78 it went"),
        ("06 12 34 56 78", "…78"),
        ("0033612345678", "…78"),
        ("ana@example.org wrote", "…@… wrote"),
        ("key rk_live_abcDEF-123 used", "key rk_… used"),
        ("msg_06h160xwxcsfxared9ne", "msg_06h160xwxcsfxared9ne"),
        ("42 messages in 300 ms", "42 messages in 300 ms"),
        ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
    ],
)
def test_people_are_masked(said: str, shown: str) -> None:
    assert logs.without_people(said) == shown


def test_a_query_shows_only_what_is_harmless() -> None:
    query = "limit=5&code=s3cret&to=%2B33612345678&state=a-secret-of-the-dance&dry_run=true"

    assert logs.query_shown(query) == "limit=5&code=…&to=…&state=…&dry_run=true"


def test_an_event_is_one_line_of_json_without_secrets(written: io.StringIO) -> None:
    structlog.get_logger("core.test").warning(
        "refused", to="+33612345678", access_token="s3cret", body="Bonjour", text="line\nbreak", code="too_late"
    )
    logging.getLogger("library").warning("called %s", "+33612345678")

    ours, theirs = (json.loads(line) for line in written.getvalue().splitlines())
    assert (ours["event"], ours["to"], ours["code"], ours["level"]) == ("refused", "…78", "too_late", "warning")
    assert (ours["access_token"], ours["body"], ours["text"]) == ("…", "…", "…")
    assert theirs["event"] == "called …78"
    assert "s3cret" not in written.getvalue()
