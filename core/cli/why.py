"""`relance why`: the ledger's answer about a message, an appointment or a number, also about what never left."""

from __future__ import annotations

from typing import Any

import click

from core.cli.desk import Desk, command
from core.cli.messages import tell
from core.domain.recipients import Recipient
from core.engine import explaining


@command("why")
@click.argument("what", metavar="ID|NUMBER")
def why_command(desk: Desk, what: str) -> None:
    """Say why a message left, or why none did. For a message's or an appointment's id, or a telephone number."""
    suite = desk.suite
    with suite.database.read(desk.workspace) as tx:
        if what.startswith("msg_"):
            found = explaining.message(tx, what, suite.now(), desk.language)
        elif what.startswith("occ_"):
            found = explaining.occasion(tx, what, suite.now(), desk.language)
        else:
            number = Recipient.parse(what, desk.place["country"]).number
            found = explaining.number(tx, number, suite.now(), desk.language)
    desk.show(found, lambda: _said(desk, found))


def _said(desk: Desk, found: dict[str, Any]) -> None:
    for line in found["summary"]:
        click.echo(line)
    for one in found["occasions"]:
        click.echo(f"{one['start'] or ''}  {one['values'].get('title', '')}  {one['id']}".strip())
        for answer in one["answers"]:
            click.echo(f"  {answer['name']}: {answer['sentence']}")
    for message in found["messages"]:
        click.echo("")
        tell(desk, message)
