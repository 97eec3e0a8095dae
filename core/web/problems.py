"""Errors as the outside hears them: `application/problem+json` (RFC 9457), each with a page that explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
import structlog
from flask import Flask, Response, current_app, g, request
from jinja2 import Environment, Template
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from core.domain.errors import BadInput, NotFound, NotNow, RelanceError, Unreadable
from core.domain.reasons import Reason
from core.domain.remedies import remedy
from core.domain.sentences import SENTENCES
from core.web.access import Access, allow
from core.web.app import current_suite
from core.web.limits import TooFast

PROBLEM = "application/problem+json"
FOR_PROGRAMS = ("/v1", "/hooks", "/providers", "/healthz", "/readyz", "/metrics", "/openapi.json")
_HTTP_CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "key_needed",
    403: "forbidden",
    404: "no_such_address",
    405: "method_not_allowed",
    411: "length_required",
    413: "body_too_large",
    414: "address_too_long",
    415: "wrong_content_type",
    429: "too_fast",
    431: "headers_too_large",
    500: "internal_error",
    503: "database_away",
}
_ORDINARY = 200
log = structlog.get_logger(__name__)


class Malformed(RelanceError):
    """A request that could not be read as what the route takes: 400, or another 4xx that says so."""

    def __init__(self, code: str, *, status: int = 400, **values: Any) -> None:
        super().__init__(code, **values)
        self.status = status


class Several(BadInput):
    """Several fields are wrong at once: (JSON pointer, reason) of each."""

    def __init__(self, wrong: Sequence[tuple[str, Reason]]) -> None:
        super().__init__("fields_wrong", count=len(wrong))
        self.wrong = tuple(wrong)


def register(app: Flask) -> None:
    app.register_error_handler(RelanceError, relance_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)
    app.add_url_rule("/errors", "problems.index", allow(Access.PUBLIC)(index), methods=["GET"])
    app.add_url_rule("/errors/<code>", "problems.page", allow(Access.PUBLIC)(page), methods=["GET"])


def language() -> str:
    """What the caller reads: French or English as `Accept-Language` says, else English."""
    header = request.headers.get("Accept-Language", "")
    return _best(header) if len(header) <= _ORDINARY else _best.__wrapped__(header)


@lru_cache(maxsize=512)
def _best(header: str) -> str:
    accepted = parse_accept_header(header, LanguageAccept)
    return accepted.best_match(("en", "fr"), default="en") or "en"


def status_of(error: RelanceError) -> int:
    """422 says that the request was read and something in it cannot be done; 400 that it could not be read."""
    if isinstance(error, Unreadable):
        return 400
    return 422 if isinstance(error, BadInput) else error.status


def as_problem(error: RelanceError, said: str | None = None) -> dict[str, Any]:
    """The problem document of an error of ours."""
    said = said or language()
    wrong = (
        error.wrong
        if isinstance(error, Several)
        else ((error.pointer, error.reason),)
        if isinstance(error, BadInput) and error.pointer
        else ()
    )
    first = wrong[0][1] if len(wrong) == 1 else error.reason
    return _document(
        status_of(error),
        first,
        said,
        [{"pointer": pointer, "code": reason.code, "detail": reason.sentence(said)} for pointer, reason in wrong],
    )


def relance_error(error: RelanceError) -> Response:
    headers = {}
    if isinstance(error, NotNow):
        headers["Retry-After"] = str(max(1, int(error.after.total_seconds())))
    elif isinstance(error, TooFast):
        headers["Retry-After"] = str(error.after)
    elif error.reason.code == "idempotency_busy":
        headers["Retry-After"] = "1"
    elif status_of(error) == 503:
        headers["Retry-After"] = "5"
    if status_of(error) == 401 and request.path.startswith("/v1"):
        headers["WWW-Authenticate"] = 'Bearer realm="relance"'
    if not for_programs():
        return _page(status_of(error), error.reason, headers)
    return answer(as_problem(error), headers)


def http_error(error: HTTPException) -> Response:
    """Werkzeug's own refusals (no such address, body too large, …) in the same words."""
    status = error.code or 500
    if status < 400 and error.response is not None:
        return error.get_response()  # type: ignore[return-value]
    reason = Reason(_HTTP_CODES.get(status, "bad_request" if status < 500 else "internal_error"))
    kept = ("Allow", "Retry-After", "WWW-Authenticate")
    headers = {name: value for name, value in error.get_headers() if name in kept}
    if not for_programs():
        return _page(status, reason, headers)
    return answer(_document(status, reason, language(), []), headers)


