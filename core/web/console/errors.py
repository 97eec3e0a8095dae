"""What a page says when it cannot do what was asked: what happened, why, and one way on."""

from __future__ import annotations

from flask import g, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from core.domain.errors import RelanceError
from core.web.console.words import sentence


def refused(error: RelanceError) -> ResponseReturnValue:
    """A refusal of the engine, in the person's language."""
    return _page(error.status if error.status >= 400 else 400, sentence(error.reason))


def broken(error: HTTPException) -> ResponseReturnValue:
    """A page that does not exist, a form that is too large, and the like."""
    if error.response is not None:
        return error.response
    return _page(error.code or 500, None)


def _page(status: int, why: str | None) -> ResponseReturnValue:
    return render_template("error.html", status=status, why=why, request_id=g.get("request_id", "")), status
