"""What a platform's request became is found in the logs: from its request id to the message, and on to its receipt."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.logged import logged
from tests.support.running import Running
from tests.support.shop import ANA, Shop


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


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
