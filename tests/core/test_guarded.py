"""Addresses that were given to us: which are read, which are called, and that nothing in between changes that."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput, NotNow
from core.guarded import Address, FetchFailed, Guarded, check_address, is_public
from tests.faults.server import (
    FaultServer,
    Step,
    cut_after,
    cut_before,
    drip,
    garbage,
    gzipped,
    hang,
    ok,
    oversize,
    raw,
    status,
    truncate,
)

LOOPBACK = ipaddress.ip_network("127.0.0.1/32")

HOSTILE = """
    http://127.0.0.1/ http://127.0.0.1:8000/ http://127.1/ http://127.0.1/ http://2130706433/ http://0x7f000001/
    http://0x7f.1/ http://0x7f.0.0.1/ http://0177.0.0.1/ http://017700000001/ http://127.0.0.01/ http://0/ http://0.0.0.0/
    http://localhost/ http://LOCALHOST/ http://localhost./ http://x.localhost/ http://127.0.0.1./ http://127.255.255.254/
    http://10.0.0.1/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.1.1/ http://169.254.169.254/latest/meta-data/
    http://169.254.170.2/ http://100.64.0.1/ http://100.100.100.200/ http://192.0.0.192/ http://192.0.2.1/
    http://198.18.0.1/ http://198.51.100.7/ http://203.0.113.9/ http://224.0.0.1/ http://239.255.255.250/ http://240.0.0.1/
    http://255.255.255.255/ http://192.88.99.1/ http://[::]/ http://[::1]/ http://[0:0:0:0:0:0:0:1]/
    http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::ffff:169.254.169.254]/ http://[::127.0.0.1]/
    http://[64:ff9b::7f00:1]/ http://[64:ff9b::10.0.0.1]/ http://[64:ff9b:1::1]/ http://[2002:7f00:1::]/
    http://[2002:a00:1::1]/ http://[2001:0:7f00:1::]/ http://[fe80::1]/ http://[fe80::1%25eth0]/ http://[fc00::1]/
    http://[fd00:ec2::254]/ http://[ff02::1]/ http://[2001:db8::1]/ http://[3fff::1]/ http://[100::1]/ http://[5f00::1]/
    http://１２７.０.０.１/ http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://ｌｏｃａｌｈｏｓｔ/ http://%31%32%37.0.0.1/
    http://user@example.com/ http://user:secret@example.com/ http://example.com@127.0.0.1/ http://127.0.0.1#@example.com/
    http://127.0.0.1\\@example.com/ http://example.com\\@127.0.0.1/ http:\\\\127.0.0.1/ https:127.0.0.1 http:///127.0.0.1/
    http:/127.0.0.1/ //127.0.0.1/ 127.0.0.1 file:///etc/passwd ftp://example.com/ gopher://127.0.0.1:6379/_x
    dict://127.0.0.1:11211/ javascript:alert(1) data:text/plain,x jar:http://127.0.0.1!/ unix:/run/docker.sock
    http://example.com:0/ http://example.com:/ http://example.com:65536/ http://example.com:-1/ http://example.com:80:80/
    http://example.com:８０８０x/ http://exa%6dple.com/ http://exa..mple.com/ http://.example.com/ http://-.example.com/
    http:// https:// http://? http://# http://[/ http://[v1.x]/ http://[::1/ http://1.2.3/ http://1.2.3.4.5/ http://256.1.1.1/
    http://example.0x7f/ http://a.b.127/
""".split()

PUBLIC = {
    "https://example.com": "https://example.com/",
    "HTTPS://Example.COM:443/A?b=c#d": "https://example.com/A?b=c",
    " https://example.com/x ": "https://example.com/x",
    "http://example.com:8080/x": "http://example.com:8080/x",
    "https://example.com./x": "https://example.com/x",
    "https://bücher.example/é?q=à b".replace(" ", "%20"): "https://xn--bcher-kva.example/%C3%A9?q=%C3%A0%20b",
    "https://8.8.8.8/": "https://8.8.8.8/",
    "https://[2606:4700::1111]/": "https://[2606:4700::1111]/",
    "https://my_shop.example.com/": "https://my_shop.example.com/",
    "https://calendar.google.com/calendar/ical/a%40group/private-1/basic.ics":
        "https://calendar.google.com/calendar/ical/a%40group/private-1/basic.ics",
}


class Names:
    """A resolver by script: each look-up of a name takes its next answer; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def why(error: pytest.ExceptionInfo[BadInput]) -> str:
    assert error.value.reason.code == "address_not_allowed"
    return str(error.value.reason.values["why"])


