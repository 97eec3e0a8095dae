"""Développeurs, incoming: requests of platforms and providers as they came, and reading one again after a fix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from core.contract import Inbound
from core.domain.errors import NotFound
from core.engine import recordings, rereading
from core.storage import inbox, installations
from core.web.api.inbox import HIDDEN
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import may, page

bp = Blueprint("developers_inbox", __name__, url_prefix="/developers/inbox")
STATES = ("read", "unreadable", "unsupported", "repeated")
SHOWN = 50
MOST_SHOWN = 20_000
"""Characters of a body that a page holds."""


@bp.get("")
@page()
def listed() -> ResponseReturnValue:
    """Newest first, with filters."""
    suite = current_suite()
    wanted = {name: asked.text(name) for name in ("state", "installation")}
    if wanted["state"] not in STATES:
        wanted["state"] = ""
    with suite.database.read(g.person.workspace) as tx:
        rows = inbox.listed(
            tx, state=wanted["state"] or None, installation=wanted["installation"] or None,
            after=asked.text("after") or None, limit=SHOWN + 1,
        )  # fmt: skip
        names = asked.names(suite, tx).installations
    return render_template(
        "developers_inbox.html", rows=rows[:SHOWN], further=rows[SHOWN - 1]["id"] if len(rows) > SHOWN else None,
        wanted=wanted, states=STATES, names=names,
    )  # fmt: skip


@bp.get("/<inbox_id>")
@page()
def one(inbox_id: str) -> ResponseReturnValue:
    """A request with its headers and body; people and proofs masked for those who do not decide here."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = _row(tx, inbox_id)
        known = row["installation"] and installations.get(tx, suite.vault, row["installation"], suite.public_url)
    kept = Inbound.read(row["request"])
    if not may("admin"):
        config = known.installation.config if known else {}
        kept = Inbound.read(json.dumps(recordings.masked(kept, adapter=row["adapter"], config=config)).encode())
    path = kept.url.partition("?")[0]
    return render_template(
        "developers_request.html",
        row=row,
        name=known.installation.name if known else row["adapter"],
        method=kept.method,
        path=path.rpartition("/providers/")[0] or path,
        headers=[(name, "…" if any(word in name.lower() for word in HIDDEN) else said) for name, said in kept.headers],
        body=_readable(kept.body.decode("utf-8", "replace"))[:MOST_SHOWN],
    )


@bp.post("/<inbox_id>/again")
@page(writes="editor")
def again(inbox_id: str) -> ResponseReturnValue:
    """Reads a kept request again."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        rereading.again(suite, tx, inbox_id)
        state = _row(tx, inbox_id)["state"]
    suite.wake()
    kind = "good" if state == "read" else "warn"
    return asked.back(f"/developers/inbox/{inbox_id}", kind, f"developers.reread.{state}")


def _readable(body: str) -> str:
    """JSON indented; anything else as it came."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body


def _row(tx: Any, inbox_id: str) -> Mapping[str, Any]:
    row = inbox.get(tx, inbox_id)
    if row is None:
        raise NotFound("inbox entry")
    return row
