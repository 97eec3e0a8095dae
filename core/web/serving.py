"""The door on the network: how much a request may bring by its address, and refusals in the application's own words.

The server would keep a body of any size on disk before anybody looked whether its address takes one; so the limit of
each address is asked as soon as its headers are there.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask
from werkzeug.exceptions import HTTPException

from core.web.app import MOST_BODY, REFUSED

MOST_HEADERS = 16_384


def door(app: Callable[..., Any], *, limits: Callable[[], Flask | None], **given: Any) -> Any:
    """A waitress server for `app`, bound and not yet serving; `given` goes to it (host, port, map, threads).

    `limits` gives the application whose views say how much they take (`most_body`), once it is there.
    """

    class Request(HTTPRequestParser):
        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if self.chunked or self.content_length > MOST_BODY:
                own: Any = copy(self.adj)  # type: ignore[has-type]
                own.max_request_body_size = _most(limits(), self) + 1
                self.adj = own

    class Channel(HTTPChannel):
        parser_class = Request
        error_task_class = Refusal

    server = create_server(
        app, ident=None, max_request_body_size=MOST_BODY + 1, max_request_header_size=MOST_HEADERS,
        # Who the caller is behind a proxy is decided by RELANCE_TRUSTED_PROXIES, in core.web.app.
        clear_untrusted_proxy_headers=False, **given,
    )  # fmt: skip
    for one in given.get("map", {}).values() or (server,):
        if hasattr(one, "channel_class"):
            one.channel_class = Channel
    return server


class Refusal(WSGITask):
    """What the server itself would not take (too large, unreadable) is refused by the application, as everything is."""

    complete = True

    def execute(self) -> None:
        if not hasattr(self.request, "path") or not self.request.headers_finished:
            # The first line or the headers could not be read: there is nobody to say what was asked for.
            ErrorTask.execute(self)  # type: ignore[arg-type]
            return
        self.complete = False
        super().execute()
        self.set_close_on_finish()

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
