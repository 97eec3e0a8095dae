"""`/openapi.json` and `/docs`: what the server takes and answers, written from the routes themselves."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response, render_template_string
from marshmallow import Schema

from core.web.access import Access, allow
from core.web.api import PARTS
from core.web.api.described import SCHEMAS, ref
from core.web.api.routing import JSON, Route
from core.web.app import current_suite

_REFUSALS = {
    400: "The request could not be read",
    401: "No key, or one that does not count",
    403: "The key lacks the scope",
    429: "Too fast: see Retry-After",
    503: "The database is away: see Retry-After",
}
_OF_BODIES = {413: "Too large", 415: "Not JSON", 422: "Something in it cannot be done: see `errors`"}
_KEPT = {409: "Another request with this Idempotency-Key is in progress", 422: "This Idempotency-Key had another body"}
_INSIDE = re.compile(r"\{(\w+)\}")


def register(app: Flask) -> None:
    for path, view in (("/openapi.json", openapi), ("/docs", docs)):
        app.add_url_rule(path, f"documents.{view.__name__}", allow(Access.PUBLIC)(view), methods=["GET"])


def openapi() -> Response:
    return Response(orjson.dumps(document(current_suite().public_url)), content_type="application/json")


def docs() -> Response:
    """The same document for people, without a script and without anything from elsewhere."""
    written = render_template_string(_PAGE, document=document(current_suite().public_url), routes=all_routes())
    return Response(written, content_type="text/html; charset=utf-8")


def all_routes() -> list[Route]:
    return [route for part in PARTS for route in part.ROUTES.all]


@lru_cache(maxsize=4)
def document(public_url: str) -> dict[str, Any]:
    """The OpenAPI document. Made once, and never changed."""
    spec = APISpec("Relance", version("relance"), "3.1.0", plugins=[MarshmallowPlugin(schema_name_resolver=_inline)])
    converter = next(plugin for plugin in spec.plugins if isinstance(plugin, MarshmallowPlugin)).converter
    paths: dict[str, Any] = {}
    for route in all_routes():
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, converter)
    for path, summary, gives, statuses in (
        ("/healthz", "The process lives", "Health", (200,)),
        ("/readyz", "The database is migrated and the engine ticks", "Readiness", (200, 503)),
    ):
        answers = {str(status): _answer(summary, gives) for status in statuses}
        paths[path] = {"get": {"summary": summary, "tags": ["probes"], "security": [], "responses": answers}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Relance",
            "version": version("relance"),
            "description": "The right message, to the right phone, at the right moment, once.",
        },
        "servers": [{"url": public_url}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "rk_live_… or rk_test_…"}},
        },
    }


def _inline(_: object) -> str:
    """Bodies are written where they are used: each is used once. No name says so."""
    return ""


def _operation(route: Route, converter: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name.replace(".", "_"),
        "summary": route.summary,
        "tags": [route.noun],
        "parameters": _parameters(route, converter),
        "responses": _responses(route),
    }
    if route.takes is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(route.takes, converter, partial=route.partial)}},
        }
    return operation


def _parameters(route: Route, converter: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _INSIDE.findall(route.path)
    ]
    if route.query is not None:
        found += converter.schema2parameters(route.query, location="query")
    if route.method != "GET":
        found.append(
            {
                "name": "dry_run",
                "in": "query",
                "description": "Answers what would happen, and writes nothing",
                "schema": {"type": "boolean", "default": False},
            }
        )
    if route.method == "POST":
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body give the first answer again, for at least 24 hours",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
            }
        )
    return found


def _responses(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {str(route.status): _answer("Done", route.gives, route.media)}
    if route.method != "GET":
        # A dry run makes nothing, so that it never answers 201.
        dry = route.status if route.status not in (201, 202) else 200
        given = route.dry_gives
        if dry != route.status:
            found[str(dry)] = _answer("What would happen (dry run)", given or route.gives)
        elif given:
            found[str(dry)] = {
                "description": "Done, or the difference (dry run)",
                "content": {"application/json": {"schema": {"anyOf": [ref(route.gives or ""), ref(given)]}}},
            }
    refusals = dict(_REFUSALS)
    if route.takes is not None or route.method == "POST":
        refusals |= _OF_BODIES
    if "{" in route.path:
        refusals[404] = "No such thing in this workspace"
    elif route.noun == "simulator" or route.noun == "explanations":
        refusals[404] = "Not here"
    if route.noun == "explanations":
        refusals[422] = "Not a telephone number"
    if route.method == "POST":
        refusals |= {status: text for status, text in _KEPT.items() if status not in refusals}
    for status, text in route.also.items():
        if status < 300:
            found[str(status)] = _answer(text, route.gives)
        else:
            refusals[status] = text
    for status, text in refusals.items():
        found.setdefault(str(status), _problem(text))
    return dict(sorted(found.items()))


def _answer(description: str, gives: str | None, media: tuple[str, ...] = (JSON,)) -> dict[str, Any]:
    if gives is None:
        return {"description": description}
    return {"description": description, "content": {kind: {"schema": ref(gives)} for kind in media}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": ref("Problem")}}}


def _schema(schema: Schema, converter: Any, *, partial: bool) -> dict[str, Any]:
    written: dict[str, Any] = orjson.loads(orjson.dumps(_plain(converter.schema2jsonschema(schema))))
    if partial:
        written.pop("required", None)
    return written


def _plain(value: Any) -> Any:
    """Ordered and lazy mappings as plain ones; what is no JSON (a compiled pattern, a callable default) left out."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items() if not callable(inner)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value


_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Relance · API</title></head>
<body>
<main>
<h1>Relance {{ document.info.version }}</h1>
<p>{{ document.info.description }} <a href="/openapi.json">openapi.json</a></p>
<p>Every call but the probes needs <code>Authorization: Bearer rk_live_…</code>. Errors are
<code>application/problem+json</code>. <code>Idempotency-Key</code> on every POST;
<code>?dry_run=true</code> answers what would happen and writes nothing.</p>
<nav><ul>
{% for route in routes %}<li><a href="#{{ route.name }}"><code>{{ route.method }} {{ route.path }}</code></a></li>
{% endfor %}</ul></nav>
{% for route in routes %}
{% set operation = document.paths[route.path][route.method.lower()] %}
<section id="{{ route.name }}">
<h2><code>{{ route.method }} {{ route.path }}</code></h2>
<p>{{ route.summary }}</p>
{% if operation.parameters %}<dl>
{% for one in operation.parameters %}<dt><code>{{ one.name }}</code> ({{ one.in }})</dt>
<dd>{{ one.description or one.schema.type }}</dd>
{% endfor %}</dl>{% endif %}
{% if operation.requestBody %}<details><summary>Body</summary>
<pre>{{ operation.requestBody.content["application/json"].schema | tojson(indent=2) }}</pre></details>{% endif %}
<details><summary>Answers</summary><dl>
{% for status, one in operation.responses.items() %}<dt><code>{{ status }}</code></dt><dd>{{ one.description }}</dd>
{% endfor %}</dl></details>
</section>
{% endfor %}
<h2>Schemas</h2>
{% for name, schema in document.components.schemas.items() %}
<details id="schema-{{ name }}"><summary><code>{{ name }}</code></summary>
<pre>{{ schema | tojson(indent=2) }}</pre></details>
{% endfor %}
</main>
</body>
</html>
"""