def named(server: FaultServer, path: str = "/", host: str = "shop.example") -> str:
    return f"http://{host}:{server.port}{path}"


# reading

def test_there_are_many_hostile_addresses() -> None:
    assert len(set(HOSTILE)) >= 46


@pytest.mark.parametrize("url", [
    *HOSTILE, "", "http://example.com/\r\nX: y", "http://exam\tple.com/", "http://example.com/a b",
    "http://exa\0mple.com/",
    "http://example.com/\x7f", "http://127.0.0.1\u2028/", "http://example.com／@127.0.0.1/",
    "https://example.com/" + "x" * 2000, "http://" + "a" * 64 + ".com/", "http://" + "a." * 130 + "com/", "http://example.com/\ud800",
])
def test_a_hostile_address_is_neither_taken_nor_looked_up(url: str) -> None:
    names = Names(["8.8.8.8"])
    with pytest.raises(BadInput) as error:
        check_address(url)
    assert why(error)
    for call in (Guarded(resolver=names).check, Guarded(resolver=names).get):
        with pytest.raises(BadInput):
            call(url)
    assert names.asked == []


@pytest.mark.parametrize("url, read", PUBLIC.items())
def test_a_public_address_is_read_in_one_form(url: str, read: str) -> None:
    assert check_address(url).url == read
    assert check_address(read) == check_address(url)


def test_what_is_read() -> None:
    assert check_address("https://Shop.example:8443/feed?x=1") == Address("https", "shop.example", 8443, "/feed?x=1")


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}/.{0,10}"))
def test_reading_never_breaks(text: str) -> None:
    try:
        address = check_address(text)
    except BadInput:
        return
    assert check_address(address.url) == address
    assert address.url.isascii()


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_as_public_as_its_nat64_form_and_never_in_another_disguise(number: int) -> None:
    plain = ipaddress.IPv4Address(number)
    assert is_public(plain) == is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + number))
    assert not is_public(plain) or plain.is_global
    assert not is_public(ipaddress.IPv6Address(0xFFFF_0000_0000 + number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) + (number << 80)))
    assert not is_public(ipaddress.IPv6Address(number))


@given(st.integers(0, 2**128 - 1) | st.integers(0x2001 << 112, 0x2003 << 112))
def test_what_python_knows_as_private_is_not_public(number: int) -> None:
    ip = ipaddress.IPv6Address(number)
    assert not is_public(ip) or (ip.is_global and not ip.is_multicast)


# names

