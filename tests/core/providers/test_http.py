"""The hot way out against a server that fails on purpose: what was surely not said, what may have been, never twice."""

from __future__ import annotations

import os
import threading
from collections import Counter

import pytest

from core.guarded import Answer
from core.providers.http import Broken, Http, Request
from tests.faults.server import (
    FaultServer,
    Seen,
    Step,
    badjson,
    cut_after,
    cut_before,
    delay,
    drip,
    empty,
    garbage,
    hang,
    hang_before,
    ok,
    oversize,
    raw,
    status,
    truncate,
)

QUICK = {"timeout": 0.3, "connect_timeout": 0.3}


def post(server: FaultServer, path: str = "/messages", body: bytes = b'{"to": "+33639980001"}') -> Request:
    return Request("POST", server.url + path, (("Content-Type", "application/json"), ("X-Key", "é")), body)


# what arrives, and what comes back

def test_a_post_arrives_as_written_and_its_answer_comes_back() -> None:
    with FaultServer(ok({"id": 7}, 201, {"X-Id": "7"})) as server:
        answer = Http(**QUICK).request(post(server))

        assert isinstance(answer, Answer)
        assert (answer.status, answer.headers["x-id"], answer.body) == (201, "7", b'{"id": 7}')
        [seen] = server.ledger
        assert (seen.method, seen.path, seen.body) == ("POST", "/messages", b'{"to": "+33639980001"}')
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["user-agent"] == "Relance"
        assert "expect" not in seen.headers


@pytest.mark.parametrize("method, body", [
    ("GET", None), ("DELETE", None), ("PUT", b"x"), ("PATCH", b"y"), ("POST", b""), ("POST", b"z" * 300_000),
    ("DELETE", b"reason"), ("HEAD", None), ("POST", None),
])
def test_one_client_speaks_every_method_in_any_order(method: str, body: bytes | None) -> None:
    with FaultServer() as server:
        http = Http(**QUICK, connections=1)
        for sent in (post(server), Request(method, server.url, (), body), post(server)):
            assert isinstance(http.request(sent), Answer)

        assert [(seen.method, seen.body) for seen in server.ledger][1] == (method, body or b"")
        assert server.ledger[0].headers == server.ledger[2].headers


def test_a_batch_keeps_its_order_and_its_connections() -> None:
    with FaultServer(otherwise=lambda seen: ok({"path": seen.path})) as server:
        http = Http(timeout=20, connections=8)
        for _ in range(2):
            answers = http.post_all([post(server, f"/{number}") for number in range(100)])
            assert [answer.body for answer in answers if isinstance(answer, Answer)] == [
                f'{{"path": "/{number}"}}'.encode() for number in range(100)]

        assert server.connections <= 8
        assert max(Counter(seen.path for seen in server.ledger).values()) == 2


def test_an_empty_batch_is_an_empty_answer() -> None:
    assert Http().post_all([]) == []


def test_doubled_headers_are_joined_and_interim_answers_forgotten() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
    late = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
    with FaultServer(raw(early + late)) as server:
        answer = Http(**QUICK).request(post(server))

    assert isinstance(answer, Answer)
    assert (answer.status, answer.headers["x-a"]) == (200, "1, 2")
    assert "x-early" not in answer.headers


# what breaks

MAY_HAVE_BEEN_TAKEN = {
    "cut_before": (cut_before(), 0), "hang_before": (hang_before(), 0), "cut_after": (cut_after(), 1),
    "hang": (hang(), 1), "truncate": (truncate(), 1), "garbage": (garbage(), 1), "oversize": (oversize(), 1),
    "drip": (drip(), 1), "half a status line": (raw(b"HTTP/1."), 1),
    "no such status": (raw(b"HTTP/1.1 999 No\r\n\r\n"), 1),
    "endless headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"), 1),
    "half a chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc"), 1),
    "not a chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabc"), 1),
}


@pytest.mark.parametrize("step, read", MAY_HAVE_BEEN_TAKEN.values(), ids=MAY_HAVE_BEEN_TAKEN)
def test_after_we_spoke_a_broken_line_is_said_to_be_one_and_nothing_is_repeated(step: Step, read: int) -> None:
    with FaultServer(step) as server:
        broken = Http(**QUICK).request(post(server))

        assert isinstance(broken, Broken), broken
        assert broken.spoken
        assert broken.detail
        assert len(server.ledger) == read
        assert server.connections == 1


