"""What the server itself refuses, before the application sees it: in the application's words, and by each address's own
limit."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.support.running import Running

MEGABYTE = 1_000_000
TALL = "GET /v1/messages HTTP/1.1\nHost: x\nX-Long: "


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("house")) as running:
        yield running


def said(relance: Running, head: str, body: bytes = b"") -> tuple[int, str, str]:
    """Status, kind and body of the answer to what is sent so."""
    host, _, port = relance.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    headers, _, rest = answer.partition(b"\r\n\r\n")
    kind = next(one for one in headers.split(b"\r\n") if one.lower().startswith(b"content-type"))
    return int(answer.split()[1]), kind.decode().partition(": ")[2], rest.decode()


def test_a_body_that_is_too_large_is_a_problem_and_is_not_waited_for(relance: Running) -> None:
    head = f"POST /v1/messages HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: {MEGABYTE + 1}"
    status, kind, body = said(relance, head)

    assert (status, kind) == (413, "application/problem+json")
    assert '"code":"body_too_large"' in body


def test_a_body_that_grows_too_large_is_a_problem_too(relance: Running) -> None:
    head = "POST /v1/messages HTTP/1.1\nHost: x\nContent-Type: application/json\nTransfer-Encoding: chunked"
    status, kind, _ = said(relance, head, b"f4300\r\n" + b"x" * 0xF4300 + b"\r\n")

    assert (status, kind) == (413, "application/problem+json")


def test_a_person_is_told_on_a_page(relance: Running) -> None:
    status, kind, body = said(relance, f"POST /sign-in HTTP/1.1\nHost: x\nContent-Length: {MEGABYTE * 2}")

    assert status == 413
    assert kind.startswith("text/html")
    assert "trop grand" in body


@pytest.mark.parametrize(("head", "status"), [
    ("POST /v1/messages HTTP/1.1\nHost: x\nContent-Length: many", 400),
    ("POST /v1/messages HTTP/1.1\nHost: x\nTransfer-Encoding: gzip", 501),
    ("NONSENSE", 400),
    (TALL + "x" * (16_384 - len(TALL.replace("\n", "\r\n")) - 4), 431),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_and_the_next_caller_is_served(relance: Running, head: str, status: int) -> None:
    assert said(relance, head)[0] == status
    assert requests.get(f"{relance.url}/healthz", timeout=10).status_code == 200


def test_an_address_that_takes_more_gets_more(relance: Running) -> None:
    event = "BEGIN:VEVENT\r\nUID:a1\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:20261201T090000Z\r\nEND:VEVENT\r\n"
    comment = "COMMENT:" + "x" * 60 + "\r\n"
    ics = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//\r\n{comment * 30_000}{event}END:VCALENDAR\r\n"
    answer = relance.client.post("/v1/installations", {
        "adapter": "gcal_reminders", "name": "Grand agenda", "config": {"ics": ics, "zone": "Europe/Paris",
                                                                         "country": "FR"}})

    assert len(ics) > 2 * MEGABYTE
    assert answer.status_code == 201, answer.text


def test_a_platform_is_refused_in_the_same_words(relance: Running) -> None:
    answer = requests.post(f"{relance.url}/hooks/custom_shop/ins_x/carts", data=b"x" * (MEGABYTE + 1), timeout=10)

    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


def test_who_is_refused_is_told_that_the_line_closes(relance: Running) -> None:
    """Or else the next thing on it is lost, and nobody knows whether it was read."""
    with requests.Session() as line:
        for _ in range(3):
            refused = line.post(f"{relance.url}/hooks/custom_shop/ins_x", data=b"x" * (MEGABYTE + 1), timeout=10)
            assert (refused.status_code, refused.headers["Connection"]) == (413, "close")
            assert line.get(f"{relance.url}/healthz", timeout=10).status_code == 200
