"""`/hooks/…`: platforms speak to us. The request is handed on as it was sent; the engine decides."""

from __future__ import annotations

from flask import Flask, Response, request

from core.contract import Inbound
from core.contract import Reply as Words
from core.domain.errors import Unreadable
from core.engine import intake
from core.web import problems
from core.web.access import Access, allow
from core.web.api.reading import raw_body
from core.web.app import MOST_BODY, current_suite

METHODS = ["GET", "POST"]


def register(app: Flask) -> None:
    """`<topic>` is part of the address that the sender signed; the adapter reads it from there."""
    for number, rule in enumerate(
        (
            "/hooks/<adapter>",
            "/hooks/<adapter>/<installation>",
            "/hooks/<adapter>/<installation>/<path:topic>",
        )
    ):
        app.add_url_rule(rule, f"hooks.receive_{number}", allow(Access.SIGNED)(receive), methods=METHODS)


def receive(adapter: str, installation: str | None = None, topic: str = "") -> Response:
    """An id begins with `ins_`; another second part is the topic of a platform that calls one address for all."""
    if installation is not None and not installation.startswith("ins_"):
        installation = None
    try:
        return spoken(intake.receive(current_suite(), adapter, installation, inbound()))
    except Unreadable as error:
        # It is kept in the inbox and can be replayed; the platform hears that it was not understood.
        return problems.relance_error(error)


def inbound() -> Inbound:
    """The request as its sender made it: over the public address, whatever `Host` or a proxy says."""
    suite = current_suite()
    body = raw_body(MOST_BODY)
    query = request.environ.get("QUERY_STRING", "")
    path = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    path = path.partition("?")[0] if path.startswith("/") else request.path
    return Inbound(
        request.method,
        f"{suite.public_url}{path}{'?' + query if query else ''}",
        tuple((name, value) for name, value in request.headers.items() if len(value) <= 16_384),
        body,
        suite.now(),
    )


def spoken(words: Words) -> Response:
    return Response(words.body, words.status, content_type=words.content_type)
