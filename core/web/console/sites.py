"""A site: what it can set off, the forms that were filled, a trial to one's own phone, and what came of everything."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from core.contract import HandsOver, Offers
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.engine import recipes
from core.storage import shops as stored
from core.web.app import current_suite
from core.web.console.carts_board import fate_of
from core.web.console.rules import preview
from core.web.console.session import page
from core.web.console.shops import Place, in_order, place, shown, switched, tried
from core.web.console.words import t

bp = Blueprint("sites", __name__, url_prefix="/sites")
KINDS = (Kind.FORM, Kind.CONTACT, Kind.CAMPAIGN, Kind.ORDER)
DAYS = 30
LOGGED = 20


@bp.route("/<installation>", methods=["GET", "POST"])
@page()
def site(installation: str) -> ResponseReturnValue:
    """Switches and texts; saved together."""
    here = place(installation, Kind.FORM)
    if request.method == "GET":
        return _page(here, {}, {})
    return switched(here, KINDS, f"/sites/{here.id}", "sites.saved", _page)


@bp.post("/<installation>/trial")
@page()
def trial(installation: str) -> ResponseReturnValue:
    """A message to the phone of the person who tries it: the way from here to there works."""
    here = place(installation, Kind.FORM)
    name = here.row.installation.name.replace("{", "").replace("}", "")[:40]
    return tried(here, t("sites.trial_text", name=name), {}, f"/sites/{here.id}#trial")


def _page(here: Place, wrong: Mapping[str, Reason], typed: Mapping[str, str]) -> ResponseReturnValue:
    suite = current_suite()
    now = suite.now()
    since = now - timedelta(days=DAYS)
    with suite.database.read(g.person.workspace) as tx:
        rules = in_order(here, recipes.of_kinds(tx, here.id, KINDS))
        counts = stored.kinds(tx, here.id, since)
        forms = stored.forms(tx, here.id, now - timedelta(days=365))
        log = stored.newest(tx, here.id, tuple(Kind), since, LOGGED)
        around = stored.around(tx, [one.id for one in log])
    handed = here.adapter.handed(here.row.installation) if isinstance(here.adapter, HandsOver) else {}
    bodies = {row["id"]: typed.get(row["id"], row["body"] or "") for row in rules}
    told = [kind for kind in KINDS if kind in here.adapter.manifest.kinds]
    groups = [(kind, [row for row in rules if row["on"] == kind]) for kind in told]
    return shown(
        "site", here, status=422 if wrong else 200, groups=groups, bodies=bodies, wrong=wrong,
        drafts={row["id"]: preview(bodies[row["id"]], row["class"], _SAMPLE) for row in rules},
        counts={kind: sum(count for (name, _), count in counts.items() if name == kind) for kind in Kind},
        forms=forms, waits_for_code="connection_code" in handed, once=secrets.token_hex(8),
        offers=here.adapter.downloads()[:1] if isinstance(here.adapter, Offers) else (), days=DAYS,
        log=[(one, fate_of(one, around), _last(around.messages.get(one.id, []))) for one in log],
    )  # fmt: skip


def _last(messages: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return messages[-1] if messages else None


_SAMPLE: Mapping[str, Any] = {"title": "Contact", "phone": "06 39 98 00 01", "email": "ana@exemple.fr"}
