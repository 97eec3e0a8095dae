"""`relance inbox` and `relance record`: what platforms sent us, reading it again, and showing it to others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from core.cli.desk import Desk, command
from core.contract import Inbound
from core.domain.errors import NotFound
from core.engine import intake, recordings, shown
from core.storage import inbox, installations

_STATES = ("read", "unreadable", "unsupported", "repeated")


@click.group("inbox")
def inbox_command() -> None:
    """Requests that platforms and providers sent."""


@command("list", group=inbox_command)
@click.option("--state", type=click.Choice(_STATES), default=None)
@click.option("--installation", default=None, metavar="ID")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default=None, metavar="ID", help="The last one of the page before.")
def list_inbox(desk: Desk, state: str | None, installation: str | None, limit: int, after: str | None) -> None:
    """List received requests, newest first."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = inbox.listed(tx, state=state, installation=installation, after=after, limit=limit + 1)
    page = rows[:limit]

    def said() -> None:
        desk.table(["id", desk.say("reçue", "received"), desk.say("de", "from"), desk.say("état", "state"),
                    desk.say("problème", "problem")],
                   [(row["id"], desk.local(row["received_at"]), row["adapter"], row["state"],
                     (_entry(desk, row)["trouble"] or {}).get("detail", "")) for row in page])

    desk.show({"data": [_entry(desk, row) for row in page], "has_more": len(rows) > limit,
               "next": page[-1]["id"] if len(rows) > limit else None}, said)


@command("show", group=inbox_command)
@click.argument("inbox_id", metavar="ID")
def show_inbox(desk: Desk, inbox_id: str) -> None:
    """One request as it came."""
    row = _row(desk, inbox_id)
    request = Inbound.read(row["request"])
    answer = {**_entry(desk, row), "method": request.method, "url": request.url,
              "headers": [list(pair) for pair in request.headers], "body": request.body.decode("utf-8", "replace")}

    def said() -> None:
        click.echo(f"{request.method} {request.url}")
        for name, value in request.headers:
            click.echo(f"{name}: {value}")
        click.echo("")
        click.echo(answer["body"])

    desk.show(answer, said)


@command("replay", group=inbox_command, writes=True)
@click.argument("inbox_id", metavar="ID")
def replay(desk: Desk, inbox_id: str) -> None:
    """Read a kept request again, after a fix."""
    row = _row(desk, inbox_id)
    state = row["state"] if desk.dry_run else intake.replay(desk.suite, desk.workspace, inbox_id)
    desk.show({**_entry(desk, _row(desk, inbox_id)), "state": state, "dry_run": desk.dry_run},
              desk.say("Elle serait relue.", "It would be read again.") if desk.dry_run else
              desk.say(f"Relue : {state}.", f"Read again: {state}."))


@command("record")
@click.argument("inbox_id", metavar="INBOX_ID")
def record_command(desk: Desk, inbox_id: str) -> None:
    """Print a received request as a recording, people and secrets masked: for a bug report or a test."""
    row = _row(desk, inbox_id)
    config: Mapping[str, Any] = {}
    with desk.suite.database.read(desk.workspace) as tx:
        known = row["installation"] and installations.get(tx, desk.suite.vault, row["installation"],
                                                          desk.suite.public_url)
    if known:
        config = known.installation.config
    found = recordings.masked(Inbound.read(row["request"]), adapter=row["adapter"], config=config)
    desk.show(found, json.dumps(found, ensure_ascii=False, indent=2))


def _row(desk: Desk, inbox_id: str) -> Mapping[str, Any]:
    with desk.suite.database.read(desk.workspace) as tx:
        row = inbox.get(tx, inbox_id)
    if row is None:
        raise NotFound("inbox entry")
    return row


def _entry(desk: Desk, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"], "adapter": row["adapter"], "installation": row["installation"], "source": row["source"],
        "received_at": shown.moment(row["received_at"]), "state": row["state"], "delivery": row["delivery"],
        "trouble": shown.reason(row["trouble"], desk.language), "replayed_at": shown.moment(row["replayed_at"]),
    }