def unexpected(error: Exception) -> Response:
    """A fault of ours: logged with its trace under the request's id; the caller sees the id and never the trace."""
    # The route and not the path: the address of a provider's receipts is its proof, that of a short link is a code.
    route = request.url_rule.rule if request.url_rule else "?"
    log.error("request failed", exc_info=error, route=route, method=request.method)
    reason = Reason("internal_error")
    if not for_programs():
        return _page(500, reason, {})
    return answer(_document(500, reason, language(), []), {})


def answer(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    response = Response(orjson.dumps(document), document["status"], content_type=PROBLEM)
    response.headers.update(headers or {})
    return response


def for_programs() -> bool:
    return request.path.startswith(FOR_PROGRAMS)


def page(code: str) -> Response:
    """GET /errors/<code>: what the problem means and what to do, in both languages of the house."""
    if code not in SENTENCES:
        raise NotFound("error")
    return _page(200, Reason(code), {})


def index() -> Response:
    """GET /errors: every code that anybody may be told, with its sentence and its remedy."""
    said = _said()
    found = [(code, Reason(code).sentence(said), remedy(code, said)) for code in sorted(SENTENCES)]
    written = _template(current_app.jinja_env, _INDEX).render(said=said, found=found, title=_CATALOGUE[said])
    return Response(written, 200, content_type="text/html; charset=utf-8")


@lru_cache(maxsize=8)
def _template(environment: Environment, source: str) -> Template:
    return environment.from_string(source)


def _said() -> str:
    return language() if request.accept_languages else current_suite().settings.language


def _document(status: int, reason: Reason, said: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
    g.problem_code = reason.code  # for the request log
    return {
        "type": f"{current_suite().public_url}/errors/{reason.code}",
        "title": reason.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": reason.sentence(said),
        "code": reason.code,
        "remedy": remedy(reason.code, said),
        "request_id": g.get("request_id", ""),
        "errors": errors,
    }


_PAGE = """<!doctype html>
<html lang="{{ said }}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · Relance</title>
<link rel="stylesheet" href="{{ static_url('console.css') }}"></head>
<body class="plain">
<main>
<h1>{{ title }}</h1>
<p class="lead">{{ detail }}</p>
<p><strong>{{ remedy }}</strong></p>
<p class="quiet small"><code>{{ code }}</code>{% if request_id %} · <code>{{ request_id }}</code>{% endif %}</p>
<p><a href="/">Relance</a> · <a href="/errors">{{ catalogue }}</a></p>
</main>
</body>
</html>
"""
_CATALOGUE: Mapping[str, str] = {"fr": "Catalogue des erreurs", "en": "Catalogue of errors"}
_INDEX = """<!doctype html>
<html lang="{{ said }}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · Relance</title>
<link rel="stylesheet" href="{{ static_url('console.css') }}"></head>
<body>
<main>
<h1>{{ title }}</h1>
<dl class="facts">
{% for code, meaning, remedy in found %}
<dt id="{{ code }}"><a href="/errors/{{ code }}"><code>{{ code }}</code></a></dt>
<dd>{{ meaning }} <strong>{{ remedy }}</strong></dd>
{% endfor %}</dl>
<p><a href="/">Relance</a></p>
</main>
</body>
</html>
"""


def _page(status: int, reason: Reason, headers: Mapping[str, str]) -> Response:
    said = _said()
    written = _template(current_app.jinja_env, _PAGE).render(
        catalogue=_CATALOGUE[said],
        said=said,
        title=reason.code.replace("_", " ").capitalize(),
        detail=reason.sentence(said),
        remedy=remedy(reason.code, said),
        code=reason.code,
        request_id=g.get("request_id", "") if status >= 400 else "",
    )
    response = Response(written, status, content_type="text/html; charset=utf-8")
    response.headers.update(headers)
    return response
