"""Mesures: each figure with its formula, its denominator and the period before; and what reminders may bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput
from core.domain.kpi import Kpi, Unit
from core.domain.reasons import Reason
from core.domain.supposing import FEWER_HIGH, FEWER_LOW, SLIDERS, suppose
from core.engine import arranging, attending, kpi_views, kpis
from core.engine.kpis import FILTERS, Measured, Period
from core.storage import campaigns, installations, measures, rules
from core.web.app import current_suite
from core.web.console import asked, charts
from core.web.console.carts_board import interval
from core.web.console.formats import money
from core.web.console.session import page
from core.web.console.words import grouped, language, sentence, t

bp = Blueprint("measures", __name__, url_prefix="/measures")
PERIODS = (7, 30, 90)
BEHIND = {
    "cost": "left", "cost_per_delivered": "delivered", "revenue": "recovered", "revenue_per_thousand": "recovered",
}  # fmt: skip
"""The messages behind a figure that does not bear the name of what is counted."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Messages that left, day by day, beside those of the period before; in units of a drawing."""

    width: int
    height: int
    ground: int
    now: tuple[tuple[float, float, str, date], ...]
    before: tuple[tuple[float, float], ...]
    labels: tuple[tuple[float, str, bool], ...]
    most: int


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """The figures of a period, narrowed as the address says."""
    suite = current_suite()
    wanted, wrong = _period()
    only = {name: given for name in FILTERS if (given := asked.text(name))}
    measured = kpis.measure(suite, g.person.workspace, wanted, only)
    months, counted = kpi_views.cohorts(suite, g.person.workspace, wanted.zone)
    with suite.database.read(g.person.workspace) as tx:
        found = [one.installation for one in installations.listed(tx, suite.vault, suite.public_url)]
        names = {
            "installation": {one.id: one.name for one in found},
            "rule": {row["id"]: row["name"] for row in rules.rows(tx)},
            "campaign": {row["id"]: row["name"] for row in campaigns.rows(tx)},
        }
        choices = measures.choices(tx, wanted.before.first, wanted.last)
        places = kpi_views.delivery(tx, wanted, only)
        soon = kpi_views.answered(tx, wanted, only)
        reminding = attending.reminding(tx, wanted)
        carts = kpi_views.compared(tx, list(names["installation"].items()), wanted, suite.now())
    answer = render_template(
        "measures.html", measured=measured, wanted=wanted, only=only, wrong=wrong, names=names, choices=choices,
        periods=PERIODS, chosen=_chosen(wanted), chart=drawn(measured), places=places, soon=soon, months=months,
        counted=counted, carts=[(one, interval(one.uplift), _honest(one.uplift)) for one in carts],
        reminding=reminding, reminding_line=interval(reminding.uplift),
        value=value, change=change, detail=detail, behind=_behind(wanted, only), named=_named(names), warmth=warmth,
        query=lambda **changes: _query(only, **changes), unit=Unit, now=suite.now(),
    )  # fmt: skip
    return make_response(answer, 422 if wrong else 200)


@bp.post("/window")
@page(writes="admin")
def window() -> ResponseReturnValue:
    """For how long after a message an order is owed to it."""
    try:
        arranging.recovery_window(current_suite(), g.person.workspace, request.form.get("hours", ""), who=g.person.id)
    except BadInput as error:
        return asked.back("/measures", "bad", "measures.window_wrong", most=int(error.reason.values["most"]))
    return asked.back("/measures#window", "good", "settings.saved")


@bp.post("/control")
@page(writes="admin")
def control() -> ResponseReturnValue:
    """How many people a reminder leaves out, to measure what it brings."""
    form = request.form
    try:
        attending.leave_out(
            current_suite(), g.person.workspace, form.get("rule", ""), form.get("percent", ""), who=g.person.id
        )
    except BadInput as error:
        return asked.back("/measures", "bad", "measures.noshow.share_wrong", most=int(error.reason.values["most"]))
    return asked.back("/measures", "good", "measures.noshow.saved")


