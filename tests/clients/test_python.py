"""The Python client: it speaks to a real server, is patient where that is harmless, and does not drift from it."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, get_type_hints

import pytest
from standardwebhooks.webhooks import Webhook

import relance_client
from core.web.documents import document
from relance_client import (
    Conflict,
    Invalid,
    NotAuthentic,
    NotFound,
    Patience,
    Relance,
    ServerFault,
    TooFast,
    Unauthorized,
    Unreachable,
    shapes,
    sign,
    verify,
)
from relance_client.retries import seconds_of
from tests.support.running import Running

ANA, BOB = "+33639980001", "+33639980002"
CLIENT = Path(relance_client.__file__).parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("client")) as one:
        yield one


@pytest.fixture
def relance(running: Running) -> Iterator[Relance]:
    with Relance(running.url, running.client.key, patience=Patience(tries=1)) as one:
        yield one


# ---------------------------------------------------------------------------------------------- what it can do


def test_a_message_is_sent_once_however_often_it_is_said(running: Running, relance: Relance) -> None:
    told = relance.messages.send(ANA, body="Bonjour", message_class="transactional", dry_run=True)
    assert told["estimate"]["price"] == {"amount": 52000, "currency": "EUR"}
    sent = [relance.messages.send(ANA, body="Bonjour", message_class="transactional", idempotency_key="visit-42",
                                  send_at=datetime(2026, 12, 1, 18, tzinfo=UTC)) for _ in range(2)]
    assert sent[0] == sent[1]
    assert sent[0]["due_at"] == "2026-12-01T18:00:00Z"
    assert [one["id"] for one in relance.messages.list(to=ANA)] == [sent[0]["id"]]
    assert relance.messages.cancel(sent[0]["id"])["state"] == "cancelled"
    left = relance.messages.send(ANA, body="Encore", message_class="transactional")
    running.settle()
    with pytest.raises(Conflict) as refused:
        relance.messages.cancel(left["id"])
    assert refused.value.remedy


def test_many_go_in_parts_and_come_back_in_pages(relance: Relance) -> None:
    wanted = [{"to": BOB if place else "12", "class": "transactional", "body": f"n° {place}", "reference": "many"}
              for place in range(7)]  # fmt: skip
    results = relance.messages.send_batch(wanted)
    assert [one["status"] for one in results] == [422, *[201] * 6]
    assert results[0]["error"]["code"] == "number_needs_country"
    listed = list(relance.messages.list(reference="many", page_size=2))
    assert len(listed) == len({one["id"] for one in listed}) == 6


def test_people_and_what_they_agreed_to(relance: Relance) -> None:
    made = relance.contacts.save(ANA, first_name="Ana", values={"loyalty": "gold"})
    assert relance.contacts.get(made["id"])["first_name"] == "Ana"
    assert relance.contacts.change(made["id"], {"name": "Ana Roux"})["name"] == "Ana Roux"
    assert (relance.contacts.find(ANA) or {}).get("id") == made["id"]
    assert relance.contacts.find("+33639980099") is None
    consent = relance.consents.give(ANA, source="till", text="J'accepte.", place="shop")
    assert (consent["state"], consent["proof"]["text"]) == ("in", "J'accepte.")
    assert relance.consents.refuse(ANA, source="phone")["state"] == "out"
    relance.contacts.remove(made["id"])
    with pytest.raises(NotFound):
        relance.contacts.get(made["id"])


def test_a_code_is_sent_and_checked(running: Running, relance: Relance) -> None:
    started = relance.verifications.start("+33639980011", origin="authenticated", purpose="log-in")
    assert not relance.verifications.check(started["id"], "000000")
    running.settle()
    [phone] = relance.noun("simulator/messages").list(to="+33639980011")
    code = re.search(r"\d{6}", phone["text"])
    assert code
    assert relance.verifications.check(started["id"], code[0])


def test_an_endpoint_of_ones_own(relance: Relance) -> None:
    made = relance.webhooks.add("https://hook.example/a", ["message.sent"])
    assert made["secret"].startswith("whsec_")
    relance.webhooks.test(made["id"])
    [delivery] = relance.webhooks.deliveries(made["id"])
    assert delivery["event"] == "webhook.test"
    assert relance.webhooks.replay(made["id"], delivery["id"])["id"] == delivery["id"]
    assert relance.webhooks.rotate(made["id"]) != made["secret"]
    assert relance.webhooks.get(made["id"])["secrets"] == 2
    relance.webhooks.end_rotation(made["id"])
    relance.webhooks.remove(made["id"])


def test_a_problem_says_what_to_do(running: Running, relance: Relance) -> None:
    with pytest.raises(Invalid) as refused:
        relance.request("POST", "/v1/messages", {"to": ANA, "class": "other", "body": ""})
    error = refused.value
    assert {one.pointer for one in error.errors} == {"/class", "/body"}
    assert error.type == f"{running.url}/errors/{error.code}"
    assert error.request_id.startswith("req_")
    assert error.remedy in str(error)
    with pytest.raises(Unauthorized):
        Relance(running.url, "rk_test_nobody", patience=Patience(tries=1)).request("GET", "/v1/rules")
    french = Relance(running.url, running.client.key, language="fr", patience=Patience(tries=1))
    with pytest.raises(NotFound, match="Il n'y a rien de tel"):
        french.messages.get("msg_none")
    assert relance.request("GET", "/v1/stats", query={"since": datetime(2026, 11, 1, tzinfo=UTC)})
    assert list(relance.noun("rules").list()) == []


# ---------------------------------------------------------------------------------------------- patience


class Moody(HTTPServer):
    """Answers what it was told to, in turn; a number of bytes fewer than promised is a line that breaks."""

    def __init__(self, *answers: tuple[int, dict[str, str], Any]) -> None:
        self.answers = list(answers)
        self.heard: list[tuple[str, str | None, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Answering)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Moody:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def _any(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.heard.append((self.command, self.headers.get("Idempotency-Key"), body))
        status, headers, said = server.answers.pop(0)
        if status == 0:
            self.connection.close()
            return
        content = json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _any

    def log_message(self, *_: Any) -> None:
        pass


BROKEN = (0, {}, None)
GOOD = (201, {}, {"id": "msg_1"})


def patient(url: str, slept: list[float], **more: Any) -> Relance:
    return Relance(url, "rk_test_x", patience=Patience(chance=lambda: 1.0, **more), sleep=slept.append)


def test_what_was_not_answered_is_said_again_with_the_same_key_and_body() -> None:
    slept: list[float] = []
    busy = (409, {"Retry-After": "1"}, {"code": "idempotency_busy"})
    with Moody(BROKEN, (503, {}, {}), (429, {"Retry-After": "7"}, {}), busy, GOOD) as server:
        sent = patient(server.url, slept).messages.send(ANA, body="x", message_class="transactional")
    assert sent == {"id": "msg_1"}
    assert len(set(server.heard)) == 1
    assert server.heard[0][1]
    assert slept == [0.5, 1.0, 8.0, 2.0]


@pytest.mark.parametrize("status, kind", [(409, Conflict), (422, Invalid), (404, NotFound)])
def test_what_would_be_answered_alike_is_said_once(status: int, kind: type[Exception]) -> None:
    slept: list[float] = []
    with Moody((status, {}, {"code": "too_late_to_cancel"})) as server, pytest.raises(kind):
        patient(server.url, slept).messages.cancel("msg_1")
    assert slept == []


def test_patience_ends() -> None:
    slept: list[float] = []
    with Moody(*[(502, {}, "no JSON of ours")] * 5) as server, pytest.raises(ServerFault) as refused:
        patient(server.url, slept).request("GET", "/v1/rules")
    assert (refused.value.code, slept) == ("http_502", [0.5, 1.0, 2.0, 4.0])
    with Moody((429, {"Retry-After": "3600"}, {})) as server, pytest.raises(TooFast) as asked:
        patient(server.url, slept).request("GET", "/v1/rules")
    assert asked.value.retry_after == 3600
    with Moody(BROKEN) as server, pytest.raises(Unreachable) as lost:
        patient(server.url, slept, tries=1).messages.send(ANA, body="x", message_class="otp", idempotency_key="k")
    assert lost.value.idempotency_key == "k"


@pytest.mark.parametrize(
    "header, seconds",
    [("5", 5.0), (None, None), ("soon", None), ("Tue, 01 Dec 2026 09:00:30 GMT", 30.0),
     ("Tue, 01 Dec 2026 08:00:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_moment(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header, datetime(2026, 12, 1, 9, tzinfo=UTC)) == seconds


# ---------------------------------------------------------------------------------------------- webhooks

BODY = json.dumps({"type": "message.sent", "timestamp": "2026-12-01T09:00:00Z", "data": {"id": "msg_é"}}).encode()
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def signed(secret: str = SECRET, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    """As the standard's own library signs."""
    return {"webhook-id": "dlv_1", "Webhook-Timestamp": str(int(at.timestamp())),
            "webhook-signature": "v1,AAAA " + Webhook(secret).sign("dlv_1", at, body.decode())}  # fmt: skip


