"""The first page: the board, or for a workspace without a connection the way to its first one."""

from __future__ import annotations

from flask import Blueprint, g, redirect
from flask.typing import ResponseReturnValue

from core.storage import installations
from core.web.app import current_suite
from core.web.console.session import may, page

bp = Blueprint("home", __name__)


@bp.get("/")
@page()
def home() -> ResponseReturnValue:
    """Where a person begins."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        connected = bool(installations.listed(tx, suite.vault, suite.public_url))
    return redirect("/today" if connected or not may("editor") else "/start", 303)
