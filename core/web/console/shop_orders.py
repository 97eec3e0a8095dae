"""Orders: one message for each status, and the orders with what each person was told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.engine import recipes
from core.storage import shops as stored
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.rules import preview
from core.web.console.session import flash, page
from core.web.console.shops import Place, in_order, place, shown, switched
from core.web.console.words import catalogue, sentence, t

bp = Blueprint("shop_orders", __name__, url_prefix="/shops")
DAYS = 90
LISTED = 20
FINE = "shops.status."


@bp.app_template_filter("status_word")
def status_word(status: str) -> str:
    """A status as people say it; the shop's own word where we know no better one."""
    known = f"{FINE}{status.lower().replace('-', '_')}"
    return t(known) if known in catalogue() else status.replace("-", " ").replace("_", " ")


@bp.route("/<installation>/orders", methods=["GET", "POST"])
@page()
def orders(installation: str) -> ResponseReturnValue:
    """The second recipe: confirmed, shipped, ready; each text on its switch."""
    here = place(installation, Kind.ORDER)
    if request.method == "GET":
        return _page(here, {}, {})
    return switched(here, [Kind.ORDER], f"/shops/{here.id}/orders", "shops.orders.saved", _page)


@bp.post("/<installation>/orders/status")
@page()
def add_status(installation: str) -> ResponseReturnValue:
    """A message for one more status of this shop, switched off at first."""
    here, suite = place(installation, Kind.ORDER), current_suite()
    status = request.form.get("status", "").strip()[:40]
    try:
        with suite.database.write(g.person.workspace) as tx:
            if status not in stored.statuses(tx, here.id, suite.now() - timedelta(days=DAYS)):
                raise BadInput("choice_unknown", pointer="/status", text=status[:20])
            recipes.tell_status(
                tx, here.id, status, t("shops.orders.rule_name", status=status_word(status)),
                t("shops.orders.proposal", number="{{ number }}", status=status_word(status)), suite.now(), g.person.id,
            )  # fmt: skip
        flash("good", "shops.orders.added")
    except BadInput as error:
        flash("bad", "shops.trial.wrong", why=sentence(error.reason))
    return redirect(f"/shops/{here.id}/orders", 303)


def _page(here: Place, wrong: Mapping[str, Reason], typed: Mapping[str, str]) -> ResponseReturnValue:
    suite = current_suite()
    since, wanted = suite.now() - timedelta(days=DAYS), asked.text("status")
    with suite.database.read(g.person.workspace) as tx:
        rules = in_order(here, recipes.of_kinds(tx, here.id, [Kind.ORDER]))
        counts = stored.statuses(tx, here.id, since)
        found = stored.newest(tx, here.id, [Kind.ORDER], since, LISTED, status=wanted)
        around = stored.around(tx, [one.id for one in found])
        names = asked.names(suite, tx).rules
    spoken = {status for row in rules for status in recipes.statuses_of(row)}
    all_told = any(not recipes.statuses_of(row) for row in rules)
    bodies = {row["id"]: typed.get(row["id"], row["body"] or "") for row in rules}
    return shown(
        "shop_orders", here, status=422 if wrong else 200, rules=rules, counts=counts, wrong=wrong, bodies=bodies,
        drafts={row["id"]: preview(bodies[row["id"]], row["class"], {}) for row in rules}, wanted=wanted,
        statuses_of=recipes.statuses_of, untold=[] if all_told else [one for one in counts if one not in spoken],
        orders=[(one, _told(around.messages.get(one.id, []))) for one in found], names=names,
    )  # fmt: skip


def _told(messages: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The messages about an order that left, wait or failed: what was called off is in its story."""
    return [row for row in messages if row["state"] not in ("cancelled", "superseded", "suppressed", "expired")]
