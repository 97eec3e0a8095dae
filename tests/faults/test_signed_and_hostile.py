"""Bodies that are signed as they should be and hold anything: a clear answer, no fault of ours, no memory that grows.

Six platforms post here; `tests/core/web/test_hostile.py` throws the unsigned kind at every address.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.web.app import MOST_BODY
from tests.contract.test_providers import HOSTILE, changed
from tests.faults.test_replays import (
    CustomShop,
    HubSpotAccount,
    Platform,
    SalesforceOrg,
    ShopifyShop,
    WooShop,
    WordPress,
    there,
)

SHORT, LONG = 120, 10_000
VALUES: list[Any] = [
    None, True, 0, -1, 2**63, 2**64, 1.5, 1e308, "", "x", "\x00", "\ud800", "9" * 400, "x" * 70_000, "+33639980001",
    "sNaN", "1e999999", "-0.00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-45", [], [[]], {},
    {"a": {"b": [None]}}, [{}] * 50, "'; DROP TABLE messages;--", "{{7*7}}", "<script>", "‮", "🙂" * 300, "https://[::1",
    "javascript:alert(1)", "..", "FR", "EUR", "fr-FR",
]  # fmt: skip


def address(platform: Platform, body: bytes, dice: random.Random) -> tuple[str, dict[str, str]]:
    """Where this platform would post `body`, with all that proves it."""
    if isinstance(platform, ShopifyShop):
        topic = dice.choice(["checkouts/update", "orders/create", "orders/fulfilled", "customers/redact",
                             "customers_marketing_consent/update", "nonsense/topic"])
        return f"/hooks/shopify/{platform.id}", platform.fake.headers(topic, body)
    if isinstance(platform, WooShop):
        key, hook = dice.choice(list(platform.fake.hooks.items()))
        return urlsplit(hook["delivery_url"]).path, platform.fake.headers(
            hook["topic"], body, secret=hook["secret"], hook=key)
    if isinstance(platform, HubSpotAccount):
        path = "/hooks/hubspot/" + dice.choice(["actions/send", "actions/cancel", "options/template", "webhooks"])
        return path, platform.fake.signed(platform.relance.url + path, body, platform.now())
    if isinstance(platform, SalesforceOrg):
        base, secret = urlsplit(platform.made["hook_url"]).path, platform.made["signing_secret"]
        topic = dice.choice(["send", "schedule", "cancel", f"outbound/{secret}"])
        kind = "text/xml; charset=utf-8" if topic.startswith("outbound") else "application/json"
        return f"{base}/{topic}", {"Authorization": f"Bearer {secret}", "Content-Type": kind}
    made = platform.signed(body)  # type: ignore[attr-defined]
    return urlsplit(made[0]).path, made[1]


def twisted(body: bytes, dice: random.Random) -> bytes:
    """A good body with something else in it, or cut, or another one altogether."""
    how = dice.random()
    if how < 0.1:
        return dice.choice(HOSTILE)
    if how < 0.25:
        at = dice.randrange(len(body))
        return body[:at] + bytes([dice.randrange(256)] * dice.choice([0, 1, 3])) + body[at + dice.choice([0, 1, 40]):]
    try:
        said = json.loads(body)
    except ValueError:
        return body.replace(dice.choice([b"<o:Id>", b"Contact", b"</r:Id>"]), b"&x;" if how < 0.5 else b"<![CDATA[", 1)
    for _ in range(dice.randint(1, 3)):
        said = changed(said, [dice.randrange(20) for _ in range(dice.randint(1, 6))], dice.choice(VALUES))
    return json.dumps(said).encode("utf-8", "surrogatepass")


def memory() -> int:
    """Megabytes that this process, the house in it, holds."""
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines()
                    if line.startswith("VmRSS")).split()[1]) // 1024


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [CustomShop, WordPress, ShopifyShop, WooShop, HubSpotAccount, SalesforceOrg])
def test_whatever_a_genuine_request_holds_it_is_answered(tmp_path: Path, kind: type[Platform], count: int) -> None:
    dice, statuses, slowest = random.Random(23), Counter[int](), 0.0
    with there(kind, tmp_path / "house") as platform:
        good = [_body(platform.happens(number)) for number in range(8)]
        line = http.client.HTTPConnection(platform.relance.url.removeprefix("http://"), timeout=30)
        before = 0
        for number in range(count):
            body = twisted(dice.choice(good), dice)
            path, headers = address(platform, body, dice)
            began = time.process_time()
            try:
                line.request("POST", path, body, headers)
                answer = line.getresponse()
                answer.read()
            except (BrokenPipeError, ConnectionResetError):
                # The rest of a body that is too large is not waited for.
                assert len(body) > MOST_BODY
                line.close()
                statuses[413] += 1
                continue
            slowest = max(slowest, time.process_time() - began)
            statuses[answer.status] += 1
            assert answer.status < 500, (answer.status, path, body[:2000])
            if answer.getheader("Connection", "").lower() == "close":
                line.close()
            if number == min(count // 5, 1_000):
                before = memory()
        line.close()
        grown = memory() - before
        platform.relance.settle()
        print(f"{kind.__name__}: {dict(statuses)}, slowest {slowest:.2f} s, memory {grown:+} MB")

        assert statuses[200] + statuses[202] + statuses[204] > count // 40, "some of it can be read"
        assert slowest <= 2
        assert grown <= 50


def _body(said: Any) -> bytes:
    """The bytes of what a platform is about to say."""
    if isinstance(said, bytes):
        return said
    if isinstance(said, list):
        return bytes(said[0][2])
    return next(part for part in said if isinstance(part, bytes))
