"""A provider whose memory outlives the process that speaks to it: what kill -9 is measured against.

`Ledger` is its other end, in the test's process: it writes down every reference that reaches it, doubles included, and
can end its caller at a chosen request, before or after taking it. `LedgerProvider` is the way to it: not idempotent;
whether it can be asked afterwards is an argument.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from core.contract import (
    Accepted,
    Account,
    Gone,
    Outcome,
    Outgoing,
    Provider,
    ProviderTools,
    Receipt,
    TryLater,
    Uncertain,
)
from core.domain.errors import NotNow
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.guarded import Answer
from core.providers.http import Broken, Http, Request


class Ledger:
    """`taken` counts how often each reference arrived. `kill_at`: request number → what ends the caller."""

    def __init__(self, latency: float = 0.004) -> None:
        self.taken: Counter[str] = Counter()
        self.requests = 0
        self.latency = latency
        self.kill_at: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._dice = random.Random(7)
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                reference = self.rfile.read(int(self.headers["Content-Length"])).decode()
                ledger._take(reference)
                self._say(201, reference)

            def do_GET(self) -> None:
                reference = self.path[1:]
                self._say(200 if ledger.taken[reference] else 404, reference)

            def _say(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                """Silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                """A caller that was killed has hung up: that is what this is for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _take(self, reference: str) -> None:
        with self._lock:
            self.requests += 1
            kill = self.kill_at.pop(self.requests, None)
            first = self._dice.random() < 0.5
        if kill and first:
            kill()
        time.sleep(self.latency)
        with self._lock:
            self.taken[reference] += 1
        if kill and not first:
            kill()


class LedgerProvider(Provider):
    slug = "ledger"
    name = "Ledger"
    channels = frozenset({Channel.SMS})

    def __init__(self, tools: ProviderTools, *, can_look_up: bool) -> None:
        super().__init__(tools)
        self.can_look_up = can_look_up
        self._http = Http(timeout=5, connections=16)

    def send(
        self, account: Account, messages: Sequence[Outgoing], now: datetime, begun: Callable[[str], None]
    ) -> list[Outcome]:
        requests = [Request("POST", f"{self.tools.urls['ledger']}/", (), one.reference.encode()) for one in messages]
        answers = self._http.post_all(requests, on_begin=lambda index: begun(messages[index].reference))
        return [_outcome(answer) for answer in answers]

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        answer = self._http.request(Request("GET", f"{self.tools.urls['ledger']}/{reference}"))
        if isinstance(answer, Broken):
            raise NotNow("provider_away", timedelta(seconds=1))
        if answer.status == 404:
            raise Gone(reference)
        return Receipt(f"led_{reference}", State.SENT, "sent", now, reference)


def _outcome(answer: Answer | Broken) -> Outcome:
    if isinstance(answer, Answer):
        return Accepted(f"led_{answer.body.decode()}")
    why = Reason("provider_failed", {"detail": answer.detail})
    return Uncertain(why) if answer.spoken else TryLater(timedelta(seconds=1), why)


def provider(tools: Mapping[str, str], kind: str) -> LedgerProvider:
    """`kind`: "asked" when it can be looked up, "silent" when it cannot."""
    return LedgerProvider(ProviderTools(urls=tools), can_look_up=kind == "asked")
