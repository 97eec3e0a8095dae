"""A log tells what happened and to whom it may not."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator

import pytest
import structlog

from core import logs
from tests.support.logged import logged


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    with logged("info") as stream:
        yield stream


@pytest.mark.parametrize(
    "said, shown",
    [
        ("to +33612345678 it went", "to …78 it went"),
        ("06 12 34 56 78", "…78"),
        ("0033612345678", "…78"),
        # As providers write them, as people do, and as addresses bear them.
        ("to 33612345678 ok", "to …78 ok"),
        ("+33 (0)6 12 34 56 78", "…78"),
        ("+1 (415) 555-2671", "…71"),
        ("(+33)612345678", "…78"),
        ("06\u00a012\u202f34 56.78", "…78"),
        ("To=%2B33612345678&MediaUrl=x", "To=…78&MediaUrl=x"),
        ("sms:+33612345678,x+33612345678", "sms:…78,x…78"),
        ("ana@example.org wrote", "…@… wrote"),
        ("key rk_live_abcDEF-123 used", "key rk_… used"),
        ("msg_06h160xwxcsfxared9ne", "msg_06h160xwxcsfxared9ne"),
        # What a library quotes of a call that failed.
        ("GET /v1?consumer_key=c&page=2&hub.verify_token=t", "GET /v1?consumer_key=…&page=2&hub.verify_token=…"),
        ("Authorization: Bearer ey.J-x_1 refused", "Authorization: Bearer … refused"),
        ("postgresql://relance:s3cret@db/relance", "postgresql://…@db/relance"),
        ("amqp://u:p@127.0.0.1:5672//", "amqp://…@127.0.0.1:5672//"),
        # And what is no person's.
        ("1764097200 and 1764097200123 on 2026-12-01 18:00", "1764097200 and 1764097200123 on 2026-12-01 18:00"),
        ("00000000-0000-4000-8000-00000000aa01", "00000000-0000-4000-8000-00000000aa01"),
        ("127.0.0.1:8000 v2026.11.25", "127.0.0.1:8000 v2026.11.25"),
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


def test_what_lies_deeper_and_what_is_no_text_is_masked_too(written: io.StringIO) -> None:
    structlog.get_logger("core.test").warning(
        "refused", said={"to": "+33612345678", "token": "s3cret", "tries": 3}, seen=["0612345678", 7], to=33612345678,
        error=ValueError("no such number: 33612345678"), count=12_345_678_901,
    )  # fmt: skip

    shown = json.loads(written.getvalue())
    assert shown["said"] == {"to": "…78", "token": "…", "tries": 3}
    assert (shown["seen"], shown["to"], shown["count"]) == (["…78", 7], "…78", 12_345_678_901)
    assert shown["error"] == "no such number: …78"


def test_no_text_is_slow_to_mask() -> None:
    for piece in ("1", "(1", "+1 ", "1.", "%2B1", "?a.", "a@", "://a:", "Bearer ", "0-"):
        began = time.perf_counter()
        logs.without_people(piece * (20_000 // len(piece)))
        assert time.perf_counter() - began < 1, piece
