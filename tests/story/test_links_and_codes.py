"""From a program's request to the phone and back: a link that a person follows, a code that a person types."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Client, Running

PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/125.0 Mobile Safari/537.36"}


@pytest.fixture
def shop() -> Iterator[Any]:
    """A shop that hears our webhooks and serves its own pages."""
    heard: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard = heard  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.houses
def test_a_link_is_followed_from_the_phone(tmp_path: Path, shop: Any) -> None:
    with Running(tmp_path) as relance:
        hook = f"http://127.0.0.1:{shop.server_port}/hook"
        relance.client.post("/v1/webhooks", {"url": hook, "events": ["link.clicked"]})
        target = "https://shop.example/panier/831?code=MERCI#payer"
        message = relance.client.post("/v1/messages", {
            "to": "+33639980001", "class": "transactional", "reference": "cart-831",
            "body": "{{ first_name }}, votre panier vous attend : {{ link }}",
            "data": {"first_name": "Ana", "link": target, "track": True},
        }).json()  # fmt: skip
        relance.settle()

        text = relance.phones()[0]["text"]
        found = re.search(rf"{relance.url}(/s/\w+)\Z", text)
        assert found
        assert "831" not in text

        browser = Client(relance.url, None)
        robot = browser.get(found[1], headers={"User-Agent": "WhatsApp/2.23.20.0"})
        person = browser.get(found[1], headers=PHONE)
        code = found[1].removeprefix("/s/")
        there = f"https://shop.example/panier/831?code=MERCI&rl={code}#payer"
        assert [one.headers["Location"] for one in (robot, person)] == [there, there]

        history = relance.client.get(f"/v1/messages/{message['id']}").json()["history"]
        [click] = [one for one in history if one["what"] == "click"]
        assert click["target"] == target
        relance.settle()
        [event] = shop.heard
        assert event["type"] == "link.clicked"
        assert event["data"]["message"] == message["id"]
        assert (event["data"]["reference"], event["data"]["to"]) == ("cart-831", "+33639980001")
        [link] = relance.client.get(f"/v1/links?message={message['id']}").json()["data"]
        assert link["clicks"] == {"human": 1, "preview": 1, "robot": 0, "unknown": 0}


def test_a_code_is_typed_wrong_and_then_right(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        ask = {"to": "06 39 98 00 01", "country": "FR", "origin": "public_form", "ip": "203.0.113.9", "language": "fr"}
        asked = relance.client.post("/v1/verifications", ask).json()
        relance.settle()
        [sms] = relance.phones()
        assert re.fullmatch(r"\d{6} est votre code Cabinet Lyon\. .*", sms["text"])
        code = sms["text"][:6]
        wrong = f"{(int(code) + 7) % 10**6:06d}"
        path = f"/v1/verifications/{asked['id']}/check"
        assert relance.client.post(path, {"code": wrong}).json()["state"] == "wrong"

        # Too impatient: nothing new is sent, and the code on the phone is good for the new form as well.
        again = relance.client.post("/v1/verifications", ask).json()
        relance.settle()
        assert len(relance.phones()) == 1
        there = f"/v1/verifications/{again['id']}/check"
        assert relance.client.post(there, {"code": code}).json()["state"] == "approved"
        assert relance.client.post(path, {"code": code}).json()["state"] == "expired"

        relance.forward(timedelta(minutes=11))
        kept = relance.client.get(f"/v1/verifications/{asked['id']}").json()
        assert code not in str(relance.client.get(f"/v1/messages/{kept['message']}").json())
