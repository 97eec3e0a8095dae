"""The web application: which blueprints there are, who may call each route, and what every answer carries."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

import structlog
from flask import Flask, Response, abort, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from core import traces
from core.logs import query_shown
from core.suite import Suite
from core.web import request_log

MOST_BODY = 1_000_000
REFUSED = "relance.refused"
"""In the environment of a request that the server itself would not take: the status it is refused with."""
log = structlog.get_logger(__name__)


def create_app(suite: Suite) -> Flask:
    """The application for a suite. Starts nothing: the runner is the caller's."""
    from core.web import api, connect, console, documents, hooks, links, pages, probes, problems, providers
    from core.web.limits import STRANGERS_BURST, STRANGERS_PER_SECOND, Buckets

    app = Flask("core.web", static_folder=None, template_folder="console/templates")
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BODY,
        MAX_FORM_PARTS=200,
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        DEBUG=False,
        TRAP_HTTP_EXCEPTIONS=False,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.extensions["relance"] = suite
    app.extensions["relance_armour"] = _armour(suite)
    app.extensions["relance_limits"] = Buckets()
    app.extensions["relance_request_log"] = request_log.RequestLog()
    app.extensions["relance_strangers"] = Buckets(STRANGERS_PER_SECOND, STRANGERS_BURST)
    if suite.settings.trusted_proxies:
        proxies = suite.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0, x_host=0)  # type: ignore[method-assign]
    for part in (probes, documents, hooks, providers, links, pages, connect, api, console):
        part.register(app)
    problems.register(app)
    app.before_request(_named)
    app.after_request(_armoured)
    app.after_request(_logged)
    return app


def current_suite() -> Suite:
    """The suite of the running application."""
    suite: Suite = current_app.extensions["relance"]
    return suite


def _named() -> None:
    """Gives each request an id that is in its answer, its log lines and its messages' story."""
    g.request_id = f"req_{secrets.token_hex(8)}"
    g.began = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if refused := request.environ.get(REFUSED):
        abort(refused)
    if "\0" in request.path or "%00" in request.environ.get("QUERY_STRING", ""):
        # No name and no value of ours holds one, and not every database can be asked for it.
        abort(400)


def _armoured(response: Response) -> Response:
    """Headers that every answer carries; a page may be stricter, never looser."""
    armour: dict[str, str] = current_app.extensions["relance_armour"]
    headers = response.headers
    said = {name.lower() for name in headers.keys()}  # noqa: SIM118 - of these headers, not of a dict
    more = {"X-Request-Id": g.get("request_id", ""), **armour}
    if not request.path.startswith("/static/"):
        more["Cache-Control"] = "no-store"
    for name, value in more.items():
        if name.lower() not in said:
            headers.add(name, value)
    return response


def _armour(suite: Suite) -> dict[str, str]:
    """The same for every answer of a house."""
    armour = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self' "
        + " ".join(suite.settings.vendor_auth_urls.values())
        + "; frame-ancestors 'none'",
    }
    if suite.public_url.startswith("https:"):
        armour["Strict-Transport-Security"] = "max-age=31536000"
    return armour


def _logged(response: Response) -> Response:
    """One line for each request: who it was and what it said are not in it."""
    now = time.monotonic()
    took = now - g.get("began", now)
    route = request.url_rule.rule if request.url_rule else "?"
    query = request.query_string
    log.info(
        "request",
        method=request.method,
        route=route,
        query=query_shown(query.decode("latin-1")) if query else "",
        status=response.status_code,
        milliseconds=round(took * 1000, 1),
    )
    request_log.noted(response, took, current_suite().now())
    traces.span(
        "request", g.get("request_id", ""), current_suite().now(), timedelta(seconds=took),
        method=request.method, route=route, status=response.status_code,
    )
    return response