@pytest.mark.parametrize("step, read", MAY_HAVE_BEEN_TAKEN.values(), ids=MAY_HAVE_BEEN_TAKEN)
def test_nor_on_a_connection_that_was_kept(step: Step, read: int) -> None:
    # Left alone, libcurl sends a request again when a kept connection dies before the answer's first byte.
    with FaultServer(ok(), step) as server:
        http = Http(**QUICK, connections=1)
        assert isinstance(http.request(post(server)), Answer)

        broken = http.request(post(server, "/second"))

        assert isinstance(broken, Broken), broken
        assert broken.spoken
        assert [seen.path for seen in server.ledger] == ["/messages", "/second"][:1 + read]


def test_a_get_is_not_repeated_either() -> None:
    with FaultServer(ok(), cut_after()) as server:
        http = Http(**QUICK, connections=1)
        http.request(Request("GET", server.url))
        assert http.request(Request("GET", server.url)) == Broken(
            True, "the kept connection died after the request was written")
        assert len(server.ledger) == 2


def test_a_kept_connection_that_the_server_has_closed_is_noticed_before_anything_is_written() -> None:
    with FaultServer() as server:
        http = Http(**QUICK, connections=1)
        for number in range(20):
            assert isinstance(http.request(post(server, f"/{number}")), Answer)
            server.hang_up()

        assert [seen.path for seen in server.ledger] == [f"/{number}" for number in range(20)]
        assert server.connections == 20


def test_a_server_that_leaves_after_each_answer_gets_nothing_twice() -> None:
    with FaultServer(otherwise=ok(leave=True)) as server:
        answers = Http(timeout=20, connections=4).post_all([post(server, f"/{number}") for number in range(200)])

        counted = Counter(seen.path for seen in server.ledger)
        assert max(counted.values()) == 1
        for number, answer in enumerate(answers):
            assert isinstance(answer, Answer) or answer.spoken
            assert counted[f"/{number}"] == 1 or not isinstance(answer, Answer)


def test_a_refused_connection_is_surely_silence() -> None:
    with FaultServer() as server:
        server.refuse()
        broken = Http(**QUICK).request(post(server))
        assert isinstance(broken, Broken)
        assert not broken.spoken

        server.listen()
        assert isinstance(Http(**QUICK).request(post(server)), Answer)


@pytest.mark.parametrize("url", ["http://no-such-name.invalid/", "http://127.0.0.1:99999/", "https://[::1/"])
def test_a_name_or_address_that_does_not_exist_is_surely_silence(url: str) -> None:
    broken = Http(timeout=20).request(Request("POST", url, (), b""))
    assert isinstance(broken, Broken)
    assert not broken.spoken


def test_a_failing_tls_handshake_is_surely_silence() -> None:
    with FaultServer() as plain, FaultServer(tls=True) as stranger:
        for url in (plain.url.replace("http:", "https:"), stranger.url):
            broken = Http(**QUICK).request(Request("POST", url, (), b"{}"))
            assert isinstance(broken, Broken)
            assert not broken.spoken
        assert plain.ledger == stranger.ledger == []


def test_a_private_authority_can_be_named() -> None:
    with FaultServer(tls=True) as server:
        http = Http(timeout=20, ca_file=server.ca_file)
        assert isinstance(http.request(post(server)), Answer)
        server.then(cut_after())
        assert http.request(post(server)) == Broken(True, "the kept connection died after the request was written")
        assert len(server.ledger) == 2


def test_one_slow_request_does_not_hold_the_others() -> None:
    with FaultServer(otherwise=lambda seen: hang() if seen.path == "/0" else ok()) as server:
        answers = Http(**QUICK, connections=2).post_all([post(server, f"/{number}") for number in range(50)])

    assert isinstance(answers[0], Broken)
    assert all(isinstance(answer, Answer) for answer in answers[1:])


def test_a_late_answer_is_an_answer() -> None:
    with FaultServer(delay(0.05)) as server:
        assert isinstance(Http(**QUICK).request(post(server)), Answer)


