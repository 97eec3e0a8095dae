"""From "follow up abandoned carts" to a shop: one that is connected already, or one to be connected now."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, g, redirect, render_template
from flask.typing import ResponseReturnValue

from core.contract import Adapter, HandsOver, Pushes, SharedSecret, TakesKeys
from core.domain.errors import BadInput, NotFound
from core.domain.events import Kind
from core.engine import installing
from core.storage import installations
from core.suite import Suite
from core.web.app import current_suite
from core.web.console.session import flash, page

bp = Blueprint("start_shop", __name__, url_prefix="/start")


@dataclass(frozen=True, slots=True)
class Offered:
    """A platform of shops. `way`: "click", "keys" (copied from there), "own" (a secret of ours, at once), "hand" (only
    for programs), or "later" where the operator has not prepared it."""

    slug: str
    name: str
    way: str


@bp.get("/shop")
@page("editor")
def shop() -> ResponseReturnValue:
    """Which shop?"""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        rows = installations.listed(tx, suite.vault, suite.public_url)
    there = [row for row in rows if _of_shops(suite.adapters.get(row.installation.adapter))]
    offered = [Offered(slug, one.manifest.name, way(suite, one)) for slug, one in suite.adapters.items()
               if _of_shops(one)]  # fmt: skip
    order = ("click", "keys", "own", "later", "hand")
    offered.sort(key=lambda one: (order.index(one.way), one.name.lower()))
    return render_template("start_shop.html", there=there, offered=offered)


@bp.post("/shop/<slug>")
@page("admin", writes="admin")
def own(slug: str) -> ResponseReturnValue:
    """A shop of one's own: it is made at once, and given an address and a secret."""
    suite = current_suite()
    adapter = suite.adapters.get(slug)
    if adapter is None or not _of_shops(adapter) or way(suite, adapter) != "own":
        raise NotFound("adapter")
    made = installing.add(suite, g.person.workspace, slug, "", {}, who=g.person.id)
    flash("good", "start.shop.made")
    return redirect(f"/connections/{made}/proof", 303)


def _of_shops(adapter: Adapter | None) -> bool:
    return adapter is not None and Kind.CART in adapter.manifest.kinds


def way(suite: Suite, adapter: Adapter) -> str:
    """How a person connects it from here."""
    dance = installing.one_click(adapter)
    if dance is not None:
        oauth = dance.manifest.oauth
        ready = oauth is None or bool(suite.settings.vendor_clients.get(oauth.vendor, ("", ""))[0])
        return "click" if ready else "later"
    if isinstance(adapter, TakesKeys):
        return "keys"
    secret = any(isinstance(one, SharedSecret) for one in adapter.manifest.auth)
    if not isinstance(adapter, Pushes) or isinstance(adapter, HandsOver) or not secret:
        return "hand"
    try:
        adapter.configured({})
    except BadInput:
        return "hand"
    return "own"
