"""The failing server itself: its script is one request a step; as a proxy it lets a real one answer, and then fails."""

from __future__ import annotations

import pytest

from core.guarded import FetchFailed, Guarded
from tests.faults.server import FaultServer, cut_after, cut_before, ok, status, through


def test_a_proxy_hands_on_both_ways() -> None:
    with FaultServer(ok({"id": 9}, 202, {"X-Trace": "t"})) as real, FaultServer(through(real.url)) as proxy:
        answer = Guarded(allow_private=True).request("POST", proxy.url + "/messages?x=1", {"X-Key": "k"}, b"{}")

        assert (answer.status, answer.body, answer.headers["x-trace"]) == (202, b'{"id": 9}', "t")
        [seen] = real.ledger
        assert (seen.method, seen.path, seen.body, seen.headers["x-key"]) == ("POST", "/messages?x=1", b"{}", "k")


def test_a_proxy_can_lose_the_answer_of_what_was_taken() -> None:
    with FaultServer() as real, FaultServer(through(real.url, cut_after())) as proxy:
        with pytest.raises(FetchFailed):
            Guarded(allow_private=True).request("POST", proxy.url, {}, b"{}")
        assert len(real.ledger) == 1


def test_the_script_then_the_rest() -> None:
    with FaultServer(status(429), cut_before(), otherwise=lambda seen: ok({"path": seen.path})) as server:
        guarded = Guarded(allow_private=True)
        assert guarded.get(server.url + "/1").status == 429
        with pytest.raises(FetchFailed):
            guarded.get(server.url + "/2")
        assert guarded.get(server.url + "/3").body == b'{"path": "/3"}'
        server.then(status(500))
        assert guarded.get(server.url + "/4").status == 500
        assert [seen.path for seen in server.ledger] == ["/1", "/3", "/4"]