@pytest.mark.parametrize("addresses", [
    ["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["2606:4700::1111", "fe80::1%eth0"],
    ["::ffff:10.0.0.1"],
    ["169.254.169.254"], ["64:ff9b::a9fe:a9fe"], ["0.0.0.0"], ["fd00:ec2::254"],
])
def test_every_address_of_a_name_must_be_public(addresses: list[str]) -> None:
    guarded = Guarded(resolver=Names(addresses))
    for call in (guarded.check, guarded.get):
        with pytest.raises(BadInput) as error:
            call("https://shop.example/")
        assert why(error) == "private"


def test_a_name_whose_addresses_are_public_is_taken() -> None:
    assert Guarded(resolver=Names(["8.8.8.8", "2606:4700::1111"])).check("https://shop.example/").host == "shop.example"


def test_a_name_that_changes_after_the_check_changes_nothing() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with FaultServer(ok(b"here")) as server:
        answer = Guarded(resolver=names, opened=[LOOPBACK], timeout=20).get(named(server))

        assert answer.body == b"here"
        assert names.asked == ["shop.example"]
        assert server.ledger[0].headers["host"] == f"shop.example:{server.port}"


def test_a_name_that_has_changed_by_the_next_call_is_refused() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with FaultServer() as server:
        guarded = Guarded(resolver=names, opened=[LOOPBACK], timeout=20)
        guarded.get(named(server))
        with pytest.raises(BadInput):
            guarded.get(named(server))
        assert server.connections == 1


def test_a_name_that_does_not_exist() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    for resolver in (unknown, Names([])):
        with pytest.raises(FetchFailed) as error:
            Guarded(resolver=resolver).get("https://shop.example/")
        assert error.value.reason.code == "fetch_not_found"
        assert not error.value.spoken


def test_a_slow_resolver_costs_no_more_than_the_time_out() -> None:
    enough = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        enough.wait(10)
        return ["8.8.8.8"]

    with pytest.raises(FetchFailed) as error:
        Guarded(resolver=slow, timeout=0.1).get("https://shop.example/")
    enough.set()
    assert error.value.reason.code == "fetch_too_slow"


# calling

def test_a_request_arrives_as_written() -> None:
    with FaultServer(ok({"id": 1}, 201)) as server:
        answer = Guarded(allow_private=True).request("POST", server.url + "/hook?a=b", {"X-Signature": "s"}, b"{}")

        assert (answer.status, answer.body) == (201, b'{"id": 1}')
        [seen] = server.ledger
        assert (seen.method, seen.path, seen.body, seen.headers["x-signature"]) == ("POST", "/hook?a=b", b"{}", "s")


@pytest.mark.parametrize("method, body", [
    ("PUT", b"x"), ("DELETE", None), ("HEAD", None), ("PATCH", b"y"), ("POST", b""),
])
def test_every_method(method: str, body: bytes | None) -> None:
    with FaultServer() as server:
        assert Guarded(allow_private=True, timeout=20).request(method, server.url, None, body).status == 200
        assert [(seen.method, seen.body) for seen in server.ledger] == [(method, body or b"")]


def test_without_leave_loopback_is_not_called() -> None:
    with FaultServer() as server:
        with pytest.raises(BadInput):
            Guarded().request("POST", server.url, {}, b"{}")
        assert server.connections == 0


def test_an_opened_network_opens_nothing_else() -> None:
    with FaultServer() as server:
        assert Guarded(opened=[LOOPBACK]).get(server.url).status == 200
        with pytest.raises(BadInput):
            Guarded(opened=[ipaddress.ip_network("10.0.0.0/8")]).get(server.url)


FAILURES = {
    "cut_before": (cut_before(), "fetch_failed"), "cut_after": (cut_after(), "fetch_failed"),
    "truncate": (truncate(), "fetch_failed"), "garbage": (garbage(), "fetch_failed"),
    "hang": (hang(), "fetch_too_slow"), "drip": (drip(), "fetch_too_slow"),
    "oversize": (oversize(), "fetch_too_large"), "gzip bomb": (gzipped(b"\0" * 50_000_000), "fetch_too_large"),
    "many headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"), "fetch_too_large"),
    "long headers": (raw(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 5000 + b"\r\n") * 20 + b"\r\n"), "fetch_too_large"),
    "not gzip": (raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), "fetch_failed"),
}


@pytest.mark.parametrize("step, code", FAILURES.values(), ids=FAILURES)
def test_what_fails_says_how_and_is_tried_later(step: Step, code: str) -> None:
    with FaultServer(step) as server:
        with pytest.raises(NotNow) as error:
            Guarded(allow_private=True, timeout=0.4).request("POST", server.url + "/token-in-the-path", {}, b"{}")

        assert isinstance(error.value, FetchFailed)
        assert (error.value.reason.code, error.value.spoken) == (code, True)
        assert error.value.after.total_seconds() > 0
        assert "token-in-the-path" not in str(error.value.reason.as_json())
        assert len(server.ledger) <= 1


def test_when_the_process_ends_nobody_is_waited_for() -> None:
    with FaultServer(hang()) as server:
        guarded = Guarded(allow_private=True, timeout=60)
        threading.Timer(0.1, guarded.hang_up).start()
        began = time.monotonic()
        with pytest.raises(FetchFailed) as error:
            guarded.request("POST", server.url, {}, b"{}")

        assert (error.value.reason.code, error.value.spoken) == ("fetch_failed", True)
        assert time.monotonic() - began < 5
        with pytest.raises(FetchFailed) as error:
            guarded.get(server.url)
        assert (error.value.spoken, len(server.ledger)) == (False, 1)


def test_a_refused_connection_was_not_spoken_on() -> None:
    with FaultServer() as server:
        server.refuse()
        with pytest.raises(FetchFailed) as error:
            Guarded(allow_private=True).get(server.url)
        assert not error.value.spoken


def test_an_unknown_authority_is_not_trusted_and_a_private_one_can_be_named() -> None:
    with FaultServer(tls=True) as server:
        with pytest.raises(FetchFailed) as error:
            Guarded(allow_private=True).get(server.url)
        assert not error.value.spoken
        assert Guarded(allow_private=True, ca_file=server.ca_file).get(server.url).status == 200


