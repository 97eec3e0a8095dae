"""Customers' own programs hear what happened: signed, at least once, the same id at each try, again when asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.running import Running

# Signatures are checked against the real clock, so the clock is not turned: the class is one that leaves at any hour.
GOOD = {"to": "+33639980001", "class": "otp", "body": "Bonjour"}


class Endpoint:
    """A customer's server: keeps what it hears, and answers with `status`."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(endpoint.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, start=None) as running:
        yield running


def test_deliveries_are_signed_and_retried_with_the_same_id(relance: Running, endpoint: Endpoint) -> None:
    made = relance.client.post("/v1/webhooks", {"url": endpoint.url, "events": ["message.sent"]}).json()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in relance.client.get(f"/v1/webhooks/{made['id']}").json()
    endpoint.status = 500

    message = relance.client.post("/v1/messages", GOOD).json()["id"]
    relance.settle()
    assert len(endpoint.heard) == 1
    (waiting,) = relance.client.get(f"/v1/webhooks/{made['id']}/deliveries").json()["data"]
    assert (waiting["state"], waiting["status"], waiting["tries"]) == ("waiting", 500, 1)

    endpoint.status = 204
    headers, body = endpoint.heard[0]
    told: Any = Webhook(made["secret"]).verify(body, headers)
    assert (told["type"], told["data"]["id"]) == ("message.sent", message)
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body + b" ", headers)

    relance.forward(timedelta(hours=1))
    assert [heard["webhook-id"] for heard, _ in endpoint.heard] == [headers["webhook-id"]] * 2
    (done,) = relance.client.get(f"/v1/webhooks/{made['id']}/deliveries").json()["data"]
    assert (done["state"], done["status"]) == ("delivered", 204)

    replayed = relance.client.post(f"/v1/webhooks/{made['id']}/deliveries/{done['id']}/replay")
    assert replayed.status_code == 202
    relance.settle()
    assert [heard["webhook-id"] for heard, _ in endpoint.heard] == [headers["webhook-id"]] * 3


def test_while_secrets_rotate_both_sign(relance: Running, endpoint: Endpoint) -> None:
    first = relance.client.post("/v1/webhooks", {"url": endpoint.url, "events": ["webhook.test"]}).json()
    second = relance.client.post(f"/v1/webhooks/{first['id']}/secrets").json()
    assert second["secrets"] == 2

    relance.client.post(f"/v1/webhooks/{first['id']}/test")
    relance.settle()
    headers, body = endpoint.heard[-1]
    for secret in (first["secret"], second["secret"]):
        Webhook(secret).verify(body, headers)

    assert relance.client.delete(f"/v1/webhooks/{first['id']}/secrets").json()["secrets"] == 1
    relance.client.post(f"/v1/webhooks/{first['id']}/test")
    relance.settle()
    headers, body = endpoint.heard[-1]
    Webhook(second["secret"]).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(first["secret"]).verify(body, headers)


def test_a_dead_endpoint_is_paused_and_can_be_woken(relance: Running, endpoint: Endpoint) -> None:
    made = relance.client.post("/v1/webhooks", {"url": endpoint.url, "events": ["webhook.test"]}).json()
    endpoint.status = 410
    relance.client.post(f"/v1/webhooks/{made['id']}/test")
    relance.settle()
    assert relance.client.get(f"/v1/webhooks/{made['id']}").json()["state"] == "paused"

    endpoint.status = 200
    woken = relance.client.patch(f"/v1/webhooks/{made['id']}", {"active": True}).json()
    assert (woken["state"], woken["trouble"]) == ("active", None)
    relance.forward(timedelta(hours=30))
    assert len(endpoint.heard) == 2


def test_a_removed_endpoint_hears_nothing(relance: Running, endpoint: Endpoint) -> None:
    made = relance.client.post("/v1/webhooks", {"url": endpoint.url}).json()
    assert relance.client.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    relance.client.post("/v1/messages", GOOD)
    relance.settle()

    assert endpoint.heard == []
    assert relance.client.get(f"/v1/webhooks/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "http://[::1]/", "https://user:pw@example.org/", "ftp://example.org/", "javascript:1"]
)
def test_addresses_of_the_house_are_refused(tmp_path: Path, url: str) -> None:
    with Running(tmp_path, allow_private_addresses=False) as relance:
        answer = relance.client.post("/v1/webhooks", {"url": url})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/url"
