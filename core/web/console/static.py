"""The files that pages load, from this machine alone: addressed by their content, so that browsers may keep them."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from flask import Blueprint, Flask, Response, abort, request

from core.web.access import Access, allow

bp = Blueprint("static_files", __name__)
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def _content(name: str) -> bytes | None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.suffix:
        return None
    source = files("core.web.console").joinpath("static", *path.parts)
    return source.read_bytes() if source.is_file() else None


@cache
def static_url(name: str) -> str:
    """`/static/console.css?v=…`. Raises `LookupError` for a file that is not there."""
    content = _content(name)
    if content is None:
        raise LookupError(name)
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


@bp.get("/static/<path:name>")
@allow(Access.PUBLIC)
def served(name: str) -> Response:
    """A file of `static/`."""
    content = _content(name)
    if content is None:
        abort(404)
    suffix = PurePosixPath(name).suffix
    response = Response(content, content_type=_TYPES.get(suffix) or mimetypes.guess_type(name)[0])
    named = request.args.get("v") == static_url(name).rpartition("=")[2]
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if named else "no-cache"
    response.set_etag(hashlib.sha256(content).hexdigest()[:24])
    response.make_conditional(request)
    return response


def register(app: Flask) -> None:
    """`static_url` for every template."""
    app.jinja_env.globals["static_url"] = static_url