def test_what_the_server_signed_is_authentic() -> None:
    event = verify(BODY, signed(), ["whsec_AAAA", SECRET], now=NOW.timestamp())
    assert (event.id, event.type, event.data) == ("dlv_1", "message.sent", {"id": "msg_é"})
    assert sign(BODY, "dlv_1", int(NOW.timestamp()), SECRET) in signed()["webhook-signature"]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda: (BODY + b" ", signed(), NOW.timestamp()),
        lambda: (BODY, signed("whsec_AAAA"), NOW.timestamp()),
        lambda: (BODY, signed(), NOW.timestamp() + 301),
        lambda: (BODY, signed(), NOW.timestamp() - 301),
        lambda: (BODY, {**signed(), "webhook-id": "dlv_2"}, NOW.timestamp()),
        lambda: (BODY, {**signed(), "webhook-signature": ""}, NOW.timestamp()),
        lambda: (BODY, {**signed(), "Webhook-Timestamp": "-1"}, NOW.timestamp()),
        lambda: (b"[]", signed(body=b"[]"), NOW.timestamp()),
    ],
)
def test_what_was_not_signed_so_is_refused(spoilt: Callable[[], tuple[bytes, dict[str, str], float]]) -> None:
    body, headers, now = spoilt()
    with pytest.raises(NotAuthentic):
        verify(body, headers, SECRET, now=now)


