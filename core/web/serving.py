"""The door on the network: how much a request may bring by its address, refusals in the application's own words, and
what becomes of a crowd.

The server would keep a body of any size on disk before anybody looked whether its address takes one; so the limit of
each address is asked as soon as its headers are there.

Platforms hang up after five seconds or less, and then deliver again. When more of them call than can be served, an
answer to who has hung up already keeps the next one waiting until he hangs up too, and soon nobody is answered. So
whoever of them has waited too long in a crowd is asked at once to come again, and the others are answered in time.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import timedelta
from functools import lru_cache
from threading import Lock
from time import monotonic
from typing import Any

import structlog
from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask
from werkzeug.exceptions import HTTPException

from core.domain.errors import NotNow
from core.web.app import MOST_BODY, REFUSED
from core.web.problems import relance_error

MOST_HEADERS = 16_384
PATIENCE = 0.7
"""Seconds for which a platform's request may have waited in a crowd; what follows takes some tenths more."""
CROWD = 32
"""Requests that wait at a time; fewer are served soon, however long somebody held them up."""
COMES_AGAIN = ("/hooks/", "/providers/")
"""Where machines call that deliver again what was not taken. People and programs are waited for."""
LINES = 500
"""Connections at a time. Who has to wait for one waits where nobody sees it."""
TOLD_EVERY = 10.0
AT_ONCE = 64
"""Connections taken between two looks at the others: one by one, a crowd would stand before the door."""
log = structlog.get_logger(__name__)


def door(app: Callable[..., Any], *, limits: Callable[[], Flask | None], **given: Any) -> Any:
    """A waitress server for `app`, bound and not yet serving; `given` goes to it (host, port, map, threads).

    `limits` gives the application whose views say how much they take (`most_body`), once it is there.
    """

    class Request(HTTPRequestParser):
        came = 0.0

        def received(self, data: bytes) -> int:
            taken: int = super().received(data)
            if self.completed and not self.came:
                self.came = monotonic()
            return taken

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if self.chunked or self.content_length > MOST_BODY:
                own: Any = copy(self.adj)  # type: ignore[has-type]
                own.max_request_body_size = _most(limits(), self) + 1
                self.adj = own

    class Channel(HTTPChannel):
        parser_class = Request
        task_class = Turn
        error_task_class = Refusal

    server = create_server(
        app, ident=None, max_request_body_size=MOST_BODY + 1, max_request_header_size=MOST_HEADERS,
        # Who the caller is behind a proxy is decided by RELANCE_TRUSTED_PROXIES, in core.web.app.
        clear_untrusted_proxy_headers=False, connection_limit=LINES, **given,
    )  # fmt: skip
    for one in given.get("map", {}).values() or (server,):
        if hasattr(one, "channel_class"):
            one.channel_class = Channel
            one.limits, one.sent_away = limits, SentAway()
            _takes_several(one)
    return server


def _takes_several(listening: Any) -> None:
    one_by_one = listening.handle_accept

    def accept() -> None:
        for _ in range(AT_ONCE):
            before = len(listening._map)
            one_by_one()
            if len(listening._map) == before or len(listening._map) > LINES:
                return

    listening.handle_accept = accept


class Turn(WSGITask):
    """A request whose turn has come."""

    def execute(self) -> None:
        server = self.channel.server
        waiting, waited = len(server.task_dispatcher.queue), monotonic() - self.request.came
        app = server.limits()
        if waiting < CROWD or waited < PATIENCE or app is None or not self.request.path.startswith(COMES_AGAIN):
            super().execute()
            return
        # Without the application: what is not taken must cost next to nothing, or nothing is left for the others.
        headers, body = _crowded(app)
        server.sent_away.count(waiting)
        self.complete, self.status = True, "503 Service Unavailable"
        self.response_headers.extend(headers)
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


@lru_cache(maxsize=8)
def _crowded(app: Flask) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the answer to who is asked to come again."""
    with app.test_request_context("/hooks/"):
        said = relance_error(NotNow("crowded", timedelta(seconds=2)))
    armour: dict[str, str] = app.extensions["relance_armour"]
    return [*said.headers, *armour.items(), ("Cache-Control", "no-store")], said.get_data()


class SentAway:
    """How many were asked to come again: one line in the log now and then, not one for each."""

    def __init__(self) -> None:
        self._lock, self._count, self._told = Lock(), 0, -TOLD_EVERY

    def count(self, waiting: int) -> None:
        with self._lock:
            self._count += 1
            if monotonic() - self._told < TOLD_EVERY:
                return
            self._told, count, self._count = monotonic(), self._count, 0
        log.warning("a crowd of platforms: asked to come again", requests=count, waiting=waiting)


class Refusal(WSGITask):
    """What the server itself would not take (too large, unreadable) is refused by the application, as everything is."""

    complete = True

    def execute(self) -> None:
        if not hasattr(self.request, "path") or not self.request.headers_finished:
            # The first line or the headers could not be read: there is nobody to say what was asked for.
            ErrorTask.execute(self)  # type: ignore[arg-type]
            return
        self.complete = False
        # Said before the answer is written: who is not told would say the next thing on a line that is about to close.
        self.set_close_on_finish()
        super().execute()

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        return {**environ, "CONTENT_LENGTH": "0", "wsgi.input": _Nothing(), REFUSED: self.request.error.code}


class _Nothing:
    """The body of a request that is not read."""

    def read(self, *_: Any) -> bytes:
        return b""

    readline = read


def _most(app: Flask | None, request: HTTPRequestParser) -> int:
    """How many bytes the address of this request takes."""
    if app is None:
        return MOST_BODY
    try:
        endpoint, _ = app.url_map.bind("localhost").match(request.path, request.command)
    except HTTPException:
        return MOST_BODY
    return max(MOST_BODY, getattr(app.view_functions[endpoint], "most_body", MOST_BODY))
