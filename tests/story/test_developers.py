"""A program is plugged in: a key from the console, a message by the Python client, the webhook that tells of it, proved
by the same client, what the endpoint answered, once more, and the log of it all."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from relance_client import NotAuthentic, Patience, Relance, Unauthorized, verify
from tests.support.running import EMAIL, PASSWORD, PATIENCE, Running

ANA = "+33639980001"


class Program(HTTPServer):
    """A customer's own program: keeps what it hears, and answers what it was told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status = 500
        super().__init__(("127.0.0.1", 0), _Hears)
        self.url = f"http://127.0.0.1:{self.server_port}/relance"


class _Hears(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        server.heard.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        said = b"en panne" if server.status >= 400 else b"merci"
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def program() -> Iterator[Program]:
    one = Program()
    Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


class Person:
    """Somebody at the console, by HTTP."""

    def __init__(self, base: str) -> None:
        self.base, self.session = base, requests.Session()
        self.post("/sign-in", "/sign-in", email=EMAIL, password=PASSWORD)

    def get(self, path: str) -> str:
        answer = self.session.get(self.base + path, timeout=PATIENCE)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return html.unescape(answer.text)

    def post(self, page: str, path: str, **form: Any) -> str:
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(page))
        assert token
        answer = self.session.post(self.base + path, data={"csrf": token[1], **form}, timeout=PATIENCE)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return html.unescape(answer.text)


def found(pattern: str, page: str) -> str:
    match = re.search(pattern, page)
    assert match, pattern
    return match[0]


def test_a_program_is_plugged_in(tmp_path: Path, program: Program) -> None:
    with Running(tmp_path) as house:
        ana = Person(house.url)
        key = found(r"rk_test_[\w-]{30,}", ana.post("/developers", "/developers/keys", name="Agenda", kind="test"))
        page = ana.post("/developers/webhooks", "/developers/webhooks", url=program.url, which="some",
                        events=["message.sent"])  # fmt: skip
        secret, place = found(r"whsec_[\w+/=]{40,}", page), found(r"/developers/webhooks/whk_\w+", page)

        relance = Relance(house.url, key, patience=Patience(tries=1))
        sent = relance.messages.send(ANA, body="Bonjour", message_class="transactional", idempotency_key="visit-42")
        house.settle()

        headers, body = program.heard[0]
        now = house.suite.now().timestamp()
        event = verify(body, headers, secret, now=now)
        assert (event.type, event.data["id"]) == ("message.sent", sent["id"])
        with pytest.raises(NotAuthentic):
            verify(body.replace(b"Bonjour", b"Bonsoir"), headers, secret, now=now)
        page = ana.get(place)
        assert "en panne" in page, "what the endpoint answered"
        assert "ne répond pas" in page

        program.status = 200
        house.forward(timedelta(hours=1))
        ana.post(place, found(rf"{place}/test", page))
        house.settle()
        page = ana.get(place)
        again = found(rf"{place}/deliveries/dlv_\w+/again", page)
        heard = len(program.heard)
        ana.post(place, again)
        house.settle()
        assert len(program.heard) == heard + 1
        assert program.heard[-1][0]["webhook-id"] == found(r"dlv_\w+", again), "the same id, said once more"

        log = ana.get("/developers/requests")
        assert "POST /v1/messages" in log
        assert ANA not in log
        old = re.findall(r"/developers/keys/key_\w+/renew", ana.get("/developers"))[-1]
        ana.post("/developers", old, overlap="1")
        ana.post("/developers", old.replace("/renew", "/revoke"))
        with pytest.raises(Unauthorized):
            relance.messages.get(sent["id"])
        assert "simulateur seulement" in ana.post("/settings/production", "/settings/production")