def test_a_certificate_is_checked_for_the_name_not_for_the_address() -> None:
    with FaultServer(tls=True) as server:
        guarded = Guarded(opened=[LOOPBACK], resolver=Names(["127.0.0.1"]), ca_file=server.ca_file)
        with pytest.raises(FetchFailed):
            guarded.get(f"https://shop.example:{server.port}/")
        assert server.ledger == []


def test_compressed_answers_are_read_and_their_true_size_counts() -> None:
    with FaultServer(gzipped(b"BEGIN:VCALENDAR"), otherwise=gzipped(b"x" * 3_000_000)) as server:
        guarded = Guarded(allow_private=True, timeout=5)
        assert guarded.get(server.url).body == b"BEGIN:VCALENDAR"
        assert len(guarded.get(server.url, max_bytes=20_000_000).body) == 3_000_000
        with pytest.raises(FetchFailed):
            guarded.get(server.url, max_bytes=2_999_999)


# redirects

def test_a_redirect_is_an_answer_unless_it_is_asked_for() -> None:
    with FaultServer(otherwise=status(302, headers={"Location": "/elsewhere"})) as server:
        answer = Guarded(allow_private=True).request("GET", server.url)
        assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
        assert len(server.ledger) == 1


def test_a_redirect_is_followed_for_a_get() -> None:
    with FaultServer(status(301, headers={"Location": "../b?c=d#e"}), ok(b"found")) as server:
        assert Guarded(allow_private=True).get(server.url + "/a/a").body == b"found"
        assert [seen.path for seen in server.ledger] == ["/a/a", "/b?c=d"]


@pytest.mark.parametrize("location", [
    "http://127.0.0.2:{port}/", "http://169.254.169.254/", "http://localhost:{port}/", "http://2130706433:{port}/",
    "//[::1]:{port}/", "file:///etc/passwd", "http://user@8.8.8.8/", "http://[", "gopher://127.0.0.1/", "http://a b/",
])
def test_a_redirect_goes_through_the_same_gate(location: str) -> None:
    with FaultServer(host="127.0.0.2") as inner, FaultServer() as server:
        server.then(status(302, headers={"Location": location.format(port=inner.port)}))
        with pytest.raises(BadInput):
            Guarded(opened=[LOOPBACK], timeout=20).get(server.url)
        assert inner.connections == 0
        assert len(server.ledger) == 1


def test_a_redirect_to_a_name_that_leads_inside_is_refused() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with FaultServer(status(302, headers={"Location": "/again"})) as server:
        with pytest.raises(BadInput):
            Guarded(opened=[LOOPBACK], resolver=names, timeout=20).get(named(server))
        assert len(server.ledger) == 1


def test_circles_end_after_three_hops() -> None:
    with FaultServer(otherwise=status(302, headers={"Location": "/again"})) as server:
        with pytest.raises(FetchFailed) as error:
            Guarded(allow_private=True).get(server.url)
        assert error.value.reason.code == "fetch_goes_in_circles"
        assert len(server.ledger) == 4


def test_proofs_of_who_we_are_stay_with_their_origin() -> None:
    with FaultServer() as other, FaultServer(status(302, headers={"Location": "/same"}),
                                             status(302, headers={"Location": other.url})) as server:
        Guarded(allow_private=True).get(server.url, {"Authorization": "Basic x", "Accept": "text/calendar"})
        assert [seen.headers.get("authorization") for seen in server.ledger] == ["Basic x", "Basic x"]
        assert "authorization" not in other.ledger[0].headers
        assert other.ledger[0].headers["accept"] == "text/calendar"


def test_a_redirect_does_not_leave_tls() -> None:
    with FaultServer() as plain, FaultServer(status(302, headers={"Location": plain.url}), tls=True) as server:
        with pytest.raises(BadInput):
            Guarded(allow_private=True, ca_file=server.ca_file).get(server.url)
        assert plain.connections == 0


def test_only_a_get_follows() -> None:
    with pytest.raises(ValueError):
        Guarded().request("POST", "https://example.com/", follow=True)


def test_hops_share_one_time_out() -> None:
    with FaultServer(status(302, headers={"Location": "/slow"}), hang()) as server:
        began = time.monotonic()
        with pytest.raises(FetchFailed):
            Guarded(allow_private=True, timeout=0.3).get(server.url)
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X y": "a"}])
def test_no_header_is_smuggled_in(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Guarded().get("https://example.com/", headers)
