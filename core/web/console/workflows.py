"""Parcours: the workflows over there that ask for messages, and what became of each; the platform's limits; the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from urllib.parse import urlencode

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Limit, Limits
from core.domain.errors import NotFound, RelanceError
from core.domain.reasons import Reason
from core.engine.overview import bounds
from core.engine.tokens import with_token
from core.storage import campaigns_figures
from core.storage.campaigns_figures import Figures
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.asking import mends, of_record, place, said, trouble
from core.web.console.session import page
from core.web.console.words import grouped as _grouped

bp = Blueprint("workflows", __name__, url_prefix="/connections")
PERIODS = (7, 30, 90)
"""Days; 0 is everything that is kept."""
USUAL = 30


@bp.app_template_filter("grouped")
def grouped(count: int) -> str:
    """`12 400`: thousands apart, as people write them."""
    return _grouped(count)


@bp.get("/<installation>/workflows")
@page()
def listed(installation: str) -> ResponseReturnValue:
    """All of them, the one to which somebody came last first."""
    suite, here, days = current_suite(), place(installation), _days()
    since = _since(days)
    with suite.database.read(g.person.workspace) as tx:
        found = campaigns_figures.read(
            tx, installation=here.id, since=bounds(since, asked.here())[0] if since else None)  # fmt: skip
    return render_template(
        "crm_workflows.html", here=here, tab="workflows", found=found, days=days, periods=(*PERIODS, 0),
        behind=_behind(here.id, since), states=_STATES,
    )  # fmt: skip


@bp.get("/<installation>/workflows/<campaign>")
@page()
def one(installation: str, campaign: str) -> ResponseReturnValue:
    """One of them: each figure opens the messages behind it, what went wrong stands by what mends it."""
    suite, here, days = current_suite(), place(installation), _days()
    since, campaign = _since(days), campaign[:40]
    with suite.database.read(g.person.workspace) as tx:
        found = campaigns_figures.read(tx, installation=here.id, campaign=campaign)
        if not found:
            raise NotFound("workflow")
        whole = found[0]
        if since is not None:
            some = campaigns_figures.read(
                tx, installation=here.id, campaign=campaign, since=bounds(since, asked.here())[0])  # fmt: skip
            found = some or [Figures(here.id, campaign, whole.label)]
    figures = found[0]
    return render_template(
        "crm_workflow.html", here=here, tab="workflows", one=figures, last=whole.last, days=days,
        periods=(*PERIODS, 0), behind=_behind(here.id, since), states=_STATES,
        remedies=_by_remedy(figures), of_record=of_record,
    )  # fmt: skip


@bp.get("/<installation>/limits")
@page("editor")
def limits(installation: str) -> ResponseReturnValue:
    """What the platform lets us do, and how much of it is used. Asked of it now."""
    suite, here = current_suite(), place(installation)
    adapter = here.adapter
    if not isinstance(adapter, Limits):
        raise NotFound("page")
    found: tuple[Limit, ...] = ()
    away: tuple[Reason, str] | None = None
    try:
        found = with_token(suite, g.person.workspace, here.id,
                           lambda row: adapter.limits(row.installation, suite.now()))  # fmt: skip
    except RelanceError as error:
        away = trouble(error)
    return render_template("crm_limits.html", here=here, tab="limits", found=found, away=away, in_words=said)


@bp.get("/<installation>/leaving")
@page("admin")
def leaving(installation: str) -> ResponseReturnValue:
    """Before parting: what is taken down over there, what stays, and the history as a file."""
    here = place(installation)
    if not isinstance(here.adapter, Limits):
        raise NotFound("page")
    return render_template(
        "crm_leaving.html", here=here, tab="leaving", removed=[said(one) for one in here.adapter.removed],
        stays=[said(one) for one in here.adapter.stays],
    )  # fmt: skip


_STATES = {
    "planned": campaigns_figures.PLANNED, "sent": campaigns_figures.SENT, "delivered": campaigns_figures.DELIVERED,
    "not_sent": campaigns_figures.NOT_SENT,
}  # fmt: skip


def _behind(installation: str, since: date | None) -> Callable[..., str]:
    """The address of the messages behind a figure."""

    def address(campaign: str, states: str = "", **more: str) -> str:
        named = [str(state) for state in _STATES.get(states, ())]
        pairs = {"installation": installation, "campaign": campaign, "from": since, "state": named, **more}
        return f"/messages?{urlencode({name: value for name, value in pairs.items() if value}, doseq=True)}"

    return address


def _by_remedy(figures: Figures) -> list[tuple[str, int, list[tuple[Reason, int]]]]:
    """(what mends it, how many, the reasons), the most frequent first."""
    grouped: dict[str, list[tuple[Reason, int]]] = {}
    for reason, count in campaigns_figures.ordered(figures.reasons):
        grouped.setdefault(mends(reason), []).append((reason, count))
    found = [(mends, sum(count for _, count in some), some) for mends, some in grouped.items()]
    return sorted(found, key=lambda group: -group[1])


def _days() -> int:
    given = request.args.get("days", "")
    return int(given) if given.isascii() and given.isdigit() and int(given[:4]) in (*PERIODS, 0) else USUAL


def _since(days: int) -> date | None:
    return asked.today(current_suite().now()) - timedelta(days=days - 1) if days else None
