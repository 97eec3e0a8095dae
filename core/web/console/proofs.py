"""What the other side is given by hand: the address at which it calls us, and the secret by which it proves itself."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from core.domain.errors import NotFound
from core.storage import installations
from core.web.app import current_suite
from core.web.console.session import page

bp = Blueprint("proofs", __name__, url_prefix="/connections")


@bp.get("/<installation>/proof")
@page("admin")
def proof(installation: str) -> ResponseReturnValue:
    """The address and the secret, for whoever may connect."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    secret = row.installation.secrets.get("signing_secret") if row is not None else None
    if row is None or row.state == "disconnected" or not isinstance(secret, str):
        raise NotFound("installation")
    adapter = suite.adapters.get(row.installation.adapter)
    platform = adapter.manifest.name if adapter else row.installation.adapter
    return render_template("proof.html", row=row, platform=platform, secret=secret)