@pytest.mark.parametrize("step, code", [(badjson(), 200), (empty(), 200), (status(503), 503), (status(401), 401)])
def test_what_an_answer_means_is_not_decided_here(step: Step, code: int) -> None:
    with FaultServer(step) as server:
        answer = Http(**QUICK).request(post(server))
    assert isinstance(answer, Answer)
    assert answer.status == code


def test_a_redirect_is_an_answer() -> None:
    with FaultServer() as elsewhere, FaultServer(status(302, headers={"Location": elsewhere.url})) as server:
        answer = Http(**QUICK).request(post(server))
        assert isinstance(answer, Answer)
        assert answer.status == 302
        assert elsewhere.connections == 0


def test_a_body_of_a_megabyte_is_read_and_one_byte_more_is_not() -> None:
    with FaultServer(ok(b"x" * 1_000_000), ok(b"x" * 1_000_001)) as server:
        http = Http(timeout=20)
        assert isinstance(http.request(post(server)), Answer)
        assert http.request(post(server)) == Broken(True, "the answer is too long")


# what begins

def test_each_request_is_announced_before_it_is_written() -> None:
    announced: list[int] = []
    known: list[bool] = []

    def answer(seen: Seen) -> Step:
        known.append(int(seen.path[1:]) in announced)
        return ok()

    with FaultServer(otherwise=answer) as server:
        Http(timeout=20, connections=4).post_all([post(server, f"/{number}") for number in range(20)],
                                                on_begin=announced.append)

    assert sorted(announced) == list(range(20))
    assert all(known)


def test_a_request_that_cannot_be_announced_is_not_written() -> None:
    def full(index: int) -> None:
        if index == 1:
            raise OSError("no room in the journal")

    with FaultServer() as server:
        batch = [post(server, f"/{number}") for number in range(3)]
        first, second, third = Http(**QUICK).post_all(batch, on_begin=full)

        assert isinstance(first, Answer)
        assert isinstance(second, Broken)
        assert not second.spoken
        assert "no room in the journal" in second.detail
        assert isinstance(third, Answer)
        assert sorted(seen.path for seen in server.ledger) == ["/0", "/2"]


def test_what_could_not_be_written_is_not_announced() -> None:
    announced: list[int] = []
    with FaultServer() as server:
        server.refuse()
        Http(**QUICK).post_all([post(server)], on_begin=announced.append)
    assert announced == []


# what it does not do

@pytest.mark.parametrize("broken", [
    {"method": "GET /x HTTP/1.1\r\nX:"}, {"url": "ftp://example.com"}, {"url": "http://a/ HTTP/1.1\r\nX: y"},
    {"url": "file:///etc/passwd"}, {"url": "http://é.example/"}, {"headers": (("X", "a\r\nY: b"),)},
    {"headers": (("X\n", "a"),)}, {"headers": (("X", "\ud800"),)},
])
def test_nothing_is_smuggled_into_a_request(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Request(**{"method": "POST", "url": "http://127.0.0.1/", "headers": (), "body": b"", **broken})  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_time_out_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError):
        Http(timeout=seconds)


def test_a_proxy_of_the_environment_is_not_asked() -> None:
    with FaultServer() as proxy, FaultServer() as server:
        names = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, proxy.url))
        try:
            assert isinstance(Http(**QUICK).request(post(server)), Answer)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        assert proxy.connections == 0


def test_threads_may_share_one() -> None:
    with FaultServer() as server:
        http, answers = Http(timeout=20, connections=2), []

        def send() -> None:
            answers.extend(http.post_all([post(server, f"/{number}") for number in range(30)]))
            http.close()

        threads = [threading.Thread(target=send) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(server.ledger) == len([answer for answer in answers if isinstance(answer, Answer)]) == 180


def test_a_closed_one_opens_again() -> None:
    with FaultServer() as server:
        http = Http(**QUICK)
        http.request(post(server))
        http.close()
        http.close()
        assert isinstance(http.request(post(server)), Answer)
        assert server.connections == 2


def test_a_forked_child_does_not_touch_its_parents_connections() -> None:
    with FaultServer() as server:
        http = Http(timeout=20, connections=1)
        http.request(post(server))
        child = os.fork()
        if child == 0:
            answered = isinstance(http.request(post(server, "/child")), Answer)
            os._exit(0 if answered else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

        assert isinstance(http.request(post(server)), Answer)
        assert [seen.connection for seen in server.ledger] == [1, 2, 1]