@bp.get("/simulator")
@page()
def simulator() -> ResponseReturnValue:
    """What reminders may bring: a range over figures that can be moved, begun with the workspace's own."""
    own = kpi_views.own_figures(current_suite(), g.person.workspace)
    given = kpi_views.supposed_values(own, request.args)
    return render_template(
        "measures_simulator.html", own=own, given=given, sliders=SLIDERS, supposed=suppose(given),
        fewer=(round(100 * FEWER_LOW), round(100 * FEWER_HIGH)), number=number,
        changed=set(request.args) & set(SLIDERS),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------- what is asked for


def _period() -> tuple[Period, str | None]:
    """The days of the address: so many until today, or its own two."""
    today, zone = asked.today(current_suite().now()), asked.here()
    first, last = asked.day("from"), asked.day("until")
    days = int(asked.text("days")) if asked.text("days") in {str(one) for one in PERIODS} else 30
    usual = Period(today - timedelta(days=days - 1), today, zone)
    if first is None and last is None:
        return usual, None
    try:
        return kpis.period(first or (last or today) - timedelta(days=days - 1), last or today, zone), None
    except BadInput as error:
        return usual, sentence(error.reason)


def _chosen(wanted: Period) -> int | None:
    """Which of the usual periods it is."""
    is_today = wanted.last == asked.today(current_suite().now())
    return wanted.days if is_today and wanted.days in PERIODS else None


def _query(only: Mapping[str, str], **changes: Any) -> str:
    pairs = {**only, **changes}
    return "/measures?" + urlencode({name: value for name, value in pairs.items() if value})


def _behind(wanted: Period, only: Mapping[str, str]) -> Any:
    def href(name: str, **more: Any) -> str:
        days = {"from": wanted.first, "until": wanted.last, **more}
        return "/messages?" + urlencode({"behind": BEHIND.get(name, name), **days, **only, **_columns(more)})

    return href


def _columns(more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in more.items() if name in FILTERS}


def _named(names: Mapping[str, Mapping[str, str]]) -> Any:
    def name_of(dimension: str, value: str) -> str:
        if dimension in ("channel", "class"):
            return t(f"{dimension}.{value}") if value else "—"
        return names.get(dimension, {}).get(value, value)

    return name_of


# ---------------------------------------------------------------------------------------------- how it is written


def number(value: float, decimals: int = 0) -> str:
    """As people of the page's language write it."""
    whole, _, rest = f"{abs(value):.{decimals}f}".partition(".")
    sign = "−" if value < 0 and float(f"{abs(value):.{decimals}f}") else ""
    return sign + grouped(int(whole)) + (("," if language() == "fr" else ".") + rest if rest else "")


def value(one: Kpi) -> str:
    """A figure; a dash where there is nothing to divide by."""
    if one.value is None:
        return "—"
    if one.formula.unit is Unit.SHARE:
        return t("measures.percent", share=number(100 * one.value, 1))
    if one.formula.unit is Unit.MONEY:
        return money(int(one.value), one.currency or "")
    return grouped(int(one.value))


def detail(one: Kpi) -> str:
    """What it was counted from: numerator and denominator, in words."""
    if one.formula.bottom is None:
        return ""
    top = money(one.top, one.currency or "") if one.formula.unit is Unit.MONEY else grouped(one.top)
    return t("measures.out_of", top=top, bottom=grouped(one.bottom or 0))


def change(one: Kpi) -> str:
    """Against the period before."""
    if one.change is None:
        return t("measures.no_before")
    sign = "+" if one.change > 0 else ""
    key = "measures.points" if one.formula.unit is Unit.SHARE else "measures.more"
    return t(key, change=sign + number(one.change, 1))


def warmth(share: float | None) -> int:
    """0 (nothing to say) to 5 (nearly all delivered): the shade of a cell, whose figure is written in it."""
    if share is None:
        return 0
    return 1 + sum(share >= step for step in (0.5, 0.8, 0.9, 0.97))


def _honest(one: Any) -> Reason:
    if not one.enough:
        return Reason("uplift_not_enough", {"nudged": one.nudged, "control": one.control})
    return Reason("uplift_clear" if one.certain else "uplift_unclear")


def drawn(measured: Measured) -> Lines:
    """Two lines over the same days."""
    wanted, before = measured.period, measured.period.before
    here = [measured.days[day].counts["left"] if day in measured.days else 0 for day in _each(wanted)]
    there = [measured.days_before[day].counts["left"] if day in measured.days_before else 0 for day in _each(before)]
    most = max(*here, *there, 4)
    slot = charts.WIDE / wanted.days
    scale = (charts.HIGH - charts.HEADROOM) / most

    def place(index: int, count: int) -> tuple[float, float]:
        return round((index + 0.5) * slot, 1), round(charts.HIGH - count * scale, 1)

    days = list(_each(wanted))
    every = max(1, wanted.days // 8)
    return Lines(
        charts.WIDE, charts.HIGH + 22, charts.HIGH,
        tuple((*place(index, count), f"{days[index]:%d/%m} : {grouped(count)}", days[index])
              for index, count in enumerate(here)),
        tuple(place(index, count) for index, count in enumerate(there)),
        tuple((round(index * slot, 1), f"{days[index]:%d/%m}", index % (2 * every) == 0)
              for index in range(0, wanted.days, every)),
        most,
    )  # fmt: skip


def _each(wanted: Period) -> list[date]:
    return [wanted.first + timedelta(days=one) for one in range(wanted.days)]
