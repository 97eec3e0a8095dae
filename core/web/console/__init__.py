"""The console: pages for people who signed in. Each module of this folder that has a `bp` is a part of it."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException

from core.domain.errors import RelanceError
from core.web.console import errors, formats, session, static, words


def register(app: Flask) -> None:
    """Brings in every page, the words, the formats and the files that pages load."""
    words.register(app)
    session.register(app)
    formats.register(app)
    static.register(app)
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        part = getattr(import_module(f"{__name__}.{found.name}"), "bp", None)
        if isinstance(part, Blueprint):
            app.register_blueprint(part)
            # On the application and not on the blueprint, which belongs to the module: a process may hold several.
            handlers = app.error_handler_spec[part.name][None]
            handlers[RelanceError] = errors.refused
            handlers[HTTPException] = errors.broken
