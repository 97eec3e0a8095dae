"""`relance stats`: what connections brought and cost, as `/v1/stats` says it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from core.cli.desk import Desk, command
from core.domain.errors import NotFound
from core.domain.text.price import Money
from core.engine import measuring
from core.storage import installations


@command("stats")
@click.option("--installation", "wanted", metavar="ID", help="Only this connection.")
@click.option("--days", type=click.IntRange(1, measuring.MOST_DAYS), default=measuring.DAYS, show_default=True,
              help="So many days until now.")  # fmt: skip
def stats_command(desk: Desk, wanted: str | None, days: int) -> None:
    """Nudged, clicked, recovered, cost and STOP, and what nudging brings against the control group."""
    now: datetime = desk.suite.now()
    with desk.suite.database.read(desk.workspace) as tx:
        rows = installations.listed(tx, desk.suite.vault, desk.suite.public_url)
        found = [row.installation for row in rows if wanted in (None, row.installation.id)]
        if wanted and not found:
            raise NotFound("installation")
        done = [measuring.measure(tx, one.id, one.name, now - timedelta(days=days), now, now) for one in found]

    def said() -> None:
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

    desk.show({"data": [one.as_json(desk.language) for one in done]}, said)


def _line(desk: Desk, one: measuring.Measured) -> tuple[Any, ...]:
    total = one.total()
    return (one.name, total.sent, total.clicked, _money(desk, total.recovered_amount) or total.recovered,
            total.ordered_after, total.stops, _money(desk, total.cost) or "0")  # fmt: skip


def _money(desk: Desk, amounts: Any) -> str:
    return ", ".join(Money(amount, currency).shown(desk.language) for currency, amount in sorted(amounts.items()))
