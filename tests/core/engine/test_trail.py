"""What a platform's request became is found in the logs: from its request id to the message, and on to its receipt."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from core import logs
from tests.support.running import Running
from tests.support.shop import ANA, Shop


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure("debug")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_request_is_followed_from_the_hook_to_the_receipt_and_the_lines_name_nobody(
    tmp_path: Path, written: io.StringIO
) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h")
        shop.cart()
        relance.forward(timedelta(hours=1))
        relance.forward(timedelta(minutes=1))
        (phone,) = relance.phones()
        text, message = phone["text"], relance.client.get("/v1/messages").json()["data"][0]["id"]
    lines = [json.loads(line) for line in written.getvalue().splitlines()]

    (hook,) = [one for one in lines if one.get("route", "").startswith("/hooks/") and one["event"] == "request"]
    mine = [one for one in lines if message in one.get("messages", ())]
    assert [one["event"] for one in mine] == ["messages accepted", "handed over", "receipts taken"]
    assert mine[0]["request_id"] == hook["request_id"]
    assert (mine[1]["outcome"], mine[1]["provider"]) == ("accepted", "simulator")
    said = written.getvalue()
    for secret in (ANA, ANA.removeprefix("+"), "ana@example.org", text, shop.secret, relance.client.key or "?"):
        assert secret not in said
