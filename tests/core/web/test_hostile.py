"""Whatever comes from outside: a clear 4xx, quickly, and nothing that was accepted is lost."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.domain.errors import RelanceError
from core.storage import tables as t
from core.web.api.given import Message
from core.web.api.messages import read
from core.web.api.reading import parsed
from core.web.documents import all_routes
from core.web.limits import Buckets
from core.web.problems import Malformed
from tests.support.running import Running

GOOD = {"to": "+33639980001", "class": "transactional", "body": "Bonjour"}


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("hostile")) as running:
        for callers in ("relance_limits", "relance_strangers"):
            running.app.extensions[callers] = Buckets(1e9, 1e9)
        yield running


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["to", "class", "body", "template", "data", "channels", "send_at", "zone", "expires_at", "reference", "country",
         "sender", "language"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8))
@settings(max_examples=300)
def test_reading_a_message_is_total(change: dict[str, Any]) -> None:
    with suppress(RelanceError):
        read({**GOOD, **change}, test=True)


VALUES = st.sampled_from(
    [None, "", "x", "+33639980001", "sms", ["sms"], ["fax"], [], {}, {"a": 1}, 7, True, "transactional", "FR", "fr",
     "x" * 141, "x" * 4001, "x" * 17, "2026-12-01T18:00:00Z", "Europe/Paris"]
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
@settings(max_examples=400)
def test_the_hand_written_reader_refuses_what_the_schema_refuses(change: dict[str, Any]) -> None:
    one = {**GOOD, **change}
    if not Message().validate(one):
        return
    with pytest.raises(RelanceError):
        read(one, test=True)


@given(st.binary(max_size=300) | ANYTHING.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300)
def test_reading_a_body_is_total(body: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(parsed(body), dict)


PIECES = [
    b"", b"{}", b"[]", b"null", b'{"a":NaN}', rb'{"to":"\ud83d"}', b'{"to":"\xc3\x28"}', b'{"a":1,"a":2}', b"[" * 5000,
    b'{"a":' * 300, json.dumps(GOOD).encode(), b'{"messages":[' + b"{}," * 50 + b"{}]}", b'{"limit":1e999}',
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"a=1&b=2", b"\x1f\x8b\x08\x00broken",
]  # fmt: skip
TYPES = ["application/json", "application/json; charset=utf-16", "text/xml", "multipart/form-data; boundary=x", "", "é"]
SEGMENTS = ["msg_x", "%00", "..", "%2e%2e%2f", "a" * 300, "'; DROP TABLE messages;--", "%ff%fe", "ins_x", "simulator",
            "gcal_reminders", "{{7*7}}", "🙂"]  # fmt: skip
QUERIES = ["", "?limit=-1", "?limit=999999999999999999999", "?after=%00", "?since=2026-13-45T99:99", "?state=%F0%9F",
           "?dry_run=maybe", "?a=1&a=2", "?" + "x=1&" * 400, "?to=" + "9" * 900, "?occasion=x&message=y"]  # fmt: skip


def attack(dice: random.Random, relance: Running) -> tuple[str, str, bytes, dict[str, str]]:
    public = ["/healthz", "/readyz", "/openapi.json", "/docs", "/errors/{id}", "/hooks/{id}", "/hooks/{id}/{id}",
              "/hooks/{id}/{id}/{id}", "/providers/{id}/receipts", "/providers/{id}/replies/{id}", "/connect/{id}",
              "/connect/{id}/callback", "/{id}"]  # fmt: skip
    paths = [route.path for route in all_routes()] + public
    path = dice.choice(paths)
    for name in ("{id}", "{key}", "{delivery}"):
        while name in path:
            path = path.replace(name, dice.choice(SEGMENTS), 1)
    path = path.encode("ascii", "ignore").decode().replace(" ", "%20") + dice.choice(QUERIES)
    method = dice.choice(["GET", "POST", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD"])
    headers = {"Content-Type": dice.choice(TYPES).encode("latin-1", "ignore").decode("latin-1")}
    if dice.random() < 0.8:
        headers["Authorization"] = f"Bearer {relance.client.key}"
    elif dice.random() < 0.5:
        headers["Authorization"] = dice.choice(["Bearer rk_test_" + "é" * 5, "Bearer", "Basic eDp5", "\x7f"])
    if dice.random() < 0.1:
        headers["Content-Encoding"] = dice.choice(["gzip", "br", "GZIP", "identity"])
    if dice.random() < 0.1:
        headers["Idempotency-Key"] = dice.choice(["", "x" * 300, "k1", "k2"])
    body = dice.choice(PIECES)
    if body and dice.random() < 0.3:
        cut = dice.randrange(len(body))
        body = body[:cut] + bytes([dice.randrange(256)]) + body[cut + 1 :]
    return method, path, body, headers


def bombard(relance: Running, count: int, seed: int) -> tuple[Counter[int], float, int]:
    """Statuses, the seconds that this process worked for the slowest answer, and how many messages were accepted."""
    dice = random.Random(seed)
    host = relance.url.removeprefix("http://")
    line = http.client.HTTPConnection(host, timeout=20)
    statuses: Counter[int] = Counter()
    slowest, accepted = 0.0, 0
    for _ in range(count):
        method, path, body, headers = attack(dice, relance)
        began = time.process_time()
        line.request(method, path, body, headers)
        answer = line.getresponse()
        said = answer.read()
        slowest = max(slowest, time.process_time() - began)
        if answer.status >= 500 and not path.startswith("/readyz"):
            raise AssertionError(f"{answer.status} for {method} {path} {body[:80]!r} {headers}")
        statuses[answer.status] += 1
        if answer.status == 201 and path.partition("?")[0] == "/v1/messages":
            accepted += b'"msg_' in said and answer.getheader("Idempotent-Replayed") is None
        if answer.getheader("Connection", "").lower() == "close":
            line.close()
    line.close()
    return statuses, slowest, accepted


def stored(relance: Running) -> int:
    with relance.suite.database.read() as tx:
        return int(tx.connection.execute(select(func.count()).select_from(t.messages)).scalar() or 0)


def test_a_few_hundred_hostile_requests(relance: Running) -> None:
    before = stored(relance)

    statuses, slowest, accepted = bombard(relance, 400, seed=7)

    assert slowest <= 2
    assert statuses[404]
    assert statuses[400] + statuses[415] + statuses[422]
    assert stored(relance) == before + accepted


@pytest.mark.slow
def test_ten_thousand_hostile_requests(relance: Running) -> None:
    before = stored(relance)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda seed: bombard(relance, 2500, seed), range(4)))

    assert max(slowest for _, slowest, _ in results) <= 2
    assert stored(relance) == before + sum(accepted for _, _, accepted in results)


PARTS = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PARTS, query=PARTS)
def test_no_address_breaks_the_house(relance: Running, path: str, query: str) -> None:
    client = relance.app.test_client()
    for base in ("/", "/v1/messages/", "/hooks/", "/errors/", "/providers/"):
        assert client.get(base + path, query_string=query).status_code < 500