# ---------------------------------------------------------------------------------------------- no drift

DOCUMENT = document("https://relance.example")
DEEPER = {
    ("GET", "/v1/campaigns/{id}/overlap/people"): "by `request`",
    ("POST", "/v1/provider-accounts/{id}/templates/refresh"): "by `request`",
    ("POST", "/v1/waitlist/slots/{id}/withdraw"): "by `noun(\"waitlist/slots\")`",
    ("POST", "/v1/waitlist/slots/{id}/settle"): "by `noun(\"waitlist/slots\")`",
}
"""Routes that neither a method nor `Noun` says, on purpose: seldom called, and no other than by `request`."""
PATTERNS = (
    ("GET POST", r"/v1/[a-z-]+"),
    ("GET PATCH DELETE", r"/v1/[a-z-]+/\{\w+\}"),
    ("GET POST PUT DELETE", r"/v1/[a-z-]+/\{\w+\}/[a-z]+"),
    # What is nested under a noun is a noun of its own: `noun("simulator/messages")`.
    ("GET POST", r"/v1/[a-z-]+/[a-z]+"),
    ("GET PATCH DELETE", r"/v1/[a-z-]+/[a-z]+/\{\w+\}"),
)


def said_routes() -> set[tuple[str, str]]:
    """Method and path of every call that is written out in the client."""
    found = set()
    for node in ast.walk(ast.parse((CLIENT / "client.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "request" and len(node.args) > 1:
            method, path = node.args[0], node.args[1]
            if isinstance(method, ast.Constant) and isinstance(path, ast.Constant):
                found.add((method.value, path.value))
    return found


def test_every_call_of_the_client_is_one_of_the_servers() -> None:
    said = said_routes()
    assert ("POST", "/v1/messages") in said
    for method, path in said:
        assert method.lower() in DOCUMENT["paths"].get(path, {}), f"{method} {path}"
    nouns = re.findall(r'super\(\).__init__\(client, "([a-z-]+)"\)', (CLIENT / "client.py").read_text("utf-8"))
    assert nouns
    assert all(f"/v1/{noun}" in DOCUMENT["paths"] for noun in nouns)


def test_every_route_of_the_server_can_be_called() -> None:
    lacking = [
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items() if path.startswith("/v1/")
        for method in operations
        if not any(method.upper() in methods.split() and re.fullmatch(pattern, path) for methods, pattern in PATTERNS)
        and (method.upper(), path) not in said_routes()
    ]  # fmt: skip
    own = {("POST", "/v1/webhooks/{id}/deliveries/{delivery}/replay")}
    assert set(lacking) - own <= set(DEEPER), "write a method, or say in DEEPER why there is none"
    assert set(DEEPER) <= set(lacking), "what is gone from the server is no longer named here"


@pytest.mark.parametrize(
    "said, route, otherwise",
    [
        (relance_client.client.Messages.send, "/v1/messages", {"message_class": "class"}),
        (relance_client.client.Contacts.save, "/v1/contacts", {}),
        (relance_client.client.Verifications.start, "/v1/verifications", {}),
        (relance_client.client.Webhooks.add, "/v1/webhooks", {}),
    ],
)
def test_every_field_is_named_as_the_server_names_it(said: Any, route: str, otherwise: dict[str, str]) -> None:
    schema = DOCUMENT["paths"][route]["post"]["requestBody"]["content"]["application/json"]["schema"]
    names = {otherwise.get(name, name) for name in inspect.signature(said).parameters}
    assert names - {"self", "idempotency_key", "dry_run"} == set(schema["properties"])


@pytest.mark.parametrize("shape", ["Message", "Contact", "Consent", "Verification", "Webhook", "Delivery"])
def test_every_answer_looks_as_the_server_says(shape: str) -> None:
    properties = set(DOCUMENT["components"]["schemas"][shape]["properties"])
    assert set(get_type_hints(getattr(shapes, shape))) == properties


def test_it_needs_nothing_but_python() -> None:
    asked = "import sys; import relance_client; print(sorted(m.split('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-S", "-c", asked], cwd=CLIENT.parent, capture_output=True, text=True,
                            check=True).stdout  # fmt: skip
    assert "relance_client" in loaded
    assert "core" not in ast.literal_eval(loaded)
    imported = {node.module.split(".")[0] for path in CLIENT.glob("*.py")
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.ImportFrom) and node.module}  # fmt: skip
    assert imported - {"relance_client"} <= set(sys.stdlib_module_names)
