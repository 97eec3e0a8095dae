"""`/s/<code>`: the recipient follows a short link. Where it leads was written before, never by the request."""

from __future__ import annotations

import math

from flask import Flask, Response, current_app, render_template_string, request
from werkzeug.urls import iri_to_uri

from core.engine import linking
from core.web.access import Access, allow
from core.web.app import current_suite
from core.web.limits import Buckets, TooFast

PER_SECOND, BURST = 20.0, 300.0
"""For an address: behind one there may be all telephones of a network."""
UNKNOWN_COSTS = 10.0
"""A code that leads nowhere costs so many as one that does: nobody finds one by trying."""


def register(app: Flask) -> None:
    app.extensions["relance_links"] = Buckets(PER_SECOND, BURST)
    # Not "links.…": that is the console's blueprint, whose errors are pages for people who signed in.
    app.add_url_rule("/s/<code>", "short_links.follow", allow(Access.PUBLIC)(follow), methods=["GET"])


def follow(code: str) -> Response:
    """302 to the target; a small kind page when there is none (404) or none any more (410)."""
    _not_too_fast(1.0)
    headers = {name.lower(): value for name, value in request.headers.items()}
    way = linking.follow(current_suite(), code, request.method, headers)
    if way.target is not None:
        return _answer("", 302, Location=iri_to_uri(way.target))
    if not way.over:
        _not_too_fast(UNKNOWN_COSTS)
    said = request.accept_languages.best_match(("fr", "en"), default=current_suite().settings.language) or "fr"
    title, text = _WORDS["over" if way.over else "unknown"][said]
    return _answer(render_template_string(_PAGE, said=said, title=title, text=text), 410 if way.over else 404)


def _answer(body: str, status: int, **headers: str) -> Response:
    response = Response(body, status, content_type="text/html; charset=utf-8")
    response.headers.update(
        {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", **headers}
    )
    return response


def _not_too_fast(tokens: float) -> None:
    buckets: Buckets = current_app.extensions["relance_links"]
    if wait := buckets.take(request.remote_addr or "?", tokens):
        raise TooFast(math.ceil(wait))


_WORDS = {
    "unknown": {
        "fr": (
            "Ce lien ne mène nulle part",
            "Vérifiez qu’il a été copié en entier, ou demandez-le à nouveau à la personne qui vous a écrit.",
        ),
        "en": (
            "This link leads nowhere",
            "Check that it was copied whole, or ask whoever wrote to you for a new one.",
        ),
    },
    "over": {
        "fr": (
            "Ce lien n’est plus valable",
            "Il est arrivé au bout de sa durée. Demandez-en un nouveau à la personne qui vous a écrit.",
        ),
        "en": ("This link is over", "Its time has passed. Ask whoever wrote to you for a new one."),
    },
}

_PAGE = """<!doctype html>
<html lang="{{ said }}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title></head>
<body><main><h1>{{ title }}</h1><p>{{ text }}</p></main></body>
</html>
"""
