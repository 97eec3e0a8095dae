"""`relance stats`: what connections brought and cost, as `/v1/stats` says it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from core.cli.desk import Desk, command
from core.domain.errors import NotFound
from core.domain.kpi import Kpi, Unit
from core.domain.policy.walltime import local
from core.domain.text.price import Money
from core.engine import kpis, measuring
from core.engine.kpis import Period
from core.storage import house, installations


@command("stats")
@click.option("--installation", "wanted", metavar="ID", help="Only this connection.")
@click.option("--days", type=click.IntRange(1, measuring.MOST_DAYS), default=measuring.DAYS, show_default=True,
              help="So many days until now.")  # fmt: skip
def stats_command(desk: Desk, wanted: str | None, days: int) -> None:
    """What left and what came of it, each figure with its formula; and for shops nudged, clicked, recovered, cost and
    STOP, and what nudging brings against the control group."""
    now: datetime = desk.suite.now()
    with desk.suite.database.read(desk.workspace) as tx:
        rows = installations.listed(tx, desk.suite.vault, desk.suite.public_url)
        found = [row.installation for row in rows if wanted in (None, row.installation.id)]
        if wanted and not found:
            raise NotFound("installation")
        done = [measuring.measure(tx, one.id, one.name, now - timedelta(days=days), now, now) for one in found]
        known = house.workspace(tx, desk.workspace)
        zone = ZoneInfo((known["settings"] if known else house.DEFAULTS)["zone"])
    today = local(now, zone).date()
    only = {"installation": wanted} if wanted else {}
    measured = kpis.measure(desk.suite, desk.workspace, Period(today - timedelta(days=days - 1), today, zone), only)

    def said() -> None:
        desk.table(
            [desk.say("chiffre", "figure"), desk.say("valeur", "value"), desk.say("compté", "counted"),
             desk.say("avant", "before"), desk.say("formule", "formula")],
            [_figure(desk, one, measured.hours) for one in measured.kpis()],
        )  # fmt: skip
        desk.table(
            [desk.say("connexion", "connection"), desk.say("relancés", "nudged"), desk.say("clics", "clicks"),
             desk.say("récupéré", "recovered"), desk.say("sans clic", "without click"), "STOP",
             desk.say("coût", "cost")],
            [_line(desk, one) for one in done],
        )  # fmt: skip
        for one in done:
            said_of = one.as_json(desk.language)["uplift"]
            points = ""
            if said_of["enough"]:
                points = f"{said_of['points']:+} points ({said_of['low']:+} … {said_of['high']:+}). "
            click.echo(f"{one.name} : {points}{said_of['says']['detail']}")

    data = [one.as_json(desk.language) for one in done]
    desk.show({"data": data, "measures": measured.as_json(desk.language)}, said)


def _figure(desk: Desk, one: Kpi, hours: int) -> tuple[Any, ...]:
    def told(value: float | int | None) -> str:
        if value is None:
            return "—"
        if one.formula.unit is Unit.SHARE:
            return f"{100 * value:.1f} %"
        return Money(int(value), one.currency or "").shown(desk.language) if one.currency else str(value)

    counted = "" if one.formula.bottom is None or one.currency else f"{one.top}/{one.bottom or 0}"
    return (one.name, told(one.value), counted, told(one.before), one.says(hours).sentence(desk.language))


def _line(desk: Desk, one: measuring.Measured) -> tuple[Any, ...]:
    total = one.total()
    return (one.name, total.sent, total.clicked, _money(desk, total.recovered_amount) or total.recovered,
            total.ordered_after, total.stops, _money(desk, total.cost) or "0")  # fmt: skip


def _money(desk: Desk, amounts: Any) -> str:
    return ", ".join(Money(amount, currency).shown(desk.language) for currency, amount in sorted(amounts.items()))
